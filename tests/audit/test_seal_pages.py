"""The pages of the seals: what auditors see, ask for and take away, and that nobody else does."""

import json

import pytest
from django.db import connection

from access.errors import Denied, Unfit
from audit import errands, proof, proving, recording, sealing, signing, verifying
from audit.forms import HistoryFilter
from audit.models import Errand, LogEntry, Seal, Unsealed
from tests.audit.past import past_the_trigger
from tests.world import HANAKO

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(world, client_of):
    emergency = world.declare()
    world.emergency = emergency
    sealing.seal_what_waits()
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    sealing.seal_what_waits()
    return client


def checked(response) -> proof.Proven:
    """What the downloaded file proves, by the program that needs nothing of ours."""
    assert response.status_code == 200
    assert response["Content-Disposition"].startswith("attachment")
    return proof.check(json.loads(response.content), signing.trusted_keys())


def test_the_page_lists_the_seals_and_says_how_sealing_is(auditor, settings):
    page = auditor.get("/seals/").content.decode()
    for seal in Seal.objects.all():
        assert json.loads(seal.head)["root"] in page
    assert "Heads are sent nowhere" in page
    settings.SEAL_HEADS = ["file:///dev/null"]
    Unsealed.objects.create(entry_id=10**9, timestamp=Seal.objects.first().made_at - 2 * sealing.LATE)
    page = auditor.get("/seals/").content.decode()
    assert "Sealing does not work" in page
    assert "Heads are sent nowhere" not in page


def test_the_seals_come_in_pieces(auditor, monkeypatch):
    monkeypatch.setattr("audit.seal_views.PAGE", 1)
    first = auditor.get("/seals/").context
    assert [seal.number for seal, _head in first["seals"]] == [2]
    assert [s.number for s, _ in auditor.get(f"/seals/?after={first['next_after']}").context["seals"]] == [1]
    assert auditor.get("/seals/?after=garbage").status_code == 200
    assert auditor.get("/seals/?after=" + "9" * 99).status_code == 200


def test_an_entry_is_proven_by_a_file(auditor):
    entry = LogEntry.objects.get(event="emergency.declared")
    found = checked(auditor.post(f"/history/{entry.pk}/proof/"))
    (proven,) = found.entries
    assert (proven["id"], proven["event"], found.head.number) == (entry.pk, "emergency.declared", 2)
    taken = LogEntry.objects.get(event="history.entry_proven")
    assert taken.additional_data == {"entry": entry.pk}


def test_what_a_filter_shows_is_proven_by_a_file(auditor, world):
    address = f"/history/proof/?emergency={world.emergency.pk}"
    proven = checked(auditor.post(address)).entries
    shown = LogEntry.objects.of_emergency(world.emergency.pk).values_list("pk", flat=True)
    assert {one["id"] for one in proven} == set(shown)
    assert LogEntry.objects.filter(event="history.proof_taken").count() == 1


def test_what_is_not_sealed_yet_or_too_much_is_said(auditor, monkeypatch):
    entry = LogEntry.objects.latest("pk")
    assert Unsealed.objects.exists() is False
    auditor.get("/history/")
    late = LogEntry.objects.latest("pk")
    assert late.pk > entry.pk
    answer = auditor.post(f"/history/{late.pk}/proof/", follow=True)
    assert "None of this is sealed yet" in answer.content.decode()
    monkeypatch.setattr("audit.proving.MOST", 1)
    answer = auditor.post("/history/proof/?kind=decision", follow=True)
    assert "choose narrower filters" in answer.content.decode()
    assert auditor.post("/history/99999999/proof/").status_code == 404


def test_before_the_first_seal_nothing_is_proven(world):
    with pytest.raises(Unfit):
        proving.of_entry(world.auditor, LogEntry.objects.latest("pk").pk)


def test_an_entry_whose_time_was_changed_is_not_proven(auditor, world):
    """It is not where its leaf says: what the file would hold is not there."""
    entry = LogEntry.objects.get(event="emergency.declared")
    past_the_trigger('UPDATE audit_logentry SET "timestamp" = "timestamp" + interval \'1 us\'')
    with pytest.raises(Unfit):
        proving.of_entry(world.auditor, entry.pk)


def test_a_seal_made_meanwhile_proves_nothing_yet(auditor, world):
    """Between the question for the newest seal and that for the leaves."""
    late = recording.decision("demo.loaded", detail={"customers": 1})
    meanwhile = [sealing.seal_what_waits]

    def asked(execute, sql, *rest):
        answer = execute(sql, *rest)
        while meanwhile and 'FROM "audit_seal"' in sql:
            assert meanwhile.pop()()
        return answer

    with connection.execute_wrapper(asked), pytest.raises(Unfit):
        proving.of_entry(world.auditor, late.pk)
    assert not meanwhile


def test_what_is_not_in_the_file_is_counted_in_it(auditor, world):
    """What came after the newest seal."""
    wanted = HistoryFilter(
        {"emergency": world.emergency.pk, "kind": "decision"}, reader=world.auditor
    ).filters()
    whole = proving.of_filtered(world.auditor, wanted)
    assert whole["left_out"] == 0
    recording.decision("demo.loaded", emergency_id=world.emergency.pk, detail={"customers": 1})
    more = proving.of_filtered(world.auditor, wanted)
    assert (len(more["entries"]), more["left_out"]) == (len(whole["entries"]), 1)


def test_two_seals_are_proven_to_continue_one_another(auditor):
    response = auditor.post("/seals/proof/", {"older": 1, "newer": 2})
    proven = checked(response)
    assert (proven.head.number, [one.number for one in proven.olders]) == (2, [1])
    for older, newer, says in ((2, 1, "newer than"), (1, 1, "newer than"), (1, 9, "no such seal")):
        page = auditor.post("/seals/proof/", {"older": older, "newer": newer})
        assert says in page.content.decode()
        assert f'value="{newer}"' in page.content.decode(), "what was typed stays"
    assert auditor.post("/seals/proof/", {"older": "x", "newer": ""}).status_code == 200


def test_the_public_key_is_there_for_whoever_checks(auditor):
    pem = auditor.get("/seals/key/").content
    assert pem == signing.public_pem(signing.trusted_keys()[0])
    assert auditor.get("/seals/key/?key=0123").status_code == 404


def test_a_verification_is_done_by_a_worker_and_read_in_a_page(auditor, world):
    address = auditor.post("/seals/verify/")["Location"]
    assert "Waits for its turn" in auditor.get(address).content.decode()
    errands.do_what_waits()
    page = auditor.get(address).content.decode()
    assert "All is as it was sealed." in page
    assert LogEntry.objects.get(event="history.verified").actor == world.auditor
    Unsealed.objects.create(entry_id=10**9, timestamp=Seal.objects.first().made_at - 2 * sealing.LATE)
    address = auditor.post("/seals/verify/")["Location"]
    errands.do_what_waits()
    page = auditor.get(address).content.decode()
    assert "The history is not as it was sealed." in page
    assert "1000000000" in page
    assert LogEntry.objects.filter(event="history.not_verified").count() == 1
    assert "Not as sealed" in auditor.get("/seals/").content.decode()


def test_without_a_key_a_verification_says_so(auditor, settings):
    settings.SEAL_KEY_FILE = ""
    address = auditor.post("/seals/verify/")["Location"]
    errands.do_what_waits()
    assert "SEAL_KEY_FILE" in auditor.get(address).content.decode()
    assert auditor.get("/seals/key/").status_code == 404


def test_an_auditor_of_another_contract_proves_nothing_of_this_one(world, auditor, client_of):
    """A proof holds the entry: who may not read it may not prove it."""
    from guardian.shortcuts import remove_perm

    from access.policy import REVIEW

    entry = LogEntry.objects.filter(event="grant.given").first()
    group = world.auditor.groups.first()
    remove_perm(REVIEW, group, world.contract)
    remove_perm(REVIEW, world.auditor, world.contract)
    assert auditor.post(f"/history/{entry.pk}/proof/").status_code == 404
    proven = checked(auditor.post(f"/history/proof/?emergency={world.emergency.pk}")).entries
    assert entry.pk not in {one["id"] for one in proven}
    assert all(one.get("contract_id") is None for one in proven)


def test_the_rules_ask_who_it_is_too(world):
    """Not the pages alone; and who asked for a verification may no longer when it is done."""
    entry = LogEntry.objects.first()
    for act in (
        lambda: proving.of_filtered(world.supervisor, {}),
        lambda: proving.of_entry(world.supervisor, entry.pk),
        lambda: proving.of_seals(world.supervisor, 1, 2),
        lambda: verifying.on_errand(world.supervisor, {}, print, print),
    ):
        with pytest.raises(Denied, match="role"):
            act()


@pytest.mark.parametrize("who", ["operator", "supervisor", "administrator", "retailer", "contractor"])
def test_nobody_else_opens_them(world, client_of, who):
    world.declare()
    sealing.seal_what_waits()
    client = client_of(world.people[who])
    pk = LogEntry.objects.first().pk
    for address in ("/seals/", "/seals/key/"):
        assert client.get(address).status_code == 403
    for address in (f"/history/{pk}/proof/", "/history/proof/", "/seals/proof/", "/seals/verify/"):
        assert client.post(address).status_code == 403
    assert not Errand.objects.exists()
    assert HANAKO not in str(LogEntry.objects.filter(event__startswith="history.").values())
