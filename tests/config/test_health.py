"""Asking how the portal is: it changes nothing, and what is missing learns who may."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import clock
from access.models import Heartbeat, Notice
from access.people import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def a_worker_silent_for_an_hour(world):
    Heartbeat.objects.create(pk=1, heard_at=clock.database_now() - timedelta(hours=1))


@pytest.fixture
def token(settings) -> str:
    settings.HEALTH_TOKEN = "of-the-monitor"
    return settings.HEALTH_TOKEN


@pytest.mark.parametrize("method", ["get", "head"])
@pytest.mark.parametrize("page", ["/readyz", "/healthz"])
def test_asking_writes_nothing_and_mails_nothing(client, token, page, method):
    with CaptureQueriesContext(connection) as asked:
        for given in ("", f"Bearer {token}"):
            getattr(client, method)(page, headers={"Authorization": given})
    assert all(query["sql"].startswith("SELECT") for query in asked), asked.captured_queries
    assert not mail.outbox
    assert not Notice.objects.exists()


def test_whoever_is_anonymous_learns_whether_it_is_ready_and_no_more(client, token):
    for given in ({}, {"Authorization": ""}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}):
        response = client.get("/readyz", headers=given)
        assert (response.status_code, response.json()) == (503, {"status": "not ready"})
    assert client.get("/healthz").json() == {"status": "up"}


def test_without_a_token_set_none_is_right(client):
    assert client.get("/readyz", headers={"Authorization": "Bearer "}).json() == {"status": "not ready"}


def test_what_is_missing_learns_the_holder_of_the_token(client, token):
    response = client.get("/readyz", headers={"Authorization": f"Bearer {token}"})
    assert response.json()["missing"] == ["worker"]
    assert response.json()["database"]


@pytest.mark.parametrize("role", set(Role) - {Role.SYSTEM})
def test_what_is_missing_learns_an_administrator(world, client_of, role):
    said = client_of(world.people[role]).get("/readyz").json()
    assert ("missing" in said) == (role == Role.ADMINISTRATOR)
