"""What comes again and again: the first is an entry at once, the rest are one, and nothing is lost."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.db.models import Sum
from django.test import Client
from django.urls import reverse

from access.tasks import sweep
from audit import errands, recording
from audit.models import Errand, LogEntry, Repeat
from tests.world import PASSWORD

pytestmark = pytest.mark.django_db


def let_the_minute_pass() -> None:
    """What is counted was begun two minutes ago."""
    for one in Repeat.objects.all():
        Repeat.objects.filter(pk=one.pk).update(since=one.since - timedelta(minutes=2))


def told(event: str = "denied.repeated") -> list[dict]:
    return [entry.additional_data for entry in LogEntry.objects.filter(event=event).order_by("pk")]


def test_a_person_refused_without_end_writes_one_entry_and_one_that_counts_the_rest(world, client_of):
    client = client_of(world.contractor)
    for number in range(1, 51):
        assert client.get(f"/history/people/{number}/").status_code == 403
    denials = LogEntry.objects.denials()
    assert denials.count() == 1
    sweep()
    assert denials.count() == 1, "its minute is not over"
    client.logout()
    let_the_minute_pass()
    sweep()
    sweep()
    (said,) = told()
    assert said["count"] == 49
    assert said["since"] < said["until"]
    assert said["places"][0] == "/history/people/2/"
    last = denials.newest_first()[0]
    assert (last.actor, last.actor_role, last.reason) == (world.contractor, "contractor", "role")
    assert not Repeat.objects.exists()


def test_without_a_worker_the_next_refusal_writes_what_the_last_minute_counted(world, client_of):
    client = client_of(world.contractor)
    for _ in range(3):
        client.get("/history/")
    let_the_minute_pass()
    client.get("/history/")
    assert [one["count"] for one in told()] == [2]
    assert LogEntry.objects.filter(event="denied").count() == 2


def test_another_page_person_or_reason_is_another_thing(world, client_of):
    for person in (world.contractor, world.contractor02):
        client = client_of(person)
        for page in ("/history/", "/board/", "/lookup/"):
            for _ in range(2):
                client.get(page)
    assert LogEntry.objects.denials().count() == 6
    assert Repeat.objects.aggregate(n=Sum("count"))["n"] == 6


def test_what_is_stopped_again_after_another_grant_is_an_entry_of_its_own(world):
    """The sweep revokes by such entries; the one that counts takes no later grant away."""
    world.declare()
    for _ in range(3):
        recording.denial(world.contractor, "stopped", path="/lookup/")
    sweep()
    assert world.grant().revoked_at
    emergency = world.declare(name="地震")
    Repeat.objects.update(since="2020-01-01T00:00:00Z")
    sweep()
    assert [one["count"] for one in told()] == [2]
    grant = world.grant()
    assert (grant.emergency, grant.revoked_at) == (emergency, None)


def test_tries_to_sign_in_are_counted_for_each_who_is_meant(world):
    client = Client(REMOTE_ADDR="203.0.113.9")
    for username in ["operator"] * 20 + ["auditor"] * 2 + ["nobody", "nobody2", "nobody3"]:
        client.post(reverse("portal:login"), {"username": username, "password": "wrong"})
    assert LogEntry.objects.filter(event="session.sign_in_failed").count() == 3
    let_the_minute_pass()
    sweep()
    said = told("session.sign_in_failed.repeated")
    assert sorted(one["count"] for one in said) == [1, 2, 19]
    assert {place for one in said for place in one["places"]} == {"203.0.113.9"}
    assert client.login(username="operator", password=PASSWORD)


# Verifications


def test_one_person_has_one_verification_under_way_and_asking_again_leads_there(world, client_of):
    client = client_of(world.auditor)
    answers = {client.post(reverse("portal:verify"))["Location"] for _ in range(40)}
    (errand,) = Errand.objects.all()
    assert answers == {reverse("portal:errand", args=[errand.pk])}
    Errand.objects.update(finished_at="2026-01-01T00:00:00Z")
    assert client.post(reverse("portal:verify"))["Location"] not in answers


def test_one_person_has_so_many_errands_under_way_and_no_more(world, client_of):
    for number in range(errands.MOST):
        errands.ask(Errand.Kind.EXPORT, world.auditor, {"language": "ja", "n": number})
    client = client_of(world.auditor)
    assert client.post(reverse("portal:verify"))["Location"] == reverse("portal:errands")
    assert client.post(reverse("portal:export_history"), {"format": "xlsx"})["Location"] == reverse(
        "portal:errands"
    )
    assert Errand.objects.count() == errands.MOST


# Who reads of what contractors did under no contract


def test_an_auditor_reads_no_refusal_of_people_of_contracts_that_they_do_not_review(world, client_of):
    client_of(world.contractor).get("/history/")
    client_of(world.operator).get("/history/")
    auditor = client_of(world.auditor)

    def refused() -> set[str]:
        lines = auditor.get("/history/?kind=denial").context["lines"]
        return {line.entry.actor_username for line in lines}

    assert refused() == {"contractor", "operator"}
    world.nobody_reviews()
    assert refused() == {"operator"}
    entry = LogEntry.objects.denials().get(actor=world.contractor)
    assert auditor.get(f"/history/{entry.pk}/").status_code == 403


def test_a_refusal_is_no_part_of_what_it_interrupts(world):
    """Within another transaction it would be taken back with it."""
    with transaction.atomic(), pytest.raises(RuntimeError):
        recording.denial(world.contractor, "role", path="/")
