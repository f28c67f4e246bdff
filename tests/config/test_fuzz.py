"""Every page and every field, sent what no form sends: an answer that says so, and never an error of ours."""

import re
from collections.abc import Iterator
from itertools import cycle, islice

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import NoReverseMatch, reverse

from access import accounts, inquiries, lifecycle
from access.models import Emergency, Inquiry, Request
from access.pages import ANYBODY, PAGES, SIGNED_IN
from access.roles import ROLES
from audit import errands, exporting, review
from audit.models import Errand, LogEntry, Review
from customers import keys
from tests.config.test_pages import address
from tests.world import HANAKO

pytestmark = pytest.mark.django_db
ROLE_NAMES = [role.role.value for role in ROLES]

#: What breaks a program that believes its input. (A NUL has a test of its own.)
EVIL = [
    str(2**31),
    str(2**63),
    "7" * 5000,
    "-1",
    "1e999",
    "99999999999-1-1",
    "0000-01-01T00:00",
    "9999-12-31T23:59",
    "²",
    b"\xed\xa0\x80\xff",  # half of a surrogate pair, and no UTF-8
    "長" * 3_000,
    "\u202ea\r\nb: c %s%00",
]
#: How many of them each field of each page gets: which, changes from page to page.
ROUNDS = 3
#: In the place of a key in an address.
EVIL_KEYS = ["9" * 25, "7" * 5000, "a%00b", "%ED%A0%80", "長" * 300, "²"]
EVIL_FILES = {
    "NUL": b"username,name,trained_on\na\0b,x,2026-01-01\n",
    "far": "ユーザー名,氏名,教育日,username,trained_on\na,b,99999999999-1-1,contractor,99999999999-1-1\n".encode(),
    "digits": ("username,trained_on\ncontractor," + "7" * 5000 + "-1-1\n").encode(),
    "UTF-16": "username,trained_on\n".encode("utf-16"),
    "no text": bytes(range(256)) * 20,
    "one line": b"x" * 300_000,
    "open quote": b'username,trained_on\n"a,b\n',
    "nothing": b"",
    "a\0b.csv": b"username,trained_on\n",
}
EVIL_HEADERS = {
    "Accept-Language": "x" * 5000 + ",\0;q=9e999",
    "Authorization": "Bearer \xff\0",
    "Cookie": 'portal_session="\0"; portal_language=\xff; csrftoken=' + "長".encode().decode("latin-1"),
    "Referer": "http://[::1",
    "X-Forwarded-For": "\0, 999.1.1.1",
    "HX-Request": "true",
    "HX-Current-URL": "\xff",
    "Sec-Purpose": "\xff",
}
FIELD = re.compile(r'<(?:input|select|textarea|button)\b[^>]*\bname="([^"]+)"')
#: Fields that pages read, and no form of theirs shows.
UNSHOWN = {
    "after", "again", "all", "answer", "area", "by", "contract", "customer", "day", "e", "emergency", "entries",
    "format", "grants", "group", "is_active__exact", "key", "kind", "language", "mark", "minute", "newer", "next",
    "number", "o", "older", "open", "organization__id__exact", "p", "person", "prefecture__exact", "q", "right",
    "role__exact", "seen", "since", "state__exact", "until", "zoom", "_popup", "_to_field", "_changelist_filters",
}  # fmt: skip


@pytest.fixture
def busy(world):
    """The world with something behind every page."""
    over = world.declare(name="前線による大雨")
    lifecycle.end(over, world.supervisor)
    review.open_what_is_due()
    accounts.change_right(
        world.administrator02, "grant", world.contract.pk, world.operator.office.group, give=True
    )
    emergency = world.declare(name="台風第15号")
    for person in (world.contractor, world.operator):
        inquiries.take(person, Inquiry(emergency=emergency, caller_name="香川", kind="outage"))
    wanted = exporting.begin(world.auditor, {}, exporting.Format.XLSX).as_json()
    errands.ask(Errand.Kind.EXPORT, world.auditor, wanted)
    return world


def keys_of(world, role: str) -> dict[str, list]:
    """The keys in the address of each page whose thing is there; `address` knows some more."""
    over, emergency = Emergency.objects.get(name="前線による大雨"), Emergency.objects.get(name="台風第15号")
    contract, entry = world.contract.pk, LogEntry.objects.newest_first().first().pk
    inquiry = Inquiry.objects.filter(taken_by=world.people[role]).first()
    of_role = [inquiry.pk] if inquiry else [1]
    reviewed, customer = Review.objects.first().pk, world.customers[HANAKO].pk
    key = keys.make(world.people[role], customer, inquiry.pk if inquiry else None)
    of_emergency = (
        "emergency end_emergency extend_emergency change_areas grant revoke ask_for_help history_emergency"
    )
    of_contract = "roster add_to_roster import_roster suspend lift"
    return {
        **{name: [emergency.pk] for name in of_emergency.split()},
        **{name: [contract] for name in of_contract.split()},
        **{name: [contract, world.entry().pk] for name in ("train", "remove_from_roster")},
        **dict.fromkeys(("inquiry", "close_inquiry"), of_role),
        **{name: [key] for name in ("customer", "who_has_seen")},
        **{name: [reviewed] for name in ("review", "sign_off", "reopen_review")},
        **{name: [reviewed, entry] for name in ("mark_entry", "add_to_review")},
        **{name: [entry] for name in ("history_entry", "proof_of_entry")},
        **{name: [Errand.objects.first().pk] for name in ("errand", "errand_file")},
        **{name: [world.contractor.pk] for name in ("revoke_person", "history_person")},
        "summary": [over.pk],
        "answer": [Request.objects.first().pk],
        "history_grant": [world.grant().pk],
        "export": [world.people[role].organization_id],
    }


def pages_of(world, role: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """An address of each page of the role's work, and its methods; everybody's pages are the auditor's here."""
    held = next(one for one in ROLES if one.role == role).permissions
    everybodys = {ANYBODY, SIGNED_IN} if role == "auditor" else set()
    known = keys_of(world, role)
    for name, page in PAGES.items():
        if page.needs in held | everybodys and name not in ("portal:logout", "portal:login"):
            args = known.get(name.removeprefix("portal:"))
            yield reverse(name, args=args) if args else address(name, world), page.methods


def asked(client: Client, method: str, where: str, data=None, **extra) -> int:
    """The status of the answer; an error of the portal's is told with what it was asked."""
    try:
        response = getattr(client, method.lower())(where, data or {}, **extra)
        b"".join(response)
    except Exception as error:
        raise AssertionError(f"{method} {where[:200]} {str(data)[:200]} {extra}") from error
    assert response.status_code < 500 or where.startswith("/readyz"), (
        method,
        where[:200],
        str(data)[:200],
        extra,
    )
    return response.status_code


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_nothing_that_is_sent_breaks_a_page(busy, client_of, role):
    client = client_of(busy.people[role])
    for turn, (where, methods) in enumerate(list(pages_of(busy, role))):
        shown = set()
        if "GET" in methods:
            seen = client.get(where)
            shown = set() if seen.streaming else set(FIELD.findall(seen.content.decode()))
        for method in methods:
            fields = (UNSHOWN if method == "GET" else UNSHOWN & {"grants", "entries", "key"}) | shown
            for first in range(turn, turn + len(EVIL), len(EVIL) // ROUNDS):
                asked(client, method, where, dict(zip(sorted(fields), cycle_from(EVIL, first), strict=False)))
        key = EVIL_KEYS[turn % len(EVIL_KEYS)]
        asked(client, methods[0], re.sub(r"(?<=/)[^/]*\d[^/]*(?=/)", key, where))
        asked(client, methods[0], f"{where}?q=%ED%A0%80&=&&&%", headers=EVIL_HEADERS)


def cycle_from(values: list, first: int) -> Iterator:
    return islice(cycle(values), first % len(values), None)


@pytest.mark.parametrize(
    ("role", "page"), [("supervisor", "import_roster"), ("administrator", "import_customers")]
)
def test_no_file_breaks_an_import(busy, client_of, role, page):
    client = client_of(busy.people[role])
    where = reverse(f"portal:{page}", args=[busy.contract.pk] if page == "import_roster" else [])
    for name, content in EVIL_FILES.items():
        assert asked(client, "POST", where, {"file": SimpleUploadedFile(name, content)}) in (200, 302, 400), (
            name
        )
    asked(client, "POST", where, {"file": "no file"})
    for boundary in ("multipart/form-data", "multipart/form-data; boundary=\xff", "application/json"):
        extra = {"content_type": boundary}
        response = client.generic("POST", where, b"--x\r\n\0", **extra)
        assert response.status_code < 500, boundary


def test_a_nul_in_a_filter_or_an_address_is_a_wrong_one(world, client_of):
    client = client_of(world.administrator)
    before = LogEntry.objects.count()
    for where in (
        "/registers/person/?role__exact=%00",
        "/registers/servicearea/?prefecture__exact=%00",
    ):
        assert client.get(where)["Location"].endswith("?e=1")
    assert LogEntry.objects.count() == before
    for role in ROLE_NAMES:
        assert asked(client_of(world.people[role]), "GET", "/customers/%00/") in (403, 404)


def test_a_form_may_hold_a_mark_for_each_of_a_thousand_people_and_says_how_many_are_too_many(
    world, client_of
):
    client = client_of(world.supervisor)
    emergency = world.declare()
    where = reverse("portal:revoke", args=[emergency.pk])
    marked = {"because": "交代", "grants": [world.grant().pk, *range(10**6, 10**6 + 1100)]}
    assert client.post(where, marked).status_code == 302
    world.grant().refresh_from_db()
    assert world.grant().revoked_at
    response = client.post(where, {"grants": list(range(20_001))})
    assert response.status_code == 400
    assert "分けて送信してください" in response.content.decode()


def test_every_page_is_among_those_that_are_tried(busy):
    tried = {where for role in ROLE_NAMES for where, _methods in pages_of(busy, role)}
    assert len(tried) > 80
    for name in PAGES:
        try:
            assert reverse(name) in tried or name in ("portal:logout", "portal:login"), name
        except NoReverseMatch:
            continue
