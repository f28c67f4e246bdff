"""Real PostgreSQL and Redis servers on this machine, for the demo and the tests.

They listen on unix sockets alone, keep everything in var/<name>/, and end with the process that
started them, even when it is killed. As a command:

    python -m config.embedded [--join | --forget] NAME [COMMAND ...]

runs a command with the servers up and the settings of a demo in its environment.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from config.local_servers import (
    Busy,
    Place,
    start_postgres,
    start_redis,
    stop_left_over_postgres,
    stop_left_over_redis,
)
from config.processes import (
    IMPATIENCE,
    EmbeddedError,
    dies_with_this_process,
    private_folder,
)


def stop_left_overs(place: Place) -> None:
    """Ends the servers of a run that was killed; raises EmbeddedError when they do not end."""
    stop_left_over_redis(place)
    stop_left_over_postgres(place)


@contextlib.contextmanager
def servers(place: Place) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Runs PostgreSQL and Redis in `place`; gives their processes. Raises EmbeddedError."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(place.locked())
            private_folder(place.sockets)
            stop_left_overs(place)
            processes = {
                "PostgreSQL": start_postgres(place, stack),
                "Redis": start_redis(place, stack),
            }
        except OSError as error:
            raise EmbeddedError(f"The servers of {place.home} cannot be started: {error}") from error
        yield processes


@contextlib.contextmanager
def services(name: str) -> Iterator[dict[str, str]]:
    """Runs the servers of var/<name>; gives the environment variables that name them.

    Raises EmbeddedError when they cannot be started, or another run is using them.
    """
    place = Place(name)
    with servers(place):
        yield place.urls()


def environment(place: Place) -> dict[str, str]:
    """This process's environment with the settings of a demo added, and the servers' in any case."""
    defaults = {
        "PORTAL_DEMO": "1",
        "SECRET_KEY": secret_key(place),
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "PYTHONUTF8": "1",
        "SEAL_KEY_FILE": str(seal_key(place)),
        "SEAL_HEADS": f"file://{place.home / 'heads.jsonl'}",
    }
    # Somebody's own DATABASE_URL never gets a demo's data
    return {**defaults, **os.environ, **place.urls()}


def secret_key(place: Place) -> str:
    """The secret key of `place`, made once and readable for its owner alone."""
    path = place.home / "secret-key"
    if not path.exists():
        unfinished = path.with_suffix(".new")
        with open(unfinished, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(secrets.token_urlsafe(50))
        unfinished.rename(path)
    return path.read_text()


def seal_key(place: Place) -> Path:
    """The key that seals the history of `place`, made once."""
    from audit.signing import make_key  # what it is made with is there by now

    path = place.home / "seal-key.pem"
    if not path.exists():
        make_key(place.home)
    return path


def forget(place: Place) -> None:
    """Removes all that `place` holds, after ending what an earlier run may have left running."""
    if not place.home.exists():
        return
    with place.locked():
        stop_left_overs(place)
        shutil.rmtree(place.sockets, ignore_errors=True)
        shutil.rmtree(place.home)


def run(place: Place, command: list[str]) -> int:
    """Runs `command` on the servers of `place`, passing signals on to it; returns its exit code."""
    child: subprocess.Popen[bytes] | None = None

    def pass_on(number: int, frame: FrameType | None) -> None:
        if child is None:
            raise SystemExit(128 + number)
        # On a terminal Ctrl-C reaches the command without our help
        if number != signal.SIGINT or not sys.stdin.isatty():
            child.send_signal(number)

    for number in IMPATIENCE:
        signal.signal(number, pass_on)
    ends = dies_with_this_process(signal.SIGTERM)
    try:
        child = subprocess.Popen(command, env=environment(place), preexec_fn=ends)
    except OSError as error:
        raise EmbeddedError(f"{command[0]} cannot be run: {error.strerror}") from None
    code = child.wait()
    return code if code >= 0 else 128 - code


def main(arguments: list[str]) -> int:
    """Does what the command line asks for; returns the exit code."""
    parser = argparse.ArgumentParser("python -m config.embedded", description="Local servers.")
    parser.add_argument("--join", action="store_true", help="use the servers of a run under way")
    parser.add_argument("--forget", action="store_true", help="remove the data of NAME")
    parser.add_argument("name", metavar="NAME", help="the folder in var/, such as demo or test")
    parser.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER)
    asked = parser.parse_args(arguments)
    try:
        place = Place(asked.name)
        if asked.forget:
            forget(place)
            return 0
        with contextlib.ExitStack() as stack:
            try:
                stack.enter_context(servers(place))
            except Busy:
                if not asked.join:
                    raise
            return run(place, asked.command or ["true"])
    except EmbeddedError as problem:
        print(problem, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
