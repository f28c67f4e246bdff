"""Customers who are there get new keys while the portal goes on: readers wait for nothing, and nobody else is found."""

import threading
from importlib import import_module
from io import BytesIO

import pytest
from django.core.management import call_command
from django.db import connection

from audit.models import LogEntry
from customers import importing, reading, rekeying
from customers.models import Customer
from customers.terms import Terms
from tests import world as worlds
from tests.customers.test_import import billing_file
from tests.journeys.conftest import wait_for
from tests.world import HANAKO, JIRO

#: Hanako's keys as they were made before an address had parts.
OLD = {"town_key": "番町1-8-15", "kana_key": "カガワハナコ", "name_key": "香川花子", "phone_key": "878210001"}


def keys_of(number: str) -> dict:
    return Customer.objects.values(*rekeying.COLUMNS).get(supply_point_number=number)


@pytest.mark.django_db
def test_all_customers_get_the_keys_of_today_and_a_second_time_none(world, monkeypatch):
    monkeypatch.setattr(rekeying, "READ", rekeying.READ.replace(str(rekeying.BATCH), "2"))
    right, told = {one: keys_of(one) for one in (HANAKO, JIRO)}, []
    Customer.objects.filter(supply_point_number__in=right).update(**OLD)
    assert rekeying.rekey(told.append) == 2
    assert told == [2, 4]
    assert {one: keys_of(one) for one in right} == right
    assert rekeying.rekey() == 0


@pytest.mark.django_db
def test_the_command_says_how_many_and_the_history_too(world, capsys):
    Customer.objects.filter(supply_point_number=HANAKO).update(**OLD)
    call_command("rekey_customers", verbosity=0)
    assert "1 customers had other keys" in capsys.readouterr().out
    assert LogEntry.objects.get(event="customers.rekeyed").additional_data == {"changed": 1}


@pytest.mark.django_db
def test_a_customer_whose_turn_has_not_come_is_found_by_number_and_no_other_is_shown(world):
    Customer.objects.filter(supply_point_number=HANAKO).update(town_key="番町9-71-23木ハイツ101")
    listed = [
        reading.look_up(world.operator, Terms(**terms)).customers
        for terms in ({"supply_point_number": HANAKO}, {"address": "番町9-71-23"}, {"address": "番町9-71-2"})
    ]
    assert [len(one) for one in listed] == [1, 0, 0]


@pytest.mark.django_db
def test_a_key_that_is_too_long_for_its_column_loses_its_end_alone(world):
    address = "香川県高松市番町1丁目8-15 " + "1 " * 90
    Customer.objects.filter(supply_point_number=HANAKO).update(address=address.strip())
    rekeying.rekey()
    assert len(keys_of(HANAKO)["town_key"]) == 200
    assert reading.look_up(world.operator, Terms(address="番町1-8-15")).customers


def test_while_a_batch_is_under_way_people_look_up_and_an_import_waits_for_it_alone(committed_database):
    """The migration's own function, held in the middle of its batch by a row that somebody else has."""
    world, done = worlds.build(), []
    fill = import_module("customers.migrations.0009_keys_of_parts").fill
    Customer.objects.filter(supply_point_number__in=[HANAKO, JIRO]).update(**OLD)

    def in_a_thread(act) -> threading.Thread:
        def run() -> None:
            try:
                done.append(act())
            finally:
                connection.close()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute(
                "BEGIN; SELECT FROM customers_customer WHERE supply_point_number = %s FOR UPDATE", [JIRO]
            )

            def holds_another() -> bool:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid)))"
                )
                return cursor.fetchone()[0]

            def table_is_waited_for() -> bool:
                cursor.execute(
                    "SELECT EXISTS (SELECT FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE NOT granted "
                    "AND datname = current_database() AND relation = 'customers_customer'::regclass)"
                )
                return cursor.fetchone()[0]

            filling = in_a_thread(lambda: fill(None, None))
            wait_for(holds_another, "the batch to be held")
            by_number = reading.look_up(world.operator, Terms(supply_point_number=HANAKO))
            assert len(by_number.customers) == 1
            importing_too = in_a_thread(
                lambda: importing.load(
                    world.administrator, BytesIO(billing_file().getvalue()), "customers.csv"
                )
            )
            wait_for(table_is_waited_for, "the import to wait for the batch")
            cursor.execute("COMMIT")
        for thread in (filling, importing_too):
            thread.join(60)
    finally:
        other.close()
    assert len(done) == 2
    assert keys_of(HANAKO)["town_key"] == "番町|1-8-15-|"
    assert Customer.objects.count() == 5
