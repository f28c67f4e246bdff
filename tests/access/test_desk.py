"""The board's numbers, the place of a call, and what every form of a page has of its own."""

import re
from collections import Counter

import pytest
from django.urls import reverse

from access import inquiries
from access.errors import Unfit
from access.models import Emergency, Inquiry
from audit.acting import as_person
from audit.models import LogEntry
from customers import reading
from customers.models import Customer
from tests.world import HANAKO, JIRO, MARUGAME, TAKAMATSU

pytestmark = pytest.mark.django_db


def call_of(world, emergency, **facts) -> Inquiry:
    return inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage", **facts)
    )


def test_a_number_of_the_board_is_how_many_its_list_has(world, client_of):
    """One lookup of two customers is one, and each figure's list has as many lines as it says."""
    emergency = world.declare()
    call = call_of(world, emergency, area=world.areas[TAKAMATSU])
    inquiries.close(world.contractor, call_of(world, emergency).pk, outcome="answered", found=None)
    Customer.objects.filter(supply_point_number=JIRO).update(phone_key="0878210001")
    client = client_of(world.contractor)
    path = reverse("portal:inquiry", args=[call.pk])
    for number in ("087-821-0001", "087-999-9999"):
        client.post(path, {"phone": number})
    assert LogEntry.objects.filter(event="customer.listed").count() == 2
    client = client_of(world.supervisor)
    page = client.get("/board/").content.decode()
    numbers = re.findall(r'href="(/board/[a-z]+/[^"]*)"[^>]*>[^<\d]*(\d+)', page)
    assert len(numbers) >= 8
    for path, number in numbers:
        listed = client.get(path.replace("&amp;", "&")).content.decode()
        assert listed.count("<tr>") - listed.count("<thead>") == int(number), path
    lookups = client.get("/board/lookups/")
    assert lookups.context["count"] == 2
    assert [lookup["customers"] for lookup, _title in lookups.context["lines"]] == [0, 2]


def test_the_boards_band_moves_with_it(world, client_of):
    page = client_of(world.supervisor).get("/board/").content.decode()
    assert 'hx-select-oob="#band"' in page
    assert page.count('id="band"') == 1


class TestThePlaceOfACall:
    def test_it_is_one_of_its_emergencys(self, world, client_of):
        here = world.declare(TAKAMATSU)
        world.declare(MARUGAME, name="前線による大雨")
        client = client_of(world.contractor)
        client.cookies["portal_language"] = "en"
        call = {"caller_name": "香川", "kind": "outage", "emergency": here.pk}
        page = client.post("/inquiries/new/", call | {"area": world.areas[MARUGAME].pk})
        assert page.context["form"].errors["area"] == ["The emergency “台風第14号” is not in this place."]
        assert not Inquiry.objects.exists()
        assert client.post("/inquiries/new/", call | {"area": world.areas[TAKAMATSU].pk}).status_code == 302

    def test_the_rule_asks_too(self, world):
        with pytest.raises(Unfit), as_person(world.contractor):
            call_of(world, world.declare(TAKAMATSU), area=world.areas[MARUGAME])


def test_no_two_things_of_a_page_have_one_id(world, client_of):
    for name in ("一つ目", "二つ目", "三つ目"):
        world.declare(name=name, contracts=())
    with as_person(world.operator):
        reading.look_up(world.operator, reading.Terms(phone="087-821-0001"))
    pages = [
        client_of(world.contractor).get("/"),
        client_of(world.auditor).post("/history/customer/", {"number": HANAKO}),
        client_of(world.supervisor).get(f"/emergencies/{Emergency.objects.first().pk}/"),
    ]
    for page in pages:
        ids = Counter(re.findall(r'\sid="([^"]+)"', page.content.decode()))
        assert [one for one, count in ids.items() if count > 1] == []
    assert len(re.findall(r'name="because"', pages[0].content.decode())) == 3
