"""Whoever lives notices that no worker does: the web process and beat watch, and nobody has to ask.

The one who notices tells supervisors and administrators, in the portal and by email at once: no worker
would send it.
"""

import logging
import threading
from datetime import datetime, timedelta

from django.conf import settings
from django.db import close_old_connections, connections
from django.db.models.functions import Now
from django.urls import reverse

from access import emails, notices
from access.models import Heartbeat, Notice, Person, Role

log = logging.getLogger(__name__)

#: Seconds after which a worker that was not heard from is missed.
SILENCE = 5 + 5 * settings.SWEEP_SECONDS


def worker_silent_since() -> datetime | None:
    """When the last worker was heard from, if that is too long ago; None if all is well or none ever was."""
    limit = Now() - timedelta(seconds=SILENCE)
    beat = Heartbeat.objects.filter(pk=1, heard_at__lt=limit).first()
    return beat.heard_at if beat else None


def miss_the_worker() -> None:
    """Tells supervisors and administrators, once a silence. Never called in a transaction, nor by a request."""
    since = worker_silent_since()
    if since is None:
        return
    about = f"worker {since:%Y-%m-%dT%H:%M:%S}"
    told = Notice.objects.filter(kind="silent", about=about)
    if not told.exists():
        people = Person.objects.filter(role__in=[Role.SUPERVISOR, Role.ADMINISTRATOR], is_active=True)
        notices.tell(people, "silent", about, {"until": since.isoformat()}, reverse("portal:index"))
    emails.send(told)
    emails.send()


def begin() -> threading.Thread:
    """Watches from now on, beside whatever else this process does, and ends with it."""
    thread = threading.Thread(target=_watch, name="watching", daemon=True)
    thread.start()
    return thread


def _watch() -> None:
    rest = threading.Event()
    while not rest.wait(SILENCE / 3):
        close_old_connections()
        try:
            miss_the_worker()
        except Exception:  # a database that does not answer today may answer at the next look
            log.warning("The worker could not be looked after.", exc_info=True)
        finally:
            connections.close_all()
