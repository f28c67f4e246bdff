"""What a row of the billing side's file holds, or what is wrong with it. Nothing here asks the database.

What is reported of a row is its number, the column and why, and nothing that it says: whoever imports
customers sees none of them.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from customers import normalising, stored
from customers.billing_file import COLUMNS, BillingFile, label
from customers.models import Customer
from customers.one_line import NOT_IN_ONE_LINE, ONE_LINE

VOLTAGES = {
    "low": "low",
    "低圧": "low",
    "high": "high",
    "高圧": "high",
    "extra_high": "extra_high",
    "特別高圧": "extra_high",
}
MENU_CATEGORIES = {
    "regulated": "regulated",
    "規制": "regulated",
    "規制メニュー": "regulated",
    "free": "free",
    "自由": "free",
    "自由メニュー": "free",
}
PHONE_DIGITS = range(9, 12)
#: As many has a phone number whose third digit is 0 (090, 050, 0800). Source: the numbering plan of the Ministry
#: of Internal Affairs and Communications. 087-821-0001/2 is two numbers of a household.
MOST_DIGITS = 11
#: The largest kWh of a month: what the column holds.
MOST_KWH = 2_147_483_647

#: The key to the field that it is made from, which is what a person can mend.
MADE_FROM = {
    "phone_key": "phone",
    "kana_key": "name_kana",
    "kana_tail": "name_kana",
    "name_key": "name",
    "name_tail": "name",
    "town_key": "address",
}
LONGEST = {field.name: field.max_length for field in Customer._meta.fields if field.max_length}
KEY_LIMITS = tuple((name, LONGEST[name]) for name in stored.Keys._fields)
#: The values of a good row, by column of the customers' table; its usage follows them.
VALUES = (
    "supply_point_number", "area_id", "name", "name_kana", "address", "phone", "voltage", "retailer_id",
    "menu_category", "service_menu", "contracted_capacity_kva", "contracted_power_kw",
    "power_factor_percent", "fit_started_on", "generator_output_kw", *stored.Keys._fields,
)  # fmt: skip

_NUMBER = re.compile("[0-9]{22}")
_DECIMAL = re.compile(r"[0-9]{1,8}(?:\.[0-9])?")
_WHOLE = re.compile("[0-9]{1,10}")
_DATE = re.compile("([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")


@dataclass(frozen=True)
class BadRow:
    """What is wrong with a row: its number in the file (the header is 1), the column, and why.

    The column is empty where it is the whole row. None of it is a customer's.
    """

    number: int
    column: str
    why: str


@dataclass(frozen=True)
class Books:
    """What a row may name: areas as (id, name) by code, codes of training areas, retailers' ids by code."""

    areas: dict[str, tuple[int, str]]
    training: frozenset[str]
    retailers: dict[str, int]


class Wrong(ValueError):
    """Why a cell cannot be taken."""


class Judge:
    """Says of each row what it holds, or what is wrong with it."""

    def __init__(self, file: BillingFile, books: Books):
        self.width, self.books = file.width, books
        self.number_at = file.places["supply_point_number"]
        as_stored = [(field, file.places[field]) for field in COLUMNS]
        self.checks = [(field, at, self._check(field)) for field, at in as_stored]
        self.months = list(file.months.items())

    def _check(self, field: str) -> Callable[[str], Any]:
        """The function that turns the field's cell into a value, or raises Wrong."""
        checks: dict[str, Callable[[str], Any]] = {
            "supply_point_number": _supply_point_number,
            "area_code": self._area,
            "phone": _phone,
            "voltage": _known(VOLTAGES, "voltage"),
            "menu_category": _known(MENU_CATEGORIES, "menu_category"),
            "retailer_code": _known(self.books.retailers, "retailer_code"),
            "power_factor_percent": _percentage,
            "fit_started_on": _date,
        }
        if field in checks:
            return checks[field]
        return _decimal if field.endswith(("_kva", "_kw")) else _text(LONGEST[field])

    def judge(self, number: int, row: list[str]) -> tuple[list | None, list[BadRow]]:
        """The values of VALUES and the usage, or None; and what is wrong, which then is not empty."""
        if len(row) != self.width:
            why = _("The row has %(count)d cells, and the first row %(width)d.")
            return None, [BadRow(number, "", why % {"count": len(row), "width": self.width})]
        values, bad = [], []
        for field, at, check in self.checks:
            try:
                values.append(check(row[at].strip()))
            except Wrong as wrong:
                bad.append(BadRow(number, label(field), str(wrong)))
        usage = self._usage(number, row, bad)
        if bad:
            return None, bad
        values[1], municipality = values[1]
        keys = stored.keys(
            name=values[2], name_kana=values[3], address=values[4], phone=values[5], municipality=municipality
        )
        for key, (name, longest) in zip(keys, KEY_LIMITS, strict=True):
            if len(key) > longest:
                bad.append(BadRow(number, label(MADE_FROM[name]), _too_long(longest)))
        return (None, bad) if bad else ([*values, *keys, usage], bad)

    def number_of(self, row: list[str]) -> str | None:
        """The supply point number of a row that may be bad otherwise."""
        try:
            return _supply_point_number(row[self.number_at].strip()) if len(row) == self.width else None
        except Wrong:
            return None

    def _usage(self, number: int, row: list[str], bad: list[BadRow]) -> str | None:
        """The months' kWh as PostgreSQL writes an array; None where the row has none."""
        if not self.months:
            return None
        found, some = [], False
        for month, at in self.months:
            try:
                kwh = _kwh(row[at])
            except Wrong as wrong:
                bad.append(BadRow(number, label(month), str(wrong)))
                continue
            some = some or kwh is not None
            found.append(kwh or "NULL")
        return f"{{{','.join(found)}}}" if some else None

    def _area(self, text: str) -> tuple[int, str]:
        area = self.books.areas.get(text)
        if area:
            return area
        if text in self.books.training:
            raise Wrong(_("This is a training area, whose customers are made up."))
        raise Wrong(_("No service area has this code.") if text else _missing())


def _missing() -> str:
    return _("It is missing.")


def _too_long(longest: int) -> str:
    return _("It is too long: at most %(count)d characters, also as it is searched by.") % {"count": longest}


def _known(table: Mapping[str, Any], field: str) -> Callable[[str], Any]:
    """A check for words of a table, which gives what the table has for them."""

    def check(text: str) -> Any:
        try:
            return table[text]
        except KeyError:
            raise Wrong(_unknown(field) if text else _missing()) from None

    return check


def _unknown(field: str) -> str:
    return {
        "voltage": _("This is no supply voltage: low, high or extra_high, or the word for it."),
        "menu_category": _("This is neither regulated nor free."),
        "retailer_code": _("No retailer has this code."),
    }[field]


def _text(longest: int) -> Callable[[str], str]:
    """A check for words: there, of one line, no longer than the column."""

    def check(text: str) -> str:
        if not text:
            raise Wrong(_missing())
        if "\0" in text:
            raise Wrong(_("It holds a character that is none (NUL)."))
        if NOT_IN_ONE_LINE.search(text):
            raise Wrong(str(ONE_LINE))
        if len(text) > longest:
            raise Wrong(_too_long(longest))
        return text

    return check


_phone_text = _text(LONGEST["phone"])


def _supply_point_number(text: str) -> str:
    number = text.replace("-", "")
    if not _NUMBER.fullmatch(number):
        raise Wrong(_("A supply point number has 22 digits."))
    return number


def _phone(text: str) -> str:
    number, lost_its_zero = normalising.dialled(_phone_text(text))
    if len(number) not in PHONE_DIGITS:
        raise Wrong(_("A phone number has 9 to 11 digits."))
    if len(number) == MOST_DIGITS and number.startswith("0") and number[2] != "0":
        raise Wrong(
            _("Only a number that begins like 090 or 050 has 11 digits: write one number, and no second one.")
        )
    if lost_its_zero:
        raise Wrong(
            _(
                "A phone number begins with 0, which a spreadsheet drops: make the column text, and export again."
            )
        )
    return text


@lru_cache(65_536)
def _decimal(text: str) -> str | None:
    if text and not _DECIMAL.fullmatch(text):
        raise Wrong(_("This is no number from 0 to 99999999.9 with one decimal place at most."))
    return text or None


@lru_cache(1024)
def _percentage(text: str) -> str | None:
    if text and not (_WHOLE.fullmatch(text) and int(text) <= 100):
        raise Wrong(_("This is no whole number from 0 to 100."))
    return text or None


@lru_cache(65_536)
def _kwh(cell: str) -> str | None:
    text = cell.strip()
    if text and not (_WHOLE.fullmatch(text) and int(text) <= MOST_KWH):
        raise Wrong(_("This is no whole number from 0 to %(most)d.") % {"most": MOST_KWH})
    return text or None


@lru_cache(65_536)
def _date(text: str) -> str | None:
    if not text:
        return None
    try:
        return date(*map(int, _DATE.fullmatch(text).groups())).isoformat()  # type: ignore[union-attr]
    except (AttributeError, ValueError):
        raise Wrong(_("This is no date: write it like 2026-06-01.")) from None
