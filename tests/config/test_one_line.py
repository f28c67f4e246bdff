"""No field of one line takes a line break, a control character or a change of the writing direction."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest
from django import forms
from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, models, transaction
from django.urls import reverse

from access.forms import DeclareForm
from access.models import Emergency
from customers.one_line import OneLine, OneLineField

OURS = ("access", "audit", "config", "customers")
#: In no field of one line: line breaks and separators, NUL and its like, directions, half a character.
NEVER = (
    "\n",
    "\r",
    "\x00",
    "\x1b",
    "\x7f",
    "\x85",
    "\u2028",
    "\u2029",
    "\u202e",
    "\u2066",
    "\u200f",
    "\ud800",
)
#: Columns that the portal itself fills: with codes, keys, names as they were, and no word from a form.
FILLED_BY_US = {
    "access.Notice", "access.Unreconciled", "audit.Anchor", "audit.Archive", "audit.Errand",
    "audit.LogEntry", "audit.Publication", "audit.Review", "audit.ReviewedEntry", "audit.Seal",
}  # fmt: skip
#: Columns that a constraint holds to a pattern of digits, and the keys by which customers are found.
NARROWER = {
    "code",
    "supply_point_number",
    "phone_key",
    "kana_key",
    "kana_tail",
    "name_key",
    "name_tail",
    "town_key",
}


def columns() -> Iterator[models.CharField]:
    """Our columns that people's words reach."""
    for model in apps.get_models():
        if model._meta.app_label in OURS and model._meta.label not in FILLED_BY_US:
            for field in model._meta.local_fields:
                if isinstance(field, models.CharField) and not field.choices and field.name not in NARROWER:
                    yield field


def form_fields() -> Iterator[tuple[str, forms.CharField]]:
    """Every one-line field of every form that our packages define."""
    for package in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if ".migrations" in module.name or module.name == "config.wsgi":
                continue
            for form in vars(importlib.import_module(module.name)).values():
                if (
                    isinstance(form, type)
                    and issubclass(form, forms.BaseForm)
                    and hasattr(form, "base_fields")
                ):
                    for name, field in form.base_fields.items():
                        if isinstance(field, forms.CharField) and not isinstance(
                            field.widget, forms.Textarea | forms.PasswordInput | forms.HiddenInput
                        ):
                            yield f"{form.__module__}.{form.__name__}.{name}", field


def refuses(field, value: str) -> bool:
    try:
        field.run_validators(value)
    except ValidationError:
        return True
    return False


def test_every_column_for_peoples_words_is_one_line():
    found = list(columns())
    assert len(found) > 20
    for field in found:
        lets_through = [repr(one) for one in NEVER if not refuses(field, f"a{one}b@example.jp")]
        assert not lets_through, f"{field} is no OneLineField"


def test_every_one_line_field_of_a_form_refuses_them():
    found = dict(form_fields())
    assert {
        "access.forms.DeclareForm.name",
        "access.admin.PersonForm.name",
        "customers.forms.LookupForm.words",
    } <= set(found)
    for name, field in found.items():
        lets_through = [repr(one) for one in NEVER if not refuses(field, f"a{one}b@example.jp")]
        assert not lets_through, f"{name} is no OneLine"


def test_a_tab_from_a_sheet_is_a_space():
    assert OneLine().clean("香川\t花子") == "香川 花子"


def test_to_a_migration_it_is_a_column_of_characters():
    assert OneLineField(max_length=9).deconstruct()[1] == "django.db.models.CharField"


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["\r\nBcc: a@example.jp", "\x00", "\u202e", "\u2028"])
def test_the_form_says_it_beside_the_field_and_keeps_the_rest(world, client_of, bad):
    client = client_of(world.supervisor)
    typed = {"kind": "typhoon", "name": f"台風{bad}14号", "areas": [world.areas["37201"].pk]}
    answer = client.post(reverse("portal:declare_emergency"), typed)
    form: DeclareForm = answer.context["form"]
    assert "1行で入力してください" in " ".join(form.errors["name"])
    assert not Emergency.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["\n", "\r", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066"])
def test_the_database_refuses_names_of_more_than_one_line(world, bad):
    world.declare()
    with transaction.atomic():
        for table, column in (
            ("access_person", "name"),
            ("access_person", "username"),
            ("access_office", "name"),
            ("access_delegationcontract", "title"),
            ("customers_organization", "name"),
            ("customers_servicearea", "name"),
        ):
            with pytest.raises(DatabaseError, match="more than one line"), transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute(f"UPDATE {table} SET {column} = {column} || %s", [f"a{bad}b"])  # noqa: S608
        with pytest.raises(DatabaseError, match="more than one line"), transaction.atomic():
            world.declare(name=f"台風{bad}")
        with pytest.raises(DatabaseError, match="more than one line"), transaction.atomic():
            world.grant().__class__.objects.update(
                revoked_because=f"交代{bad}", revoked_at=world.grant().starts_at, revoked_by=world.supervisor
            )


@pytest.mark.django_db
def test_a_name_from_before_keeps_nobody_from_ending_it(world):
    emergency = world.declare()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE access_emergency DISABLE TRIGGER USER")
        cursor.execute("UPDATE access_emergency SET name = %s", ["台風\n14号"])
        cursor.execute("ALTER TABLE access_emergency ENABLE TRIGGER USER")
    emergency.refresh_from_db()
    emergency.expires_at = emergency.expires_at.replace(microsecond=0)
    emergency.save()
