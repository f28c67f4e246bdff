"""What is told before something ends: to supervisors of an emergency, to each person of their own access."""

from datetime import timedelta

import pytest
from django.db import connection
from django.utils import translation

from access import clock, lifecycle, notices, revoking, warnings
from access.models import DelegationContract, Emergency, Grant, Notice, RosterEntry
from access.tasks import sweep
from access.templatetags.time_left import time_left
from audit.acting import as_person
from tests.world import TAKAMATSU

pytestmark = pytest.mark.django_db


def told(person) -> list[str]:
    return list(person.notices.order_by("pk").values_list("kind", flat=True))


def pass_time(world, **passed) -> None:
    """As if everything had been declared and given so much earlier."""
    late = timedelta(**passed)
    with connection.cursor() as cursor:  # what was written stays, but not for whoever owns the clock
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table in ("access_emergency", "access_grant"):
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE access_emergency SET declared_at = declared_at - %s, expires_at = expires_at - %s",
            [late, late],
        )
        cursor.execute(
            "UPDATE access_grant SET starts_at = starts_at - %s, ends_at = ends_at - %s", [late, late]
        )
        for table in ("access_emergency", "access_grant"):
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def with_a_ceiling(world, hours: int) -> None:
    DelegationContract.objects.filter(pk=world.contract.pk).update(max_grant_hours=hours)
    world.contract.refresh_from_db()


def said(person, kind: str) -> str:
    with translation.override("en"):
        return notices.sentence(person.notices.get(kind=kind)).replace("\xa0", " ")


def test_a_ceiling_of_one_hour_does_not_pass_without_a_word(world):
    with_a_ceiling(world, 1)
    world.declare(hours=6)
    sweep()
    assert told(world.contractor) == ["called"], "an hour before the end of an hour says nothing"
    pass_time(world, minutes=46)
    for _again in range(3):
        sweep()
    assert told(world.contractor) == ["called", "grant_15"]
    assert "14 minutes left" in said(world.contractor, "grant_15")
    assert told(world.supervisor) == ["grants_15"], "one sum, though two people hold a grant"
    assert "of 2 people" in said(world.supervisor, "grants_15")


def test_the_word_that_one_is_called_for_names_the_end_of_ones_own_access(world):
    with_a_ceiling(world, 1)
    world.declare(hours=6)
    sweep()
    called = world.contractor.notices.get(kind="called")
    assert called.words["until"] == world.grant().ends_at.isoformat()


def test_a_longer_access_is_warned_of_twice(world):
    with_a_ceiling(world, 2)
    world.declare(hours=6)
    pass_time(world, minutes=70)
    sweep()
    pass_time(world, minutes=40)
    sweep()
    assert told(world.contractor) == ["called", "grant_60", "grant_15"]
    assert told(world.supervisor) == ["grants_60", "grants_15"]


def test_a_late_warning_says_the_minutes_that_are_left(world):
    world.declare(hours=6)
    pass_time(world, hours=5, minutes=54)
    sweep()
    assert told(world.supervisor) == ["expires_15"], "the emergency's end is everybody's, and told once"
    assert "6 minutes left" in said(world.supervisor, "expires_15")
    assert told(world.contractor) == ["called", "grant_15"]
    assert "6 minutes left" in said(world.contractor, "grant_15")


def test_whoever_has_a_longer_grant_in_the_same_emergency_is_not_warned_of_the_shorter(world):
    with_a_ceiling(world, 1)
    emergency = world.declare(hours=6)
    longer = DelegationContract.objects.create(
        title="夜間の業務委託契約",
        delegator=world.contract.delegator,
        delegate=world.contract.delegate,
        starts_at=world.contract.starts_at,
        ends_at=world.contract.ends_at,
        delegated_items=world.contract.delegated_items,
        max_grant_hours=5,
    )
    entry = RosterEntry.objects.create(
        contract=longer,
        person=world.contractor,
        trained_on=world.entry().trained_on,
        added_by=world.supervisor,
    )
    now = clock.database_now()
    Grant.objects.create(
        roster_entry=entry,
        emergency=emergency,
        starts_at=now,
        ends_at=now + timedelta(hours=5),
        granted_by=world.supervisor,
    )
    pass_time(world, minutes=50)
    sweep()
    assert "grant_15" not in told(world.contractor)
    assert "grant_15" in told(world.contractor02)


def test_what_was_revoked_or_is_over_is_not_warned_of(world):
    with_a_ceiling(world, 1)
    emergency = world.declare(hours=6)
    pass_time(world, minutes=50)
    with as_person(world.supervisor):
        revoking.revoke(world.supervisor, Grant.objects.filter(pk=world.grant().pk), "交代")
    warnings.warn()
    assert "grant_15" not in told(world.contractor)
    lifecycle.end(emergency, world.supervisor)
    Notice.objects.filter(kind="grant_15").delete()
    warnings.warn()
    assert "grant_15" not in told(world.contractor02)


def test_a_notice_from_before_is_still_read(world):
    Notice.objects.create(
        person=world.supervisor,
        kind="expires_60",
        about="emergency 1",
        words={"name": "台風", "until": clock.database_now().isoformat()},
    )
    assert "1 hour left" in said(world.supervisor, "expires_60")


@pytest.mark.parametrize(
    ("language", "left", "words"),
    [
        ("ja", timedelta(hours=5, minutes=59, seconds=30), "5時間59分"),
        ("ja", timedelta(hours=50, seconds=30), "50時間"),
        ("en", timedelta(hours=1, minutes=1, seconds=30), "1 hour 1 minute"),
        ("en", timedelta(seconds=30), "0 minutes"),
        ("en", timedelta(hours=-1), "0 minutes"),
    ],
)
def test_the_time_left_is_hours_and_minutes_without_a_comma(language, left, words):
    with translation.override(language):
        assert time_left(clock.database_now() + left) == words


def test_the_pages_say_the_time_left_in_one_word(world, client_of):
    world.declare(TAKAMATSU)
    assert Emergency.objects.open().exists()
    page = client_of(world.supervisor).get("/").content.decode()
    assert "残り5時間59分" in page
