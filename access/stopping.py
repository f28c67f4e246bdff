"""Stopping who looks up more than callers explain: what is refused already is revoked, and told."""

from django.db import transaction

from access import clock, notices, pace, revoking
from access.models import Grant, Notice, Person
from access.reconcile import reconcile
from audit.models import LogEntry

#: As a grant's reason for being revoked: kept, so not in a language of the moment.
BECAUSE = "問い合わせの件数では説明のつかない速さの照会 / lookups faster than callers explain"


@transaction.atomic
def revoke_who_was_stopped() -> int:
    """Revokes the grants of people who were stopped while holding them, and tells supervisors."""
    since = clock.database_now() - pace.WINDOW
    # What came again is one entry afterwards (`audit.repeats`), maybe after another grant was given
    stopped = LogEntry.objects.filter(
        kind=LogEntry.Kind.DENIAL, event="denied", reason="stopped", timestamp__gt=since
    )
    count = 0
    for person in Person.objects.filter(pk__in=stopped.values("actor")):
        last = stopped.filter(actor=person).newest_first()[0].timestamp
        running = Grant.objects.running().filter(roster_entry__person=person, starts_at__lt=last)
        if not running.exists():
            continue
        now = clock.time_of_ending()
        count += revoking.write_revocations(Person.objects.system(), running, BECAUSE, now)
        notices.stopped(person, last)
    if count:
        reconcile()
    return count


@transaction.atomic
def tell_of_who_was_paused() -> int:
    """Tells supervisors of people who need no grant and were stopped: once for each window."""
    since = clock.database_now() - pace.WINDOW
    pauses = LogEntry.objects.filter(
        kind=LogEntry.Kind.DENIAL, event="denied", reason="paused", timestamp__gt=since
    )
    count = 0
    for person in Person.objects.filter(pk__in=pauses.values("actor")):
        told = Notice.objects.filter(
            kind="paused", about__startswith=f"person {person.pk} ", made_at__gt=since
        )
        if not told.exists():
            notices.paused(person, pauses.filter(actor=person).newest_first()[0].timestamp)
            count += 1
    return count
