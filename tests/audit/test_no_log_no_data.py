"""No log, no data: whatever keeps the history from being written keeps the customer from leaving.

The faults are real ones: the history's table locked, the disk full, the connection killed between the
reading and the commit.
"""

import contextlib
import os
import pwd
import resource
import threading

import psycopg
import pytest
from django.db import DatabaseError, InterfaceError, connection
from django.test import Client

from access import inquiries
from access.models import Inquiry
from audit.models import LogEntry
from config.processes import server_identity
from customers import exporting, keys, reading
from customers.terms import Terms
from tests import world as worlds
from tests.journeys.conftest import wait_for
from tests.world import HANAKO, HANAKO_VALUES

#: What must not leave.
SECRETS = [HANAKO_VALUES[name] for name in ("name", "phone")]


@pytest.fixture
def world(committed_database):
    return worlds.build()


@pytest.fixture
def other(world):
    """A second connection, which locks what it likes."""
    database = connection.settings_dict
    with psycopg.connect(
        dbname=database["NAME"], user=database["USER"], host=database["HOST"], port=database["PORT"] or None
    ) as session:
        yield session


def ask(client: Client, address: str, words: dict | None = None) -> bytes:
    """The whole answer, status and all, of one request."""
    answer = client.post(address, words) if words else client.get(address)
    return f"{answer.status_code} {answer.headers}".encode() + answer.content


def requests(world) -> dict[str, tuple]:
    """Each way by which a customer leaves on a page: who, signed in by now, asks for what."""
    emergency = world.declare()
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    pk = world.customers[HANAKO].pk
    words = {"words": HANAKO_VALUES["phone"]}
    asked = {
        "operator looks up": (world.operator, "/lookup/", words),
        "operator opens": (world.operator, f"/customers/{keys.make(world.operator, pk, None)}/"),
        "contractor looks up": (world.contractor, f"/inquiries/{taken.pk}/", words),
        "contractor opens": (world.contractor, f"/customers/{keys.make(world.contractor, pk, taken.pk)}/"),
        "retailer looks up": (world.retailer, "/lookup/", {"supply_point_number": HANAKO}),
    }
    return {way: (signed_in(person), *what) for way, (person, *what) in asked.items()}


def signed_in(person) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(person, backend="access.backends.RoleBackend")
    return client


def holds_a_secret(answer: bytes) -> bool:
    return any(secret.encode() in answer for secret in SECRETS)


def no_file_grows_past(size: int, pid: int) -> None:
    """Sets the limit of a server's process; as the servers' user, for root may lack the right in a container."""
    identity = server_identity()
    child = os.fork()
    if child == 0:
        try:
            if identity:
                os.setgroups([])
                os.setgid(identity["group"])
                os.setuid(pwd.getpwnam(identity["user"]).pw_uid)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        except BaseException:
            os._exit(1)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0


WAYS = ["operator looks up", "operator opens", "contractor looks up", "contractor opens", "retailer looks up"]


@pytest.mark.parametrize("way", WAYS)
def test_while_the_history_is_locked_no_customer_leaves(world, other, way):
    asked = requests(world)[way]
    assert holds_a_secret(ask(*asked)), "as it should be"
    before = LogEntry.objects.disclosures().count()
    other.execute("LOCK TABLE audit_logentry IN SHARE MODE")
    connection.cursor().execute("SET lock_timeout = '300ms'")
    answer = ask(*asked)
    assert answer.startswith(b"5"), answer[:20]
    assert not holds_a_secret(answer)
    other.rollback()
    assert LogEntry.objects.disclosures().count() == before
    connection.cursor().execute("RESET lock_timeout")
    assert holds_a_secret(ask(*asked)), "and as it should be again"


@pytest.mark.parametrize("way", WAYS)
def test_a_connection_killed_between_reading_and_commit_takes_the_customer_with_it(world, other, way):
    asked, answers = requests(world)[way], []
    before = LogEntry.objects.disclosures().count()
    # The reading goes on to its entry, and stops there
    other.execute("LOCK TABLE audit_logentry IN SHARE MODE")

    def run():
        try:
            answers.append(ask(*asked))
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    stopped = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' "
        "AND query LIKE 'INSERT INTO %audit_logentry%'"
    )

    def its_process():
        with connection.cursor() as cursor:
            cursor.execute(stopped)
            return cursor.fetchone()

    wait_for(its_process, "the reading to be at its entry")
    (pid,) = its_process()
    other.execute("SELECT pg_terminate_backend(%s)", [pid])
    thread.join(20)
    other.rollback()
    (answer,) = answers
    assert answer.startswith(b"5")
    assert not holds_a_secret(answer)
    assert LogEntry.objects.disclosures().count() == before


def test_on_a_full_disk_no_customer_leaves_without_an_entry(world):
    """The server's process may write no file past a size: as on a full disk, the table cannot grow."""
    ways = requests(world)
    asked = ways["operator looks up"]
    filler = (
        "INSERT INTO audit_logentry (action, kind, event, reason, actor_username, actor_name, actor_role, "
        "actor_organization, object_pk, object_repr, changes_text, cid, area_code, supply_point_number, "
        "fields, basis) SELECT 3, 'decision', 'demo.loaded', '', '', '', '', '', '', repeat('x', 1900), '', "
        "'', '', '', '{}', '' FROM generate_series(1, %s)"
    )
    with connection.cursor() as cursor:
        # until the month is larger than a piece of the write-ahead log, which has to be written on
        cursor.execute(filler, [12_000])
        cursor.execute("SELECT pg_backend_pid(), tableoid::regclass::text FROM audit_logentry LIMIT 1")
        pid, month = cursor.fetchone()
        cursor.execute("SELECT pg_relation_size(%s)", [month])
        (size,) = cursor.fetchone()
        assert size > 20 * 2**20
        no_file_grows_past(size, pid)
        with contextlib.suppress(DatabaseError):  # what the table has in reserve is used up
            for _ in range(10_000):
                cursor.execute(filler, [1])
    shown = refused = 0
    for _ in range(200):
        before = LogEntry.objects.disclosures().count()
        answer = ask(*asked)
        left = holds_a_secret(answer)
        assert (LogEntry.objects.disclosures().count() > before) is left, (
            "an entry for what left, and none else"
        )
        shown, refused = shown + left, refused + (not left)
        if refused > 3:
            break
    assert refused > 3, "the table did not grow"
    assert connection.connection.info.backend_pid == pid, "it was this connection all the time"


def test_a_file_breaks_off_where_its_entries_cannot_be_written(world, other):
    asked = exporting.begin(world.retailer, world.retailer.organization)
    pieces = asked.pieces()
    other.execute("LOCK TABLE audit_logentry IN SHARE MODE")
    connection.cursor().execute("SET lock_timeout = '300ms'")
    left = b""

    def take():
        nonlocal left
        for piece in pieces:
            left += piece

    with pytest.raises((DatabaseError, InterfaceError)):
        take()
    assert not holds_a_secret(left)
    assert not LogEntry.objects.filter(event="customer.exported").exists()


def test_a_customer_is_read_within_the_transaction_that_writes_the_entry(committed_database):
    world, statements = worlds.build(), []

    def watched(execute, sql, params, many, context):
        if "customers_customer" in sql or "audit_logentry" in sql or "pg_advisory_xact_lock" in sql:
            statements.append((connection.in_atomic_block, sql))
        return execute(sql, params, many, context)

    hanako = world.customers[HANAKO].pk
    with connection.execute_wrapper(watched):
        reading.look_up(world.operator, Terms(phone="087-821-0001"))
        reading.open_customer(world.operator, hanako)
        reading.who_has_seen(world.operator, hanako)
    assert len(statements) >= 9
    assert [sql for is_within, sql in statements if not is_within] == []
