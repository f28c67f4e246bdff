"""What is shown of customers: one query of just the allowed columns and rows, and the values made of it.

A field that is hidden for a row is not in the SQL (or, for own-only fields, null for the row). Part of the
reading path: only `customers.reading` and its searching may ask, for the history is written there.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Case, F, Q, QuerySet, Value, When

from access.policy import Basis, Scope
from customers.models import Customer

#: What a result list shows of a customer: enough to tell callers apart.
LISTED = frozenset({"supply_point_number", "name", "name_kana", "address"})
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


def listed(basis: Basis) -> frozenset[str]:
    """The fields of a result list: where a contract delegates none of the usual ones, those that it does.

    Else such a list would show that there is the customer, and no entry of the history could say so.
    """
    return LISTED.union(*(scope.fields for scope in basis.scopes if scope.fields.isdisjoint(LISTED)))


def rows(basis: Basis, wanted: frozenset[str], condition: Q, needs: Collection[str] = ()) -> QuerySet:
    """One query: rows of the scopes that fit, with the columns of the wanted and allowed fields alone.

    needs: the fields that the condition asks of. It counts only in the scopes that show them all: else
    a match would tell what is hidden.
    """
    asked = [scope for scope in basis.scopes if scope.fields.issuperset(needs)]
    # Rows of a scope within another one are said once: said twice, no index would serve
    asked = [one for one in asked if not any(one.is_within(other) for other in asked if other is not one)]
    fits = Q(pk__in=[])
    for scope in asked:
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
        *(When(scope.rows(), then=source if name in scope.fields else None) for scope in basis.scopes)
    )


def view(basis: Basis, row: dict, wanted: frozenset[str]) -> tuple[CustomerView, Scope]:
    """The row as the scope that is its own shows it, and that scope."""
    scope = basis.scopes[row["scope"]]
    names = (wanted & scope.fields) - {"monthly_usage"}
    values = {name: _shown(name, row[f"shown_{name}"]) for name in names}
    own = scope.retailer_id is not None or basis.why != "switching"
    return CustomerView(row["pk"], row["area__code"], values, own), scope


def _shown(name: str, value: Any) -> Any:
    """Codes as their labels."""
    return CODED[name](value).label if name in CODED else value
