"""The table of acts against the rights that they take: each act is tried with and without each right."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse
from django.utils import timezone
from guardian.shortcuts import assign_perm, remove_perm

from access import (
    answering,
    clock,
    granting,
    lifecycle,
    policy,
    revoking,
    roster_file,
    rosters,
    suspension,
    terms,
)
from access.errors import AlreadyDone, Denied
from access.models import DelegationContract, Emergency, Grant, Person, Request
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db

GRANT_UNDER, DECLARE_IN = "access.grant_under_contract", "customers.declare_in_servicearea"


def hence(hours: float):
    return clock.database_now() + timedelta(hours=hours)


class Scene:
    """A supervisor of another office, who has the rights that a test gives, and headquarters, which has all."""

    def __init__(self, world):
        self.world, self.who = world, world.people["supervisor-ehime"]
        remove_perm(GRANT_UNDER, Group.objects.get(name="supervisor"), world.contract)
        for one in (world.supervisor, world.supervisor02):
            assign_perm(GRANT_UNDER, one, world.contract)

    def give(self, *, area: bool, contract: bool) -> None:
        areas = [self.world.areas[code] for code in (TAKAMATSU, MARUGAME)]
        if area:
            assign_perm(DECLARE_IN, self.who.office.group, areas)
        if contract:
            assign_perm(GRANT_UNDER, self.who, self.world.contract)

    def take_all(self) -> None:
        self.who.office.group.areagrouppermission_set.filter(
            permission__codename="declare_in_servicearea"
        ).delete()
        self.who.contractuserpermission_set.all().delete()

    def terms(self, **changed) -> DelegationContract:
        contract = DelegationContract.objects.get(pk=self.world.contract.pk)
        for name, value in changed.items():
            setattr(contract, name, value)
        return contract

    def waiting(self) -> Request:
        return Request.objects.waiting().get()

    def help(self) -> Request:
        return granting.ask_for_help(self.world.contractor, self.world.declare(contracts=()), "応援")

    def dual(self) -> None:
        DelegationContract.objects.update(dual_control=True)


def declare(s):
    return lambda by: lifecycle.declare(
        by, kind="flood", name="大雨", areas=[s.world.areas[TAKAMATSU]], expires_at=hence(1),
        contracts=[s.world.contract],
    )  # fmt: skip


def declare_alone(s):
    return lambda by: lifecycle.declare(
        by, kind="flood", name="大雨", areas=[s.world.areas[TAKAMATSU]], expires_at=hence(1)
    )  # fmt: skip


def grant(s):
    emergency = s.world.declare(contracts=())
    return lambda by: granting.give(by, emergency, s.world.contract)


def extend(s):
    emergency = s.world.declare()
    return lambda by: lifecycle.extend(by, emergency, hence(10), "続いている")


def add_areas(s):
    emergency = s.world.declare(TAKAMATSU)
    both = [s.world.areas[code] for code in (TAKAMATSU, MARUGAME)]
    return lambda by: lifecycle.change_areas(by, emergency, both)


def take_areas_away(s):
    emergency = s.world.declare()
    return lambda by: lifecycle.change_areas(by, emergency, [s.world.areas[TAKAMATSU]])


def revoke(s):
    emergency = s.world.declare()
    return lambda by: revoking.revoke(by, emergency.grants.all(), "交代")


def revoke_a_person(s):
    s.world.declare()
    return lambda by: revoking.revoke_all_of(by, s.world.contractor, "交代")


def end(s):
    emergency = s.world.declare()
    return lambda by: lifecycle.end(emergency, by)


def agree_to_a_grant(s):
    s.world.ask_under_dual_control()
    return lambda by: answering.answer(by, s.waiting().pk, agree=True)


def refuse_a_grant(s):
    s.world.ask_under_dual_control()
    return lambda by: answering.answer(by, s.waiting().pk, agree=False)


def agree_to_an_extension(s):
    extending = extend(s)
    s.dual()
    extending(s.world.supervisor)
    return lambda by: answering.answer(by, s.waiting().pk, agree=True)


def refuse_an_extension(s):
    extending = extend(s)
    s.dual()
    extending(s.world.supervisor)
    return lambda by: answering.answer(by, s.waiting().pk, agree=False)


def answer_a_call_for_help(s):
    asked = s.help()
    return lambda by: answering.answer(by, asked.pk, agree=True)


def refuse_a_call_for_help(s):
    asked = s.help()
    return lambda by: answering.answer(by, asked.pk, agree=False)


def agree_to_terms(s):
    terms.change(s.world.supervisor, s.terms(max_grant_hours=48))
    return lambda by: answering.answer(by, s.waiting().pk, agree=True)


def change_terms(s):
    return lambda by: terms.change(by, s.terms(max_grant_hours=12))


def suspend(s):
    return lambda by: suspension.suspend(by, s.world.contract, "点検")


def lift(s):
    suspension.suspend(s.world.supervisor, s.world.contract, "点検")
    return lambda by: suspension.lift(by, s.world.contract)


def add_to_a_roster(s):
    entry = s.world.entry("contractor02")
    rosters.remove(s.world.supervisor, entry)
    return lambda by: rosters.add(by, s.world.contract, entry.person, None)


def take_off_a_roster(s):
    s.world.declare()
    return lambda by: rosters.remove(by, s.world.entry())


def note_a_training(s):
    return lambda by: rosters.train(by, s.world.entry(), timezone.localdate())


def import_a_roster(s):
    file = f"username,trained_on\ncontractor,{timezone.localdate()}\n".encode()
    return lambda by: roster_file.load(by, s.world.contract, file)


def asked_by(prepare):
    """Somebody with every right asks; what they have left then says whether a second supervisor's word counts."""

    def prepared(s):
        act = prepare(s)
        s.dual()
        s.give(area=True, contract=True)
        act(s.who)
        s.take_all()
        return lambda by: answering.answer(s.world.supervisor, s.waiting().pk, agree=True)

    return prepared


def ask_for_terms(s):
    return lambda by: terms.change(by, s.terms(max_grant_hours=48))


# fmt: off
#: What is done, the act of the policy's table that it is, and whether it takes the right on the areas, on the contract.
ACTS = {
    "declare":                   (declare,                 "declare",         True,  True),
    "declare and grant nothing": (declare_alone,           "declare",         True,  False),
    "grant":                     (grant,                   "grant",           True,  True),
    "extend":                    (extend,                  "extend",          True,  True),
    "add areas":                 (add_areas,               "add areas",       True,  True),
    "take areas away":           (take_areas_away,         "take areas away", True,  False),
    "revoke":                    (revoke,                  "revoke",          True,  False),
    "revoke a person":           (revoke_a_person,         "revoke",          True,  False),
    "end":                       (end,                     "end",             True,  False),
    "agree to a grant":          (agree_to_a_grant,        "answer",          True,  True),
    "refuse a grant":            (refuse_a_grant,          "answer",          True,  True),
    "agree to an extension":     (agree_to_an_extension,   "answer",          True,  True),
    "refuse an extension":       (refuse_an_extension,     "answer",          True,  True),
    "agree to a call for help":  (answer_a_call_for_help,  "answer",          True,  True),
    "refuse a call for help":    (refuse_a_call_for_help,  "answer",          True,  True),
    "agree to wider terms":      (agree_to_terms,          "answer",          False, True),
    "change terms":              (change_terms,            "change terms",    False, True),
    "suspend":                   (suspend,                 "suspend",         False, False),
    "lift":                      (lift,                    "lift",            False, True),
    "add to a roster":           (add_to_a_roster,         "keep a roster",   False, True),
    "take off a roster":         (take_off_a_roster,       "keep a roster",   False, True),
    "note a training":           (note_a_training,         "keep a roster",   False, True),
    "import a roster":           (import_a_roster,         "keep a roster",   False, True),
    "have asked for a grant":    (asked_by(grant),         "grant",           True,  True),
    "have asked for an extension": (asked_by(extend),      "extend",          True,  True),
    "have asked for wider terms": (asked_by(ask_for_terms), "change terms",   False, True),
}
# fmt: on


@pytest.mark.parametrize("name", ACTS)
def test_an_act_takes_these_rights_and_no_other(world, name):
    prepare, _act, takes_area, takes_contract = ACTS[name]
    scene = Scene(world)
    for area in (True, False):
        for contract in (True, False):
            with transaction.atomic():
                act = prepare(scene)
                scene.give(area=area, contract=contract)
                try:
                    act(scene.who)
                    done = True
                except (Denied, AlreadyDone):
                    done = False
                transaction.set_rollback(True)
            world.contract.refresh_from_db()
            assert done == ((area or not takes_area) and (contract or not takes_contract)), (area, contract)


@pytest.mark.parametrize("act", policy.ACTS)
def test_the_policy_itself_asks_for_the_rights_of_an_act(world, act):
    """Also where a second rule stands behind it: whoever declares with a contract grants under it too."""
    takes = [one for one in ACTS.values() if one[1] == act]
    takes_area, takes_contract = (any(one[right] for one in takes) for right in (2, 3))
    scene = Scene(world)
    about = {"areas": [world.areas[TAKAMATSU]], "contracts": [world.contract]}
    for area in (True, False):
        for contract in (True, False):
            scene.take_all()
            scene.give(area=area, contract=contract)
            may = policy.may_act(Person.objects.get(pk=scene.who.pk), act, **about)
            assert may == ((area or not takes_area) and (contract or not takes_contract)), (area, contract)


def test_every_act_of_the_policy_is_tried_and_none_is_anothers_work():
    assert {act for _prepare, act, *_takes in ACTS.values()} == set(policy.ACTS)


@pytest.mark.parametrize("role", ["operator", "contractor", "auditor", "retailer", "administrator"])
def test_no_act_is_another_roles_work(world, role):
    for act in policy.ACTS:
        assert not policy.may_act(world.people[role], act), act


def test_who_may_not_decide_in_an_area_decides_nothing_there_through_any_page(world, client_of):
    """The supervisor of another office, who may grant under the contract."""
    emergency, grant = world.declare(), world.grant()
    asked = granting.ask_for_help(world.contractor, world.declare(name="地震", contracts=()), "応援")
    client = client_of(world.people["supervisor-ehime"])
    before = list(Emergency.objects.order_by("pk").values()), list(Grant.objects.order_by("pk").values())
    for page, typed in (
        ("grant", {"contracts": world.contract.pk}),
        ("extend_emergency", {"until": "2030-01-01T00:00", "because": "x"}),
        ("change_areas", {"areas": world.areas[MATSUYAMA].pk}),
        ("end_emergency", {"sent": "1"}),
    ):
        path = reverse(f"portal:{page}", args=[emergency.pk])
        assert client.get(path).status_code == client.post(path, typed).status_code == 403, page
    for path, typed in (
        (reverse("portal:revoke", args=[emergency.pk]), {"grants": grant.pk, "because": "x"}),
        (reverse("portal:revoke_person", args=[world.contractor.pk]), {"because": "x"}),
        (reverse("portal:answer", args=[asked.pk]), {"answer": "agree"}),
        (reverse("portal:answer", args=[asked.pk]), {"answer": "refuse"}),
    ):
        assert client.post(path, typed).status_code == 403, path
    after = list(Emergency.objects.order_by("pk").values()), list(Grant.objects.order_by("pk").values())
    assert before == after
    assert Request.objects.waiting().get() == asked
    page = client.get(reverse("portal:emergency", args=[emergency.pk])).content.decode()
    assert reverse("portal:end_emergency", args=[emergency.pk]) not in page.split("</h1>")[1]
    assert 'name="grants"' not in page


def test_a_person_is_revoked_where_one_decides_and_is_told_what_stays(world, client_of):
    ours = world.declare(MATSUYAMA)
    theirs = world.declare(TAKAMATSU, name="地震")
    client = client_of(world.people["supervisor-ehime"])
    client.cookies["portal_language"] = "en"
    path = reverse("portal:revoke_person", args=[world.contractor.pk])
    assert (
        "1 grant in an emergency on which your office does not decide stays."
        in client.get(path).content.decode()
    )
    said = client.post(path, {"because": "交代"}, follow=True).content.decode()
    assert "1 grant is revoked. 1 grant in an emergency on which your office does not decide stays." in said
    live = Grant.objects.live().filter(roster_entry__person=world.contractor)
    assert [grant.emergency for grant in live] == [theirs]
    assert ours.grants.filter(revoked_at__isnull=False).count() == 1
