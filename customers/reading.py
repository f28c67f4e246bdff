"""The one reading path for customers: policy, one query of just the allowed, the history, the values.

What comes back holds the allowed fields alone. A field that is hidden for a row is not in the SQL (or,
for own-only fields, null for the row); the history entry commits with the reading or nothing is read.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date
from math import inf
from time import monotonic
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import Case, F, Q, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from access import clock, pace, policy
from access.errors import Denied, Unfit
from access.models import Inquiry
from access.people import Person
from access.policy import Basis, Scope
from audit import recording
from audit.models import LogEntry
from customers import normalising
from customers.models import Customer, MonthlyUsage, ServiceArea
from customers.terms import Place, Step, Terms

#: What a result list shows of a customer: enough to tell callers apart.
LISTED = frozenset({"supply_point_number", "name", "name_kana", "address"})
#: Results in one piece, by audience; a contractor's are the contract's, and there is one piece.
LIMITS = {"operator": 20, "retailer": 20}
#: Seconds that one statement of a lookup may take: a caller is waiting.
SECONDS = 3
#: What is said to who asked for too little.
ASK_FOR_MORE = _(
    "Ask the caller for more, until it can mean one household: a whole number, the address down to the "
    "house, or two things together (name, address, last digits)."
)
#: Fields that are stored elsewhere than in a column of their own name.
SOURCES = {"retailer": "retailer__name"}
#: Fields that hold a code, shown as its label.
CODED = {"voltage": Customer.Voltage, "menu_category": Customer.MenuCategory}


class TooSlow(Exception):
    """The database found no answer in time: the person has to say more."""


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
    """What a lookup found. `after`: the last customer listed, where more follow; `too_many`, `too_slow`: nobody is shown."""

    customers: list[CustomerView]
    limit: int
    more: bool = field(default=False)
    too_many: bool = field(default=False)
    too_slow: bool = field(default=False)
    after: int | None = None


@dataclass(frozen=True)
class Asked:
    """What is looked up by; `instead`: what the words may mean, where nobody is found; `after`: the last
    customer of the piece before (contractors see one piece alone)."""

    terms: Terms
    instead: Terms | None = None
    after: int | None = None


def look_up(person: Person, terms: Terms, inquiry: Inquiry | None = None) -> Found:
    """The customers that fit the terms: `look_up_by` for who knows what to ask."""
    found = look_up_by(person, inquiry, lambda basis, places: Asked(terms))
    assert found is not None
    return found


@transaction.atomic
def look_up_by(
    person: Person, inquiry: Inquiry | None, ask: Callable[[Basis, list[Place]], Asked | None]
) -> Found | None:
    """The customers that fit what is asked, likeliest first, a piece at a time, each in the history.

    Parameters
    ----------
    ask
        Called with the basis, once it is decided, and its municipalities: says what is looked up by, or
        None for nothing. So the decision that the form was made by is the one that the reading goes by.

    Raises
    ------
    Denied
        As `policy.basis_for_lookup` does, or if a term is of a field that is not shown.
    Unfit
        If a contractor's terms cannot mean one household.
    """
    clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    places = places_of(basis)
    asked = ask(basis, places)
    if asked is None:
        return None
    terms, after = asked.terms, asked.after
    pace.check(basis)
    if not terms.given():
        raise ValueError("a lookup needs a term")
    narrow = basis.audience == policy.Audience.CONTRACTOR
    if narrow and not terms.means_one_household(places):
        raise Unfit(str(ASK_FOR_MORE))
    limit = basis.limits.max_results if basis.limits else LIMITS[basis.audience]
    rows: list[dict] = []
    for meant in filter(None, (terms, asked.instead)):
        if not meant.asks_of() <= basis.fields:
            raise Denied("item_not_delegated", inquiry_id=basis.inquiry_id)
        if narrow and not meant.means_one_household(places):
            continue
        try:
            with _in_time() as deadline:
                rows = _search(basis, meant, places, limit + 1, None if narrow else after, deadline)
        except TooSlow:
            recording.looked_up("lookup.too_slow", terms.given(), basis)
            return Found([], limit, too_slow=True)
        if rows:
            break
    more, rows = len(rows) > limit, rows[:limit]
    if narrow and more:
        # Whose call it is cannot be told yet, so nobody is shown
        recording.looked_up("lookup.too_many", terms.given(), basis)
        return Found([], limit, more=True, too_many=True)
    found = [_view(basis, row, LISTED) for row in rows]
    if found:
        _disclose("customer.listed", basis, found)
    else:
        recording.looked_up("customer.nothing_found", terms.given(), basis)
    return Found([view for view, _scope in found], limit, more=more, after=rows[-1]["pk"] if more else None)


def _search(
    basis: Basis, terms: Terms, places: list[Place], count: int, after: int | None, deadline: float = inf
) -> list[dict]:
    """At most `count` rows, step by step: a later step only adds to the ones before it.

    What is found in the middle of a name or an address counts only where nothing else is found. Raises
    TooSlow past the deadline, a moment of `time.monotonic`.
    """
    house_alone = basis.audience == policy.Audience.CONTRACTOR and terms.given() == ("address",)
    rows: list[dict] = []
    passed, found_before = Q(), False
    for step in terms.steps:
        if step == Step.PART and (rows or found_before or house_alone):
            break
        order = terms.order(step)
        for condition in terms.conditions(step, places, house_alone=house_alone):
            if len(rows) >= count:
                return rows
            if monotonic() > deadline:
                raise TooSlow
            rest = condition & ~passed if passed else condition
            passed = passed | condition if passed else condition
            if after is not None:
                behind = _behind(basis, terms, condition, order, after)
                if behind is None:  # the piece before ended in a later step, or another way
                    continue
                rest, after, found_before = rest & behind, None, True
            matches = _rows(basis, LISTED, rest, needs=terms.asks_of())
            rows += matches.order_by(*order)[: count - len(rows)]
    return rows


def _behind(basis: Basis, terms: Terms, condition: Q, order: tuple[str, ...], after: int) -> Q | None:
    """Rows that stand behind the customer `after` in the order; None if the condition is not the customer's."""
    last = _rows(basis, LISTED, condition & Q(pk=after), needs=terms.asks_of()).values_list(*order).first()
    return _after(order, last) if last else None


def _after(order: tuple[str, ...], place: tuple) -> Q:
    """Rows that stand behind the place in the order."""
    behind, same = Q(pk__in=[]), Q()
    for column, value in zip(order, place, strict=True):
        behind |= same & Q((f"{column}__gt", value))
        same &= Q((column, value))
    # The first column once more, on its own: by that the index begins there
    return behind & Q((f"{order[0]}__gte", place[0]))


def places_of(basis: Basis) -> list[Place]:
    """The municipalities of the basis, as an address may name them."""
    ids = frozenset().union(*(scope.areas or frozenset() for scope in basis.scopes))
    areas = ServiceArea.objects.filter(pk__in=ids).order_by()
    return [Place(pk, normalising.address(name)) for pk, name in areas.values_list("pk", "name")]


@contextmanager
def _in_time() -> Iterator[float]:
    """Bounds each statement within to what a caller waits, and gives the deadline of all; raises TooSlow."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{SECONDS}s"])
        try:
            with transaction.atomic():
                yield monotonic() + SECONDS
        except OperationalError as error:
            if isinstance(error.__cause__, QueryCanceled):
                raise TooSlow from None
            raise
        finally:
            if not connection.needs_rollback:
                cursor.execute("RESET statement_timeout")


@transaction.atomic
def who_has_seen(person: Person, pk: int) -> tuple[str, QuerySet]:
    """The customer's supply point number, and the entries of who has seen the customer, latest first.

    That somebody asked is in the history too. Raises Denied as `open_customer` does, and for whose work
    it is not.
    """
    policy.check_may(person, "audit.see_who_saw")
    basis = policy.basis_for_lookup(person)
    row = _rows(basis, frozenset({"supply_point_number"}), Q(pk=pk)).first()
    if row is None:
        raise Denied("customer_unknown")
    number = row["shown_supply_point_number"]
    recording.decision("customer.who_saw", actor=person, supply_point_number=number, customer_id=pk)
    return number, LogEntry.objects.disclosures().of_customer(number).newest_first()


@transaction.atomic
def open_customer(person: Person, pk: int, inquiry: Inquiry | None = None) -> CustomerView:
    """One customer with every allowed field, the disclosure in the history.

    Raises Denied, with "customer_unknown" alike for a number that does not exist and for one out of
    the person's areas.
    """
    clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    pace.check(basis)
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
