"""Loading the demo: everything in one transaction, customers and usage by COPY, and one line of history."""

from collections.abc import Callable, Iterator
from itertools import chain, islice

from django.conf import settings
from django.db import connection, transaction

from access.models import Person
from audit import recording
from audit.acting import as_person
from customers import indexes, stored
from customers.demo import accounts, known, places, training
from customers.demo.accounts import Accounts
from customers.demo.rows import Row, rows
from customers.demo.supply import LAST_MONTH, year_to
from customers.models import Customer, MonthlyUsage, Organization

#: Customers at a time: one COPY ends before the next, of their usage, begins.
BATCH = 20_000

COLUMNS = (
    "id", "supply_point_number", "area_id", "name", "name_kana", "address", "phone", "voltage",
    "retailer_id", "menu_category", "service_menu", "contracted_capacity_kva", "contracted_power_kw",
    "power_factor_percent", "fit_started_on", "generator_output_kw",
    *stored.Keys._fields,
)  # fmt: skip


class NotEmpty(Exception):
    """The database holds what is not the demo's to add to."""


class NotForDemo(Exception):
    """The portal is not a demo: published passwords have no place in it."""


def check_is_demo() -> None:
    """Raises NotForDemo unless PORTAL_DEMO is set."""
    if not settings.DEMO:
        raise NotForDemo("Demo data, with published passwords, are loaded only where PORTAL_DEMO=1 is set.")


def has_customers() -> bool:
    return Customer.objects.exists()


def check_is_empty() -> None:
    """Raises NotEmpty when there are customers or organisations."""
    if has_customers():
        raise NotEmpty("There are customers already: demo data go into an empty database.")
    if Organization.objects.exists():
        raise NotEmpty("There are organisations already: demo data go into an empty database.")


def load(
    count: int,
    progress: Callable[[int], object] = lambda done: None,
    indexed: Callable[[int], object] = lambda done: None,
) -> None:
    """Loads `count` customers and all that they need, or nothing at all.

    Parameters
    ----------
    count
        How many customers, the known ones among them, which are always there.
    progress
        Called after each batch with how many customers are written.
    indexed
        Called after each index with how many of `indexes.OF_SEARCHES` are built.

    Raises
    ------
    NotForDemo, NotEmpty
        Before anything is written.
    """
    check_is_demo()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        # No statement here is a page's. Foreign keys are checked batch by batch, not all in the end.
        cursor.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # A second load waits here, and then finds the customers of the first
        cursor.execute("LOCK TABLE customers_customer IN SHARE ROW EXCLUSIVE MODE")
        check_is_empty()
        with as_person(Person.objects.system()):
            served = places.neighbourhoods(settings.UNSERVED_MUNICIPALITIES, settings.UNSERVED_TOWNS)
            ties = accounts.create(dict.fromkeys(place.municipality for place in served))
            with indexes.built_afterwards(indexed):
                _copy(cursor, islice(_customers(served, ties), count), ties, progress)
            recording.decision("demo.loaded", detail={"customers": count})
    _analyze()


def _customers(served: list[places.Neighbourhood], ties: Accounts) -> Iterator[Row]:
    """The known customers, where they are served, those to train with, and made-up ones without end."""
    taken = frozenset(one.phone for one in known.CUSTOMERS)
    return chain(
        (one for one in known.CUSTOMERS if one.area_code in ties.areas),
        training.CUSTOMERS,
        rows(served, taken_phones=taken),
    )


def _copy(cursor, customers: Iterator[Row], ties: Accounts, progress: Callable[[int], object]) -> None:
    """Writes the customers and their usage, batch by batch, with ids that follow one another."""
    next_id = _fresh_id(cursor)
    months, written = year_to(LAST_MONTH), 0
    while batch := list(enumerate(islice(customers, BATCH), next_id)):
        with cursor.copy(f"COPY {Customer._meta.db_table} ({', '.join(COLUMNS)}) FROM STDIN") as copy:
            for pk, row in batch:
                copy.write_row(_columns(pk, row, ties))
        with cursor.copy(f"COPY {MonthlyUsage._meta.db_table} (customer_id, month, kwh) FROM STDIN") as copy:
            for pk, row in batch:
                for month, kwh in zip(months, row.usage or (), strict=False):
                    copy.write_row((pk, month, kwh))
        next_id += len(batch)
        written += len(batch)
        progress(written)
    last_id = next_id - 1
    cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [Customer._meta.db_table, last_id])


def _fresh_id(cursor) -> int:
    """The first id of which neither it nor any after it is taken."""
    cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [Customer._meta.db_table])
    return cursor.fetchone()[0]


def _columns(pk: int, row: Row, ties: Accounts) -> tuple:
    """The values of COLUMNS."""
    return (
        pk,
        row.supply_point_number,
        ties.areas[row.area_code],
        row.name,
        row.name_kana,
        row.address,
        row.phone,
        row.voltage,
        ties.organizations[row.retailer],
        row.menu_category,
        row.service_menu,
        row.contracted_capacity_kva,
        row.contracted_power_kw,
        row.power_factor_percent,
        row.fit_started_on,
        row.generator_output_kw,
        *stored.keys(
            name=row.name,
            name_kana=row.name_kana,
            address=row.address,
            phone=row.phone,
            municipality=ties.names[row.area_code],
        ),
    )


def _analyze() -> None:
    """Tells the planner what is there now."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {Customer._meta.db_table}, {MonthlyUsage._meta.db_table}")
