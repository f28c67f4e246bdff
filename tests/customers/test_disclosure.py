"""Every cell of the table, for every audience: on the page, in the result list, in the history, in SQL."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access import inquiries
from access.errors import Denied
from access.models import Inquiry
from audit.models import LogEntry
from customers import keys, reading, shown
from customers.disclosure import DELEGABLE_ITEMS, FIELD_LABELS, TABLE, Audience, Shown, fields_for
from customers.models import Customer
from tests.world import HANAKO, HANAKO_VALUES, JIRO, OTHER_RETAILER, TARO, USAGE_KWH

pytestmark = pytest.mark.django_db

#: What each field of Hanako looks like on a page: a text that stands nowhere else there.
SEEN = {
    "supply_point_number": HANAKO,
    "name": "香川 花子",
    "name_kana": "カガワ ハナコ",
    "address": "香川県高松市番町1丁目8-15",
    "phone": "087-821-0001",
    "voltage": "Low voltage",
    "retailer": OTHER_RETAILER,
    "menu_category": "Free",
    "service_menu": "電灯標準接続送電サービス",
    "monthly_usage": str(USAGE_KWH + 1),
    "contracted_capacity_kva": "61.7",
    "contracted_power_kw": "43.3",
    "power_factor_percent": ">79</dd>",
    "fit_started_on": "19 Aug 2013",
    "generator_output_kw": "5.9",
}

#: The statement's table, written a second time from the document, to hold the code against.
STATEMENT = """
供給地点特定番号            ○ ○ ○
契約名義                    ○ ○ 自
供給地点住所                ○ ○ ○
連絡先電話番号              ○ ○ 自
供給電圧                    ○ ○ ○
契約先小売電気事業者名      ○ × ×
接続送電サービスメニュー    ○ × 自
使用電力量                  ○ × ×
契約容量、契約電力、力率    ○ × ○
固定価格買取制度開始時期    ○ × ×
発電機出力                  ○ × ×
"""


@pytest.fixture
def audience(world, client_of):
    """Gives (client, key of Hanako) for an audience; `own` says whose customer she is to a retailer."""

    def make(name: str, own: bool = True):
        if name == Audience.CONTRACTOR:
            emergency = world.declare()
            inquiry = inquiries.take(
                world.contractor,
                Inquiry(emergency=emergency, caller_name="通報者", kind="outage"),
            )
        else:
            inquiry = None
        person = world.people[name]
        if name == Audience.RETAILER and not own:
            Customer.objects.update(retailer=world.organizations["affiliate"])
        client = client_of(person)
        client.cookies["portal_language"] = "en"
        hanako = world.customers[HANAKO].pk
        return client, keys.make(person, hanako, inquiry and inquiry.pk), inquiry

    return make


AUDIENCES = [("operator", True), ("contractor", True), ("retailer", True), ("retailer", False)]


def allowed(name: str, own: bool, field: str) -> bool:
    (item,) = [item for item in TABLE if field in item.fields]
    cell = item.shown_to(Audience(name))
    return cell is Shown.YES or (cell is Shown.OWN and own)


def test_the_table_is_the_statements():
    lines = [line.split() for line in STATEMENT.strip().splitlines()]
    assert [[i.operator, i.contractor, i.retailer] for i in TABLE] == [line[1:] for line in lines]


def test_the_items_are_named_as_in_the_statement():
    from django.utils import translation

    with translation.override("ja"):
        labels = [str(item.label) for item in TABLE]
    assert labels == [line.split()[0] for line in STATEMENT.strip().splitlines()]


def test_every_field_has_one_item_and_a_label():
    fields = [field for item in TABLE for field in item.fields]
    assert len(fields) == len(set(fields))
    assert set(fields) == set(FIELD_LABELS) == set(SEEN)


def test_the_delegable_items_are_the_first_five():
    assert [item.code for item in TABLE][:5] == list(DELEGABLE_ITEMS)


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_every_cell_on_the_customers_page_and_in_the_history(audience, name, own):
    client, key, _inquiry = audience(name, own)
    page = client.get(reverse("portal:customer", args=[key])).content.decode()
    entry = LogEntry.objects.disclosures().newest_first()[0]
    expected = {field for field in SEEN if allowed(name, own, field)}
    assert {field for field, value in SEEN.items() if value in page} == expected
    assert set(entry.fields) == expected


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_every_cell_in_the_result_list_and_in_the_history(audience, name, own):
    client, _key, inquiry = audience(name, own)
    url = reverse("portal:inquiry", args=[inquiry.pk]) if inquiry else reverse("portal:lookup")
    page = client.post(url, {"address": "番町1丁目8-15"}).content.decode()
    results = re.search(r'id="results".*?</section>', page, re.S)[0]
    entry = LogEntry.objects.disclosures().newest_first()[0]
    expected = {field for field in SEEN if field in shown.LISTED and allowed(name, own, field)}
    assert {field for field, value in SEEN.items() if value in results} == expected
    assert set(entry.fields) == expected
    assert not [field for field, value in SEEN.items() if value in page.replace(results, "")]


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_a_hidden_column_is_never_selected(audience, name, own):
    client, key, _inquiry = audience(name, own)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        client.get(reverse("portal:customer", args=[key]))
    selected = " ".join(
        q["sql"].split(" FROM ")[0] for q in queries if 'FROM "customers_customer"' in q["sql"]
    )
    assert "supply_point_number" in selected
    columns = {"retailer": "customers_organization", "monthly_usage": "monthlyusage"}
    for field in SEEN:
        hidden_from_all = not allowed(name, True, field)
        if hidden_from_all:
            assert columns.get(field, field) not in selected


@pytest.mark.parametrize("items", [["name"], ["address", "phone"], list(DELEGABLE_ITEMS[:4])])
def test_a_contract_that_delegates_fewer_items_shows_fewer(world, items):
    type(world.contract).objects.update(delegated_items=items)
    emergency = world.declare()
    inquiry = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    view = reading.open_customer(world.contractor, world.customers[HANAKO].pk, inquiry)
    assert set(view.values) == fields_for(Audience.CONTRACTOR, items=frozenset(items))
    entry = LogEntry.objects.disclosures().get()
    assert set(entry.fields) == set(view.values)
    assert entry.supply_point_number == HANAKO, "the history names the customer all the same"


def test_what_is_not_delegated_cannot_be_looked_up_by(world):
    type(world.contract).objects.update(delegated_items=["name", "address"])
    emergency = world.declare()
    inquiry = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    with pytest.raises(Denied, match="item_not_delegated"):
        reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), inquiry)


@pytest.mark.parametrize(
    "terms",
    [{"phone": "0877-23-0003"}, {"name": "マルガメ"}, {"name": "マルガメ", "address": "大手町"}],
)
def test_a_retailer_finds_others_customers_neither_by_phone_nor_by_name(world, terms):
    assert reading.look_up(world.retailer, reading.Terms(**terms)).customers == []


def test_a_retailer_finds_own_customers_by_phone_and_others_by_address(world):
    (own,) = reading.look_up(world.retailer, reading.Terms(phone="087-821-0001")).customers
    assert own.values["name"] == HANAKO_VALUES["name"]
    (other,) = reading.look_up(world.retailer, reading.Terms(address="大手町2丁目4")).customers
    assert "name" not in other.values
    assert other.values["supply_point_number"] == JIRO


def test_a_list_of_own_and_others_customers_shows_each_by_its_own_right(world, client_of):
    """One address, two households: the other retailer's has no name on the page, nor in its entry."""
    Customer.objects.filter(supply_point_number=JIRO).update(town_key=world.customers[HANAKO].town_key)
    client = client_of(world.retailer)
    page = client.post(reverse("portal:lookup"), {"address": "番町1丁目8-15"})
    rows = {row["values"]["supply_point_number"]: row["values"] for row in page.context["results"]}
    assert rows.keys() == {HANAKO, JIRO}
    assert rows[HANAKO].keys() == shown.LISTED
    assert rows[JIRO].keys() == {"supply_point_number", "address"}
    assert SEEN["name"] in page.content.decode()
    assert "丸亀 次郎" not in page.content.decode()
    fields = {e.supply_point_number: set(e.fields) for e in LogEntry.objects.disclosures()}
    assert fields == {number: set(values) for number, values in rows.items()}


@pytest.mark.parametrize(
    "said",
    [
        {"words": "カガワ ハナコ"},
        {"name": "香川 花子"},
        {"phone": "087-821-0001"},
        {"name": "香川", "phone": "0001"},
    ],
)
def test_of_namesakes_who_share_a_phone_a_retailer_finds_the_own_one_alone(world, client_of, said):
    hanako = world.customers[HANAKO]
    keys_of_hanako = {
        name: getattr(hanako, name) for name in ("kana_key", "kana_tail", "name_key", "phone_key")
    }
    Customer.objects.filter(supply_point_number=JIRO).update(**keys_of_hanako)
    results = client_of(world.retailer).post(reverse("portal:lookup"), said).context["results"]
    assert [row["values"]["supply_point_number"] for row in results] == [HANAKO]
    assert set(LogEntry.objects.disclosures().values_list("supply_point_number", flat=True)) == {HANAKO}


def test_who_has_switched_away_is_shown_as_anothers_customer_at_once(world, client_of):
    client, key = client_of(world.retailer), keys.make(world.retailer, world.customers[HANAKO].pk, None)
    path = reverse("portal:customer", args=[key])
    own = ("name", "phone", "service_menu")
    assert all(SEEN[field] in client.get(path).content.decode() for field in own)
    Customer.objects.filter(supply_point_number=HANAKO).update(retailer=world.organizations["affiliate"])
    page = client.get(path).content.decode()
    assert SEEN["address"] in page
    assert not any(SEEN[field] in page for field in own)


def test_a_customer_out_of_the_area_does_not_exist(world):
    emergency = world.declare()
    inquiry = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    for terms in (
        {"supply_point_number": TARO},
        {"phone": "089-941-0002"},
        {"name": "マツヤマ", "address": "一番町"},
        {"address": "一番町4丁目4-2"},
    ):
        assert reading.look_up(world.contractor, reading.Terms(**terms), inquiry).customers == []
    for pk in (world.customers[TARO].pk, 0, 10**12):
        with pytest.raises(Denied, match="customer_unknown"):
            reading.open_customer(world.contractor, pk, inquiry)


def test_a_lookup_that_finds_nobody_is_in_the_history_without_what_was_typed(world):
    reading.look_up(world.operator, reading.Terms(name="ゼンゼンチガウ"))
    entry = LogEntry.objects.get(kind="lookup")
    assert entry.fields == ["name"]
    assert "ゼンゼンチガウ" not in str(entry.__dict__)


def test_every_result_has_an_entry_of_one_story(world):
    world.customers[JIRO].kana_key = "カガワジロウ"
    world.customers[JIRO].save()
    found = reading.look_up(world.operator, reading.Terms(name="カガワ"))
    entries = LogEntry.objects.disclosures()
    assert {e.customer_id for e in entries} == {c.pk for c in found.customers}
    assert len(entries) == 2


def test_no_log_no_data(world, client_of, monkeypatch):
    """The history's table is locked away: the reader gets an error, and no customer."""
    client = client_of(world.operator)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logentry RENAME TO audit_elsewhere")
    response = client.post(reverse("portal:lookup"), {"phone": "087-821-0001"})
    assert response.status_code == 500
    assert "香川 花子" not in response.content.decode()
