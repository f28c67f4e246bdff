"""The feed for a SIEM: every sealed entry once, in the order of the tree, also for a reader that is killed."""

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from ocsf.v1_3_0.events import ApiActivity, Authentication, DatastoreActivity, EntityManagement
from pydantic import BaseModel

from access.errors import Unfit
from access.people import Person
from audit import feed, ocsf, recording
from audit.models import LogEntry, SealedEntry
from tests import world as worlds
from tests.audit.test_history import everything
from tests.journeys.conftest import wait_for

#: The classes as the schema's definition of version 1.3.0 has them.
OF_THE_SCHEMA = {3002: Authentication, 3004: EntityManagement, 6003: ApiActivity, 6005: DatastoreActivity}
#: Of every event; the models leave them out. They are looked at one by one below.
OF_EVERY_EVENT = {"category_uid", "class_uid", "type_uid", "time"}


def environment() -> dict[str, str]:
    """The environment of a process on the present database."""
    database = connection.settings_dict
    where = f"{database['HOST']}/{database['NAME']}"
    where = quote(where, safe="") if where.startswith("/") else where
    return os.environ | {
        "DATABASE_URL": f"postgres://{database['USER']}@:{database['PORT'] or 5432}/{where}",
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }


def seal(entries) -> None:
    """Gives the entries the next positions, as the sealer does."""
    start = SealedEntry.objects.count()
    SealedEntry.objects.bulk_create(
        SealedEntry(position=n, entry_id=entry.pk, timestamp=entry.timestamp, digest=bytes(32))
        for n, entry in enumerate(entries, start)
    )


def seal_the_rest() -> None:
    seal(LogEntry.objects.exclude(pk__in=SealedEntry.objects.values("entry_id")).oldest_first())


@contextmanager
def stream(*arguments: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "manage.py", "stream_history", "--seconds-between", "0.05", *arguments],
        cwd=settings.BASE_DIR, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def read(process: subprocess.Popen, count: int) -> list[dict]:
    return [json.loads(process.stdout.readline()) for _ in range(count)]


def rest_of(process: subprocess.Popen) -> bytes:
    """What is left to read of a stream that ends well."""
    rest = process.stdout.read()
    assert (process.wait(20), process.stderr.read()) == (0, b"")
    return rest


def positions(events: list[dict]) -> list[int]:
    return [event["metadata"]["sequence"] for event in events]


def ids(events: list[dict]) -> list[int]:
    return [event["unmapped"]["id"] for event in events]


@pytest.mark.django_db
def test_the_order_is_the_trees_and_an_entry_that_comes_late_is_not_behind_the_reader(world):
    entries = list(LogEntry.objects.oldest_first())
    late, others = entries[3], entries[:3] + entries[4:]
    random.Random(5).shuffle(others)
    seal(others)
    first = list(feed.after(None))
    assert [entry.pk for _position, entry in first] == [entry.pk for entry in others]
    seal([late])
    assert [(position, entry.pk) for position, entry in feed.after(first[-1][0])] == [(len(others), late.pk)]


@pytest.mark.django_db
@pytest.mark.parametrize("at_a_time", [1, 4])
def test_from_any_position_on_nothing_is_skipped_and_nothing_comes_twice(world, monkeypatch, at_a_time):
    monkeypatch.setattr(feed, "CHUNK", at_a_time)
    seal_the_rest()
    whole = [(position, entry.pk) for position, entry in feed.after(None)]
    assert len(whole) == LogEntry.objects.count() > 9
    for position in (0, 3, 4, len(whole) - 1):
        assert [(p, entry.pk) for p, entry in feed.after(position)] == whole[position + 1 :]


@pytest.mark.django_db
def test_what_is_missing_is_said_and_not_passed_over_and_the_position_that_is_named_works(world):
    seal_the_rest()
    here = SealedEntry.objects.count()
    at = LogEntry.objects.latest("pk").timestamp
    SealedEntry.objects.bulk_create(
        SealedEntry(position=here + n, entry_id=10**12 + n, kind="session", timestamp=at, digest=bytes(32))
        for n in range(3)
    )
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    seal([entry])
    with pytest.raises(Unfit, match=f"position {here} is missing.*--from {here + 2}"):
        list(feed.after(None))
    assert list(feed.after(here + 2)) == [(here + 3, entry)]


@pytest.mark.django_db
def test_what_was_dropped_by_its_kind_is_passed_by_and_said(world):
    """Some of a month, here and there between what stays."""
    at = LogEntry.objects.latest("pk").timestamp
    for n in (0, 1, 3):
        SealedEntry.objects.create(
            position=n, entry_id=10**12 + n, kind="session", timestamp=at, digest=bytes(32)
        )
    stays = recording.decision("demo.loaded", detail={"customers": 1})
    SealedEntry.objects.create(position=2, entry_id=stays.pk, timestamp=stays.timestamp, digest=bytes(32))
    month = f"{timezone.localtime(at):%Y-%m}"
    recording.decision("history.dropped", detail={"month": month, "kinds": ["session"], "count": 3})
    assert list(feed.after(None)) == [(0, None), (1, None), (2, stays), (3, None)]
    out, err = StringIO(), StringIO()
    call_command("stream_history", stdout=out, stderr=err)
    assert positions([json.loads(line) for line in out.getvalue().splitlines()]) == [2]
    assert [line.split(" were")[0] for line in err.getvalue().splitlines()] == [
        "Positions 0 to 1", "Positions 3 to 3",
    ]  # fmt: skip


def strangers(told: BaseModel) -> list[str]:
    """The attributes that the schema does not know, here and further in."""
    found = [name for name in told.model_extra or {} if name not in OF_EVERY_EVENT]
    for name in told.model_fields_set & type(told).model_fields.keys() - {"unmapped"}:
        value = getattr(told, name)
        for one in value if isinstance(value, list) else [value]:
            if isinstance(one, BaseModel):
                found += [f"{name}.{stranger}" for stranger in strangers(one)]
    return found


@pytest.mark.django_db
def test_every_kind_of_entry_has_its_class_and_what_the_class_wants(world, client_of):
    everything(world, client_of)
    client_of(world.contractor).get("/history/")
    seen = set()
    for position, entry in enumerate(LogEntry.objects.oldest_first()):
        event = ocsf.event(entry, position)
        told = OF_THE_SCHEMA[event["class_uid"]].model_validate_json(json.dumps(event))
        assert not strangers(told)
        seen.add(entry.kind)
        assert event["class_uid"] == ocsf.CLASSES[LogEntry.Kind(entry.kind)]
        assert event["type_uid"] == event["class_uid"] * 100 + event["activity_id"]
        assert event["category_uid"] == event["class_uid"] // 1000
        assert event["time"] == int(entry.timestamp.timestamp() * 1000)
        assert event["metadata"]["uid"] == str(entry.pk)
        assert event["metadata"]["correlation_uid"] == entry.cid
        assert event["metadata"]["sequence"] == event["unmapped"]["position"] == position
        assert (event["status_id"] == 2) == (
            entry.kind == "denial" or entry.event == "session.sign_in_failed"
        )
        assert event["message"]
    assert seen == set(LogEntry.Kind)


# A real process


def test_a_reader_that_is_killed_and_goes_on_has_every_entry_once(committed_database):
    world = worlds.build()
    seal_the_rest()
    there = SealedEntry.objects.count()
    events = []
    with stream("--follow") as process:
        events += read(process, there)
        recording.decisions(recording.decided("demo.loaded", detail={"customers": n}) for n in range(30))
        shuffled = list(LogEntry.objects.filter(event="demo.loaded"))
        random.Random(7).shuffle(shuffled)
        seal(shuffled[:20])
        events += read(process, 11)
        os.kill(process.pid, signal.SIGKILL)
    seal(shuffled[20:])
    with stream("--follow", "--from", str(positions(events)[-1])) as process:
        events += read(process, 19)
        seal_the_rest()  # the feed's own two beginnings
        events += read(process, 2)
        process.send_signal(signal.SIGTERM)
        assert rest_of(process) == b""
    assert positions(events) == list(range(there + 32))
    assert ids(events) == list(SealedEntry.objects.order_by("position").values_list("entry_id", flat=True))
    assert len(set(ids(events))) == LogEntry.objects.count()
    begun = LogEntry.objects.filter(event="history.feed_begun").oldest_first()
    assert [entry.additional_data["position"] for entry in begun] == [0, there + 11]
    assert {entry.actor for entry in begun} == {Person.objects.system()}
    assert world.auditor


def test_it_ends_with_a_whole_line_when_it_is_told_to_and_quietly_when_nobody_reads(committed_database):
    worlds.build()
    recording.decisions(recording.decided("demo.loaded", detail={"customers": n}) for n in range(2000))
    seal_the_rest()
    with stream() as process:
        read(process, 1)
        process.send_signal(signal.SIGTERM)
        rest = rest_of(process)
    assert not rest or rest.endswith(b"\n")
    assert len(rest.splitlines()) < 2000
    for line in rest.splitlines():
        json.loads(line)
    with stream("--follow") as process:
        read(process, 1)
        process.stdout.close()
        wait_for(lambda: process.poll() is not None, "the end of a stream that nobody reads")
        assert (process.returncode, process.stderr.read()) == (0, b"")


def test_without_following_it_ends_where_the_seals_end(committed_database):
    worlds.build()
    seal_the_rest()
    count = SealedEntry.objects.count()
    recording.decision("demo.loaded", detail={"customers": 1})
    with stream() as process:
        lines = rest_of(process).splitlines()
    assert positions([json.loads(line) for line in lines]) == list(range(count))
