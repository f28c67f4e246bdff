"""A roster from a CSV file: every bad row reported with its number and why, nothing half-imported.

Columns, in any order, by their names in the first row: 利用者ID (or username) and 研修日 (or trained_on;
empty for who is not trained yet). UTF-8, UTF-16 or CP932, as the delegate's spreadsheets write it.
"""

import csv
import io
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from unicodedata import normalize

from auditlog.context import disable_auditlog
from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access import policy
from access.errors import Unfit
from access.models import DelegationContract, Person, Role, RosterEntry
from access.rosters import why_no_training_day
from audit import recording
from customers.billing_file import delimiter_of, encoding_of

COLUMNS = {"username": ("利用者ID", "username"), "trained_on": ("研修日", "trained_on")}
#: The largest file that is taken, and its rows.
MOST_BYTES, MOST_ROWS = 5_000_000, 50_000
BATCH = 1000
_DAY = re.compile("([0-9]{4})[-/年]([0-9]{1,2})[-/月]([0-9]{1,2})日?")


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be imported: its number in the file (the header is 1) and why."""

    number: int
    why: str


@dataclass
class Imported:
    added: int = 0
    trained: int = 0
    unchanged: int = 0
    bad: list[BadRow] = field(default_factory=list)


@dataclass(frozen=True)
class _Row:
    number: int
    username: str
    trained_on: date | None


def read(data: bytes) -> list[dict[str, Any]]:
    """The file's rows as dicts of our column names, each with its "number". Raises Unfit."""
    if len(data) > MOST_BYTES:
        raise Unfit(_("The file is too large: at most 5 MB."), "file")
    file = io.BytesIO(data)
    encoding = encoding_of(file)
    text = data.decode(encoding)
    if "\0" in text:
        raise Unfit(_("It holds a character that is none (NUL)."), "file")
    try:
        source = io.StringIO(text, newline="")
        rows = list(csv.reader(source, strict=True, delimiter=delimiter_of(file, encoding)))
    except csv.Error as error:
        raise Unfit(_("This is no CSV file: %(why)s.") % {"why": error}, "file") from None
    if len(rows) > MOST_ROWS + 1:
        raise Unfit(_("The file has more than %(n)d rows.") % {"n": MOST_ROWS}, "file")
    header = [name.strip() for name in rows[0]] if rows else []
    places = {}
    for ours, names in COLUMNS.items():
        found = [name for name in names if name in header]
        if not found:
            raise Unfit(
                _("The first row names no column “%(name)s”.") % {"name": names[0]},
                "file",
            )
        places[ours] = header.index(found[0])
    return [
        {ours: row[at].strip() if at < len(row) else "" for ours, at in places.items()} | {"number": number}
        for number, row in enumerate(rows[1:], 2)
        if any(cell.strip() for cell in row)
    ]


@transaction.atomic
def load(
    by: Person, contract: DelegationContract, data: bytes, progress: Callable[[int], object] = lambda n: None
) -> Imported:
    """Puts the file's people on the roster and notes their training, or nothing if a row is bad.

    progress: called with how many rows are done. Raises Denied, and Unfit for a file that is none.
    """
    policy.check_may_act(by, "keep a roster", contracts=[contract])
    rows, done = read(data), Imported()  # before the lock, for which whoever grants would wait
    contract = DelegationContract.objects.select_for_update().get(pk=contract.pk)
    people = {
        person.username: person
        for person in Person.objects.filter(username__in=[row["username"] for row in rows])
    }
    good = _checked(rows, people, contract, done.bad)
    if done.bad:
        return done
    entries = {
        entry.person_id: entry
        for entry in RosterEntry.objects.filter(contract=contract, removed_at=None).select_for_update()
    }
    for start in range(0, len(good), BATCH):
        _write(by, contract, good[start : start + BATCH], people, entries, done)
        progress(min(start + BATCH, len(good)))
    with connection.cursor() as cursor:  # whoever declares in the next minute waits for no autovacuum
        cursor.execute("ANALYZE access_person, access_rosterentry")
    return done


def _checked(rows, people: dict[str, Person], contract: DelegationContract, bad: list[BadRow]) -> list[_Row]:
    """The rows that can be imported; what is wrong with the others goes into `bad`."""
    seen: dict[str, int] = {}
    good = []
    for row in rows:
        username, number = row["username"], row["number"]
        why = _why_bad(username, people.get(username), contract)
        trained_on, why_date = _date(row["trained_on"])
        if not why and username in seen:
            why = _("The same person as in row %(number)d.") % {"number": seen[username]}
        seen.setdefault(username, number)
        if why or why_date:
            bad.append(BadRow(number, why or why_date))
        else:
            good.append(_Row(number, username, trained_on))
    return good


def _why_bad(username: str, person: Person | None, contract: DelegationContract) -> str:
    if not username:
        return _("The user's ID is missing.")
    if person is None:
        return _("There is no account “%(name)s”.") % {"name": username[:150]}
    if person.role != Role.CONTRACTOR or person.organization_id != contract.delegate_id:
        return _("“%(name)s” is no contractor of the delegate.") % {"name": username}
    if not person.is_active:
        return _("The account “%(name)s” is closed.") % {"name": username}
    return ""


def _date(text: str) -> tuple[date | None, str]:
    """A day as spreadsheets write it (2026-06-01, 2026/6/1 or 2026年6月1日), and what is wrong with it.

    A year of two digits is refused: it may be of our calendar or of an era.
    """
    if not text:
        return None, ""
    parts = _DAY.fullmatch(normalize("NFKC", text))
    try:
        trained_on = date(*map(int, parts.groups()))  # type: ignore[union-attr]
    except (AttributeError, ValueError, OverflowError):
        return None, _("“%(text)s” is no date: write it like 2026-06-01.") % {"text": text[:30]}
    why = why_no_training_day(trained_on, timezone.localdate())
    return (None, why) if why else (trained_on, "")


def _write(
    by: Person, contract: DelegationContract, rows: list[_Row], people, entries, done: Imported
) -> None:
    new, changed = [], []
    for row in rows:
        entry = entries.get(people[row.username].pk)
        if entry is None:
            new.append(
                RosterEntry(
                    contract=contract, person=people[row.username], trained_on=row.trained_on, added_by=by
                )
            )
        elif row.trained_on and row.trained_on != entry.trained_on:
            entry.trained_on = row.trained_on
            changed.append(entry)
        else:
            done.unchanged += 1
    with disable_auditlog():
        RosterEntry.objects.bulk_create(new)
        RosterEntry.objects.bulk_update(changed, ["trained_on"])
    done.added += len(new)
    done.trained += len(changed)
    names = {person.pk: str(person) for person in people.values()}
    recording.decisions(
        recording.decided(
            event,
            entry,
            actor=by,
            subject_id=entry.person_id,
            contract_id=contract.pk,
            detail={
                "subject": names[entry.person_id],
                "contract": contract.title,
                "trained_on": entry.trained_on.isoformat() if entry.trained_on else "",
            },
        )
        for event, some in (("roster.added", new), ("roster.trained", changed))
        for entry in some
    )
