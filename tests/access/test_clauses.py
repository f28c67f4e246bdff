"""Clauses of the rules that a second rule stands behind: each tried alone, so that it fails when deleted."""

from datetime import timedelta
from functools import partial
from itertools import permutations

import pytest
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from guardian.shortcuts import assign_perm

from access import (
    accounts,
    answering,
    clock,
    inquiries,
    lifecycle,
    notices,
    policy,
    requests,
    revoking,
    rosters,
)
from access.errors import AlreadyDone, Unfit
from access.models import (
    AreaUserPermission,
    DelegationContract,
    Emergency,
    Grant,
    Inquiry,
    Notice,
    Person,
    Request,
    RosterEntry,
)
from access.policy.lookups import _best_grant_of_each_area
from audit.models import LogEntry
from customers import shown
from tests.access.test_policy import denied, inquiry_of, refusal
from tests.world import MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db

A_SECOND = timedelta(seconds=1)


@pytest.fixture
def another_contract(world) -> DelegationContract:
    """One in force with the same delegate, for one item, under which nobody was granted."""
    return DelegationContract.objects.create(
        title="別の契約", delegator=world.contract.delegator, delegate=world.contract.delegate,
        starts_at=world.contract.starts_at, ends_at=world.contract.ends_at, delegated_items=["name"],
    )  # fmt: skip


class TestNothingIsSoBeforeItsBeginning:
    def test_a_grant(self, world):
        emergency, now = world.declare(contracts=()), clock.database_now()
        grant = Grant.objects.create(
            roster_entry=world.entry(), emergency=emergency, granted_by=world.supervisor,
            starts_at=now + timedelta(hours=1), ends_at=now + timedelta(hours=2),
        )  # fmt: skip
        assert not Grant.objects.live().exists()
        assert Grant.objects.live(grant.starts_at).exists()

    def test_an_emergency(self, world):
        emergency = world.declare()
        assert not Emergency.objects.open(emergency.declared_at - A_SECOND).exists()

    def test_a_contract(self, world):
        assert not DelegationContract.objects.in_force(world.contract.starts_at - A_SECOND).exists()

    def test_a_place_on_the_roster(self, world):
        entry = world.entry()
        assert not RosterEntry.objects.current(entry.added_at - A_SECOND).contains(entry)


class TestAreas:
    def test_the_permission_is_the_persons_own(self, world):
        world.declare()
        AreaUserPermission.objects.filter(user=world.contractor).delete()
        assert refusal(policy.check_called_for, world.contractor) == "not_ready"
        policy.check_called_for(world.contractor02)

    def test_the_permission_is_the_one_to_consult(self, world):
        world.declare()
        other = Permission.objects.get(codename="declare_in_servicearea")
        AreaUserPermission.objects.filter(user=world.contractor).update(permission=other)
        assert refusal(policy.check_called_for, world.contractor) == "not_ready"

    def test_an_operators_permission_is_the_one_to_consult(self, world):
        rights = world.operator.office.group.areagrouppermission_set
        rights.filter(permission__codename="consult_servicearea").delete()
        assert rights.exists(), "the office's supervisors declare there"
        assert refusal(policy.basis_for_lookup, world.operator) == "no_area"

    def test_of_two_grants_in_an_area_the_one_that_delegates_more(self, world, another_contract):
        narrow = another_contract
        RosterEntry.objects.create(
            contract=narrow, person=world.contractor, added_by=world.supervisor,
            trained_on=world.entry().trained_on,
        )  # fmt: skip
        for first, second in ((narrow, world.contract), (world.contract, narrow)):
            emergency = world.declare(TAKAMATSU, contracts=[])
            for contract in (first, second):
                entry = RosterEntry.objects.get(contract=contract, person=world.contractor)
                now = clock.database_now()
                Grant.objects.create(
                    roster_entry=entry, emergency=emergency, starts_at=now, granted_by=world.supervisor,
                    ends_at=now + timedelta(hours=1),
                )  # fmt: skip
            consult = Permission.objects.get(codename="consult_servicearea")
            AreaUserPermission.objects.get_or_create(
                user=world.contractor, permission=consult, content_object=world.areas[TAKAMATSU]
            )
            basis = policy.basis_for_lookup(world.contractor, inquiry_of(world, world.contractor, emergency))
            assert {scope.contract_id for scope in basis.scopes} == {world.contract.pk}

    @pytest.mark.parametrize(
        ("name", "better", "worse"),
        [
            ("more items", (["name", "phone"], 1, 1), (["name"], 9, 9)),
            ("as many items, longer", (["phone"], 9, 1), (["name"], 1, 9)),
            ("alike, the later", (["name"], 1, 9), (["name"], 1, 1)),
        ],
    )
    def test_the_best_of_two_grants_whichever_comes_first(self, name, better, worse):
        def row(grant: str, area: int, items: list[str], hours: int, pk: int) -> dict:
            ends_at = clock.database_now().replace(microsecond=0) + timedelta(days=hours)
            return {
                "pk": f"{pk}{grant}", "ends_at": ends_at, "emergency__areas": area,
                "roster_entry__contract__delegated_items": items,
            }  # fmt: skip

        one, other = row("better", 7, *better), row("worse", 7, *worse)
        elsewhere = row("worse", 8, *worse)
        for rows in permutations([one, other, elsewhere]):
            assert _best_grant_of_each_area(list(rows)) == {one["pk"]: [7], other["pk"]: [8]}


class TestRefusals:
    """The first fact that does not hold is the asker's own, and the entry says what it was about."""

    def test_of_an_inquiry(self, world):
        emergency = world.declare()
        other, mine = (
            inquiry_of(world, person, emergency) for person in (world.contractor02, world.contractor)
        )
        about = {"inquiry_id": other.pk}
        assert denied(policy.basis_for_lookup, world.contractor, other).facts == about
        assert denied(policy.basis_for_lookup, world.contractor).facts == {"emergency_id": emergency.pk}
        inquiries.close(world.contractor, mine.pk, outcome="answered", found=True)
        mine.refresh_from_db()
        over = denied(policy.basis_for_lookup, world.contractor, mine)
        assert over.facts == {"inquiry_id": mine.pk, "emergency_id": emergency.pk}

    def test_of_what_is_on_the_screen(self, world):
        mine = inquiry_of(world, world.contractor, world.declare())
        gone = denied(policy.check_still_shown, world.contractor, mine, [(MATSUYAMA, frozenset({"name"}))])
        assert (gone.reason, gone.facts) == ("customer_unknown", {"inquiry_id": mine.pk})

    def test_a_grant_of_another_emergency_says_nothing_of_this_one(self, world):
        over = world.declare(name="先の台風")
        lifecycle.end(over, world.supervisor)
        world.declare(name="後の台風", contracts=())
        assert refusal(policy.check_called_for, world.contractor) == "no_grant"

    def test_neither_does_another_contract_or_another_persons_grant(self, world, another_contract):
        world.declare(hours=60)
        now = clock.database_now()
        Grant.objects.filter(pk=world.grant().pk).update(
            starts_at=now - timedelta(hours=2), ends_at=now - timedelta(hours=1)
        )
        policy.check_called_for(world.contractor02)
        assert refusal(policy.check_called_for, world.contractor) == "grant_over"
        DelegationContract.objects.filter(pk=world.contract.pk).update(
            suspended_at=now, suspended_by=world.supervisor, suspended_because="点検"
        )
        assert DelegationContract.objects.in_force().get() == another_contract
        gone = denied(policy.check_called_for, world.contractor)
        assert gone.reason == "contract_not_in_force"
        assert gone.facts == {
            "grant_id": world.grant().pk,
            "emergency_id": world.grant().emergency_id,
            "contract_id": world.contract.pk,
        }

    def test_a_grant_that_stopped_while_a_customer_was_read(self, world):
        emergency = world.declare()
        basis = policy.basis_for_lookup(world.contractor, inquiry_of(world, world.contractor, emergency))
        policy.check_still_live(basis)
        revoking.revoke(world.supervisor, Grant.objects.filter(pk=world.grant().pk), "交代")
        assert refusal(policy.check_still_live, basis) == "grant_revoked"

    def test_a_role_loses_a_right_with_its_group(self, world):
        for person, call in (
            (world.retailer, partial(policy.basis_for_export, retailer=world.retailer.organization)),
            (world.operator, policy.check_called_for),
        ):
            call(person)
            Group.objects.get(name=person.role).permissions.clear()
            assert refusal(call, Person.objects.get(pk=person.pk)) == "role"


class TestReviewing:
    @pytest.mark.parametrize("of", ["person", "group"])
    def test_an_auditor_of_one_contract_is_none_of_another(self, world, another_contract, of):
        assert not policy.reviewed_contracts().contains(another_contract)
        world.nobody_reviews()
        holder = world.auditor if of == "person" else Group.objects.get(name="auditor")
        assign_perm(policy.REVIEW, holder, another_contract)
        assert list(policy.auditors_of([another_contract.pk])) == [world.auditor]
        assert not policy.auditors_of([world.contract.pk]).exists()
        assert list(policy.contracts_to_review(world.auditor)) == [another_contract]
        assert list(policy.reviewed_contracts()) == [another_contract]

    @pytest.mark.parametrize("of", ["person", "group"])
    def test_the_right_is_the_one_to_review_and_its_holder_an_auditor(self, world, of):
        world.nobody_reviews()
        for right, person in ((policy.GRANT_UNDER, world.auditor), (policy.REVIEW, world.supervisor)):
            assign_perm(
                right, person if of == "person" else Group.objects.get(name=person.role), world.contract
            )
            assert not policy.auditors_of([world.contract.pk]).exists()
            assert not policy.reviewed_contracts().exists()

    def test_a_right_of_the_role_is_none_on_a_contract(self, world):
        world.nobody_reviews()
        right = Permission.objects.get(codename="review_contract")
        Group.objects.get(name="auditor").permissions.add(right)
        assert not policy.contracts_to_review(Person.objects.get(pk=world.auditor.pk)).exists()

    def test_an_emergency_is_for_the_auditors_of_its_contracts(self, world, another_contract):
        theirs, nobodys = world.declare(), world.declare(name="地震", contracts=())
        world.nobody_reviews()
        assign_perm(policy.REVIEW, Group.objects.get(name="auditor"), another_contract)
        policy.check_may_review_emergency(world.auditor, nobodys)
        gone = denied(policy.check_may_review_emergency, world.auditor, theirs)
        assert gone.facts == {"emergency_id": theirs.pk}


class TestSupervising:
    def test_a_right_of_the_role_is_none_on_a_contract_or_an_area(self, world):
        who = world.people["supervisor-ehime"]
        world.contract.contractgrouppermission_set.all().delete()
        who.office.group.areagrouppermission_set.all().delete()
        names = [right.partition(".")[2] for right in (policy.GRANT_UNDER, policy.DECLARE_IN)]
        Group.objects.get(name="supervisor").permissions.add(*Permission.objects.filter(codename__in=names))
        who = Person.objects.get(pk=who.pk)
        assert who.has_perms([policy.GRANT_UNDER, policy.DECLARE_IN])
        assert not policy.contracts_to_grant_under(who).exists()
        assert not policy.holds_contract(who, world.contract)
        assert not policy.areas_to_declare_in(who).exists()

    def test_a_right_on_one_contract_is_none_on_another(self, world, another_contract):
        world.contract.contractgrouppermission_set.all().delete()
        assign_perm(policy.GRANT_UNDER, world.supervisor, another_contract)
        assert policy.holds_contract(world.supervisor, another_contract)
        assert not policy.holds_contract(world.supervisor, world.contract)
        assert list(policy.contracts_to_grant_under(world.supervisor)) == [another_contract]


class TestInquiries:
    def test_nobody_sees_anybody_elses(self, world):
        emergency = world.declare()
        inquiry_of(world, world.contractor02, emergency)
        mine = inquiry_of(world, world.contractor, emergency)
        assert list(inquiries.of_person(world.contractor)) == [mine]

    def test_those_of_an_emergency_that_is_over_are_not_theirs_to_read(self, world):
        first = world.declare(name="先の台風")
        inquiry_of(world, world.contractor, first)
        second = world.declare(name="後の台風")
        now = inquiry_of(world, world.contractor, second)
        lifecycle.end(first, world.supervisor)
        assert list(inquiries.of_person(world.contractor)) == [now]

    def test_only_who_answers_the_phone_takes_one(self, world):
        world.declare()
        for person in (world.supervisor, world.auditor, world.administrator, world.retailer):
            assert refusal(inquiries.take, person, Inquiry(caller_name="x", kind="outage")) == "role"

    def test_no_history_of_changes_keeps_what_a_caller_said(self, world):
        made = inquiry_of(world, world.contractor, world.declare())
        made.caller_name, made.kind = "別の通報者", "other"
        made.save()
        kept = [str(vars(entry)) for entry in LogEntry.objects.all()]
        assert not any("通報者" in text for text in kept)


class TestRosters:
    def test_only_a_supervisor_keeps_one(self, world):
        entry = world.entry()
        for person in (world.contractor, world.operator, world.auditor, world.administrator):
            assert refusal(rosters.remove, person, entry) == "role"
            assert refusal(rosters.add, person, world.contract, world.contractor, None) == "role"
            assert refusal(rosters.train, person, entry, entry.trained_on) == "role"


class TestRequests:
    def test_who_asked_and_may_not_any_more_asks_for_nothing(self, world):
        emergency = world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        Person.objects.filter(pk=world.supervisor.pk).update(is_active=False)
        with pytest.raises(AlreadyDone, match="."):
            answering.answer(world.supervisor02, asked.pk, agree=True)
        assert not Grant.objects.filter(emergency=emergency).exists()
        answering.answer(world.supervisor02, asked.pk, agree=False)

    def test_who_asked_and_lost_the_right_on_the_contract_asks_for_nothing(self, world):
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        assert policy.asker_still_may(asked)
        world.contract.contractgrouppermission_set.filter(
            permission__codename="grant_under_contract"
        ).delete()
        assert not policy.asker_still_may(Request.objects.get(pk=asked.pk))

    @pytest.mark.parametrize("agree", [True, False])
    def test_a_code_asked_for_is_told_and_sent_once_two_agree(self, world, agree):
        asked = accounts.send_code(world.administrator, world.operator)
        told = Notice.objects.get(person=world.operator, kind="account_asked")
        assert told.words["by"] == str(world.administrator)
        answering.answer(world.administrator02, asked.pk, agree=agree)
        assert Notice.objects.filter(person=world.operator, kind=notices.CODE).exists() is agree

    def test_a_password_that_an_older_portal_kept_in_a_request_is_never_set(self, world):
        asked = requests.ask(
            world.administrator, Request.Kind.ACCOUNT, about="old", lapses_at=clock.database_now() + timedelta(1),
            subject=world.operator, detail={"password": "!known"},
        )  # fmt: skip
        answering.answer(world.administrator02, asked.pk, agree=True)
        assert Person.objects.get(pk=world.operator.pk).password == world.operator.password

    def test_two_administrators_stay(self, world, client_of):
        before = Person.objects.get(pk=world.administrator02.pk)
        world.administrator02.is_active = False
        with pytest.raises(Unfit):
            accounts.save_person(world.administrator, world.administrator02, before)
        page = client_of(world.administrator).post(
            f"/registers/person/{before.pk}/change/",
            {"username": before.username, "name": before.name, "role": before.role,
             "organization": before.organization_id},
        )  # fmt: skip
        assert "is_active" in page.context["adminform"].form.errors


def test_other_terms_of_a_contract_are_told_to_its_auditors(world, client_of):
    client = client_of(world.supervisor)
    path = f"/registers/delegationcontract/{world.contract.pk}/change/"
    fields = client.get(path).context["adminform"].form.initial
    start, end = world.contract.starts_at, world.contract.ends_at
    form = {
        "title": fields["title"], "max_grant_hours": 48, "delegated_items": fields["delegated_items"],
        "training_valid_days": fields["training_valid_days"],
        "max_results": 10, "slow_after": 20, "stop_after": 40,
        "starts_at_0": f"{start:%Y-%m-%d}", "starts_at_1": "00:00:00",
        "ends_at_0": f"{end:%Y-%m-%d}", "ends_at_1": "00:00:00",
    }  # fmt: skip
    assert client.post(path, form).status_code == 302
    told = Notice.objects.filter(kind="terms").values_list("person__username", flat=True)
    assert {"auditor", "supervisor02"} <= set(told)
    assert "supervisor" not in told


def test_what_is_hidden_of_a_row_is_null_in_what_the_database_sends(world):
    basis, everybody = policy.basis_for_lookup(world.retailer), Q(pk__gt=0)
    own, others = (
        [row for row in shown.rows(basis, basis.fields, everybody) if row["scope"] == scope]
        for scope in (0, 1)
    )
    hidden = basis.scopes[0].fields - basis.scopes[1].fields - {"monthly_usage"}
    assert hidden
    assert others
    assert {row[f"shown_{name}"] for row in others for name in hidden} == {None}
    assert any(row[f"shown_{name}"] is not None for row in own for name in hidden) or not own
