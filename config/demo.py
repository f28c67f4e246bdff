"""`make demo`: the whole portal on this machine, with made-up customers, until Ctrl-C.

Starts PostgreSQL and Redis in var/demo/, brings the data up to date, then runs web, worker and
beat, watches them, and stops them all in the end. PORT (8000) and CUSTOMERS (30000) come from the
environment.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import FrameType

from config.embedded import environment, servers
from config.local_servers import Place
from config.processes import IMPATIENCE, EmbeddedError, dies_with_this_process

ROOT = Path(__file__).resolve().parent.parent
ACCOUNTS = """\
  operator         担当者（香川支社）/ operator of the Kagawa branch: customers of its own areas, all items
  operator-ehime   担当者（愛媛支社）/ operator of the Ehime branch
  supervisor       責任者（本社）/ supervisor: declares, extends and ends emergencies, grants, revokes, drills
  supervisor02     責任者（本社）/ second supervisor, for what waits under dual control
  supervisor-ehime 責任者（愛媛支社）/ supervisor of the Ehime branch: declares there alone
  contractor       受託者 / contractor: looks callers up in an open emergency only, five items
  auditor          監査担当 / auditor: reads the history
  retailer         小売電気事業者 / retailer: switching support, own customers and shared items
  administrator    管理者 / administrator: accounts and organisations, no customers
  administrator02  管理者 / second administrator, who agrees to what the first one gives
"""


def main() -> int:
    """Runs the demo until Ctrl-C or until something ends by itself; returns the exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    for number in IMPATIENCE:
        signal.signal(number, give_up)
    try:
        port = free_port(os.environ.get("PORT", "8000"))
        place = Place("demo")
        os.environ.setdefault("HEALTH_TOKEN", secrets.token_urlsafe())
        say("Starting PostgreSQL and Redis in var/demo/.")
        with contextlib.ExitStack() as stack:
            running = stack.enter_context(servers(place))
            env = environment(place)
            prepare(env)
            running |= start_portal(place, port, env, stack)
            wait_until_ready(port, running, place)
            say(welcome(port))
            while True:
                check(running, place)
                time.sleep(0.5)
    except KeyboardInterrupt:
        return 0
    except EmbeddedError as problem:
        say(str(problem))
        return 1


def give_up(number: int, frame: FrameType | None) -> None:
    """A signal handler: ends what is being done. Stopping is not interrupted by a second signal."""
    be_patient()
    say("\nStopping.")
    raise KeyboardInterrupt


def be_patient() -> None:
    """Ignores Ctrl-C and its like from now on."""
    for number in IMPATIENCE:
        signal.signal(number, signal.SIG_IGN)


def say(text: str) -> None:
    """Prints `text` at once; the terminal may be gone by now."""
    with contextlib.suppress(OSError):
        print(text, flush=True)


def free_port(wanted: str) -> int:
    """The number in `wanted`; raises EmbeddedError when it is none, or something listens there."""
    if not wanted.isdecimal() or not 0 < int(wanted) < 65536:
        raise EmbeddedError(f"PORT={wanted} is no port: try  PORT=8001 make demo")
    port = int(wanted)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            other = port + 1 if port < 65535 else 8001
            why = os.strerror(error.errno or 0).lower()
            raise EmbeddedError(f"Port {port} cannot be used ({why}): try  PORT={other} make demo") from None
    return port


def prepare(env: dict[str, str]) -> None:
    """Brings tables, data and static files up to date; raises EmbeddedError when that fails."""
    steps = (
        ["migrate", "--noinput", "-v0"],
        [
            "load_demo",
            "--customers",
            os.environ.get("CUSTOMERS", "30000"),
            "--if-empty",
        ],
        ["collectstatic", "--noinput", "-v0"],
    )
    for step in steps:
        child = start([sys.executable, "manage.py", *step], env)
        try:
            code = child.wait()
        finally:
            end(child)
        if code:
            raise EmbeddedError(f"manage.py {step[0]} failed; what it said is above.")


def start(command: list[str], env: dict[str, str], log: Path | None = None) -> subprocess.Popen[bytes]:
    """Starts a part of the demo in a session of its own, which a terminal's Ctrl-C does not reach."""
    with contextlib.ExitStack() as stack:
        output = stack.enter_context(log.open("wb")) if log else None
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            preexec_fn=dies_with_this_process(signal.SIGTERM),
        )


def end(*children: subprocess.Popen[bytes]) -> None:
    """Asks all to end, and after ten seconds makes them, with every process they started."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + 10
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(max(0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def start_portal(
    place: Place, port: int, env: dict[str, str], stack: contextlib.ExitStack
) -> dict[str, subprocess.Popen[bytes]]:
    """Starts web, worker and beat, each with its log in `place`; `stack` stops them."""
    commands = {
        "web": ["config.web", "--listen", f"127.0.0.1:{port}"],
        "worker": [
            "celery",
            "-A",
            "config",
            "worker",
            "--concurrency",
            "2",
            "--loglevel",
            "INFO",
        ],
        "beat": ["celery", "-A", "config", "beat", "--pidfile="]
        + ["--schedule", str(place.home / "beat-schedule")],
    }
    children: dict[str, subprocess.Popen[bytes]] = {}
    stack.callback(lambda: end(*children.values()))
    stack.callback(be_patient)  # called first: the stop is not to be interrupted
    for name, command in commands.items():
        log = place.home / f"{name}.log"
        children[name] = start([sys.executable, "-m", *command], env, log)
    return children


def check(running: dict[str, subprocess.Popen[bytes]], place: Place) -> None:
    """Raises EmbeddedError, with the end of its log, when one of `running` has ended."""
    for name, process in running.items():
        if process.poll() is not None:
            log = place.home / f"{'postgres' if name == 'PostgreSQL' else name.lower()}.log"
            last = log.read_text(errors="replace").splitlines()[-8:]
            raise EmbeddedError("\n  ".join([f"{name} has ended by itself; its log {log}:", *last]))


def wait_until_ready(port: int, running: dict[str, subprocess.Popen[bytes]], place: Place) -> None:
    """Waits till the portal says that all of it works; raises EmbeddedError after a minute."""
    deadline = time.monotonic() + 60
    while missing := what_is_missing(port):
        check(running, place)
        if time.monotonic() > deadline:
            raise EmbeddedError(f"The portal is not ready after a minute: {missing}")
        time.sleep(0.2)


def what_is_missing(port: int) -> str:
    """What /readyz says is not working; empty when all is."""
    # A proxy of the environment's has nothing to do with this machine
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/readyz",
        headers={"Authorization": f"Bearer {os.environ['HEALTH_TOKEN']}"},
    )
    try:
        with opener.open(asked, timeout=10):
            return ""
    except urllib.error.HTTPError as answer:
        try:
            return json.dumps(json.load(answer), ensure_ascii=False)
        except ValueError:
            return f"/readyz answers {answer.code}"
    except OSError as error:
        return f"/readyz does not answer ({error})"


def welcome(port: int) -> str:
    """What the demo says when it is ready."""
    return (
        f"\n  http://localhost:{port}/\n\n"
        "アカウント（パスワードはすべて shikoku-demo） / Accounts (the password of all is shikoku-demo):\n"
        f"{ACCOUNTS}\n"
        "Ctrl-C で終了 / Ctrl-C stops.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
