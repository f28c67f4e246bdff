"""Hundreds of clients that are slow on purpose, with real sockets: an ending passes at once all the same."""

import contextlib
import os
import re
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPResponse
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection

from access.models import Emergency
from audit.models import LogEntry
from tests.config.test_start import NEEDED
from tests.journeys.conftest import Portal, wait_for
from tests.journeys.servers import Visitor
from tests.world import HANAKO_VALUES

pytestmark = pytest.mark.journey

#: Seconds after which the reader of a file who takes nothing loses it, here.
PATIENCE = 4
#: Enough of a history that no buffer between two processes holds a file of it.
LONG_HISTORY = """
INSERT INTO audit_logentry (action, kind, event, reason, actor_username, actor_name, actor_role,
  actor_organization, object_pk, object_repr, changes_text, cid, area_code, supply_point_number, fields, basis,
  additional_data)
SELECT 3, 'decision', 'demo.loaded', '', '', '', '', '', '', '', '', '', '', '', '{}', '',
  jsonb_build_object('customers', n, 'filling', repeat('x', 4000)) FROM generate_series(1, 8000) n
"""


@pytest.fixture
def processes() -> tuple[str, ...]:
    return ("web",)


class SlowClients:
    """Connections to the portal on which hardly anything moves."""

    def __init__(self, port: int):
        self.port = port
        self.open = contextlib.ExitStack()

    def send(self, text: bytes) -> socket.socket:
        """Connects, and sends that much and no more."""
        client = self.open.enter_context(socket.socket())
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(30)
        client.connect(("127.0.0.1", self.port))
        client.sendall(text)
        return client


@pytest.fixture
def slow(portal) -> Iterator[SlowClients]:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, limits[1]), limits[1]))
    clients = SlowClients(portal.port)
    with clients.open:
        yield clients
    resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def written(visitor: Visitor, path: str, form: dict[str, str] | None = None) -> bytes:
    """A request of the visitor's as it stands on the wire."""
    cookies = {one.name: one.value for one in visitor.cookies}
    body = urlencode({**form, "csrfmiddlewaretoken": cookies["csrftoken"]}).encode() if form else b""
    head = [
        f"{'POST' if form else 'GET'} {path} HTTP/1.1",
        f"Host: 127.0.0.1:{visitor.portal.port}",
        "Cookie: " + "; ".join(f"{name}={value}" for name, value in cookies.items()),
        *(
            ("Content-Type: application/x-www-form-urlencoded", f"Content-Length: {len(body)}")
            if form
            else ()
        ),
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def answer(client: socket.socket) -> tuple[int, bytes]:
    """The answer, whole."""
    came = HTTPResponse(client)
    came.begin()
    return came.status, came.read()


def seconds_to_end(emergency: Emergency, supervisor: Visitor, slow: SlowClients) -> float:
    """Until the answer to the click that ends the emergency is there."""
    click = written(supervisor, f"/emergencies/{emergency.pk}/end/", {"sure": "yes"})
    before = time.monotonic()
    status, _page = answer(slow.send(click))
    assert status == 302
    return time.monotonic() - before


def test_an_ending_passes_while_500_slow_clients_wait(portal: Portal, slow: SlowClients):
    portal.kill("web")
    portal.commands["web"] += ["--patience", str(PATIENCE)]
    portal.start("web")
    with connection.cursor() as cursor:
        cursor.execute(LONG_HISTORY)
    emergency = portal.world.declare()
    wait_for(lambda: portal.answers("/healthz") == 200, "the web server to be up")
    supervisor, contractor, auditor = (
        Visitor(portal, name) for name in ("supervisor", "contractor", "auditor")
    )
    seconds_to_end(portal.world.declare(), supervisor, slow)  # the first of a process opens what it works on
    taken = contractor.send("/inquiries/new/", caller_name="通報者", kind="outage", emergency=emergency.pk)
    inquiry = taken.address.removeprefix(portal.url(""))
    lookup = written(contractor, inquiry, {"phone": HANAKO_VALUES["phone"]})
    assert HANAKO_VALUES["name"] in contractor.send(inquiry, phone=HANAKO_VALUES["phone"]).text

    for _ in range(250):  # a head without its last line
        slow.send(written(supervisor, "/")[:-2])
    halves = [slow.send(lookup[:-20]) for _ in range(226)]  # a body without its end
    export = written(auditor, "/history/export/", {"format": "jsonl"})
    unread = [slow.send(export) for _ in range(24)]
    begun = LogEntry.objects.filter(event="history.export_begun")
    wait_for(lambda: begun.count() == 2, "two files to be on their way")
    wait_for(lambda: portal.answers("/healthz") == 200, "whoever came before to be answered")

    took = seconds_to_end(emergency, supervisor, slow)
    assert not Emergency.objects.open().exists()
    assert took < 1, f"the ending took {took:.2f} s"

    for client in halves:  # what was sent before the click and finished after it shows nobody
        client.sendall(lookup[-20:])
    answers = [answer(client) for client in halves[:40]]
    assert {status for status, _page in answers} <= {302, 403}
    assert not any(HANAKO_VALUES["name"].encode() in page for _status, page in answers)

    # Two files a person; the rest were refused in a sentence, and nothing of them was begun
    refused = [client for client in unread if client.recv(12, socket.MSG_PEEK) == b"HTTP/1.1 503"]
    assert len(refused) == 22
    status, page = answer(refused[0])
    assert (status, b'<html lang="ja">' in page) == (503, True)
    # Nobody reads them: they are broken off, and make room
    whole = lambda: auditor.send("/history/export/?kind=session", format="jsonl").status == 200  # noqa: E731
    wait_for(whole, "the unread files to be broken off", 5 * PATIENCE)
    assert not LogEntry.objects.filter(event="history.exported", additional_data__rows__gt=1000).exists()


def test_bodies_that_are_large_are_few_at_a_time(portal: Portal, slow: SlowClients):
    large = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 20000000\r\n\r\nhalf"
    for _ in range(4):
        slow.send(large)
    assert answer(slow.send(large))[0] == 503
    assert answer(slow.send(large.replace(b"20000000", b"9000000000")))[0] == 413
    chunked = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
    assert answer(slow.send(chunked))[0] == 501
    assert portal.answers("/healthz") == 200
    slow.open.close()
    wait_for(lambda: not re.match(b"HTTP/1.1 5", _first_line(portal.port, large)), "room for a body")


def _first_line(port: int, text: bytes) -> bytes:
    """What the server says within half a second to what is no whole request; nothing if it waits."""
    with socket.create_connection(("127.0.0.1", port), timeout=0.5) as client:
        client.sendall(text)
        with contextlib.suppress(TimeoutError):
            return client.recv(100)
    return b""


@pytest.mark.parametrize(("proxy", "says"), [("", True), ("1", False)])
def test_a_server_that_does_not_wait_for_slow_clients_says_so_as_it_starts(proxy, says):
    env = {"PATH": os.environ["PATH"], "BUFFERED_BY_PROXY": proxy or "0"} | NEEDED
    done = subprocess.run(
        [sys.executable, "-c", "import config.wsgi"],
        cwd=settings.BASE_DIR, env=env, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert ("slow clients delay the end of an emergency" in done.stderr) == says
