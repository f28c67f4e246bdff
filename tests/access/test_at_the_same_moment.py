"""What happens at the same moment, on real connections: a lookup and an ending, two clicks on one button."""

import asyncio
import threading
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import Max
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from access import accounts, emails, inquiries, lifecycle, notices, roster_file, rosters, suspension
from access.clock import database_now
from access.errors import AlreadyDone, Denied
from access.models import DelegationContract, Emergency, Grant, Inquiry, Notice, Person, Request, RosterEntry
from access.reconcile import reconcile
from access.revoking import revoke
from audit import errands, months, recording, repeats, review
from audit.models import Errand, LogEntry, Repeat, Review, ReviewedEntry
from audit.review import open_what_is_due
from customers import importing, reading
from customers.models import Customer
from tests import world as worlds
from tests.customers.test_import import billing_file
from tests.journeys.conftest import wait_for
from tests.mail_server import OK, mail_server
from tests.world import HANAKO, MARUGAME, TAKAMATSU

#: Lookups that are tried at least, over all rounds of a way to end.
READERS, ROUNDS = 3, 12


@pytest.fixture
def world(committed_database) -> worlds.World:
    return worlds.build()


def at_once(*acts: Callable[[], object]) -> list[object]:
    """Calls all in threads with connections of their own, as nearly at once as a barrier allows."""
    barrier, results = threading.Barrier(len(acts)), [None] * len(acts)

    def run(number: int) -> None:
        try:
            connection.ensure_connection()
            barrier.wait()
            results[number] = acts[number]()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return results


def ended(world, emergency):
    lifecycle.end(emergency, world.supervisor)
    emergency.refresh_from_db()
    return emergency.ended_at


def revoked(world, emergency):
    revoke(world.supervisor, emergency.grants.all(), "交代")
    return emergency.grants.aggregate(at=Max("revoked_at"))["at"]


def suspended(world, emergency):
    suspension.suspend(world.supervisor, world.contract, "点検")
    world.contract.refresh_from_db()
    at = world.contract.suspended_at
    suspension.lift(world.supervisor, world.contract)
    return at


def off_the_roster(world, emergency):
    entry = rosters.remove(world.supervisor, world.entry())
    rosters.add(world.supervisor, world.contract, world.contractor, entry.trained_on)
    return entry.removed_at


def left(world, emergency):
    person = Person.objects.get(pk=world.contractor.pk)
    trained_on = world.entry().trained_on
    person.department += "異"
    accounts.save_with_rosters(world.administrator, person)
    entry = RosterEntry.objects.filter(person=person).latest("removed_at")
    rosters.add(world.supervisor, world.contract, person, trained_on)
    return entry.removed_at


def area_taken_away(world, emergency):
    lifecycle.change_areas(world.supervisor, emergency, [world.areas[MARUGAME]])
    return LogEntry.objects.filter(event="emergency.areas_changed").latest("pk").timestamp


def read_until_refused(world, emergency) -> int:
    """Opens the customer again and again until that is refused; returns how often it was shown."""
    call = inquiries.take(world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage"))
    shown = 0
    try:
        while True:
            reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
            shown += 1
    except Denied:
        return shown


@pytest.mark.parametrize("how", [ended, revoked, suspended, off_the_roster, left, area_taken_away])
def test_no_disclosure_is_later_than_what_stopped_it(world, how):
    shown = 0
    for _ in range(ROUNDS):
        emergency = world.declare(TAKAMATSU, MARUGAME)
        some = threading.Semaphore(0)

        def reader(emergency=emergency, some=some) -> int:
            call = inquiries.take(
                world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
            )
            count = 0
            try:
                while True:
                    reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
                    count += 1
                    some.release()
            except Denied:
                return count

        def ending(emergency=emergency, some=some):
            for _ in range(READERS * 10):  # in the midst of it, not before it
                assert some.acquire(timeout=30)
            return how(world, emergency)

        *counts, stopped = at_once(*[reader] * READERS, ending)
        shown += sum(counts)
        last = LogEntry.objects.disclosures().of_emergency(emergency.pk).aggregate(at=Max("timestamp"))["at"]
        assert last < stopped, f"{last - stopped} after the end"
        if not Emergency.objects.get(pk=emergency.pk).ended_at:
            lifecycle.end(emergency, world.supervisor)
    assert LogEntry.objects.disclosures().count() == shown >= READERS * ROUNDS * 10


def test_no_disclosure_is_later_than_an_expiry_that_passes_meanwhile(world):
    for _ in range(ROUNDS):
        emergency = world.declare(TAKAMATSU)
        expiry = database_now() + timedelta(milliseconds=150)
        Grant.objects.filter(emergency=emergency).update(ends_at=expiry)
        Emergency.objects.filter(pk=emergency.pk).update(expires_at=expiry)
        counts = at_once(*[lambda one=emergency: read_or_refused(world, one)] * READERS)
        entries = LogEntry.objects.disclosures().of_emergency(emergency.pk)
        assert entries.count() == sum(counts)
        if counts and sum(counts):
            assert entries.aggregate(at=Max("timestamp"))["at"] < expiry


def read_or_refused(world, emergency) -> int:
    try:
        return read_until_refused(world, emergency)
    except Denied:
        return 0


def clicks(people, path: str, **data) -> list[Client]:
    """The same button clicked by all of the people at the same moment; nobody gets an error page."""
    clicked = sent(people, path, **data)
    assert {answer.status_code for _client, answer in clicked} == {302}
    return [client for client, _answer in clicked]


def sent(people, path: str, **data) -> list[tuple[Client, HttpResponse]]:
    """The same form sent by all of the people at the same moment, and what each is answered."""
    clients = [Client() for _ in people]
    for client, person in zip(clients, people, strict=True):
        assert client.login(username=person.username, password=worlds.PASSWORD)
        client.cookies["portal_language"] = "en"
    answers = at_once(*[lambda one=one: one.post(path, data) for one in clients])
    return list(zip(clients, answers, strict=True))


def words(clients: list[Client]) -> list[str]:
    """What each of them is told on the next page."""
    return [str(next(iter(client.get("/").context["messages"]))) for client in clients]


def test_two_supervisors_end_an_emergency_at_the_same_moment(world):
    emergency = world.declare()
    both = clicks(
        [world.supervisor, world.supervisor02], reverse("portal:end_emergency", args=[emergency.pk])
    )
    assert sorted(words(both)) == [
        "The emergency is ended. Contractors see nothing any more.",
        "This emergency is over already.",
    ]
    assert LogEntry.objects.filter(event="emergency.ended").count() == 1


def test_two_supervisors_suspend_a_contract_at_the_same_moment(world):
    world.declare()
    path = reverse("portal:suspend", args=[world.contract.pk])
    both = clicks([world.supervisor, world.supervisor02], path, because="点検")
    assert "This contract is suspended already." in words(both)
    assert LogEntry.objects.filter(event="contract.suspended").count() == 1
    assert LogEntry.objects.filter(event="grant.revoked").count() == 2


def test_two_supervisors_revoke_the_same_grants_at_the_same_moment(world):
    emergency = world.declare()
    path = reverse("portal:revoke", args=[emergency.pk])
    grants = list(emergency.grants.values_list("pk", flat=True))
    both = clicks([world.supervisor, world.supervisor02], path, grants=grants, because="交代")
    assert sorted(words(both)) == ["2 grants are revoked.", "None of these grants runs any more."]
    assert LogEntry.objects.filter(event="grant.revoked").count() == 2


def test_two_supervisors_grant_the_same_people_at_the_same_moment(world):
    emergency = world.declare(contracts=())
    path = reverse("portal:grant", args=[emergency.pk])
    both = clicks([world.supervisor, world.supervisor02], path, contracts=[world.contract.pk])
    assert sorted(words(both)) == ["0 people hold a grant now.", "2 people hold a grant now."]
    assert Grant.objects.live().count() == 2


def test_a_form_sent_twice_at_the_same_moment_declares_once(world):
    form = {
        "kind": "typhoon", "name": "台風第14号", "areas": [world.areas[TAKAMATSU].pk],
        "expires_at": (database_now() + timedelta(hours=12)).strftime("%Y-%m-%dT%H:%M"),
        "contracts": [world.contract.pk], "form_token": "6f1b0c1e-5c1b-4d4e-9d5a-0a5d1f2b3c4d",
    }  # fmt: skip
    both = clicks([world.supervisor, world.supervisor], reverse("portal:declare_emergency"), **form)
    assert "This emergency is declared already: the form was sent twice." in words(both)
    assert Emergency.objects.count() == 1


def test_two_answers_to_a_request_at_the_same_moment_are_one(world):
    world.ask_under_dual_control()
    Person.objects.filter(username="supervisor-ehime").update(office=world.supervisor.office)
    (asked,) = Request.objects.waiting()
    path = reverse("portal:answer", args=[asked.pk])
    people = [world.supervisor02, world.people["supervisor-ehime"]]
    both = clicks(people, path, answer="agree")
    assert "Somebody has answered this request already." in words(both)
    assert Grant.objects.live().count() == 2


def reviewed(world) -> tuple[Review, ReviewedEntry, Person]:
    """A review with one entry to judge, and a second auditor who may make it."""
    emergency = world.declare()
    call = inquiries.take(world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage"))
    reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
    lifecycle.end(emergency, world.supervisor)
    second = Person.objects.create(
        username="auditor02", name="監査 二", role="auditor", password=worlds.hashed_password(),
        organization=world.organizations["operator"],
    )  # fmt: skip
    open_what_is_due()
    one = Review.objects.get()
    return one, one.entries.get(), second


def test_two_workers_open_the_reviews_of_an_emergency_once(world):
    lifecycle.end(world.declare(), world.supervisor)
    assert sorted(at_once(*[open_what_is_due] * 3)) == [0, 0, 1]
    assert LogEntry.objects.filter(event="review.opened").count() == Review.objects.count() == 1


def test_two_auditors_judge_an_entry_at_the_same_moment(world):
    one, entry, second = reviewed(world)
    path = reverse("portal:mark_entry", args=[one.pk, entry.pk])
    both = sent([world.auditor, second], path, mark="justified", note="", seen="")
    ((first, _led_on),) = [one for one in both if one[1].status_code == 302]
    assert words([first]) == ["Judged."]
    ((_client, page),) = [one for one in both if one[1].status_code == 200]  # what was typed is still there
    assert "has marked this entry meanwhile" in page.content.decode()
    assert LogEntry.objects.filter(event="review.marked").count() == 1


def test_two_auditors_sign_a_review_off_at_the_same_moment(world):
    one, entry, second = reviewed(world)
    review.mark(world.auditor, entry, "justified", "")
    path = reverse("portal:sign_off", args=[one.pk])
    said = words(clicks([world.auditor, second], path, conclusion="問題なし"))
    assert "The review is signed off." in said
    assert any("has signed this review off." in word for word in said), said
    assert LogEntry.objects.filter(event="review.signed_off").count() == 1


def test_two_auditors_open_a_review_again_at_the_same_moment(world):
    """The second asks while the first is at it, and waits to see what becomes of that."""
    one, entry, second = reviewed(world)
    review.mark(world.auditor, entry, "justified", "")
    review.sign_off(world.auditor, one, "問題なし")
    told = []

    def again() -> None:
        try:
            review.reopen(second, one, "新しい申告")
        except Exception as error:
            told.append(type(error))
        finally:
            connection.close()

    thread = threading.Thread(target=again)
    with transaction.atomic(), connection.cursor() as cursor:
        review.reopen(world.auditor, one, "新しい申告")
        thread.start()

        def waits() -> bool:
            cursor.execute(
                "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
            )
            return cursor.fetchone()[0]

        wait_for(waits, "the second to wait for the first")
    thread.join(60)
    assert told == [AlreadyDone]
    assert LogEntry.objects.filter(event="review.reopened").count() == 1


def test_workers_add_a_month_of_the_history_at_the_same_moment(world):
    at = database_now() + timedelta(days=400)
    assert sorted(at_once(*[lambda: months.add(at, at)] * 6)) == [0, 0, 0, 0, 0, 1]


def test_reconciling_twice_at_the_same_moment_makes_it_right_once(world):
    lifecycle.end(world.declare(), world.supervisor)
    done = at_once(*[reconcile] * 4)
    assert sorted(one.removed for one in done) == [0, 0, 0, 4]


def test_lookups_at_the_same_moment_are_counted_one_after_the_other(world):
    """Eight at once, where the pace allows one more: one is answered."""
    call = inquiries.take(
        world.contractor, Inquiry(emergency=world.declare(), caller_name="通報者", kind="outage")
    )
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    for number in range(8):
        hanako.pk, hanako.supply_point_number = None, f"0806{number:018}"
        hanako.phone_key = f"087888{number:04}"
        hanako.save(force_insert=True)
    DelegationContract.objects.update(slow_after=1, stop_after=400)

    def look_up(number: int) -> Callable[[], bool]:
        def one() -> bool:
            try:
                found = reading.look_up(world.contractor, reading.Terms(phone=f"087888{number:04}"), call)
            except Denied as denied:
                return denied.reason != "too_fast"
            return bool(found.customers)

        return one

    assert at_once(*map(look_up, range(8))).count(True) == 1


def test_while_the_mail_server_is_waited_for_every_row_is_free_and_nobody_else_sends(world, settings):
    words = {"name": "台風第14号", "until": database_now().isoformat()}
    notices.tell(world.people.values(), "ended", "emergency 1", words, "/")
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    asked, answered = threading.Event(), threading.Event()

    async def answer_late(server) -> str:
        asked.set()
        while not answered.is_set():
            await asyncio.sleep(0.01)
        return OK

    def change_every_row_meanwhile() -> int:
        assert asked.wait(20)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '2s'")
            Notice.objects.update(read_at=database_now())
            Person.objects.update(last_login=database_now())
            return emails.send()
        finally:
            answered.set()

    with mail_server() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 20
        server.answers[world.auditor.email] = answer_late
        assert at_once(emails.send, change_every_row_meanwhile) == [len(world.people), 0]
        assert set(server.received.values()) == {1}


def test_refusals_are_all_counted_and_written_once(world):
    """The first is an entry, the others are counted, and workers that sweep at once write one entry of them."""

    def refuse() -> None:
        for number in range(10):
            recording.denial(
                world.contractor, "role", path=f"/history/{number}/", page="portal:history_entry"
            )

    at_once(*[refuse] * 8)
    assert LogEntry.objects.denials().count() == 1
    assert Repeat.objects.get().count == 79
    Repeat.objects.update(since=database_now() - timedelta(minutes=2))
    at_once(*[repeats.write_down] * 4)
    (entry,) = LogEntry.objects.filter(event="denied.repeated")
    assert entry.additional_data["count"] == 79
    assert not Repeat.objects.exists()


def test_two_who_ask_for_a_verification_at_once_are_given_the_same(world):
    asked = at_once(*[lambda: errands.ask(Errand.Kind.VERIFY, world.auditor, {}).pk] * 4)
    assert len(set(asked)) == 1


def test_two_who_want_one_username_are_not_both_given_it(world):
    def take(person: Person) -> bool:
        try:
            Person.objects.filter(pk=person.pk).update(username="wanted")
        except IntegrityError:
            return False
        return True

    done = at_once(lambda: take(world.operator), lambda: take(world.contractor))
    assert sorted(done) == [False, True]


def while_it_waits_for(first: Callable[[], object], second: Callable[[], object]) -> object:
    """What the second comes to that began before the first was committed, and waited for that."""
    results: list[object] = []

    def run() -> None:
        try:
            results.append(second())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    with transaction.atomic():
        first()
        thread.start()
        with connection.cursor() as cursor:

            def waits() -> bool:
                cursor.execute("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")
                return cursor.fetchone()[0]

            wait_for(waits, "the second to wait for the first")
    thread.join(60)
    return results[0]


def test_two_imports_at_the_same_moment_come_one_after_the_other(world):
    """The second finds what the first put in, and changes nothing of it: of customers as of a roster."""

    def customers() -> importing.Imported:
        row = {"name": "二重 輸入", "supply_point_number": f"08{'7' * 20}"}
        return importing.load(world.administrator, billing_file(row), "x.csv")

    done = while_it_waits_for(customers, customers)
    assert done.stored == 1
    assert Customer.objects.filter(supply_point_number=f"08{'7' * 20}").count() == 1

    rosters.remove(world.supervisor, world.entry())

    def roster() -> roster_file.Imported:
        return roster_file.load(
            world.supervisor, world.contract, b"username,trained_on\ncontractor,2026-06-01"
        )

    done = while_it_waits_for(roster, roster)
    assert (done.added, done.unchanged) == (0, 1)
