"""Switching the language leads to a page that can be looked at, from wherever it is done."""

import pytest
from django.urls import reverse

from tests.config.test_methods import PAGES, address, url_names

pytestmark = pytest.mark.django_db


def switched(client, came_from: str):
    return client.post(
        "/language/", {"language": "en"}, headers={"Referer": f"http://testserver{came_from}"}, follow=True
    )


@pytest.mark.parametrize("role", ["supervisor", "auditor", "contractor", "administrator"])
def test_from_every_page_that_answers_a_form(world, client_of, role):
    client = client_of(world.people[role])
    world.declare()
    for name in url_names():
        if "GET" not in PAGES[name].methods:
            where = address(name, world)
            if client.get(where).status_code != 403:
                response = switched(client, where)
                assert response.status_code in (200, 404), name  # 404: some things are not in the world
                assert 'lang="en"' in response.content.decode(), name


def test_to_the_same_page_with_what_it_was_asked_by(world, client_of):
    response = switched(client_of(world.auditor), "/history/?person=operator")
    assert response.request["PATH_INFO"] == "/history/"
    assert response.request["QUERY_STRING"] == "person=operator"


def test_to_the_roster_after_an_error_in_its_form(world, client_of):
    roster = reverse("portal:roster", args=[world.contract.pk])
    assert switched(client_of(world.supervisor), f"{roster}add/").request["PATH_INFO"] == roster


@pytest.mark.parametrize(
    "came_from", ["http://elsewhere.example/", "//elsewhere.example/", "javascript:x", ""]
)
def test_never_to_another_site(client, came_from):
    response = client.post("/language/", {"language": "en"}, headers={"Referer": came_from})
    assert response["Location"] == "/login/"
    response = client.post(
        "/language/", {"language": "en", "next": came_from}, headers={"Referer": came_from}
    )
    assert response["Location"] == "/login/"
