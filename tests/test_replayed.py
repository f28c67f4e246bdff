"""Tests begin with a world that was recorded: it is the one that the models make, row for row."""

import re
from datetime import timedelta

import pytest
from django.db import connection, transaction

from access.clock import database_now
from audit.models import LogEntry
from tests import replayed
from tests import world as worlds

pytestmark = pytest.mark.django_db

#: What two worlds differ in: when they were made, and the stories of their entries.
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d[.\d]*(\+\d\d(:\d\d)?)?")
STORY = re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@pytest.mark.parametrize("contractors", [2, 3])
def test_what_is_written_again_is_what_the_models_make(contractors):
    with connection.cursor() as cursor:
        cursor.execute("SELECT format('%I.%I', schemaname, sequencename), last_value FROM pg_sequences")
        before = [(name, value) for name, value in cursor.fetchall() if value]
    replayed.record(contractors)
    written = _rows(worlds.build, contractors)
    with connection.cursor() as cursor:
        cursor.executemany("SELECT setval(%s, %s)", before)  # so that both have the same primary keys
    made = _rows(worlds.make, contractors)
    assert made.keys() == written.keys()
    for table, rows in made.items():
        assert written[table] == rows, table


def _rows(make, contractors: int) -> dict[str, list[str]]:
    """Every row of every table in a world, without what two worlds differ in; no primary key that a trigger gave."""
    given = {model._meta.db_table for model in replayed.TABLES}
    with transaction.atomic(), connection.cursor() as cursor:
        make(contractors)
        rows = {}
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f"""SELECT (to_jsonb(t) - %s)::text FROM "{table}" t""", ["" if table in given else "id"]
            )
            rows[table] = sorted(STORY.sub("a story", MOMENT.sub("a moment", text)) for (text,) in cursor)
        transaction.set_rollback(True)
    return rows


def test_its_history_has_just_been_written_and_in_its_order(world):
    entries = list(LogEntry.objects.order_by("pk"))
    assert entries == sorted(entries, key=lambda entry: entry.mark)
    assert entries[0].timestamp > database_now() - timedelta(seconds=20)
    assert entries[-1].timestamp < database_now()


def test_its_objects_say_what_is_stored(world):
    objects = [*world.people.values(), *world.customers.values(), *world.areas.values(), world.contract]
    for one in [*objects, *world.organizations.values()]:
        stored = type(one).objects.get(pk=one.pk)
        for field in one._meta.concrete_fields:
            assert getattr(one, field.attname) == getattr(stored, field.attname), (one, field)
