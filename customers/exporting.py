"""A retailer's own customers as a file: read, written into the history and handed out piece by piece.

Each piece has a transaction of its own, committed before its bytes leave: no log, no data. So a file of
millions needs no more memory than one piece, a slow reader holds nothing up, and whoever may no longer
gets no further piece. What the file was, with its hash, is a decision in the history: the manifest.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.utils import translation

from access import policy
from access.people import Person
from audit import recording
from audit.models import LogEntry
from audit.spreadsheets import harmless
from customers.disclosure import FIELD_LABELS
from customers.models import Customer, Organization

#: Customers in a piece: enough that asking the policy costs little beside writing their entries.
CHUNK = 1000
#: How many past exports are listed.
LISTED = 50


@dataclass(frozen=True)
class Manifest:
    """What a file was: whose customers, how many, which fields, the hash of all its bytes, by whom, when."""

    retailer: str
    rows: int
    columns: tuple[str, ...]
    sha256: str
    by: str
    at: datetime

    def as_json(self) -> str:
        """For a file beside the file; the time in ISO 8601 with its zone."""
        facts = asdict(self) | {"at": self.at.isoformat()}
        return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


@dataclass
class Export:
    """An export that has begun. `rows`: customers handed out so far; `manifest`: once all of them are."""

    person: Person
    retailer: Organization
    columns: tuple[str, ...]
    rows: int = 0
    manifest: Manifest | None = field(default=None)

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the file: a header line, then the customers in the order of their keys.

        To be read outside any transaction. Raises Denied where the person may no longer; what has left
        by then is no whole file, and has no manifest.
        """
        digest, labels, last = sha256(), _labels(self.columns), 0
        with translation.override("ja"):
            piece = "\ufeff".encode() + _lines([[str(FIELD_LABELS[name]) for name in self.columns]])
        while True:
            digest.update(piece)
            yield piece
            rows = self._disclosed_after(last)
            if not rows:
                break
            last = rows[-1]["pk"]
            self.rows += len(rows)
            piece = _lines(
                [harmless(labels[name].get(row[name], row[name])) for name in self.columns] for row in rows
            )
        self.manifest = self._finished(digest.hexdigest())

    def _disclosed_after(self, last: int) -> list[dict[str, Any]]:
        """The next customers, with the allowed columns alone; each disclosure is committed on return."""
        with transaction.atomic(durable=True):
            # Asked anew of the stored person, whose row is locked: who closes the account waits for this
            # piece, and it is the last one
            stored = Person.objects.select_for_update(of=("self",), no_key=True)
            person = stored.select_related("organization").get(pk=self.person.pk)
            basis = policy.basis_for_export(person, self.retailer)
            (scope,) = basis.scopes
            found = Customer.objects.filter(scope.rows(), pk__gt=last).order_by("pk")
            rows = list(found.values("pk", "area__code", *self.columns)[:CHUNK])
            recording.disclosures(
                "customer.exported",
                (
                    recording.Disclosed(
                        customer_id=row["pk"],
                        supply_point_number=row["supply_point_number"],
                        area_code=row["area__code"],
                        fields=frozenset(self.columns),
                    )
                    for row in rows
                ),
                reader=person,
                basis=basis.why,
                inquiry_id=None,
            )
        return rows

    def _finished(self, digest: str) -> Manifest:
        entry = recording.decision(
            "retailer.exported",
            self.retailer,
            actor=self.person,
            basis="export",
            fields=list(self.columns),
            detail={"retailer": self.retailer.name, "rows": self.rows, "sha256": digest},
        )
        return _manifest(entry)


@transaction.atomic
def begin(person: Person, retailer: Organization) -> Export:
    """Begins an export of the retailer's customers; that it began is in the history before its first byte.

    Raises Denied as `policy.basis_for_export` does.
    """
    basis = policy.basis_for_export(person, retailer)
    columns = columns_of(basis)
    recording.decision("retailer.export_begun", retailer, actor=person, basis=basis.why, fields=list(columns))
    return Export(person, retailer, columns)


def columns_of(basis: policy.Basis) -> tuple[str, ...]:
    """The fields that the basis shows, in the order of the table of items."""
    return tuple(name for name in FIELD_LABELS if name in basis.fields)


def past(person: Person) -> list[Manifest]:
    """What was exported of the person's own organisation, latest first. Raises Denied."""
    assert person.organization  # the database's: everybody but the system has one
    policy.basis_for_export(person, person.organization)
    entries = LogEntry.objects.about(person.organization).filter(event="retailer.exported")
    return [_manifest(entry) for entry in entries.newest_first()[:LISTED]]


def _manifest(entry: LogEntry) -> Manifest:
    detail = entry.additional_data
    return Manifest(
        retailer=detail["retailer"],
        rows=detail["rows"],
        columns=tuple(entry.fields),
        sha256=detail["sha256"],
        by=f"{entry.actor_name} ({entry.actor_username})",
        at=entry.timestamp,
    )


def _labels(columns: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """For each column, what its codes read as in Japanese; nothing where it holds no code."""
    codes = {one.name: one.flatchoices for one in Customer._meta.fields}
    with translation.override("ja"):
        return {name: {code: str(label) for code, label in codes[name]} for name in columns}


def _lines(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
