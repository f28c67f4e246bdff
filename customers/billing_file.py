"""The billing side's file of customers: which columns it has, and how it is read.

What its rows hold is `customers.billing_rows`. What is said here of a file names our columns and never the
file's own words: its first row may be a customer.
"""

import codecs
import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterator
from datetime import date
from typing import Any, BinaryIO

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.errors import Unfit
from customers.disclosure import FIELD_LABELS
from customers.models import in_language

#: Field to the names that its column may have. Every file has all of these columns, in any order.
COLUMNS = {
    "supply_point_number": ("供給地点特定番号", "supply_point_number"),
    "area_code": ("エリアコード", "area_code"),
    "name": ("契約名義", "name"),
    "name_kana": ("契約名義カナ", "name_kana"),
    "address": ("供給地点住所", "address"),
    "phone": ("連絡先電話番号", "phone"),
    "voltage": ("供給電圧", "voltage"),
    "retailer_code": ("契約先小売電気事業者コード", "retailer_code"),
    "menu_category": ("規制・自由", "menu_category"),
    "service_menu": ("接続送電サービスメニュー", "service_menu"),
    "contracted_capacity_kva": ("契約容量", "contracted_capacity_kva"),
    "contracted_power_kw": ("契約電力", "contracted_power_kw"),
    "power_factor_percent": ("力率", "power_factor_percent"),
    "fit_started_on": ("固定価格買取制度開始時期", "fit_started_on"),
    "generator_output_kw": ("発電機出力", "generator_output_kw"),
}
#: A column of a month's usage, of which a file may have any: 使用電力量 2025-01, or usage 2025-01.
USAGE = re.compile(r"(?:使用電力量|usage)\s*([0-9]{4})-([0-9]{2})")
USAGE_BEGINS = ("使用電力量", "usage")

LABELS: dict[str, str | Promise] = {
    **FIELD_LABELS,
    "area_code": gettext_lazy("Area code"),
    "retailer_code": gettext_lazy("Retailer code"),
}
CHUNK = 1 << 20
#: Bytes by whose look a file is told to be text.
FIRST = 100


class BillingFile:
    """A file opened for one reading: its header at once, then its rows.

    Raises Unfit for what is no such file: another encoding, no CSV, columns that are missing or twice.
    """

    def __init__(self, file: BinaryIO):
        encoding = encoding_of(file)
        delimiter = delimiter_of(file, encoding)
        file.seek(0)
        self.bytes = Hashed(file)
        text = io.TextIOWrapper(io.BufferedReader(self.bytes, CHUNK), encoding, newline="")
        self._rows = csv.reader(text, strict=True, delimiter=delimiter)
        header = self._next() or []
        self.width = len(header)
        self.places, self.months = _columns([name.strip() for name in header])

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """The rows that are not blank, each with its number."""
        number = 1
        while (row := self._next()) is not None:
            number += 1
            if any(row) and any(cell.strip() for cell in row):
                yield number, row

    def _next(self) -> list[str] | None:
        try:
            return next(self._rows, None)
        except csv.Error as error:
            raise Unfit(_("This is no CSV file: %(why)s.") % {"why": error}, "file") from None


class Hashed(io.RawIOBase):
    """The bytes of a file on their way to its reader, hashed as they pass: the hash is of what was read."""

    def __init__(self, file: BinaryIO):
        self.file, self.sha256, self.count = file, hashlib.sha256(), 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.file.read(len(buffer))
        buffer[: len(data)] = data
        self.sha256.update(data)
        self.count += len(data)
        return len(data)


def encoding_of(file: BinaryIO) -> str:
    """The encoding that fits the whole file. Raises Unfit."""
    file.seek(0)
    begins = file.read(FIRST)
    if begins.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encodings = ["utf-16"]
    elif b"\0" in begins:
        raise Unfit(_("The file is no text, or UTF-16 without its mark: save it as CSV UTF-8."), "file")
    else:
        encodings = ["utf-8-sig", "cp932"]
    for encoding in encodings:
        file.seek(0)
        try:
            for _piece in codecs.iterdecode(iter(lambda: file.read(CHUNK), b""), encoding):
                pass
        except UnicodeDecodeError:
            continue
        return encoding
    raise Unfit(_("The file is neither UTF-8, UTF-16 nor CP932 (Shift JIS): save it as CSV UTF-8."), "file")


def delimiter_of(file: BinaryIO, encoding: str) -> str:
    """What stands between the columns of the first row: a comma, or a tab as spreadsheets write in UTF-16."""
    file.seek(0)
    first = codecs.getincrementaldecoder(encoding)().decode(file.read(CHUNK)).partition("\n")[0]
    return "\t" if "\t" in first and "," not in first else ","


def _columns(header: list[str]) -> tuple[dict[str, int], dict[date, int]]:
    """Where each field and each month stands. Raises Unfit, naming our columns and never the file's words."""
    fields = {name: field for field, names in COLUMNS.items() for name in names}
    places = [(fields[name], at) for at, name in enumerate(header) if name in fields]
    months = [(_month(name), at) for at, name in enumerate(header) if name.startswith(USAGE_BEGINS)]
    columns: list[str | date] = [field for field, _at in places]
    columns += [month for month, _at in months]
    for column, count in Counter(columns).items():
        if count > 1:
            raise Unfit(
                _("The first row names the column “%(name)s” twice.") % {"name": label(column)}, "file"
            )
    missing = [in_language(*names) for field, names in COLUMNS.items() if field not in dict(places)]
    if missing:
        raise Unfit(
            _("The first row does not name these columns: %(names)s.") % {"names": _(", ").join(missing)},
            "file",
        )
    return dict(places), dict(months)


def _month(name: str) -> date:
    try:
        year, month = USAGE.fullmatch(name).groups()  # type: ignore[union-attr]
        return date(int(year), int(month), 1)
    except (AttributeError, ValueError):
        raise Unfit(_("A column of usage names its month like 2025-01."), "file") from None


def label(column: str | date) -> str:
    """What a column is called in the active language."""
    if isinstance(column, date):
        return f"{FIELD_LABELS['monthly_usage']} {column:%Y-%m}"
    return str(LABELS[column])
