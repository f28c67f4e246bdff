"""What time or an ending asks for. Each task may run twice, late or never: nothing is visible by it."""

from celery import shared_task
from django.conf import settings
from django.core.cache import cache

from access import lifecycle
from access.people import Person, Session
from access.reconcile import reconcile
from audit import acting

#: Where the sweep says that a worker was heard from, and for how many seconds that counts.
HEARD_FROM = "worker-heard-from"
HEARD_FOR = 5 + 5 * settings.SWEEP_SECONDS


@shared_task
def sweep() -> None:
    """Ends what is due, reconciles permissions, closes sessions, and says that a worker lives.

    It finds its work by looking at the facts, so beat's repetition makes good any lost message.
    """
    with acting.as_person(Person.objects.system()):
        lifecycle.end_what_is_due()
        reconcile()
        lifecycle.close_sessions_of_ended_grants()
        Session.objects.expired().delete()
    cache.set(HEARD_FROM, True, timeout=HEARD_FOR)
