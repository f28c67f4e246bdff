"""Faults, with real processes: whatever dies, nothing is disclosed past the end, and all becomes right by itself."""

import json
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from redis import Redis

from access import clock, lifecycle, notices
from access.models import AreaUserPermission, Emergency, Heartbeat, Notice, Person, RosterEntry, Session
from audit.models import LogEntry
from tests import world as worlds
from tests.journeys.servers import (
    AT_ONCE,
    POLITELY,
    Caller,
    FaultyPortal,
    Servers,
    Visitor,
    eventually,
    portal_on,
    the_last_permission,
    turn_to_reconcile,
    writing_into,
)
from tests.mail_server import hang, mail_server
from tests.world import MARUGAME, TAKAMATSU

pytestmark = pytest.mark.journey

#: Grants of the large ending; `make drill` has five times as many.
LARGE = int(os.environ.get("LARGE_ENDING", "1000"))
#: The statements in which an ending is caught.
WRITING_THE_END = 'UPDATE "access_emergency" SET'
TAKING_TURNS = "SELECT pg_advisory_xact_lock"
TAKING_PERMISSIONS = "DELETE FROM access_areauserpermission"
CLOSING_SESSIONS = 'DELETE FROM "access_session" WHERE "access_session"."session_key" IN'
CLEARING_SESSIONS = 'DELETE FROM "access_session" WHERE "access_session"."expire_date"'


@pytest.fixture
def servers(worker_id) -> Iterator[Servers]:
    with Servers(f"faults-{worker_id}") as own:
        own.start("Redis")
        yield own


@pytest.fixture
def portal(committed_database, servers, tmp_path) -> Iterator[FaultyPortal]:
    """On the suite's PostgreSQL, and on a Redis that may be stopped."""
    with portal_on(servers, tmp_path, "web", "worker", "beat") as portal:
        yield portal


@pytest.fixture
def portal_without_beat(committed_database, servers, tmp_path) -> Iterator[FaultyPortal]:
    with portal_on(servers, tmp_path, "web", "worker", "worker2") as portal:
        yield portal


@pytest.fixture
def portal_on_its_own_postgresql(
    servers, tmp_path, django_db_setup, django_db_blocker
) -> Iterator[FaultyPortal]:
    servers.start("PostgreSQL")
    start = ("web", "worker", "beat")
    with django_db_blocker.unblock(), servers.database(), portal_on(servers, tmp_path, *start) as portal:
        yield portal


def add_contractors(world: worlds.World, count: int, signed_in: int = 0) -> None:
    """As many more on the roster, some of them signed in."""
    sample, now = world.contractor, clock.database_now()
    people = Person.objects.bulk_create(
        Person(username=f"many{n}", name=f"受託 {n}", role="contractor", organization=sample.organization)
        for n in range(count)
    )
    facts = {"contract": world.contract, "added_by": world.supervisor, "trained_on": timezone.localdate()}
    RosterEntry.objects.bulk_create(RosterEntry(person=person, **facts) for person in people)
    until = now + timedelta(hours=12)
    Session.objects.bulk_create(
        Session(session_key=f"{person.pk:032}", person=person, signed_in_at=now, expire_date=until)
        for person in people[:signed_in]
    )
    with connection.cursor() as cursor:  # as autovacuum does in time
        cursor.execute("ANALYZE")


def the_portal_says_is_missing(portal: FaultyPortal, *what: str) -> None:
    eventually(lambda: portal.missing() == list(what), f"/readyz to say what is missing: {what}")


def the_portal_says_that_all_is_well(portal: FaultyPortal) -> None:
    the_portal_says_is_missing(portal)


def the_silence_is_told_once(portal: FaultyPortal) -> None:
    """Each supervisor and administrator has one notice of this silence: of web and beat both notice it, and none is asked."""
    told = Notice.objects.filter(kind="silent", made_at__gt=Heartbeat.objects.get().heard_at)
    people = Person.objects.filter(role__in=["supervisor", "administrator"])
    eventually(told.exists, "the silence to be noticed")
    assert "worker" in portal.missing()
    assert sorted(told.values_list("person", flat=True)) == sorted(people.values_list("pk", flat=True))


def sessions_of_contractors() -> int:
    return Session.objects.filter(person__role="contractor").count()


def permissions_and_sessions_go_by_themselves() -> None:
    eventually(lambda: not AreaUserPermission.objects.exists(), "the permissions to go")
    eventually(lambda: not sessions_of_contractors(), "the sessions to close")


def happened(event: str) -> int:
    return LogEntry.objects.filter(event=event).count()


def history() -> set[tuple]:
    return set(LogEntry.objects.values_list("pk", "timestamp", "event", "actor_username"))


def the_law_was_kept(before: set[tuple], *callers: Caller) -> None:
    """No disclosure past an end, no page without its entry, and nothing lost of the history before the fault."""
    for emergency in Emergency.objects.all():
        disclosures = LogEntry.objects.disclosures().of_emergency(emergency.pk)
        assert disclosures.exists()
        assert not disclosures.filter(timestamp__gt=emergency.ended_at or emergency.expires_at).exists()
    for caller in callers:
        caller.saw_nobody_after_the_end()
        entries = LogEntry.objects.disclosures().filter(actor_username=caller.username).count()
        # An entry without its page is an answer that was lost on its way
        assert caller.pages_with_a_customer() <= entries
        assert entries <= caller.pages_with_a_customer() + caller.broken_answers()
        caller.read_no_innards()
    assert before <= history()


def end_before_the_worker_reconciles(emergency: Emergency, by: Person) -> None:
    """Ends it while the worker waits for its turn: a sweep that is further on would close sessions first."""
    with closing(turn_to_reconcile()) as turn:
        eventually(lambda: turn.stops(TAKING_TURNS), "the worker to wait for its turn")
        lifecycle.end(emergency, by)


@pytest.mark.long
def test_a_worker_killed_in_the_middle_of_a_large_ending(portal):
    add_contractors(portal.world, LARGE, signed_in=LARGE // 5)
    emergency = portal.world.declare()
    assert happened("grant.given") == LARGE + 2
    with Caller(portal, "contractor") as caller, closing(the_last_permission()) as last:
        before, permissions = history(), AreaUserPermission.objects.count()
        end_before_the_worker_reconciles(emergency, portal.world.supervisor)
        caller.is_over()
        eventually(lambda: last.stops(TAKING_PERMISSIONS), "the worker to have taken all permissions but one")
        portal.kill("worker")
        assert AreaUserPermission.objects.count() == permissions == 2 * (LARGE + 2)
        caller.must_be_refused()
        the_portal_says_is_missing(portal, "worker")
        the_silence_is_told_once(portal)
        with closing(writing_into("access_session")) as sessions:
            last.close()
            portal.start("worker")
            eventually(lambda: sessions.stops(CLOSING_SESSIONS), "the next to have written what it closes")
            portal.kill("worker")
            assert (sessions_of_contractors(), happened("session.closed")) == (LARGE // 5 + 1, 0)
        portal.start("worker")
        permissions_and_sessions_go_by_themselves()
        the_portal_says_that_all_is_well(portal)
    assert (happened("emergency.ended"), happened("session.closed")) == (1, LARGE // 5 + 1)
    the_law_was_kept(before, caller)


def declare_through_the_form(supervisor: Visitor) -> Emergency:
    world = supervisor.portal.world
    declared = supervisor.send(
        "/emergencies/declare/",
        kind="typhoon",
        name="台風第14号",
        areas=[world.areas[code].pk for code in (TAKAMATSU, MARUGAME)],
        contracts=world.contract.pk,
        expires_at=f"{timezone.localtime() + timedelta(hours=6):%Y-%m-%dT%H:%M}",
    )
    emergency = Emergency.objects.open().get()
    assert declared.address.endswith(f"/emergencies/{emergency.pk}/")
    return emergency


def end_through_the_form(supervisor: Visitor, emergency: Emergency) -> None:
    assert supervisor.send(f"/emergencies/{emergency.pk}/end/").status == 200
    assert not Emergency.objects.open().exists()


@pytest.mark.long
def test_redis_stopped_before_during_and_after_an_ending(portal, servers):
    supervisor = Visitor(portal, "supervisor")
    servers.stop("Redis")
    first = declare_through_the_form(supervisor)
    with Caller(portal, "contractor") as caller:
        before = history()
        assert "redis" in portal.missing()
        servers.start("Redis")
        the_portal_says_that_all_is_well(portal)
        with closing(the_last_permission()) as last:
            end_through_the_form(supervisor, first)
            caller.is_over()
            eventually(lambda: last.stops(TAKING_PERMISSIONS), "the worker to be in the middle of it")
            servers.stop("Redis")
        permissions_and_sessions_go_by_themselves()
        caller.must_be_refused()
    before |= history()
    second = declare_through_the_form(supervisor)
    with Caller(portal, "contractor02") as other:
        end_through_the_form(supervisor, second)
        other.is_over()
        the_portal_says_is_missing(portal, "redis", "worker")
        assert supervisor.ask("/board/").status == 200
        the_silence_is_told_once(portal)
        assert AreaUserPermission.objects.exists(), "nobody heard of the ending"
        other.must_be_refused()
        servers.start("Redis")
        permissions_and_sessions_go_by_themselves()
        the_portal_says_that_all_is_well(portal)
    the_law_was_kept(before, caller, other)
    assert not caller.broken_answers() + other.broken_answers(), "Redis is nothing to a caller"


def restart(servers: Servers, how: int, portal: FaultyPortal, caller: Caller) -> None:
    """PostgreSQL stops; the portal and its pages say so; it starts again."""
    servers.stop("PostgreSQL", how)
    connection.close()
    the_portal_says_is_missing(portal, "database", "worker")
    caller.must_get(
        "an error in plain words",
        lambda page: page.status == 500 and "システムで問題が発生しました" in page.text,
    )
    servers.start("PostgreSQL")


def test_postgresql_restarted_among_lookups_and_in_the_middle_of_an_ending(
    portal_on_its_own_postgresql, servers
):
    portal = portal_on_its_own_postgresql
    emergency = portal.world.declare()
    with Caller(portal, "contractor") as caller:
        before = history()
        for how in (POLITELY, AT_ONCE):
            restart(servers, how, portal, caller)
            caller.must_be_helped()
            before |= history()
        with closing(the_last_permission()) as last:
            lifecycle.end(emergency, portal.world.supervisor)
            caller.is_over()
            eventually(lambda: last.stops(TAKING_PERMISSIONS), "the worker to be in the middle of it")
            restart(servers, AT_ONCE, portal, caller)
        caller.must_be_refused()
        permissions_and_sessions_go_by_themselves()
        the_portal_says_that_all_is_well(portal)
    assert (happened("emergency.ended"), happened("session.closed")) == (1, 1)
    the_law_was_kept(before, caller)


def test_two_beats_and_two_workers_do_everything_once(portal):
    portal.start("worker2", "beat2")
    add_contractors(portal.world, 50, signed_in=50)
    emergency = portal.world.declare()
    with Caller(portal, "contractor") as caller:
        before = history()
        with closing(turn_to_reconcile()) as turn:
            AreaUserPermission.objects.filter(user__username__startswith="many").delete()
            eventually(lambda: len(turn.stops(TAKING_TURNS)) == 2, "both workers to wait for their turn")
        eventually(lambda: AreaUserPermission.objects.count() == 104, "the permissions to be given back")
        Emergency.objects.update(expires_at=clock.database_now() + timedelta(seconds=2))
        with closing(writing_into("access_emergency")) as end:
            eventually(lambda: end.stops(WRITING_THE_END), "one worker to write the end")
            caller.is_over()
            [writer] = end.stops(WRITING_THE_END)
            permissions_and_sessions_go_by_themselves()
            assert end.stops(WRITING_THE_END) == {writer}, "the other worker did the rest meanwhile"
        eventually(lambda: happened("review.opened"), "the review")
        caller.must_be_refused()
        the_portal_says_that_all_is_well(portal)
    emergency.refresh_from_db()
    assert emergency.ended_at == emergency.expires_at
    reconciled = LogEntry.objects.filter(event="permissions.reconciled").order_by("pk")
    counts = [(one.additional_data["added"], one.additional_data["removed"]) for one in reconciled]
    assert counts == [(104, 0), (100, 0), (0, 104)]
    for event in ("emergency.expired", "review.opened"):
        assert happened(event) == 1
    assert happened("session.closed") == 51
    the_law_was_kept(before, caller)


def test_a_worker_killed_while_it_sends_emails_and_nobody_asks_for_it(committed_database, servers, tmp_path):
    """Each message is sent, or still to send; web and beat tell of the silence, by email too."""
    told = {"name": "台風第14号", "until": timezone.now().isoformat()}
    with (
        mail_server() as mail,
        portal_on(servers, tmp_path, EMAIL_URL=f"smtp://127.0.0.1:{mail.port}") as portal,
    ):
        hung = portal.world.auditor.email
        mail.answers[hung] = hang
        notices.tell(portal.world.people.values(), "ended", "emergency 1", told, "/")
        portal.start("worker", "beat")
        eventually(lambda: mail.tries[hung], "the worker to be in the middle of it")
        portal.kill("worker")
        sent, in_flight = Counter(mail.received), Notice.objects.get(person__email=hung)
        assert in_flight.emailed_at is None
        assert in_flight.email_tries == 1
        assert in_flight.email_due_at > timezone.now(), "nobody sends it again at once"
        assert Notice.objects.filter(email_tries=0).exists() or len(sent) == len(portal.world.people) - 1
        Heartbeat.objects.update_or_create(pk=1, defaults={"heard_at": timezone.now()})
        people = Person.objects.filter(role__in=["supervisor", "administrator"])
        silent = Notice.objects.filter(kind="silent", emailed_at__isnull=False)
        eventually(lambda: silent.count() == people.count(), "beat to notice the silence and to mail it")
        everybody = {person.email for person in portal.world.people.values()} - {hung}
        eventually(lambda: set(mail.received) == everybody, "the rest to be sent by who lives")
        twice = {person.email for person in people}
        assert mail.received == Counter({one: 2 if one in twice else 1 for one in everybody})


def deliver_twice_more(queue: Redis) -> None:
    """What Redis has given to a worker, and had no answer to, is given again."""
    [unanswered] = queue.hvals("unacked")
    message, _exchange, _key = json.loads(unanswered)
    queue.lpush("celery", *[json.dumps(message)] * 2)


def test_a_task_delivered_three_times_is_done_once(portal_without_beat, servers):
    portal = portal_without_beat
    add_contractors(portal.world, 50, signed_in=50)
    emergency = portal.world.declare()
    queue = Redis(unix_socket_path=str(servers.place.redis_socket))
    supervisor = Visitor(portal, "supervisor")
    eventually(lambda: portal.logged(" ready.") == 2, "both workers to listen")
    assert portal.missing() == ["worker"], "none has been heard from"
    with Caller(portal, "contractor") as caller:
        before = history()
        with closing(writing_into("access_session")) as sessions:
            end_through_the_form(supervisor, emergency)
            caller.is_over()
            eventually(lambda: sessions.stops(CLOSING_SESSIONS), "the first to close the sessions")
            first = sessions.stops(CLOSING_SESSIONS)
            deliver_twice_more(queue)
            eventually(lambda: sessions.stops(CLEARING_SESSIONS), "the second to leave that to it")
            assert sessions.stops(CLOSING_SESSIONS) == first
        eventually(lambda: portal.logged("succeeded in") == 3, "the task to have been done thrice")
        assert not queue.exists("celery", "unacked")
        permissions_and_sessions_go_by_themselves()
        caller.must_be_refused()
        the_portal_says_that_all_is_well(portal)
    for event in ("emergency.ended", "review.opened"):
        assert happened(event) == 1
    assert happened("permissions.reconciled") == 2, "given at the declaration, taken at the end"
    assert happened("session.closed") == 51
    assert Notice.objects.filter(kind="ended", person=portal.world.supervisor).count() == 1
    the_law_was_kept(before, caller)
