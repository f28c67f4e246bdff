"""The history read in two ways, on a sample: as it lies in its tables, and by the pages' own filters.

The walk through the leaves reads entries by their numbers. What pages are shown comes by other ways: an index
that misses rows, a constraint that is not true, or an operator that lies would show them another history. So
some runs of entries, the newest among them, are read from the table itself, with no index and nothing that
lets PostgreSQL pass a row by, and each filter of the pages has to show just the same.
"""

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from access.people import Person
from audit import canonical, filters
from audit.faults import Outcome
from audit.guards import settings_for_now
from audit.models import LogEntry, LogEntryQuerySet, SealedEntry

#: Runs of entries that are read, the newest and some at random, and entries of each, at most.
RUNS, LENGTH = 3, 50
#: Somebody may write between the two readings: so often is a run read again before it is said to differ.
TRIES = 3
#: What the table is read with: row after row, and none passed by for what a constraint says.
ROW_BY_ROW = dict.fromkeys(
    ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan", "enable_partition_pruning"), "off"
) | {"constraint_exclusion": "off", "statement_timeout": "0"}
#: What the pages' queries are asked with: by their indexes, however few rows there are.
BY_INDEX = {"enable_seqscan": "off", "statement_timeout": "0"}
#: Each filter by one value, and the column that it is about.
COLUMNS = filters.COLUMNS | {"customer": "supply_point_number", "story": "cid"}

#: An entry as its columns' values.
Row = dict[str, Any]


def compare(outcome: Outcome) -> None:
    """Notes where the pages' reading of a run of entries differs from the table's."""
    for month, since in _runs():
        chance = random.random()  # asked again, the questions are the same
        differs = _difference(_rows(month, since), random.Random(chance))
        for _again in range(TRIES - 1):
            differs = differs and _difference(_rows(month, since), random.Random(chance))
        if differs:
            outcome.add("pages_differ", **differs)


def _runs() -> Iterator[tuple[str, datetime | None]]:
    """Where runs begin, as a month's table and a time: the newest (None), and some where chance has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, c.oid::regclass::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            r"WHERE i.inhparent = 'audit_logentry'::regclass AND c.relname ~ '^audit_logentry_\d{4}_\d{2}$' "
            "ORDER BY c.relname DESC"
        )
        there = dict(cursor)
    newest = next((month for month in there.values() if _rows(month)), None)
    if newest:
        yield newest, None
    last = SealedEntry.objects.order_by("-position").values_list("position", flat=True).first()
    positions = [random.randint(0, last) for _ in range(RUNS - 1)] if last is not None else []
    for leaf in SealedEntry.objects.filter(position__in=positions):
        month = f"audit_logentry_{timezone.localtime(leaf.timestamp):%Y_%m}"
        if month in there:
            yield there[month], leaf.timestamp


def _rows(month: str, since: datetime | None = None) -> list[Row]:
    """A month's first entries from `since` on, or its newest, by time and number, as they lie in its table."""
    order = "ASC" if since else "DESC"
    with settings_for_now(**ROW_BY_ROW), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {canonical.COLUMNS_SQL} FROM ONLY {month} e "
            f'WHERE %s::timestamptz IS NULL OR e."timestamp" >= %s ORDER BY e."timestamp" {order}, e.id {order} LIMIT %s',
            [since, since, LENGTH],
        )
        rows = [_values(row) for row in cursor]
    return rows if since else rows[::-1]


def _values(row: Sequence[Any]) -> Row:
    """The columns' values as a page's entry has them."""
    values = dict(zip(canonical.COLUMNS, row, strict=True))
    for name in canonical.JSON_COLUMNS:
        with suppress(ValueError):  # such as a number with more digits than Python reads: it stays text
            values[name] = json.loads(values[name]) if values[name] is not None else None
    return values


def _difference(rows: list[Row], chance: random.Random) -> dict[str, Any] | None:
    """What the pages show otherwise of a run: by which filter, and from which entry on; None if nothing."""
    if not rows:
        return None
    run = LogEntry.objects.after((rows[0]["timestamp"], rows[0]["id"] - 1))
    run = run.before((rows[-1]["timestamp"], rows[-1]["id"] + 1))
    with settings_for_now(**BY_INDEX):
        for wanted, fits in _questions(rows, chance):
            should = [row for row in rows if fits(row)]
            shown = _shown(run, wanted, chance.choice(("oldest", "newest")))
            if shown != should:
                both = [*should, *shown]
                odd = next((row for row in both if row not in should or row not in shown), should[0])
                at = timezone.localtime(odd["timestamp"]).isoformat(timespec="seconds")
                # The filter's name and no value: this is read by people who may not know whose it is
                name = filters.FILTERS[next(iter(wanted))] if wanted else _("everything")
                return {"filter": name, "at": at, "entry": odd["id"]}
    return None


def _shown(run: LogEntryQuerySet, wanted: dict[str, Any], order: str) -> list[Row]:
    """What the pages show of the run, oldest first; nothing where they could not read it at all."""
    try:
        found = filters.first_of(filters.fitting(run, wanted), order, most=LENGTH + 1)
    except ValueError:
        return []
    shown = [{name: getattr(entry, name) for name in canonical.COLUMNS} for entry in found]
    return shown if order == "oldest" else shown[::-1]


def _questions(rows: Sequence[Row], chance: random.Random) -> Iterator[tuple[dict[str, Any], Any]]:
    """What pages may ask that some of the rows fit, and whether a row does: all, and each filter once."""
    yield {}, lambda row: True
    for name, column in COLUMNS.items():
        values = sorted({row[column] for row in rows if row[column]})
        if values:
            value = chance.choice(values)
            yield {name: value}, lambda row, column=column, value=value: row[column] == value
    people = {row["actor_id"] for row in rows} | {row["subject_id"] for row in rows}
    known = sorted(Person.objects.filter(pk__in=people - {None}).values_list("pk", "username"))
    if known:
        pk, username = chance.choice(known)
        yield {"person": username}, lambda row: pk in (row["actor_id"], row["subject_id"])
