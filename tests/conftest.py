"""Fixtures: a small world, signed-in clients, and databases that really commit."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import override_settings, setup_databases, teardown_databases
from django.utils import translation

from tests import replayed
from tests import world as worlds

QUICK = ["tests.world.QuickHasher"]


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After the order is drawn."""
    items.sort(key=lambda item: "long" not in item.keywords)


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment, django_db_modify_db_settings, django_db_keepdb, django_db_blocker
):
    """The migrated database, whichever tests run: pytest-django's own makes none for journeys alone."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, keepdb=django_db_keepdb)
        with override_settings(PASSWORD_HASHERS=QUICK):
            replayed.record(contractors=2)
            replayed.record(contractors=3)
    yield
    if not django_db_keepdb:
        with django_db_blocker.unblock():
            teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def heads_stay_here(settings):
    """Each test's history is its own: no head of it goes where another's are."""
    settings.SEAL_HEADS = []


@pytest.fixture(autouse=True)
def the_first_language():
    """Each test begins in Japanese: what a request activates would outlive it in this process."""
    translation.deactivate()


@pytest.fixture(autouse=True)
def quick_passwords(settings):
    """People sign in with production's hash, in fewer rounds (but for the journeys)."""
    settings.PASSWORD_HASHERS = QUICK


@pytest.fixture
def world(db) -> worlds.World:
    """The small world, in a transaction that is rolled back after the test."""
    return worlds.build()


@pytest.fixture
def client_of():
    """A test client signed in as a person, through the real sign-in."""

    def signed_in(person) -> Client:
        client = Client()
        assert client.login(username=person.username, password=worlds.PASSWORD)
        return client

    return signed_in


@pytest.fixture
def committed_database(django_db_setup, django_db_blocker):
    """A fresh database that really commits: a copy of the migrated one, dropped afterwards.

    The history refuses TRUNCATE, as it must, so tests that commit cannot clean up after themselves.
    """
    with django_db_blocker.unblock(), a_copy_of(connection.settings_dict["NAME"]) as copy, leading_to(copy):
        yield copy


@contextmanager
def a_copy_of(original: str) -> Iterator[str]:
    """A copy of a database, dropped afterwards; gives its name."""
    copy = f"{original}_{uuid.uuid4().hex[:8]}"
    connections.close_all()
    # A template may have no other session; one that a test left open in another thread is ended.
    # (An autovacuum, or a session of the superuser that is just closing, is not ours to end: PostgreSQL sends
    # the one away, and waits for the other.)
    _as_owner(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = %s AND backend_type = 'client backend' AND usename = current_user",
        original,
    )
    _as_owner(f'CREATE DATABASE "{copy}" TEMPLATE "{original}" STRATEGY FILE_COPY')
    try:
        yield copy
    finally:
        connections.close_all()
        _as_owner(f'DROP DATABASE IF EXISTS "{copy}" WITH (FORCE)')


@contextmanager
def leading_to(database: str) -> Iterator[None]:
    """Leads this process's connections to another database of the same server."""
    original = connection.settings_dict["NAME"]
    connections.close_all()
    connection.settings_dict["NAME"] = database
    try:
        yield
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = original


def _as_owner(statement: str, *params: str) -> None:
    """Runs a statement on the maintenance database, outside any transaction."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement, params or None)
