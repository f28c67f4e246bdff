"""Customers from the billing side's file: staged, checked against what is there, put in by one statement each.

All of it is one transaction: after a crash, or with a bad row, everything is as it was. Nothing is ever
deleted, and the same file a second time changes nothing. The history keeps one entry with the file's
hash and the counts, and no customer's item.

Whoever imports sees no customer, and learns of none: what is counted is the file's rows, put in or bad.
How many were new, changed or as they were would say of a guessed row whether it is true.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import BinaryIO

from django.db import connection, transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import policy
from access.errors import Unfit
from access.people import Person, Role
from audit import recording
from customers import indexes
from customers.billing_file import BillingFile, label
from customers.billing_rows import VALUES, BadRow, Books, Judge
from customers.models import Customer, MonthlyUsage, Organization, ServiceArea

#: How often the progress is told, in rows.
TOLD_EVERY = 2_000
CUSTOMERS, USAGE = Customer._meta.db_table, MonthlyUsage._meta.db_table
CHANGING = tuple(column for column in VALUES if column != "supply_point_number")

#: With the types and collations of the customers' own columns, and gone with the transaction.
STAGE = f"""
CREATE TEMPORARY TABLE staged ON COMMIT DROP AS
SELECT 0::integer AS row, {", ".join(VALUES)}, NULL::integer[] AS usage FROM {CUSTOMERS} WITH NO DATA
"""

#: Rows whose number stands elsewhere in the file, each with such a place: which of them is right, nobody knows.
TWICE = """
SELECT row, coalesce(before, after) FROM (
  SELECT row, lag(row) OVER numbers AS before, lead(row) OVER numbers AS after
  FROM staged WHERE supply_point_number IS NOT NULL
  WINDOW numbers AS (PARTITION BY supply_point_number ORDER BY row)
) AS placed WHERE before IS NOT NULL OR after IS NOT NULL ORDER BY row
"""

#: Rows that would make a customer of a drill into a real one.
MADE_UP = """
SELECT s.row FROM staged s JOIN customers_customer c USING (supply_point_number)
JOIN customers_servicearea a ON a.id = c.area_id WHERE a.is_training ORDER BY s.row
"""

#: Only what is new or different is touched: ON CONFLICT alone would lock, and so write, every other row too.
UPSERT = f"""
INSERT INTO {CUSTOMERS} (supply_point_number, {", ".join(CHANGING)})
SELECT s.supply_point_number, {", ".join(f"s.{column}" for column in CHANGING)}
FROM staged s LEFT JOIN {CUSTOMERS} c USING (supply_point_number)
WHERE c.id IS NULL
  OR ({", ".join(f"c.{column}" for column in CHANGING)})
    IS DISTINCT FROM ({", ".join(f"s.{column}" for column in CHANGING)})
ON CONFLICT (supply_point_number)
DO UPDATE SET {", ".join(f"{column} = excluded.{column}" for column in CHANGING)}
"""

UPSERT_USAGE = f"""
WITH used AS (
  SELECT c.id AS customer_id, u.month, u.kwh
  FROM staged s JOIN {CUSTOMERS} c USING (supply_point_number)
  CROSS JOIN LATERAL unnest(%s::date[], s.usage) AS u (month, kwh)
  WHERE u.kwh IS NOT NULL
)
INSERT INTO {USAGE} (customer_id, month, kwh)
SELECT customer_id, month, used.kwh FROM used LEFT JOIN {USAGE} m USING (customer_id, month)
WHERE m.kwh IS DISTINCT FROM used.kwh
ON CONFLICT (customer_id, month) DO UPDATE SET kwh = excluded.kwh
"""


@dataclass
class Imported:
    """What came of a file: its hash, and counts of its rows. Nothing of what was there before."""

    sha256: str = ""
    rows: int = 0
    skipped: int = 0
    is_done: bool = False

    @property
    def stored(self) -> int:
        """Rows that the portal now holds as the file says."""
        return self.rows - self.skipped if self.is_done else 0


@dataclass
class _Reports:
    """Passes on what is wrong, and remembers in which rows."""

    to: Callable[[BadRow], object]
    rows: set[int] = field(default_factory=set)

    def __call__(self, bad: BadRow) -> None:
        self.rows.add(bad.number)
        self.to(bad)


@transaction.atomic
def load(
    by: Person,
    file: BinaryIO,
    name: str,
    *,
    skip_bad: bool = False,
    most: int | None = None,
    report: Callable[[BadRow], object] = lambda bad: None,
    progress: Callable[[int], object] = lambda done: None,
) -> Imported:
    """Puts the file's customers in: all of them or, unless bad rows are skipped, none.

    Parameters
    ----------
    by
        Who imports: an administrator, or the system for whoever runs the command on its machine.
    file, name
        The file, which can be read again from its start, and what it is called.
    skip_bad
        Leave bad rows out and import the good ones.
    most
        The most rows that are taken here.
    report
        Called with each thing that is wrong, as it is found.
    progress
        Called with how many bytes of the file are read.

    Returns what came of it; `is_done` is False where bad rows kept everything out. Raises Denied, and
    Unfit for a file that is none.
    """
    if by.role != Role.SYSTEM:
        policy.check_may(by, "customers.import_customers")
    billing, done, reports = BillingFile(file), Imported(), _Reports(report)
    with connection.cursor() as cursor:
        # No statement here is a page's. Foreign keys are checked statement by statement, not in the end.
        cursor.execute(
            "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
            "SET LOCAL idle_in_transaction_session_timeout = 0"
        )
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(STAGE)
        _stage(cursor, billing, done, reports, most, progress)
        # A second import waits here, and then finds the customers of the first; lookups go on
        cursor.execute(f"LOCK TABLE {CUSTOMERS}, {USAGE} IN SHARE ROW EXCLUSIVE MODE")
        _check_against_what_is_there(cursor, reports)
        done.skipped, done.is_done = len(reports.rows), skip_bad or not reports.rows
        if done.is_done:
            _put_in(cursor, billing)
            _write_down(by, name, done)
        cursor.execute("DROP TABLE staged")
    return done


def _stage(
    cursor, billing: BillingFile, done: Imported, reports: _Reports, most: int | None, progress
) -> None:
    """Copies the good rows into the stage, and of bad ones the number, for it may stand twice."""
    judge = Judge(billing, _books())
    with cursor.copy(f"COPY staged (row, {', '.join(VALUES)}, usage) FROM STDIN") as copy:
        nothing = (None,) * len(VALUES)
        for number, row in billing.rows():
            done.rows += 1
            if most is not None and done.rows > most:
                raise Unfit(_too_many(most), "file")
            values, bad = judge.judge(number, row)
            if values:
                copy.write_row((number, *values))
            else:
                for one in bad:
                    reports(one)
                copy.write_row((number, judge.number_of(row), *nothing))
            if not done.rows % TOLD_EVERY:
                progress(billing.bytes.count)
    progress(billing.bytes.count)
    if not done.rows:
        raise Unfit(_("The file has no rows."), "file")
    done.sha256 = billing.bytes.sha256.hexdigest()


def _too_many(most: int) -> str:
    return ngettext(
        "The file has more than %(n)d row: whoever runs the portal imports it with manage.py import_customers.",
        "The file has more than %(n)d rows: whoever runs the portal imports it with manage.py import_customers.",
        most,
    ) % {"n": most}


def _books() -> Books:
    """The areas and retailers that rows may name."""
    areas = list(ServiceArea.objects.all())
    kinds = (Organization.Kind.AFFILIATE_RETAILER, Organization.Kind.RETAILER)
    retailers = Organization.objects.filter(kind__in=kinds).values_list("code", "pk")
    return Books(
        areas={area.code: (area.pk, area.name) for area in areas if not area.is_training},
        training=frozenset(area.code for area in areas if area.is_training),
        retailers={code: pk for code, pk in retailers if code},
    )


def _check_against_what_is_there(cursor, reports: _Reports) -> None:
    """Reports rows that contradict one another or a drill, and takes all bad ones off the stage."""
    cursor.execute("ANALYZE staged")
    cursor.execute(TWICE)
    number = label("supply_point_number")
    for row, other in cursor.fetchall():
        reports(BadRow(row, number, _("The same number as in row %(number)d.") % {"number": other}))
    cursor.execute(MADE_UP)
    for (row,) in cursor.fetchall():
        reports(BadRow(row, number, _("This number is a training area's made-up customer's.")))
    if reports.rows:
        cursor.execute("DELETE FROM staged WHERE row = ANY(%s)", [list(reports.rows)])


def _put_in(cursor, billing: BillingFile) -> None:
    # Where there is no customer yet, there is nobody to look up meanwhile
    is_first = not Customer.objects.exists()
    with indexes.built_afterwards() if is_first else nullcontext():
        cursor.execute(UPSERT)
        if billing.months:
            cursor.execute(UPSERT_USAGE, [list(billing.months)])
    if is_first:
        cursor.execute(f"ANALYZE {CUSTOMERS}, {USAGE}")


def _write_down(by: Person, name: str, done: Imported) -> None:
    """One entry: the file's name and hash, and counts."""
    recording.decision(
        "customers.imported",
        actor=by,
        detail={
            # what PostgreSQL's JSON cannot hold (NUL) and nobody reads (a name without end) is left out
            "file": name.replace("\0", "�")[:255],
            "sha256": done.sha256,
            "rows": done.rows,
            "skipped": done.skipped,
        },
    )
