"""The small world made once by the models in each process, and written again as the rows that came of it.

Most tests begin with that world. Making it takes some 90 statements; writing its rows takes one, in which the
database's triggers and constraints do as ever. test_replayed.py holds the two against each other.
"""

import pickle
from collections.abc import Callable

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Model

from access.models import (
    AreaGroupPermission,
    ContractGroupPermission,
    DelegationContract,
    Office,
    Person,
    RosterEntry,
)
from audit.models import LogEntry
from customers.models import Customer, MonthlyUsage, Organization, ServiceArea
from tests import world as worlds

#: Whose rows are written, in this order; what triggers make of them is theirs to make again.
TABLES: tuple[type[Model], ...] = (
    Organization, Group, Office, ServiceArea, AreaGroupPermission, Person, DelegationContract, RosterEntry,
    ContractGroupPermission, Customer, MonthlyUsage, LogEntry,
)  # fmt: skip


def record(contractors: int) -> None:
    """Makes `worlds.build(contractors)` write rows from now on, in this database and in its later copies.

    The rows have the primary keys of a world that is made here and rolled back: no sequence gives them again.
    """
    with transaction.atomic():
        before = {model: set(model._base_manager.values_list("pk", flat=True)) for model in TABLES}
        world = worlds.make(contractors)
        script = ";\n".join(_insert(model, before[model]) for model in TABLES)
        transaction.set_rollback(True)
    worlds.AGAIN[contractors, worlds.hashed_password()] = _writes(script, pickle.dumps(world))


def _writes(script: str, pickled: bytes) -> Callable[[], worlds.World]:
    def write() -> worlds.World:
        with connection.cursor() as cursor:
            cursor.execute(script)
        return pickle.loads(pickled)  # each test has objects of its own to change

    return write


def _insert(model: type[Model], before: set) -> str:
    """The statement that writes the model's new rows again; entries of the history as old as they are now."""
    columns = {
        field.column: f'quote_nullable("{field.column}"::text)' for field in model._meta.local_concrete_fields
    }
    if model is LogEntry:
        columns["timestamp"] = (
            """format('statement_timestamp() - %%L::interval', clock_timestamp() - "timestamp")"""
        )
    names = ", ".join(f'"{column}"' for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT string_agg('(' || concat_ws(', ', {', '.join(columns.values())}) || ')', ', ' ORDER BY id) "
            f'FROM "{model._meta.db_table}" WHERE id <> ALL(%s)',
            [list(before)],
        )
        (rows,) = cursor.fetchone()
    return f'INSERT INTO "{model._meta.db_table}" ({names}) VALUES {rows}'
