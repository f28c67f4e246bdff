"""What was typed when a session had ended comes back to who typed it, and to nobody else."""

import re
from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from access import drafts, lifecycle
from access.models import Emergency, Inquiry, Session
from config.site import portal
from tests.world import PASSWORD, TAKAMATSU

pytestmark = pytest.mark.django_db
TYPED = {
    "caller_name": "香川 花子の母",
    "caller_phone": "087-821-0001",
    "kind": "danger",
    "note": "電線が垂れている",
}


def written_by(page) -> str:
    return re.search(r'name="written_by" value="([^"]+)"', page.content.decode())[1]


def sign_in(client: Client, person, answer):
    assert answer.status_code == 302
    assert answer["Location"].startswith("/login/?next=")
    login = client.get(answer["Location"])
    assert "香川" not in login.content.decode(), "the page of whoever comes next says nothing"
    goes_to = re.search(r'name="next" value="([^"]*)"', login.content.decode())[1]
    form = {"username": person.username, "password": PASSWORD, "next": goes_to}
    return client.post("/login/", form, follow=True)


@pytest.fixture
def ended(world, client_of):
    """A browser whose contractor typed a call, and sent it when the session had ended; and its answer."""
    emergency = world.declare()
    client = client_of(world.contractor)
    mark = written_by(client.get("/inquiries/new/"))
    Session.objects.all().delete()
    typed = TYPED | {"emergency": emergency.pk, "written_by": mark}
    return client, client.post("/inquiries/new/", typed)


def test_a_call_that_was_typed_comes_back_and_is_not_sent(world, ended):
    client, answer = ended
    page = sign_in(client, world.contractor, answer)
    assert page.request["PATH_INFO"] == "/inquiries/new/"
    for text in TYPED.values():
        assert text in page.content.decode()
    assert not Inquiry.objects.exists()
    assert "香川" not in client.get("/inquiries/new/").content.decode(), "once: the next call is another's"


def test_whoever_else_signs_in_at_that_browser_sees_nothing(world, ended):
    client, answer = ended
    page = sign_in(client, world.people["contractor02"], answer)
    assert page.request["PATH_INFO"] == "/inquiries/new/"
    assert "香川" not in page.content.decode()
    client.post("/logout/")
    client.login(username="contractor", password=PASSWORD)
    assert "香川" not in client.get("/inquiries/new/").content.decode(), "and it waits no longer"


def test_what_waits_in_the_database_is_readable_to_nobody(ended):
    (session,) = Session.objects.all()
    kept = str(session.get_decoded())
    assert "inquiries/new" in kept
    assert not any(text in kept for text in TYPED.values())


def test_it_waits_an_hour(world, ended):
    client, answer = ended
    with time_machine.travel(timezone.now() + timedelta(minutes=61)):
        page = sign_in(client, world.contractor, answer)
    assert "香川" not in page.content.decode()


def test_after_the_emergency_nothing_is_kept_and_the_way_leads_home(world, client_of):
    emergency = world.declare()
    client = client_of(world.contractor)
    mark = written_by(client.get("/inquiries/new/"))
    lifecycle.end(emergency, world.supervisor)
    Session.objects.all().delete()
    answer = client.post("/inquiries/new/", TYPED | {"written_by": mark})
    assert answer["Location"] == "/login/?next=/"
    assert drafts.DRAFT not in client.session


@pytest.mark.parametrize("mark", ["", "1", "1:x:y", None])
def test_nothing_is_kept_for_whom_no_form_was_made(world, client_of, mark):
    world.declare()
    client = Client()
    typed = TYPED | ({} if mark is None else {"written_by": mark})
    assert client.post("/inquiries/new/", typed)["Location"] == "/login/?next=/"
    assert not Session.objects.exists()


def test_what_is_no_forms_size_is_not_kept(world, client_of):
    world.declare()
    client = client_of(world.contractor)
    mark = written_by(client.get("/inquiries/new/"))
    Session.objects.all().delete()
    client.post("/inquiries/new/", TYPED | {"note": "長" * drafts.MOST, "written_by": mark})
    assert not Session.objects.exists()


@pytest.mark.parametrize("headers", [{}, {"HX-Request": "true"}])
def test_words_of_a_lookup_come_back_and_are_not_looked_up(world, client_of, headers):
    emergency = world.declare()
    inquiry = Inquiry.objects.create(
        emergency=emergency, taken_by=world.contractor, caller_name="母", kind="outage"
    )
    path = reverse("portal:inquiry", args=[inquiry.pk])
    client = client_of(world.contractor)
    mark = written_by(client.get(path))
    Session.objects.all().delete()
    answer = client.post(path, {"words": "かがわ 0001", "written_by": mark}, headers=headers)
    goes_to = answer["HX-Redirect"] if headers else answer["Location"]
    assert goes_to == f"/login/?next={path}"
    page = client.post("/login/", {"username": "contractor", "password": PASSWORD, "next": path}, follow=True)
    assert 'value="かがわ 0001"' in page.content.decode()
    assert page.context["found"] is None


def test_a_declaration_comes_back_with_its_marks(world, client_of):
    client = client_of(world.supervisor)
    mark = written_by(client.get("/emergencies/declare/"))
    Session.objects.all().delete()
    area, contract = world.areas[TAKAMATSU].pk, world.contract.pk
    typed = {
        "name": "台風第15号",
        "kind": "flood",
        "areas": [area],
        "contracts": [contract],
        "written_by": mark,
    }
    page = sign_in(client, world.supervisor, client.post("/emergencies/declare/", typed)).content.decode()
    assert 'value="台風第15号"' in page
    assert re.search(rf'name="areas" value="{area}" checked', page)
    assert not Emergency.objects.exists()


def test_every_page_whose_form_comes_back_is_a_page():
    names = {f"portal:{getattr(pattern, 'name', '')}" for pattern in portal.get_urls()}
    assert not drafts.COME_BACK - names
