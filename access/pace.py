"""How fast a contractor looks callers up: a rate that no caller explains is slowed, then stopped.

The rate is asked of the history itself, so it holds whatever Redis or a worker does. The thresholds are
the contract's. Stopping is refusing; a sweep then revokes what the person holds and tells supervisors.
"""

from datetime import datetime, timedelta

from access import clock
from access.errors import Denied
from access.people import Person
from access.policy import Basis
from audit.models import LogEntry

#: What the thresholds count lookups in.
WINDOW = timedelta(minutes=10)
#: Seconds between lookups for who is slowed.
SLOWED = 15

_LOOKUPS = (LogEntry.Kind.DISCLOSURE, LogEntry.Kind.LOOKUP)


def check(basis: Basis) -> None:
    """Raises Denied("too_fast") for who has to wait, Denied("stopped") for who is stopped."""
    limits = basis.limits
    if limits is None:
        return
    facts = {"inquiry_id": basis.inquiry_id, "emergency_id": basis.scopes[0].emergency_id}
    lookups = recent_lookups(basis.person, limits.stop_after)
    if len(lookups) >= limits.stop_after:
        raise Denied("stopped", **facts)
    wait = clock.database_now() - timedelta(seconds=SLOWED)
    if len(lookups) >= limits.slow_after and lookups[0] > wait:
        raise Denied("too_fast", **facts)


def recent_lookups(person: Person, most: int) -> list[datetime]:
    """When the person looked up within the window, latest first, at most `most` times.

    Seeing the same customers again (a page that reads itself again) is the same lookup.
    """
    since = clock.database_now() - WINDOW
    # A lookup writes at most ten entries, a page that reads itself again a few hundred in the window
    entries = (
        LogEntry.objects.filter(actor=person, kind__in=_LOOKUPS)
        .order_by("-pk")
        .values_list("cid", "customer_id", "timestamp")[: most * 20]
    )
    seen: dict[str, set[int | None]] = {}
    last: dict[str, datetime] = {}
    for cid, customer_id, at in entries:
        if at <= since:
            break
        seen.setdefault(cid, set()).add(customer_id)
        last.setdefault(cid, at)
    found: dict[object, datetime] = {}
    for cid, customers in seen.items():
        found.setdefault(cid if None in customers else frozenset(customers), last[cid])
    return sorted(found.values(), reverse=True)[:most]
