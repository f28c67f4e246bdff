"""A person, an emergency, a grant: a page each from the history, for auditors, of what is theirs to review."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access import inquiries, lifecycle, revoking
from access.models import Emergency, Grant, Inquiry
from audit import recording
from audit.models import LogEntry
from customers import reading
from tests.audit import past
from tests.world import HANAKO, JIRO

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


@pytest.fixture
def emergency(world, client_of) -> Emergency:
    """An emergency in which the contractor looked two callers up, and was refused once after it."""
    made = world.declare()
    taken = inquiries.take(world.contractor, Inquiry(emergency=made, caller_name="通報者", kind="outage"))
    for number in (HANAKO, JIRO):
        reading.open_customer(world.contractor, world.customers[number].pk, taken)
    client_of(world.contractor).get("/history/")
    return made


def found(client, path: str):
    response = client.get(path)
    assert response.status_code == 200
    return response.context["found"]


class TestPerson:
    def test_what_they_looked_up_saw_and_were_refused(self, world, auditor, emergency):
        one = found(auditor, f"/history/people/{world.contractor.pk}/")
        assert (one.figures["disclosures"], one.figures["customers"], one.figures["denials"]) == (2, 2, 1)
        assert [grant.emergency for grant in one.grants] == [emergency]
        assert one.denials[-1].count == 1
        assert sum(day.count for day in one.denials) == 1
        opened = auditor.get(f"/history/?{one.denials[-1].query}").context["lines"]
        assert [line.entry.kind for line in opened] == ["denial"]

    def test_the_latest_entries_are_those_by_and_about_them(self, world, auditor, emergency):
        one = found(auditor, f"/history/people/{world.contractor.pk}/")
        events = [line.entry.event for line in one.latest]
        assert "history.person_read" not in events, "who reads of them is not what they did"
        assert {"denied", "customer.opened", "grant.given"} <= set(events)
        for line in one.latest:
            assert world.contractor.pk in (line.entry.actor_id, line.entry.subject_id)

    def test_who_they_were_is_as_the_entries_have_it(self, world, auditor):
        recording.decision("demo.loaded", actor=world.operator, detail={"customers": 1})
        before = world.operator.name
        world.operator.name = "改名 した"
        world.operator.save()
        recording.decision("demo.loaded", actor=world.operator, detail={"customers": 1})
        one = found(auditor, f"/history/people/{world.operator.pk}/")
        assert [was.actor_name for was in one.was] == ["改名 した", before]

    def test_whose_contracts_are_another_auditors_is_refused(self, world, auditor):
        past.second_contract(world, reviewed=False)
        assert auditor.get(f"/history/people/{world.contractor03.pk}/").status_code == 403
        assert LogEntry.objects.denials().newest_first()[0].reason == "history_not_yours"
        assert not LogEntry.objects.filter(event="history.person_read").exists()

    def test_of_two_contracts_only_what_is_ones_own_is_told(self, world, auditor):
        other = past.second_contract(world, reviewed=False)
        other.roster.create(
            person=world.contractor, trained_on=timezone.localdate(), added_by=world.supervisor
        )
        world.declare(contracts=[world.contract, other])
        grants = Grant.objects.filter(roster_entry__person=world.contractor)
        for grant in grants:
            past.disclosure(grant, timezone.now())
        one = found(auditor, f"/history/people/{world.contractor.pk}/")
        assert one.figures["disclosures"] == 1
        assert [grant.roster_entry.contract for grant in one.grants] == [world.contract]

    def test_somebody_who_did_nothing_has_a_page(self, world, auditor):
        page = auditor.get(f"/history/people/{world.retailer.pk}/").content.decode()
        assert "They have done nothing that the history holds." in page


class TestEmergency:
    def test_what_it_came_to_and_what_was_decided(self, world, auditor, emergency):
        lifecycle.extend(world.supervisor, emergency, emergency.expires_at + timedelta(hours=1), "続く")
        for _twice in range(2):
            one = found(auditor, f"/history/emergencies/{emergency.pk}/")
        assert (one.figures["customers"], one.granted) == (2, 2)
        assert [line["actor_id"] for line in one.people] == [world.contractor.pk]
        assert [line.entry.event for line in one.decisions] == ["emergency.declared", "emergency.extended"]

    def test_of_contracts_of_others_nothing_is_counted(self, world, auditor):
        other = past.second_contract(world, reviewed=False)
        made = world.declare(contracts=[world.contract, other])
        past.disclosure(world.grant("contractor"), timezone.now())
        past.disclosure(world.grant("contractor03"), timezone.now(), customer_id=2)
        one = found(auditor, f"/history/emergencies/{made.pk}/")
        assert (one.figures["customers"], one.granted) == (1, 2)
        assert "contractor03" not in auditor.get(f"/history/emergencies/{made.pk}/").content.decode()

    def test_one_of_others_alone_is_refused(self, world, auditor):
        made = world.declare(contracts=[past.second_contract(world, reviewed=False)])
        assert auditor.get(f"/history/emergencies/{made.pk}/").status_code == 403
        assert LogEntry.objects.denials().newest_first()[0].reason == "history_not_yours"


class TestGrant:
    def test_who_gave_it_who_took_it_and_what_was_seen_by_it(self, world, auditor, emergency):
        grant = world.grant()
        revoking.revoke(world.supervisor, Grant.objects.filter(pk=grant.pk), "交代のため")
        response = auditor.get(f"/history/grants/{grant.pk}/")
        page, one = response.content.decode(), response.context["found"]
        assert not one.is_live
        assert one.figures["customers"] == 2
        assert {line.entry.supply_point_number for line in one.latest} == {HANAKO, JIRO}
        for words in (str(world.supervisor), "交代のため", str(world.contract), emergency.name):
            assert words in page

    def test_under_a_contract_of_another_auditor_it_is_refused(self, world, auditor):
        world.declare(contracts=[past.second_contract(world, reviewed=False)])
        grant = world.grant("contractor03")
        assert auditor.get(f"/history/grants/{grant.pk}/").status_code == 403
        denial = LogEntry.objects.denials().newest_first()[0]
        assert (denial.reason, denial.contract_id) == ("history_not_yours", grant.roster_entry.contract_id)


@pytest.mark.parametrize("what", ["people", "emergencies", "grants"])
def test_what_does_not_exist_is_not_found(auditor, what):
    for pk in ("0", "99999999999999999999999"):
        assert auditor.get(f"/history/{what}/{pk}/").status_code == 404


def test_each_reading_is_in_the_history_once_with_whom_it_was_about(world, auditor, emergency):
    grant = world.grant()
    for path in (f"people/{world.contractor.pk}", f"emergencies/{emergency.pk}", f"grants/{grant.pk}"):
        auditor.get(f"/history/{path}/")
    read = LogEntry.objects.filter(event__startswith="history.").order_by("pk")
    columns = read.values_list("event", "actor", "subject_id", "emergency_id", "grant_id")
    auditors = world.auditor.pk
    assert list(columns) == [
        ("history.person_read", auditors, world.contractor.pk, None, None),
        ("history.emergency_read", auditors, None, emergency.pk, None),
        ("history.grant_read", auditors, world.contractor.pk, emergency.pk, grant.pk),
    ]
