"""No one administrator takes an auditor's eyes: it takes two, all auditors are told, and it can be read."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.urls import reverse
from guardian.shortcuts import assign_perm

from access import accounts, answering, clock, granting, lifecycle, policy
from access.errors import Denied
from access.models import Person, Request
from tests.access.test_identities import change
from tests.world import World

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


def the_last_auditor_is_gone(world):
    Person.objects.filter(role="auditor").update(is_active=False)


@pytest.mark.parametrize("gone", [World.nobody_reviews, the_last_auditor_is_gone])
def test_nothing_is_granted_under_a_contract_whose_use_nobody_reviews(world, client_of, gone):
    without, running = world.declare(contracts=()), world.declare(name="地震")
    gone(world)
    contract = world.contract
    for give in (
        lambda: world.declare(name="大雨"),
        lambda: granting.give(world.supervisor, without, contract),
        lambda: lifecycle.extend(
            world.supervisor, running, clock.database_now() + timedelta(hours=9), "続く"
        ),
        lambda: lifecycle.change_areas(world.supervisor, running, list(world.areas.values())[:3]),
    ):
        with pytest.raises(Denied, match="nobody_reviews"):
            give()
    client = client_of(world.supervisor)
    client.cookies["portal_language"] = "en"
    for page in (reverse("portal:grant", args=[without.pk]), reverse("portal:roster", args=[contract.pk])):
        assert "No active auditor reviews this contract" in client.get(page).content.decode(), page
    typed = {
        "contracts": contract.pk,
        "kind": "flood",
        "name": "覚えておく名",
        "areas": world.areas["37201"].pk,
    }
    for page in (reverse("portal:grant", args=[without.pk]), reverse("portal:declare_emergency")):
        answer = client.post(page, typed)
        assert answer.status_code == 200
        assert "contracts" in answer.context["form"].errors
    assert "覚えておく名" in answer.content.decode()
    assert not without.grants.exists()
    lifecycle.end(running, world.supervisor)  # what takes away needs no auditor


def test_an_auditor_by_a_right_of_their_own_is_one_who_reviews(world):
    world.nobody_reviews()
    assign_perm("access.review_contract", world.auditor, world.contract)
    assert world.declare().grants.exists()
