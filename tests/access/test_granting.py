"""Who is granted and who is passed over: of this contract, in this emergency, and how many of each it says."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import answering, granting, lifecycle, policy, revoking, rosters, suspension
from access.errors import AlreadyDone
from access.granting import Given
from access.models import (
    AreaUserPermission,
    DelegationContract,
    Grant,
    Request,
    RosterEntry,
    Unreconciled,
)
from access.reconcile import Reconciled, reconcile
from tests.access.test_policy import denied, refusal
from tests.audit.past import second_contract
from tests.world import MATSUYAMA

pytestmark = pytest.mark.django_db


@pytest.fixture
def both(world) -> list[DelegationContract]:
    """Two contracts in force with the same delegate: contractor02 stands on the roster of the second as well."""
    other = second_contract(world, reviewed=True)
    rosters.remove(world.supervisor, other.roster.get())
    trained_on = world.entry("contractor02").trained_on
    rosters.add(world.supervisor, other, world.contractor02, trained_on)
    return [world.contract, other]


def untrain(world, username: str) -> None:
    RosterEntry.objects.filter(person__username=username).update(trained_on=None)


def granted_in(emergency) -> list[tuple[str, str]]:
    """Usernames, and the titles of the contracts under which they are granted."""
    grants = Grant.objects.live().filter(emergency=emergency).order_by("roster_entry__person__username", "pk")
    return list(grants.values_list("roster_entry__person__username", "roster_entry__contract__title"))


def test_a_contracts_own_roster_is_granted(world, both):
    emergency = world.declare(contracts=())
    assert granting.give(world.supervisor, emergency, both[1]) == Given(1)
    assert granted_in(emergency) == [("contractor02", "別の契約")]


def test_two_contracts_are_granted_in_one_declaration(world, both):
    emergency = world.declare(contracts=both[::-1])
    assert set(granted_in(emergency)) == {
        ("contractor", world.contract.title),
        ("contractor02", world.contract.title),
        ("contractor02", "別の契約"),
    }


def test_it_says_how_many_were_passed_over_and_why(world):
    emergency = world.declare()
    untrain(world, "contractor02")
    revoking.revoke(world.supervisor, emergency.grants.all(), "交代")
    assert granting.give(world.supervisor, emergency, world.contract) == Given(0, not_ready=1, left_out=1)
    given = granting.give(world.supervisor, emergency, world.contract, also_revoked=True)
    assert given == Given(1, not_ready=1)
    assert granted_in(emergency) == [("contractor", world.contract.title)]


def test_so_does_a_request_that_waits_for_a_second_supervisor(world):
    emergency = world.declare()
    untrain(world, "contractor02")
    revoking.revoke(world.supervisor, emergency.grants.all(), "交代")
    DelegationContract.objects.update(dual_control=True)
    given = granting.give(world.supervisor, emergency, world.contract)
    assert given == Given(waiting=0, not_ready=1, left_out=1)
    given = granting.give(world.supervisor, emergency, world.contract, also_revoked=True)
    assert given == Given(waiting=1, not_ready=1)


def test_who_was_revoked_lately_is_shown_for_their_own_rosters(world, both):
    emergency = world.declare()
    only = Grant.objects.filter(roster_entry=world.entry())
    revoking.revoke(world.supervisor, only, "交代")
    assert [one.emergency for one in granting.revoked_lately_of(both[:1])] == [emergency]
    assert granting.revoked_lately_of(both[1:]) == []


def test_an_emergency_that_is_over_gives_nothing_though_another_is_open(world):
    over = world.ask_under_dual_control()
    (asked,) = Request.objects.waiting()
    world.declare(MATSUYAMA, contracts=(), name="地震")
    lifecycle.end(over, world.supervisor)
    with pytest.raises(AlreadyDone):
        granting.give(world.supervisor, over, world.contract)
    with pytest.raises(AlreadyDone):
        granting.agreed(asked, world.supervisor02)
    assert not Grant.objects.exists()


@pytest.mark.parametrize("dual", [True, False])
def test_who_is_agreed_to_may_look_up_at_once(world, dual):
    emergency = world.declare(contracts=())
    granting.ask_for_help(world.contractor, emergency, "応援")
    DelegationContract.objects.update(dual_control=dual)
    for who in (world.supervisor, world.supervisor02)[: 1 + dual]:
        answering.answer(who, Request.objects.waiting().get().pk, agree=True)
    policy.check_called_for(world.contractor)


def test_the_rule_that_carries_a_request_out_asks_for_the_rights_once_more(world):
    world.ask_under_dual_control()
    (asked,) = Request.objects.waiting()
    assert refusal(granting.agreed, asked, world.people["supervisor-ehime"]) == "area_not_yours"
    world.nobody_reviews()
    assert refusal(granting.agreed, asked, world.supervisor02) == "nobody_reviews"


def test_a_contractor_alone_asks_for_help(world):
    emergency = world.declare(contracts=())
    for person in (world.operator, world.supervisor, world.auditor):
        assert refusal(granting.ask_for_help, person, emergency, "応援") == "role"


def test_what_a_call_for_help_is_refused_for(world):
    emergency = world.declare()
    for trained_on in (world.entry().trained_on, None):  # one holds a grant, the other is not ready
        RosterEntry.objects.filter(pk=world.entry().pk).update(trained_on=trained_on)
        refused = denied(granting.ask_for_help, world.contractor, emergency, "応援")
        assert (refused.reason, refused.facts) == ("no_grant", {"emergency_id": emergency.pk})
        assert not granting.emergencies_to_ask_for(world.contractor).exists()


def test_a_contractor_asks_for_help_under_a_contract_in_force(world, both):
    world.declare(MATSUYAMA, contracts=(), name="地震")
    emergency = world.declare(contracts=())
    suspension.suspend(world.supervisor, world.contract, "点検")
    asked = granting.ask_for_help(world.contractor02, emergency, "応援")
    assert (asked.contract, asked.emergency) == (both[1], emergency)
    assert refusal(granting.ask_for_help, world.contractor, emergency, "応援") == "no_grant"
    assert not granting.emergencies_to_ask_for(world.contractor).exists()


def test_a_request_gives_nothing_to_a_roster_of_another_contract(world, both):
    world.ask_under_dual_control()
    (asked,) = Request.objects.waiting()
    other = both[1].roster.get(removed_at=None)
    asked.detail["entries"].append(other.pk)
    assert granting.agreed(asked, world.supervisor02) == {"granted": 2, "not_granted": 1}
    assert not other.grants.exists()


def test_an_extension_shortens_no_grant(world):
    emergency = world.declare(hours=9)
    short, long = (world.grant(username) for username in ("contractor", "contractor02"))
    until = emergency.expires_at - timedelta(hours=1)
    Grant.objects.filter(pk=short.pk).update(ends_at=until - timedelta(hours=1))
    assert granting.extend(world.supervisor, emergency.grants.all(), until) == 1
    assert world.grant("contractor").ends_at == until
    assert world.grant("contractor02").ends_at == long.ends_at


def test_what_was_given_under_several_contracts_adds_up():
    one, other = Given(1, 2, 3, 4, ("a",)), Given(10, 20, 30, 40, ("b",))
    assert one + other == Given(11, 22, 33, 44, ("a", "b"))


def test_who_was_revoked_lately_is_left_out_unless_it_is_said(world):
    emergency = world.declare()
    revoking.revoke(world.supervisor, emergency.grants.all(), "交代")
    assert not AreaUserPermission.objects.exists(), "revoked at once"
    given = granting.give_to_rosters(world.supervisor, emergency, [world.contract])
    assert given == Given(left_out=2)


def test_where_nothing_changed_nothing_is_reconciled(world):
    world.declare()
    reconcile()
    with CaptureQueriesContext(connection) as asked:
        assert reconcile() == Reconciled(0, 0)
    assert not [query for query in asked if "access_areauserpermission" in query["sql"]]


def test_what_is_marked_while_it_is_reconciled_stays_marked(world):
    def mark_meanwhile(execute, sql, params, many, context):
        if sql.startswith("DELETE FROM access_areauserpermission"):
            Unreconciled.objects.create()
        return execute(sql, params, many, context)

    world.declare()
    Unreconciled.objects.create()
    with connection.execute_wrapper(mark_meanwhile):
        reconcile()
    assert Unreconciled.objects.count() == 1


def test_an_emergency_without_an_area_gives_no_permission(world):
    emergency = world.declare()
    emergency.areas.clear()
    reconcile()
    assert not AreaUserPermission.objects.exists()
