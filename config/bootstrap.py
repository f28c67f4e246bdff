"""Makes .venv, from nothing but the system's Python: `python3 config/bootstrap.py [--dev]`.

Run again it takes milliseconds: a stamp inside .venv says what it was made from. It has to start on
any Python 3, also to say that one is too old, so it keeps to the syntax of old ones.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / "made-from.json"
CHROMIUM = VENV / "chromium"  # the path of the browser that was found
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
OLDEST, NEWEST = (3, 11), (3, 13)
# 3.13 last: for it no wheel brings a Redis server
OTHERS = ("python3.12", "python3.11", "python3.13")
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


class Problem(Exception):
    """What stands in the way, as one sentence that says what to do."""


def main():
    """Does everything; returns the exit code."""
    dev = "--dev" in sys.argv[1:]
    try:
        use_a_fitting_python()
        with one_at_a_time():
            make_venv(dev)
            compile_translations()
            if dev:
                find_chromium()
    except Problem as problem:
        say(str(problem))
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def say(text):
    """Prints `text` at once, in any locale."""
    encoding = sys.stderr.encoding or "ascii"
    print(text.encode(encoding, "replace").decode(encoding), file=sys.stderr, flush=True)


def call(*command, **options):
    """Runs a command; raises Problem with `otherwise` when it fails."""
    otherwise = options.pop("otherwise")
    if subprocess.call([str(part) for part in command], **options) != 0:
        raise Problem(otherwise)


def runs(*command):
    """Whether a command exits with 0; what it prints is dropped."""
    try:
        return subprocess.call(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            timeout=60,
        ) == 0  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return False


def apt_install(*packages):
    """Installs Debian packages; returns whether that worked. Needs root, and asks for it nowhere."""
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return False
    say(f"Installing {' '.join(packages)} with apt-get.")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    steps = (
        ["update", "-q"],
        ["install", "-q", "-y", "--no-install-recommends"] + list(packages),
    )
    return all(subprocess.call(["apt-get"] + step, env=env) == 0 for step in steps)


def use_a_fitting_python():
    """Goes on with another Python of this machine when this one does not fit; raises Problem."""
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return
    for name in OTHERS:
        path = shutil.which(name)
        if path and runs(path, "-c", ""):
            os.execv(path, [path] + sys.argv)
    raise Problem(
        f"The portal needs Python 3.11, 3.12 or 3.13, and this is {sys.version.split()[0]}: install "
        "one of them, for example with: sudo apt-get install python3.12-venv"
    )


@contextlib.contextmanager
def one_at_a_time():
    """A context that two runs are never in at once: the second one waits."""
    (ROOT / "var").mkdir(exist_ok=True)
    with (ROOT / "var" / "bootstrap.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another run is making .venv; waiting for it.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def wanted(dev):
    """What .venv is to be made from; `dev` adds what the tests need."""
    names = ["requirements.txt", "constraints.txt"] + (["requirements-dev.txt"] if dev else [])
    files = {name: hashlib.sha256((ROOT / name).read_bytes()).hexdigest() for name in names}
    # With its path: a venv that was copied along with its folder runs the other folder's packages
    return dict(files, python=VERSION, path=str(VENV))


def made_from():
    """What the stamp says that .venv was made from; {} when there is none, or no whole .venv."""
    try:
        return json.loads(STAMP.read_text()) if PYTHON.exists() else {}
    except (OSError, ValueError):
        return {}


def make_venv(dev):
    """Makes .venv anew, or adds to it what the tests need, unless it is there; raises Problem."""
    want, have = wanted(dev), made_from()
    if want.items() <= have.items():
        return
    # Until all is installed there is no stamp: what an interrupted run leaves is made anew
    if STAMP.exists():
        STAMP.unlink()
    if not have or not have.items() <= want.items():
        say(f"Making .venv with Python {VERSION}.")
        create_venv()
    requirements = ROOT / ("requirements-dev.txt" if dev else "requirements.txt")
    call(
        PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input",
        "-r", requirements,
        env=dict(os.environ, PIP_USER="0"),  # --user is an error in a venv
        otherwise=f"pip could not install {requirements.name}; what it said is above.",
    )  # fmt: skip
    STAMP.write_text(json.dumps(want))


def create_venv():
    """An empty .venv with pip; where Debian's Python has no ensurepip, root installs it."""
    package = f"python{VERSION}-venv"
    complete = (sys.executable, "-c", "import ensurepip, venv")
    if not runs(*complete) and not (apt_install(package) and runs(*complete)):
        raise Problem(
            f"{sys.executable} cannot make a virtual environment: run  "
            f"sudo apt-get install {package}  and try again."
        )
    shutil.rmtree(str(VENV), ignore_errors=True)
    call(sys.executable, "-m", "venv", VENV, otherwise=f"{VENV} could not be made.")


def compile_translations():
    """Compiles locale/, when a .po is newer than its .mo; raises Problem."""
    texts = (ROOT / "locale").glob("*/LC_MESSAGES/django.po")
    pairs = [(text, text.with_suffix(".mo")) for text in texts]
    if any(not mo.exists() or mo.stat().st_mtime < po.stat().st_mtime for po, mo in pairs):
        call(
            VENV / "bin" / "pybabel", "--quiet", "compile", "-d", "locale", "-D", "django",
            cwd=str(ROOT), otherwise="The translations in locale/ could not be compiled.",
        )  # fmt: skip


def find_chromium():
    """Finds a browser for the tests, or installs one, and notes its path in .venv/chromium."""
    named = os.environ.get("CHROMIUM")
    noted = CHROMIUM.read_text() if CHROMIUM.exists() else ""
    if noted and named in (None, noted) and os.access(noted, os.X_OK):
        return
    # The fonts: without them every Japanese character is an empty box
    path = a_chromium(named) or (apt_install("chromium", "fonts-noto-cjk") and a_chromium(None))
    if path:
        CHROMIUM.write_text(path)
        return
    if CHROMIUM.exists():
        CHROMIUM.unlink()
    say(
        "\n*** NO CHROMIUM: the browser tests will be reported as skipped. ***\n"
        "*** To run them:  sudo apt-get install chromium fonts-noto-cjk    ***\n"
        "*** or name a Chromium of yours:  CHROMIUM=/path/to/it make test  ***\n"
    )


def a_chromium(named):
    """The path of a Chromium that runs: `named` alone, or the first one on PATH; None without."""
    paths = [shutil.which(name) for name in ([named] if named else BROWSERS)]
    # Asked for its version: on Ubuntu `chromium` may be a stub that only names its snap
    return next((path for path in paths if path and runs(path, "--version")), None)


if __name__ == "__main__":
    sys.exit(main())
