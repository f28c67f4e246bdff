"""A result has an address that asks again, and words that are typed list nobody but one household."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.urls import reverse
from django.utils import timezone

from access import inquiries
from access.models import Inquiry, Person
from access.policy import lookups
from audit.models import LogEntry
from customers.models import Customer
from tests.world import HANAKO, JIRO, TAKAMATSU

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
WORDS = "かがわ 番町1丁目8-15"


@pytest.fixture
def desks(world, client_of):
    """Clients of an operator and of a contractor, each with the address of their lookup."""
    emergency = world.declare()
    inquiry = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="香川", kind="outage")
    )
    return {
        "operator": (client_of(world.operator), reverse("portal:lookup")),
        "contractor": (client_of(world.contractor), reverse("portal:inquiry", args=[inquiry.pk])),
    }


@pytest.fixture
def neighbours(world):
    """Nine households of the same surname and street as Hanako's."""
    hanako = world.customers[HANAKO]
    for number in range(1, 10):
        Customer.objects.create(
            **{
                field.attname: getattr(hanako, field.attname)
                for field in Customer._meta.concrete_fields
                if not field.primary_key
            }
            | {"supply_point_number": f"0807{number:018}", "town_key": f"番町|1-8-{number}-|", "phone_key": f"08782100{number}0"}
        )  # fmt: skip


def listed(response) -> list[str]:
    return [result["values"]["supply_point_number"] for result in response.context["results"]]


class TestTyping:
    @pytest.mark.parametrize("role", ["operator", "contractor"])
    def test_a_caller_who_is_typed_lists_no_stranger(self, desks, neighbours, role):
        client, path = desks[role]
        for end in range(1, len(WORDS) + 1):
            response = client.post(path, {"words": WORDS[:end]}, headers=HTMX)
            assert set(listed(response)) <= {HANAKO} or WORDS[:end].endswith("8-1"), (
                "that is a household, too"
            )
        assert listed(response) == [HANAKO]
        entries = LogEntry.objects.disclosures().values_list("supply_point_number", flat=True)
        assert list(entries).count(HANAKO) <= 2
        assert len(entries) <= 3

    def test_a_surname_lists_everybody_on_enter_and_nobody_before(self, desks, neighbours):
        client, path = desks["operator"]
        response = client.post(path, {"words": "かがわ"}, headers=HTMX)
        assert listed(response) == []
        assert not LogEntry.objects.filter(kind__in=["disclosure", "lookup"]).exists(), "nothing was asked"
        assert len(listed(client.post(path, {"words": "かがわ"}))) == 10
        assert LogEntry.objects.disclosures().count() == 10

    def test_nobody_and_several_answer_alike_to_who_types(self, desks, neighbours):
        """Else the first letters would say whether there is such a household."""
        client, path = desks["operator"]
        Customer.objects.filter(supply_point_number=JIRO).update(
            area=Customer.objects.get(supply_point_number=HANAKO).area
        )
        pages = {
            words: client.post(path, {"words": words}, headers=HTMX).content
            for words in ("か", "かがわ", "かがわ 番町1-8", "ほかの 番町1-8", "ほかの 番町9丁目9-99")
        }
        assert len(set(pages.values())) == 1
        events = LogEntry.objects.filter(kind="lookup").order_by("pk").values_list("event", flat=True)
        assert set(events) == {"lookup.too_many", "customer.nothing_found"}, (
            "a search that was made is written"
        )


class TestComingBack:
    @pytest.mark.parametrize("role", ["operator", "contractor"])
    def test_a_result_is_asked_again_by_its_address_and_written_again(self, desks, role):
        client, path = desks[role]
        sent = client.post(path, {"phone": "087-821-0001"})
        address = re.search(r'id="address" href="([^"]+)"', sent.content.decode())[1]
        typed = client.post(path, {"phone": "087-821-0001"}, headers=HTMX)
        customer = re.search(r'href="(/customers/[^"]+)"', typed.content.decode())[1]
        back = re.search(rf'href="({path}\?again=[^"]+)"', client.get(customer).content.decode())[1]
        before = LogEntry.objects.disclosures().count()
        for one in (address, typed["HX-Replace-Url"], back):
            assert "087" not in one
            assert listed(client.get(one)) == [HANAKO]
        assert LogEntry.objects.disclosures().count() == before + 3

    def test_typing_on_leaves_no_address_of_what_was_found_before(self, desks):
        client, path = desks["contractor"]
        assert client.post(path, {"words": "かがわ"}, headers=HTMX)["HX-Replace-Url"] == path

    def test_an_address_is_one_persons_one_calls_and_an_hours(self, world, desks, client_of):
        client, path = desks["contractor"]
        sealed = client.post(path, {"phone": "087-821-0001"}, headers=HTMX)["HX-Replace-Url"].split("?")[1]
        other = inquiries.take(
            world.contractor, Inquiry(emergency=world.declare(TAKAMATSU), caller_name="別", kind="outage")
        )
        elsewhere = reverse("portal:inquiry", args=[other.pk])
        for who, where in ((client, elsewhere), (desks["operator"][0], reverse("portal:lookup"))):
            response = who.get(f"{where}?{sealed}")
            assert response.context["found"] is None
            assert "087" not in re.sub(r'(<dl.*?</dl>|value="[^"]{50,}")', "", response.content.decode())
        with time_machine.travel(timezone.now() + timedelta(minutes=61)):
            response = client.get(f"{path}?{sealed}")
            assert response.status_code != 200 or response.context["found"] is None

    def test_an_operators_address_is_no_other_operators(self, world, desks, client_of):
        client, path = desks["operator"]
        address = client.post(path, {"phone": "087-821-0001"}, headers=HTMX)["HX-Replace-Url"]
        assert listed(client.get(address)) == [HANAKO]
        Person.objects.filter(username="operator-ehime").update(office=world.operator.office)
        response = client_of(world.people["operator-ehime"]).get(address)
        assert response.context["found"] is None
        assert 'value="087-821-0001"' not in response.content.decode()

    def test_the_next_piece_has_its_own_address(self, world, desks, neighbours, monkeypatch):
        monkeypatch.setattr(lookups, "PIECE", 4)
        client, path = desks["operator"]
        first = client.post(path, {"name": "カガワ"})
        second = client.post(path, {"name": "カガワ", "after": first.context["next"]})
        address = re.search(r'id="address" href="([^"]+)"', second.content.decode())[1]
        assert listed(client.get(address)) == listed(second)
        assert not set(listed(first)) & set(listed(second))


class TestWithoutJavaScript:
    def test_a_page_that_reads_itself_again_has_no_form_to_be_typed_into(self, desks):
        client, path = desks["contractor"]
        sent = client.post(path, {"words": "かがわ 0001", "plain": "1"})
        assert sent.status_code == 302
        assert "0001" not in sent["Location"]
        page = client.get(sent["Location"]).content.decode()
        assert HANAKO in page
        assert f'content="5;url={sent["Location"]}"' in page
        assert 'name="words"' not in page
        changed = client.get(sent["Location"].replace("again=", "words=")).content.decode()
        assert 'value="かがわ 0001"' in changed
        assert "http-equiv" not in changed, "nothing is shown, so nothing has to leave"
        assert HANAKO not in changed

    def test_what_shows_nobody_stays_to_be_typed_into(self, desks):
        client, path = desks["contractor"]
        for words in ("だれか 9999", "かがわ"):
            page = client.post(path, {"words": words, "plain": "1"}, follow=True).content.decode()
            assert f'value="{words}"' in page
            assert "http-equiv" not in page
