"""Processes that end with the one that started them, and what root needs to run servers.

PostgreSQL refuses to run as root, so root runs the servers as SERVER_USER.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

SERVER_USER = "nobody"
PR_SET_PDEATHSIG = 1
IMPATIENCE = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class EmbeddedError(RuntimeError):
    """What stands in the way of the servers, as one sentence."""


def server_identity() -> dict[str, Any]:
    """The arguments of subprocess that make root run a server as SERVER_USER; none otherwise."""
    if os.geteuid() != 0:
        return {}
    return {
        "user": SERVER_USER,
        "group": pwd.getpwnam(SERVER_USER).pw_gid,
        "extra_groups": [],
    }


def private_folder(path: Path) -> Path:
    """Makes `path`, for the servers' user alone; raises EmbeddedError when it is somebody else's."""
    owner = pwd.getpwnam(SERVER_USER).pw_uid if os.geteuid() == 0 else os.geteuid()
    path.mkdir(mode=0o700, exist_ok=True)
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (owner, os.geteuid()):
        raise EmbeddedError(f"{path} belongs to another user: remove it, or run as that user.")
    path.chmod(0o700)
    if found.st_uid != owner:
        os.chown(path, owner, pwd.getpwuid(owner).pw_gid)
    return path


def let_servers_through(*targets: Path) -> None:
    """As root: gives SERVER_USER the way to `targets`, with the least that is missing, and says so."""
    if os.geteuid() != 0:
        return
    parents = {parent for target in targets for parent in target.parents}
    closed = [folder for folder in sorted(parents) if not folder.stat().st_mode & stat.S_IXOTH]
    for folder in closed:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IXOTH)
    if closed:
        names = ", ".join(map(str, closed))
        print(f"Let the user {SERVER_USER} pass through (o+x): {names}", file=sys.stderr)


def open_for_reading(folder: Path) -> None:
    """As root: lets everybody read a package's `folder` that a strict umask has closed."""
    if os.geteuid() == 0 and not folder.stat().st_mode & stat.S_IROTH:
        subprocess.run(["chmod", "-R", "o+rX", str(folder)], check=True)
        print(f"Let every user read (o+rX): {folder}", file=sys.stderr)


def dies_with_this_process(how: signal.Signals) -> Callable[[], None] | None:
    """A preexec_fn by which Linux sends `how` to the child when this process ends, even by -9."""
    if sys.platform != "linux":
        return None
    libc, owner = ctypes.CDLL(None), os.getpid()

    def arrange() -> None:
        libc.prctl(PR_SET_PDEATHSIG, how)
        if os.getppid() != owner:  # it ended before that was arranged
            os._exit(1)

    return arrange


def start(
    command: list[str],
    log: Path,
    cwd: Path,
    how: signal.Signals,
    called: str | None = None,
) -> subprocess.Popen[bytes]:
    """Starts a server that ends at signal `how`, under the name `called`; `log` gets its words."""
    with log.open("wb") as output:
        return subprocess.Popen(
            [called or command[0], *command[1:]],
            executable=command[0],
            cwd=cwd,
            env={**os.environ, "LC_ALL": "C"},  # the machine's locale may not exist
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for whoever uses the server
            preexec_fn=dies_with_this_process(how),
            **server_identity(),
        )


def stop(process: subprocess.Popen[bytes], how: signal.Signals) -> None:
    """Ends a server with signal `how`, by force after a minute. No Ctrl-C comes in between."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, IMPATIENCE)
    try:
        process.send_signal(how)
        process.wait(60)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def wait_until(answers: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    """Waits till a server answers; raises EmbeddedError when it ends, or is silent for a minute."""
    deadline = time.monotonic() + 60
    while not answers():
        if process.poll() is not None or time.monotonic() > deadline:
            lines = log.read_text(errors="replace").splitlines() or ["it said nothing"]
            why = next((line for line in lines if "FATAL" in line), lines[-1])
            raise EmbeddedError(f"{log.stem} did not start: {why} (its log is {log})")
        time.sleep(0.02)
