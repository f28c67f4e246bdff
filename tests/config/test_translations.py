"""Both languages whole: every string translated, and no page that mixes Japanese and English."""

import re
from collections.abc import Iterable
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone, translation

from access import clock, lifecycle
from access.models import Emergency, Inquiry
from access.roles import ROLES
from audit.models import LogEntry
from config import errors
from config.checks import url_names
from config.management.commands import translations
from customers import keys
from customers.disclosure import DELEGABLE_ITEMS
from tests.config.test_pages import address
from tests.world import HANAKO, HANAKO_VALUES, MATSUYAMA, TAKAMATSU

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")
#: What betrays the other language on a page, once people's own words are taken out.
FOREIGN = {"ja": re.compile(r"[A-Za-z]{2,}"), "en": re.compile(r"[ぁ-ゖァ-ヺ一-鿿々「」。、]+")}
#: Written alike in both languages.
ALIKE = {
    "kWh",
    "kVA",
    "kW",
    "JIS X 0402",
    "ID",
    "CSV",
    "UTF-8",
    "UTF-16",
    "CP932",
    "SHA-256",
    "JSON Lines",
    "XLSX",
    "IP",
    "MB",
    "NULL",
}
#: Django's own, without a translation: what its icons are called, a list's codes where it is only read.
AS_DJANGO_HAS_IT = {"Search", "True", "False", ", ".join(DELEGABLE_ITEMS)}

#: Columns of words, and those among them that hold codes: a code on a page is no person's word.
TYPED = {"CharField", "TextField", "EmailField", "JSONField"}
CODES = {"event", "reason", "basis", "actor_role", "changes", "changes_text", "serialized_data"}

#: What a page may answer that is asked for as people may ask for it.
ANSWERS = {200, 204, 302, 403, 404, 405, 503}
CALL = {"caller_name": "香川 花子", "caller_phone": "087-821-0001", "kind": "outage", "note": "玄関の灯り"}
#: Something wrong for every form that there is.
NONSENSE = {
    "username": "?",
    "password": "?",
    "old_password": "?",
    "new_password1": "1",
    "new_password2": "2",
    "usable_password": "true",
    "password1": "1",
    "password2": "2",
    "email": "?",
    "role": "operator",
    "organization": "0",
    "supply_point_number": "12",
    "phone": "1",
    "name_kana": "A",
    "address": "1",
    "caller_name": "?" * 101,
    "caller_phone": "1",
    "emergency": "0",
    "kind": "?",
    "expires_at": "2020-01-01T00:00",
    "areas": ["0"],
    "contracts": ["0"],
    "person": "0",
    "trained_on": "2099-01-01",
    "starts_at_0": "2030-01-01",
    "starts_at_1": "25:00",
    "delegated_items": ["?"],
    "max_grant_hours": "0",
}


def catalogue() -> list:
    return [message for message in translations.read(translations.CATALOGUE) if message.id]


def test_every_string_has_a_japanese_translation():
    call_command("translations", check=True)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (('"Sign out"\nmsgstr "ログアウト"', '"Sign out"\nmsgstr ""'), "untranslated: 'Sign out'"),
        (('msgid "Sign out"', 'msgid "Sign away"'), "missing: 'Sign out'"),
        (('msgid "Sign out"', '#, fuzzy\nmsgid "Sign out"'), "untranslated: 'Sign out'"),
    ],
)
def test_a_string_without_its_translation_is_named(monkeypatch, tmp_path, capsys, damage, said):
    damaged = tmp_path / "django.po"
    damaged.write_text(translations.CATALOGUE.read_text("utf-8").replace(*damage), "utf-8")
    before = damaged.read_bytes()
    monkeypatch.setattr(translations, "CATALOGUE", damaged)
    with pytest.raises(CommandError):
        call_command("translations", check=True)
    assert f"{said} in templates/admin/base.html\n" in capsys.readouterr().err
    assert damaged.read_bytes() == before


def test_the_same_strings_make_the_same_file(monkeypatch, tmp_path):
    path = tmp_path / "django.po"
    path.write_bytes(translations.CATALOGUE.read_bytes())
    monkeypatch.setattr(translations, "CATALOGUE", path)
    call_command("translations", verbosity=0)
    once = path.read_bytes()
    call_command("translations", verbosity=0)
    assert path.read_bytes() == once
    assert path.with_suffix(".mo").exists()


def test_a_translation_names_what_its_string_names():
    for message in catalogue():
        sources, strings = message.id, message.string
        if not message.pluralizable:
            sources, strings = (sources,), (strings,)
        named = {name for source in sources for name in PLACEHOLDER.findall(source)}
        for string in strings:
            assert set(PLACEHOLDER.findall(string)) == named, message.id


class Spoken(HTMLParser):
    """The words of a page that somebody sees or hears, except those marked as another language's."""

    ATTRIBUTES = ("alt", "aria-label", "label", "placeholder", "title")
    EMPTY = ("br", "hr", "img", "input", "link", "meta")

    def __init__(self, language: str):
        super().__init__()
        self.language = language
        self.words: list[str] = []
        self._silent: list[bool] = []

    def handle_starttag(self, tag, attrs):
        attributes = {name: value for name, value in attrs if value}
        silent = tag in ("script", "style") or attributes.get("lang", self.language) != self.language
        if not silent and not any(self._silent):
            self.words += [attributes[name] for name in self.ATTRIBUTES if name in attributes]
            if tag == "input" and attributes.get("type") == "submit" and "value" in attributes:
                self.words.append(attributes["value"])
        if tag not in self.EMPTY:
            self._silent.append(silent)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in self.EMPTY:
            self._silent.pop()

    def handle_endtag(self, tag):
        if tag not in self.EMPTY:
            self._silent.pop()

    def handle_data(self, data):
        if data.strip() and not any(self._silent):
            self.words.append(" ".join(data.split()))


def of_the_other_language(responses: Iterable, language: str) -> dict[str, str]:
    """Words of the pages that are of the other language and nobody's own; to each the first page."""
    found: dict[str, str] = {}
    with translation.override(None):  # what a request activates would outlive it
        for response in responses:
            asked = hasattr(response, "request")
            where = response.request["PATH_INFO"] if asked else "–"
            assert not asked or response.status_code in ANSWERS, where
            if response.get("Content-Type", "").startswith("text/html"):
                text = response.content.decode()
                assert not text or f'<html lang="{language}">' in text, where
                page = Spoken(language)
                page.feed(text)
                for words in page.words:
                    found.setdefault(words, where)
    own, recorded = peoples_words(), recorded_changes()
    return {
        words: where
        for words, where in found.items()
        if FOREIGN[language].search(own.sub("", words))
        and words not in AS_DJANGO_HAS_IT
        and not (where.startswith("/history/") and words in recorded)
    }


def recorded_changes() -> set[str]:
    """Columns and values of changes, which an entry's page shows as the history keeps them."""
    changes = LogEntry.objects.exclude(changes=None).values_list("changes", flat=True)
    return {str(one) for change in changes for name, values in change.items() for one in (name, *values)}


def peoples_words() -> re.Pattern:
    """What people typed, as the database has it: names, addresses, titles, usernames, paths asked for."""
    words = set(ALIKE)
    for label in ("access", "audit", "customers"):
        for model in apps.get_app_config(label).get_models():
            names = {f.name for f in model._meta.fields if f.get_internal_type() in TYPED and not f.choices}
            for row in model.objects.values_list(*(names - CODES)):
                words |= _strings(row)
    return re.compile("|".join(re.escape(word) for word in sorted(words, key=len, reverse=True)))


def _strings(value) -> set[str]:
    if isinstance(value, str):
        return {value} if value.strip() else set()
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return set().union(*(_strings(one) for one in value))
    return set()


@pytest.fixture
def busy_world(world, client):
    """The world in the middle of an emergency, one more behind it, with a history of every kind."""

    def sends(person, page: str, *args, **data) -> None:
        client.force_login(person, "access.backends.RoleBackend")
        client.post(reverse(f"portal:{page}", args=args), data)

    over = world.declare(MATSUYAMA, name="令和8年豪雨")
    sends(world.supervisor, "end_emergency", over.pk)
    emergency = world.declare()
    for person in (world.contractor, world.operator):
        sends(person, "take_inquiry", **CALL, emergency=emergency.pk)
        inquiry = person.inquiries.get()
        sends(person, "inquiry", inquiry.pk, phone=HANAKO_VALUES["phone"])
        client.get(
            reverse("portal:customer", args=[keys.make(person, world.customers[HANAKO].pk, inquiry.pk)])
        )
        sends(person, "inquiry", inquiry.pk, phone="0000000000")
        sends(person, "history")
    office = {"name": "香川中央支社", "name_en": "Kagawa Central Branch"}
    sends(world.administrator, "access_office_change", world.operator.office_id, **office)
    assert set(LogEntry.objects.values_list("kind", flat=True)) == set(LogEntry.Kind.values)
    return world


def those_that_read_differently():
    """An entry of each sort that has words of its own: a change's are those of what was changed."""
    words = ("kind", "event", "reason", "basis", "action", "content_type")
    return LogEntry.objects.order_by(*words, "pk").distinct(*words)


def pages(world, client, role: str):
    """All pages as a role gets them: seen, sent with nothing and with nonsense in their forms, and done."""
    inquiry = Inquiry.objects.filter(taken_by__role=role).first()
    key = keys.make(world.people[role], world.customers[HANAKO].pk, inquiry and inquiry.pk)
    held = next(one for one in ROLES if one.role == role).permissions
    addresses = [address(name, world) for name in url_names()]
    addresses += [reverse("portal:customer", args=[key]), "/no/such/page/"]
    addresses += [reverse("portal:emergency", args=[e.pk]) for e in Emergency.objects.all()]
    addresses += [reverse("portal:inquiry", args=[inquiry.pk])] if inquiry else []
    if "audit.read_history" in held:
        addresses += [reverse("portal:history_entry", args=[e.pk]) for e in those_that_read_differently()]
        addresses += [reverse("portal:history") + query for query in ("?since=x&emergency=x", "?person=-")]
    for where in dict.fromkeys(addresses):
        response = client.get(where)
        yield response
        if re.search(
            rb'<form method="post" class|<form method="post" id|<form method="post">', response.content
        ):
            sensible = {"phone": HANAKO_VALUES["phone"]}
            yield from (client.post(where, sent, follow=True) for sent in ({}, NONSENSE, sensible))
    yield from work(world, client, role, inquiry)
    yield client.post(reverse("portal:logout"), follow=True)


def work(world, client, role: str, inquiry: Inquiry | None):
    """What a role does, twice over where the second time is too late, as responses."""
    emergency = Emergency.objects.open().get()

    def post(page: str, *args, **data):
        return client.post(reverse(f"portal:{page}", args=args), data, follow=True)

    if role == "supervisor":
        entry, contract = world.entry(), world.contract.pk
        until = timezone.localtime(clock.database_now() + timedelta(hours=2))
        facts = {"kind": "flood", "name": "令和8年豪雨", "areas": [world.areas[TAKAMATSU].pk]}
        yield post("declare_emergency", **facts, expires_at=f"{until:%Y-%m-%dT%H:%M}")
        yield from (post("remove_from_roster", contract, entry.pk) for _twice in range(2))
        yield post("add_to_roster", contract, person=entry.person_id, trained_on="2026-06-01")
        yield client.get(reverse("portal:end_emergency", args=[emergency.pk]))
        yield from (post("end_emergency", emergency.pk) for _twice in range(2))
    if role == "retailer":
        for organization in (world.retailer.organization, world.organizations["affiliate"]):
            response = post("export", organization.pk)
            list(response)
            yield response
        yield client.get(reverse("portal:exports"))
    if inquiry:
        yield post("close_inquiry", inquiry.pk)
        yield from (post("close_inquiry", inquiry.pk, outcome="answered", found="yes") for _twice in range(2))
        yield post("inquiry", inquiry.pk, phone=HANAKO_VALUES["phone"])
        lifecycle.end(emergency, world.supervisor)
        yield client.get("/")


@pytest.mark.parametrize("language", FOREIGN)
@pytest.mark.parametrize("role", [role.role.value for role in ROLES])
def test_the_pages_of_a_role_are_in_one_language(busy_world, client_of, role, language):
    client = client_of(busy_world.people[role])
    client.cookies["portal_language"] = language
    assert not of_the_other_language(pages(busy_world, client, role), language)


@pytest.mark.parametrize("language", FOREIGN)
def test_pages_for_anybody_are_in_one_language(db, language):
    client, strict = Client(), Client(enforce_csrf_checks=True)
    client.cookies["portal_language"] = strict.cookies["portal_language"] = language
    somebody = {"username": "somebody", "password": "?"}

    def seen():
        yield client.get("/login/")
        yield client.post("/login/", {})
        yield client.post("/login/", somebody)
        yield strict.post("/login/", somebody)
        yield client.get("/no/such/page/")
        with translation.override(language):
            yield errors.server_error(RequestFactory().get("/"))
            yield errors.bad_request(RequestFactory().get("/"))

    assert not of_the_other_language(seen(), language)
