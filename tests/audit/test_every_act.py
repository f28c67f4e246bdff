"""Every act that changes a row of the record, through its page: the history then says of no table that it differs."""

import re
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.utils import timezone

from access.models import DelegationContract, Emergency, Grant, Person, Request, RosterEntry
from access.tasks import sweep
from audit import replay
from audit.faults import Outcome
from audit.models import Review
from tests.world import MARUGAME, MATSUYAMA, TAKAMATSU, TRAINING

pytestmark = pytest.mark.django_db


def named(when: str) -> None:
    outcome = Outcome()
    replay.check(outcome)
    assert [fault.facts for fault in outcome.faults] == [], when


class People:
    """The world's people, each at a browser of their own; after each act the record is asked."""

    def __init__(self, world, client_of):
        self.world, self.client_of, self.clients = world, client_of, {}

    def post(self, who: str, path: str, *, status: int = 302, **typed):
        client = self.clients.setdefault(who, None) or self.client_of(Person.objects.get(username=who))
        self.clients[who] = client
        said = client.post(path, typed)
        if said.status_code != status:
            print(re.findall(r"errorlist.*?</ul>", said.content.decode(), re.S))
        assert said.status_code == status, (who, path, said.status_code)
        named(f"{who} {path} {typed}")
        return said

    def agree(self, who: str) -> None:
        for one in list(Request.objects.waiting()):
            self.post(who, f"/requests/{one.pk}/answer/", answer="agree")
            one.refresh_from_db()
            assert one.answer == "agreed", (one.kind, one.answer, one.outcome)


def at(hours: float) -> str:
    return f"{timezone.localtime() + timedelta(hours=hours):%Y-%m-%dT%H:%M}"


def terms_of(contract: DelegationContract) -> dict:
    start, end = (timezone.localtime(one) for one in (contract.starts_at, contract.ends_at))
    return {
        name: getattr(contract, name)
        for name in ("title", "delegated_items", "max_grant_hours", "training_valid_days", "max_results",
                     "slow_after", "stop_after")
    } | {
        "delegator": contract.delegator_id, "delegate": contract.delegate_id,
        "starts_at_0": f"{start:%Y-%m-%d}", "starts_at_1": f"{start:%H:%M:%S}",
        "ends_at_0": f"{end:%Y-%m-%d}", "ends_at_1": f"{end:%H:%M:%S}",
    }  # fmt: skip


def account(person: Person, **changed) -> dict:
    typed = {name: getattr(person, name) for name in ("username", "name", "email", "role", "department")}
    typed |= {"organization": person.organization_id, "office": person.office_id or "", "is_active": "on"}
    return {name: value for name, value in (typed | changed).items() if value is not None}


def test_no_act_of_any_page_leaves_a_row_that_the_history_does_not_say(world, client_of):
    one = People(world, client_of)
    areas = {code: area.pk for code, area in world.areas.items()}
    contract = world.contract
    declared = {"kind": "typhoon", "expires_at": at(6), "contracts": [contract.pk]}
    # an emergency, from its declaration to its review
    one.post("supervisor", "/emergencies/declare/", **declared, name="台風", areas=[areas[TAKAMATSU]])
    emergency = Emergency.objects.get()
    one.post("supervisor", f"/emergencies/{emergency.pk}/extend/", until=at(8), because="続いている")
    one.post("supervisor", f"/emergencies/{emergency.pk}/areas/", areas=[areas[TAKAMATSU], areas[MATSUYAMA]])
    one.post("supervisor", f"/emergencies/{emergency.pk}/areas/", areas=[areas[TAKAMATSU]])
    grant = world.grant("contractor02")
    one.post("supervisor", f"/emergencies/{emergency.pk}/revoke/", grants=[grant.pk], because="交代")
    one.post("contractor02", f"/emergencies/{emergency.pk}/help/", because="応援")
    one.agree("supervisor02")
    one.post("supervisor", f"/people/{world.contractor02.pk}/revoke/", because="交代")
    one.post(
        "supervisor", f"/emergencies/{emergency.pk}/grant/",
        contracts=[contract.pk], entries=[world.entry("contractor02").pk],
    )  # fmt: skip
    one.post("contractor", "/inquiries/new/", emergency=emergency.pk, caller_name="香川", kind="outage",
             area=areas[TAKAMATSU])  # fmt: skip
    key = world.customers[next(iter(world.customers))].supply_point_number
    one.clients["contractor"].get(f"/customers/{key}/?inquiry=1")
    one.post("supervisor", f"/emergencies/{emergency.pk}/end/")
    sweep()
    named("the end of an emergency")
    review = Review.objects.get()
    for judged in review.entries.all():
        one.post("auditor", f"/reviews/{review.pk}/entries/{judged.pk}/", mark="justified", note="", seen="")
    one.post("auditor", f"/reviews/{review.pk}/sign-off/", conclusion="問題なし")
    one.post("auditor", f"/reviews/{review.pk}/reopen/", because="もう一度")
    # a drill, which ends by itself
    one.post(
        "supervisor", "/emergencies/declare/", **declared, name="訓練", is_drill="on", areas=[areas[TRAINING]]
    )
    drill = Emergency.objects.get(is_drill=True)
    # the roster
    for entry in (world.entry("contractor02"),):
        path = f"/contracts/{contract.pk}/roster/"
        one.post("supervisor", f"{path}{entry.pk}/train/", trained_on="2026-06-01")
        one.post("supervisor", f"{path}{entry.pk}/remove/")
        one.post("supervisor", f"{path}add/", person=entry.person_id, trained_on="")
        rows = b"username,trained_on\ncontractor,2026-06-02\ncontractor02,2026/6/3\n"
        one.post("supervisor", f"{path}import/", file=SimpleUploadedFile("r.csv", rows))
    # the contract: narrower, wider by two, suspended and lifted, another one with rights on it
    path = f"/registers/delegationcontract/{contract.pk}/change/"
    contract.refresh_from_db()
    one.post(
        "supervisor",
        path,
        **terms_of(contract) | {"max_grant_hours": 12, "delegated_items": ["name", "phone"]},
    )
    contract.refresh_from_db()
    assert contract.max_grant_hours == 12
    one.post(
        "supervisor",
        path,
        **terms_of(contract) | {"max_grant_hours": 20, "title": "新しい名", "ends_at_0": "2029-03-31"},
    )
    one.agree("supervisor02")
    contract.refresh_from_db()
    assert (contract.max_grant_hours, contract.title) == (20, "新しい名")
    one.post("supervisor", f"/contracts/{contract.pk}/suspend/", because="点検")
    one.post("supervisor", f"/contracts/{contract.pk}/lift/")
    one.post(
        "supervisor", "/registers/delegationcontract/add/",
        **terms_of(contract) | {"title": "別の契約", "dual_control": "on"},
    )  # fmt: skip
    other = DelegationContract.objects.get(title="別の契約")
    for right, role in (("grant", "supervisor"), ("review", "auditor")):
        group = Person.objects.get(username=role).groups.get(name=role)
        one.post("administrator", f"/rights/contract/{other.pk}/", right=right, group=group.pk, give="1")
    one.agree("administrator02")
    # accounts
    world.contractor.refresh_from_db()
    person = f"/registers/person/{world.contractor02.pk}/change/"
    one.post(
        "administrator", person, **account(Person.objects.get(pk=world.contractor02.pk), department="別の課")
    )
    one.agree("administrator02")
    assert RosterEntry.objects.filter(person=world.contractor02, contract=contract).latest("pk").removed_at
    one.post("administrator", person, **account(Person.objects.get(pk=world.contractor02.pk), is_active=None))
    one.post("administrator", person, **account(Person.objects.get(pk=world.contractor02.pk)))
    one.agree("administrator02")
    new = account(world.contractor, username="contractor09", email="c09@example.jp", is_active=None)
    one.post("administrator", "/registers/person/add/", **new)
    one.agree("administrator02")
    moved = Person.objects.get(username="contractor09")
    change = account(moved, role="retailer", organization=world.organizations["other"].pk)
    one.post("administrator", f"/registers/person/{moved.pk}/change/", **change)
    one.agree("administrator02")
    # dual control, and what comes of time
    contract.refresh_from_db()
    one.post("supervisor", path, **terms_of(contract) | {"dual_control": "on"})
    one.post("supervisor", "/emergencies/declare/", **declared, name="地震", areas=[areas[MARUGAME]])
    one.agree("supervisor02")
    quake = Emergency.objects.get(name="地震")
    one.post("supervisor", f"/emergencies/{quake.pk}/extend/", until=at(9), because="続いている")
    one.agree("supervisor02")
    assert quake.grants.count() == 1
    for who, wanted in (("contractor", {"current": "shikoku-demo"}),):
        one.post(
            who,
            "/password/",
            old_password=wanted["current"],
            new_password1="nagai-aikotoba-9",
            new_password2="nagai-aikotoba-9",
        )
    with connection.cursor() as cursor:  # nobody waits six hours here
        cursor.execute("SELECT count(*) FROM access_emergency WHERE id = %s", [drill.pk])
    sweep()
    named("a sweep")
    assert Grant.objects.count() > 4
