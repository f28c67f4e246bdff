"""Who may look up, and why not: each reason of a refusal, by the facts that cause it."""

from datetime import timedelta

import pytest

from access import clock, lifecycle, policy, rosters
from access.errors import REASONS, Denied
from access.models import AreaUserPermission, Grant, Inquiry
from customers.disclosure import Audience, fields_for
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db


def denied(call, *args) -> Denied:
    with pytest.raises(Denied) as raised:
        call(*args)
    assert raised.value.reason in REASONS
    return raised.value


def refusal(call, *args) -> str:
    return denied(call, *args).reason


def inquiry_of(world, person, emergency=None) -> Inquiry:
    return Inquiry.objects.create(taken_by=person, emergency=emergency, caller_name="通報者", kind="outage")


def test_in_peacetime_a_contractor_is_refused(world):
    assert refusal(policy.basis_for_lookup, world.contractor) == "no_emergency"


def test_an_emergency_alone_gives_nothing(world):
    world.declare(contracts=())
    assert refusal(policy.basis_for_lookup, world.contractor) == "no_grant"


def test_a_live_grant_reaches_the_emergencys_areas_and_the_delegated_fields(world):
    emergency = world.declare()
    basis = policy.basis_for_lookup(world.contractor, inquiry_of(world, world.contractor, emergency))
    (scope,) = basis.scopes
    assert scope.areas == {world.areas[TAKAMATSU].pk, world.areas[MARUGAME].pk}
    assert scope.fields == fields_for(Audience.CONTRACTOR)
    assert scope.grant_id == world.grant().pk


def test_no_lookup_without_an_inquiry(world):
    world.declare()
    assert refusal(policy.basis_for_lookup, world.contractor) == "no_inquiry"


def test_somebody_elses_inquiry_is_no_purpose(world):
    emergency = world.declare()
    other = inquiry_of(world, world.contractor02, emergency)
    assert refusal(policy.basis_for_lookup, world.contractor, other) == "inquiry_not_yours"


def test_a_closed_inquiry_is_no_purpose(world):
    emergency = world.declare()
    mine = inquiry_of(world, world.contractor, emergency)
    mine.closed_at = clock.database_now()
    assert refusal(policy.basis_for_lookup, world.contractor, mine) == "inquiry_over"


def test_an_inquiry_of_an_emergency_that_is_over_is_no_purpose(world):
    first = world.declare()
    mine = inquiry_of(world, world.contractor, first)
    world.declare(TAKAMATSU, name="地震")
    lifecycle.end(first, world.supervisor)
    assert refusal(policy.basis_for_lookup, world.contractor, mine) == "inquiry_over"


def test_an_ended_emergency_refuses_at_once(world):
    emergency = world.declare()
    lifecycle.end(emergency, world.supervisor)
    assert AreaUserPermission.objects.filter(user=world.contractor).exists(), "not yet reconciled"
    assert refusal(policy.basis_for_lookup, world.contractor) == "no_emergency"


def test_an_expired_emergency_refuses_though_nobody_wrote_its_end(world):
    emergency = world.declare()
    after = emergency.expires_at
    assert refusal(policy.basis_for_lookup, world.contractor, None, after) == "no_emergency"
    assert (
        refusal(policy.basis_for_lookup, world.contractor, None, after - timedelta(seconds=1)) == "no_inquiry"
    )


def test_a_revoked_grant_refuses(world):
    world.declare()
    Grant.objects.filter(pk=world.grant().pk).update(
        revoked_at=clock.database_now(), revoked_by=world.supervisor, revoked_because="交代"
    )
    assert refusal(policy.basis_for_lookup, world.contractor) == "grant_revoked"


def test_a_grant_that_is_over_refuses_though_the_emergency_goes_on(world):
    emergency = world.declare(hours=60)
    after_the_ceiling = emergency.declared_at + world.contract.max_grant
    assert refusal(policy.basis_for_lookup, world.contractor, None, after_the_ceiling) == "grant_over"


@pytest.mark.parametrize("how", ["suspended", "ended", "run out"])
def test_a_contract_not_in_force_refuses(world, how):
    world.declare()
    now = clock.database_now()
    facts = {
        "suspended": {"suspended_at": now, "suspended_by": world.supervisor, "suspended_because": "点検"},
        "ended": {"ended_at": now, "ended_by": world.supervisor},
        "run out": {"ends_at": now},
    }[how]
    type(world.contract).objects.filter(pk=world.contract.pk).update(**facts)
    assert refusal(policy.basis_for_lookup, world.contractor) == "contract_not_in_force"


def test_off_the_roster_refuses(world):
    world.declare()
    rosters.remove(world.supervisor, world.entry())
    assert refusal(policy.basis_for_lookup, world.contractor) == "not_on_roster"


def test_who_left_the_delegate_is_refused(world):
    world.declare()
    world.contractor.organization = world.organizations["other"]
    world.contractor.save()
    assert refusal(policy.basis_for_lookup, world.contractor) == "not_on_roster"


def test_a_closed_account_is_refused(world):
    world.declare()
    world.contractor.is_active = False
    world.contractor.save()
    assert refusal(policy.basis_for_lookup, world.contractor) == "role"


def test_a_grant_without_the_object_permission_is_not_enough(world):
    world.declare()
    AreaUserPermission.objects.all().delete()
    assert refusal(policy.basis_for_lookup, world.contractor) == "not_ready"


def test_an_object_permission_without_a_grant_is_not_enough(world):
    world.declare(TAKAMATSU, contracts=())
    permission = AreaUserPermission.permission.field.related_model.objects.get(codename="consult_servicearea")
    AreaUserPermission.objects.create(
        user=world.contractor, permission=permission, content_object=world.areas[TAKAMATSU]
    )
    assert refusal(policy.basis_for_lookup, world.contractor) == "no_grant"


def test_an_operator_reaches_the_areas_of_the_own_office_alone(world):
    (scope,) = policy.basis_for_lookup(world.operator).scopes
    assert scope.areas == {world.areas[TAKAMATSU].pk, world.areas[MARUGAME].pk}
    (scope,) = policy.basis_for_lookup(world.people["operator-ehime"]).scopes
    assert scope.areas == {world.areas[MATSUYAMA].pk}


def test_an_operator_of_an_office_without_areas_is_told(world):
    world.operator.office.group.areagrouppermission_set.all().delete()
    assert refusal(policy.basis_for_lookup, world.operator) == "no_area"


@pytest.mark.parametrize("role", ["supervisor", "auditor", "administrator"])
def test_nobody_else_looks_customers_up(world, role):
    world.declare()
    assert refusal(policy.basis_for_lookup, world.people[role]) == "role"


def test_a_contract_that_the_supervisor_does_not_hold_cannot_be_granted_under(world):
    world.contract.contractgrouppermission_set.all().delete()
    assert refusal(lambda: world.declare()) == "contract_not_yours"


def test_only_a_supervisor_declares(world):
    for role in ("operator", "contractor", "auditor", "retailer", "administrator"):
        person = world.people[role]
        with pytest.raises(Denied):
            lifecycle.declare(person, kind="typhoon", name="x", areas=[], expires_at=clock.database_now())


def test_a_page_that_the_table_lacks_is_open_to_nobody(world):
    assert refusal(policy.check_page, world.supervisor, "portal:forgotten") == "unlisted_page"


def test_ending_one_of_two_emergencies_leaves_what_the_other_gives(world):
    first = world.declare(TAKAMATSU, MARUGAME)
    second = world.declare(TAKAMATSU, name="地震")
    lifecycle.end(first, world.supervisor)
    basis = policy.basis_for_lookup(world.contractor, inquiry_of(world, world.contractor, second))
    assert [scope.areas for scope in basis.scopes] == [{world.areas[TAKAMATSU].pk}]


def test_the_decision_takes_at_most_two_queries(world, django_assert_max_num_queries):
    emergency = world.declare()
    mine = inquiry_of(world, world.contractor, emergency)
    world.contractor.has_perm(policy.LOOK_UP)  # the role's permissions, cached for the request
    with django_assert_max_num_queries(2):
        policy.basis_for_lookup(world.contractor, mine)
