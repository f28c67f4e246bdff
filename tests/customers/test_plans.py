"""Every kind of search goes by an index, by what PostgreSQL says of demo data; and none waits for ever."""

import pytest
from django.db import connection, transaction
from django.db.models import Q
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access import policy
from access.people import Person
from audit.models import LogEntry
from customers import reading, searching, shown
from customers.demo import loading
from customers.terms import Step, Terms
from tests import world as worlds

#: Kind of search to the terms and the indexes of which one serves each step.
# fmt: off
KINDS = {
    "whole number":           (Terms(supply_point_number="08" + "0" * 19 + "1"), {"customers_customer_supply_point_number"}),
    "whole phone":            (Terms(phone="087-821-0001"),                     {"customer_phone_key"}),
    "kana":                   (Terms(name="タナカ"),                             {"customer_kana", "customer_kana_tail", "customer_parts"}),
    "given name in kana":     (Terms(name="ケンイチ"),                           {"customer_kana", "customer_kana_tail", "customer_parts"}),
    "name as written":        (Terms(name="高橋健一"),                           {"customer_name", "customer_name_tail", "customer_parts"}),
    "part of a name":         (Terms(name="製麺所"),                             {"customer_name", "customer_name_tail", "customer_parts"}),
    "town":                   (Terms(address="番町1-8-15"),                      {"customer_town", "customer_parts"}),
    "municipality and town":  (Terms(address="高松市番町1-8"),                   {"customer_town", "customer_parts"}),
    "municipality":           (Terms(address="高松市"),                          {"customer_town", "customer_parts"}),
    "part of an address":     (Terms(address="サンハイツさくら"),                 {"customer_town", "customer_parts"}),
    "name and last digits":   (Terms(name="タナカ", phone="0001"),               {"customer_kana", "customer_kana_tail", "customer_parts", "customer_phone_last_four"}),
    "name and address":       (Terms(name="高橋", address="高松市"),              {"customer_name", "customer_name_tail", "customer_town", "customer_parts"}),
    "last digits of both":    (Terms(phone="0001", supply_point_number="0001"), {"customer_phone_last_four", "customer_number_last_four"}),
}
# fmt: on


def test_every_step_of_every_kind_of_search_uses_an_index(committed_database, settings):
    settings.DEMO = True
    loading.load(20_000)
    unserved = []
    for username in ("operator", "retailer"):
        person = Person.objects.get(username=username)
        for kind, (terms, indexes) in KINDS.items():
            for plan in plans(person, terms):
                # A retailer's own may be few: then the index of its customers is the better one
                names = indexes | (
                    {"customers_customer_retailer", "customer_retailer"} if username == "retailer" else set()
                )
                used = {name for name in names if any(name in line for line in plan)}
                if not used or any("Seq Scan on customers_customer" in line for line in plan):
                    unserved.append((username, kind, *plan))
    assert not unserved, "\n".join(map("\n   ".join, unserved))


def plans(person: Person, terms: Terms) -> list[list[str]]:
    """The plans of the statements of a lookup; every step is tried, whether the one before found or not."""
    with transaction.atomic():
        with CaptureQueriesContext(connection) as queries:
            reading.look_up(person, terms)
        transaction.set_rollback(True)
    found = []
    for query in queries:
        if 'FROM "customers_customer"' in query["sql"] and '"scope"' in query["sql"]:
            with connection.cursor() as cursor:
                cursor.execute("EXPLAIN " + query["sql"])
                found.append([line for (line,) in cursor.fetchall()])
    assert found
    return found


def test_the_list_of_kinds_has_every_term_and_every_step():
    terms = [terms for terms, _indexes in KINDS.values()]
    assert {name for one in terms for name in one.given()} == set(Terms.__dataclass_fields__)
    assert {step for one in terms for step in one.steps} == set(Step)


def test_what_takes_too_long_is_said_and_shows_nobody(committed_database, client_of, monkeypatch):
    """The table is locked elsewhere, so that every search waits: it is given up, in a sentence."""
    world = worlds.build()
    monkeypatch.setattr(searching, "SECONDS", 0.2)
    client = client_of(world.operator)
    client.cookies["portal_language"] = "en"
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN; LOCK TABLE customers_customer IN ACCESS EXCLUSIVE MODE")
        response = client.post(reverse("portal:lookup"), {"phone": "087-821-0001"})
    finally:
        other.close()
    assert response.status_code == 200
    assert "takes too long" in response.content.decode()
    assert response.context["form"]["phone"].value() == "087-821-0001"
    assert not LogEntry.objects.disclosures().exists()
    again = client.post(reverse("portal:lookup"), {"phone": "087-821-0001"})
    assert len(again.context["results"]) == 1


@pytest.mark.django_db
@pytest.mark.parametrize(("needs", "own_alone"), [("address", False), ("phone", True)])
def test_a_retailers_own_rows_are_asked_for_once(world, needs, own_alone):
    """Also where the rows of every retailer are: asked for twice, no index would serve."""
    basis = policy.basis_for_lookup(world.retailer)
    query = shown.rows(basis, shown.LISTED, Q(**{needs: "x"}), [needs]).query
    condition = str(query).partition(" WHERE ")[2]
    assert condition.count("IN (") == 1
    assert ('"retailer_id"' in condition) == own_alone
