"""The demo's data: the same every time, plausible, whole or not at all, and only in a demo."""

import re
from datetime import date
from functools import cache
from io import StringIO
from itertools import islice

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.models import Count, Q
from guardian.shortcuts import get_objects_for_group, get_objects_for_user

from access.models import DelegationContract, Office, Person, RosterEntry
from audit.models import LogEntry
from customers import normalising, stored
from customers.demo import accounts, known, loading, places, rows
from customers.disclosure import DELEGABLE_ITEMS
from customers.models import Customer, MonthlyUsage, Organization, ServiceArea

CUSTOMERS = 300
#: Enough of them that each of the rarest kind (one in a thousand) is there.
MANY = 10_000
SERVED = places.neighbourhoods()
hash_once = cache(make_password)  # slow on purpose


def load(customers: int = CUSTOMERS, **options) -> str:
    """Runs the command; returns what it says."""
    said = StringIO()
    call_command("load_demo", customers=customers, stdout=said, verbosity=0, **options)
    return said.getvalue()


@pytest.fixture(autouse=True)
def in_a_demo(settings, monkeypatch):
    settings.DEMO = True
    monkeypatch.setattr(accounts, "make_password", hash_once)


@pytest.fixture
def demo(db) -> None:
    load()


def made_up(count: int, **options) -> list[rows.Row]:
    return list(islice(rows.rows(SERVED, **options), count))


@cache
def many() -> list[rows.Row]:
    return made_up(MANY)


# The generator, without a database


def test_the_same_customers_are_made_up_every_time_and_a_smaller_number_comes_first():
    assert made_up(500) == made_up(500)
    assert made_up(500)[:200] == made_up(200)
    assert made_up(50, seed=2) != made_up(50)


def test_no_two_customers_share_a_number_and_none_has_a_known_ones():
    numbers = {row.supply_point_number for row in many()} | {
        one.supply_point_number for one in known.CUSTOMERS
    }
    assert len(numbers) == MANY + len(known.CUSTOMERS)
    assert all(re.fullmatch("08[0-9]{20}", number) for number in numbers)


def test_a_known_customers_phone_number_finds_nobody_else():
    numbers = [row.phone for row in many()]
    free = made_up(MANY, taken_phones=frozenset(numbers[:50]))
    assert not {row.phone for row in free} & set(numbers[:50])


@pytest.mark.parametrize(
    ("voltage", "lowest", "highest"), [("low", 0.1, 49.9), ("high", 50, 1_999), ("extra_high", 2_000, 50_000)]
)
def test_contracted_power_fits_the_voltage(voltage, lowest, highest):
    powers = [r.contracted_power_kw for r in many() if r.voltage == voltage and r.contracted_power_kw]
    assert powers
    assert lowest <= min(powers)
    assert max(powers) <= highest


def test_a_contract_is_for_a_capacity_or_for_a_power_with_its_factor():
    for row in many():
        by_capacity = row.contracted_capacity_kva is not None
        assert by_capacity == (row.contracted_power_kw is None) == (row.power_factor_percent is None)
        assert by_capacity == row.service_menu.startswith("電灯")
        assert not by_capacity or (row.voltage == "low" and row.contracted_capacity_kva < 50)
        assert by_capacity or 85 <= row.power_factor_percent <= 100
        assert row.service_menu.startswith("特別高圧") == (row.voltage == "extra_high")
        assert row.service_menu.startswith("高圧") == (row.voltage == "high")


def test_only_the_affiliate_sells_the_regulated_menu_and_only_at_low_voltage():
    regulated = [row for row in many() if row.menu_category == "regulated"]
    assert {(row.retailer, row.voltage) for row in regulated} == {("affiliate", "low")}


def test_shares_are_about_those_of_the_area():
    everybody = many()

    def share(condition) -> float:
        return sum(map(condition, everybody)) / MANY

    assert share(lambda row: row.retailer == "affiliate") == pytest.approx(0.8, abs=0.02)
    assert share(lambda row: row.menu_category == "regulated") == pytest.approx(0.39, abs=0.03)
    assert share(lambda row: row.voltage == "high") == pytest.approx(0.02, abs=0.006)
    assert share(lambda row: row.voltage == "extra_high") == pytest.approx(0.001, abs=0.001)
    assert share(lambda row: row.fit_started_on is not None) == pytest.approx(0.05, abs=0.01)
    assert share(lambda row: row.usage is not None) == pytest.approx(0.3, abs=0.02)


def test_the_feed_in_tariff_starts_in_its_time_and_has_a_generator():
    for row in many():
        assert (row.fit_started_on is None) == (row.generator_output_kw is None)
        assert row.fit_started_on is None or date(2012, 7, 1) <= row.fit_started_on < date(2026, 10, 1)


def test_phone_numbers_have_as_many_digits_as_real_ones():
    for row in many():
        digits = normalising.digits(row.phone)
        assert len(digits) == (11 if digits[:3] in ("090", "080", "070") else 10)
        assert re.fullmatch("0[0-9]+-[0-9]+-[0-9]{4}", row.phone)


@pytest.mark.parametrize(
    ("kana", "english"),
    [
        ("タカマツシ", "Takamatsu-shi"),
        ("ヒガシカガワシ", "Higashikagawa-shi"),
        ("シコクチュウオウシ", "Shikokuchuo-shi"),
        ("ゼンツウジシ", "Zentsuji-shi"),
        ("トウオンシ", "Toon-shi"),
        ("オオズシ", "Ozu-shi"),
        ("カツウラチョウ", "Katsuura-cho"),
        ("マンノウチョウ", "Manno-cho"),
        ("ミヨシシ", "Miyoshi-shi"),
        ("サナゴウチソン", "Sanagochi-son"),
        ("ウマジムラ", "Umaji-mura"),
    ],
)
def test_municipalities_have_an_english_name(kana, english):
    assert places.in_english(kana) == english


def test_a_towns_name_is_without_its_district_and_its_address_with_it():
    manno = next(place.municipality for place in SERVED if place.municipality.code == "37406")
    assert (manno.name, manno.name_kana) == ("まんのう町", "マンノウチョウ")
    assert manno.written == "香川県仲多度郡まんのう町"


# What is loaded


def test_as_many_customers_as_asked_for_are_loaded_and_the_history_says_so(demo):
    assert Customer.objects.count() == CUSTOMERS
    entry = LogEntry.objects.get(event="demo.loaded")
    assert entry.additional_data == {"customers": CUSTOMERS}
    assert entry.actor == Person.objects.system()


def test_the_next_customer_gets_the_next_id(demo):
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(pg_get_serial_sequence('customers_customer', 'id'))")
        assert cursor.fetchone()[0] == Customer.objects.latest("pk").pk + 1


def test_every_key_is_what_its_function_gives(demo):
    for customer in Customer.objects.all():
        keys = stored.keys(
            name=customer.name, name_kana=customer.name_kana, address=customer.address,
            phone=customer.phone, municipality=customer.area.name,
        )  # fmt: skip
        assert {name: getattr(customer, name) for name in keys._fields} == keys._asdict()
        assert customer.town_key


def test_usage_is_kept_for_twelve_months_or_not_at_all(demo):
    months = MonthlyUsage.objects.values("customer").annotate(number=Count("pk"))
    assert {one["number"] for one in months} == {12}
    assert 0 < len(months) < CUSTOMERS
    with_usage = MonthlyUsage.objects.values_list("month", flat=True)
    assert (min(with_usage), max(with_usage)) == (date(2025, 11, 1), date(2026, 10, 1))


def test_hanako_is_another_retailers_with_panels_and_usage(demo):
    hanako = Customer.objects.get(supply_point_number="0800000000000000000001")
    assert (hanako.name, hanako.name_kana) == ("香川 花子", "カガワ ハナコ")
    assert (hanako.address, hanako.phone) == ("香川県高松市番町1丁目8-15", "087-821-0001")
    assert (hanako.area.name, hanako.voltage) == ("高松市", "low")
    assert hanako.retailer == Person.objects.get(username="retailer").organization
    assert hanako.retailer.kind == "retailer"
    assert hanako.fit_started_on
    assert hanako.monthly_usage.count() == 12


def test_taro_and_jiro_are_there(demo):
    taro = Customer.objects.get(phone_key="0899410002")
    assert (taro.supply_point_number, taro.name, taro.area.name) == (known.TARO, "松山 太郎", "松山市")
    jiro = Customer.objects.get(phone_key="0877230003")
    assert (jiro.supply_point_number, jiro.name, jiro.area.name) == (known.JIRO, "丸亀 次郎", "丸亀市")
    assert (jiro.retailer.kind, jiro.menu_category) == ("affiliate_retailer", "regulated")


def test_each_customer_lives_in_their_area(demo):
    for customer in Customer.objects.select_related("area"):
        assert customer.address.startswith(customer.area.prefecture)
        assert customer.area.name in customer.address


def test_what_the_operator_does_not_serve_is_absent(db, settings):
    settings.UNSERVED_MUNICIPALITIES = ["38201", "39201"]
    settings.UNSERVED_TOWNS = {"36201": ["国府町"]}
    load()
    assert not ServiceArea.objects.filter(name__in=["松山市", "高知市"]).exists()
    assert not Customer.objects.filter(
        Q(address__contains="松山市") | Q(address__contains="徳島市国府町")
    ).exists()
    assert Customer.objects.count() == CUSTOMERS


def test_an_office_consults_the_areas_of_its_prefecture(demo):
    for office in Office.objects.exclude(name="本社"):
        areas = get_objects_for_group(office.group, "customers.consult_servicearea")
        prefectures = {area.prefecture for area in areas}
        assert len(prefectures) == 1
        (prefecture,) = prefectures
        assert set(areas) == set(ServiceArea.objects.filter(prefecture=prefecture))
    assert Group.objects.filter(office__isnull=False).count() == 5
    assert Person.objects.get(username="operator").office.name == "香川支社"
    assert Person.objects.get(username="operator-ehime").office.name == "愛媛支社"


def test_there_is_an_account_for_each_role_with_the_published_password(demo, client_of):
    roles = {
        "operator": "operator",
        "contractor": "contractor",
        "supervisor": "supervisor",
        "auditor": "auditor",
        "administrator": "administrator",
        "retailer": "retailer",
    }
    assert dict(Person.objects.filter(username__in=roles).values_list("username", "role")) == roles
    client_of(Person.objects.get(username="contractor30"))


def test_thirty_are_on_the_roster_of_the_one_contract(demo):
    contract = DelegationContract.objects.in_force(at="2026-10-15T00:00+09:00").get()
    assert set(contract.delegated_items) == set(DELEGABLE_ITEMS)
    assert (contract.delegator.kind, contract.delegate.kind) == ("network_operator", "affiliate_retailer")
    assert RosterEntry.objects.current().filter(contract=contract).count() == 30
    supervisor, auditor = (Person.objects.get(username=name) for name in ("supervisor", "auditor"))
    assert contract in get_objects_for_user(supervisor, "access.grant_under_contract")
    assert contract in get_objects_for_user(auditor, "access.review_contract")
    assert contract not in get_objects_for_user(auditor, "access.grant_under_contract")


# When it is not loaded


def test_a_second_load_is_refused_and_changes_nothing(demo):
    with pytest.raises(CommandError, match="There are customers already"):
        load(500)
    assert Customer.objects.count() == CUSTOMERS


def test_a_second_load_if_empty_does_nothing(demo):
    entries = LogEntry.objects.count()
    assert "nothing was loaded" in load(500, if_empty=True)
    assert Customer.objects.count() == CUSTOMERS
    assert LogEntry.objects.count() == entries


def test_an_empty_database_is_loaded_if_empty(db):
    assert "300 customers were loaded" in load(if_empty=True)


def test_somebodys_organisations_are_not_added_to(world):
    MonthlyUsage.objects.all().delete()
    Customer.objects.all().delete()
    with pytest.raises(CommandError, match="There are organisations already"):
        load(if_empty=True)


@pytest.mark.parametrize("if_empty", [False, True])
def test_outside_a_demo_nothing_is_loaded(db, settings, if_empty):
    settings.DEMO = False
    with pytest.raises(CommandError, match="PORTAL_DEMO=1"):
        load(if_empty=if_empty)
    assert not Organization.objects.exists()


def test_fewer_customers_than_the_known_ones_are_refused(db):
    with pytest.raises(CommandError, match="at least 3"):
        load(2)
    assert not Organization.objects.exists()


def test_a_load_that_fails_midway_leaves_nothing(db, monkeypatch):
    monkeypatch.setattr(loading, "BATCH", 100)

    def break_down(done: int) -> None:
        if done == 200:
            raise RuntimeError("the power is out")

    with pytest.raises(RuntimeError):
        loading.load(CUSTOMERS, break_down)
    assert not Customer.objects.exists()
    assert not Organization.objects.exists()
    assert not Office.objects.exists()
    assert not LogEntry.objects.filter(event="demo.loaded").exists()
