"""Who somebody is, and their password: nobody becomes another person, and nobody knows another's password."""

import re
from importlib import import_module
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from access import accounts, answering, emails, policy
from access.errors import Denied
from access.models import Person, Request
from access.pages import ANYBODY, PAGES
from audit.models import LogEntry, Repeat
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db

NEW = "correct horse battery"


def person_form(person: Person, **otherwise) -> dict:
    """What the page of an account sends, with these fields otherwise."""
    form = {
        "username": person.username, "name": person.name, "email": person.email, "role": person.role,
        "organization": person.organization_id, "office": person.office_id or "", "department": person.department,
        "is_active": "on",
    } | otherwise  # fmt: skip
    return {name: value for name, value in form.items() if value is not None}


def change(client: Client, person: Person, **otherwise):
    return client.post(f"/registers/person/{person.pk}/change/", person_form(person, **otherwise))


def agree(world, **about) -> None:
    (asked,) = Request.objects.waiting().filter(**about)
    answering.answer(world.administrator02, asked.pk, agree=True)


@pytest.fixture
def administrator(world, client_of) -> Client:
    return client_of(world.administrator)


# Who somebody is


def test_one_administrator_changes_nobodys_identity(world, administrator):
    wanted = {"name": "別の人", "email": "administrator@example.jp", "department": "x"}
    for whose in ("supervisor", "auditor", "contractor", "administrator02"):
        person = world.people[whose]
        change(administrator, person, username=f"{whose}-9", **wanted)
        stored = Person.objects.get(pk=person.pk)
        for field in ("username", *wanted):
            assert getattr(stored, field) == getattr(person, field), (whose, field)
    with pytest.raises(Denied, match="second_person"):  # it takes a third, where it is about the second
        agree(world, subject=world.administrator02)
    agree(world, subject=world.supervisor)
    stored = Person.objects.get(pk=world.supervisor.pk)
    assert [getattr(stored, field) for field in wanted] == list(wanted.values())


def test_a_change_is_told_to_the_person_when_it_is_asked_for_and_at_both_addresses_when_it_is_done(
    world, administrator
):
    person = world.supervisor
    change(administrator, person, email="another@example.jp", username="supervisor9")
    agree(world)
    emails.send()
    told = [(message.to, message.body) for message in mail.outbox if "supervisor9" in message.body]
    assert sorted(to for [to], _body in told) == [
        "another@example.jp", "supervisor@example.jp", "supervisor@example.jp",
    ]  # fmt: skip
    assert all("supervisor → supervisor9" in body for _to, body in told)


def test_a_change_that_waits_is_asked_for_once_and_the_page_says_who_did(world, administrator, client_of):
    change(administrator, world.operator, name="別の人")
    page = change(client_of(world.administrator02), world.operator, name="また別の人")
    assert str(world.administrator) in str(page.context["adminform"].form.non_field_errors())
    assert Request.objects.waiting().count() == 1


def test_what_is_agreed_to_is_the_account_that_the_request_showed(world, administrator):
    """Its role was changed by hand since: whoever agrees has not seen that."""
    Person.objects.filter(pk=world.operator.pk).update(is_active=False)
    change(administrator, Person.objects.get(pk=world.operator.pk))
    Person.objects.filter(pk=world.operator.pk).update(role="supervisor")
    agree(world)
    (asked,) = Request.objects.all()
    assert (asked.answer, asked.outcome) == ("pointless", {"why": "wider"})
    assert not Person.objects.get(pk=world.operator.pk).is_active


@pytest.mark.parametrize("again", ["auditor", "Auditor", "AUDITOR"])
def test_a_username_never_returns_to_another_person(world, administrator, again):
    change(administrator, world.auditor, username="old-auditor")
    agree(world)
    form = person_form(world.operator, username=again, email="x@example.jp")
    page = administrator.post("/registers/person/add/", form)
    assert page.context["adminform"].form.errors["username"]
    with pytest.raises(IntegrityError, match="never returns"), transaction.atomic():
        Person.objects.filter(pk=world.operator.pk).update(username=again)
    Person.objects.filter(pk=world.auditor.pk).update(username=again)


@pytest.mark.parametrize("name", ["аuditor", "ａuditor", "auditor​", "auditor "])
def test_a_username_that_looks_like_anothers_is_none(world, administrator, name):
    page = administrator.post(
        "/registers/person/add/", person_form(world.operator, username=name, email="x@example.jp")
    )
    assert page.context["adminform"].form.errors["username"]
    with pytest.raises(IntegrityError, match="letters of the alphabet"), transaction.atomic():
        Person.objects.filter(pk=world.operator.pk).update(username=name)


@pytest.mark.parametrize("field", ["username", "name", "email"])
def test_ones_own_identity_takes_a_second_administrator_too(world, administrator, field):
    change(administrator, world.administrator, **{field: "self9@example.jp"})
    assert getattr(Person.objects.get(pk=world.administrator.pk), field) == getattr(
        world.administrator, field
    )
    agree(world)
    assert getattr(Person.objects.get(pk=world.administrator.pk), field) == "self9@example.jp"


# Passwords


def code_in_the_mail(to: str) -> str:
    emails.send()
    bodies = [message.body for message in mail.outbox if message.to == [to]]
    return re.findall(r"^[a-z0-9]+-[0-9a-f]{32}$", "\n".join(bodies), re.MULTILINE)[-1]


def choose(username: str, code: str, password: str = NEW):
    words = {"username": username, "code": code, "new_password1": password, "new_password2": password}
    return Client().post(reverse("portal:choose_password"), words)


def test_a_new_account_is_opened_by_its_own_person_alone(world, administrator):
    """Neither who makes it nor who agrees knows a password of it; the code comes by the person's mail."""
    fields = administrator.get("/registers/person/add/").context["adminform"].form.fields
    assert not [name for name in fields if "password" in name]
    form = person_form(world.operator, username="friend", email="friend@example.jp", is_active=None)
    administrator.post("/registers/person/add/", form | {"password1": PASSWORD, "password2": PASSWORD})
    agree(world)
    friend = Person.objects.get(username="friend")
    assert friend.is_active
    assert not friend.has_usable_password()
    code = code_in_the_mail("friend@example.jp")
    assert choose("operator", code).context["form"].errors["code"], "it is nobody else's"
    assert choose("friend", code, "friend").context["form"].errors["new_password2"]
    assert choose("friend", code).status_code == 302
    assert Client().login(username="friend", password=NEW)
    assert choose("friend", code, "another horse battery").context["form"].errors["code"], "it is used"


def test_a_code_is_worthless_after_a_day_or_once_the_account_is_closed(world, administrator, settings):
    administrator.post(f"/registers/person/{world.operator.pk}/password/")
    agree(world)
    code = code_in_the_mail("operator@example.jp")
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert choose("operator", code).context["form"].errors["code"]
    settings.PASSWORD_RESET_TIMEOUT = 60
    Person.objects.filter(pk=world.operator.pk).update(is_active=False)
    assert choose("operator", code).context["form"].errors["code"]
    Person.objects.filter(pk=world.operator.pk).update(is_active=True)
    assert choose("operator", code, PASSWORD).context["form"].errors["new_password1"], (
        "the same again is none"
    )
    assert choose("operator", code).status_code == 302


def test_who_guesses_a_code_is_written_down_as_who_guesses_a_password(world):
    for _again in range(3):
        choose("operator", "abc123-" + "0" * 32)
    assert LogEntry.objects.filter(event="session.sign_in_failed", subject_id=world.operator.pk).exists()
    assert Repeat.objects.get().count == 2


def test_what_changed_since_an_account_was_read_stays(world):
    person, before = (Person.objects.get(pk=world.operator.pk) for _twice in range(2))
    Person.objects.filter(pk=person.pk).update(password="!", must_change_password=True)
    person.is_active = False
    accounts.save_person(world.administrator, person, before)
    stored = Person.objects.get(pk=person.pk)
    assert (stored.is_active, stored.password, stored.must_change_password) == (False, "!", True)


def test_a_code_goes_by_email_and_without_an_address_nobody_asks_for_one(world, administrator):
    Person.objects.filter(pk=world.operator.pk).update(email="")
    page = administrator.post(f"/registers/person/{world.operator.pk}/password/")
    assert page.status_code == 200
    assert not Request.objects.exists()


def test_an_open_session_is_over_when_another_password_is_chosen(world, administrator, client_of):
    old = client_of(world.operator)
    administrator.post(f"/registers/person/{world.operator.pk}/password/")
    agree(world)
    choose("operator", code_in_the_mail("operator@example.jp"))
    assert old.get("/").status_code == 302


def test_with_a_password_that_another_knows_no_page_opens_but_the_one_that_changes_it(world, client_of):
    Person.objects.filter(pk=world.operator.pk).update(must_change_password=True)
    client = client_of(world.operator)
    change_it = reverse("portal:password_change")
    for page in ("/", "/lookup/", "/inquiries/", "/notices/", "/items/"):
        assert client.get(page)["Location"] == change_it, page
    assert client.post("/lookup/", {"name": "カガワ"})["Location"] == change_it
    assert client.get("/still/", headers={"HX-Request": "true"})["HX-Redirect"] == change_it
    assert 'role="alert"' in client.get(change_it).content.decode()
    words = {"old_password": PASSWORD, "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(change_it, words).context["form"].errors["new_password1"], "the same again is none"
    client.post(change_it, words | {"new_password1": NEW, "new_password2": NEW})
    assert client.get("/").status_code == 200
    assert not Client().login(username="operator", password=PASSWORD)


def test_of_all_pages_the_change_and_signing_out_alone_open_before(world):
    world.operator.must_change_password = True
    open_ones = {name for name in PAGES if not policy.has_to_change_password_first(world.operator, name)}
    assert open_ones - {name for name, page in PAGES.items() if page.needs == ANYBODY} == {
        "portal:password_change", "portal:logout", "portal:jsi18n",
    }  # fmt: skip


def test_an_account_that_waits_with_a_password_somebody_else_knows_opens_by_a_code_alone(
    world, administrator
):
    person = world.people["contractor02"]
    Person.objects.filter(pk=person.pk).update(is_active=False, must_change_password=True)
    person.refresh_from_db()
    change(administrator, person, is_active="on")
    agree(world)
    person.refresh_from_db()
    assert person.is_active
    assert not Client().login(username=person.username, password=PASSWORD)
    assert choose(person.username, code_in_the_mail(person.email)).status_code == 302
    assert Client().login(username=person.username, password=NEW)


def test_an_update_marks_whose_password_somebody_else_set_last(world, client_of, settings):
    settings.DEMO = False
    words = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    client_of(world.operator).post(reverse("portal:password_change"), words)
    before = import_module("access.migrations.0013_who_somebody_was")
    with connection.schema_editor() as editor:
        before.known_to_another(None, editor)
    chosen = Person.objects.filter(must_change_password=False).exclude(role="system")
    assert [person.username for person in chosen] == ["operator"]


def test_the_first_administrators_have_to_change_what_was_typed_for_them(db, monkeypatch):
    monkeypatch.setattr("access.management.commands.create_administrator.getpass", lambda prompt: NEW)
    call_command("create_administrator", "first", name="一人目", operator="送配電", stdout=StringIO())
    assert Person.objects.get(username="first").must_change_password


def test_the_history_keeps_no_part_of_a_password(world, client_of):
    person = Person.objects.create(
        username="somebody", name="誰か", role="operator", password="pbkdf2_sha256$1$salt$digest",
        organization=world.operator.organization, office=world.operator.office,
    )  # fmt: skip
    person.set_password(NEW)
    person.save()
    client = client_of(world.operator)
    words = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    assert client.post(reverse("portal:password_change"), words).status_code == 302
    assert LogEntry.objects.filter(event="password.chosen", actor=world.operator).exists()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit_logentry WHERE audit_logentry::text ~ 'pbkdf2|digest'")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM audit_logentry WHERE changes ? 'password'")
        assert cursor.fetchone() == (0,)
