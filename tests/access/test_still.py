"""An open page asks whether what it shows may still be shown: its own inquiry, its own customers."""

import re

import pytest
from django.urls import reverse

from access import inquiries, lifecycle, revoking
from access.models import DelegationContract, Inquiry
from audit.models import LogEntry
from tests.world import HANAKO, JIRO, MARUGAME, TAKAMATSU

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


def call(world, emergency) -> Inquiry:
    return inquiries.take(world.contractor, Inquiry(emergency=emergency, caller_name="香川", kind="outage"))


def what_it_shows(page: str) -> str:
    return re.search(r'name="shown" value="([^"]+)"', page)[1]


@pytest.fixture
def screens(world, client_of):
    """A contractor with two emergencies of their own, and what four open pages of the first would ask by."""
    mine = world.declare(TAKAMATSU, MARUGAME, name="台風第14号")
    world.declare(TAKAMATSU, name="前線による大雨")
    client = client_of(world.contractor)
    path = reverse("portal:inquiry", args=[call(world, mine).pk])
    empty = client.get(path).content.decode()
    results = client.post(path, {"phone": "0877-23-0003"}).content.decode()
    typed = client.post(path, {"phone": "0877-23-0003"}, headers=HTMX).content.decode()
    customer = client.get(re.search(r'href="(/customers/[^"]+)"', results)[1]).content.decode()
    assert JIRO in results
    assert JIRO in typed
    assert JIRO in customer
    shown = {"empty": empty, "results": results, "typed": typed, "customer": customer}
    return mine, client, {name: what_it_shows(page) for name, page in shown.items()}


def asks(client, shown: str):
    return client.get("/still/", {"shown": shown}, headers=HTMX)


def test_a_page_that_may_stay_is_given_the_band_anew(screens):
    _mine, client, shown = screens
    for key in shown.values():
        answer = asks(client, key)
        assert answer.status_code == 200
        assert "HX-Redirect" not in answer
        assert 'id="band" hx-swap-oob="true"' in answer.content.decode()
        assert "前線による大雨" in answer.content.decode()
        assert JIRO not in answer.content.decode()


def test_a_page_leaves_with_its_own_emergency_though_another_grant_is_live(world, screens):
    mine, client, shown = screens
    lifecycle.end(mine, world.supervisor)
    for name, key in shown.items():
        assert asks(client, key)["HX-Redirect"] == "/", name
        assert LogEntry.objects.denials().newest_first()[0].reason == "inquiry_over"


def test_a_page_leaves_when_its_customers_area_is_taken_away(world, screens):
    mine, client, shown = screens
    lifecycle.change_areas(world.supervisor, mine, [world.areas[TAKAMATSU]])
    for name, key in shown.items():
        assert ("HX-Redirect" in asks(client, key)) is (name != "empty"), name


def test_a_page_leaves_when_an_item_that_it_shows_is_delegated_no_more(screens):
    _mine, client, shown = screens
    items = ["supply_point_number", "name", "address"]
    DelegationContract.objects.update(delegated_items=items)
    for name, key in shown.items():
        assert ("HX-Redirect" in asks(client, key)) is (name == "customer"), name


def test_a_page_leaves_when_the_grant_is_revoked_or_the_inquiry_closed_or_the_session_over(world, screens):
    _mine, client, shown = screens
    inquiry = Inquiry.objects.get()
    inquiries.close(world.contractor, inquiry.pk, outcome="answered", found=True)
    for key in shown.values():
        assert asks(client, key)["HX-Redirect"] == "/"
    revoking.revoke_all_of(world.supervisor, world.contractor, "交代")
    assert asks(client, shown["customer"])["HX-Redirect"] == "/"
    client.logout()
    assert asks(client, shown["customer"])["HX-Redirect"] == "/login/"


def test_nobody_asks_by_anothers_word_or_by_none(world, screens, client_of):
    _mine, client, shown = screens
    other = client_of(world.people["contractor02"])
    for word in (shown["customer"], "", "x", shown["customer"][:-1]):
        assert asks(other, word)["HX-Redirect"] == "/"
    assert asks(client, "")["HX-Redirect"] == "/", "a page that cannot say what it shows shows nothing"
    assert HANAKO not in str(LogEntry.objects.denials().newest_first()[0].additional_data)
