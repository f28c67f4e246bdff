"""Warnings before something ends: an emergency, and each person's access in it, 60 and 15 minutes before.

A person's access may end long before the emergency does, by the ceiling of a contract.
"""

from collections import defaultdict
from datetime import datetime, timedelta

from django.db import transaction
from django.urls import reverse

from access.clock import database_now
from access.models import Emergency, Grant, Person
from access.notices import WARNINGS, supervisors, tell

#: Ends within one of these are told to supervisors as one.
TOGETHER = timedelta(minutes=15)


@transaction.atomic
def warn() -> None:
    """Tells supervisors which emergency ends soon, each person whose access does, and supervisors how many those are.

    A late run says what is true now: the last warning that is due, with the minutes that are left.
    """
    now = database_now()
    for emergency in Emergency.objects.open():
        if warning := _due(emergency.expires_at - now):
            about = f"emergency {emergency.pk} {emergency.expires_at:%Y-%m-%dT%H:%M:%S}"
            path = reverse("portal:extend_emergency", args=[emergency.pk])
            words = _words(emergency, emergency.expires_at, now)
            tell(supervisors(), f"expires_{warning}", about, words, path)
        _warn_of_grants(emergency, now)


def _due(left: timedelta) -> int | None:
    """The warning that so much time before an end belongs to: the nearest to the end."""
    return next((minutes for minutes in reversed(WARNINGS) if left <= timedelta(minutes=minutes)), None)


def _words(emergency: Emergency, until: datetime, now: datetime) -> dict:
    minutes = max(1, round((until - now).total_seconds() / 60))
    return {"name": emergency.name, "until": until.isoformat(), "minutes": minutes}


def _warn_of_grants(emergency: Emergency, now: datetime) -> None:
    holders: dict[tuple[int, datetime], list[int]] = defaultdict(list)
    soon = now + timedelta(minutes=WARNINGS[0])
    windows = Grant.objects.live(now).filter(emergency=emergency).windows_of_people().filter(until__lte=soon)
    for person, since, until in windows:
        # Who was given a quarter of an hour knows that it is one
        if (warning := _due(until - now)) and until - since > timedelta(minutes=warning):
            holders[warning, until].append(person)
    sums: dict[tuple[int, int], list[tuple[datetime, int]]] = defaultdict(list)
    for (warning, until), people in holders.items():
        kind, about = f"grant_{warning}", f"emergency {emergency.pk} {until:%Y-%m-%dT%H:%M:%S}"
        untold = Person.objects.filter(pk__in=people).exclude(notices__kind=kind, notices__about=about)
        tell(untold, kind, about, _words(emergency, until, now), reverse("portal:index"))
        if until < emergency.expires_at:
            sums[warning, int(until.timestamp() // TOGETHER.total_seconds())].append((until, len(people)))
    for (warning, quarter), ends in sums.items():
        words = _words(emergency, min(ends)[0], now) | {"count": sum(count for _until, count in ends)}
        about, path = f"emergency {emergency.pk} {quarter}", reverse("portal:emergency", args=[emergency.pk])
        tell(supervisors(), f"grants_{warning}", about, words, path)
