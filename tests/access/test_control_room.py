"""Extending, revoking, suspending, drilling, asking, answering: each rule, and what it refuses."""

from datetime import timedelta

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.urls import reverse
from django.utils import timezone, translation

from access import (
    accounts,
    answering,
    clock,
    emails,
    granting,
    lifecycle,
    notices,
    policy,
    requests,
    revoking,
    rosters,
    suspension,
    watching,
)
from access.errors import AlreadyDone, Denied, Unfit
from access.models import (
    AreaUserPermission,
    DelegationContract,
    Grant,
    Heartbeat,
    Inquiry,
    Notice,
    Person,
    Request,
    RosterEntry,
    Unreconciled,
)
from access.reconcile import reconcile
from access.tasks import sweep
from audit.models import LogEntry
from customers import reading
from tests.world import HANAKO, KUNREN, MARUGAME, MATSUYAMA, TAKAMATSU, TRAINING

pytestmark = pytest.mark.django_db


def hence(hours: float):
    return clock.database_now() + timedelta(hours=hours)


def wait_for_clock(moment) -> None:
    """Waits until the database's clock has passed the moment."""
    while clock.database_now() <= moment:
        pass


def inquiry_of(world, emergency) -> Inquiry:
    return Inquiry.objects.create(
        taken_by=world.contractor, emergency=emergency, caller_name="通報者", kind="outage"
    )


class TestExtending:
    def test_moves_the_emergency_and_its_running_grants_with_a_reason(self, world):
        emergency, until = world.declare(), hence(10)
        lifecycle.extend(world.supervisor, emergency, until, "まだ停電中")
        assert set(Grant.objects.values_list("ends_at", flat=True)) == {until}
        entry = LogEntry.objects.get(event="emergency.extended")
        assert entry.additional_data["because"] == "まだ停電中"

    @pytest.mark.parametrize(
        ("hours", "because", "field"), [(10, "  ", "because"), (25, "x", "until"), (5, "x", "until")]
    )
    def test_is_never_silent_nor_longer_than_the_ceiling_nor_shorter(self, world, hours, because, field):
        emergency = world.declare()
        with pytest.raises(Unfit) as unfit:
            lifecycle.extend(world.supervisor, emergency, hence(hours), because)
        assert unfit.value.field == field
        assert not LogEntry.objects.filter(event="emergency.extended").exists()

    def test_gives_grants_that_the_ceiling_cut_off_another_step(self, world):
        emergency = world.declare(hours=60)
        Grant.objects.update(ends_at=hence(1))
        lifecycle.extend(world.supervisor, emergency, hence(20), "続いている")
        assert Grant.objects.live(hence(19)).count() == 2
        emergency.refresh_from_db()
        assert emergency.expires_at > hence(59)

    def test_brings_no_revoked_grant_back(self, world):
        emergency = world.declare()
        revoking.revoke(world.supervisor, Grant.objects.filter(roster_entry=world.entry()), "交代")
        lifecycle.extend(world.supervisor, emergency, hence(10), "続いている")
        assert [g.roster_entry.person for g in Grant.objects.live()] == [world.contractor02]

    def test_of_what_is_over_is_refused(self, world):
        emergency = lifecycle.end(world.declare(), world.supervisor)
        with pytest.raises(AlreadyDone):
            lifecycle.extend(world.supervisor, emergency, hence(10), "x")

    def test_is_not_for_who_may_not_declare_there(self, world):
        emergency = world.declare()
        with pytest.raises(Denied, match="area_not_yours"):
            lifecycle.extend(world.people["supervisor-ehime"], emergency, hence(10), "x")


class TestAreas:
    def test_a_change_reaches_every_grant_at_once(self, world):
        emergency = world.declare(TAKAMATSU)
        call = inquiry_of(world, emergency)
        lifecycle.change_areas(world.supervisor, emergency, [world.areas[MATSUYAMA]])
        with pytest.raises(Denied, match="customer_unknown"):
            reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
        assert set(AreaUserPermission.objects.values_list("content_object__code", flat=True)) == {MATSUYAMA}

    @pytest.mark.parametrize("codes", [[], [TAKAMATSU], [TAKAMATSU, TRAINING]])
    def test_none_the_same_or_a_training_area_is_unfit(self, world, codes):
        emergency = world.declare(TAKAMATSU)
        with pytest.raises(Unfit):
            lifecycle.change_areas(world.supervisor, emergency, [world.areas[code] for code in codes])

    def test_only_who_decides_on_all_of_them_before_and_after(self, world):
        emergency = world.declare(TAKAMATSU)
        ehime = world.people["supervisor-ehime"]
        for codes in ([MATSUYAMA], [TAKAMATSU, MATSUYAMA]):
            with pytest.raises(Denied, match="area_not_yours"):
                lifecycle.change_areas(ehime, emergency, [world.areas[code] for code in codes])


def test_an_offices_supervisor_declares_in_the_offices_areas_alone(world):
    ehime = world.people["supervisor-ehime"]
    with pytest.raises(Denied, match="area_not_yours"):
        lifecycle.declare(ehime, kind="flood", name="x", areas=[world.areas[TAKAMATSU]], expires_at=hence(1))
    lifecycle.declare(ehime, kind="flood", name="x", areas=[world.areas[MATSUYAMA]], expires_at=hence(1))


class TestPartOfARoster:
    def test_grants_to_the_marked_alone(self, world):
        emergency = world.declare(contracts=())
        given = granting.give_to_rosters(world.supervisor, emergency, [world.contract], [world.entry()])
        assert given.granted == 1
        assert [g.roster_entry.person for g in Grant.objects.live()] == [world.contractor]

    def test_passes_over_who_holds_one_already(self, world):
        emergency = world.declare()
        assert granting.give_to_rosters(world.supervisor, emergency, [world.contract]).granted == 0

    @pytest.mark.parametrize("days", [None, 400, -1])
    def test_passes_over_the_untrained_and_the_page_says_why(self, world, client_of, days):
        day = None if days is None else timezone.localdate() - timedelta(days=days)
        RosterEntry.objects.filter(pk=world.entry().pk).update(trained_on=day)
        emergency = world.declare(contracts=())
        given = granting.give_to_rosters(world.supervisor, emergency, [world.contract])
        assert (given.granted, given.not_ready) == (1, 1)
        client = client_of(world.supervisor)
        client.cookies["portal_language"] = "en"
        page = client.get(reverse("portal:roster", args=[world.contract.pk])).content.decode()
        says = {None: "Not trained yet", 400: "The training has lapsed", -1: "still to come"}[days]
        assert says in page

    def test_training_is_noted_and_makes_ready(self, world):
        RosterEntry.objects.update(trained_on=None)
        rosters.train(world.supervisor, world.entry(), timezone.localdate())
        world.declare()
        assert [g.roster_entry.person for g in Grant.objects.live()] == [world.contractor]


class TestSuspension:
    def test_stops_everything_and_lifting_brings_nothing_back(self, world):
        emergency = world.declare()
        assert suspension.suspend(world.supervisor, world.contract, "1月16日") == 2
        assert not Grant.objects.live().exists()
        assert not AreaUserPermission.objects.exists()
        suspension.lift(world.supervisor, world.contract)
        assert not Grant.objects.live().exists()
        assert granting.give_to_rosters(world.supervisor, emergency, [world.contract]).granted == 2

    def test_leaves_what_another_contract_gives(self, world):
        world.declare()
        other = DelegationContract.objects.create(
            title="別の契約", delegator=world.contract.delegator, delegate=world.contract.delegate,
            starts_at=world.contract.starts_at, ends_at=world.contract.ends_at, delegated_items=["name"],
        )  # fmt: skip
        suspension.suspend(world.supervisor, other, "点検")
        assert Grant.objects.live().count() == 2

    def test_twice_is_once_and_lifting_needs_one(self, world):
        suspension.suspend(world.supervisor, world.contract, "点検")
        with pytest.raises(AlreadyDone):
            suspension.suspend(world.supervisor, world.contract, "点検")
        suspension.lift(world.supervisor, world.contract)
        with pytest.raises(AlreadyDone):
            suspension.lift(world.supervisor, world.contract)

    def test_is_lifted_by_who_may_grant_under_it(self, world):
        suspension.suspend(world.supervisor, world.contract, "点検")
        world.contract.contractgrouppermission_set.all().delete()
        with pytest.raises(Denied, match="contract_not_yours"):
            suspension.lift(world.supervisor, world.contract)


class TestDualControl:
    def test_a_grant_waits_and_the_first_supervisor_cannot_agree(self, world):
        world.ask_under_dual_control()
        assert not Grant.objects.exists()
        (asked,) = Request.objects.waiting()
        with pytest.raises(Denied, match="second_person"):
            answering.answer(world.supervisor, asked.pk, agree=True)
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert Grant.objects.live().count() == 2
        entry = LogEntry.objects.filter(event="grant.given").latest("pk")
        assert entry.actor == world.supervisor
        assert entry.additional_data["second"] == str(world.supervisor02)

    def test_a_grants_clock_starts_when_it_is_given(self, world):
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert world.grant().starts_at > asked.asked_at

    def test_an_extension_waits_too(self, world):
        emergency = world.declare()
        DelegationContract.objects.update(dual_control=True)
        lifecycle.extend(world.supervisor, emergency, hence(10), "続いている")
        assert Grant.objects.live(hence(7)).count() == 0
        (asked,) = Request.objects.waiting()
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert Grant.objects.live(hence(7)).count() == 2

    def test_refused_or_lapsed_gives_nothing(self, world):
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        answering.answer(world.supervisor02, asked.pk, agree=False)
        with pytest.raises(AlreadyDone):
            answering.answer(world.supervisor02, asked.pk, agree=True)
        late = requests.ask(
            world.supervisor, "grant", about="a test", lapses_at=clock.database_now() + timedelta(milliseconds=100),
            emergency=asked.emergency, contract=asked.contract, detail=asked.detail,
        )  # fmt: skip
        wait_for_clock(late.lapses_at)
        with translation.override("ja"), pytest.raises(AlreadyDone, match="失効"):
            answering.answer(world.supervisor02, late.pk, agree=True)
        sweep()
        late.refresh_from_db()
        assert late.answer == "lapsed"
        assert not Grant.objects.exists()

    def test_one_supervisor_cannot_switch_it_off(self, world, client_of):
        DelegationContract.objects.update(dual_control=True)
        client = client_of(world.supervisor)
        path = f"/registers/delegationcontract/{world.contract.pk}/change/"
        form = client.get(path).context["adminform"].form
        assert form.fields["dual_control"].disabled
        with pytest.raises(IntegrityError, match="dual control"), transaction.atomic():
            DelegationContract.objects.update(dual_control=False)

    def test_the_queue_shows_the_oldest_first(self, world):
        world.ask_under_dual_control()
        world.declare(MARUGAME, name="地震")
        asked = [one.asked_at for one in answering.waiting_for(world.supervisor02)]
        assert asked == sorted(asked)
        assert len(asked) == 2


class TestAskingForHelp:
    def test_who_is_on_a_roster_without_a_grant_asks_and_is_granted(self, world, client_of):
        emergency = world.declare(contracts=())
        client = client_of(world.contractor)
        assert "申請" in client.get("/").content.decode()
        path = reverse("portal:ask_for_help", args=[emergency.pk])
        assert client.post(path, {"because": "応援に来ました"}).status_code == 302
        (asked,) = Request.objects.waiting()
        assert asked.because == "応援に来ました"
        answering.answer(world.supervisor, asked.pk, agree=True)
        assert [g.roster_entry.person for g in Grant.objects.live()] == [world.contractor]

    def test_asking_twice_is_asking_once(self, world):
        emergency = world.declare(contracts=())
        granting.ask_for_help(world.contractor, emergency, "応援")
        with pytest.raises(AlreadyDone):
            granting.ask_for_help(world.contractor, emergency, "応援")

    def test_is_not_for_the_untrained_nor_who_holds_a_grant(self, world):
        with pytest.raises(Denied, match="no_grant"):
            granting.ask_for_help(world.contractor, world.declare(), "応援")
        RosterEntry.objects.update(trained_on=None)
        with pytest.raises(Denied, match="no_grant"):
            granting.ask_for_help(world.contractor, world.declare(MARUGAME, contracts=()), "応援")

    def test_without_a_sentence_nothing_is_asked(self, world, client_of):
        emergency = world.declare(contracts=())
        path = reverse("portal:ask_for_help", args=[emergency.pk])
        assert client_of(world.contractor).post(path, {"because": " "}).status_code == 200
        assert not Request.objects.exists()


class TestADrill:
    def test_reaches_training_areas_and_nothing_else(self, world):
        drill = world.drill()
        call = inquiry_of(world, drill)
        view = reading.open_customer(world.contractor, world.customers[KUNREN].pk, call)
        assert view.values["name"] == "訓練 一郎"
        with pytest.raises(Denied, match="customer_unknown"):
            reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)

    def test_a_real_emergency_never_reaches_training_areas(self, world):
        with pytest.raises(Exception, match="a drill reaches training areas"):
            world.declare(TRAINING)

    def test_nobody_else_sees_synthetic_customers(self, world):
        found = reading.look_up(world.retailer, reading.Terms(supply_point_number=KUNREN))
        assert found.customers == []

    @pytest.mark.parametrize("role", ["contractor", "operator", "supervisor", "auditor", "administrator"])
    def test_every_page_says_so(self, world, client_of, role):
        world.drill()
        page = client_of(world.people[role]).get("/").content.decode()
        assert 'class="band drill"' in page
        assert "訓練" in page


class TestSeparateDuties:
    def test_a_new_account_is_closed_until_a_second_administrator_agrees(self, world, client_of):
        client_of(world.administrator).post(
            "/registers/person/add/",
            {
                "username": "friend", "name": "友人", "organization": world.operator.organization_id,
                "role": "operator", "office": world.operator.office_id, "email": "friend@example.jp",
            },
        )  # fmt: skip
        friend = Person.objects.get(username="friend")
        assert not friend.is_active
        (asked,) = Request.objects.waiting()
        with pytest.raises(Denied, match="second_person"):
            answering.answer(world.administrator, asked.pk, agree=True)
        answering.answer(world.administrator02, asked.pk, agree=True)
        friend.refresh_from_db()
        assert friend.is_active

    def test_another_role_office_or_organisation_waits(self, world):
        person = Person.objects.get(username="operator")
        person.office = world.people["operator-ehime"].office
        accounts.save_person(world.administrator, person, Person.objects.get(username="operator"))
        assert Person.objects.get(username="operator").office == world.operator.office
        (asked,) = Request.objects.waiting()
        answering.answer(world.administrator02, asked.pk, agree=True)
        assert Person.objects.get(username="operator").office == world.people["operator-ehime"].office

    def test_what_the_database_refuses_is_said_and_not_done(self, world):
        operator = world.operator
        accounts._ask(world.administrator, operator, {"role": "contractor"})
        (asked,) = Request.objects.waiting()
        with pytest.raises(AlreadyDone), transaction.atomic():
            answering.answer(world.administrator02, asked.pk, agree=True)
        assert Person.objects.get(pk=operator.pk).role == "operator"

    def test_closing_an_account_waits_for_nobody_and_stops_its_grants(self, world):
        world.declare()
        person = Person.objects.get(username="contractor")
        person.is_active = False
        assert accounts.save_person(world.administrator, person, world.contractor) == []
        assert not Grant.objects.live().filter(roster_entry__person=person).exists()
        assert LogEntry.objects.filter(event="roster.left", subject_id=person.pk).exists()

    def test_nobody_changes_their_own_place(self, world, client_of):
        form = {
            "username": "administrator", "name": "今治 五月", "role": "auditor", "is_active": "on",
            "organization": world.operator.organization_id,
        }  # fmt: skip
        path = f"/registers/person/{world.administrator.pk}/change/"
        response = client_of(world.administrator).post(path, form)
        assert response.context["adminform"].form.errors["role"]
        person = Person.objects.get(pk=world.administrator.pk)
        person.role = "operator"
        with pytest.raises(Unfit):
            accounts.save_person(world.administrator, person, world.administrator)

    def test_a_right_on_an_area_waits_and_is_taken_at_once(self, world):
        office, area = world.operator.office.group, world.areas[MATSUYAMA]
        accounts.change_right(world.administrator, "consult", area.pk, office, give=True)
        assert area.pk not in policy.basis_for_lookup(world.operator).scopes[0].areas
        (asked,) = Request.objects.waiting()
        answering.answer(world.administrator02, asked.pk, agree=True)
        assert area.pk in policy.basis_for_lookup(world.operator).scopes[0].areas
        accounts.change_right(world.administrator, "consult", area.pk, office, give=False)
        assert area.pk not in policy.basis_for_lookup(world.operator).scopes[0].areas
        assert LogEntry.objects.filter(event__startswith="right.").count() == 2

    def test_a_code_for_a_password_waits(self, world, client_of):
        before = world.operator.password
        client_of(world.administrator).post(f"/registers/person/{world.operator.pk}/password/")
        (asked,) = Request.objects.waiting()
        assert not world.operator.notices.filter(kind=notices.CODE).exists()
        answering.answer(world.administrator02, asked.pk, agree=True)
        assert world.operator.notices.filter(kind=notices.CODE).exists()
        assert Person.objects.get(pk=world.operator.pk).password == before, "until the person chooses another"

    def test_supervisors_and_administrators_answer_their_own_queues_alone(self, world):
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        with pytest.raises(Denied, match="role"):
            answering.answer(world.administrator, asked.pk, agree=True)
        right = accounts.change_right(
            world.administrator, "grant", world.contract.pk, world.operator.office.group, give=True
        )
        with pytest.raises(Denied, match="role"):
            answering.answer(world.supervisor02, right.pk, agree=True)

    def test_an_auditor_reads_the_history_of_the_contracts_they_review(self, world, client_of):
        world.declare()
        client = client_of(world.auditor)
        events = {line.entry.event for line in client.get("/history/").context["lines"]}
        assert "grant.given" in events
        world.nobody_reviews()
        events = {line.entry.event for line in client.get("/history/").context["lines"]}
        assert "emergency.declared" in events
        assert "grant.given" not in events


def told(person) -> list[str]:
    return list(person.notices.order_by("pk").values_list("kind", flat=True))


class TestNotices:
    def test_a_declaration_is_told_to_the_auditors_and_other_supervisors_at_once(self, world):
        world.declare()
        assert told(world.auditor) == told(world.supervisor02) == ["declared"]
        assert told(world.supervisor) == []

    def test_everything_is_told_once_however_often_the_task_runs(self, world):
        emergency = world.declare(hours=0.9)
        for _ in range(3):
            sweep()
            emails.send()
        assert told(world.contractor) == ["called"]
        assert told(world.supervisor) == ["expires_60"]
        lifecycle.end(emergency, world.supervisor)
        for _ in range(3):
            sweep()
            emails.send()
        assert told(world.supervisor) == ["expires_60", "ended"]
        assert len(mail.outbox) == Notice.objects.count()
        assert len({(m.to[0], m.subject) for m in mail.outbox}) == len(mail.outbox)

    def test_fifteen_minutes_before_expiry_is_told_with_a_link_to_extend(self, world):
        emergency = world.declare(hours=0.2)
        sweep()
        (notice,) = world.supervisor.notices.all()
        assert notice.kind == "expires_15"
        assert notice.path == reverse("portal:extend_emergency", args=[emergency.pk])

    def test_an_extension_is_warned_of_anew(self, world):
        emergency = world.declare(hours=0.2)
        sweep()
        lifecycle.extend(world.supervisor, emergency, hence(0.23), "続いている")
        sweep()
        assert told(world.supervisor) == ["expires_15", "expires_15"]

    def test_a_waiting_request_is_told_to_those_who_may_answer(self, world):
        world.ask_under_dual_control()
        sweep()
        assert "waiting" in told(world.supervisor02)
        assert "waiting" not in told(world.supervisor)

    def test_a_suspension_is_told_to_those_it_stops(self, world):
        world.declare()
        suspension.suspend(world.supervisor, world.contract, "点検")
        assert told(world.contractor) == ["suspended"]
        assert "suspended" in told(world.auditor)

    def test_a_silent_worker_is_told_once_a_silence_and_mailed_without_it(self, world, client, client_of):
        Heartbeat.objects.create(pk=1, heard_at=clock.database_now() - timedelta(minutes=5))
        client.get("/readyz")
        client_of(world.supervisor).get("/board/")
        assert not Notice.objects.exists(), "to ask changes nothing"
        for _ in range(3):
            watching.miss_the_worker()
        assert told(world.supervisor) == ["silent"]
        assert told(world.administrator) == ["silent"]
        assert len(mail.outbox) == Notice.objects.count()

    def test_an_email_names_no_caller_and_no_customer(self, world):
        emergency = world.declare()
        inquiry_of(world, emergency)
        sweep()
        emails.send()
        said = " ".join(m.subject + m.body for m in mail.outbox)
        assert "通報者" not in said
        assert "台風第14号" in said

    def test_reading_the_page_reads_them(self, world, client_of):
        world.declare()
        client = client_of(world.auditor)
        assert 'class="count"' in client.get("/").content.decode()
        assert "台風第14号" in client.get("/notices/").content.decode()
        assert 'class="count"' not in client.get("/").content.decode()


def test_a_window_that_closes_by_itself_is_reconciled_though_nothing_was_changed(world):
    world.declare()
    Grant.objects.update(ends_at=hence(0.3 / 3600))
    assert reconcile().removed == 0
    wait_for_clock(world.grant().ends_at)
    assert not Unreconciled.objects.exists()
    assert reconcile().removed == 4


def test_a_supervisor_reads_what_an_emergency_came_to(world, client_of):
    emergency = world.declare()
    call = inquiry_of(world, emergency)
    reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), call)
    reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)
    client, path = client_of(world.supervisor), reverse("portal:summary", args=[emergency.pk])
    assert client.get(path).status_code == 404, "it is not over"
    lifecycle.end(emergency, world.supervisor)
    figures = client.get(path).context["figures"]
    assert (figures["granted"], figures["people"], figures["customers"]) == (2, 1, 1)
    (line,) = figures["lines"]
    assert (line["username"], line["lookups"]) == ("contractor", 2)


class TestTheBoard:
    def test_every_number_opens_the_list_behind_it(self, world, client_of):
        emergency = world.declare()
        call = inquiry_of(world, emergency)
        reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), call)
        client = client_of(world.supervisor)
        page = client.get("/board/")
        assert page.context["lookups"] >= 1
        paths = set()
        for part in page.content.decode().split('href="')[1:]:
            path = part.split('"')[0].replace("&amp;", "&")
            if path.startswith("/board/") and path != "/board/":
                paths.add(path)
        assert len(paths) >= 4
        for path in paths:
            assert client.get(path).status_code == 200, path

    def test_the_list_of_lookups_names_no_customer(self, world, client_of):
        emergency = world.declare()
        reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), inquiry_of(world, emergency))
        page = client_of(world.supervisor).get("/board/lookups/").content.decode()
        assert "contractor" in page
        assert HANAKO not in page
        assert "香川 花子" not in page

    @pytest.mark.parametrize("query", ["?contract=x", "?contract=" + "9" * 30, "?minute=x", "?area=x&kind=x"])
    def test_garbage_in_a_list_gives_a_page(self, world, client_of, query):
        client = client_of(world.supervisor)
        for name in ("live_grants", "lookups", "board_inquiries"):
            assert client.get(reverse(f"portal:{name}") + query).status_code == 200


class TestWhatAHostileReviewFound:
    def test_a_drills_inquiry_opens_no_real_customer(self, world):
        world.declare()
        call = inquiry_of(world, world.drill())
        with pytest.raises(Denied, match="customer_unknown"):
            reading.open_customer(world.contractor, world.customers[HANAKO].pk, call)

    def test_under_dual_control_one_supervisor_adds_no_area(self, world):
        emergency = world.declare(TAKAMATSU)
        DelegationContract.objects.update(dual_control=True)
        with pytest.raises(Unfit):
            lifecycle.change_areas(
                world.supervisor, emergency, [world.areas[TAKAMATSU], world.areas[MARUGAME]]
            )

    def test_who_holds_no_right_on_a_contract_changes_neither_it_nor_its_roster(self, world, client_of):
        world.contract.contractgrouppermission_set.all().delete()
        path = f"/registers/delegationcontract/{world.contract.pk}/change/"
        assert client_of(world.supervisor).post(path, {"title": "x"}).status_code == 403
        with pytest.raises(Denied, match="contract_not_yours"):
            rosters.train(world.supervisor, world.entry(), timezone.localdate())
        with pytest.raises(Denied, match="contract_not_yours"):
            rosters.remove(world.supervisor, world.entry())
        with pytest.raises(Denied, match="contract_not_yours"):
            rosters.add(world.supervisor, world.contract, world.contractor, None)
        page = client_of(world.supervisor).get(reverse("portal:roster", args=[world.contract.pk]))
        assert "/remove/" not in page.content.decode()

    def test_a_supervisor_does_not_become_an_auditor_in_two_steps_either(self, world):
        with pytest.raises(IntegrityError, match="never becomes"), transaction.atomic():
            Person.objects.filter(username="supervisor").update(role="operator")

    def test_a_former_contractors_permissions_are_no_operators(self, world):
        world.declare(MATSUYAMA)
        person = Person.objects.get(username="contractor")
        person.role, person.organization, person.office = (
            "operator", world.operator.organization, world.operator.office,
        )  # fmt: skip
        person.save()
        areas = policy.basis_for_lookup(Person.objects.get(pk=person.pk)).scopes[0].areas
        assert world.areas[MATSUYAMA].pk not in areas

    def test_no_page_makes_a_second_network_operator(self, world, client_of):
        form = {"name": "偽送配電", "name_en": "", "kind": "network_operator"}
        client_of(world.administrator).post("/registers/organization/add/", form)
        assert not type(world.organizations["operator"]).objects.filter(name="偽送配電").exists()

    def test_a_request_to_open_an_account_says_what_it_is(self, world):
        accounts._ask(world.administrator, world.operator, {"is_active": True})
        (asked,) = Request.objects.waiting()
        said = accounts.described(asked)
        assert "担当者" in said
        assert str(world.operator.office) in said

    def test_a_name_stays_while_a_request_about_it_waits(self, world, client_of):
        accounts._ask(world.administrator, world.operator, {"password": "!"})
        form = {
            "username": "operator", "name": "試験用", "role": "operator", "is_active": "on",
            "organization": world.operator.organization_id, "office": world.operator.office_id,
        }  # fmt: skip
        client_of(world.administrator).post(f"/registers/person/{world.operator.pk}/change/", form)
        assert Person.objects.get(pk=world.operator.pk).name == "高松 一郎"

    def test_one_odd_entry_hides_no_other(self, world, client_of):
        world.declare()
        LogEntry(kind="decision", event="odd 100%", additional_data={}).save()
        lines = client_of(world.auditor).get("/history/").context["lines"]
        assert len(lines) > 1
