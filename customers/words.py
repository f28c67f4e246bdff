"""What one box of words means: numbers, an address and a name are told apart by how they look."""

import re
from collections.abc import Sequence
from dataclasses import replace

from customers import addresses, normalising
from customers.models import LastDigits
from customers.terms import NUMBER_DIGITS, PHONE_DIGITS, Place, Terms

_POSTCODE = re.compile("〒?-?[0-9]{3}-[0-9]{4}")
_ADDRESS_WORD = re.compile("[0-9]|[都道府県市郡町区]$|丁目|番地")
#: How a word begins that goes on with the address before it, and one that ends as buildings do.
_GOES_ON = re.compile("丁目|番|号|[のノ]$")
_BUILDING = re.compile(
    "(?:ビル|ビルディング|ハイツ|コ-ポ|マンション|アパ-ト|メゾン|レジデンス|ハイム|タワ-|センタ-|..[荘館棟])$"
)
_NUMBERS = re.compile("[0-9-]+")
#: What is said before a phone number and after it, and is no word of its own.
_PHONE_WORD = re.compile(
    r"^(?:tel|fax|電話|電話番号|携帯|携帯電話|でんわ|けいたい|℡)[:.]?$|^(?:内線?|ext\.?)[:.]?[0-9]*$",
    re.IGNORECASE,
)
_PHONE = re.compile(
    r"(?:(?:tel|fax|電話|電話番号|携帯|携帯電話)[:.]?)?[+0-9().-]*[0-9][+0-9().-]*(?:\(?内線?[0-9]+\)?)?",
    re.IGNORECASE,
)
#: A number with blanks in it has so many words at most.
_MOST_WORDS = 8


def from_words(text: str, places: Sequence[Place]) -> tuple[Terms, Terms | None]:
    """What one box of words means, and what it may mean instead, where nobody is found.

    Numbers are told by their length; what names a place or ends like one is the address; kana and the
    rest are the name, which may have been a town all the same.
    """
    words = normalising.plain(text).split()
    if len(words) > 1:
        words = [word for word in words if not _POSTCODE.fullmatch(addresses.said(word))]
    if len(words) > 2 and all(len(word) == 1 for word in words):
        words = ["".join(words)]  # spaces between all characters say nothing
    words = _with_whole_numbers(words)
    numbers: dict[str, str] = {}
    address: list[str] = []
    name: list[str] = []
    short: list[str] = []
    house = ""
    said: list[str] = []  # all but the numbers, in the order that they were said
    for i, word in enumerate(words):
        if term := _number_of(word):
            numbers[term] = word
            if len(word) == LastDigits.COUNT and address and words[i - 1] == address[-1]:
                house = word
            continue
        said.append(word)
        following = words[i + 1] if i + 1 < len(words) else ""
        if _is_of_an_address(word, places, goes_on=bool(address)):
            address.append(word)
        elif _says_place_short(word, places) and _ADDRESS_WORD.search(following):
            address.append(word)
            short.append(word)
        else:
            name.append(word)
    terms = Terms(**numbers, address=" ".join(address), name="".join(name))
    if house:  # 高松市山田 1234 may be the last digits of a phone, or the house
        return terms, replace(terms, phone="", address=f"{terms.address} {house}")
    if short:  # 三好 高松市番町 is a person in 番町, if it is no place in 三好市
        rest = " ".join(word for word in address if word not in short)
        return terms, replace(terms, name="".join(short + name), address=rest)
    if normalising.is_kana(terms.name) or not said or address == said:
        return terms, None
    return terms, replace(terms, name="", address=" ".join(said))


def _is_of_an_address(word: str, places: Sequence[Place], *, goes_on: bool) -> bool:
    """Whether the word is of an address; goes_on: words of one stand before it."""
    if _ADDRESS_WORD.search(word):
        return True
    said = addresses.said(word)
    return (goes_on and bool(_GOES_ON.match(word) or _BUILDING.search(said))) or any(
        place.key in said for place in places
    )


def _with_whole_numbers(words: list[str]) -> list[str]:
    """The words, with a number that was said in several as one: 087 899 0109, TEL (087) 899-0109."""
    found, i = [], 0
    words = [word for word in words if not _PHONE_WORD.match(word)]
    while i < len(words):
        n, number = next(
            ((n, one) for n in range(_MOST_WORDS, 0, -1) if (one := _whole(words[i : i + n]))), (1, "")
        )
        found.append(number or words[i])
        i += n
    return found


def _whole(words: list[str]) -> str:
    """The digits of the supply point or phone number that the words are together, or nothing."""
    if not words or not all(_PHONE.fullmatch(word) for word in words):
        return ""
    together = "".join(words)
    if len(digits := normalising.digits(together)) == NUMBER_DIGITS:
        return digits
    number = normalising.phone(together)
    begins = "+" in words[0] or normalising.digits(words[0]).startswith("0")
    return number if begins and len(number) in PHONE_DIGITS and number.startswith("0") else ""


def _number_of(word: str) -> str | None:
    """The term that a word of digits is, or None: a part of an address, or no number."""
    digits = normalising.digits(word)
    if not _NUMBERS.fullmatch(addresses.said(word)) or not digits:
        return None
    if len(digits) == NUMBER_DIGITS or (len(digits) > max(PHONE_DIGITS) and digits == word):
        return "supply_point_number"
    if len(digits) in PHONE_DIGITS and digits.startswith("0"):
        return "phone"
    if digits == word and len(digits) == LastDigits.COUNT:
        return "phone"
    return None


def _says_place_short(word: str, places: Sequence[Place]) -> bool:
    """Whether the word is a municipality without its 市, 町 or 村; it may be a surname, too."""
    return any(place.short == addresses.said(word) for place in places)
