"""Names decide nothing, and no one person gives what people decide on another name."""

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from guardian.shortcuts import assign_perm

from access import answering
from access.errors import Denied
from access.models import DelegationContract, Office, Request
from customers.models import Organization, ServiceArea
from tests.world import MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db


def areas(world):
    return world.areas[TAKAMATSU], world.areas[MATSUYAMA]


def retailers(world):
    return world.organizations["affiliate"], world.organizations["other"]


def offices(world):
    return tuple(Office.objects.filter(name__in=["香川支社", "愛媛支社"]).order_by("pk"))


def contracts(world):
    other = DelegationContract.objects.create(
        title="別の契約", delegator=world.contract.delegator, delegate=world.contract.delegate,
        starts_at=world.contract.starts_at, ends_at=world.contract.ends_at, delegated_items=["name"],
    )  # fmt: skip
    for held in world.contract.contractgrouppermission_set.all():
        other.contractgrouppermission_set.create(group=held.group, permission=held.permission)
    return world.contract, other


NAMED = {
    "servicearea": (areas, "name", "administrator", "administrator02"),
    "organization": (retailers, "name", "administrator", "administrator02"),
    "office": (offices, "name", "administrator", "administrator02"),
    "delegationcontract": (contracts, "title", "supervisor", "supervisor02"),
}


def rename(client: Client, register: str, thing, **names):
    """Sends the page of the thing as it stands, with other names."""
    path = f"/registers/{register}/{thing.pk}/change/"
    form = client.get(path).context["adminform"].form
    sent = {}
    for name in form.fields:
        bound = form[name]
        value = bound.value()
        if name in ("starts_at", "ends_at"):
            sent |= {f"{name}_0": value.strftime("%Y-%m-%d"), f"{name}_1": value.strftime("%H:%M:%S")}
        elif value is not None and value is not False:
            sent[name] = value
    return client.post(path, sent | names)


@pytest.mark.parametrize("register", NAMED)
def test_one_person_swaps_no_two_names(world, client_of, register):
    things, field, who, _second = NAMED[register]
    one, other = things(world)
    before = [getattr(thing, field) for thing in (one, other)]
    client = client_of(world.people[who])
    for thing, name in ((one, "仮"), (other, before[0]), (one, before[1])):
        assert rename(client, register, thing, **{field: name}).status_code in (200, 302)
    model = type(one)
    assert [getattr(model.objects.get(pk=thing.pk), field) for thing in (one, other)] == before


@pytest.mark.parametrize("register", NAMED)
def test_a_name_is_given_when_a_second_person_agrees_who_reads_what_it_was(world, client_of, register):
    things, field, who, second = NAMED[register]
    one, _other = things(world)
    before = getattr(one, field)
    assert rename(client_of(world.people[who]), register, one, **{field: "新しい名"}).status_code == 302
    (asked,) = Request.objects.waiting()
    with pytest.raises(Denied, match="second_person"):
        answering.answer(world.people[who], asked.pk, agree=True)
    client = client_of(world.people[second])
    card = client.get("/requests/").content.decode()
    assert f"{before} → 新しい名" in card
    if register == "servicearea":
        assert f"{TAKAMATSU} {before}" in card
    client.post(f"/requests/{asked.pk}/answer/", {"answer": "agree"})
    assert getattr(type(one).objects.get(pk=one.pk), field) == "新しい名"


def test_a_second_supervisor_agrees_to_a_title_where_they_hold_the_contract(world, client_of):
    rename(client_of(world.supervisor), "delegationcontract", world.contract, title="新しい名")
    (asked,) = Request.objects.waiting()
    world.contract.contractgrouppermission_set.all().delete()
    assign_perm("access.grant_under_contract", world.supervisor, world.contract)
    with pytest.raises(Denied, match="contract_not_yours"):
        answering.answer(world.supervisor02, asked.pk, agree=True)


def test_a_title_waits_and_what_takes_away_beside_it_does_not(world, client_of):
    rename(
        client_of(world.supervisor), "delegationcontract", world.contract, title="新しい名", max_results="5"
    )
    stored = DelegationContract.objects.get(pk=world.contract.pk)
    assert (stored.title, stored.max_results) == (world.contract.title, 5)


def test_a_retailers_first_code_takes_two_and_then_stays(world, client_of):
    retailer = Organization.objects.create(name="新しい小売", kind="retailer")
    rename(client_of(world.administrator), "organization", retailer, code="Z9100")
    assert Organization.objects.get(pk=retailer.pk).code is None
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)
    assert Organization.objects.get(pk=retailer.pk).code == "Z9100"
    with pytest.raises(IntegrityError, match="a code stays"), transaction.atomic():
        Organization.objects.filter(pk=retailer.pk).update(code="Z9101")


def test_wherever_an_area_is_chosen_or_told_of_its_code_stands_with_its_name(world, client_of):
    emergency = world.declare(TAKAMATSU)
    supervisor, said = client_of(world.supervisor), f"{TAKAMATSU} 高松市"
    for page in (
        "/emergencies/declare/",
        f"/emergencies/{emergency.pk}/",
        f"/emergencies/{emergency.pk}/areas/",
    ):
        assert said in supervisor.get(page).content.decode(), page
    assert said in client_of(world.contractor).get("/inquiries/new/").content.decode()
    assert said in client_of(world.auditor).get("/history/?kind=decision").content.decode()
    right = client_of(world.administrator).get(f"/rights/area/{ServiceArea.objects.get(code=TAKAMATSU).pk}/")
    assert said in right.content.decode()
