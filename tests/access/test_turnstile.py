"""What depends on a caller's words is done before the turnstile, where no ending waits for it."""

import threading
from time import monotonic

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import clock, lifecycle, pace, revoking, rosters, suspension, terms
from access.errors import Denied
from customers import reading
from customers.forms import LookupForm
from customers.terms import Terms
from tests import world as worlds
from tests.access.test_at_the_same_moment import at_once
from tests.journeys.conftest import wait_for

#: Words that become eighteen times as long, and as many as a box takes of ordinary ones.
SWELLING, LONG = "\ufdfa" * 200, "高松市番町九丁目七十一番地二号" * 13


def an_ending_could_pass() -> bool:
    """Whether nobody is within the turnstile, asked on a connection of its own."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [clock.TURNSTILE])
            return cursor.fetchone()[0]
    finally:
        other.close()


@pytest.mark.django_db
@pytest.mark.parametrize("who", ["operator", "retailer"])
def test_words_are_read_before_the_turnstile(world, who):
    free = []

    def ask(basis, places):
        form = LookupForm({"words": LONG}, shown=basis.fields, places=places)
        assert form.is_valid()
        free.append(an_ending_could_pass())
        return reading.Asked(form.terms)

    reading.look_up_by(world.people[who], None, ask)
    assert free == [True]
    assert not an_ending_could_pass(), "and what they find is read within it"


@pytest.mark.django_db
@pytest.mark.parametrize(
    "act", ["end", "take areas away", "revoke", "suspend", "change terms", "leave a roster"]
)
def test_whatever_takes_away_waits_for_others_longer_than_a_lookup_may_last(world, act):
    emergency, contract = world.declare(), world.contract
    contract.max_grant_hours = 1
    acts = {
        "end": lambda: lifecycle.end(emergency, world.supervisor),
        "take areas away": lambda: lifecycle.change_areas(
            world.supervisor, emergency, [world.areas[worlds.TAKAMATSU]]
        ),
        "revoke": lambda: revoking.revoke(world.supervisor, emergency.grants.all(), "交代"),
        "suspend": lambda: suspension.suspend(world.supervisor, contract, "点検"),
        "change terms": lambda: terms.change(world.supervisor, contract),
        "leave a roster": lambda: rosters.remove(world.supervisor, world.entry()),
    }
    with CaptureQueriesContext(connection) as asked:
        acts[act]()
    statements = [query["sql"] for query in asked]
    patient = [n for n, sql in enumerate(statements) if "lock_timeout" in sql]
    waits = [n for n, sql in enumerate(statements) if "FOR NO KEY UPDATE" in sql or "FOR UPDATE" in sql]
    turnstile = next(
        n for n, sql in enumerate(statements) if f"pg_advisory_xact_lock({clock.TURNSTILE})" in sql
    )
    assert patient
    assert patient[0] < min([turnstile, *waits])


def test_whoever_waits_for_the_own_turn_waits_before_the_turnstile(committed_database):
    world, answered = worlds.build(), []

    def look_up() -> None:
        try:
            answered.append(reading.look_up(world.operator, Terms(phone="087-821-0001")))
        finally:
            connection.close()

    other = connection.copy()
    thread = threading.Thread(target=look_up)
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [pace._TURN, world.operator.pk])
            thread.start()

            def waits() -> bool:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)"
                )
                return cursor.fetchone()[0]

            wait_for(waits, "the lookup to wait for its turn")
            assert an_ending_could_pass()
    finally:
        other.close()
        thread.join(60)
    assert answered


def test_two_dozen_lookups_at_once_do_not_delay_an_ending(committed_database, settings):
    """As one retailer's people may send them, with words as heavy as the form lets through and heavier."""
    settings.LOOKUPS_IN_TEN_MINUTES = {"retailer": (10, 20)}
    world = worlds.build()
    emergency, took = world.declare(), []

    def look_up(words: str):
        def one() -> bool:
            def ask(basis, places):
                form = LookupForm({"words": words}, shown=basis.fields, places=places)
                return reading.Asked(form.terms) if form.is_valid() else None

            try:
                return reading.look_up_by(world.retailer, None, ask) is not None
            except Denied:
                return False

        return one

    def waited(execute, sql, params, many, context):
        begun = monotonic()
        result = execute(sql, params, many, context)
        if params == [clock.TURNSTILE]:
            took.append(monotonic() - begun)
        return result

    def end() -> None:
        with connection.execute_wrapper(waited):  # what else it takes here is this one process's threads
            lifecycle.end(emergency, world.supervisor)

    at_once(*map(look_up, [SWELLING, LONG] * 12), end)
    (wait,) = took
    assert wait < 1, f"the ending waited {wait:.2f} s at the turnstile"
