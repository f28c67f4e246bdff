"""Errands: each done once, by one worker at a time; begun again where its worker died; its asker's alone."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.utils import timezone

from access import tasks
from access.errors import Denied, Unfit
from audit import errands, exporting
from audit.models import Errand, LogEntry, Piece
from tests import world as worlds
from tests.audit.test_feed import environment
from tests.journeys.conftest import wait_for

VERIFY, EXPORT = Errand.Kind.VERIFY, Errand.Kind.EXPORT


@pytest.fixture
def asked(world, monkeypatch):
    """What the errand of this test's kind did, and a way to ask for one."""
    seen = []

    def ask(does=lambda person, wanted, progress, write: {}, **more) -> Errand:
        def done(person, wanted, progress, write):
            seen.append(wanted)
            return does(person, wanted, progress, write)

        monkeypatch.setitem(errands.KINDS, EXPORT, done)
        return errands.ask(EXPORT, world.auditor, {"n": Errand.objects.count(), **more})

    ask.seen = seen
    return ask


@pytest.mark.django_db
def test_errands_are_done_in_their_order_and_once(asked):
    first, second = asked(), asked()
    assert errands.do_what_waits() == 2
    assert errands.do_what_waits() == 0
    assert asked.seen == [{"n": 0}, {"n": 1}]
    for errand in (first, second):
        errand.refresh_from_db()
        assert errand.finished_at
        assert errand.outcome == {}


@pytest.mark.django_db
def test_a_file_is_cut_into_pieces_of_a_mebibyte(asked):
    content = os.urandom(2_500_000)

    def does(person, wanted, progress, write):
        for start in range(0, len(content), 700_000):
            write(content[start : start + 700_000])
        return {}

    errand = asked(does)
    errands.do_what_waits()
    pieces = [bytes(piece.content) for piece in errand.pieces.all()]
    assert [len(piece) for piece in pieces] == [2**20, 2**20, 2_500_000 - 2**21]
    assert b"".join(pieces) == content


@pytest.mark.django_db
@pytest.mark.parametrize("error", [Unfit("too much"), ZeroDivisionError()])
def test_what_cannot_be_done_says_so_and_is_not_tried_for_ever(asked, error):
    def does(person, wanted, progress, write):
        write(bytes(2**20))
        raise error

    errand = asked(does)
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.failed
    assert errand.finished_at
    assert not Piece.objects.exists()
    assert errands.do_what_waits() == 0


@pytest.mark.django_db
def test_what_its_asker_may_not_have_is_refused_and_written(world, asked):
    def does(person, wanted, progress, write):
        write(b"x")
        raise Denied("history_not_yours", contract_id=world.contract.pk)

    errand = asked(does)
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.failed == str(Denied("history_not_yours").sentence)
    assert not Piece.objects.exists()
    denial = LogEntry.objects.denials().get()
    assert (denial.reason, denial.actor, denial.cid) == ("history_not_yours", world.auditor, errand.cid)


@pytest.mark.django_db
def test_what_was_given_up_meanwhile_stays_given_up(asked):
    def does(person, wanted, progress, write):
        Errand.objects.update(asked_at=timezone.now() - 2 * errands.KEPT, started_at=None)
        errands.clear_away()
        progress(1, 1)
        return {"at": "last"}

    errand = asked(does)
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.failed
    assert (errand.outcome, errand.done) == (None, 0)


@pytest.mark.django_db
@pytest.mark.parametrize(("language", "word"), [("en", "within a day"), ("ja", "1日")])
def test_who_asked_reads_in_their_language_that_it_was_given_up(asked, language, word):
    errand = asked(language=language)
    Errand.objects.update(asked_at=timezone.now() - 2 * errands.KEPT)
    errands.clear_away()
    errand.refresh_from_db()
    assert word in errand.failed


@pytest.mark.django_db
def test_a_trouble_of_the_database_is_tried_again(asked):
    troubles = [OperationalError("gone")]

    def does(person, wanted, progress, write):
        if troubles:
            raise troubles.pop()
        return {"at": "last"}

    errand = asked(does)
    errands.do_what_waits()
    errand.refresh_from_db()
    assert not errand.finished_at
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.outcome == {"at": "last"}


@pytest.mark.django_db
def test_an_errand_that_the_database_never_can_keeps_no_other_waiting_and_is_given_up(
    world, asked, monkeypatch
):
    def never(person, wanted, progress, write):
        raise OperationalError("canceling statement due to statement timeout")

    monkeypatch.setitem(errands.KINDS, VERIFY, never)
    first = errands.ask(VERIFY, world.auditor, {})
    second = asked()
    assert errands.do_what_waits() == 2
    second.refresh_from_db()
    assert second.outcome == {}
    for tries in (1, 2, errands.TRIES):
        first.refresh_from_db()
        assert (first.tries, bool(first.finished_at)) == (tries, tries == errands.TRIES)
        errands.do_what_waits()
    assert first.failed


@pytest.mark.django_db
def test_an_errand_that_kills_its_worker_each_time_is_given_up(asked):
    errand = asked()
    Errand.objects.update(tries=errands.TRIES, started_at=timezone.now())
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.failed
    assert asked.seen == []


@pytest.mark.django_db
def test_an_errand_is_done_as_who_asked_in_the_story_of_the_asking(world, asked):
    def does(person, wanted, progress, write):
        exporting.recording.decision("demo.loaded", detail={"customers": 1})
        return {}

    errand = asked(does)
    errands.do_what_waits()
    entry = LogEntry.objects.get(event="demo.loaded")
    assert (entry.actor, entry.cid) == (world.auditor, errand.cid)


@pytest.mark.django_db
def test_the_sweep_deletes_files_after_a_day_and_gives_up_what_has_no_end(world, asked):
    assert errands.clear_away in tasks.STEPS
    errand = asked(lambda person, wanted, progress, write: write(b"x") or {})
    errands.do_what_waits()
    fresh = asked()
    errands.clear_away()
    fresh.refresh_from_db()
    assert not fresh.finished_at
    assert errand.pieces.exists()
    long_ago = timezone.now() - errands.KEPT - timedelta(minutes=1)
    Errand.objects.filter(pk=errand.pk).update(finished_at=long_ago)
    Errand.objects.filter(pk=fresh.pk).update(asked_at=long_ago)
    running = asked()
    Errand.objects.filter(pk=running.pk).update(asked_at=long_ago, started_at=timezone.now())
    stuck = asked()
    Errand.objects.filter(pk=stuck.pk).update(asked_at=long_ago, started_at=long_ago)
    errands.clear_away()
    assert not errand.pieces.exists()
    for one in (fresh, running, stuck):
        one.refresh_from_db()
    assert fresh.failed
    assert stuck.failed
    assert not running.finished_at


@pytest.mark.django_db
def test_an_errand_is_its_askers_alone(world, client_of, asked):
    errand = asked()
    errands.do_what_waits()
    assert client_of(world.auditor).get("/errands/").context["errands"].get() == errand
    other = type(world.auditor).objects.create(
        username="auditor02", name="土佐 八重", organization=world.auditor.organization, role="auditor",
        password=worlds.hashed_password(),
    )  # fmt: skip
    client = client_of(other)
    assert client.get(f"/errands/{errand.pk}/").status_code == 403
    assert client.get(f"/errands/{errand.pk}/file/").status_code == 403
    assert list(client.get("/errands/").context["errands"]) == []
    assert client.get("/errands/0/").status_code == 404


# Several workers, on connections of their own


def test_one_worker_at_a_time_and_another_leaves_it_alone(committed_database, monkeypatch):
    world = worlds.build()
    monkeypatch.setitem(errands.KINDS, VERIFY, lambda *_: {})
    errands.ask(VERIFY, world.auditor, {})
    other = connection.copy()
    with other.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [errands.DOING_ERRANDS])
    assert errands.do_what_waits() == 0
    other.close()
    wait_for(lambda: errands.do_what_waits() == 1, "the turn of a worker that is gone")
    another = connection.copy()
    with another.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [errands.DOING_ERRANDS])
        assert cursor.fetchone()[0], "a turn ends with what waits"
    another.close()


SLOW = """
import django; django.setup()
import time
from audit import errands
def slow(person, wanted, progress, write):
    write(bytes(2**20))
    progress(1, 2)
    time.sleep(600)
errands.KINDS["verify"] = slow
errands.do_what_waits()
"""


def test_what_a_killed_worker_had_begun_is_begun_again(committed_database, monkeypatch):
    world = worlds.build()
    errand = errands.ask(VERIFY, world.auditor, {})
    worker = subprocess.Popen([sys.executable, "-c", SLOW], cwd=settings.BASE_DIR, env=environment())
    try:
        wait_for(lambda: Errand.objects.filter(pk=errand.pk, done=1).exists(), "the errand to be under way")
        assert errands.do_what_waits() == 0, "somebody is at it"
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait()
    monkeypatch.setitem(errands.KINDS, VERIFY, lambda person, wanted, progress, write: write(b"new") or {})
    wait_for(lambda: errands.do_what_waits() == 1, "the turn of the worker that was killed")
    errand.refresh_from_db()
    assert errand.outcome == {}
    assert [bytes(piece.content) for piece in errand.pieces.all()] == [b"new"]
