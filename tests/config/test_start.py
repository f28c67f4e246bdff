"""A production start: without what it needs it says which is missing, and does not start."""

import os
import subprocess
import sys

import pytest
from django.conf import settings

NEEDED = {
    "SECRET_KEY": "x" * 50,
    "ALLOWED_HOSTS": "desk.example.jp",
    "DATABASE_URL": "postgres://portal@db/portal",
    "REDIS_URL": "redis://redis/0",
}


def start(**changes: str) -> subprocess.CompletedProcess:
    """Loads the settings as a server would, with nothing of the tests' own environment."""
    env = {"PATH": os.environ["PATH"]} | NEEDED | changes
    code = "import django; from django.conf import settings; django.setup(); print(settings.DEBUG)"
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=settings.BASE_DIR,
        env=env | {"DJANGO_SETTINGS_MODULE": "config.settings"},
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_with_all_of_it_the_portal_starts_without_debugging():
    done = start()
    assert (done.returncode, done.stdout.strip()) == (0, "False"), done.stderr


@pytest.mark.parametrize("name", NEEDED)
def test_without_one_a_sentence_names_it(name):
    done = start(**{name: ""})
    assert done.returncode != 0
    assert f"{name} is not set" in done.stderr
