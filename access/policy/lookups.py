"""By what right somebody reads customers: an operator's areas, a contractor's live grants, a retailer's rows.

And why not: a contractor's refusal names the first fact that does not hold.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings

from access.errors import Denied
from access.models import (
    AreaGroupPermission,
    AreaUserPermission,
    DelegationContract,
    Emergency,
    Grant,
    Inquiry,
    RosterEntry,
)
from access.people import Person, Role
from access.policy.basis import Basis, Limits, Scope
from access.policy.work import check_may
from customers.disclosure import Audience, fields_for
from customers.models import Organization, ServiceArea

CONSULT = "customers.consult_servicearea"
LOOK_UP = "customers.look_up_customer"
EXPORT = "customers.export_own_customers"
#: Results in one piece for who may ask for the next one; a contractor sees one piece, of the contract's size.
PIECE = 20


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
    return Basis(person, Audience.RETAILER, "export", (own,), limits_of(Audience.RETAILER))


def check_called_for(person: Person, at: datetime | None = None) -> None:
    """Raises Denied unless the person may look up at all now: before any key or number is looked at."""
    check_may(person, LOOK_UP)
    if person.role == Role.CONTRACTOR:
        check_contractor_is_called_for(person, at)


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
            "emergency__areas__name",
            "emergency__areas__code",
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


def check_still_live(basis: Basis) -> None:
    """Raises Denied unless every grant of the basis is live now: asked again once the history is written.

    So no entry is later than an expiry that passed while the customer was being read.
    """
    if basis.audience is not Audience.CONTRACTOR:
        return
    grants = {scope.grant_id for scope in basis.scopes if scope.grant_id}
    if Grant.objects.live().filter(pk__in=grants).count() != len(grants):
        raise _why_not(basis.person, None)


def check_still_shown(
    person: Person, inquiry: Inquiry | None, shown: Iterable[tuple[str, frozenset[str]]]
) -> None:
    """Raises Denied unless what is on the person's screen would be shown for the same inquiry now.

    shown: codes of areas, each with the fields that are shown of its customers.
    """
    basis = basis_for_lookup(person, inquiry)
    shown = list(shown)
    codes = [code for code, _fields in shown]
    areas = dict(ServiceArea.objects.filter(code__in=codes).order_by().values_list("code", "pk"))
    for code, fields in shown:
        if not any(_reaches(scope, areas.get(code), fields) for scope in basis.scopes):
            raise Denied("customer_unknown", inquiry_id=basis.inquiry_id)


def _reaches(scope: Scope, area: int | None, fields: frozenset[str]) -> bool:
    return fields <= scope.fields and area in scope.areas


def live_emergencies_of(person: Person, at: datetime | None = None):
    """The open emergencies for which the contractor holds a live grant."""
    live = Grant.objects.live(at).filter(roster_entry__person=person)
    return Emergency.objects.filter(pk__in=live.values("emergency_id"))


def limits_of(audience: Audience) -> Limits:
    """The limits of who needs no contract: the settings' thresholds, and results in one piece."""
    slow_after, stop_after = settings.LOOKUPS_IN_TEN_MINUTES[audience.value]
    return Limits(PIECE, slow_after, stop_after)


def _operator_basis(person: Person, inquiry: Inquiry | None) -> Basis:
    if person.office_id is None:  # the database refuses an operator without one
        raise Denied("no_area")
    # The office's rights alone: a former contractor's own may not be reconciled yet
    permitted = AreaGroupPermission.objects.filter(
        group__office=person.office_id, permission__codename="consult_servicearea"
    )
    of = "content_object"
    areas = tuple(permitted.order_by().values_list(f"{of}_id", f"{of}__name", f"{of}__code"))
    if not areas:
        raise Denied("no_area")
    scope = Scope(fields_for(Audience.OPERATOR), areas=_ids(areas))
    limits, purpose = limits_of(Audience.OPERATOR), inquiry.pk if inquiry else None
    return Basis(person, Audience.OPERATOR, "own_area", (scope,), limits, purpose, areas)


def _retailer_basis(person: Person) -> Basis:
    # Everywhere but in the training areas, which are a drill's alone
    areas = tuple(ServiceArea.objects.filter(is_training=False).order_by().values_list("pk", "name", "code"))
    ids, limits = _ids(areas), limits_of(Audience.RETAILER)
    own = Scope(fields_for(Audience.RETAILER, own=True), areas=ids, retailer_id=person.organization_id)
    others = Scope(fields_for(Audience.RETAILER), areas=ids)
    return Basis(person, Audience.RETAILER, "switching", (own, others), limits, municipalities=areas)


def _ids(areas: Iterable[tuple[int, str, str]]) -> frozenset[int]:
    return frozenset(pk for pk, _name, _code in areas)


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
        granted_at=max(row["starts_at"] for row in rows),
    )
    area = "emergency__areas"
    named = tuple({(row[area], row[f"{area}__name"], row[f"{area}__code"]) for row in rows})
    return Basis(person, Audience.CONTRACTOR, "live_grant", tuple(scopes), limits, inquiry.pk, named)


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
