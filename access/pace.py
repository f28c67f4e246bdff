"""How fast somebody looks callers up: a rate that no caller explains is slowed, then stopped.

The rate is asked of the history itself, so it holds whatever Redis or a worker does. A contractor's thresholds
are the contract's, other audiences' the settings'. Stopping is refusing; a sweep then revokes what a contractor
holds, and tells of the others (`access.stopping`).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db import connection

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

#: A story's entries have one correlation id: one a customer, or one that names none. Who was stopped and is granted
#: anew begins anew, and nobody else: neither a second emergency nor another grant of who was not stopped counts.
RECENT = """
SELECT count(DISTINCT customers), count(*) FILTER (WHERE customers IS NULL), max(last) FROM (
  SELECT array_agg(DISTINCT customer_id) FILTER (WHERE customer_id IS NOT NULL) AS customers, max("timestamp") AS last
  FROM audit_logentry WHERE actor_id = %(person)s AND kind = ANY(%(kinds)s) AND "timestamp" > %(since)s {anew}
  GROUP BY cid
) AS stories
"""
_ANEW = """AND "timestamp" > coalesce((
    SELECT %(granted_at)s FROM audit_logentry WHERE actor_id = %(person)s AND kind = 'denial' AND event = 'denied' AND reason = 'stopped'
      AND "timestamp" > %(since)s HAVING max("timestamp") < %(granted_at)s), %(since)s)"""
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


def check(basis: Basis, now: datetime) -> None:
    """Raises Denied for who looks up too fast. The person has taken their turn. now: by the database's clock.

    Its reason is "too_fast" for who has to wait; "stopped" for a contractor who is stopped, and "paused" for
    anybody else, who goes on when the window is over.
    """
    limits = basis.limits
    recent = recent_lookups(basis.person, now - WINDOW, limits.granted_at)
    facts = {"inquiry_id": basis.inquiry_id, "emergency_id": basis.scopes[0].emergency_id}
    if recent.count >= limits.stop_after:
        raise Denied("stopped" if limits.granted_at else "paused", **facts)
    if recent.count >= limits.slow_after and recent.last and recent.last > now - timedelta(seconds=SLOWED):
        raise Denied("too_fast", **facts)


def recent_lookups(person: Person, since: datetime, granted_at: datetime | None = None) -> Recent:
    """The person's lookups since a moment (aware), or since they were granted anew after having been stopped.

    Seeing the same customers again (a page that reads itself again) is the same lookup.
    """
    anew = _ANEW if granted_at and granted_at > since else ""
    about: dict[str, Any] = {
        "person": person.pk,
        "kinds": list(_LOOKUPS),
        "since": since,
        "granted_at": granted_at,
    }
    with connection.cursor() as cursor:
        cursor.execute(RECENT.format(anew=anew), about)
        hits, misses, last = cursor.fetchone()
    return Recent(hits + ceil(misses / MISSES), last)
