"""Nothing leaks sideways: what an audience is not shown is learnt neither by asking nor by looking around."""

import logging
import re
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import NoReverseMatch, get_resolver, reverse

from access import inquiries
from access.errors import Denied, Unfit
from access.models import Inquiry
from audit import filters
from audit.models import LogEntry
from config.site import portal
from customers import reading
from customers.disclosure import Audience, fields_for
from customers.models import Customer
from customers.terms import Terms
from tests.customers.test_disclosure import AUDIENCES, SEEN, allowed, audience  # noqa: F401 - a fixture
from tests.world import HANAKO, HANAKO_VALUES, JIRO, TARO

pytestmark = pytest.mark.django_db

#: Hidden fields, and a value of Hanako's by which one would ask.
VALUES = {
    "retailer": "瀬戸内みらい電力株式会社",
    "menu_category": "free",
    "service_menu": "電灯標準接続送電サービス",
    "monthly_usage": "7342",
    "contracted_capacity_kva": "61.7",
    "contracted_power_kw": "43.3",
    "power_factor_percent": "79",
    "fit_started_on": "2013-08-19",
    "generator_output_kw": "5.9",
    "name": "香川 花子",
    "name_kana": "カガワ ハナコ",
    "phone": "087-821-0001",
}
#: Keys under which a field's value is stored once more.
KEYS = {
    "phone": {"phone_key"},
    "name": {"name_key", "name_tail"},
    "name_kana": {"kana_key", "kana_tail"},
    "address": {"town_key"},
}
#: What is put behind a field's name to ask the ORM or the admin for more.
LOOKUPS = ("", "__name", "__gte", "__startswith", "__isnull", "__id", "_id", "_key", "__monthly_usage__kwh")


def looked_up(client, inquiry, query: str = "", **words: str):
    url = reverse("portal:inquiry", args=[inquiry.pk]) if inquiry else reverse("portal:lookup")
    return client.post(url + query, {"address": "番町1丁目8-15"} | words)


def listed(response) -> list[str]:
    return [result["values"]["supply_point_number"] for result in response.context["results"]]


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_no_parameter_asks_for_a_hidden_item(audience, name, own):  # noqa: F811
    """The same answer, whatever is asked for besides, and whether the value fits or not."""
    client, _key, inquiry = audience(name, own)
    for field in VALUES:
        if allowed(name, own, field):
            continue
        parameters = {f"{field}{more}" for more in LOOKUPS} - {"name", "phone"}  # fields of the form itself
        for value in (VALUES[field], "nothing"):
            asked = dict.fromkeys(parameters, value)
            assert listed(looked_up(client, inquiry, "?" + urlencode(asked), **asked)) == [HANAKO], field


@pytest.mark.parametrize(
    ("hidden", "nobodys"),
    [
        ({"name": "カガワ"}, {"name": "ゼンブ"}),
        ({"phone": "087-821-0001"}, {"phone": "087-999-9999"}),
        ({"words": "香川 0001"}, {"words": "丙川 9999"}),
        ({"name": "カガワ", "address": "番町1-8-15"}, {"name": "ゼンブ", "address": "番町1-8-15"}),
    ],
)
def test_what_is_another_retailers_answers_as_what_is_nobodys(audience, hidden, nobodys):  # noqa: F811
    client, _key, _inquiry = audience("retailer", False)
    client.post(reverse("portal:lookup"), hidden)
    with CaptureQueriesContext(connection) as hit:
        found = client.post(reverse("portal:lookup"), hidden)
    with CaptureQueriesContext(connection) as miss:
        nobody = client.post(reverse("portal:lookup"), nobodys)
    assert listed(found) == listed(nobody) == []
    assert _without_words(found, hidden) == _without_words(nobody, nobodys)
    assert len(hit) == len(miss), "the same work"
    entries = LogEntry.objects.filter(kind="lookup").order_by("-pk")[:2]
    assert {entry.event for entry in entries} == {"customer.nothing_found"}


def _without_words(response, words: dict) -> str:
    page = re.sub(
        r'name="(csrfmiddlewaretoken|written_by)" value="[^"]+"|\?again=[\w=-]+',
        "",
        response.content.decode(),
    )
    for word in words.values():
        page = page.replace(f'value="{word}"', "")
    return page


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_an_order_is_nobodys_to_choose(audience, name, own):  # noqa: F811
    client, _key, inquiry = audience(name, own)
    if inquiry:
        return  # a contractor's lookup means one household: there is nothing to order
    Customer.objects.filter(supply_point_number=JIRO).update(
        area=Customer.objects.get(supply_point_number=HANAKO).area, town_key="番町|1-9-|"
    )
    orders = [listed(client.post(reverse("portal:lookup") + q, {"address": "高松市番町"})) for q in
              ("", "?o=1", "?o=-8", "?ordering=retailer", "?order_by=-generator_output_kw")]  # fmt: skip
    assert orders == [[HANAKO, JIRO]] * 5


def test_a_contractor_has_no_second_piece_and_no_count(audience, world):  # noqa: F811
    client, _key, inquiry = audience("contractor")
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    for number in range(12):
        hanako.pk, hanako.supply_point_number = None, f"0807{number:018}"
        hanako.save(force_insert=True)
    before = LogEntry.objects.disclosures().count()
    response = looked_up(client, inquiry)
    assert listed(response) == []
    assert LogEntry.objects.disclosures().count() == before
    page = response.content.decode()
    assert "12" not in re.sub(
        r'value="[^"]*"|<time.*?</time>|\d\d:\d\d|datetime="[^"]*"',
        "",
        page.split('id="results"')[1].split("</div>")[0],
    )
    after = looked_up(client, inquiry, after=response.context["next"] or "1-0:x:y")
    assert after.status_code in (200, 404)
    assert after.status_code == 404 or listed(after) == []


def test_pieces_of_an_operators_results_hold_each_customer_once(world, client_of):
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    numbers = [HANAKO]
    for number in range(120):
        hanako.pk, hanako.supply_point_number = None, f"0807{number:018}"
        hanako.kana_key = "カガワハナコ" if number % 3 else f"カガワ{number:03}"
        hanako.save(force_insert=True)
        numbers.append(hanako.supply_point_number)
    client = client_of(world.operator)
    seen, after = [], ""
    for _piece in range(9):
        response = client.post(reverse("portal:lookup"), {"name": "カガワ", "after": after})
        seen += listed(response)
        if not (after := response.context["next"]):
            break
    assert sorted(seen) == sorted(numbers)


def test_a_piece_after_somebody_elses_is_refused(world, client_of):
    from customers import keys

    key = keys.make(world.retailer, world.customers[HANAKO].pk, None)
    response = client_of(world.operator).post(reverse("portal:lookup"), {"name": "カガワ", "after": key})
    assert response.status_code == 404


def test_a_contractor_lists_no_street_and_no_surname(audience):  # noqa: F811
    client, _key, inquiry = audience("contractor")
    for words in ({"name": "カガワ"}, {"address": "番町1"}, {"address": "高松市"}, {"address": "番町1-8"},
                  {"words": "香川"}, {"phone": "0001"}, {"supply_point_number": "0001"}):  # fmt: skip
        response = client.post(reverse("portal:inquiry", args=[inquiry.pk]), words)
        assert not response.context["results"], words


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_no_statement_names_a_column_that_is_hidden(audience, name, own):  # noqa: F811
    client, key, inquiry = audience(name, own)
    with CaptureQueriesContext(connection) as queries:
        looked_up(client, inquiry)
        looked_up(client, inquiry, words="かがわ 0001", address="")
        client.get(reverse("portal:customer", args=[key]))
    shown = fields_for(Audience(name), own=True)
    may = {"id", "area_id"} | shown | {key for field in shown for key in KEYS.get(field, ())}
    if "retailer" in shown or name == "retailer":
        may.add("retailer_id")  # whose own customer it is, the retailer knows
    named = {
        column
        for query in queries
        if not query["sql"].startswith("INSERT")
        for column in re.findall(r'"customers_customer"\."(\w+)"', query["sql"])
    }
    assert "supply_point_number" in named
    assert named <= may
    if "monthly_usage" not in shown:
        assert not any("customers_monthlyusage" in query["sql"] for query in queries)
    if "retailer" not in shown:
        assert not any(
            'JOIN "customers_organization"' in query["sql"] and "customers_customer" in query["sql"]
            for query in queries
        )


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_out_of_the_area_is_the_same_work_as_nowhere(audience, name, own):  # noqa: F811
    if name == "retailer":
        return  # has no area
    client, _key, inquiry = audience(name, own)
    counts = []
    for number in (TARO, "08" + "9" * 20):
        looked_up(client, inquiry, supply_point_number=number, address="")
        with CaptureQueriesContext(connection) as queries:
            response = looked_up(client, inquiry, supply_point_number=number, address="")
        assert listed(response) == []
        counts.append([re.sub(r"'[^']*'|\d+", "", query["sql"])[:400] for query in queries])
    assert [sql for sql in counts[0] if "INSERT" not in sql] == [
        sql for sql in counts[1] if "INSERT" not in sql
    ]


def test_customers_have_no_page_of_the_admins_own():
    assert Customer not in portal._registry
    names = [getattr(pattern, "name", None) for pattern in portal.get_urls()]
    assert "autocomplete" not in names
    with pytest.raises(NoReverseMatch):
        reverse("portal:autocomplete")
    assert not any("customers_customer_" in str(name) for name in get_resolver().reverse_dict)


def test_a_customer_is_called_by_its_number_alone(world):
    assert str(world.customers[HANAKO]) == HANAKO
    assert str(world.customers[HANAKO].monthly_usage.first()).isascii()


@pytest.mark.parametrize(("name", "own"), AUDIENCES)
def test_no_comment_attribute_header_or_cookie_says_more(audience, name, own):  # noqa: F811
    client, key, inquiry = audience(name, own)
    for response in (looked_up(client, inquiry), client.get(reverse("portal:customer", args=[key]))):
        page = response.content.decode()
        assert "<!--" not in page
        assert not re.search(r"\sdata-(?!theme|ask)", page)
        headers = str(dict(response.items())) + str(response.cookies)
        assert "ETag" not in response.headers
        assert "Last-Modified" not in response.headers
        assert "no-store" in response["Cache-Control"]
        for field, text in SEEN.items():
            assert text not in headers, field
            if not allowed(name, own, field):
                assert text not in page, field


def test_a_failed_page_and_the_log_say_nothing_of_a_customer(world, client_of, caplog, monkeypatch):
    client = client_of(world.operator)
    client.raise_request_exception = False

    def fail(*args, **kwargs):
        raise RuntimeError("it failed")

    monkeypatch.setattr("customers.views._result", fail)
    with caplog.at_level(logging.DEBUG, logger="django.request"):
        response = client.post(reverse("portal:lookup"), {"phone": "087-821-0001"})
    assert response.status_code == 500
    said = response.content.decode() + "".join(record.getMessage() for record in caplog.records)
    assert caplog.records
    for text in HANAKO_VALUES.values():
        if isinstance(text, str) and len(text) > 4:
            assert text not in said


def test_the_history_of_others_is_not_open_to_who_looks_up(world, client_of):
    world.declare()
    for person in (world.contractor, world.operator, world.retailer, world.supervisor, world.administrator):
        for path in ("/history/", "/history/1/", f"/history/?customer={filters.customer_as_text(HANAKO)}"):
            assert client_of(person).get(path).status_code == 403


def test_who_has_seen_a_customer_is_an_operators_question_in_the_own_area(world, client_of, audience):  # noqa: F811
    from customers import keys

    contractor, key, _inquiry = audience("contractor")
    assert contractor.get(reverse("portal:customer", args=[key])).status_code == 200
    assert contractor.get(reverse("portal:who_has_seen", args=[key])).status_code == 403
    own = keys.make(world.operator, world.customers[HANAKO].pk, None)
    page = client_of(world.operator).get(reverse("portal:who_has_seen", args=[own])).content.decode()
    assert world.contractor.name in page
    assert not any(value in page for value in ("香川 花子", "087-821-0001", "番町"))
    assert LogEntry.objects.filter(event="customer.who_saw", supply_point_number=HANAKO).count() == 1
    far = keys.make(world.operator, world.customers[TARO].pk, None)
    assert client_of(world.operator).get(reverse("portal:who_has_seen", args=[far])).status_code == 404


def test_a_watermark_says_whose_screen_it_was_and_paper_shows_nothing(audience, world):  # noqa: F811
    client, key, inquiry = audience("contractor")
    for response in (looked_up(client, inquiry), client.get(reverse("portal:customer", args=[key]))):
        page = response.content.decode()
        watched = re.search(r'class="watched".*', page, re.S)[0]
        mark = re.search(r'<svg class="watermark".*?</svg>', watched, re.S)[0]
        assert world.contractor.name in mark
        assert re.search(r"20\d\d-\d\d-\d\d \d\d:\d\d", mark)
        assert SEEN["address"] not in page.split('class="watched"')[0]


def test_no_task_keeps_a_result(settings):
    assert settings.CELERY_TASK_IGNORE_RESULT
    assert not getattr(settings, "CELERY_RESULT_BACKEND", None)


def test_an_operator_of_one_area_cannot_name_another(world):
    assert reading.look_up(world.operator, Terms(address="松山市")).customers == []
    assert reading.look_up(world.operator, Terms(address="松山市一番町4-4-2")).customers == []


@pytest.mark.parametrize(
    "words",
    [
        {"name": "カガワ", "address": "香川県"},
        {"name": "カガワ", "address": "ああ県"},
        {"name": "カガワ", "address": "高松市"},
        {"name": "香", "address": "高松市"},
        {"phone": "0001", "address": "香川県"},
        {"phone": "0001", "address": "高松"},
        {"supply_point_number": "0001", "address": "高松市"},
        {"words": "香川 香川県"},
        {"words": "大字 0001"},
        {"words": "0001 高松市"},
        {"address": "高松市二十"},
        {"address": "高松市-"},
        {"name": "株式会社", "phone": "0001"},
        {"words": "株式会社 高松市番町"},
        {"name": "ーーー", "phone": "0001"},
        {"name": "\u200d香\ufe0f\u00ad", "address": "高松市番町"},
        {"address": "番町\u202e\u200b", "words": "ﾃﾝ"},
    ],
)
def test_what_says_nothing_is_no_second_key(audience, words):  # noqa: F811
    """A prefecture, a municipality, a legal form, one character: with them a surname would be browsed."""
    client, _key, inquiry = audience("contractor")
    Customer.objects.filter(supply_point_number=HANAKO).update(town_key="-20-代町|1-8-15-|")
    before = LogEntry.objects.disclosures().count()
    response = client.post(reverse("portal:inquiry", args=[inquiry.pk]), words)
    assert response.status_code == 200
    assert not response.context["results"]
    assert LogEntry.objects.disclosures().count() == before


def test_the_rule_itself_asks_for_more_and_gives_no_second_piece(audience, world):  # noqa: F811
    _client, _key, inquiry = audience("contractor")
    with pytest.raises(Unfit):
        reading.look_up(world.contractor, Terms(name="カガワ"), inquiry)
    broad = reading.Asked(Terms(phone="087-999-9999"), instead=Terms(name="カガワ"))
    assert reading.look_up_by(world.contractor, inquiry, lambda _basis, _places: broad).customers == []
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    for number in range(12):
        hanako.pk, hanako.supply_point_number = None, f"0807{number:018}"
        hanako.save(force_insert=True)
    last = Customer.objects.filter(town_key=hanako.town_key).order_by("pk")[9].pk
    further = reading.Asked(Terms(address="番町1-8-15"), after=last)
    found = reading.look_up_by(world.contractor, inquiry, lambda _basis, _places: further)
    assert (found.customers, found.too_many) == ([], True)


def test_a_field_that_is_not_delegated_is_not_asked_for(world, client_of):
    type(world.contract).objects.update(delegated_items=["name", "address"])
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=world.declare(), caller_name="通報者", kind="outage")
    )
    page = client_of(world.contractor).get(reverse("portal:inquiry", args=[taken.pk])).content.decode()
    assert 'name="address"' in page
    assert 'name="phone"' not in page
    assert 'name="supply_point_number"' not in page


def test_who_has_seen_a_customer_is_asked_by_the_rule_too(world):
    for person in (world.contractor, world.retailer, world.administrator):
        with pytest.raises(Denied, match="role"):
            reading.who_has_seen(person, world.customers[HANAKO].pk)


def test_pieces_of_what_was_found_in_the_middle_go_on(world, client_of):
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    for number in range(70):
        hanako.pk, hanako.supply_point_number = None, f"0807{number:018}"
        hanako.kana_key, hanako.kana_tail = "ニシカガワナナシ", "ナナシ"
        hanako.save(force_insert=True)
    client, seen, after = client_of(world.operator), [], ""
    for _piece in range(9):
        response = client.post(reverse("portal:lookup"), {"name": "カガワナナシ", "after": after})
        seen += listed(response)
        if not (after := response.context["next"]):
            break
    assert len(seen) == len(set(seen)) == 70


def test_what_took_too_long_is_in_the_history(audience, monkeypatch, world):  # noqa: F811
    client, _key, inquiry = audience("contractor")

    def slow(*args, **kwargs):
        raise reading.TooSlow

    monkeypatch.setattr(reading, "search", slow)
    response = looked_up(client, inquiry)
    assert "takes too long" in response.content.decode()
    assert LogEntry.objects.filter(event="lookup.too_slow", actor=world.contractor).count() == 1
