"""What a caller is looked up by: the words, what they may mean, and whether they mean one household.

Words become conditions on the stored keys, in steps of likeliness: a first step that is likeliest to be
the caller, and later ones for what was said in part. Every step has an index (tests/customers/test_plans.py).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

from django.db.models import Q, Value
from django.db.models.lookups import Exact

from customers import normalising
from customers.models import LastDigits

#: Digits of a whole supply point number, and of a whole phone number.
NUMBER_DIGITS, PHONE_DIGITS = 22, (9, 10, 11)
#: Fewest characters by which a part in the middle is searched: fewer have no trigram.
PART = 3

PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県", "群馬県",
    "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県", "山梨県", "長野県",
    "岐阜県", "静岡県", "愛知県", "三重県", "滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県",
    "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県", "香川県", "愛媛県", "高知県", "福岡県",
    "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県", "訓練県",
)  # fmt: skip

#: Terms to the fields of a customer that they ask of.
ASKS_OF = {
    "supply_point_number": ("supply_point_number",),
    "phone": ("phone",),
    "name": ("name", "name_kana"),
    "address": ("address",),
}

_PREFECTURE = re.compile("^(?:" + "|".join(map(normalising.address, PREFECTURES)) + ")")
#: A town, and after it a house: two numbers joined, or the last one of two digits and more.
_TOWN_AND_HOUSE = re.compile("[^0-9/-].*?(?:[0-9]+-[0-9]+|(?<![0-9-])[0-9]{2,}$)")
_POSTCODE = re.compile("〒?[0-9]{3}-[0-9]{4}")
_ADDRESS_WORD = re.compile("[0-9]|[都道府県市郡町区]$|丁目|番地")
#: How a word begins that goes on with the address before it.
_GOES_ON = re.compile("丁目|番|号|[のノ]$")
_NUMBERS = re.compile("[0-9-]+")


#: What says nothing finds nobody: else the beginning "" would be everybody's.
NOBODY = Q(pk__in=[])


class Step(IntEnum):
    """How well a customer fits, likeliest first."""

    EXACT = 0
    BEGINNING = 1
    TAIL = 2
    PART = 3


@dataclass(frozen=True)
class Place:
    """A municipality as words may name it: its id, and its name as a key."""

    pk: int
    key: str

    @property
    def short(self) -> str:
        """The name without 市, 町 or 村, as people say it."""
        return self.key[:-1]


@dataclass(frozen=True)
class Terms:
    """What is looked up by, as typed; empty means not by this field. All given must match."""

    supply_point_number: str = ""
    phone: str = ""
    name: str = ""
    address: str = ""

    def given(self) -> tuple[str, ...]:
        """The terms that are not empty."""
        return tuple(field.name for field in fields(self) if getattr(self, field.name))

    def asks_of(self) -> frozenset[str]:
        """The fields of a customer that a match would tell something of."""
        return frozenset(field for term in self.given() for field in ASKS_OF[term])

    @property
    def is_whole_key(self) -> bool:
        """Whether a whole number is among the terms: it alone says which customer."""
        return self._is_whole_number or len(normalising.digits(self.phone)) in PHONE_DIGITS

    @property
    def _is_whole_number(self) -> bool:
        return len(normalising.digits(self.supply_point_number)) == NUMBER_DIGITS

    def has_house_number(self, places: Sequence[Place]) -> bool:
        """Whether the address goes down to a house: a town, and a number said as one (四万十 is a name)."""
        says_number = re.search("[0-9]|丁目|番|号", normalising.plain(self.address))
        return bool(says_number and _TOWN_AND_HOUSE.search(self._town(places)))

    def means_one_household(self, places: Sequence[Place]) -> bool:
        """Whether it can be one caller that is meant, and no street, surname or block of numbers.

        A whole number does; two different keys do; an address down to the house does. A prefecture or a
        municipality is no key, and one character of a name is none.
        """
        if self.is_whole_key or self.has_house_number(places):
            return True
        keys = [self.supply_point_number, self.phone, len(normalising.name(self.name)) >= 2]
        keys.append(len(self._town(places)) >= 2)
        return sum(map(bool, keys)) >= 2

    def _town(self, places: Sequence[Place]) -> str:
        """The key of what is said of the town: the least of it, by every way to read the address."""
        said, _whole, named = _read(self.address, places)
        return min([said, *(rest for _place, rest in named)], key=len)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps to search, in their order; digits alone know only one."""
        if self.is_whole_key or not (self.name or self.address):
            return (Step.EXACT,)
        steps = [Step.EXACT, Step.BEGINNING]
        if self.name:
            steps.append(Step.TAIL)
        keys = [normalising.name(self.name)] * bool(self.name)
        keys += [normalising.address(self.address)] * bool(self.address)
        if all(len(key) >= PART for key in keys):
            steps.append(Step.PART)
        return tuple(steps)

    def order(self, step: Step) -> tuple[str, ...]:
        """Columns by which results of a step stand: those of its index, so that no result is sorted."""
        if self.is_whole_key:
            return ("pk",)
        if self.address:
            return ("area_id", "town_key", "pk")
        if self.name:
            column = _NAME_COLUMNS[normalising.is_kana(self.name)][step == Step.TAIL]
            return ("area_id", column, "pk")
        return ("pk",)

    def conditions(self, step: Step, places: Sequence[Place], *, house_alone: bool = False) -> list[Q]:
        """What a customer's keys have to be in the step: a condition for each way to read the address.

        They are searched one after another, for each has an index, and together none has.

        places: the municipalities that an address may name. house_alone: an address is meant down to
        the house, so that 1-8 is not the beginning of 1-80.
        """
        if self.is_whole_key:
            step = Step.BEGINNING  # of the words beside it
        condition = Q()
        if self.supply_point_number:
            condition &= _digits("supply_point_number", self.supply_point_number, (NUMBER_DIGITS,))
        if self.phone:
            condition &= _digits("phone_key", self.phone, PHONE_DIGITS)
        if self.name:
            condition &= _name(self.name, step)
        if not self.address:
            return [condition]
        return [condition & way for way in _ways(self.address, step, places, house_alone=house_alone)]


#: By whether the words are kana: the column of the whole name, and of what follows its first word.
_NAME_COLUMNS = {True: ("kana_key", "kana_tail"), False: ("name_key", "name_tail")}


def _digits(column: str, typed: str, whole: Iterable[int]) -> Q:
    """The whole number, or its last digits, of which the last four have the index."""
    digits = normalising.digits(typed)
    if len(digits) in whole:
        return Q((column, digits))
    if len(digits) < LastDigits.COUNT:
        return NOBODY
    last = Q(Exact(LastDigits(column), Value(digits[-LastDigits.COUNT :])))
    return last if len(digits) == LastDigits.COUNT else last & Q((f"{column}__endswith", digits))


def _name(typed: str, step: Step) -> Q:
    key = normalising.name(typed)
    if not key:
        return NOBODY
    whole, tail = _NAME_COLUMNS[normalising.is_kana(typed)]
    if step == Step.EXACT:
        return Q((whole, key))
    if step == Step.BEGINNING:
        return Q((f"{whole}__startswith", key))
    if step == Step.TAIL:
        return Q((f"{tail}__startswith", key)) & ~Q((tail, ""))
    return Q((f"{whole}__contains", key))


def _ways(typed: str, step: Step, places: Sequence[Place], *, house_alone: bool) -> list[Q]:
    """The ways to read the address: from the municipality where one is named whole, else from the town first."""
    said, whole, named = _read(typed, places)
    ways = [_town(said, step, house_alone=house_alone)] if said and not whole else []
    for place, rest in named:
        if not rest:
            ways.append(Q(area_id=place.pk))
        elif step != Step.PART or len(rest) >= PART:
            ways.append(Q(area_id=place.pk) & _town(rest, step, house_alone=house_alone))
    return ways


def _read(typed: str, places: Sequence[Place]) -> tuple[str, bool, list[tuple[Place, str]]]:
    """The key without the prefecture; whether a municipality is named whole; and what follows each named."""
    key = normalising.address(typed)
    said = _PREFECTURE.sub("", key)
    whole = [
        (place, rest) for place in places if (rest := normalising.without_municipality(key, place.key)) != key
    ]
    if whole:
        return said, True, whole
    short = [(place, said.removeprefix(place.short)) for place in places if said.startswith(place.short)]
    return said, False, short


def _town(key: str, step: Step, *, house_alone: bool) -> Q:
    if step == Step.EXACT:
        return Q(town_key=key)
    if step == Step.PART:
        return Q(town_key__contains=key)
    beginning = Q(town_key__startswith=key)
    if house_alone:
        for more in "0123456789-":
            beginning &= ~Q(town_key__startswith=key + more)
    return beginning


def from_words(text: str, places: Sequence[Place]) -> tuple[Terms, Terms | None]:
    """What one box of words means, and what it may mean instead, where nobody is found.

    Numbers are told by their length; what names a place or ends like one is the address; kana and the
    rest are the name, which may have been a town all the same.
    """
    words = normalising.plain(text).split()
    if len(words) > 1:
        words = [word for word in words if not _POSTCODE.fullmatch(normalising.address(word))]
    if len(words) > 2 and all(len(word) == 1 for word in words):
        words = ["".join(words)]  # spaces between all characters say nothing
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
        if (
            _ADDRESS_WORD.search(word)
            or (address and _GOES_ON.match(word))
            or any(place.key in normalising.address(word) for place in places)
        ):
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


def _number_of(word: str) -> str | None:
    """The term that a word of digits is, or None: a part of an address, or no number."""
    digits = normalising.digits(word)
    if not _NUMBERS.fullmatch(normalising.address(word)) or not digits:
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
    return any(place.short == normalising.address(word) for place in places)
