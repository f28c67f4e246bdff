"""The one reading path for customers: policy, one query of just the allowed, the history, the values.

What comes back holds the allowed fields alone. A field that is hidden for a row is not in the SQL (or,
for own-only fields, null for the row); the history entry commits with the reading or nothing is read.
"""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from django.db import transaction
from django.db.models import Case, F, Q, QuerySet, Value, When

from access import clock, policy
from access.errors import Denied
from access.models import Inquiry
from access.people import Person
from access.policy import Basis, Scope
from audit import recording
from customers import normalising
from customers.models import Customer, MonthlyUsage

#: What a result list shows of a customer: enough to tell callers apart.
LISTED = frozenset({"supply_point_number", "name", "name_kana", "address"})
#: The most results of one lookup, by audience; there is no second page.
LIMITS = {"contractor": 10, "operator": 50, "retailer": 20}
#: Fields that are stored elsewhere than in a column of their own name.
SOURCES = {"retailer": "retailer__name"}
#: Fields that hold a code, shown as its label.
CODED = {"voltage": Customer.Voltage, "menu_category": Customer.MenuCategory}


@dataclass(frozen=True)
class CustomerView:
    """What a person is shown of one customer: the number to open it by, and the allowed values."""

    pk: int
    area_code: str
    values: dict[str, Any]
    own: bool = True
    usage: tuple[tuple[date, int], ...] = ()


@dataclass(frozen=True)
class Found:
    customers: list[CustomerView]
    limit: int
    more: bool = field(default=False)


@dataclass(frozen=True)
class Terms:
    """What is looked up by, as typed; empty means not by this field. All given must match."""

    supply_point_number: str = ""
    phone: str = ""
    name_kana: str = ""
    address: str = ""

    def given(self) -> dict[str, Q]:
        """Field to condition on the stored keys, for what was given."""
        conditions = {
            "supply_point_number": lambda text: Q(supply_point_number=normalising.digits(text)),
            "phone": lambda text: Q(phone_key=normalising.digits(text)),
            "name_kana": lambda text: Q(kana_key__startswith=normalising.kana(text)),
            "address": lambda text: Q(address_key__contains=normalising.address(text)),
        }
        return {name: make(text) for name, make in conditions.items() if (text := getattr(self, name))}


@transaction.atomic
def look_up(person: Person, terms: Terms, inquiry: Inquiry | None = None) -> Found:
    """The customers that fit the terms, at most the audience's limit, each disclosure in the history.

    Raises Denied as `policy.basis_for_lookup` does, or if a term is of a field that is not shown.
    """
    clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    conditions = terms.given()
    if not conditions:
        raise ValueError("a lookup needs a term")
    if not conditions.keys() <= basis.fields:
        raise Denied("item_not_delegated", inquiry_id=basis.inquiry_id)
    limit = LIMITS[basis.audience]
    matches = _rows(basis, LISTED, Q(*conditions.values()), needs=conditions.keys())
    rows = list(matches[: limit + 1])
    found = [_view(basis, row, LISTED) for row in rows[:limit]]
    if found:
        _disclose("customer.listed", basis, found)
    else:
        recording.nothing_found(conditions, reader=person, basis=basis.why, inquiry_id=basis.inquiry_id)
    return Found([view for view, _scope in found], limit, more=len(rows) > limit)


@transaction.atomic
def open_customer(person: Person, pk: int, inquiry: Inquiry | None = None) -> CustomerView:
    """One customer with every allowed field, the disclosure in the history.

    Raises Denied, with "customer_unknown" alike for a number that does not exist and for one out of
    the person's areas.
    """
    clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    row = _rows(basis, basis.fields, Q(pk=pk)).first()
    if row is None:
        raise Denied("customer_unknown", inquiry_id=basis.inquiry_id)
    view, scope = _view(basis, row, basis.fields)
    if "monthly_usage" in scope.fields:
        usage = MonthlyUsage.objects.filter(customer=pk).order_by("-month").values_list("month", "kwh")
        view = replace(view, usage=tuple(usage[:12])[::-1])
    _disclose("customer.opened", basis, [(view, scope)], usage=bool(view.usage))
    return view


def _rows(basis: Basis, wanted: frozenset[str], condition: Q, needs: Collection[str] = ()) -> QuerySet:
    """One query: rows of the scopes that fit, with the columns of the wanted and allowed fields alone.

    needs: the fields that the condition asks of. It counts only in the scopes that show them all: else
    a match would tell what is hidden.
    """
    fits = Q(pk__in=[])
    for scope in basis.scopes:
        if scope.fields.issuperset(needs):
            fits |= scope.rows() & condition
    columns = {
        f"shown_{name}": _column(basis, name) for name in sorted((wanted & basis.fields) - {"monthly_usage"})
    }
    # The first scope that fits a row is its own; the last takes what the others leave.
    firsts = [When(scope.rows(), then=Value(i)) for i, scope in enumerate(basis.scopes[:-1])]
    last = Value(len(basis.scopes) - 1)
    return (
        Customer.objects.filter(fits)
        .annotate(scope=Case(*firsts, default=last) if firsts else last, **columns)
        .order_by("pk")
        .values("pk", "area__code", "scope", *columns)
    )


def _column(basis: Basis, name: str):
    """The field's value where a row's scope shows it, and null elsewhere."""
    source = F(SOURCES.get(name, name))
    if all(name in scope.fields for scope in basis.scopes):
        return source
    # In the scopes' order, for a scope that hides the field must shut out the later ones.
    return Case(
        *(
            When(
                scope.rows() or Q(pk__isnull=False),
                then=source if name in scope.fields else None,
            )
            for scope in basis.scopes
        )
    )


def _view(basis: Basis, row: dict, wanted: frozenset[str]) -> tuple[CustomerView, Scope]:
    scope = basis.scopes[row["scope"]]
    names = (wanted & scope.fields) - {"monthly_usage"}
    values = {name: _shown(name, row[f"shown_{name}"]) for name in names}
    own = scope.retailer_id is not None or basis.why != "switching"
    return CustomerView(row["pk"], row["area__code"], values, own), scope


def _shown(name: str, value: Any) -> Any:
    """Codes as their labels."""
    return CODED[name](value).label if name in CODED else value


def _disclose(
    event: str,
    basis: Basis,
    views: list[tuple[CustomerView, Scope]],
    *,
    usage: bool = False,
) -> None:
    """Writes one entry a customer.

    Where the contract does not delegate the number, it is read for the entry alone, and no view has it.
    """
    missing = [view.pk for view, _scope in views if "supply_point_number" not in view.values]
    numbers = dict(Customer.objects.filter(pk__in=missing).values_list("pk", "supply_point_number"))
    recording.disclosures(
        event,
        (
            recording.Disclosed(
                customer_id=view.pk,
                supply_point_number=view.values.get("supply_point_number") or numbers[view.pk],
                area_code=view.area_code,
                fields=frozenset(view.values) | ({"monthly_usage"} if usage else frozenset()),
                grant_id=scope.grant_id,
                emergency_id=scope.emergency_id,
                contract_id=scope.contract_id,
            )
            for view, scope in views
        ),
        reader=basis.person,
        basis=basis.why,
        inquiry_id=basis.inquiry_id,
    )
    policy.check_still_live(basis)
