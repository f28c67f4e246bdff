"""The one reading path for customers: policy, one query of just the allowed, the history, the values.

What comes back holds the allowed fields alone (`customers.shown` has the query); how a lookup's terms find
rows is in `customers.searching`. The history entry commits with the reading or nothing is read.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_lazy as _

from access import clock, pace, policy
from access.errors import Denied, Unfit
from access.models import Inquiry
from access.people import Person
from access.policy import Basis, Scope
from audit import recording
from audit.models import LogEntry
from customers import addresses, shown
from customers.disclosure import Audience
from customers.models import Customer, MonthlyUsage
from customers.searching import TooSlow, in_time, search
from customers.shown import CustomerView
from customers.terms import Place, Plan, Terms

#: What is said to who asked for too little.
ASK_FOR_MORE = _(
    "Ask the caller for more, until it can mean one household: a whole number, the address down to the "
    "house, or two things together (name, address, last digits; a municipality alone is none of them)."
)


@dataclass(frozen=True)
class Found:
    """What a lookup found. `after`: the last customer listed, where more follow; `too_many`, `too_slow`: nobody is shown."""

    customers: list[CustomerView]
    limit: int
    too_many: bool = False
    too_slow: bool = False
    after: int | None = None


@dataclass(frozen=True)
class Asked:
    """What is looked up by; `instead`: what the words may mean, where nobody is found; `after`: the last
    customer of the piece before (contractors see one piece alone); `typing`: asked while the words are still
    typed, so that only one customer may be listed, and none while the words may mean several households."""

    terms: Terms
    instead: Terms | None = None
    after: int | None = None
    typing: bool = False


def look_up(person: Person, terms: Terms, inquiry: Inquiry | None = None) -> Found:
    """The customers that fit the terms: `look_up_by` for who knows what to ask."""
    found = look_up_by(person, inquiry, lambda basis, places: Asked(terms))
    assert found is not None
    return found


def look_up_by(
    person: Person, inquiry: Inquiry | None, ask: Callable[[Basis, list[Place]], Asked | None]
) -> Found | None:
    """The customers that fit what is asked, likeliest first, a piece at a time, each in the history.

    What depends on the words is made of them before the turnstile, where nobody waits for it; within, the
    policy decides anew, and what it says is read and written.

    Parameters
    ----------
    ask
        Called with a basis and its municipalities: says what is looked up by, or None for nothing.

    Raises
    ------
    Denied
        As `policy.basis_for_lookup` does, or if a term is of a field that is not shown.
    Unfit
        If a contractor's terms, or those that anybody is still typing, cannot mean one household. That it was
        asked is in the history, but for words that are still typed: nothing is searched by them.
    """
    basis = policy.basis_for_lookup(person, inquiry)
    places = places_of(basis)
    asked = ask(basis, places)
    if asked is None:
        return None
    if not asked.terms.given():
        raise ValueError("a lookup needs a term")
    one_household = asked.terms.means_one_household(places)
    if asked.typing and not one_household:
        raise Unfit(str(ASK_FOR_MORE))
    narrow = asked.typing or basis.audience == Audience.CONTRACTOR
    searches = [
        _Search(terms.given(), terms.asks_of(), terms.plan(places, one_household=narrow))
        for terms in filter(None, (asked.terms, asked.instead))
        if not narrow or terms.means_one_household(places)
    ]
    is_wide = narrow and not one_household
    found = _find(person, inquiry, basis.audience, [] if is_wide else searches, asked)
    if found is None:
        raise Unfit(str(ASK_FOR_MORE))
    return found


@dataclass(frozen=True)
class _Search:
    """What is made of terms: the names of those given, the fields that they ask of, and the searches."""

    given: tuple[str, ...]
    asks_of: frozenset[str]
    plan: Plan


@transaction.atomic
def _find(
    person: Person, inquiry: Inquiry | None, audience: Audience, searches: list[_Search], asked: Asked
) -> Found | None:
    """What the searches find by the basis of this moment; None where there are none, for the terms are too wide."""
    pace.take_turn(person)
    now = clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    if basis.audience != audience:  # that of the role for which the words were read
        raise Denied("role")
    pace.check(basis, now)
    given = asked.terms.given()
    if not searches:
        recording.looked_up("lookup.too_wide", given, basis)
        return None
    narrow = asked.typing or basis.audience == Audience.CONTRACTOR
    limit = 1 if asked.typing else basis.limits.max_results
    rows: list[dict] = []
    for one in searches:
        if not one.asks_of <= basis.fields:
            raise Denied("item_not_delegated", inquiry_id=basis.inquiry_id)
        try:
            with in_time() as deadline:
                after = None if narrow else asked.after
                rows = search(basis, one.plan, one.asks_of, limit + 1, after, deadline)
        except TooSlow:
            recording.looked_up("lookup.too_slow", given, basis)
            return Found([], limit, too_slow=True)
        if rows:
            break
    more, rows = len(rows) > limit, rows[:limit]
    if narrow and more:
        # Whose call it is cannot be told yet, so nobody is shown
        recording.looked_up("lookup.too_many", given, basis)
        return Found([], limit, too_many=True)
    wanted = shown.listed(basis)
    found = [shown.view(basis, row, wanted) for row in rows]
    if found:
        _disclose("customer.listed", basis, found)
    else:
        recording.looked_up("customer.nothing_found", given, basis)
    return Found([view for view, _scope in found], limit, after=rows[-1]["pk"] if more else None)


def places_of(basis: Basis) -> list[Place]:
    """The municipalities of the basis, as an address may name them."""
    return [Place(pk, addresses.said_municipality(name), code) for pk, name, code in basis.municipalities]


@transaction.atomic
def open_customer(person: Person, pk: int, inquiry: Inquiry | None = None) -> CustomerView:
    """One customer with every allowed field, the disclosure in the history.

    Raises Denied, with "customer_unknown" alike for a number that does not exist and for one out of
    the person's areas.
    """
    pace.take_turn(person)
    now = clock.enter_to_read()
    basis = policy.basis_for_lookup(person, inquiry)
    pace.check(basis, now)
    row = shown.rows(basis, basis.fields, Q(pk=pk)).first()
    if row is None:
        raise Denied("customer_unknown", inquiry_id=basis.inquiry_id)
    view, scope = shown.view(basis, row, basis.fields)
    if "monthly_usage" in scope.fields:
        usage = MonthlyUsage.objects.filter(customer=pk).order_by("-month").values_list("month", "kwh")
        view = replace(view, usage=tuple(usage[:12])[::-1])
    _disclose("customer.opened", basis, [(view, scope)], usage=bool(view.usage))
    return view


@transaction.atomic
def who_has_seen(person: Person, pk: int) -> tuple[str, QuerySet]:
    """The customer's supply point number, and the entries of who has seen the customer, latest first.

    That somebody asked is in the history too. Raises Denied as `open_customer` does, and for whose work
    it is not.
    """
    policy.check_may(person, "audit.see_who_saw")
    basis = policy.basis_for_lookup(person)
    row = shown.rows(basis, frozenset({"supply_point_number"}), Q(pk=pk)).first()
    if row is None:
        raise Denied("customer_unknown")
    number = row["shown_supply_point_number"]
    recording.decision("customer.who_saw", actor=person, supply_point_number=number, customer_id=pk)
    return number, LogEntry.objects.disclosures().of_customer(number).newest_first()


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
