"""Refusals and failed sign-ins that come again and again: the first is an entry at once, the rest are one entry.

Whoever asks for a thousand pages that are not theirs would fill the history, and hide in it what matters.
Nothing is lost: what comes again is counted in a table, in the transaction that refuses, and its entry is
written when its time is over, by the sweep or by the next of its kind, whichever comes first.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import acting
from audit.models import LogEntry, Repeat

#: How long the same thing is counted before its entry is written.
COUNTED_FOR = timedelta(minutes=1)
#: Where another rule asks for the entries themselves (`access.stopping`), they are not long in coming.
SOON = {"stopped": timedelta(seconds=5)}
#: The most addresses that are kept.
MOST_PLACES = 100

_COUNT = """
INSERT INTO audit_repeat AS r (key, kind, event, reason, actor_id, subject_id, emergency_id, contract_id,
  since, until)
VALUES (%(key)s, %(kind)s, %(event)s, %(reason)s, %(actor)s, %(subject)s, %(emergency_id)s, %(contract_id)s,
  clock_timestamp(), clock_timestamp())
ON CONFLICT (key) DO UPDATE SET count = r.count + 1, until = clock_timestamp(), places = CASE
  WHEN %(place)s = ANY(r.places) OR cardinality(r.places) >= %(most)s THEN r.places
  ELSE array_append(r.places, %(place)s) END
RETURNING count > 0
"""


def again(
    event: str,
    where: str,
    place: str,
    *,
    kind: str,
    reason: str = "",
    actor: Any = None,
    subject: Any = None,
    emergency_id: int | None = None,
    contract_id: int | None = None,
) -> bool:
    """Whether the same was written lately, and so is counted now: else the caller writes it.

    where: what makes it the same thing besides who and why; place: from where it came this time. Belongs to
    the caller's transaction: what is rolled back was neither written nor counted.
    """
    who = {"actor": actor.pk if actor else None, "subject": subject.pk if subject else None}
    facts = {"reason": reason, "emergency_id": emergency_id, "contract_id": contract_id} | who
    key = "|".join(map(str, (event, where, *facts.values())))
    _write(Repeat.objects.filter(_over(), key=key))
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT, facts | {"key": key, "kind": kind, "event": event, "place": place, "most": MOST_PLACES}
        )
        return cursor.fetchone()[0]


@transaction.atomic
def write_down() -> None:
    """Writes the entries of what came again, once its time is over; the sweep's step."""
    _write(Repeat.objects.filter(_over()))


def _over() -> Q:
    soon = Q()
    for reason, time in SOON.items():
        soon |= Q(reason=reason, since__lt=Now() - time)
    return soon | Q(since__lt=Now() - COUNTED_FOR)


def _write(repeats) -> None:
    """One entry for each, and it is counted no longer. Locked: nobody counts on meanwhile, or writes it too."""
    over = list(repeats.select_for_update(of=("self",)).select_related("actor__organization", "subject"))
    LogEntry.objects.bulk_create(_entries(over))
    Repeat.objects.filter(pk__in=[one.pk for one in over]).delete()


def _entries(over: Iterable[Repeat]) -> list[LogEntry]:
    entries = []
    for one in over:
        if not one.count:
            continue
        detail = {"count": one.count, "since": one.since.isoformat(), "until": one.until.isoformat()}
        entry = LogEntry(
            kind=one.kind,
            event=f"{one.event}.repeated",
            reason=one.reason,
            actor=one.actor,
            subject_id=one.subject_id,
            emergency_id=one.emergency_id,
            contract_id=one.contract_id,
            additional_data=detail
            | {"places": one.places}
            | ({"subject": str(one.subject)} if one.subject else {}),
        )
        acting.sign(entry)
        entries.append(entry)
    return entries
