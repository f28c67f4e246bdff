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
from access.models import DelegationContract, Emergency, Grant, Office, Person, Request
from customers.forms import LookupForm
from customers.models import Organization, ServiceArea
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
    "access.Notice", "access.Session", "access.Unreconciled", "audit.Anchor", "audit.Archive", "audit.Errand",
    "audit.Head", "audit.LogEntry", "audit.Publication", "audit.Repeat", "audit.Review", "audit.ReviewedEntry", "audit.Seal",
}  # fmt: skip
#: Columns of a hash, of digits (by a constraint), the key of what a request is about, and the keys by which customers are found.
NARROWER = {
    "password",
    "code",
    "about",
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


def our_forms() -> Iterator[type[forms.BaseForm]]:
    """Every form that our packages define."""
    for package in OURS:
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, f"{package}."):
            if ".migrations" not in module.name and module.name != "config.wsgi":
                for one in vars(importlib.import_module(module.name)).values():
                    if (
                        isinstance(one, type)
                        and one.__module__ == module.name
                        and issubclass(one, forms.BaseForm)
                    ):
                        yield one


def form_fields() -> Iterator[tuple[str, forms.CharField]]:
    """Every one-line field of theirs."""
    longer = forms.Textarea | forms.PasswordInput | forms.HiddenInput
    for form in our_forms():
        if form is LookupForm:
            continue  # what is pasted is made into keys, and is kept nowhere
        for name, field in form.base_fields.items():
            if isinstance(field, forms.CharField) and not isinstance(field.widget, longer):
                yield f"{form.__module__}.{form.__name__}.{name}", field


def lets_through(field: forms.Field | models.Field, never: str) -> bool:
    """Whether what it must not hold comes through: neither refused nor, by a form, taken away."""
    value = f"a{never}b@example.jp"
    try:
        if isinstance(field, forms.Field):
            return never in str(field.clean(value))
        field.run_validators(value)
    except ValidationError:
        return False
    return True


def test_every_column_for_peoples_words_is_one_line():
    found = list(columns())
    assert len(found) > 20
    for field in found:
        assert not [repr(one) for one in NEVER if lets_through(field, one)], f"{field} is no OneLineField"


def test_every_one_line_field_of_a_form_refuses_them():
    found = dict(form_fields())
    assert {
        "access.forms.DeclareForm.name",
        "access.admin.PersonForm.name",
        "audit.forms.HistoryFilter.person",
    } <= set(found)
    for name, field in found.items():
        assert not [repr(one) for one in NEVER if lets_through(field, one)], f"{name} is no OneLine"


def test_what_is_pasted_from_a_sheet_or_a_telephone_is_plain():
    assert OneLine().clean("香川\t花子") == "香川 花子"
    assert OneLine().clean("\u202d087-899-0109\u202c") == "087-899-0109"


def test_to_a_migration_it_is_a_column_of_characters():
    assert OneLineField(max_length=9).deconstruct()[1] == "django.db.models.CharField"


@pytest.mark.django_db
@pytest.mark.parametrize("bad", ["\r\nBcc: a@example.jp", "\x00", "\u2028"])
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
    grant = world.grant()
    revoked = {"revoked_at": grant.starts_at, "revoked_by": world.supervisor, "revoked_because": f"交代{bad}"}
    acts = [
        lambda: world.declare(name=f"台風{bad}"),
        lambda: Grant.objects.update(**revoked),
        lambda: Person.objects.update(name=f"高松{bad}"),
        lambda: Person.objects.filter(pk=world.auditor.pk).update(username=f"auditor{bad}"),
        lambda: Office.objects.filter(pk=world.operator.office_id).update(name=f"支社{bad}"),
        lambda: DelegationContract.objects.update(title=f"契約{bad}"),
        lambda: Organization.objects.filter(pk=world.contract.delegate_id).update(name=f"電力{bad}"),
        lambda: ServiceArea.objects.filter(code="37201").update(name=f"高松市{bad}"),
        lambda: Request.objects.create(
            kind="help", asked_by=world.contractor, because=f"応援{bad}", lapses_at=grant.ends_at
        ),
    ]
    for act in acts:
        with pytest.raises(DatabaseError, match="more than one line"), transaction.atomic():
            act()


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
