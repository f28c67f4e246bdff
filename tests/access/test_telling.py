"""What pages say of granting and revoking: counts of what runs, ends as they were, who is left out and why."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from access import answering, clock, granting, lifecycle, revoking, suspension
from access.models import Emergency, Grant, Inquiry, Request
from audit.models import LogEntry
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(world, client_of):
    client = client_of(world.supervisor)
    client.cookies["portal_language"] = "en"
    return client


@pytest.fixture
def declare(world, client):
    def declare(hours=6, **changed):
        typed = {
            "kind": "typhoon", "name": "台風第14号", "areas": [world.areas[TAKAMATSU].pk],
            "expires_at": f"{timezone.localtime(clock.database_now() + timedelta(hours=hours)):%Y-%m-%dT%H:%M}",
            "contracts": [world.contract.pk],
        } | changed  # fmt: skip
        return client.post(reverse("portal:declare_emergency"), typed, follow=True).content.decode()

    return declare


class TestWhatRuns:
    def test_a_suspension_counts_and_writes_what_runs_alone(self, world):
        lifecycle.end(world.declare(name="終わった台風"), world.supervisor)
        world.declare()
        assert suspension.suspend(world.supervisor, world.contract, "点検") == 2
        assert LogEntry.objects.filter(event="grant.revoked").count() == 2
        assert Grant.objects.filter(revoked_at__isnull=False).count() == 2

    def test_so_does_revoking_a_person(self, world):
        lifecycle.end(world.declare(name="終わった台風"), world.supervisor)
        world.declare()
        assert revoking.revoke_all_of(world.supervisor, world.contractor, "交代").count == 1

    def test_so_is_who_left_the_roster(self, world):
        world.declare()
        world.contractor.is_active = False
        world.contractor.save()
        assert suspension.suspend(world.supervisor, world.contract, "点検") == 1

    def test_an_ended_grant_shows_when_it_ended(self, world, client, client_of):
        emergency = world.declare(hours=20)
        lifecycle.end(emergency, world.supervisor)
        emergency.refresh_from_db()
        auditor = client_of(world.auditor)
        paths = {
            f"/emergencies/{emergency.pk}/": client,
            f"/history/emergencies/{emergency.pk}/": auditor,
            f"/history/grants/{world.grant().pk}/": auditor,
        }
        ended, planned = (
            f"{timezone.localtime(at):%H:%M}" for at in (emergency.ended_at, world.grant().ends_at)
        )
        for path, reader in paths.items():
            page = reader.get(path).content.decode().split("<main", 1)[1]
            if path.startswith("/history/grants"):
                grants = page.split("<dl", 1)[1].split("</dl>", 1)[0]
            else:
                grants = next(
                    table
                    for table in page.split("<table")[1:]
                    if "<thead" in table and world.contractor.name in table and world.contract.title in table
                ).split("</table>", 1)[0]
            assert ended in grants, path
            assert planned not in grants, path


class TestDeclaring:
    def test_says_how_many_may_look_up(self, declare):
        assert "The emergency is declared. 2 contractors may look up now." in declare()

    def test_says_so_where_nobody_may(self, declare):
        page = declare(contracts=[])
        assert "Nobody is granted access: no contractor may look up yet." in page
        assert "may look up now" not in page

    def test_says_before_and_after_that_grants_end_earlier(self, declare, client):
        assert (
            "a grant runs at most 24 hours"
            in client.get(reverse("portal:declare_emergency")).content.decode()
        )
        assert "by its ceiling: earlier than the emergency." in declare(hours=48)

    def test_the_same_again_is_asked_about_once(self, declare):
        declare()
        page = declare(name="台風第１４号 ")
        assert "is open already in one of these areas" in page
        assert 'value="台風第１４号' in page
        assert Emergency.objects.count() == 1
        declare(again="on")
        assert Emergency.objects.count() == 2

    @pytest.mark.parametrize("changed", [{"name": "別の台風"}, {"areas": [MATSUYAMA]}])
    def test_another_name_or_place_is_another(self, world, declare, changed):
        declare()
        if "areas" in changed:
            changed = {"areas": [world.areas[MATSUYAMA].pk]}
        declare(**changed)
        assert Emergency.objects.count() == 2


class TestWhoWasRevokedLately:
    def test_is_shown_and_left_out_unless_marked(self, world, declare, client):
        world.declare(MATSUYAMA)
        grants = Grant.objects.filter(roster_entry=world.entry())
        revoking.revoke(world.supervisor, grants, "持ち出しの疑い")
        form = client.get(reverse("portal:declare_emergency")).content.decode()
        assert "持ち出しの疑い" in form
        page = declare()
        assert "1 contractor may look up now." in page
        assert "1 person is left out, whose grant was revoked in the last 24 hours." in page
        assert not Grant.objects.live().filter(roster_entry=world.entry()).exists()
        declare(name="次の台風", also_revoked="on")
        assert Grant.objects.live().filter(roster_entry=world.entry()).exists()

    def test_may_be_marked_by_name(self, world, declare):
        world.declare(MATSUYAMA)
        revoking.revoke(world.supervisor, Grant.objects.filter(roster_entry=world.entry()), "交代")
        declare(entries=[world.entry().pk])
        assert Grant.objects.live().filter(roster_entry=world.entry()).exists()

    def test_is_shown_where_they_are_granted_and_where_they_ask(self, world, client):
        emergency = world.declare(TAKAMATSU)
        revoking.revoke(world.supervisor, Grant.objects.filter(roster_entry=world.entry()), "持ち出しの疑い")
        page = client.get(reverse("portal:grant", args=[emergency.pk])).content.decode()
        assert "持ち出しの疑い" in page
        granting.ask_for_help(world.contractor, emergency, "応援")
        assert "持ち出しの疑い" in client.get("/requests/").content.decode()

    def test_is_nobody_whose_contract_was_suspended_nor_after_a_day(self, world):
        emergency = world.declare()
        suspension.suspend(world.supervisor, world.contract, "点検")
        suspension.lift(world.supervisor, world.contract)
        assert granting.give(world.supervisor, emergency, world.contract).granted == 2
        revoking.revoke(world.supervisor, Grant.objects.filter(roster_entry=world.entry()), "交代")
        now = clock.database_now()
        assert granting.revoked_lately(now).count() == 1
        assert granting.revoked_lately(now + timedelta(hours=24)).count() == 0


def test_an_auditor_is_told_at_once_of_a_contract_granted_afterwards(world):
    emergency = world.declare(contracts=())
    assert not world.auditor.notices.exists()
    granting.give_to_rosters(world.supervisor, emergency, [world.contract])
    assert [one.kind for one in world.auditor.notices.all()] == ["granted"]


def test_an_auditor_is_told_at_once_of_what_a_second_supervisor_agreed_to(world):
    world.ask_under_dual_control()
    answering.answer(world.supervisor02, Request.objects.waiting().get().pk, agree=True)
    assert [one.kind for one in world.auditor.notices.order_by("pk")] == ["declared", "granted"]


def test_who_holds_a_grant_finds_the_way_to_ask_for_another(world, client_of):
    world.declare(TAKAMATSU)
    other = world.declare(MARUGAME, name="地震", contracts=())
    page = client_of(world.contractor).get("/").content.decode()
    path = reverse("portal:ask_for_help", args=[other.pk])
    assert f'action="{path}"' in page
    assert client_of(world.contractor).post(path, {"because": "応援"}).status_code == 302
    assert Request.objects.waiting().get().emergency == other


def test_of_two_emergencies_a_contractor_chooses_and_keeps_what_was_typed(world, client_of):
    world.declare(TAKAMATSU)
    second = world.declare(MARUGAME, name="地震")
    client, path = client_of(world.contractor), "/inquiries/new/"
    typed = {"caller_name": "香川 花子", "kind": "outage", "note": "玄関の灯り", "emergency": ""}
    page = client.post(path, typed)
    assert page.status_code == 200
    assert page.context["form"].errors.keys() == {"emergency"}
    assert "玄関の灯り" in page.content.decode()
    assert "任意" not in page.content.decode().split('id="id_emergency"')[0].rsplit("<label", 1)[1]
    client.post(path, typed | {"emergency": second.pk})
    assert Inquiry.objects.get().emergency == second
