"""Servers of a test's own, which it may stop and start, and what it takes to do so in the middle of work."""

import contextlib
import json
import math
import os
import re
import signal
import socket
import subprocess
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection, HTTPException
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import HTTPCookieProcessor, build_opener

import psycopg
from django.db import connection, connections

from access.models import AreaUserPermission, Emergency
from access.reconcile import RECONCILING
from config.embedded import stop_left_overs
from config.local_servers import PORT, Place, postgres_programs, start_postgres, start_redis
from config.processes import private_folder, stop
from tests import world as worlds
from tests.journeys.conftest import Portal, wait_for
from tests.world import HANAKO_VALUES

#: A machine with other work takes long over 5,000 people.
eventually = partial(wait_for, seconds=60)
#: How PostgreSQL ends: at SIGINT it says goodbye to everybody, at SIGQUIT it drops everything, as in a crash.
POLITELY, AT_ONCE = signal.SIGINT, signal.SIGQUIT


class FaultyPortal(Portal):
    """The portal with a second worker and a second beat to start."""

    def __init__(self, *args):
        super().__init__(*args)
        self.commands["worker"] += ["--loglevel", "INFO"]
        self.commands["worker2"] = [*self.commands["worker"], "-n", "second@%h"]
        self.commands["beat2"] = [*self.commands["beat"][:-1], str(self.logs / "beat2")]

    def missing(self) -> list[str]:
        """What /readyz says is missing; with anything missing it answers 503."""
        with contextlib.closing(HTTPConnection("127.0.0.1", self.port, timeout=20)) as connected:
            connected.request("GET", "/readyz", headers={"Authorization": "Bearer of-the-tests"})
            answer = connected.getresponse()
            missing = json.load(answer)["missing"]
        assert answer.status == (503 if missing else 200)
        return missing

    def logged(self, words: str) -> int:
        """How often the workers wrote the words into their logs."""
        return sum(log.read_text().count(words) for log in self.logs.glob("worker*.log"))


class Servers:
    """A PostgreSQL and a Redis in var/NAME, with production's settings: what is committed is on the disk."""

    def __init__(self, name: str):
        self.place = Place(name)
        self.starts = {"PostgreSQL": start_postgres, "Redis": start_redis}
        self.running: dict[str, subprocess.Popen] = {}
        self.ends = contextlib.ExitStack()

    def __enter__(self) -> "Servers":
        self.ends.enter_context(self.place.locked())
        private_folder(self.place.sockets)
        stop_left_overs(self.place)
        return self

    def __exit__(self, *_) -> None:
        self.ends.close()

    def start(self, what: str) -> None:
        self.running[what] = self.starts[what](self.place, self.ends)

    def stop(self, what: str, how: signal.Signals = signal.SIGTERM) -> None:
        stop(self.running.pop(what), how)

    @contextlib.contextmanager
    def database(self) -> Iterator[None]:
        """Leads this process's connection to a new database here, a copy of the migrated one."""
        original = connection.settings_dict
        here = {"HOST": str(self.place.sockets), "PORT": PORT, "NAME": f"faults_{uuid.uuid4().hex[:8]}"}
        before = {name: original[name] for name in here}
        dump, psql = (str(postgres_programs() / name) for name in ("pg_dump", "psql"))
        at = ["-h", here["HOST"], "-p", PORT, "-U", "portal", "-q"]
        subprocess.run([psql, *at, "-c", f"CREATE DATABASE {here['NAME']}", "portal"], check=True)
        there = ["-h", before["HOST"], "-p", str(before["PORT"] or PORT), "-U", original["USER"]]
        schema = subprocess.run([dump, *there, before["NAME"]], check=True, capture_output=True).stdout
        restored = [psql, *at, "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", here["NAME"]]
        subprocess.run(restored, check=True, input=schema)
        connections.close_all()
        original.update(here)
        try:
            yield
        finally:
            connections.close_all()
            original.update(before)
            subprocess.run([psql, *at, "-c", f"DROP DATABASE {here['NAME']} WITH (FORCE)", "portal"])


@contextlib.contextmanager
def portal_on(servers: Servers, logs: Path, *names: str, **settings: str) -> Iterator[FaultyPortal]:
    """The portal with its small world, in the database of this process and the servers' Redis.

    names: the processes to start; with a beat among them everything is ready. settings: of the environment.
    """
    database = connection.settings_dict
    where = quote(f"{database['HOST']}/{database['NAME']}", safe="")  # a socket's folder
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = os.environ | {
        "DATABASE_URL": f"postgres://{database['USER']}@:{database['PORT'] or PORT}/{where}",
        "REDIS_URL": servers.place.urls()["REDIS_URL"],
        "SWEEP_SECONDS": "0.5",
        "ALLOWED_HOSTS": "127.0.0.1",
        "PORTAL_DEMO": "1",
        "HEALTH_TOKEN": "of-the-tests",
        **settings,
    }
    portal = FaultyPortal(worlds.build(), env, port, logs)
    try:
        portal.start(*names)
        sign = "/readyz" if "beat" in names else "/healthz"
        eventually(lambda: not names or portal.answers(sign) == 200, "the portal to be up")
        yield portal
    finally:
        portal.kill(*list(portal.running))


class Hold:
    """Locks that a transaction of its own holds, so that others stop in the middle of what they do."""

    def __init__(self, statement: str, *params):
        told = connection.get_connection_params()
        names = ("dbname", "host", "port", "user")
        self.transaction = psycopg.connect(**{name: told[name] for name in names if name in told})
        self.transaction.execute(statement, params)

    def stops(self, work: str) -> set[int]:
        """The sessions (their numbers) that wait for it in a statement that begins like `work`."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pid FROM pg_stat_activity"
                " WHERE %s = ANY (pg_blocking_pids(pid)) AND starts_with(query, %s)",
                [self.transaction.info.backend_pid, work],
            )
            return {pid for (pid,) in cursor.fetchall()}

    def close(self) -> None:
        self.transaction.close()


def the_last_permission() -> Hold:
    """Stops `reconcile` at the one permission that it comes to last: all others are taken, none committed."""
    last = AreaUserPermission.objects.latest("pk")
    return Hold("SELECT FROM access_areauserpermission WHERE id = %s FOR UPDATE", last.pk)


def turn_to_reconcile() -> Hold:
    """Stops whoever begins to reconcile."""
    return Hold("SELECT pg_advisory_xact_lock(%s)", RECONCILING)


def writing_into(table: str) -> Hold:
    """Stops whoever writes into the table, and nobody who reads it or locks its rows."""
    return Hold(f"LOCK TABLE {table} IN SHARE MODE")


@dataclass(frozen=True)
class Page:
    """What came of asking for a page: when it was asked for, the status (0: no answer), what it says."""

    asked: float
    status: int
    text: str = ""
    address: str = ""

    @property
    def shows_hanako(self) -> bool:
        return HANAKO_VALUES["name"] in self.text


class Visitor:
    """Somebody signed in at a browser of their own, over HTTP."""

    def __init__(self, portal: Portal, username: str):
        self.portal, self.username, self.pages = portal, username, []
        self.cookies = CookieJar()
        self.opener = build_opener(HTTPCookieProcessor(self.cookies))
        self.ask("/login/")
        signed_in = self.send("/login/", username=username, password=worlds.PASSWORD)
        assert signed_in.address == portal.url(), signed_in

    def send(self, path: str, **fields) -> Page:
        """Sends a form."""
        token = next(one.value for one in self.cookies if one.name == "csrftoken")
        return self.ask(path, urlencode(fields | {"csrfmiddlewaretoken": token}, doseq=True).encode())

    def ask(self, path: str, form: bytes | None = None) -> Page:
        asked = time.monotonic()
        try:
            with self.opener.open(self.portal.url(path), form, timeout=20) as came:
                page = Page(asked, came.status, came.read().decode(), came.url)
        except HTTPError as error:
            page = Page(asked, error.code, error.read().decode(), error.url)
        except (OSError, HTTPException):
            page = Page(asked, 0)
        self.pages.append(page)
        return page


class Caller(Visitor):
    """A contractor who looks Hanako up again and again within the block, whatever happens to the servers."""

    def __enter__(self) -> "Caller":
        emergency = Emergency.objects.open().get().pk
        taken = self.send("/inquiries/new/", caller_name="通報者", kind="outage", emergency=emergency)
        self.inquiry = taken.address.removeprefix(self.portal.url(""))
        assert re.fullmatch(r"/inquiries/\d+/", self.inquiry), taken
        self.over, self.enough = math.inf, threading.Event()
        self.thread = threading.Thread(target=self.look_up_until_it_is_enough)
        self.thread.start()
        self.must_be_helped()
        return self

    def __exit__(self, *_) -> None:
        self.enough.set()
        self.thread.join()

    def look_up_until_it_is_enough(self) -> None:
        while not self.enough.wait(0.2):
            listed = self.send(self.inquiry, phone=HANAKO_VALUES["phone"])
            if link := re.search(r'href="(/customers/[^"]+)"', listed.text):
                self.ask(link[1])

    def must_get(self, what: str, fits: Callable[[Page], bool]) -> None:
        """Waits for a page that fits, of those asked for from now on."""
        now = time.monotonic()
        eventually(lambda: any(fits(page) for page in self.pages if page.asked > now), what)

    def must_be_helped(self) -> None:
        self.must_get("a page with the customer", lambda page: page.shows_hanako)

    def must_be_refused(self) -> None:
        """By a 403, or by having to sign in anew; a fault is no refusal."""
        self.must_get("a refusal", lambda page: page.status == 403 or "/login/" in page.address)

    def is_over(self) -> None:
        """The emergency is over: what is asked for from now on must show nobody."""
        self.over = time.monotonic()

    def saw_nobody_after_the_end(self) -> None:
        later = [page for page in self.pages if page.asked > self.over]
        assert later
        assert not any(page.shows_hanako for page in later)

    def pages_with_a_customer(self) -> int:
        return sum(page.shows_hanako for page in self.pages)

    def broken_answers(self) -> int:
        return sum(page.status == 0 or page.status >= 500 for page in self.pages)

    def read_no_innards(self) -> None:
        innards = ("Traceback", "OperationalError", "ConnectionError", "psycopg", "django.db")
        assert not [page for page in self.pages if any(word in page.text for word in innards)]
