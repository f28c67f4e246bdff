"""Accounts and rights on objects: what gives somebody more waits for a second administrator.

An administrator sees no customer and no history, and could make an account that does. So whatever
opens something (a new or reopened account, another role, organisation or office, a code for a new
password, an office's right on an area or a contract) is a request that another administrator agrees to;
so is who somebody is (username, name, email). What takes away happens at once, but not from auditors:
whom an administrator fears is not sent away by that administrator alone, and all auditors are told.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import account_notices, clock, passwords, policy, requests
from access.errors import AlreadyDone, Unfit
from access.models import (
    AreaGroupPermission,
    ContractGroupPermission,
    DelegationContract,
    Office,
    Person,
    Request,
    Role,
    RosterEntry,
)
from access.reconcile import reconcile
from audit import recording
from customers.models import ServiceArea

WAITS_FOR = timedelta(days=7)
#: Columns of a person whose change gives something, or may.
PLACE = ("role", "organization_id", "office_id", "department")
#: Columns that say who somebody is: whoever changes them could sign in, or be taken, as another.
IDENTITY = ("username", "name", "email")

#: Roles that exclude one another, also one after the other: a trigger has the last word.
SEPARATE_DUTIES = frozenset({Role.SUPERVISOR, Role.AUDITOR, Role.ADMINISTRATOR})


@dataclass(frozen=True)
class Right:
    """A right on an object that a group may hold: its permission, table, and what it is called."""

    codename: str
    table: Any
    model: Any
    label: Any


# fmt: off
RIGHTS = {
    "consult": Right("consult_servicearea",    AreaGroupPermission,     ServiceArea,        gettext_lazy("Operators look customers up here")),
    "declare": Right("declare_in_servicearea", AreaGroupPermission,     ServiceArea,        gettext_lazy("Supervisors declare emergencies here")),
    "grant":   Right("grant_under_contract",   ContractGroupPermission, DelegationContract, gettext_lazy("Supervisors grant under it")),
    "review":  Right("review_contract",        ContractGroupPermission, DelegationContract, gettext_lazy("Auditors review it")),
}
# fmt: on


@transaction.atomic
def save_person(by: Person, person: Person, before: Person | None) -> list[Request]:
    """Saves what may be saved at once, and files a request for the rest; returns the requests.

    before: the person as stored, or None for a new one. A new account is closed, and has no password,
    until a second administrator agrees. Raises Unfit for a change of one's own role, AlreadyDone where a
    request about the person waits.
    """
    policy.check_may(by, "access.change_person")
    if before is None:
        person.is_active = False
        person.set_unusable_password()
        person.save()
        return [_ask(by, person, {"is_active": True})]
    wanted = {
        name: getattr(person, name)
        for name in (*IDENTITY, *PLACE)
        if getattr(person, name) != getattr(before, name)
    }
    if not wanted.keys().isdisjoint(PLACE) and person.pk == by.pk:
        raise Unfit(_("Nobody changes their own role, organisation or office."))
    if person.is_active != before.is_active and (person.is_active or before.role == Role.AUDITOR):
        wanted["is_active"] = person.is_active
    elif before.is_active and not person.is_active:
        check_may_be_closed(before)
    for name in wanted:
        setattr(person, name, getattr(before, name))
    asked = [_ask(by, before, wanted)] if wanted else []
    # All else waits; the rest of the row may have changed since it was read
    save_with_rosters(by, person, ["is_active"])
    return asked


def check_may_be_closed(person: Person) -> None:
    """Raises Unfit where two administrators would not stay: what one gives waits for the other."""
    others = Person.objects.select_for_update().filter(role=Role.ADMINISTRATOR, is_active=True)
    if person.role == Role.ADMINISTRATOR and len(others.exclude(pk=person.pk)) < 2:
        raise Unfit(_("Two administrators stay: open another account first."), "is_active")


@transaction.atomic
def send_code(by: Person, person: Person) -> Request:
    """Files a request to send the person a code, by which they choose a new password themself.

    Raises Unfit where no email address is known.
    """
    policy.check_may(by, "access.change_person")
    passwords.check_can_be_sent(person)
    return _ask(by, person, {"new_password": True})


@transaction.atomic
def change_right(by: Person, right: str, pk: int, group: Group, *, give: bool) -> Request | None:
    """Takes a right on an object from a group now, or files a request: to give it, or to take an auditor's.

    right: a key of RIGHTS; pk: the object's. Raises Denied, AlreadyDone if it is so already.
    """
    policy.check_may(by, "access.keep_object_rights")
    about = RIGHTS[right].model.objects.get(pk=pk)
    if holders(right, about).filter(pk=group.pk).exists() == give:
        raise AlreadyDone(_("It is so already."))
    if not give and right != "review":
        _set_right(by, right, about, group, give=False)
        return None
    request = requests.ask(
        by,
        Request.Kind.RIGHT,
        about=f"right {right} {pk} group {group.pk}",
        lapses_at=clock.database_now() + WAITS_FOR,
        contract=about if isinstance(about, DelegationContract) else None,
        detail={"right": right, "object": pk, "group": group.pk, "give": give},
    )
    if right == "review":
        account_notices.auditors(request, _in_each_language(request))
    return request


def holders(right: str, about) -> Any:
    """The groups that hold the right on the object."""
    row = RIGHTS[right]
    held = row.table.objects.filter(content_object=about, permission__codename=row.codename)
    return Group.objects.filter(pk__in=held.values("group"))


def may_hold(right: str):
    """The groups to which the right may be given: the offices', and all of the role where that fits."""
    offices = Group.objects.filter(pk__in=Office.objects.values("group"))
    role = {"grant": Role.SUPERVISOR, "review": Role.AUDITOR}.get(right)
    return (offices | Group.objects.filter(name=role)) if role else offices


def group_name(group: Group) -> str:
    """What a group is called on a page: its office, or its role."""
    office = Office.objects.filter(group=group).first()
    if office:
        return str(office)
    return _("All: %(role)s") % {"role": Role(group.name).label}


def _stored_name(group: Group) -> str:
    """A group's name as the history keeps it: the office's, or the role."""
    office = Office.objects.filter(group=group).first()
    return office.name if office else group.name


def carry_out(request: Request, by: Person) -> dict | None:
    """Does what a second administrator agreed to, and tells whom it concerns; there is nothing to say besides.

    Pointless where the account is not any more as it was when it was asked for; Unfit without an address.
    """
    what = _in_each_language(request)
    if request.kind == Request.Kind.RIGHT:
        right, pk = request.detail["right"], request.detail["object"]
        group = Group.objects.get(pk=request.detail["group"])
        about = RIGHTS[right].model.objects.get(pk=pk)
        _set_right(by, right, about, group, give=request.detail.get("give", True))
        if right == "review":
            account_notices.auditors(request, what, by)
        return None
    assert request.subject
    # Their own readings, which write who reads, are not waited for: `save_with_rosters` takes the turnstile
    person = Person.objects.select_for_update(no_key=True).get(pk=request.subject.pk)
    if request.detail.get("as", as_it_is := _as_it_is(person)) != as_it_is:
        raise requests.Pointless("wider")
    before, wanted = person.email, _wanted(request)
    for name, value in wanted.items():
        setattr(person, name, value)
    if wanted.get("is_active") and person.must_change_password:
        person.set_unusable_password()  # somebody else knows it, and would be in first
    save_with_rosters(by, person)
    if _sends_a_code(wanted, person):
        passwords.check_can_be_sent(person)
        passwords.send(person, f"request {request.pk}")
    account_notices.person(request, what, {before, person.email}, by)
    if Role.AUDITOR in (person.role, as_it_is["role"]):
        account_notices.auditors(request, what, by)
    return None


def _wanted(request: Request) -> dict[str, Any]:
    """The columns of a person that the request would set. (`password`: as requests once held one, unused.)"""
    return {name: request.detail[name] for name in (*IDENTITY, *PLACE, "is_active") if name in request.detail}


def _sends_a_code(wanted: dict[str, Any], person: Person) -> bool:
    """Whether the person is to choose a password: asked for, or the account was never opened before."""
    return not wanted or (bool(wanted.get("is_active")) and not person.has_usable_password())


def _as_it_is(person: Person) -> dict[str, Any]:
    """What an account is at this moment: what a request about it shows, and so is agreed to with it."""
    return {name: getattr(person, name) for name in (*IDENTITY, *PLACE, "is_active")}


def described(request: Request) -> str:
    """What a request about an account or a right asks for, in the active language."""
    if request.kind == Request.Kind.RIGHT:
        right = RIGHTS[request.detail["right"]]
        about = right.model.objects.get(pk=request.detail["object"])
        name = group_name(Group.objects.get(pk=request.detail["group"]))
        if request.detail.get("give", True):
            return f"{about}{_(': ')}{right.label} – {name}"
        return _("%(object)s: %(right)s – no longer %(group)s") % {
            "object": about, "right": right.label, "group": name,
        }  # fmt: skip
    person, wanted = request.subject, _wanted(request)
    assert person
    words = (
        [] if wanted else [_("a code by which they choose a new password (%(to)s)") % {"to": person.email}]
    )
    for name, value in wanted.items():
        column: Any = Person._meta.get_field(name.removesuffix("_id"))
        if name != "is_active":
            before = request.detail.get("as", {}).get(name, getattr(person, name))
            words.append(f"{column.verbose_name}{_(': ')}{_shown(column, before)} → {_shown(column, value)}")
        elif value:
            place = [Role(person.role).label, person.organization, person.office, person.department]
            words.append(_("opening the account"))
            words += [str(one) for one in (*place, person.email) if one]
        else:
            words.append(_("closing the account"))
    return f"{person}{_(': ')}" + _(", ").join(words)


def _in_each_language(request: Request) -> dict[str, str]:
    """What the request asks for, by language: those who are told read it in their own."""
    said = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            said[language] = described(request)
    return said


def _shown(column: Any, value) -> str:
    if column.name == "role":
        return str(Role(value).label)
    if column.is_relation and value is not None:
        return str(column.related_model.objects.get(pk=value))
    return str(value or "–")


def _ask(by: Person, person: Person, detail: dict) -> Request:
    """Files a request about a person, as stored, and tells the person and, of an auditor, all of them."""
    password = " password" if "new_password" in detail else ""
    request = requests.ask(
        by,
        Request.Kind.ACCOUNT,
        about=f"person {person.pk}{password}",
        lapses_at=clock.database_now() + WAITS_FOR,
        subject=person,
        detail=detail | {"as": _as_it_is(person)},
    )
    what = _in_each_language(request)
    account_notices.person(request, what, {person.email})
    if Role.AUDITOR in (person.role, detail.get("role")):
        account_notices.auditors(request, what)
    return request


@transaction.atomic
def save_with_rosters(by: Person, person: Person, columns: list[str] | None = None) -> None:
    """Saves a person (all columns, or these); if that takes them off rosters (a trigger does), the history says so.

    The turnstile comes before the person's row: the trigger alone, which has the row first, could find
    itself and a reading waiting for each other.
    """
    standing = list(RosterEntry.objects.filter(person=person, removed_at=None).select_related("contract"))
    if standing:
        clock.time_of_ending()
    person.save(update_fields=columns)
    left = RosterEntry.objects.filter(pk__in=[one.pk for one in standing], removed_at__isnull=False)
    for entry in left.select_related("contract", "person"):
        recording.decision(
            "roster.left",
            entry,
            actor=by,
            subject_id=person.pk,
            contract_id=entry.contract_id,
            detail={"subject": str(person), "contract": entry.contract.title},
        )
    if left:
        reconcile()


def _set_right(by: Person, right: str, about, group: Group, *, give: bool) -> None:
    row = RIGHTS[right]
    facts = {
        "content_object": about,
        "group": group,
        "permission": Permission.objects.get(
            content_type__app_label=about._meta.app_label, codename=row.codename
        ),
    }
    if give:
        row.table.objects.get_or_create(**facts)
    else:
        row.table.objects.filter(**facts).delete()
    recording.decision(
        "right.given" if give else "right.taken",
        about,
        actor=by,
        # Under no contract: who may read the history of one is every auditor's to know
        detail={"right": right, "group": _stored_name(group)},
    )
