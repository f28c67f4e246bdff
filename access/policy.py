"""The only place that decides: who may see which page, which areas, which fields, and why.

A decision is a value (`Basis`) or `Denied` with a reason code. It asks the facts in the database at
the moment that it is given (the database's clock if None), and nothing that was stored for later.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q
from guardian.shortcuts import get_objects_for_group, get_objects_for_user

from access.errors import Denied
from access.models import (
    AreaUserPermission,
    DelegationContract,
    Emergency,
    Grant,
    Inquiry,
    Request,
    RosterEntry,
)
from access.pages import ANYBODY, PAGES, SIGNED_IN
from access.people import Person, Role
from customers.disclosure import Audience, fields_for
from customers.models import Organization, ServiceArea

CONSULT = "customers.consult_servicearea"
GRANT_UNDER = "access.grant_under_contract"
REVIEW = "access.review_contract"
DECLARE_IN = "customers.declare_in_servicearea"
LOOK_UP = "customers.look_up_customer"
EXPORT = "customers.export_own_customers"
EXPORT_HISTORY = "audit.export_history"


@dataclass(frozen=True)
class Scope:
    """Some rows of customers and the fields that may leave for them.

    areas: ids of service areas, or None for every one. retailer_id: only this retailer's customers, or
    None. The grant's ids say by which right, for a contractor.
    """

    fields: frozenset[str]
    areas: frozenset[int] | None = None
    retailer_id: int | None = None
    grant_id: int | None = None
    emergency_id: int | None = None
    contract_id: int | None = None

    def is_within(self, other: "Scope") -> bool:
        """Whether every row of this scope is one of the other's, which is not limited to a retailer."""
        narrower = self.retailer_id is not None
        if other.retailer_id is not None:
            return False
        if other.areas is None or self.areas is None:
            return other.areas is None and (narrower or self.areas is not None)
        return self.areas < other.areas or (narrower and self.areas == other.areas)

    def rows(self) -> Q:
        """The condition on customers that says which rows are meant."""
        rows = Q()
        if self.areas is not None:
            rows &= Q(area_id__in=self.areas)
        if self.retailer_id is not None:
            rows &= Q(retailer_id=self.retailer_id)
        return rows


@dataclass(frozen=True)
class Limits:
    """A contract's thresholds, the strictest where several reach: results, lookups in ten minutes.

    counted_from: when the earliest of the grants began: who was stopped and is granted anew begins anew.
    """

    max_results: int
    slow_after: int
    stop_after: int
    counted_from: datetime


@dataclass(frozen=True)
class Basis:
    """By what right a person looks customers up: the scopes, the first that a row fits being its own."""

    person: Person
    audience: Audience
    why: str
    scopes: tuple[Scope, ...]
    inquiry_id: int | None = None
    limits: Limits | None = None

    @property
    def fields(self) -> frozenset[str]:
        """Every field that is shown for some row."""
        return frozenset().union(*(scope.fields for scope in self.scopes))


def check_page(person: Any, view_name: str) -> None:
    """Raises Denied unless the page of that URL name is part of the person's work.

    `person` may be anonymous: then only pages for anybody pass, and the middleware asks for a sign-in.
    """
    needed = PAGES.get(view_name)
    if needed is None:
        raise Denied("unlisted_page")
    if needed is ANYBODY or (needed is SIGNED_IN and person.is_active):
        return
    if not may(person, needed):
        raise Denied("role")


def may_open(person: Any, view_name: str) -> bool:
    """Whether the page is part of the person's work, for navigation."""
    try:
        check_page(person, view_name)
    except Denied:
        return False
    return True


def may(person: Any, permission: str) -> bool:
    """Whether the permission is one of the person's role (table: `access.roles`)."""
    return person.is_active and person.has_perm(permission)


def check_may(person: Any, permission: str) -> None:
    """Raises Denied("role") unless the person's role has the permission."""
    if not may(person, permission):
        raise Denied("role")


def contracts_to_grant_under(person: Person, at: datetime | None = None):
    """The contracts in force that the supervisor may grant under, by object permission."""
    held = get_objects_for_user(person, GRANT_UNDER, DelegationContract, accept_global_perms=False)
    return held.filter(pk__in=DelegationContract.objects.in_force(at))


def check_may_grant_under(
    person: Person, contracts: Iterable[DelegationContract], at: datetime | None = None
) -> None:
    """Raises Denied unless every contract is in force and the person may grant under it."""
    allowed = set(contracts_to_grant_under(person, at).values_list("pk", flat=True))
    for contract in contracts:
        if contract.pk not in allowed:
            raise Denied("contract_not_yours", contract_id=contract.pk)


def holds_contract(person: Person, contract: DelegationContract) -> bool:
    """Whether the person may grant under the contract, were it in force."""
    held = get_objects_for_user(person, GRANT_UNDER, DelegationContract, accept_global_perms=False)
    return held.filter(pk=contract.pk).exists()


def check_holds_contract(person: Person, contract: DelegationContract) -> None:
    """Raises Denied unless the person may grant under the contract, were it in force."""
    if not holds_contract(person, contract):
        raise Denied("contract_not_yours", contract_id=contract.pk)


def contracts_to_review(person: Person):
    """The contracts whose history the auditor may read and review, by object permission."""
    return get_objects_for_user(person, REVIEW, DelegationContract, accept_global_perms=False)


def emergencies_to_review(person: Person):
    """The emergencies that the auditor may review: under a contract of theirs, or without any grant."""
    granted = DelegationContract.objects.filter(roster__grants__emergency=OuterRef("pk"))
    reviewed = granted.filter(pk__in=contracts_to_review(person).values("pk"))
    return Emergency.objects.filter(~Exists(granted) | Exists(reviewed))


def check_may_review(person: Person, contract_id: int | None) -> None:
    """Raises Denied unless the auditor reviews the contract; what is under none is any auditor's."""
    if contract_id is not None and not contracts_to_review(person).filter(pk=contract_id).exists():
        raise Denied("history_not_yours", contract_id=contract_id)


def check_may_export_history(person: Person) -> None:
    """Raises Denied unless the person may take the history away, as far as they may read it."""
    if not person.is_active:
        raise Denied("account_closed")
    check_may(person, EXPORT_HISTORY)


def check_may_review_emergency(person: Person, emergency: Emergency) -> None:
    """Raises Denied unless the auditor reviews one of the contracts granted in it, or none was."""
    if not emergencies_to_review(person).filter(pk=emergency.pk).exists():
        raise Denied("history_not_yours", emergency_id=emergency.pk)


def check_may_review_person(person: Person, of: Person) -> None:
    """Raises Denied unless the auditor reviews a contract whose roster has or had the person, or none had."""
    contracts = DelegationContract.objects.filter(roster__person=of)
    if contracts.exists() and not contracts_to_review(person).filter(pk__in=contracts).exists():
        raise Denied("history_not_yours")


def reviews_every_contract(person: Person) -> bool:
    """Whether there is no contract that the auditor does not review: they then read the whole history."""
    return not DelegationContract.objects.exclude(pk__in=contracts_to_review(person)).exists()


def areas_to_declare_in(person: Person):
    """The areas in which the supervisor may declare an emergency, by object permission."""
    return get_objects_for_user(person, DECLARE_IN, ServiceArea, accept_global_perms=False)


def check_may_declare_in(person: Person, areas: Iterable[ServiceArea]) -> None:
    """Raises Denied unless the person may declare in every one of the areas."""
    allowed = set(areas_to_declare_in(person).order_by().values_list("pk", flat=True))
    if any(area.pk not in allowed for area in areas):
        raise Denied("area_not_yours")


def check_second_person(person: Person, request: Request) -> None:
    """Raises Denied if the person asked for it, or it is about the person: another one answers."""
    if person.pk in (request.asked_by_id, request.subject_id):
        raise Denied("second_person", emergency_id=request.emergency_id, contract_id=request.contract_id)


#: Kind of request to the permission that whoever asks for it needs, also when it is answered.
ASKING = {
    Request.Kind.GRANT: "access.give_grant",
    Request.Kind.EXTENSION: "access.extend_emergency",
    Request.Kind.HELP: "access.ask_for_grant",
    Request.Kind.ACCOUNT: "access.change_person",
    Request.Kind.RIGHT: "access.keep_object_rights",
}


def asker_still_may(request: Request) -> bool:
    """Whether the person who asked could still ask for it: their account open, their rights not taken."""
    asker, kind = request.asked_by, Request.Kind(request.kind)
    if not may(asker, ASKING[kind]):
        return False
    if kind == Request.Kind.GRANT:
        assert request.contract
        return holds_contract(asker, request.contract)
    if kind == Request.Kind.EXTENSION:
        granted = DelegationContract.objects.filter(roster__grants__emergency=request.emergency).distinct()
        return all(holds_contract(asker, contract) for contract in granted)
    return True


def check_still_live(basis: "Basis") -> None:
    """Raises Denied unless every grant of the basis is live now: asked again once the history is written.

    So no entry is later than an expiry that passed while the customer was being read.
    """
    if basis.audience is not Audience.CONTRACTOR:
        return
    grants = {scope.grant_id for scope in basis.scopes if scope.grant_id}
    if Grant.objects.live().filter(pk__in=grants).count() != len(grants):
        raise _why_not(basis.person, None)


def basis_for_lookup(person: Person, inquiry: Inquiry | None = None, at: datetime | None = None) -> Basis:
    """By what right `person` may look customers up at `at`, or Denied with the reason.

    Source of the columns: the statement's table of items, through `customers.disclosure`.
    """
    check_may(person, LOOK_UP)
    if inquiry is not None and inquiry.taken_by_id != person.pk:
        raise Denied("inquiry_not_yours", inquiry_id=inquiry.pk)
    if person.role == Role.OPERATOR:
        return _operator_basis(person, inquiry)
    if person.role == Role.CONTRACTOR:
        return _contractor_basis(person, inquiry, at)
    if person.role == Role.RETAILER:
        return _retailer_basis(person)
    raise Denied("role")


def basis_for_export(person: Person, retailer: Organization) -> Basis:
    """By what right `person` takes all of the retailer's customers away in a file, or Denied.

    Switching staff alone, and of their own organisation alone: one scope, the retailer's rows outside the
    training areas, with the items that the table shows of own customers.
    """
    if not person.is_active:
        raise Denied("account_closed")
    check_may(person, EXPORT)
    if person.role != Role.RETAILER:
        raise Denied("role")
    if person.organization_id != retailer.pk:
        raise Denied("not_your_customers")
    own, _others = _retailer_basis(person).scopes
    return Basis(person, Audience.RETAILER, "export", (own,))


def check_contractor_is_called_for(person: Person, at: datetime | None = None) -> list[dict[str, Any]]:
    """The facts of the contractor's live grants at `at`, a dict per grant and area; Denied if none.

    What it takes: an open emergency, a live grant, and the object permission on the area: both the
    grant and the permission, so that neither a forgotten permission nor a forged grant is enough.
    """
    held = (
        Grant.objects.live(at)
        .filter(roster_entry__person=person)
        .values(
            "pk",
            "starts_at",
            "ends_at",
            "emergency_id",
            "emergency__areas",
            "roster_entry__contract_id",
            "roster_entry__contract__delegated_items",
            "roster_entry__contract__max_results",
            "roster_entry__contract__slow_after",
            "roster_entry__contract__stop_after",
        )
    )
    permitted = set(
        AreaUserPermission.objects.filter(
            user=person, permission__codename="consult_servicearea"
        ).values_list("content_object_id", flat=True)
    )
    rows: list[dict[str, Any]] = [row for row in held if row["emergency__areas"] in permitted]  # type: ignore[misc]
    if not rows:
        raise _why_not(person, at)
    return rows


def check_called_for(person: Person, at: datetime | None = None) -> None:
    """Raises Denied unless the person may look up at all now: before any key or number is looked at."""
    check_may(person, LOOK_UP)
    if person.role == Role.CONTRACTOR:
        check_contractor_is_called_for(person, at)


def live_emergencies_of(person: Person, at: datetime | None = None):
    """The open emergencies for which the contractor holds a live grant."""
    live = Grant.objects.live(at).filter(roster_entry__person=person)
    return Emergency.objects.filter(pk__in=live.values("emergency_id"))


def _operator_basis(person: Person, inquiry: Inquiry | None) -> Basis:
    assert person.office  # the database's: operators have one
    # The office's rights alone: a former contractor's own may not be reconciled yet
    areas = get_objects_for_group(person.office.group, CONSULT, ServiceArea, accept_global_perms=False)
    ids = frozenset(areas.order_by().values_list("pk", flat=True))
    if not ids:
        raise Denied("no_area")
    scope = Scope(fields_for(Audience.OPERATOR), areas=ids)
    return Basis(person, Audience.OPERATOR, "own_area", (scope,), inquiry.pk if inquiry else None)


def _retailer_basis(person: Person) -> Basis:
    # Everywhere but in the training areas, which are a drill's alone
    areas = frozenset(ServiceArea.objects.filter(is_training=False).order_by().values_list("pk", flat=True))
    own = Scope(fields_for(Audience.RETAILER, own=True), areas=areas, retailer_id=person.organization_id)
    others = Scope(fields_for(Audience.RETAILER), areas=areas)
    return Basis(person, Audience.RETAILER, "switching", (own, others))


def _contractor_basis(person: Person, inquiry: Inquiry | None, at: datetime | None) -> Basis:
    rows = check_contractor_is_called_for(person, at)
    if inquiry is None:
        raise Denied("no_inquiry", emergency_id=rows[0]["emergency_id"])
    # An inquiry is the purpose of its own emergency alone: a drill's opens no real customer
    rows = [row for row in rows if row["emergency_id"] == inquiry.emergency_id]
    if inquiry.closed_at or not rows:
        raise Denied("inquiry_over", inquiry_id=inquiry.pk, emergency_id=inquiry.emergency_id)
    scopes = []
    for grant_id, areas in _best_grant_of_each_area(rows).items():
        facts = next(r for r in rows if r["pk"] == grant_id)
        items = frozenset(facts["roster_entry__contract__delegated_items"])
        scopes.append(
            Scope(
                fields_for(Audience.CONTRACTOR, items=items),
                areas=frozenset(areas),
                grant_id=grant_id,
                emergency_id=facts["emergency_id"],
                contract_id=facts["roster_entry__contract_id"],
            )
        )
    of = "roster_entry__contract__"
    limits = Limits(
        max_results=min(row[f"{of}max_results"] for row in rows),
        slow_after=min(row[f"{of}slow_after"] for row in rows),
        stop_after=min(row[f"{of}stop_after"] for row in rows),
        counted_from=min(row["starts_at"] for row in rows),
    )
    return Basis(person, Audience.CONTRACTOR, "live_grant", tuple(scopes), inquiry.pk, limits)


def _best_grant_of_each_area(rows: list[dict]) -> dict[int, list[int]]:
    """Grant id to area ids. Where two grants reach an area, the one that delegates more, then longer."""
    best: dict[int, dict] = {}
    for row in rows:
        rank = (
            len(row["roster_entry__contract__delegated_items"]),
            row["ends_at"],
            row["pk"],
        )
        held = best.get(row["emergency__areas"])
        if held is None or rank > held["rank"]:
            best[row["emergency__areas"]] = {"rank": rank, "grant": row["pk"]}
    areas: dict[int, list[int]] = {}
    for area, chosen in best.items():
        areas.setdefault(chosen["grant"], []).append(area)
    return areas


def _why_not(person: Person, at: datetime | None) -> Denied:
    """The refusal of a contractor who reaches no area: the first fact that does not hold."""
    emergencies = Emergency.objects.open(at)
    if not emergencies.exists():
        return Denied("no_emergency")
    grant = (
        Grant.objects.filter(roster_entry__person=person, emergency__in=emergencies)
        .order_by("-starts_at", "-pk")
        .select_related("roster_entry")
        .first()
    )
    if grant is None:
        return Denied("no_grant")
    facts = {
        "grant_id": grant.pk,
        "emergency_id": grant.emergency_id,
        "contract_id": grant.roster_entry.contract_id,
    }
    if grant.revoked_at:
        return Denied("grant_revoked", **facts)
    contracts = DelegationContract.objects.in_force(at)
    if not contracts.filter(pk=grant.roster_entry.contract_id).exists():
        return Denied("contract_not_in_force", **facts)
    if not RosterEntry.objects.current(at).filter(pk=grant.roster_entry_id).exists():
        return Denied("not_on_roster", **facts)
    if not Grant.objects.live(at).filter(pk=grant.pk).exists():
        return Denied("grant_over", **facts)
    return Denied("not_ready", **facts)
