"""Fixtures: a small world, signed-in clients, and databases that really commit."""

import uuid

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import setup_databases, teardown_databases

from tests import world as worlds


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment, django_db_modify_db_settings, django_db_blocker):
    """The migrated database, whichever tests run: pytest-django's own makes none for journeys alone."""
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def heads_stay_here(settings):
    """Each test's history is its own: no head of it goes where another's are."""
    settings.SEAL_HEADS = []


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
    """A fresh database that really commits: a clone of the migrated one, dropped afterwards.

    The history refuses TRUNCATE, as it must, so tests that commit cannot clean up after themselves.
    """
    original = connection.settings_dict["NAME"]
    clone = f"{original}_{uuid.uuid4().hex[:8]}"
    with django_db_blocker.unblock():
        connections.close_all()
        # A template may have no other session; one that a test left open in another thread is ended.
        # (An autovacuum is not ours to end: PostgreSQL itself sends it away.)
        _as_owner(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = %s AND backend_type = 'client backend'",
            original,
        )
        _as_owner(f'CREATE DATABASE "{clone}" TEMPLATE "{original}"')
        connection.settings_dict["NAME"] = clone
        try:
            yield clone
        finally:
            connections.close_all()
            connection.settings_dict["NAME"] = original
            _as_owner(f'DROP DATABASE IF EXISTS "{clone}" WITH (FORCE)')


def _as_owner(statement: str, *params: str) -> None:
    """Runs a statement on the maintenance database, outside any transaction."""
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement, params or None)
