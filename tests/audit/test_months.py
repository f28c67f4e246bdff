"""The history by month: an entry lies in its month of Japan's, and every month refuses what the whole refuses."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction

from audit import months, recording
from audit.models import LogEntry, Unsealed

pytestmark = pytest.mark.django_db


def lies_in(entry: LogEntry) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_logentry WHERE id = %s", [entry.pk])
        return cursor.fetchone()[0]


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


def test_an_entry_lies_in_its_month_of_japans(world):
    months.add(datetime(2024, 2, 1, tzinfo=UTC), datetime(2024, 3, 1, tzinfo=UTC))
    last_second = datetime(2024, 2, 29, 14, 59, 59, tzinfo=UTC)
    for moment, month in ((last_second, "2024_02"), (last_second + timedelta(seconds=1), "2024_03")):
        entry = recording.decision("demo.loaded", detail={"customers": 1}, timestamp=moment)
        assert lies_in(entry) == f"audit_logentry_{month}"


def test_the_months_to_come_are_there_and_added_once():
    now = datetime.now(UTC)
    assert months.add(now, now + months.AHEAD) == 0
    there = months.all_months()
    assert months.add(now + timedelta(days=400), now + timedelta(days=400)) == 1
    assert len(months.all_months()) == len(there) + 1
    assert months.missing() == []


def test_a_month_refuses_what_the_whole_history_refuses(world):
    month = lies_in(recording.decision("demo.loaded", detail={"customers": 1}))
    for statement in (
        f"UPDATE {month} SET actor_name = 'x'",
        f"DELETE FROM {month}",
        f"TRUNCATE {month}",
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            run(statement)


def test_what_is_written_waits_for_its_seal(world):
    Unsealed.objects.all().delete()
    one = recording.decision("demo.loaded", detail={"customers": 1})
    recording.decisions(recording.decided("demo.loaded", detail={"customers": n}) for n in range(3))
    waiting = set(Unsealed.objects.values_list("entry_id", "timestamp"))
    assert waiting == set(LogEntry.objects.filter(pk__gte=one.pk).values_list("pk", "timestamp"))
    assert len(waiting) == 4


def test_a_month_that_is_not_there_takes_no_entry(world):
    """No log, no data: what cannot be written is refused, and never lies elsewhere."""
    with pytest.raises(IntegrityError, match="no partition"), transaction.atomic():
        recording.decision("demo.loaded", timestamp=datetime(1999, 1, 1, tzinfo=UTC))
