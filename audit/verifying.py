"""Verifying the history: everything that is sealed is computed again, from the first leaf on.

What somebody who owns the database could do is looked for: an entry changed, missing, put in or moved;
a seal changed, missing, signed by another key, or other than what was published; a refusing trigger gone.
The first thing found of each seal is named; nothing is mended. `audit.walk` goes through the leaves; what
no leaf could tell is looked for here, and by `audit.replay`, whether the tables are what the history decided.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from access import policy
from access.errors import Unfit
from access.people import Person
from audit import archiving, guards, publishing, recording, replay, two_readings
from audit.faults import MOST, Outcome
from audit.models import Seal, Unsealed
from audit.sealing import LATE, SOON
from audit.signing import NoKey
from audit.walk import Walk

#: Leaves read at once.
PIECE = 5_000


def verify(
    since: datetime | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    archives: Iterable[Path] = (),
) -> Outcome:
    """Computes all seals again, or those made from `since` on (aware), and reads `archives` back. Raises NoKey.

    Reads in pieces, each a statement of its own: what is sealed stays, so nothing needs to be held still.
    What is sealed meanwhile is left for the next time. progress: is told how many entries of how many are done.
    """
    outcome = Outcome()
    guards.check_schema(outcome)
    archived: set[int] = set()
    for path in archives:
        try:
            archived |= archiving.check_against_seals(path)
        except archiving.NotArchived as why:
            outcome.add("archive_differs", why=str(why))
    outcome.read_back = len(archived)
    walk = Walk(outcome, since, archived)
    total = walk.left()
    for piece in walk.pieces(PIECE):
        walk.go_on(piece)
        progress(outcome.entries, total)
    walk.stop()
    two_readings.compare(outcome)
    check_completeness(outcome)
    check_published(outcome)
    replay.check(outcome)
    return outcome


def on_errand(
    person: Person, wanted: dict, progress: Callable[[int, int], None], write: Callable[[bytes], Any]
) -> dict:
    """Verifies the whole history for an auditor who asked for it; what came of it is in the history.

    Returns the outcome as JSON. Raises Denied, or Unfit where there is no key to check with.
    """
    policy.check_may(person, "audit.read_history")
    try:
        outcome = verify(progress=progress)
    except NoKey as error:
        raise Unfit(str(error)) from None
    recording.decision(
        "history.verified" if outcome.ok else "history.not_verified",
        actor=person,
        detail={"count": outcome.entries, "seals": outcome.seals, "faults": len(outcome.faults)},
    )
    return outcome.as_json()


def check_completeness(outcome: Outcome) -> None:
    """Notes entries that are in no seal, such as wait for one too long, and nodes of no leaves."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        cursor.execute(
            'SELECT e.id, e."timestamp"::text FROM audit_logentry e WHERE NOT EXISTS (SELECT FROM '
            'audit_sealedentry s WHERE s.entry_id = e.id AND s."timestamp" = e."timestamp") AND NOT EXISTS '
            '(SELECT FROM audit_unsealed u WHERE u.entry_id = e.id AND u."timestamp" = e."timestamp" '
            "AND NOT EXISTS (SELECT FROM audit_sealedentry s WHERE s.entry_id = u.entry_id)) LIMIT %s",
            [MOST],
        )
        for pk, at in cursor.fetchall():
            outcome.add("entry_inserted", entry=pk, at=at)
        # as text: a time that no calendar of Python's has
        cursor.execute(
            'SELECT entry_id, "timestamp"::text, "timestamp" > statement_timestamp() FROM audit_unsealed WHERE '
            '"timestamp" < statement_timestamp() - make_interval(secs => %s) OR "timestamp" > statement_timestamp() + make_interval(secs => %s) '
            "ORDER BY 1 LIMIT %s",
            [LATE.total_seconds(), SOON.total_seconds(), MOST],
        )
        for pk, at, is_to_come in cursor.fetchall():
            outcome.add("entry_postdated" if is_to_come else "entry_unsealed", entry=pk, at=at)
        cursor.execute(
            "SELECT start, width FROM audit_node WHERE start + width > (SELECT coalesce(max(position) + 1, 0) "
            "FROM audit_sealedentry) LIMIT 1"
        )
        for start, width in cursor.fetchall():
            outcome.add("node_differs", start=start, end=start + width - 1)
    outcome.waiting = Unsealed.objects.count()


def check_published(outcome: Outcome) -> None:
    """Compares the seals with the heads that lie in files outside; a file that is gone holds none."""
    due = timezone.now() - LATE
    for where, lines in publishing.published_lines():
        there: set[int] = set()
        for piece in _by_pieces(lines):
            kept = dict(Seal.objects.filter(number__in=[n for n, _ in piece]).values_list("number", "head"))
            for number, head in piece:
                there.add(number)
                outcome.published += 1
                if kept.get(number) != head:
                    outcome.add("seal_unpublished", seal=number, where=where)
        should = Seal.objects.filter(Q(made_at__lt=due) | Q(heads__destination=where)).order_by("number")
        missing = next(
            (n for n in should.values_list("number", flat=True).iterator() if n not in there), None
        )
        if missing is not None:
            outcome.add("head_missing", seal=missing, where=where)


def _by_pieces(lines: Iterable[tuple[int, str]]) -> Iterator[list[tuple[int, str]]]:
    lines = iter(lines)
    while piece := list(islice(lines, PIECE)):
        yield piece
