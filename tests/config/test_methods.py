"""What a page answers to a method that its line in the table does not name: nothing, and the way on."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from access.nearest import page_near
from access.pages import ASKED, PAGES, SHOWN
from access.people import Role
from audit.models import LogEntry
from config.checks import url_names
from customers import keys
from tests.config.test_pages import address
from tests.world import HANAKO, HANAKO_VALUES

pytestmark = pytest.mark.django_db


@pytest.fixture
def customers_page(world) -> str:
    """The address of a customer whom the operator may open."""
    return reverse("portal:customer", args=[keys.make(world.operator, world.customers[HANAKO].pk, None)])


def holds_the_customer(response) -> bool:
    return any(HANAKO_VALUES[item] in response.content.decode() for item in ("name", "address", "phone"))


@pytest.mark.parametrize("method", ["head", "options", "delete", "put", "patch", "post"])
def test_a_customer_is_shown_to_get_alone(world, client_of, customers_page, method):
    client = client_of(world.operator)
    before = LogEntry.objects.count()
    with CaptureQueriesContext(connection) as asked:
        response = getattr(client, method)(customers_page)
    assert response.status_code == (204 if method == "options" else 405)
    assert response["Allow"] == "GET, OPTIONS"
    assert not holds_the_customer(response)
    assert (method in ("options", "head")) == (response.content == b"")
    assert not [query for query in asked if "customers_customer" in query["sql"]]
    assert LogEntry.objects.count() == before
    assert holds_the_customer(client.get(customers_page))
    assert LogEntry.objects.count() == before + 1


@pytest.mark.parametrize(
    "header", [{"Sec-Purpose": "prefetch;prerender"}, {"Purpose": "prefetch"}, {"X-Moz": "prefetch"}]
)
def test_what_a_browser_fetches_in_advance_is_no_disclosure(world, client_of, customers_page, header):
    client = client_of(world.operator)
    before = LogEntry.objects.count()
    response = client.get(customers_page, headers=header)
    assert (response.status_code, response.content) == (503, b"")
    assert response["Cache-Control"] == "no-store, private"
    assert LogEntry.objects.count() == before


@pytest.mark.parametrize("role", set(Role) - {Role.SYSTEM})
def test_every_page_that_cannot_be_looked_at_says_so_and_leads_to_one_that_can(world, client_of, role):
    client = client_of(world.people[role])
    world.declare()
    for name in url_names():
        where = address(name, world)
        response = client.get(where)
        if "GET" in PAGES[name].methods or response.status_code == 403:
            continue
        assert response.status_code == 405, name
        near = response.context["near"]
        assert near != where
        assert f'href="{near}"' in response.content.decode()
        assert page_near(world.people[role], near) == near
        assert client.options(where)["Allow"] == ", ".join((*PAGES[name].methods, "OPTIONS"))


def test_a_page_of_a_form_is_near_what_the_form_sends(world):
    roster = reverse("portal:roster", args=[world.contract.pk])
    assert page_near(world.supervisor, reverse("portal:add_to_roster", args=[world.contract.pk])) == roster
    assert page_near(world.contractor, reverse("portal:ask_for_help", args=[1])) == "/"
    assert page_near(world.auditor, reverse("portal:history_customer_file")) == "/history/customer/"


def test_head_is_answered_where_monitors_ask_and_nowhere_else(world, client_of):
    assert {name for name, page in PAGES.items() if "HEAD" in page.methods} == {"healthz", "readyz"}
    client = client_of(world.auditor)
    for name in url_names():
        if PAGES[name].methods in (SHOWN, ASKED):
            head = client.head(address(name, world))
            assert head.status_code in ((200, 503) if PAGES[name].methods is ASKED else (405, 403)), name
