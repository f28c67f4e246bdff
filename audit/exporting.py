"""What a filter shows of the history as a file: CSV and JSON Lines as they are read, XLSX made by a worker.

A file is read piece by piece, each in a transaction of its own: a file of millions needs no more memory
than one piece, a slow reader holds nothing up, and whoever may no longer gets no further piece. That an
export began is in the history before its first byte leaves; what the file was, with its hash, at its end.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from django.db import connection, models, transaction
from django.utils import translation
from django.utils.translation import ngettext
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from access import policy
from access.errors import Denied, Unfit
from access.people import Person
from audit import filters as by
from audit import lines, recording
from audit.lines import COLUMNS
from audit.models import LogEntry, Mark
from customers.cells import cell

#: Entries in a piece.
CHUNK = 1000
#: What a sheet holds beside its header line. Source: Excel's limit of 1,048,576 rows.
MOST_ROWS = 1_048_575


class Format(models.TextChoices):
    CSV = "csv", "CSV"
    JSONL = "jsonl", "JSON Lines"
    XLSX = "xlsx", "XLSX"


CONTENT_TYPES = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.JSONL: "application/jsonl; charset=utf-8",
    Format.XLSX: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass
class Export:
    """An export that has begun. rows: entries handed out so far; sha256: once all of them are.

    contracts: under which the person could read entries, at the beginning or while a piece was read.
    """

    person: Person
    format: Format
    filters: dict[str, Any]
    bound: Mark
    language: str
    rows: int = 0
    sha256: str = ""
    contracts: set[int] = field(default_factory=set)

    def batches(self) -> Iterator[list[LogEntry]]:
        """The entries, a piece at a time. To be read outside any transaction; raises Denied midway."""
        beyond = None
        while True:
            with transaction.atomic(durable=True):
                # Asked anew of the stored person, whose row is locked: who closes the account waits for
                # this piece, and it is the last one
                stored = Person.objects.select_for_update(of=("self",), no_key=True)
                person = stored.select_related("organization").get(pk=self.person.pk)
                policy.check_may_export_history(person)
                self.contracts |= _reviewed_by(person)
                found = by.shown(person, self.filters, most=CHUNK, beyond=beyond, bound=self.bound)
            if not found:
                return
            self.rows += len(found)
            beyond = found[-1].mark
            yield found

    def pieces(self) -> Iterator[bytes]:
        """The bytes of a CSV or JSON Lines file. Read to the end, they are in the history with their hash."""
        digest = sha256()
        for piece in self._written():
            digest.update(piece)
            yield piece
        self.finish(digest.hexdigest())

    def _written(self) -> Iterator[bytes]:
        write = lines.as_csv if self.format == Format.CSV else lines.as_jsonl
        with translation.override(self.language):
            head = lines.csv_head()
        if self.format == Format.CSV:
            yield head
        for entries in self.batches():
            # Not around the yield: between two pieces the thread speaks what it spoke before
            with translation.override(self.language):
                piece = write(entries)
            yield piece

    def finish(self, digest: str) -> None:
        self.sha256 = digest
        recording.decision(
            "history.exported",
            actor=self.person,
            detail={
                "filters": by.as_json(self.filters),
                "format": self.format.label,
                "rows": self.rows,
                "sha256": digest,
            },
        )

    def as_json(self) -> dict[str, Any]:
        """What a worker needs to go on with it."""
        return {
            "filters": by.as_json(self.filters),
            "bound": by.mark_as_text(self.bound),
            "language": self.language,
            "contracts": sorted(self.contracts),
        }


@transaction.atomic
def begin(person: Person, filters: dict[str, Any], format: Format) -> Export:
    """Begins an export of what the filters show at this moment; that it began is in the history.

    Raises Denied where the person may export nothing.
    """
    policy.check_may_export_history(person)
    begun = recording.decision(
        "history.export_begun",
        actor=person,
        detail={"filters": by.as_json(filters), "format": format.label},
    )
    begun.refresh_from_db(fields=["timestamp"])
    language = translation.get_language() or "ja"
    return Export(person, format, filters, begun.mark, language, contracts=_reviewed_by(person))


def write_workbook(
    person: Person,
    wanted: dict[str, Any],
    progress: Callable[[int, int], None],
    write: Callable[[bytes], Any],
) -> dict[str, Any]:
    """The errand of an XLSX file, begun by `begin`: writes it and returns what it is.

    Raises Unfit where it has more rows than a sheet, and Denied where the person may no longer.
    """
    bound = by.mark_of_text(wanted["bound"])
    assert bound
    export = Export(
        person,
        Format.XLSX,
        by.of_json(wanted["filters"]),
        bound,
        wanted["language"],
        contracts=set(wanted["contracts"]),
    )
    total = _checked_total(export)
    progress(0, total)
    book = Workbook(write_only=True)
    sheet = book.create_sheet("history")
    sheet.freeze_panes = "A2"
    sheet.append([str(name) for name in COLUMNS])
    for entries in export.batches():
        for entry in entries:
            sheet.append([ILLEGAL_CHARACTERS_RE.sub("�", cell(value(entry))) for value in COLUMNS.values()])
        progress(export.rows, total)
    file = _Hashed(write)
    book.save(file)
    export.finish(file.digest.hexdigest())
    return {"rows": export.rows, "sha256": export.sha256, "contracts": sorted(export.contracts)}


class _Hashed:
    """What a zip file is written to from beginning to end, without going back."""

    def __init__(self, write: Callable[[bytes], Any]):
        self.digest = sha256()
        self._write = write

    def write(self, piece: bytes) -> int:
        self.digest.update(piece)
        self._write(piece)
        return len(piece)

    def flush(self) -> None:
        """Nothing waits here."""


def _checked_total(export: Export) -> int:
    """How many rows there will be; raises Unfit where a sheet does not hold them."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '10min'")
        total = by.how_many(export.person, export.filters, most=MOST_ROWS + 1, bound=export.bound)
    if total > MOST_ROWS:
        raise Unfit(
            ngettext(
                "A sheet holds %(most)d row. Take CSV, or narrow the filters.",
                "A sheet holds %(most)d rows. Take CSV, or narrow the filters.",
                MOST_ROWS,
            )
            % {"most": MOST_ROWS}
        )
    return total


def check_may_have(person: Person, outcome: dict[str, Any]) -> None:
    """Raises Denied unless the person may (still) have a file that a worker made for them."""
    policy.check_may_export_history(person)
    for contract in set(outcome["contracts"]) - _reviewed_by(person):
        raise Denied("history_not_yours", contract_id=contract)


def _reviewed_by(person: Person) -> set[int]:
    """The contracts whose entries the person may read."""
    return set(policy.contracts_to_review(person).values_list("pk", flat=True))
