"""What a browser is told, and what a production start sets: each fails when its line is deleted."""

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from tests.config.test_start import NEEDED

#: A production start's setting to what it has to be.
SAFE = {
    "SESSION_COOKIE_SECURE": True,
    "CSRF_COOKIE_SECURE": True,
    "LANGUAGE_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": True,
    "CSRF_COOKIE_HTTPONLY": True,
    "SECURE_SSL_REDIRECT": True,
    "SECURE_HSTS_SECONDS": 31_536_000,
    "SECURE_PROXY_SSL_HEADER": None,
    "DEBUG": False,
}


def test_pages_carry_their_headers(world, client_of):
    page = client_of(world.operator).get("/")
    assert page["X-Frame-Options"] == "DENY"
    assert page["X-Content-Type-Options"] == "nosniff"
    assert page["Referrer-Policy"] == "same-origin"
    rules = dict(rule.strip().split(" ", 1) for rule in page["Content-Security-Policy"].split(";") if rule)
    assert rules["default-src"] == "'self'" or rules["default-src"] == "'none'"
    assert rules["frame-ancestors"] == "'none'"
    assert "unsafe" not in rules.get("script-src", "")
    assert "no-store" in page["Cache-Control"]


def test_a_form_without_its_token_does_nothing(world):
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.supervisor)
    emergency = world.declare()
    assert client.post(f"/emergencies/{emergency.pk}/end/").status_code == 403
    emergency.refresh_from_db()
    assert emergency.ended_at is None


def test_a_request_is_one_transaction(db):
    assert connection.settings_dict["ATOMIC_REQUESTS"]


def test_a_production_start_is_safe():
    code = (
        "import json, django; from django.conf import settings; django.setup(); "
        f"print(json.dumps({{name: getattr(settings, name) for name in {list(SAFE)}}}))"
    )
    env = {"PATH": os.environ["PATH"], "DJANGO_SETTINGS_MODULE": "config.settings"} | NEEDED
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=settings.BASE_DIR, env=env, capture_output=True, text=True,
        timeout=60, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout) == SAFE


@pytest.mark.parametrize(
    "query",
    ["password__startswith=p", "organization__contracts__title=x", "groups__name=operator", "email=x"],
)
def test_a_register_is_filtered_by_its_filters_alone(world, client_of, query):
    page = client_of(world.administrator).get(f"/registers/person/?{query}")
    assert page.status_code != 200


def test_the_systems_account_is_nobodys_to_edit(world, client_of):
    system = type(world.operator).objects.system()
    page = client_of(world.administrator).get(f"/registers/person/{system.pk}/change/")
    assert page.status_code != 200


def test_an_account_that_fits_no_organisation_is_an_error_beside_its_field(world, client_of):
    form = {
        "username": "new", "name": "新人", "role": "operator", "usable_password": "true",
        "organization": world.organizations["affiliate"].pk,
        "password1": "kagawa-no-udon-8", "password2": "kagawa-no-udon-8",
    }  # fmt: skip
    page = client_of(world.administrator).post("/registers/person/add/", form)
    assert page.status_code == 200
    assert {"role", "office"} <= page.context["adminform"].form.errors.keys()
