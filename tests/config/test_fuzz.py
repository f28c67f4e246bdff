"""Every page and every field, sent what no form sends: an answer that says so, and never an error of ours."""

import re
import traceback
from collections.abc import Iterator

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import URLPattern, get_resolver, reverse

from access.models import Emergency
from access.pages import ANYBODY, PAGES, SHOWN, SIGNED_IN
from access.roles import ROLES
from customers import keys
from tests.config.test_pages import address
from tests.world import HANAKO

pytestmark = pytest.mark.django_db
ROLE_NAMES = [role.role.value for role in ROLES]

#: What breaks a program that believes its input.
EVIL = {
    "NUL": "a\0b",
    "a huge number": "9" * 25,
    "past bigint": str(2**63),
    "past integer": str(2**31),
    "5,000 digits": "7" * 5000,
    "below zero": "-1",
    "no number": "NaN",
    "infinite": "1e999",
    "a far year": "99999999999-1-1",
    "year 0": "0000-01-01T00:00",
    "year 1": "0001-01-01",
    "the last day": "9999-12-31T23:59",
    "full-width digits": "１２３",
    "superscript": "²",
    "replaced surrogate": "\ufffd",
    "not UTF-8": b"\xed\xa0\x80\xff",
    "overlong": "長" * 20_000,
    "right to left": "\u202eabc",
    "many lines": "a\r\nb: c\n" * 50,
    "JSON": '{"a": [1]}',
    "a percent": "%s%00%",
}
FIELD = re.compile(r'<(?:input|select|textarea|button)\b[^>]*\bname="([^"]+)"')
#: Fields that pages read and no form of the world shows.
UNSHOWN = {
    "after", "again", "area", "contract", "day", "emergency", "key", "kind", "minute", "open", "person",
    "zoom", "by", "customer", "since", "until", "format", "language", "next", "right", "group", "grants",
    "entries", "q", "o", "p", "e", "all", "_popup", "_to_field", "prefecture__exact", "role__exact",
    "is_active__exact", "organization__id__exact", "answer", "seen", "mark", "number", "older", "newer",
}  # fmt: skip
TOKEN = "csrfmiddlewaretoken"


def pages_of(world, role: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """An address of each page of the role's work, of things that are there as far as the world has some."""
    held = next(one for one in ROLES if one.role == role).permissions
    everybodys = {ANYBODY, SIGNED_IN} if role == "administrator" else set()
    emergency = Emergency.objects.open().get().pk
    for name, page in PAGES.items():
        if page.needs in held | everybodys:
            where = address(name, world)
            yield where.replace("/emergencies/1/", f"/emergencies/{emergency}/"), page.methods
    if "customers.look_up_customer" in held:
        key = keys.make(world.people[role], world.customers[HANAKO].pk, None)
        yield reverse("portal:customer", args=[key]), SHOWN


def fields_of(page: bytes) -> set[str]:
    return set(FIELD.findall(page.decode())) - {TOKEN}


FOUND = []


def the_portal_withstands(client: Client, method: str, where: str, data, **extra) -> None:
    try:
        response = getattr(client, method)(where, data, **extra)
        if response.streaming:
            response.close()
        if response.status_code >= 500 and where != "/readyz":
            raise AssertionError(response.status_code)
    except Exception as error:
        FOUND.append((method, where, {str(v)[:30] for v in data.values()}, repr(error)[:150], [f"{f.filename.split('/server/')[-1]}:{f.lineno}" for f in traceback.extract_tb(error.__traceback__) if "/server/" in f.filename and "/.venv/" not in f.filename][-2:]))


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_no_field_of_any_page_breaks_it(world, client_of, role):
    world.declare()
    client = client_of(world.people[role])
    n = 0
    for where, methods in pages_of(world, role):
        fields = UNSHOWN
        if "GET" in methods:
            seen = client.get(where)
            fields = UNSHOWN | fields_of(b"" if seen.streaming else seen.content)
        for evil in EVIL.values():
            for method in methods:
                the_portal_withstands(client, method.lower(), where, dict.fromkeys(fields, evil)); n += 1
        for evil in (10**25, 2**63, "7" * 5000, "a%00b", "長" * 300, "-1", "²"):
            path = re.sub(r"(?<=/)(\d+|x|contract)(?=/)", str(evil), where)
            if path != where:
                for method in methods:
                    the_portal_withstands(client, method.lower(), path, {}); n += 1
    print(role, n)
    for f in FOUND: print("FOUND", f)
    FOUND.clear()
