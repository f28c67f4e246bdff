"""A rate of lookups that no caller explains: slowed, then stopped, with supervisors told."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models.functions import Now
from django.urls import reverse

from access import clock, pace
from access.errors import Denied, Unfit
from access.models import DelegationContract, Grant, Notice
from access.stopping import revoke_who_was_stopped, tell_of_who_was_paused
from audit import recording, repeats
from audit.models import LogEntry, Repeat
from customers import reading
from customers.models import Customer
from customers.terms import Terms
from tests.access.test_policy import inquiry_of
from tests.world import HANAKO, TARO

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(world):
    return inquiry_of(world, world.contractor, world.declare())


def hit(world, call, number: int):
    """Looks up a household of its own."""
    customer = Customer.objects.get(supply_point_number=HANAKO)
    customer.pk, customer.supply_point_number = None, f"0807{number:018}"
    customer.phone_key = f"087999{number:04}"
    if not Customer.objects.filter(phone_key=customer.phone_key).exists():
        customer.save(force_insert=True)
    return reading.look_up(world.contractor, Terms(phone=customer.phone_key), call)


def miss(world, call, number: int):
    return reading.look_up(world.contractor, Terms(phone=f"088-000-{number:04}"), call)


def recent(world) -> int:
    return pace.recent_lookups(world.contractor, clock.database_now() - pace.WINDOW).count


def set_limits(**limits):
    DelegationContract.objects.update(**limits)


def long_ago(by: timedelta) -> None:
    """All that happened, happened that much earlier."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        for table, moment in (
            ("audit_logentry", "timestamp"), ("access_grant", "starts_at"), ("access_emergency", "declared_at")
        ):  # fmt: skip
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(f"UPDATE {table} SET {moment} = {moment} - %s", [by])  # noqa: S608
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def test_who_looks_up_as_callers_call_is_left_alone(world, call):
    for n in range(15):
        hit(world, call, n)


def test_beyond_the_first_threshold_each_lookup_waits_for_the_one_before(world, call):
    set_limits(slow_after=2, stop_after=9)
    hit(world, call, 1)
    hit(world, call, 2)
    with pytest.raises(Denied, match="too_fast"):
        hit(world, call, 3)
    with pytest.raises(Denied, match="too_fast"):
        reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, call, 3)


def test_beyond_the_second_the_person_is_stopped_also_after_waiting(world, call):
    set_limits(slow_after=1, stop_after=2)
    hit(world, call, 1)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, call, 2)
    long_ago(timedelta(minutes=5))
    with pytest.raises(Denied, match="stopped"):
        hit(world, call, 3)


def test_after_the_window_the_count_begins_anew(world, call):
    set_limits(slow_after=1, stop_after=2)
    hit(world, call, 1)
    long_ago(pace.WINDOW + timedelta(seconds=1))
    hit(world, call, 2)


def test_a_page_that_reads_itself_again_is_one_lookup(world, call):
    set_limits(slow_after=2, stop_after=3)
    for _again in range(5):
        reading.look_up(world.contractor, Terms(phone="087-821-0001"), call)
    assert recent(world) == 1


def test_repeating_a_list_pushes_nothing_out_of_sight(world, call):
    """Ten entries a time: what is counted is never cut off by their number."""
    set_limits(slow_after=4, stop_after=9)
    hit(world, call, 1)
    hit(world, call, 2)
    for _again in range(120):
        reading.look_up(world.contractor, Terms(phone="087-821-0001"), call)
    assert recent(world) == 3
    hit(world, call, 3)
    with pytest.raises(Denied, match="too_fast"):
        hit(world, call, 4)


def test_words_that_find_nobody_count_a_fifth(world, call):
    for number in range(11):
        miss(world, call, number)
    assert recent(world) == 3


def test_who_is_granted_anew_begins_anew(world, call):
    set_limits(slow_after=1, stop_after=2)
    hit(world, call, 1)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, call, 2)
    with pytest.raises(Denied, match="stopped"):
        hit(world, call, 3)
    LogEntry(kind="denial", event="denied", reason="stopped", actor=world.contractor).save()
    assert revoke_who_was_stopped() == 1
    call = inquiry_of(world, world.contractor, world.declare(name="次の台風"))
    hit(world, call, 4)
    assert revoke_who_was_stopped() == 0


def test_who_tried_again_while_stopped_begins_anew_too_when_granted_anew(world, call):
    """The tries are one entry, which is written after the grant was given."""
    set_limits(slow_after=1, stop_after=2)
    hit(world, call, 1)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, call, 2)
    for _ in range(2):
        recording.denial(world.contractor, "stopped", path="/lookup/")
    revoke_who_was_stopped()
    call = inquiry_of(world, world.contractor, world.declare(name="次の台風"))
    Repeat.objects.update(since=Now() - timedelta(minutes=1))
    repeats.write_down()
    hit(world, call, 3)


def test_others_lookups_and_others_contracts_do_not_count(world, call):
    set_limits(slow_after=1, stop_after=2)
    other = inquiry_of(world, world.contractor02, call.emergency)
    reading.look_up(world.contractor02, Terms(phone="087-999-0001"), other)
    for _n in range(9):
        reading.look_up(world.operator, Terms(phone="087-821-0001"))
    hit(world, call, 1)


def test_who_was_stopped_loses_the_grants_and_supervisors_are_told_once(world, call):
    LogEntry(kind="denial", event="denied", reason="stopped", actor=world.contractor).save()
    assert revoke_who_was_stopped() == 1
    assert revoke_who_was_stopped() == 0
    assert not Grant.objects.live().filter(roster_entry__person=world.contractor).exists()
    assert Grant.objects.live().count() == 1, "nobody else's"
    told = Notice.objects.filter(kind="stopped").values_list("person__username", flat=True)
    assert sorted(told) == ["auditor", "supervisor", "supervisor-ehime", "supervisor02"]


def test_a_grant_given_afterwards_stands(world, call):
    LogEntry(kind="denial", event="denied", reason="stopped", actor=world.contractor).save()
    revoke_who_was_stopped()
    world.declare(name="次の台風")
    assert revoke_who_was_stopped() == 0
    assert Grant.objects.live().filter(roster_entry__person=world.contractor).exists()


def test_a_second_emergency_or_grant_lets_nobody_begin_anew_who_was_not_stopped(world, call):
    set_limits(slow_after=1, stop_after=2)
    hit(world, call, 1)
    again = inquiry_of(world, world.contractor, world.declare(name="次の台風"))
    with pytest.raises(Denied, match="too_fast"):
        hit(world, again, 2)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, again, 2)
    third = inquiry_of(world, world.contractor, world.declare(name="その次の台風"))
    with pytest.raises(Denied, match="stopped"):
        hit(world, third, 3)


def test_who_was_stopped_begins_anew_by_a_later_grant_alone(world, call):
    """Another emergency's grant, given before the stop, is none given anew."""
    set_limits(slow_after=1, stop_after=2)
    other = inquiry_of(world, world.contractor, world.declare(name="次の台風"))
    hit(world, call, 1)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    hit(world, call, 2)
    LogEntry(kind="denial", event="denied", reason="stopped", actor=world.contractor).save()
    with pytest.raises(Denied, match="stopped"):
        hit(world, other, 3)


def test_a_lookup_that_is_refused_for_width_counts_too(world, call):
    set_limits(slow_after=1, stop_after=2)
    for _attempt in range(pace.MISSES + 1):
        with pytest.raises(Unfit):
            reading.look_up(world.contractor, Terms(name="カガワ"), call)
        long_ago(timedelta(seconds=pace.SLOWED + 1))
    assert LogEntry.objects.filter(event="lookup.too_wide").count() == pace.MISSES + 1
    with pytest.raises(Denied, match="stopped"):
        reading.look_up(world.contractor, Terms(name="カガワ"), call)


@pytest.mark.parametrize("who", ["operator", "retailer"])
def test_each_audience_has_a_pace_of_its_own(world, settings, who):
    settings.LOOKUPS_IN_TEN_MINUTES = {"operator": (2, 3), "retailer": (2, 3)}
    person = world.people[who]
    for number in (HANAKO, "0" * 22):
        reading.look_up(person, Terms(supply_point_number=number))
    with pytest.raises(Denied, match="too_fast"):
        reading.look_up(person, Terms(supply_point_number=TARO))
    with pytest.raises(Denied, match="too_fast"):
        reading.open_customer(person, world.customers[HANAKO].pk)
    long_ago(timedelta(seconds=pace.SLOWED + 1))
    for _again in range(pace.MISSES):
        reading.look_up(person, Terms(supply_point_number="0" * 22))
        long_ago(timedelta(seconds=pace.SLOWED + 1))
    with pytest.raises(Denied, match="paused"):
        reading.look_up(person, Terms(supply_point_number=TARO))
    long_ago(pace.WINDOW)
    reading.look_up(person, Terms(supply_point_number=HANAKO))


def test_supervisors_are_told_once_of_who_had_to_pause(world, client_of, settings):
    settings.LOOKUPS_IN_TEN_MINUTES = {"operator": (0, 0)}
    client = client_of(world.operator)
    for _again in range(2):
        page = client.post(reverse("portal:lookup"), {"phone": "087-821-0001"})
        assert page.status_code == 429
    assert tell_of_who_was_paused() == 1
    assert tell_of_who_was_paused() == 0
    told = Notice.objects.filter(kind="paused").values_list("person__username", flat=True)
    assert sorted(told) == ["supervisor", "supervisor-ehime", "supervisor02"]
    assert revoke_who_was_stopped() == 0
