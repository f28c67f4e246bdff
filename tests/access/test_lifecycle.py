"""From declaration to end: what changes, what the history says, and that doing it twice does it once."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection
from django.urls import reverse

from access import clock, inquiries, lifecycle, revoking, rosters, session_ends
from access.errors import AlreadyDone, Denied
from access.models import AreaUserPermission, Emergency, Grant, Inquiry, Notice, Person, RosterEntry, Session
from access.reconcile import reconcile
from access.tasks import sweep
from audit.models import LogEntry
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db


def permitted() -> set[tuple[str, str]]:
    """The (username, area code) pairs of the object permissions."""
    return set(AreaUserPermission.objects.values_list("user__username", "content_object__code"))


def backdate(emergency: Emergency, by: timedelta) -> None:
    """Moves an emergency and its grants into the past, as if the time had gone by."""
    emergency.grants.update(
        starts_at=clock.database_now() - by, ends_at=clock.database_now() - by + timedelta(hours=6)
    )
    Emergency.objects.filter(pk=emergency.pk).update(
        declared_at=emergency.declared_at - by, expires_at=emergency.expires_at - by
    )


def test_declaring_grants_to_the_whole_roster_at_once(world):
    emergency = world.declare()
    assert Grant.objects.live().filter(emergency=emergency).count() == 2
    assert permitted() == {
        (who, area) for who in ("contractor", "contractor02") for area in (TAKAMATSU, MARUGAME)
    }


def test_a_grant_is_no_longer_than_the_contracts_ceiling(world):
    emergency = world.declare(hours=60)
    assert world.grant().ends_at == emergency.declared_at + timedelta(hours=24)


def test_declaring_is_in_the_history_with_one_entry_for_each_grant(world):
    emergency = world.declare()
    story = LogEntry.objects.of_emergency(emergency.pk).order_by("pk")
    assert [entry.event for entry in story] == ["emergency.declared", "grant.given", "grant.given"]
    assert {entry.actor for entry in story} == {world.supervisor}
    assert len({entry.cid for entry in story}) == 1
    assert story[0].additional_data["areas"] == ["37201 高松市", "37202 丸亀市"]


def test_a_declaration_that_fails_leaves_nothing(world):
    type(world.contract).objects.update(
        suspended_at=clock.database_now(), suspended_by=world.supervisor, suspended_because="x"
    )
    with pytest.raises(Denied):
        world.declare()
    assert not Emergency.objects.exists()
    assert not LogEntry.objects.filter(event="emergency.declared").exists()


def test_whoever_decides_is_named_also_where_nobody_is_signed_in(world):
    """As in a task: the context of a request names nobody there."""
    by, until = world.supervisor, clock.database_now() + timedelta(hours=2)
    emergency = lifecycle.declare(
        by,
        kind="flood",
        name="大雨",
        areas=[world.areas[TAKAMATSU]],
        expires_at=until,
        contracts=[world.contract],
    )
    lifecycle.extend(by, emergency, until + timedelta(hours=2), "続いている")
    lifecycle.change_areas(by, emergency, [world.areas[code] for code in (MATSUYAMA, MARUGAME, TAKAMATSU)])
    lifecycle.change_areas(by, emergency, [world.areas[TAKAMATSU]])
    added, removed = LogEntry.objects.filter(event="emergency.areas_changed").order_by("pk")
    names = ["37202 丸亀市", "38201 松山市"]
    assert (added.additional_data["added"], removed.additional_data["removed"]) == (names, names)
    lifecycle.end(emergency, by)
    decided = LogEntry.objects.filter(kind="decision", event__regex="^(emergency|grant)[.]")
    assert decided.count() >= 8
    assert set(decided.values_list("actor", flat=True)) == {by.pk}


def test_what_the_database_refuses_is_no_form_that_was_sent_twice(world):
    world.declare(form_token=uuid4())
    with pytest.raises(IntegrityError):
        world.declare(name="地震", hours=73, form_token=uuid4())


def test_a_drill_is_called_one_in_the_history(world):
    drill, emergency = world.drill(), world.declare()
    for event, one in (("emergency.drilled", drill), ("emergency.declared", emergency)):
        assert LogEntry.objects.get(event=event).emergency_id == one.pk


def test_who_was_revoked_lately_is_not_granted_by_the_next_declaration_unless_it_says_so(world):
    revoking.revoke(world.supervisor, world.declare().grants.all(), "交代")
    emergency = lifecycle.declare(
        world.supervisor, kind="flood", name="大雨", areas=[world.areas[TAKAMATSU]],
        expires_at=clock.database_now() + timedelta(hours=2), contracts=[world.contract],
    )  # fmt: skip
    assert not emergency.grants.exists()


def test_extending_one_emergency_leaves_the_grants_of_another(world):
    first, second = world.declare(), world.declare(MATSUYAMA, name="地震")
    lifecycle.extend(world.supervisor, first, first.expires_at + timedelta(hours=2), "続いている")
    assert set(second.grants.values_list("ends_at", flat=True)) == {second.expires_at}


def test_who_is_not_on_the_roster_any_more_is_not_granted(world):
    rosters.remove(world.supervisor, world.entry("contractor02"))
    world.declare()
    assert [g.roster_entry.person for g in Grant.objects.all()] == [world.contractor]


def test_ending_writes_who_and_when(world):
    emergency = world.declare()
    ended = lifecycle.end(emergency, world.supervisor)
    assert ended.ended_by == world.supervisor
    assert not Emergency.objects.open().exists()
    assert not Grant.objects.live().exists()


def test_ending_twice_is_one_end_and_a_clear_word(world):
    emergency = world.declare()
    lifecycle.end(emergency, world.supervisor)
    with pytest.raises(AlreadyDone):
        lifecycle.end(emergency, world.supervisor)
    assert LogEntry.objects.filter(event="emergency.ended").count() == 1


def test_an_expired_emergency_cannot_be_ended_by_hand(world):
    emergency = world.declare()
    backdate(emergency, timedelta(hours=7))
    with pytest.raises(AlreadyDone):
        lifecycle.end(emergency, world.supervisor)


@pytest.mark.parametrize("role", ["operator", "contractor", "auditor", "retailer", "administrator"])
def test_only_a_supervisor_ends(world, role):
    emergency = world.declare()
    with pytest.raises(Denied, match="role"):
        lifecycle.end(emergency, world.people[role])


def test_what_is_due_ends_at_its_expiry_with_the_system_as_actor(world):
    emergency = world.declare()
    backdate(emergency, timedelta(hours=7))
    assert lifecycle.end_what_is_due() == 1
    emergency.refresh_from_db()
    assert emergency.ended_at == emergency.expires_at
    assert emergency.ended_by == Person.objects.system()
    (entry,) = LogEntry.objects.filter(event="emergency.expired")
    assert entry.actor_username == "system"
    told = Notice.objects.filter(kind="ended").values_list("person__username", flat=True)
    assert {"supervisor", "supervisor02", "auditor"} <= set(told)


def test_the_sweep_may_run_twice_or_late(world):
    emergency = world.declare()
    backdate(emergency, timedelta(hours=7))
    for _ in range(3):
        sweep()
    assert LogEntry.objects.filter(event="emergency.expired").count() == 1
    assert LogEntry.objects.filter(event="permissions.reconciled").count() == 2, "given once, taken once"
    assert permitted() == set()


def test_reconciling_takes_what_no_live_grant_gives_and_nothing_else(world):
    first = world.declare(TAKAMATSU, MARUGAME)
    world.declare(TAKAMATSU, name="地震")
    lifecycle.end(first, world.supervisor)
    done = reconcile()
    assert (done.added, done.removed) == (0, 2)
    assert permitted() == {("contractor", TAKAMATSU), ("contractor02", TAKAMATSU)}
    assert reconcile().removed == 0


def test_reconciling_gives_back_what_was_lost(world):
    world.declare(TAKAMATSU)
    AreaUserPermission.objects.all().delete()
    assert reconcile().added == 2


def test_reconciling_compares_no_pair_with_every_other(world):
    """Whatever the statistics say: after a declaration that failed they know of no grant and no permission."""
    plans = {}

    def explained(execute, sql, params, many, context):
        if AreaUserPermission._meta.db_table in sql and sql.startswith(("INSERT", "DELETE")):
            execute(f"EXPLAIN {sql}", params, many, context)
            plans[sql[:6]] = [line for (line,) in context["cursor"].fetchall()]
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        world.declare()
    assert plans.keys() == {"INSERT", "DELETE"}
    assert not [line for plan in plans.values() for line in plan if "Nested Loop" in line]


def test_offices_keep_their_areas_through_everything(world):
    world.declare()
    sweep()
    assert world.operator.has_perm("customers.consult_servicearea", world.areas[TAKAMATSU])


def test_sessions_of_an_ended_grant_are_closed_and_the_others_stay(world, client_of):
    emergency = world.declare()
    contractor, operator = client_of(world.contractor), client_of(world.operator)
    lifecycle.end(emergency, world.supervisor)
    assert session_ends.close_sessions_of_ended_grants() == 1
    assert contractor.get("/").status_code == 302
    assert operator.get("/").status_code == 200
    (entry,) = LogEntry.objects.filter(event="session.closed")
    assert entry.subject_id == world.contractor.pk


def test_who_signs_in_after_the_end_keeps_the_session(world, client_of):
    emergency = world.declare()
    lifecycle.end(emergency, world.supervisor)
    contractor = client_of(world.contractor)
    assert session_ends.close_sessions_of_ended_grants() == 0
    assert contractor.get("/").status_code == 200


def test_a_session_with_another_live_grant_stays(world, client_of):
    first = world.declare(TAKAMATSU)
    world.declare(MARUGAME, name="地震")
    contractor = client_of(world.contractor)
    lifecycle.end(first, world.supervisor)
    assert session_ends.close_sessions_of_ended_grants() == 0
    assert contractor.get("/").status_code == 200


def test_expired_sessions_are_cleared_away(world, client_of):
    client_of(world.operator)
    Session.objects.update(expire_date=clock.database_now() - timedelta(seconds=1))
    sweep()
    assert not Session.objects.exists()


def test_a_contractors_inquiries_are_shut_after_the_emergency(world):
    emergency = world.declare()
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    lifecycle.end(emergency, world.supervisor)
    for call in (
        lambda: inquiries.of_person(world.contractor),
        lambda: inquiries.own(world.contractor, taken.pk),
    ):
        with pytest.raises(Denied, match="no_emergency"):
            call()


def test_an_inquiry_closes_once(world):
    taken = inquiries.take(world.operator, Inquiry(caller_name="通報者", kind="outage"))
    inquiries.close(world.operator, taken.pk, outcome="answered", found=True)
    with pytest.raises(AlreadyDone):
        inquiries.close(world.operator, taken.pk, outcome="answered", found=True)


def test_a_contractor_takes_no_inquiry_for_an_emergency_not_theirs(world):
    world.declare()
    other = world.declare(contracts=(), name="別の災害")
    with pytest.raises(Denied, match="no_grant"):
        inquiries.take(world.contractor, Inquiry(emergency=other, caller_name="通報者", kind="outage"))


def test_the_history_of_an_inquiry_names_no_caller(world):
    inquiries.take(
        world.operator,
        Inquiry(caller_name="秘密の通報者", caller_phone="087-000-1111", kind="outage", note="秘密のメモ"),
    )
    kept = " ".join(str(entry.__dict__) for entry in LogEntry.objects.all())
    assert "秘密" not in kept
    assert "087-000-1111" not in kept


def test_off_the_roster_and_on_again_is_two_entries(world):
    entry = world.entry()
    rosters.remove(world.supervisor, entry)
    with pytest.raises(AlreadyDone):
        rosters.remove(world.supervisor, entry)
    rosters.add(world.supervisor, world.contract, world.contractor, entry.trained_on)
    with pytest.raises(AlreadyDone):
        rosters.add(world.supervisor, world.contract, world.contractor, entry.trained_on)
    assert RosterEntry.objects.filter(person=world.contractor).count() == 2


class TestTheForm:
    """Declaring through the page: each slip gets a sentence beside its field, and nothing is half-saved."""

    @pytest.fixture
    def declare(self, world, client_of):
        client = client_of(world.supervisor)
        client.cookies["portal_language"] = "en"
        good = {
            "kind": "typhoon",
            "name": "台風第14号",
            "areas": [world.areas[TAKAMATSU].pk],
            "expires_at": (clock.database_now() + timedelta(hours=15)).strftime("%Y-%m-%dT%H:%M"),
            "contracts": [world.contract.pk],
        }
        return lambda **changes: client.post(reverse("portal:declare_emergency"), good | changes)

    def test_declares_and_grants(self, declare):
        assert declare().status_code == 302
        assert Grant.objects.live().count() == 2

    @pytest.mark.parametrize(
        ("changes", "field", "says"),
        [
            ({"expires_at": "2020-01-01T00:00"}, "expires_at", "cannot end before it starts"),
            ({"expires_at": "2099-01-01T00:00"}, "expires_at", "at most 72 hours"),
            ({"expires_at": "soon"}, "expires_at", "valid date"),
            ({"expires_at": ""}, "expires_at", "required"),
            ({"areas": []}, "areas", "at least one area"),
            ({"areas": ["999999"]}, "areas", "in which your office may declare"),
            ({"areas": ["1' OR '1'='1"]}, "areas", "in which your office may declare"),
            ({"kind": "war"}, "kind", "valid choice"),
            ({"name": ""}, "name", "required"),
            ({"name": "x" * 10_000}, "name", "at most 100"),
            ({"contracts": ["999999"]}, "contracts", "not one of the available choices"),
        ],
    )
    def test_a_slip_is_explained_and_saves_nothing(self, declare, changes, field, says):
        response = declare(**changes)
        assert response.status_code == 200
        assert says in str(response.context["form"].errors[field])
        assert says in response.content.decode()
        assert not Emergency.objects.exists()

    def test_html_in_a_name_is_shown_as_text(self, declare, world, client_of):
        declare(name="<script>alert(1)</script>")
        page = client_of(world.operator).get("/").content.decode()
        assert "<script>alert" not in page
        assert "&lt;script&gt;alert(1)" in page
