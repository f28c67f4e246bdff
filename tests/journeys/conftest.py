"""The whole portal as real processes on a database of its own, and a real browser to drive it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote

import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connection

from tests import world as worlds

ROOT = Path(settings.BASE_DIR)


def wait_for(condition: Callable[[], object], what: str, seconds: float = 20) -> float:
    """Waits until the condition holds; returns how long that took. Fails with `what` if it never does."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < seconds, f"waited {seconds} s in vain: {what}"
        time.sleep(0.05)
    return time.monotonic() - start


def database_url(name: str) -> str:
    """The address of a database of the tests' server, for a process of its own."""
    database = settings.DATABASES["default"]
    where = f"{database['HOST']}/{name}"
    if database["HOST"].startswith("/"):
        where = quote(where, safe="")
    return f"postgres://{database['USER']}@:{database['PORT'] or 5432}/{where}"


class Portal:
    """Web, worker and beat as processes; each can be stopped and started by its name."""

    def __init__(self, world: worlds.World, env: dict[str, str], port: int, logs: Path):
        self.world, self.env, self.port, self.logs = world, env, port, logs
        self.running: dict[str, subprocess.Popen] = {}
        self.commands = {
            "web": ["config.web", "--listen", f"127.0.0.1:{port}"],
            "worker": ["celery", "-A", "config", "worker", "--concurrency", "1", "--pool", "prefork"],
            "beat": ["celery", "-A", "config", "beat", "--pidfile=", "--schedule", str(logs / "beat")],
        }

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def start(self, *names: str) -> None:
        for name in names:
            with (self.logs / f"{name}.log").open("ab") as log:
                self.running[name] = subprocess.Popen(
                    [sys.executable, "-m", *self.commands[name]],
                    cwd=ROOT, env=self.env, stdout=log, stderr=log, start_new_session=True,
                )  # fmt: skip

    def kill(self, *names: str) -> None:
        """Ends processes with all their children at once, as a crash would."""
        for name in names:
            process = self.running.pop(name, None)
            if process:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def answers(self, path: str) -> int:
        """The status of a page, or 0 while nobody answers."""
        try:
            return urllib.request.urlopen(self.url(path), timeout=5).status
        except urllib.error.HTTPError as error:
            return error.code
        except (URLError, OSError):
            return 0


@pytest.fixture(autouse=True)
def quick_passwords():
    """None: the processes hash as in production."""


@pytest.fixture
def processes() -> tuple[str, ...]:
    """What runs of the portal: all of it, unless a module or a test says otherwise."""
    return ("web", "worker", "beat")


@pytest.fixture
def portal(committed_database, tmp_path, worker_id, processes) -> Iterator[Portal]:
    """The portal with its small world, ready; everything is stopped afterwards."""
    number = int(worker_id.removeprefix("gw") or 0) + 1 if worker_id != "master" else 1
    redis = settings.REDIS_URL.split("?")[0] + f"?db={number}"
    env = os.environ | {
        "DATABASE_URL": database_url(committed_database),
        "REDIS_URL": redis,
        "SWEEP_SECONDS": "1",
        "ALLOWED_HOSTS": "127.0.0.1,localhost",
        "PORTAL_DEMO": "1",
        "SEAL_HEADS": f"file://{tmp_path / 'heads.jsonl'}",
    }
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    portal = Portal(worlds.build(), env, port, tmp_path)
    connection.close()
    try:
        portal.start(*processes)
        sign = "/readyz" if "beat" in processes else "/healthz"
        wait_for(lambda: portal.answers(sign) == 200, "the portal to be ready", 40)
        yield portal
    finally:
        portal.kill(*list(portal.running))
        cache.clear()


def chromium() -> str | None:
    """A Chromium on this machine: CHROMIUM, what the bootstrap noted, or one on the PATH."""
    noted = ROOT / ".venv" / "chromium"
    names = [os.environ.get("CHROMIUM"), noted.read_text().strip() if noted.is_file() else None]
    names += ["chromium", "chromium-browser", "google-chrome"]
    return next((found for name in names if name and (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser():
    """A real browser; without one the journeys are skipped, and the summary says so."""
    path = chromium()
    if path is None:
        pytest.skip("NO CHROMIUM ON THIS MACHINE: the journeys in a real browser were not run")
    from playwright.sync_api import sync_playwright

    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Playwright's loop runs in this thread
    quiet = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=quiet)
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, portal):
    """Opens a browser window of its own for a person, signed in; complaints of the page fail the test."""
    contexts, complaints = [], []

    def signed_in(username: str | None, *, width: int = 1440, language: str = "ja", **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, locale=language, base_url=portal.url(""), **options
        )
        contexts.append(context)
        context.add_cookies([{"name": "portal_language", "value": language, "url": portal.url()}])
        page = context.new_page()
        page.on("console", lambda m: complaints.append(m.text) if "Content Security" in m.text else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        if username:
            page.goto("/login/")
            page.fill("[name=username]", username)
            page.fill("[name=password]", worlds.PASSWORD)
            page.click("main button[type=submit]")
            page.wait_for_url(portal.url("/"))
        return page

    yield signed_in
    for context in contexts:
        context.close()
    assert not complaints
