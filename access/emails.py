"""Notices as emails: one message to one person, and each has its own fate.

A message is claimed before it is sent and marked after it, each in a transaction of its own, and none
is open while the mail server is waited for. Whoever dies in between leaves one message that is sent
again; what fails is tried again after a pause, a bounded number of times, and holds up no other.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from django.db import connection as database
from django.db import transaction
from django.db.models import Min
from django.db.models.functions import Now
from django.utils import translation

from access import clock
from access.codes import codes
from access.errors import AlreadyDone
from access.models import Notice
from access.models.notices import NoticeQuerySet
from access.notices import CODE, sentence
from access.people import Person
from audit import recording
from customers.one_line import as_one_line

log = logging.getLogger(__name__)

#: How long a message waits after each try that failed; after the last one it is given up. The first is
#: longer than a mail server can take over one message, so that nobody else sends it meanwhile.
PAUSES = tuple(timedelta(minutes=minutes) for minutes in (3, 5, 15, 60, 180))
TRIES = len(PAUSES) + 1
#: While the mail server cannot be reached nothing is tried, and no try is counted. All wait a quarter of
#: the time that the oldest has waited, within these bounds, and what is older than the last is given up.
SHORTEST, LONGEST, TOO_OLD = timedelta(seconds=10), timedelta(minutes=5), timedelta(days=3)
#: After this many seconds a run leaves the rest to the next one.
RUN_SECONDS = 20
#: The advisory lock of the one run at a time, so that a slow mail server keeps one worker busy and no more.
SENDING = 20230117


def send(notices: NoticeQuerySet | None = None) -> int:
    """Sends what is due of `notices` (of all, if None); returns how many were sent.

    Only one run at a time sends; another one returns at once. Never called in a transaction.
    """
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [SENDING])
        if not cursor.fetchone()[0]:
            return 0
    try:
        return _send(Notice.objects.all() if notices is None else notices)
    finally:
        with database.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [SENDING])


def _send(notices: NoticeQuerySet) -> int:
    # Whoever has no address has the portal
    notices.to_email().filter(person__email="").exclude(words__has_key="to").update(emailed_at=Now())
    server, sent, until = get_connection(), 0, time.monotonic() + RUN_SECONDS
    try:
        while time.monotonic() < until and notices.due_to_email().exists():
            try:
                server.open()
            except Exception as error:
                _wait_for_the_server(notices, error)
                break
            if notice := _claim(notices):
                sent += _sent(server, notice)
    finally:
        _close(server)
    return sent


def _claim(notices: NoticeQuerySet) -> Notice | None:
    """The next message that is due, which from now on is nobody else's until its pause is over."""
    with transaction.atomic():
        due = notices.due_to_email().select_for_update(skip_locked=True, of=("self",))
        notice = due.select_related("person").order_by("email_tries", "pk").first()
        if notice:
            notice.email_tries += 1
            pause = PAUSES[min(notice.email_tries, len(PAUSES)) - 1]
            Notice.objects.filter(pk=notice.pk).update(
                email_tries=notice.email_tries, email_due_at=Now() + pause
            )
    return notice


def _sent(server, notice: Notice) -> bool:
    """Sends one message and writes down what came of it."""
    try:
        server.send_messages([_message(notice)])
    except Exception as error:  # whatever it is, it is this message's alone
        log.warning("Notice %s could not be sent: %s", notice.pk, _why(error))
        _close(server)  # after an error nobody knows in which state the conversation is
        Notice.objects.filter(pk=notice.pk).update(email_error=_why(error))
        if notice.email_tries >= TRIES:
            _give_up(Notice.objects.filter(pk=notice.pk))
        return False
    Notice.objects.filter(pk=notice.pk).update(emailed_at=Now(), email_error="")
    return True


def _wait_for_the_server(notices: NoticeQuerySet, error: Exception) -> None:
    """The server cannot be reached: what is due waits, the longer the longer it has waited."""
    log.warning("The mail server cannot be reached: %s", _why(error))
    due, now = notices.due_to_email(), clock.database_now()
    _give_up(due.filter(made_at__lt=now - TOO_OLD), error=_why(error))
    oldest = due.aggregate(oldest=Min("made_at"))["oldest"] or now
    pause = min(max((now - oldest) / 4, SHORTEST), LONGEST)
    due.update(email_due_at=Now() + pause, email_error=_why(error))


def _give_up(notices: NoticeQuerySet, **facts: str) -> None:
    """No more tries: it is written into the history, once for each message."""
    with transaction.atomic():
        lost = list(
            notices.to_email().select_for_update(skip_locked=True, of=("self",)).select_related("person")
        )
        found = Notice.objects.filter(pk__in=[notice.pk for notice in lost])
        found.update(email_given_up_at=Now(), **{f"email_{name}": value for name, value in facts.items()})
        recording.decisions(
            recording.decided(
                "email.given_up",
                subject_id=notice.person_id,
                actor=Person.objects.system(),
                detail={
                    "subject": str(notice.person),
                    "tries": notice.email_tries,
                    "error": facts.get("error", notice.email_error),
                },
            )
            for notice in lost
        )


def try_again(by: Person) -> int:
    """Makes all that was given up due again, as if it had never been tried; returns how many.

    Raises AlreadyDone if there is none.
    """
    with transaction.atomic():
        count = Notice.objects.filter(email_given_up_at__isnull=False).update(
            email_given_up_at=None, email_tries=0, email_due_at=Now()
        )
        if not count:
            raise AlreadyDone
        recording.decision("email.tried_again", actor=by, detail={"count": count})
    return count


def _close(server) -> None:
    try:
        server.close()
    except Exception:
        log.debug("The mail server did not say goodbye.", exc_info=True)


def _why(error: Exception) -> str:
    """What kind of error, and the server's code: never its words, which may repeat an address."""
    code = getattr(error, "smtp_code", None)
    for refused in getattr(error, "recipients", {}).values():
        code = refused[0]
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def _message(notice: Notice) -> EmailMessage:
    """The notice as a message: Japanese, then English, and where to look."""
    said = {}
    for language in ("ja", "en"):
        with translation.override(language):
            said[language] = as_one_line(sentence(notice))
    return EmailMessage(
        subject=said["ja"],
        body=f"{said['ja']}\n\n{said['en']}\n\n{settings.PORTAL_ADDRESS}{notice.path}\n{_code(notice)}",
        to=[_address(notice)],
        # The same notice is the same message, whoever sends it again
        headers={"Message-ID": f"<notice-{notice.pk}@{settings.PORTAL_HOST}>"},
    )


def _address(notice: Notice) -> str:
    """Where the notice goes: to the person, or to an address that was theirs when it was written."""
    return notice.words.get("to") or notice.person.email


def _code(notice: Notice) -> str:
    """The lines with a code to choose a password by, made at this moment; of other notices none."""
    if notice.kind != CODE:
        return ""
    return f"\n{notice.person.username}\n{codes.make_token(notice.person)}\n"
