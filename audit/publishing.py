"""Sending the heads of the seals outside: what others hold, the keeper of the key cannot rewrite.

A head says all that was sealed before it, so whoever holds one can have it compared for ever. SEAL_HEADS
names where to:

    file:///path/heads.jsonl      a line for each seal (a mount that only grows, another machine's)
    syslog://host:514             a line for each seal, to the organisation's collector (RFC 5424 over UDP,
                                  facility auth, severity notice, message id "seal")
    mailto:inbox@regulator.go.jp  the newest head, once in SEAL_MAIL_HOURS

Each is sent in order, and again after a failure: twice does no harm, and none is passed over.
"""

import json
import logging
import logging.handlers
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from socket import gethostname
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection, transaction
from django.utils import timezone

from audit import canonical
from audit.models import Head, Seal

log = logging.getLogger(__name__)
#: The advisory lock of whoever publishes.
PUBLISHING = 20230121
#: Heads sent at once.
BATCH = 1000


def line_of(seal: Seal) -> str:
    """A seal's head as it is sent: the signed text and its signature, one line of JSON."""
    return json.dumps(seal.signed)


def send_heads() -> int:
    """Sends to each destination the heads that it has not had; returns how many.

    What one destination does not take keeps no other from its own; its error is raised in the end.
    """
    count, failed = 0, None
    for destination in settings.SEAL_HEADS:
        try:
            count += _send(destination)
        except (OSError, ValueError) as error:
            log.error("Heads cannot be sent to %s: %s", destination, error)
            failed = error
    if failed:
        raise failed
    return count


@transaction.atomic
def _send(destination: str) -> int:
    """Sends what is due to one destination, as far as it goes, and notes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [PUBLISHING, destination])
    sent = Head.objects.filter(destination=destination).order_by("-seal_id").first()
    to_send = Seal.objects.filter(number__gt=sent.seal_id if sent else 0)
    scheme = urlsplit(destination).scheme
    if scheme == "mailto":
        due = not sent or sent.sent_at <= timezone.now() - timedelta(hours=settings.SEAL_MAIL_HOURS)
        seals = list(to_send.order_by("-number")[:1]) if due else []
    else:
        seals = list(to_send.order_by("number")[:BATCH])
    if not seals:
        return 0
    SENDERS[scheme](destination, seals)
    Head.objects.bulk_create(Head(seal=seal, destination=destination) for seal in seals)
    return len(seals)


def _to_file(destination: str, seals: list[Seal]) -> None:
    path = _path(destination)
    with path.open("a+b") as file:
        # A line that a crash broke off is ended, so that it spoils no other
        if file.tell() and not _ends_a_line(file):
            file.write(b"\n")
        file.write("".join(f"{line_of(seal)}\n" for seal in seals).encode())
        file.flush()
        os.fsync(file.fileno())


def _to_syslog(destination: str, seals: list[Seal]) -> None:
    address = urlsplit(destination)
    where = (address.hostname, address.port or 514) if address.hostname else address.path
    handler = _Syslog(where, facility=logging.handlers.SysLogHandler.LOG_AUTH)
    try:
        for seal in seals:
            # The header of RFC 5424; a daemon on a local socket wants the older form, a tag alone
            header = f"1 {canonical.moment(seal.made_at)} {gethostname()} emergency-desk - seal -"
            handler.ident = f"{header} " if address.hostname else "emergency-desk: "
            handler.emit(logging.makeLogRecord({"msg": line_of(seal)}))
    finally:
        handler.close()


class _Syslog(logging.handlers.SysLogHandler):
    append_nul = False  # a datagram ends where it ends

    def mapPriority(self, levelName: str) -> str:
        """A head is a normal and significant condition: severity notice (5), whatever the level."""
        return "notice"

    def handleError(self, record: logging.LogRecord) -> None:
        """Called while an error is handled, which logging would print and forget: it is raised on."""
        raise  # noqa: PLE0704


def _to_mail(destination: str, seals: list[Seal]) -> None:
    (seal,) = seals
    made_at = timezone.localtime(seal.made_at)
    EmailMessage(
        f"履歴の封印 第{seal.number}号 / Seal {seal.number} of the history",
        f"{made_at:%Y-%m-%d %H:%M:%S} (JST) に作成した封印の先頭です。保管してください。\n"
        f"The head of the seal made at {made_at:%Y-%m-%d %H:%M:%S} (JST). Please keep it.\n\n{line_of(seal)}\n",
        to=[unquote(urlsplit(destination).path)],
    ).send()


SENDERS = {"file": _to_file, "syslog": _to_syslog, "mailto": _to_mail}


def published_lines() -> Iterator[tuple[str, Iterator[tuple[int, str]]]]:
    """The heads in the files outside: where, and each one's number and text; a file that is gone holds none."""
    for destination in settings.SEAL_HEADS:
        if urlsplit(destination).scheme == "file":
            path = _path(destination)
            yield destination, read_lines(path) if path.is_file() else iter(())


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Number and text of each head in a file of published heads; a broken line is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                head = json.loads(line)["head"]
                yield int(json.loads(head)["number"]), head
            except (ValueError, KeyError, TypeError):
                continue


def _path(destination: str) -> Path:
    return Path(unquote(urlsplit(destination).path))


def _ends_a_line(file) -> bool:
    file.seek(-1, os.SEEK_END)
    return file.read(1) == b"\n"
