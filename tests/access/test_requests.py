"""Requests of every kind: asked once at a time, told to whoever asked, and gone with what they are about."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone, translation

from access import accounts, answering, clock, granting, lifecycle, policy, requests, suspension, terms
from access.errors import AlreadyDone, Denied
from access.models import DelegationContract, Emergency, Grant, Person, Request, RosterEntry
from access.tasks import sweep
from audit.acting import as_person
from audit.models import LogEntry
from customers.disclosure import DELEGABLE_ITEMS
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db


def hence(hours: float):
    return clock.database_now() + timedelta(hours=hours)


def told(person) -> list[str]:
    return list(person.notices.order_by("pk").values_list("kind", flat=True))


def extension(world):
    emergency = world.declare()
    DelegationContract.objects.update(dual_control=True)
    return lambda: lifecycle.extend(world.supervisor, emergency, hence(10), "続いている")


def call_for_help(world):
    emergency = world.declare(contracts=())
    return lambda: granting.ask_for_help(world.contractor, emergency, "応援")


def right(world):
    office = world.people["operator-ehime"].office.group
    area = world.areas[MARUGAME]
    return lambda: accounts.change_right(world.administrator, "consult", area.pk, office, give=True)


def reopening(world):
    Person.objects.filter(pk=world.operator.pk).update(is_active=False)
    before = Person.objects.get(pk=world.operator.pk)
    person = Person.objects.get(pk=world.operator.pk)
    person.is_active = True

    def ask():
        person.is_active = True
        return accounts.save_person(world.administrator, person, before)

    return ask


@pytest.mark.parametrize("thing", [extension, call_for_help, right, reopening])
def test_the_same_is_asked_for_once_at_a_time_and_the_twin_is_told_who_asked(world, thing):
    ask = thing(world)
    ask()
    (first,) = Request.objects.waiting()
    with (
        translation.override("en"),
        pytest.raises(AlreadyDone, match="asked for this at") as late,
        transaction.atomic(),
    ):
        ask()
    assert str(first.asked_by) in str(late.value)
    assert Request.objects.waiting().get() == first


def test_after_a_lapse_the_same_is_asked_for_anew_and_the_history_says_so(world):
    ask = call_for_help(world)
    first = ask()
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE access_request DISABLE TRIGGER USER")
        Request.objects.filter(pk=first.pk).update(asked_at=hence(-2), lapses_at=hence(-1))
        cursor.execute("ALTER TABLE access_request ENABLE TRIGGER USER")
    second = ask()
    first.refresh_from_db()
    assert first.answer == "lapsed"
    assert Request.objects.waiting().get() == second
    assert LogEntry.objects.filter(event="request.lapsed", object_id=first.pk).exists()
    assert told(world.contractor) == ["lapsed"]


@pytest.mark.parametrize(("agree", "says"), [(True, "agreed"), (False, "refused")])
def test_whoever_asked_is_told_the_answer(world, agree, says):
    extension(world)()
    (asked,) = Request.objects.waiting()
    answering.answer(world.supervisor02, asked.pk, agree=agree)
    assert told(world.supervisor) == [says]
    assert "waiting" not in told(world.supervisor)


def test_whoever_asked_is_told_of_a_lapse(world):
    request = requests.ask(
        world.supervisor, "extension", about="x", detail={}, lapses_at=hence(0.2 / 3600)
    )  # fmt: skip
    while clock.database_now() <= request.lapses_at:
        pass
    sweep()
    assert told(world.supervisor) == ["lapsed"]


def test_an_ending_takes_nothing_of_another_emergency_along(world):
    first = world.ask_under_dual_control()
    second = world.declare(MATSUYAMA, name="地震")
    lifecycle.end(first, world.supervisor)
    assert [one.emergency for one in Request.objects.waiting()] == [second]


def test_an_ending_takes_what_waits_for_it_along(world):
    extension(world)()
    (asked,) = Request.objects.waiting()
    lifecycle.end(asked.emergency, world.supervisor02)
    assert not Request.objects.waiting().exists()
    asked.refresh_from_db()
    assert (asked.answer, asked.outcome) == ("pointless", {"why": "ended"})
    assert told(world.supervisor) == ["pointless", "ended"]


def widened_areas(world, asked):
    lifecycle.change_areas(
        world.supervisor, asked.emergency, [world.areas[code] for code in (TAKAMATSU, MARUGAME, MATSUYAMA)]
    )


def widened_items(world, asked):
    DelegationContract.objects.filter(pk=asked.contract_id).update(delegated_items=list(DELEGABLE_ITEMS))


class TestARequestOpensWhatItSays:
    """One supervisor asks, and makes it more before the other agrees."""

    @pytest.mark.parametrize("widen", [widened_areas, widened_items])
    def test_what_became_more_needs_a_new_agreement(self, world, widen):
        DelegationContract.objects.update(delegated_items=["name"])
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        widen(world, asked)
        done = answering.answer(world.supervisor02, asked.pk, agree=True)
        assert (done.answer, done.outcome["why"]) == ("pointless", "wider")
        assert not Grant.objects.exists()
        assert told(world.supervisor) == ["pointless"]

    @pytest.mark.parametrize("widen", [widened_areas, widened_items])
    def test_so_does_a_call_for_help(self, world, widen):
        DelegationContract.objects.update(delegated_items=["name"])
        asked = call_for_help(world)()
        widen(world, asked)
        assert answering.answer(world.supervisor, asked.pk, agree=True).answer == "pointless"
        assert not Grant.objects.exists()

    def test_so_does_an_extension(self, world):
        extension(world)()
        (asked,) = Request.objects.waiting()
        asked.emergency.areas.add(world.areas[MATSUYAMA])
        assert answering.answer(world.supervisor02, asked.pk, agree=True).outcome["why"] == "wider"
        assert Grant.objects.live(hence(7)).count() == 0

    def test_a_grant_ends_no_later_than_it_said(self, world):
        emergency = world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        said = emergency.expires_at
        lifecycle.extend(world.supervisor, emergency, hence(20), "続いている")
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert set(Grant.objects.values_list("ends_at", flat=True)) == {said}

    @pytest.mark.parametrize("dual", [False, True])
    def test_help_ends_no_later_than_it_said(self, world, dual):
        asked = call_for_help(world)()
        said = asked.emergency.expires_at
        lifecycle.extend(world.supervisor, asked.emergency, hence(20), "続いている")
        DelegationContract.objects.update(dual_control=dual)
        answering.answer(world.supervisor, asked.pk, agree=True)
        if dual:
            (second,) = Request.objects.waiting()
            assert second.detail["until"] == said.isoformat()
            answering.answer(world.supervisor02, second.pk, agree=True)
        assert Grant.objects.get().ends_at == said

    def test_an_extension_asks_for_no_contract_that_it_does_not_extend(self, world):
        extension(world)()
        (asked,) = Request.objects.waiting()
        other = DelegationContract.objects.get(pk=world.contract.pk)
        other.pk, other.title, other.dual_control = None, "別の契約", False
        other.save()
        entry = RosterEntry.objects.create(
            contract=other,
            person=world.contractor,
            trained_on=world.entry().trained_on,
            added_by=world.supervisor,
        )
        Grant.objects.filter(roster_entry__person=world.contractor).update(
            revoked_at=hence(0), revoked_by=world.supervisor, revoked_because="交代"
        )
        Grant.objects.create(
            roster_entry=entry, emergency=asked.emergency, starts_at=hence(0), ends_at=hence(1),
            granted_by=world.supervisor,
        )  # fmt: skip
        assert answering.answer(world.supervisor02, asked.pk, agree=True).answer == "agreed"
        assert [one.roster_entry.person for one in Grant.objects.live(hence(7))] == [world.contractor02]

    def test_an_extension_is_of_the_grants_that_ran_when_it_was_asked_for(self, world):
        emergency = world.declare(contracts=())
        granting.give(world.supervisor, emergency, world.contract, [world.entry()])
        DelegationContract.objects.update(dual_control=True)
        lifecycle.extend(world.supervisor, emergency, hence(10), "続いている")
        (asked,) = Request.objects.waiting()
        second = granting.give(world.supervisor, emergency, world.contract, [world.entry("contractor02")])
        assert second.waiting == 1
        later = Request.objects.waiting().get(kind="grant")
        answering.answer(world.supervisor02, later.pk, agree=True)
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert [one.roster_entry.person for one in Grant.objects.live(hence(7))] == [world.contractor]

    def test_an_extension_says_why_and_who_agreed(self, world):
        extension(world)()
        (asked,) = Request.objects.waiting()
        assert asked.because
        answering.answer(world.supervisor02, asked.pk, agree=True)
        extended = LogEntry.objects.get(event="emergency.extended")
        assert extended.actor == asked.asked_by
        assert extended.additional_data["because"] == asked.because
        assert extended.additional_data["second"] == str(world.supervisor02)

    def test_an_extension_shortens_nothing_that_was_extended_further_meanwhile(self, world):
        extension(world)()
        (asked,) = Request.objects.waiting()
        emergency, later = asked.emergency, hence(12)
        Emergency.objects.filter(pk=emergency.pk).update(expires_at=later)
        Grant.objects.filter(emergency=emergency).update(ends_at=later)
        with pytest.raises(AlreadyDone, match="現在の期限より後"):
            answering.answer(world.supervisor02, asked.pk, agree=True)
        emergency.refresh_from_db()
        assert emergency.expires_at == later

    def test_the_rule_that_carries_an_extension_out_asks_for_the_rights_once_more(self, world):
        extension(world)()
        (asked,) = Request.objects.waiting()
        with pytest.raises(Denied, match="area_not_yours"):
            lifecycle.extension_agreed(asked, world.people["supervisor-ehime"])
        world.nobody_reviews()
        with pytest.raises(Denied, match="nobody_reviews"):
            lifecycle.extension_agreed(asked, world.supervisor02)

    def test_the_card_shows_all_of_it(self, world, client_of):
        world.ask_under_dual_control()
        client = client_of(world.supervisor02)
        client.cookies["portal_language"] = "ja"
        page = client.get("/requests/").content.decode()
        for said in (
            "37201 高松市", "37202 丸亀市", str(world.contractor), str(world.contractor02),
            "供給地点特定番号", "供給電圧", "24",
        ):  # fmt: skip
            assert said in page, said

    def test_the_same_people_are_asked_for_once_and_others_besides(self, world):
        emergency = world.ask_under_dual_control()
        (first,) = Request.objects.waiting()
        again = granting.give(world.supervisor02, emergency, world.contract)
        assert (again.waiting, again.granted) == (0, 0)
        assert str(world.supervisor) in again.asked_before[0]
        assert Request.objects.waiting().get() == first

    def test_agreeing_to_what_does_nothing_any_more_says_so(self, world, client_of):
        emergency = world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        DelegationContract.objects.filter(pk=world.contract.pk).update(dual_control=True)
        RosterEntry.objects.update(trained_on=None)
        client = client_of(world.supervisor02)
        client.cookies["portal_language"] = "en"
        page = client.post(f"/requests/{asked.pk}/answer/", {"answer": "agree"}, follow=True).content.decode()
        assert "Nothing was done. There was nothing left to do" in page
        assert not emergency.grants.exists()


class TestTerms:
    """One supervisor opens less at once; more takes two."""

    @pytest.fixture
    def change(self, world, client_of):
        path = f"/registers/delegationcontract/{world.contract.pk}/change/"
        client = client_of(world.supervisor)
        client.cookies["portal_language"] = "en"
        DelegationContract.objects.update(delegated_items=["name", "address"])
        start, end = (timezone.localtime(one) for one in (world.contract.starts_at, world.contract.ends_at))
        same = {
            "title": world.contract.title, "max_grant_hours": 24, "delegated_items": ["name", "address"],
            "training_valid_days": 366, "max_results": 5, "slow_after": 20, "stop_after": 40,
            "starts_at_0": f"{start:%Y-%m-%d}", "starts_at_1": f"{start:%H:%M:%S}",
            "ends_at_0": f"{end:%Y-%m-%d}", "ends_at_1": f"{end:%H:%M:%S}",
        }  # fmt: skip
        DelegationContract.objects.update(max_results=5)
        return lambda **changed: client.post(path, same | changed, follow=True).content.decode()

    @pytest.mark.parametrize(
        ("typed", "term", "value"),
        [
            ({"max_grant_hours": 48}, "max_grant_hours", 48),
            (
                {"delegated_items": ["name", "address", "phone"]},
                "delegated_items",
                ["address", "name", "phone"],
            ),
            ({"training_valid_days": 400}, "training_valid_days", 400),
            ({"max_results": 6}, "max_results", 6),
            ({"slow_after": 30}, "slow_after", 30),
            ({"stop_after": 50}, "stop_after", 50),
            ({"ends_at_0": "2032-04-01"}, "ends_at", None),
            ({"starts_at_0": "2010-04-01"}, "starts_at", None),
        ],
    )
    def test_more_waits_for_a_second_supervisor(self, world, change, typed, term, value):
        before = getattr(DelegationContract.objects.get(), term)
        page = change(**typed)
        assert "waits for a second supervisor" in page
        assert getattr(DelegationContract.objects.get(), term) == before
        (asked,) = Request.objects.waiting()
        with pytest.raises(Denied, match="second_person"):
            answering.answer(world.supervisor, asked.pk, agree=True)
        answering.answer(world.supervisor02, asked.pk, agree=True)
        after = getattr(DelegationContract.objects.get(), term)
        assert after != before
        assert value is None or after == value

    def test_less_is_less_at_once_and_stands_in_the_history(self, world, change):
        change(max_grant_hours=12, delegated_items=["name"], slow_after=10)
        contract = DelegationContract.objects.get()
        assert (contract.max_grant_hours, contract.delegated_items, contract.slow_after) == (12, ["name"], 10)
        assert not Request.objects.exists()
        entry = LogEntry.objects.filter(
            object_repr=contract.title, changes__has_key="max_grant_hours"
        ).latest("pk")
        assert entry.actor == world.supervisor
        assert entry.changes["max_grant_hours"] == ["24", "12"]

    def test_what_was_agreed_to_stands_in_the_history_with_who_agreed(self, world, change):
        change(max_grant_hours=48)
        (asked,) = Request.objects.waiting()
        with as_person(world.supervisor02):
            answering.answer(world.supervisor02, asked.pk, agree=True)
        entry = LogEntry.objects.filter(changes__has_key="max_grant_hours").latest("pk")
        assert (entry.actor, entry.changes["max_grant_hours"]) == (world.supervisor02, ["24", "48"])

    def test_a_mixed_change_takes_away_at_once_and_asks_for_the_rest(self, world, change):
        change(delegated_items=["name", "phone"], max_grant_hours=12)
        contract = DelegationContract.objects.get()
        assert (contract.delegated_items, contract.max_grant_hours) == (["name"], 12)
        answering.answer(world.supervisor02, Request.objects.waiting().get().pk, agree=True)
        assert DelegationContract.objects.get().delegated_items == ["name", "phone"]

    def test_a_form_that_was_read_before_a_suspension_lifts_nothing(self, world):
        read_before = DelegationContract.objects.get()
        suspension.suspend(world.supervisor02, world.contract, "点検")
        DelegationContract.objects.update(dual_control=True)
        read_before.max_grant_hours = 12
        terms.change(world.supervisor, read_before)
        stored = DelegationContract.objects.get()
        assert (stored.suspended_because, stored.dual_control, stored.max_grant_hours) == ("点検", True, 12)

    def test_saving_it_unchanged_asks_for_nothing(self, world, change):
        change()
        assert not Request.objects.exists()

    def test_what_changed_meanwhile_is_asked_anew(self, world, change):
        change(max_grant_hours=48)
        (asked,) = Request.objects.waiting()
        change(max_grant_hours=6)
        assert answering.answer(world.supervisor02, asked.pk, agree=True).answer == "pointless"
        assert DelegationContract.objects.get().max_grant_hours == 6

    def test_the_page_shows_what_waits_and_takes_no_twin(self, world, change):
        change(max_grant_hours=48)
        page = change(max_grant_hours=60)
        assert "asked for this at" in page
        assert "Waits for an answer: Wider terms of a contract" in page
        assert Request.objects.waiting().count() == 1

    def test_the_card_says_what_becomes_of_what(self, world, change, client_of):
        change(max_grant_hours=48, delegated_items=["name", "address", "phone"])
        client = client_of(world.supervisor02)
        client.cookies["portal_language"] = "en"
        page = client.get("/requests/").content.decode()
        assert "24 → 48" in page
        assert "Phone" in page or "phone" in page


def test_nobody_answers_what_is_about_themself(world):
    asked = requests.ask(
        world.administrator, "account", about="x", lapses_at=hence(1), subject=world.administrator02,
        detail={"is_active": True},
    )  # fmt: skip
    for person in (world.administrator, world.administrator02):
        with pytest.raises(Denied, match="second_person"):
            policy.check_may_answer(person, asked)


def test_what_was_asked_for_before_a_suspension_gives_nothing_after_its_lifting(world):
    world.ask_under_dual_control()
    (grant,) = Request.objects.waiting()
    help_ = call_for_help(world)()
    suspension.suspend(world.supervisor, world.contract, "点検")
    suspension.lift(world.supervisor, world.contract)
    for asked in (grant, help_):
        asked.refresh_from_db()
        assert (asked.answer, asked.outcome) == ("pointless", {"why": "suspended"})
        with pytest.raises(AlreadyDone):
            answering.answer(world.supervisor02, asked.pk, agree=True)
    assert told(world.contractor) == ["pointless"]
    assert not Grant.objects.exists()


class TestPagesShowWhatWaits:
    def test_of_an_emergency_and_its_contract_with_who_asked(self, world, client_of):
        emergency = world.ask_under_dual_control()
        for path in (f"/emergencies/{emergency.pk}/", reverse("portal:roster", args=[world.contract.pk])):
            page = client_of(world.supervisor02).get(path).content.decode()
            assert str(world.supervisor) in page.split("</h1>")[1], path

    def test_of_rights(self, world, client_of):
        right(world)()
        page = client_of(world.administrator02).get(
            reverse("portal:rights", args=["area", world.areas[MARUGAME].pk])
        )
        assert str(world.administrator) in page.content.decode()

    def test_of_an_account_whose_twin_is_refused_beside_what_was_typed(self, world, client_of):
        reopening(world)()
        person = Person.objects.get(pk=world.operator.pk)
        typed = {
            "username": person.username, "name": person.name, "role": person.role, "is_active": "on",
            "organization": person.organization_id, "office": person.office_id,
        }  # fmt: skip
        path = f"/registers/person/{person.pk}/change/"
        page = client_of(world.administrator02).post(path, typed)
        assert str(world.administrator) in str(page.context["adminform"].form.non_field_errors())
        assert Request.objects.waiting().count() == 1

    def test_of_an_account(self, world, client_of):
        reopening(world)()
        page = client_of(world.administrator02).get(f"/registers/person/{world.operator.pk}/change/")
        assert str(world.administrator) in page.content.decode().split("</h1>")[1]

    def test_a_trace_of_ones_own_stays(self, world, client_of):
        world.ask_under_dual_control()
        (asked,) = Request.objects.waiting()
        answering.answer(world.supervisor02, asked.pk, agree=False)
        client = client_of(world.supervisor)
        client.cookies["portal_language"] = "en"
        assert f"Refused by {world.supervisor02}" in client.get("/requests/").content.decode()

    def test_a_contractors_too(self, world, client_of):
        asked = call_for_help(world)()
        answering.answer(world.supervisor, asked.pk, agree=False)
        client = client_of(world.contractor)
        client.cookies["portal_language"] = "en"
        assert f"Refused by {world.supervisor}" in client.get("/").content.decode()


def test_a_call_for_help_that_waits_for_a_second_supervisor_tells_its_caller_each_step(world):
    asked = call_for_help(world)()
    DelegationContract.objects.update(dual_control=True)
    answering.answer(world.supervisor, asked.pk, agree=True)
    assert told(world.contractor) == ["half_agreed"]
    second = Request.objects.waiting().get()
    answering.answer(world.supervisor02, second.pk, agree=False)
    assert told(world.contractor) == ["half_agreed", "refused"]


def test_a_request_is_told_to_those_alone_who_may_answer_it(world):
    call_for_help(world)()
    sweep()
    assert "waiting" in told(world.supervisor)
    assert "waiting" not in told(world.people["supervisor-ehime"])
