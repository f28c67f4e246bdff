"""What of an export is committed when, on real connections: before its bytes leave, before an account is closed."""

import threading
import time
from collections.abc import Iterator

import pytest
from django.db import OperationalError, connection

from access.people import Person
from audit.models import LogEntry
from customers import exporting
from tests import world as worlds
from tests.customers.test_export import add, exported, rows_of
from tests.world import TAKAMATSU


@pytest.fixture
def world(committed_database) -> worlds.World:
    return worlds.build()


@pytest.fixture
def elsewhere(world) -> Iterator:
    """A cursor of a second connection: it sees what is committed, and nothing else."""
    other = connection.copy()
    with other.cursor() as cursor:
        yield cursor
    other.close()


def test_a_pieces_entries_are_committed_before_its_bytes_leave(world, elsewhere, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 1)
    add(world, "other", TAKAMATSU, 2)
    retailer = world.retailer.organization
    rows = -1
    for piece in exporting.begin(world.retailer, retailer).pieces():
        rows += len(rows_of(piece))
        elsewhere.execute("SELECT count(*) FROM audit_logentry WHERE event = 'customer.exported'")
        assert elsewhere.fetchone()[0] == rows
        assert not connection.in_atomic_block, "a slow reader holds nothing up"
    assert rows == 3


def test_a_history_that_is_locked_lets_no_byte_of_a_customer_out(world, elsewhere):
    pieces = exporting.begin(world.retailer, world.retailer.organization).pieces()
    next(pieces)
    elsewhere.execute("BEGIN; LOCK TABLE audit_logentry IN EXCLUSIVE MODE")
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '100ms'")
    with pytest.raises(OperationalError):
        next(pieces)
    elsewhere.execute("ROLLBACK")
    assert list(pieces) == []
    assert not LogEntry.objects.filter(event__in=["customer.exported", "retailer.exported"]).exists()


def test_closing_an_account_waits_for_the_piece_under_way(world, elsewhere):
    """So that no disclosure is later than the closing. The piece is held up by a locked history."""
    person = world.retailer
    pieces = exporting.begin(person, person.organization).pieces()
    next(pieces)
    elsewhere.execute("BEGIN; LOCK TABLE audit_logentry IN EXCLUSIVE MODE")

    def take() -> None:
        try:
            next(pieces)
        finally:
            connection.close()

    reader = threading.Thread(target=take)
    reader.start()
    deadline = time.monotonic() + 10
    with connection.cursor() as cursor:
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'audit_logentry'::regclass"
        while cursor.execute(waiting).fetchone() == (0,):
            assert time.monotonic() < deadline
        cursor.execute("SET lock_timeout = '200ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            Person.objects.filter(pk=person.pk).update(is_active=False)
    elsewhere.execute("ROLLBACK")
    reader.join(10)
    assert exported().count() == 1
    assert Person.objects.filter(pk=person.pk).update(is_active=False) == 1
