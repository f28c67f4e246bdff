"""Closing the sessions that lived by a grant which is over. Set-based, and late at worst."""

from datetime import datetime

from django.db import transaction
from django.db.models.functions import Least, Now

from access.models import Grant, Person, Session
from access.models.emergencies import ENDS
from audit import recording


@transaction.atomic
def close_sessions_of_ended_grants() -> int:
    """Closes the sessions that lived by a grant which is over; returns how many.

    Such a session was signed in before the grant's end, and its person holds no live grant now. Who
    signs in afterwards keeps their session, and sees that nothing can be looked up.
    """
    live = Grant.objects.live()
    over = (
        Grant.objects.filter(roster_entry__person__in=Session.objects.values("person"))
        .exclude(pk__in=live)
        .exclude(roster_entry__person__in=live.values("roster_entry__person"))
        .annotate(over_at=Least(*ENDS))  # of those that are set
        .filter(over_at__lte=Now())
    )
    pairs = over.values_list("roster_entry__person", "over_at")
    latest: dict[int | None, datetime] = {}
    for person, over_at in pairs:
        latest[person] = max(over_at, latest.get(person, over_at))
    sessions = [
        session
        for session in Session.objects.select_for_update(of=("self",), skip_locked=True)
        .filter(person__in=latest)
        .select_related("person")
        if session.signed_in_at and session.signed_in_at < latest[session.person_id]
    ]
    recording.sessions_closed((session.person for session in sessions), by=Person.objects.system())
    Session.objects.filter(pk__in=[session.pk for session in sessions]).delete()
    return len(sessions)
