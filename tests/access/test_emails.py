"""Notices as emails, sent to a real mail server: each message has its own fate."""

import socket
from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.urls import reverse

from access import clock, emails, notices
from access.models import Notice, Person
from audit.models import LogEntry
from tests.mail_server import hang, hang_up, mail_server

pytestmark = pytest.mark.django_db


@pytest.fixture
def server(settings):
    with mail_server() as one:
        use(settings, one.port)
        yield one


def use(settings, port: int) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
    settings.EMAIL_TIMEOUT = 10


def tell_all(world, name: str = "台風第14号") -> list[str]:
    """Tells everybody; returns their addresses."""
    words = {"name": name, "until": clock.database_now().isoformat()}
    notices.tell(world.people.values(), "ended", f"emergency {name[:20]}", words, "/")
    return [person.email for person in world.people.values()]


def time_passes() -> None:
    """Until the next try of everything is due."""
    past = clock.database_now() - timedelta(seconds=1)
    Notice.objects.to_email().update(email_due_at=past)


def fate(address: str) -> Notice:
    return Notice.objects.get(person__email=address)


def given_up() -> list[str]:
    entries = LogEntry.objects.filter(event="email.given_up")
    return [Person.objects.get(pk=entry.subject_id).email for entry in entries]


@pytest.mark.parametrize("answer", ["550 No such user", "451 Try later", hang, hang_up])
def test_one_address_that_fails_is_tried_a_few_times_and_nobody_else_gets_two(
    world, server, settings, answer
):
    settings.EMAIL_TIMEOUT = 0.7 if answer is hang else 10
    addresses = tell_all(world)
    bad = world.auditor.email
    server.answers[bad] = answer
    assert emails.send() == len(addresses) - 1
    assert emails.send() == 0
    assert server.tries[bad] == 1, "it waits before the next try"
    for _again in range(10):
        time_passes()
        emails.send()
    assert server.tries[bad] == emails.TRIES
    assert server.received == {address: 1 for address in addresses if address != bad}
    assert given_up() == [bad]
    assert fate(bad).email_error
    assert bad not in fate(bad).email_error


def test_the_pauses_grow(world, server):
    tell_all(world)
    bad = world.auditor.email
    server.answers[bad] = "550 No such user"
    pauses = []
    while not fate(bad).email_given_up_at:
        time_passes()
        before = clock.database_now()
        emails.send()
        pauses.append(fate(bad).email_due_at - before)
    assert pauses[:-1] == sorted(pauses[:-1]), "after the last one nothing is waited for"
    assert pauses[0] < timedelta(minutes=5) < timedelta(hours=1) < pauses[-1]


def test_an_address_that_refuses_for_a_while_gets_its_email_in_the_end(world, server):
    tell_all(world)
    late = world.auditor.email
    server.answers[late] = "451 Try later"
    emails.send()
    del server.answers[late]
    time_passes()
    assert emails.send() == 1
    assert server.received[late] == 1
    assert not fate(late).email_error


def test_a_name_with_a_line_break_from_before_silences_nobody(world, server):
    addresses = tell_all(world, "台風\r\nBcc: everybody@example.jp\u202e")
    assert emails.send() == len(addresses)
    subjects = {message["Subject"] for _address, message in server.messages}
    assert len(subjects) == 1
    assert not {"\n", "\r", "\u202e"} & set(subjects.pop())
    assert not any(message["Bcc"] for _address, message in server.messages)


def test_a_mail_server_that_is_not_there_costs_no_tries_and_one_attempt_a_run(world, settings):
    tell_all(world)
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        use(settings, nobody_listens.getsockname()[1])
        assert emails.send() == 0
        assert not Notice.objects.due_to_email().exists(), "all wait"
        time_passes()
        emails.send()
    waiting = Notice.objects.all()
    assert {(one.email_tries, one.email_error) for one in waiting} == {(0, "ConnectionRefusedError")}
    with mail_server() as one:
        use(settings, one.port)
        time_passes()
        emails.send()
        assert set(one.received.values()) == {1}
        assert len(one.messages) == len(world.people)


def test_a_mail_server_that_is_away_for_days_is_waited_for_no_longer(world, settings):
    tell_all(world)
    Notice.objects.update(made_at=F("made_at") - emails.TOO_OLD)
    with socket.socket() as nobody_listens:
        nobody_listens.bind(("127.0.0.1", 0))
        use(settings, nobody_listens.getsockname()[1])
        emails.send()
        emails.send()
    assert sorted(given_up()) == sorted(person.email for person in world.people.values())


def test_administrators_see_what_could_not_be_sent_and_have_it_tried_again(world, server, client_of):
    tell_all(world)
    bad = world.auditor.email
    server.answers[bad] = "550 No such user"
    client = client_of(world.administrator)
    assert reverse("portal:unsent_emails") not in client.get("/").content.decode()
    for _again in range(emails.TRIES):
        time_passes()
        emails.send()
    assert reverse("portal:unsent_emails") in client.get("/").content.decode()
    page = client.get(reverse("portal:unsent_emails")).content.decode()
    assert bad in page
    assert "SMTPRecipientsRefused 550" in page
    assert "台風第14号" not in page, "what it says is told to its person alone"
    del server.answers[bad]
    client.post(reverse("portal:unsent_emails"))
    client.post(reverse("portal:unsent_emails"))
    assert emails.send() == 1
    assert server.received[bad] == 1
    assert reverse("portal:unsent_emails") not in client.get("/").content.decode()
    assert LogEntry.objects.filter(event="email.tried_again").count() == 1
    for other in ("supervisor", "auditor", "operator", "contractor", "retailer"):
        assert client_of(world.people[other]).post(reverse("portal:unsent_emails")).status_code == 403


def test_an_email_is_sent_or_given_up_and_never_both(world):
    tell_all(world)
    with pytest.raises(IntegrityError, match="email_is_sent_or_given_up"), transaction.atomic():
        Notice.objects.update(emailed_at=clock.database_now(), email_given_up_at=clock.database_now())


def test_who_has_no_address_has_the_portal(world, server):
    Person.objects.filter(pk=world.auditor.pk).update(email="")
    tell_all(world)
    assert emails.send() == len(world.people) - 1
    assert not Notice.objects.to_email().exists()
