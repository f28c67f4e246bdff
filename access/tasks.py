"""What time or an ending asks for. Each task may run twice, late or never: nothing is visible by it."""

import logging

from celery import shared_task
from django.db.models.functions import Now

from access import emails, lifecycle, notices, requests, session_ends, stopping, warnings
from access.models import Heartbeat
from access.people import Person, Session
from access.reconcile import reconcile
from audit import acting, errands, months, repeats, review

log = logging.getLogger(__name__)


def _clear_expired_sessions() -> None:
    Session.objects.expired().delete()


#: What a sweep does, in order. Each step is a transaction of its own and finds its work by the facts.
STEPS = (
    lifecycle.end_what_is_due,
    stopping.revoke_who_was_stopped,
    stopping.tell_of_who_was_paused,
    reconcile,
    session_ends.close_sessions_of_ended_grants,
    requests.let_lapse,
    notices.tell_what_time_asks_for,
    warnings.warn,
    months.add_what_is_missing,
    errands.clear_away,
    repeats.write_down,
    _clear_expired_sessions,
    review.open_what_is_due,
)


@shared_task
def sweep() -> None:
    """Does every step, and says that a worker lives; what one step cannot do keeps no other from its work.

    Beat's repetition makes good any lost message. The error of a failed step is raised in the end.
    """
    failed: Exception | None = None
    with acting.as_person(Person.objects.system()):
        for step in STEPS:
            try:
                step()
            except Exception as error:
                log.exception("The sweep's step %s failed; the next sweep tries again.", step.__name__)
                failed = error
    Heartbeat.objects.update_or_create(pk=1, defaults={"heard_at": Now()})
    if failed:
        raise failed


@shared_task
def email_notices() -> None:
    """Emails what people were told: apart from the sweep, for a mail server may be slow."""
    emails.send()
