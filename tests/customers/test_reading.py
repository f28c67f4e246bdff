"""Clauses of the reading path that a second rule stands behind, or that only the entry tells of."""

from dataclasses import replace

import pytest
from django.db import connection
from django.db.models import Q
from django.test.utils import CaptureQueriesContext

from access import inquiries, policy
from access.errors import Denied
from access.models import DelegationContract, Grant, Inquiry
from audit.models import LogEntry
from customers import reading, shown, stored
from customers.models import Customer, MonthlyUsage
from customers.terms import Terms
from tests.world import HANAKO, JIRO, MARUGAME, TAKAMATSU

pytestmark = pytest.mark.django_db


@pytest.fixture
def call(world) -> Inquiry:
    """A call that the contractor has taken in an emergency."""
    return inquiries.take(
        world.contractor, Inquiry(emergency=world.declare(), caller_name="通報者", kind="outage")
    )


def lives_at(world, address: str) -> None:
    """Moves Hanako to another address of her municipality."""
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    hanako.address = address
    items = {name: getattr(hanako, name) for name in ("name", "name_kana", "address", "phone")}
    for name, value in stored.keys(**items, municipality=world.areas[TAKAMATSU].name)._asdict().items():
        setattr(hanako, name, value)
    hanako.save()


@pytest.mark.parametrize("act", ["list", "open"])
def test_a_grant_that_stops_while_a_customer_is_read_shows_nothing(world, call, act):
    def stop(execute, sql, params, many, context):
        if sql.startswith('INSERT INTO "audit_logentry"'):
            Grant.objects.update(
                revoked_at=call.taken_at, revoked_by=world.supervisor, revoked_because="交代"
            )
        return execute(sql, params, many, context)

    acts = {
        "list": lambda: reading.look_up(world.contractor, Terms(phone="087-821-0001"), call),
        "open": lambda: reading.open_customer(world.contractor, world.customers[HANAKO].pk, call),
    }
    with connection.execute_wrapper(stop), pytest.raises(Denied, match="grant_revoked"):
        acts[act]()
    assert not LogEntry.objects.filter(kind="disclosure").exists()


def test_a_contractors_address_alone_is_not_found_within_another_towns_name(world, call):
    lives_at(world, "香川県高松市西ノ番町1丁目8-15")
    terms = Terms(address="番町1丁目8-15")
    assert [one.pk for one in reading.look_up(world.operator, terms).customers] == [
        world.customers[HANAKO].pk
    ]
    assert reading.look_up(world.contractor, terms, call).customers == []


def test_the_entry_says_whether_usage_was_shown(world):
    hanako = world.customers[HANAKO]
    for is_there in (True, False):
        view = reading.open_customer(world.operator, hanako.pk)
        entry = LogEntry.objects.filter(event="customer.opened").newest_first()[0]
        assert (bool(view.usage), "monthly_usage" in entry.fields) == (is_there, is_there)
        MonthlyUsage.objects.filter(customer=hanako).delete()


def test_a_number_that_is_not_delegated_is_read_for_the_entry_of_that_customer_alone(world, call):
    DelegationContract.objects.update(delegated_items=["name", "phone"])
    with CaptureQueriesContext(connection) as asked:
        found = reading.look_up(world.contractor, Terms(phone="087-821-0001"), call)
    assert "supply_point_number" not in found.customers[0].values
    of_the_number = 'SELECT "customers_customer"."id" AS "pk", "customers_customer"."supply_point_number"'
    (number,) = [query["sql"] for query in asked if query["sql"].startswith(of_the_number)]
    assert f"IN ({world.customers[HANAKO].pk})" in number
    assert LogEntry.objects.get(event="customer.listed").supply_point_number == HANAKO


def test_more_than_a_piece_goes_on_after_its_last(world, monkeypatch):
    monkeypatch.setattr("access.policy.lookups.PIECE", 1)
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    Customer.objects.filter(supply_point_number=JIRO).update(phone_key=hanako.phone_key)
    terms = Terms(phone="087-821-0001")
    first = reading.look_up(world.operator, terms)
    assert first.after == first.customers[-1].pk
    rest = reading.look_up_by(world.operator, None, lambda *_: reading.Asked(terms, after=first.after))
    assert rest.after is None
    assert {one.pk for one in (*first.customers, *rest.customers)} == {
        world.customers[number].pk for number in (HANAKO, JIRO)
    }


def test_while_an_operator_types_too_several_are_nobody(world):
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    Customer.objects.filter(supply_point_number=JIRO).update(phone_key=hanako.phone_key)
    asked = reading.Asked(Terms(phone="087-821-0001"), typing=True)
    found = reading.look_up_by(world.operator, None, lambda *_: asked)
    assert (found.customers, found.too_many) == ([], True)


@pytest.mark.parametrize("items", [["phone"], ["phone", "voltage"]])
def test_under_a_contract_for_nothing_that_a_list_shows_the_list_shows_what_there_is(world, call, items):
    DelegationContract.objects.update(delegated_items=items)
    found = reading.look_up(world.contractor, Terms(phone="087-821-0001"), call)
    assert [one.values.keys() for one in found.customers] == [set(items)]
    assert LogEntry.objects.get(event="customer.listed").fields == items


def test_what_no_scope_shows_whole_finds_nobody(world):
    """Of two contracts one delegates the name, the other the phone: together they say of nobody that both fit."""
    basis = policy.basis_for_lookup(world.operator)
    name, phone = (
        policy.Scope(frozenset({item}), frozenset({world.areas[code].pk}))
        for item, code in (("name", TAKAMATSU), ("phone", MARUGAME))
    )
    basis = replace(basis, scopes=(name, phone))
    assert shown.rows(basis, shown.LISTED, Q(pk__gt=0), ["name"]).exists()
    assert not shown.rows(basis, shown.LISTED, Q(pk__gt=0), ["name", "phone"]).exists()


def test_a_list_says_whose_customer_is_the_retailers_own(world):
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    others = Customer.objects.exclude(retailer=hanako.retailer).filter(supply_point_number=JIRO)
    assert (hanako.retailer, others.update(town_key=hanako.town_key)) == (world.retailer.organization, 1)
    found = reading.look_up(world.retailer, Terms(address="番町1丁目8-15")).customers
    assert {one.pk: one.own for one in found} == {
        world.customers[HANAKO].pk: True,
        world.customers[JIRO].pk: False,
    }
    assert [one.own for one in reading.look_up(world.operator, Terms(phone="087-821-0001")).customers] == [
        True
    ]


def test_a_list_loads_no_more_than_it_shows(world):
    basis = policy.basis_for_lookup(world.operator)
    columns = str(shown.rows(basis, shown.listed(basis), Q(pk=1)).query).partition(" FROM ")[0]
    assert [name for name in shown.listed(basis) if f"shown_{name}" not in columns] == []
    assert [name for name in basis.fields - shown.listed(basis) if f"shown_{name}" in columns] == []
