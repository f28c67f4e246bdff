"""Whose address the history has: the caller's own, by the word of a proxy that is trusted and of nobody else."""

import os
import subprocess
import sys

import pytest
from django.conf import settings as ours
from django.test import Client

from audit.models import LogEntry
from tests.config.test_start import NEEDED
from tests.world import PASSWORD

ONE, TWO = "10.0.0.2", "10.0.0.3"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("trusted", "peer", "said", "address"),
    [
        # never a believed header by default
        ([], "203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ([], "127.0.0.1", "198.51.100.7", "127.0.0.1"),
        # by the trusted proxy's word, whatever its client claimed before it
        ([ONE], ONE, "198.51.100.7", "198.51.100.7"),
        ([ONE], ONE, "192.0.2.1, 198.51.100.7", "198.51.100.7"),
        ([ONE], ONE, "10.0.0.2, 198.51.100.7", "198.51.100.7"),
        (["10.0.0.0/24"], ONE, f"192.0.2.1, 198.51.100.7, {TWO}", "198.51.100.7"),
        ([ONE], ONE, f"198.51.100.7, {TWO}", TWO),
        ([ONE], f"::ffff:{ONE}", "2001:db8::7", "2001:db8::7"),
        ([ONE], ONE, "198.51.100.7:4711", "198.51.100.7"),
        # by nobody else's
        ([ONE], "203.0.113.9", "198.51.100.7", "203.0.113.9"),
        ([ONE], TWO, f"198.51.100.7, {ONE}", TWO),
        # what cannot be read is nobody's address
        ([ONE], ONE, "", ONE),
        ([ONE], ONE, "192.0.2.1, nobody\0", ONE),
        ([ONE], ONE, "unknown", ONE),
        # a unix socket has no address: its client is on this machine
        ([], "", "198.51.100.7", "127.0.0.1"),
        (["127.0.0.1"], "localhost", "198.51.100.7", "198.51.100.7"),
    ],
)
def test_the_history_has_the_callers_own_address(world, settings, trusted, peer, said, address):
    settings.TRUSTED_PROXIES = trusted
    client = Client(REMOTE_ADDR=peer, headers={"X-Forwarded-For": said})
    client.post("/login/", {"username": world.operator.username, "password": PASSWORD})
    assert LogEntry.objects.newest_first().first().remote_addr == address


@pytest.mark.django_db
@pytest.mark.parametrize(("peer", "secure"), [(ONE, True), (TWO, False)])
def test_that_a_request_came_by_tls_is_a_trusted_proxys_word_alone(settings, client, peer, secure):
    settings.TRUSTED_PROXIES = [ONE]
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    page = client.get("/login/", REMOTE_ADDR=peer, headers={"X-Forwarded-Proto": "https"})
    assert page.wsgi_request.is_secure() == secure


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"TRUSTED_PROXIES": "10.0.0.2,proxy"}, "“proxy” is no address and no network"),
        ({"BEHIND_TLS_PROXY": "1"}, "BEHIND_TLS_PROXY is set and TRUSTED_PROXIES is not"),
        ({"BEHIND_TLS_PROXY": "1", "TRUSTED_PROXIES": "10.0.0.0/24,::1"}, ""),
    ],
)
def test_proxies_that_cannot_be_are_named_at_the_start(env, said):
    done = subprocess.run(
        [sys.executable, "-c", "import config.settings"], cwd=ours.BASE_DIR, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"]} | NEEDED | env, timeout=60,
    )  # fmt: skip
    assert said in done.stderr
    assert (done.returncode == 0) == (said == "")


@pytest.mark.django_db
def test_the_log_has_the_callers_address_and_not_what_was_asked_by(settings, client, caplog):
    settings.TRUSTED_PROXIES = [ONE]
    with caplog.at_level("INFO", "config.access"):
        client.get("/login/?next=/customers/", REMOTE_ADDR=ONE, headers={"X-Forwarded-For": "198.51.100.7"})
        client.get("/no%0Asuch/", REMOTE_ADDR=TWO)
    first, second = (record.getMessage() for record in caplog.records if record.name == "config.access")
    assert first.startswith('198.51.100.7 "GET /login/" 200 ')
    assert second.startswith('10.0.0.3 "GET /no\\nsuch/" 404 ')
