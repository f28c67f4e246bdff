"""Requests of every kind: asked once at a time, told to whoever asked, and gone with what they are about."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import translation

from access import accounts, answering, clock, granting, lifecycle, requests
from access.errors import AlreadyDone
from access.models import DelegationContract, Person, Request
from access.tasks import sweep
from audit.models import LogEntry
from tests.world import MARUGAME

pytestmark = pytest.mark.django_db


def hence(hours: float):
    return clock.database_now() + timedelta(hours=hours)


def told(person) -> list[str]:
    return list(person.notices.order_by("pk").values_list("kind", flat=True))


def extension(world):
    emergency = world.declare()
    DelegationContract.objects.update(dual_control=True)
    return lambda: lifecycle.extend(world.supervisor, emergency, hence(10), "続いている")


def call_for_help(world):
    emergency = world.declare(contracts=())
    return lambda: granting.ask_for_help(world.contractor, emergency, "応援")


def right(world):
    office = world.people["operator-ehime"].office.group
    area = world.areas[MARUGAME]
    return lambda: accounts.change_right(world.administrator, "consult", area.pk, office, give=True)


def reopening(world):
    Person.objects.filter(pk=world.operator.pk).update(is_active=False)
    before = Person.objects.get(pk=world.operator.pk)
    person = Person.objects.get(pk=world.operator.pk)
    person.is_active = True

    def ask():
        person.is_active = True
        return accounts.save_person(world.administrator, person, before)

    return ask


@pytest.mark.parametrize("thing", [extension, call_for_help, right, reopening])
def test_the_same_is_asked_for_once_at_a_time_and_the_twin_is_told_who_asked(world, thing):
    ask = thing(world)
    ask()
    (first,) = Request.objects.waiting()
    with (
        translation.override("en"),
        pytest.raises(AlreadyDone, match="asked for this at") as late,
        transaction.atomic(),
    ):
        ask()
    assert str(first.asked_by) in str(late.value)
    assert Request.objects.waiting().get() == first


def test_after_a_lapse_the_same_is_asked_for_anew_and_the_history_says_so(world):
    ask = call_for_help(world)
    first = ask()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE access_request DISABLE TRIGGER USER")
        Request.objects.filter(pk=first.pk).update(asked_at=hence(-2), lapses_at=hence(-1))
        cursor.execute("ALTER TABLE access_request ENABLE TRIGGER USER")
    second = ask()
    first.refresh_from_db()
    assert first.answer == "lapsed"
    assert Request.objects.waiting().get() == second
    assert LogEntry.objects.filter(event="request.lapsed", object_id=first.pk).exists()
    assert told(world.contractor) == ["lapsed"]


@pytest.mark.parametrize(("agree", "says"), [(True, "agreed"), (False, "refused")])
def test_whoever_asked_is_told_the_answer(world, agree, says):
    extension(world)()
    (asked,) = Request.objects.waiting()
    answering.answer(world.supervisor02, asked.pk, agree=agree)
    assert told(world.supervisor) == [says]
    assert "waiting" not in told(world.supervisor)


def test_whoever_asked_is_told_of_a_lapse(world):
    request = requests.ask(
        world.supervisor, "extension", about="x", detail={}, lapses_at=hence(0.2 / 3600)
    )  # fmt: skip
    while clock.database_now() <= request.lapses_at:
        pass
    sweep()
    assert told(world.supervisor) == ["lapsed"]


def test_an_ending_takes_what_waits_for_it_along(world):
    extension(world)()
    (asked,) = Request.objects.waiting()
    lifecycle.end(asked.emergency, world.supervisor02)
    assert not Request.objects.waiting().exists()
    asked.refresh_from_db()
    assert (asked.answer, asked.outcome) == ("pointless", {"why": "ended"})
    assert told(world.supervisor) == ["pointless", "ended"]
