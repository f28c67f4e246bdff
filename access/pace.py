"""How fast somebody looks callers up: a rate that no caller explains is slowed, then stopped.

The rate is asked of the history itself, so it holds whatever Redis or a worker does. A contractor's thresholds
are the contract's, other audiences' the settings'. Stopping is refusing; a sweep then revokes what a contractor
holds, and tells of the others (`access.stopping`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

from django.db import connection
from django.db.models import Max

from access import clock
from access.errors import Denied
from access.people import Person
from access.policy import Basis
from audit.models import LogEntry

#: What the thresholds count lookups in.
WINDOW = timedelta(minutes=10)
#: Seconds between lookups for who is slowed.
SLOWED = 15
#: So many lookups that found nobody count as one: words are tried, and searched as they are typed.
MISSES = 5

#: A story's entries have one correlation id: one a customer, or one that names none.
RECENT = """
SELECT count(DISTINCT customers), count(*) FILTER (WHERE customers IS NULL), max(last) FROM (
  SELECT array_agg(DISTINCT customer_id) FILTER (WHERE customer_id IS NOT NULL) AS customers, max("timestamp") AS last
  FROM audit_logentry WHERE actor_id = %s AND kind = ANY(%s) AND "timestamp" > %s GROUP BY cid
) AS stories
"""
_LOOKUPS = (LogEntry.Kind.DISCLOSURE, LogEntry.Kind.LOOKUP)
#: With the person's key: two of a person's lookups at once are counted one after the other.
_TURN = 20230117


@dataclass(frozen=True)
class Recent:
    """Lookups within the window: how many, and the moment of the last (None: there is none)."""

    count: int
    last: datetime | None


def take_turn(person: Person) -> None:
    """Lets one lookup of the person pass at a time. To be called before the turnstile, where nobody may wait."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_TURN, person.pk])


def check(basis: Basis) -> None:
    """Raises Denied for who looks up too fast. The person has taken their turn.

    Its reason is "too_fast" for who has to wait; "stopped" for a contractor who is stopped, and "paused" for
    anybody else, who goes on when the window is over.
    """
    limits, now = basis.limits, clock.database_now()
    recent = recent_lookups(basis.person, _counted_from(basis, now))
    facts = {"inquiry_id": basis.inquiry_id, "emergency_id": basis.scopes[0].emergency_id}
    if recent.count >= limits.stop_after:
        raise Denied("stopped" if limits.granted_at else "paused", **facts)
    if recent.count >= limits.slow_after and recent.last and recent.last > now - timedelta(seconds=SLOWED):
        raise Denied("too_fast", **facts)


def _counted_from(basis: Basis, now: datetime) -> datetime:
    """The moment from which lookups count: who was stopped and is granted anew begins anew, and nobody else.

    A second emergency, or another grant, lets nobody begin anew who was not stopped.
    """
    window, granted_at = now - WINDOW, basis.limits.granted_at
    if granted_at is None or granted_at <= window:
        return window
    stops = LogEntry.objects.filter(
        kind=LogEntry.Kind.DENIAL, actor=basis.person, reason="stopped", timestamp__gt=window
    )
    last = stops.aggregate(last=Max("timestamp"))["last"]
    return granted_at if last and granted_at > last else window


def recent_lookups(person: Person, since: datetime) -> Recent:
    """The person's lookups since a moment (aware).

    Seeing the same customers again (a page that reads itself again) is the same lookup.
    """
    with connection.cursor() as cursor:
        cursor.execute(RECENT, [person.pk, list(_LOOKUPS), since])
        hits, misses, last = cursor.fetchone()
    return Recent(hits + ceil(misses / MISSES), last)
