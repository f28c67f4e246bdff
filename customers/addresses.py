"""An address in its parts: town, numbers, and what follows (building, room). A part is never run into another.

The grammar is here, with the towns of the postal data (`customers.postal`) for names that hold numerals: 三番町 is no
third block. Its cases are the table of tests/customers/test_addresses.py; docs/adr says which libraries were tried.
"""

import re
from collections import defaultdict
from functools import cache, lru_cache
from typing import NamedTuple

from kanjize import kanji2number

from customers import postal
from customers.normalising import KANJI, characters_of, katakana, with_small_sounds
from customers.variants import DASHES

PREFECTURES = (
    "北海道", "青森県", "岩手県", "宮城県", "秋田県", "山形県", "福島県", "茨城県", "栃木県", "群馬県",
    "埼玉県", "千葉県", "東京都", "神奈川県", "新潟県", "富山県", "石川県", "福井県", "山梨県", "長野県",
    "岐阜県", "静岡県", "愛知県", "三重県", "滋賀県", "京都府", "大阪府", "兵庫県", "奈良県", "和歌山県",
    "鳥取県", "島根県", "岡山県", "広島県", "山口県", "徳島県", "香川県", "愛媛県", "高知県", "福岡県",
    "佐賀県", "長崎県", "熊本県", "大分県", "宮崎県", "鹿児島県", "沖縄県", "訓練県",
)  # fmt: skip
#: Between the parts of a key, and after each number: no text has them once it is normalised.
PART, NUMBER = "|", "-"
#: Characters that prefecture and district take at most, before the municipality's name.
LONGEST_BEFORE = 12
#: What may not stand there: a number, or another municipality, of which this one's name is a town.
_NOT_BEFORE = re.compile("[0-9市町村]")

#: Whatever stands between two digits keeps them apart; a bracket is a blank.
_SIGNS: dict[int, str | None] = dict.fromkeys([*characters_of("P", "S"), *map(ord, DASHES)], "-")
_SIGNS |= dict.fromkeys(characters_of("Ps", "Pe"), " ") | {ord(PART): None}
_AROUND_DASHES = re.compile(" *-[- ]*")
#: Between digits it is a dash that was written as it looks, and never the digit.
_ONE_AS_A_DASH = re.compile("(?<=[0-9])一(?=[0-9])")

_K = "〇一二三四五六七八九十百千"
#: As deeds write numerals: 壱丁目弐番参号. Of a name, as in 参宮通, they are left.
_AS_DEEDS_DO = str.maketrans("壱弐参拾", "一二三十")
_OF_DEEDS = re.compile(f"[{_K}壱弐参拾]+(?= *(?:丁目|丁|番|号|条))")
_DIGITS = str.maketrans("〇一二三四五六七八九", "0123456789")
_N = f"[0-9{_K}]"
#: What makes numerals a number of the address, and no name as in 三番町, 二ノ宮, 一番館, 五号棟.
_IS_NUMBER = f" *丁目| *丁(?=[ノ-]? *{_N}| *$)| *番地| *番(?= *(?:$|{_N}|号|ノ *{_N}|-))| *号(?= *$|[ノ -])|[ノ-] *{_N}"
#: Digits that are a name after all, or a room.
_IS_NAME = "番[町丁街館]|条|号[室棟館]|[室棟階]|f(?![a-z])"
_FIRST = re.compile(f"(?<![0-9])[0-9]++(?!{_IS_NAME})|(?<![{_K}])[{_K}]++(?={_IS_NUMBER})")
#: A later number. What follows 号 or, after a blank, 番 is a room (8番15号101号室, 5番地 101), unless 号 follows it
#: or の says that it belongs to the number before (5番 3号, 5号の2).
_NEXT = re.compile(
    f"(?: *丁目?[ ノ-]*| *(?:番地|番|号)? *[ノ-][ ノ-]*| *(?:番地|番)(?! )| *(?:番地|番) +(?={_N}+ *号(?![室棟館])))"
    f"([0-9]++(?!{_IS_NAME})|[{_K}]++(?={_IS_NUMBER}| *号(?![室棟館])|$| ))"
)
_LAST = re.compile(" *(?P<block>丁目|丁(?![%s]))| *(?:番地|番(?![館街棟町丁])|号(?![室棟館]))" % KANJI)  # noqa: UP031

#: In place of digits' neighbours, until blanks and dashes are gone.
_EDGE = "\0"
_NUMERALS = re.compile(f"[0-9]++|[{_K}]++")
_NOTHING = re.compile("[ -]+")
_AZA = re.compile(f"[大小]字|(?<=[{KANJI}ァ-ヺ])(?<!文)字(?=[{KANJI}ァ-ヺ])")
#: 大通り is 大通; 101号室 is 101; 3階 is 3F.
_OKURIGANA = re.compile(f"(?<=[通割折廻曲渡取])リ(?=$|[{KANJI}])")
_ROOM, _FLOOR = (
    re.compile(f"(?<={_EDGE})(?:号室|号|室)(?!棟|館)"),
    re.compile(f"(?<={_EDGE})(?:階|f(?![a-z]))"),
)
_ROOM_ALONE = re.compile(f"(?:{NUMBER}[0-9]+{NUMBER})+f?")


class Address(NamedTuple):
    """What is said of a place within its municipality; to_house: whether it goes down to a house."""

    town: str
    numbers: tuple[str, ...] = ()
    rest: str = ""
    to_house: bool = False

    def __bool__(self) -> bool:
        return bool(self.town or self.numbers or self.rest)

    @property
    def house(self) -> str:
        """The beginning of a key that says town and numbers, and that more numbers may follow."""
        return f"{self.town}{PART}{''.join(number + NUMBER for number in self.numbers)}"

    @property
    def key(self) -> str:
        return f"{self.house}{PART}{self.rest}"

    @property
    def is_room_alone(self) -> bool:
        """Whether nothing follows the house but the number of a room, or of a floor."""
        return bool(_ROOM_ALONE.fullmatch(self.rest))

    @property
    def length(self) -> int:
        """How many characters are said."""
        return len(f"{self.town}{''.join(self.numbers)}{self.rest}".replace(NUMBER, ""))

    @property
    def middles(self) -> list[str]:
        """What a key holds in its middle that is said of its end: of the town, or of building and room."""
        if not self.numbers:
            return [self.town]
        marked = "".join(f"{NUMBER}{number}{NUMBER}" for number in self.numbers)
        return [self.key if self.rest else self.house, f"{self.town}{marked}{self.rest}"]

    @property
    def less(self) -> list[str]:
        """The keys of the same house with less said of building and room."""
        stops = (match.start() for match in re.finditer(f"{NUMBER}[0-9]+{NUMBER}", self.rest))
        return [f"{self.house}{PART}{self.rest[:stop]}" for stop in sorted({0, *stops})] if self.rest else []


def said(text: str) -> str:
    """An address with one kind of character, dash and blank, and its numerals as they are."""
    words = katakana(text).translate(_SIGNS).split()
    # spaces between all characters say nothing
    text = "".join(words) if len(words) > 2 and all(len(word) == 1 for word in words) else " ".join(words)
    text = _OF_DEEDS.sub(lambda numerals: numerals[0].translate(_AS_DEEDS_DO), text)
    return _ONE_AS_A_DASH.sub("-", _AROUND_DASHES.sub("-", with_small_sounds(text)))


def parse(said: str, *, in_municipality: bool = False) -> Address:
    """The parts of what `said` gave, from the town on.

    in_municipality: it followed a municipality's name, so that numbers alone go down to a house too: some have no towns.
    """
    begins = _end_of_town_with_numerals(said)
    first = _FIRST.search(said[begins:])
    if first is None:
        return Address(text(said))
    numbers, at = [_number(first[0])], begins + first.end()
    while following := _NEXT.match(said, at):
        numbers.append(_number(following[1]))
        at = following.end()
    last = _LAST.match(said, at)
    town, rest = text(said[: begins + first.start()]), text(said[last.end() if last else at :])
    is_block = bool(last and last["block"])
    is_house = len(numbers) > 1 or (len(numbers[0]) > 1 and not is_block)
    return Address(town, tuple(numbers), rest, (bool(town) or in_municipality) and is_house)


def text(said: str) -> str:
    """A town or a building: without blanks and dashes, each number between marks, 大字 and 字 unsaid."""
    kept = _NOTHING.sub("", _NUMERALS.sub(lambda numeral: _marked(numeral[0]), said))
    kept = _FLOOR.sub("f", _ROOM.sub("", _OKURIGANA.sub("", _AZA.sub("", kept))))
    return with_small_sounds(kept).replace(_EDGE, NUMBER)


def key(address: str, municipality: str) -> str:
    """The stored key of an address; municipality: its name, as the area has it."""
    whole = said(address)
    rest = after_municipality(whole, said_municipality(municipality))
    return parse(without_prefecture(whole) if rest is None else rest).key


def after_municipality(said: str, municipality: str) -> str | None:
    """What follows the municipality, both as `said` gave them; None where it is not named."""
    before, found, after = said.partition(municipality)
    is_named = found and len(before) <= LONGEST_BEFORE and not _NOT_BEFORE.search(before)
    if not is_named or (before and f"{before}{found}".endswith(_longer_names(municipality))):
        return None
    return after.lstrip()


def without_prefecture(said: str) -> str:
    return _PREFECTURE.sub("", said)


def without_short_prefecture(said: str) -> str:
    """As `without_prefecture`, also where 県 is not said: 愛媛松山."""
    return _SHORT_PREFECTURE.sub("", said)


def is_town(town: str, code: str) -> bool:
    """Whether a town of the municipality with the code is written so."""
    return town in _towns()[0][code]


def sounding_like(town: str, code: str) -> list[str]:
    """The towns of the municipality with the code that sound as the town does, which is none of its own.

    So is a town found that is known in kanji and said in kana, and no town by the name of another: 窪川 and 久保川
    are both in one municipality.
    """
    towns, readings, sounding = _towns()
    if town in towns[code]:
        return []
    return sorted({found for reading in (town, *readings[town]) for found in sounding[code, reading]})


@lru_cache(4096)
def said_municipality(name: str) -> str:
    """Municipalities repeat even more than names."""
    return said(name)


@lru_cache(4096)
def _longer_names(municipality: str) -> tuple[str, ...]:
    """The municipalities whose names end in this one's: 中土佐町 for 土佐町."""
    names = {said_municipality(re.sub("^.+郡", "", entry["city"])) for entry in postal.entries()}
    return tuple(name for name in names if name != municipality and name.endswith(municipality))


def _number(numeral: str) -> str:
    if not set(numeral) - set("百千"):  # 百番地: what is a number by its place is no name
        return str(kanji2number(numeral))
    return _in_digits(numeral).lstrip("0") or "0"


def _marked(numeral: str) -> str:
    number = _in_digits(numeral)
    return f"{_EDGE}{number.lstrip('0') or '0'}{_EDGE}" if number.isdigit() else number


def _in_digits(numeral: str) -> str:
    """二十四 as 24 and 一二 as 12. What is no number (千, 百十千) stays: it is a name."""
    if not set(numeral) & set("十百千"):
        return numeral.translate(_DIGITS)
    if not set(numeral) - set("百千") or len(numeral) > 9:
        return numeral
    try:
        return str(kanji2number(numeral))
    except ValueError:
        return numeral


def _end_of_town_with_numerals(said: str) -> int:
    """Where the longest town ends that what is said begins with and that has numerals in its name; else 0."""
    if not _NUMERALS.search(said, 0, 2 * _longest()):
        return 0
    places = [at for at, character in enumerate(said[: 2 * _longest()]) if character != " "]
    compact = "".join(said[at] for at in places)
    begins = 2 if compact.startswith("大字") else 0
    for length in range(min(_longest(), len(compact) - begins), 1, -1):
        if compact[begins : begins + length] in _with_numerals() and compact[begins + length :][:1] != "目":
            return places[begins + length - 1] + 1
    return 0


@cache
def _with_numerals() -> frozenset[str]:
    """Towns with numerals in their names, also in digits, but for a name's end: 東2-5 is no 東二."""
    names = {said(town.name) for town in postal.towns() if _NUMERALS.search(town.name)}
    in_digits = {_NUMERALS.sub(lambda numeral: _in_digits(numeral[0]), name) for name in names}
    return frozenset(names | {name for name in in_digits if not name[-1].isdigit()})


@cache
def _longest() -> int:
    return max(map(len, _with_numerals()))


@cache
def _towns() -> tuple[dict, dict, dict]:
    """Towns by code, their readings by town, and towns by code and reading."""
    towns, readings, sounding = defaultdict(set), defaultdict(set), defaultdict(set)
    for town in postal.towns():
        name, kana = text(said(town.name)), text(said(town.kana))
        towns[town.code].add(name)
        readings[name].add(kana)
        sounding[town.code, kana].add(name)
    return towns, readings, sounding


_PREFECTURE = re.compile("^(?:" + "|".join(map(said, PREFECTURES)) + ") *")
_SHORT_PREFECTURE = re.compile(
    "^(?:" + "|".join(f"{name[:-1]}{name[-1]}?" for name in map(said, PREFECTURES)) + ") *"
)
