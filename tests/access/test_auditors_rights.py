"""No one administrator takes an auditor's eyes: it takes two, all auditors are told, and it can be read."""

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse

from access import accounts, answering, policy
from access.models import Person, Request
from tests.access.test_identities import change

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor02(world):
    """An auditor beside `auditor`, whom none of this is about."""
    return Person.objects.create(
        username="auditor02", name="監査 二郎", role="auditor", organization=world.auditor.organization,
        password=world.auditor.password, email="auditor02@example.jp",
    )  # fmt: skip


def take_the_right(world, client):
    group = Group.objects.get(name="auditor")
    words = {"right": "review", "group": group.pk, "give": "0"}
    client.post(reverse("portal:rights", args=["contract", world.contract.pk]), words)


def close_the_account(world, client):
    change(client, world.auditor, is_active=None)


def move_the_account(world, client):
    change(client, world.auditor, office=world.operator.office_id)


def rename_the_account(world, client):
    change(client, world.auditor, name="別の人", email="administrator@example.jp")


def send_a_code(world, client):
    client.post(reverse("portal:access_person_password", args=[world.auditor.pk]))


ACTS = [take_the_right, close_the_account, move_the_account, rename_the_account, send_a_code]


@pytest.mark.parametrize("act", ACTS)
def test_it_takes_two_and_all_auditors_are_told_before_and_after(world, client_of, auditor02, act):
    act(world, client_of(world.administrator))
    stored = Person.objects.get(pk=world.auditor.pk)
    assert (stored.is_active, stored.office, stored.name) == (True, None, world.auditor.name)
    assert policy.contracts_to_review(stored).exists()
    for auditor in (world.auditor, auditor02):
        assert auditor.notices.filter(kind="auditors_asked").exists()
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)
    for auditor in (world.auditor, auditor02):
        assert auditor.notices.filter(kind="auditors_done").exists()


def test_an_auditor_who_lost_the_right_reads_that_they_did_and_by_whom(world, client_of):
    auditor = client_of(world.auditor)
    take_the_right(world, client_of(world.administrator))
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)
    assert not policy.contracts_to_review(world.auditor).exists()
    entries = {line.entry.event: line.entry for line in auditor.get("/history/").context["lines"]}
    assert entries["right.taken"].actor == world.administrator02
    assert entries["request.made"].actor == world.administrator
    page = auditor.get("/notices/").content.decode()
    assert str(world.administrator) in page
    assert world.contract.title in page


def test_closing_an_auditor_is_done_once_two_agree_and_others_are_closed_at_once(world, client_of):
    client = client_of(world.administrator)
    close_the_account(world, client)
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)
    assert not Person.objects.get(pk=world.auditor.pk).is_active
    change(client, world.contractor, is_active=None)
    assert not Person.objects.get(pk=world.contractor.pk).is_active


def test_what_is_no_auditors_right_is_taken_at_once(world, client_of):
    group = Group.objects.get(name="supervisor")
    accounts.change_right(world.administrator, "grant", world.contract.pk, group, give=False)
    assert not policy.contracts_to_grant_under(world.supervisor).exists()
