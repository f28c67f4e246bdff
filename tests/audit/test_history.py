"""Reading the history: every kind of entry reads as a sentence, filters find, garbage in them is explained."""

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from django.core.management import call_command
from django.test import override_settings
from django.utils import timezone, translation

from access import (
    accounts,
    answering,
    clock,
    emails,
    granting,
    inquiries,
    lifecycle,
    passwords,
    requests,
    revoking,
    rosters,
    session_ends,
    suspension,
)
from access.errors import Unfit
from access.models import DelegationContract, Inquiry, Notice, Request
from access.people import Person
from audit import acting, archiving, errands, feed, months, proving, recording, repeats, review, sealing
from audit import exporting as exports
from audit import reading as history
from audit.events import EVENTS
from audit.models import Errand, LogEntry, Repeat, Review, Unsealed
from audit.reading import readable
from customers import exporting, importing, reading
from customers.models import Customer
from tests.customers.test_import import billing_file
from tests.world import HANAKO, JIRO, MARUGAME, PASSWORD, TAKAMATSU

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


def _too_slow(*args, **kwargs):
    raise reading.TooSlow


def everything(world, client_of) -> None:
    """Lets every event of the table happen once."""
    emergency = world.declare()
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), taken)
    reading.look_up(world.contractor, reading.Terms(phone="087-999-9999"), taken)
    reading.open_customer(world.contractor, world.customers[HANAKO].pk, taken)
    with pytest.raises(Unfit):
        reading.look_up(world.contractor, reading.Terms(name="カガワ"), taken)
    call_command("rekey_customers", verbosity=0)
    Customer.objects.filter(supply_point_number=JIRO).update(kana_key="カガワジロウ", town_key="番町|2-|")
    DelegationContract.objects.update(max_results=1)
    reading.look_up(world.contractor, reading.Terms(name="カガワ", address="番町"), taken)
    search = reading.search
    try:
        reading.search = _too_slow
        reading.look_up(world.operator, reading.Terms(phone="087-821-0001"))
    finally:
        reading.search = search
    reading.who_has_seen(world.operator, world.customers[HANAKO].pk)
    inquiries.close(world.contractor, taken.pk, outcome="answered", found=True)
    list(exporting.begin(world.retailer, world.retailer.organization).pieces())
    client = client_of(world.contractor)
    for _again in range(2):
        client.get("/history/")
    other = client_of(world.contractor)
    other.post("/logout/")
    for _again in range(2):
        other.post("/login/", {"username": "contractor", "password": "wrong"})
    Repeat.objects.update(since=timezone.now() - 2 * repeats.COUNTED_FOR)
    repeats.write_down()
    passwords.choose(world.operator, PASSWORD)
    second = world.declare(hours=1, name="地震")
    lifecycle.end(emergency, world.supervisor)
    begun = second.declared_at
    second.declared_at, second.expires_at = begun - (second.expires_at - begun) * 2, begun
    second.save()
    lifecycle.end_what_is_due()
    session_ends.close_sessions_of_ended_grants()
    subjects_read(world, client_of)
    entry = world.entry("contractor02")
    rosters.remove(world.supervisor, entry)
    rosters.add(world.supervisor, world.contract, entry.person, entry.trained_on)
    recording.decision("demo.loaded", detail={"customers": 3})
    importing.load(world.administrator, billing_file(), "customers.csv")
    control_room(world)
    emails_fail(world)
    the_history_itself(world)
    seals_and_archives(world)
    world.organizations["other"].save()
    world.areas["37201"].name_kana = "タカマツ"
    world.areas["37201"].save()


def subjects_read(world, client_of) -> None:
    """What an auditor reads beside the history itself."""
    client, grant = client_of(world.auditor), world.grant()
    for page in ("timeline", f"people/{world.contractor.pk}", f"emergencies/{grant.emergency_id}"):
        client.get(f"/history/{page}/")
    client.get(f"/history/grants/{grant.pk}/")
    review.open_what_is_due()
    client.get(f"/reviews/{Review.objects.first().pk}/")
    for page in ("customer", "customer/file", "customer/letter"):
        client.post(f"/history/{page}/", {"number": HANAKO, "language": "ja"})


def the_history_itself(world) -> None:
    """What auditors do: they read, and take away, and that is in the history too."""
    history.latest(world.auditor)
    history.page(world.auditor, {"kind": "denial", "person": "contractor", "since": timezone.now()})
    history.entry(world.auditor, LogEntry.objects.latest("pk").pk)
    list(exports.begin(world.auditor, {}, exports.Format.CSV).pieces())
    begun = exports.begin(world.auditor, {}, exports.Format.XLSX)
    errand = errands.ask(Errand.Kind.EXPORT, world.auditor, begun.as_json())
    errands.do_what_waits()
    errand.refresh_from_db()
    errands.take(world.auditor, errand)
    feed.begin(None)


def seals_and_archives(world) -> None:
    """The history is sealed, proven, verified; a month of long ago is archived and dropped."""
    sealing.seal_what_waits()
    proving.of_entry(world.auditor, LogEntry.objects.latest("pk").pk)
    proving.of_filtered(world.auditor, {"kind": "denial"})
    for _ in range(2):
        sealing.seal_what_waits()
        errands.ask(Errand.Kind.VERIFY, world.auditor, {})
        errands.do_what_waits()
        Unsealed.objects.get_or_create(
            entry_id=10**9, defaults={"timestamp": timezone.now() - 2 * sealing.LATE}
        )
    proving.of_seals(world.auditor, 1, 2)
    Unsealed.objects.filter(entry_id=10**9).delete()
    long_ago = timezone.now() - timedelta(days=366 * 11)
    months.add(long_ago, long_ago)
    recording.decision("demo.loaded", detail={"customers": 1}, timestamp=long_ago)
    sealing.seal_what_waits()
    (due,) = archiving.what_is_due()
    with TemporaryDirectory() as folder:
        archiving.drop(due, archiving.archive(due, Path(folder))[0])


def reviewed(world, emergency) -> None:
    """An auditor makes the review of an emergency, and takes a second look."""
    review.open_what_is_due()
    one = Review.objects.get(emergency_id=emergency.pk)
    entry = LogEntry.objects.of_emergency(emergency.pk).filter(event="grant.given").first()
    judged = review.add(world.auditor, one, entry)
    judged = review.mark(world.auditor, judged, "ask", "なぜ付与したのか。")
    review.mark(world.auditor, judged, "justified", "応援の申請による。", judged.marked_at)
    for again in ("付与の理由を確かめる。", ""):
        review.sign_off(world.auditor, one, "問題なし")
        if again:
            review.reopen(world.auditor, one, again)


def emails_fail(world) -> None:
    """The mail server has been away for days; an administrator has what was given up tried again."""
    Notice.objects.update(made_at=timezone.now() - 2 * emails.TOO_OLD, emailed_at=None)
    nobody = "django.core.mail.backends.smtp.EmailBackend"
    with override_settings(EMAIL_BACKEND=nobody, EMAIL_HOST="127.0.0.1", EMAIL_PORT=1):
        emails.send()
    emails.try_again(world.administrator)


def control_room(world) -> None:
    """What supervisors and administrators do on a long night."""
    drill = world.drill()
    in_ten_hours = clock.database_now() + timedelta(hours=10)
    lifecycle.extend(world.supervisor, drill, in_ten_hours, "訓練の延長")
    third = world.declare(TAKAMATSU, name="大雪")
    lifecycle.change_areas(world.supervisor, third, [world.areas[MARUGAME]])
    revoking.revoke(world.supervisor, third.grants.all(), "交代")
    granting.ask_for_help(world.contractor, third, "応援に戻りました")
    (asked,) = Request.objects.waiting()
    answering.answer(world.supervisor, asked.pk, agree=True)
    lifecycle.end(third, world.supervisor)
    reviewed(world, third)
    rosters.train(world.supervisor, world.entry(), timezone.localdate())
    suspension.suspend(world.supervisor, world.contract, "点検")
    suspension.lift(world.supervisor, world.contract)
    world.ask_under_dual_control()
    (asked,) = Request.objects.waiting()
    answering.answer(world.supervisor02, asked.pk, agree=False)
    fourth = world.ask_under_dual_control()
    lifecycle.end(fourth, world.supervisor)
    asked = requests.ask(
        world.contractor,
        Request.Kind.HELP,
        about="a test",
        lapses_at=clock.database_now() + timedelta(milliseconds=100),
        detail={"entries": []},
    )
    while clock.database_now() <= asked.lapses_at:
        pass
    requests.let_lapse()
    office = world.operator.office.group
    accounts.change_right(world.administrator, "grant", world.contract.pk, office, give=True)
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)
    accounts.change_right(world.administrator, "grant", world.contract.pk, office, give=False)
    person = world.contractor02
    person.department = "経理部"
    accounts.save_person(world.administrator, person, Person.objects.get(pk=person.pk))
    (asked,) = Request.objects.waiting()
    answering.answer(world.administrator02, asked.pk, agree=True)


def test_every_event_happens_and_reads_as_a_sentence_in_both_languages(world, client_of):
    everything(world, client_of)
    happened = set()
    for entry in LogEntry.objects.all():
        for language in ("ja", "en"):
            with translation.override(language):
                line = readable(entry)
            assert line.sentence
            assert "%(" not in line.sentence
            assert "–" not in line.sentence, (entry.event, line.sentence)
        happened.add(entry.event or "changed")
    never_deleted = {event for event in EVENTS if event.startswith("changed.")}
    written_by_a_migration = {"record.stated"}
    assert happened == set(EVENTS) - never_deleted - written_by_a_migration | {"changed"}


@pytest.mark.parametrize(
    "query",
    [
        "emergency=abc", "emergency=99999999999999999999999", "since=garbage", "kind=nothing",
        "until=1990-01-01T00:00&since=2000-01-01T00:00", "after=99999999999999999999999999",
        "after=-1", "story=nothing", "order=sideways", "person=" + "x" * 10_000, "customer=%00",
        "customer=<script>alert(1)</script>", "person=' OR 1=1 --", "after=1.2.3", "after=9999999999999999.1",
        "after=٣.٣", "grant=-1", "inquiry=x", "contract=" + "9" * 5000, "organization=%00", "area=%E3%81%82",
        "role=king", "reason=none", "kind=denial&kind=lookup",
    ],
)  # fmt: skip
def test_garbage_in_a_filter_gives_a_page(auditor, query):
    response = auditor.get(f"/history/?{query}")
    assert response.status_code == 200
    assert "<script>alert" not in response.content.decode()


@pytest.mark.parametrize("pk", ["0", "99999999999999999999999999"])
def test_an_entry_that_does_not_exist_is_not_found(auditor, pk):
    assert auditor.get(f"/history/{pk}/").status_code == 404


@pytest.mark.parametrize(
    "detail", [[1], {"until": "0001-01-01T00:00:00+00:00"}, {"right": "x"}, {"areas": 7}]
)
def test_one_odd_entry_hides_no_other(auditor, world, detail):
    with acting.as_person(world.auditor):
        entry = recording.decision("emergency.declared", detail=detail)
    for address in ("/history/", f"/history/{entry.pk}/", "/history/?person=auditor", "/"):
        assert auditor.get(address).status_code == 200
    assert "".join(str(piece) for piece in exports.begin(world.auditor, {}, exports.Format.CSV).pieces())


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59", "1999-12-31T23:59"])
def test_a_time_that_no_history_has_is_no_filter(auditor, at):
    answer = auditor.get(f"/history/?since={at}")
    assert "Choose a time from 2000 to 2199." in answer.content.decode()
    assert not LogEntry.objects.filter(event="history.read").exists()


def test_an_entry_keeps_names_as_they_were(world):
    with acting.as_person(world.supervisor):
        entry = recording.decision("demo.loaded", detail={"customers": 1})
    world.supervisor.name = "改名 した"
    world.supervisor.save()
    entry.refresh_from_db()
    assert entry.actor_name == "徳島 三郎"
    assert entry.actor_organization == "四国地方送配電株式会社"


def test_a_change_by_hand_is_in_the_history_with_before_and_after(world, client_of):
    client = client_of(world.administrator)
    client.post(
        f"/registers/person/{world.operator.pk}/change/",
        {
            "username": "operator",
            "name": "高松 新",
            "organization": world.operator.organization_id,
            "role": "operator",
            "office": world.operator.office_id,
            "is_active": "on",
            "email": world.operator.email,
        },
    )
    (asked,) = Request.objects.waiting()
    client_of(world.administrator02).post(f"/requests/{asked.pk}/answer/", {"answer": "agree"})
    entry = LogEntry.objects.filter(kind="change").latest("pk")
    assert entry.actor == world.administrator02
    assert entry.changes["name"] == ["高松 一郎", "高松 新"]


def test_django_admins_own_history_stays_empty(world, client_of):
    from django.contrib.admin.models import LogEntry as Second

    test_a_change_by_hand_is_in_the_history_with_before_and_after(world, client_of)
    assert not Second.objects.exists()


def test_a_failed_sign_in_keeps_no_password_typed_as_a_name(client, world):
    client.post("/login/", {"username": "my secret password", "password": "x"})
    entry = LogEntry.objects.get(event="session.sign_in_failed")
    assert "my secret password" not in str(entry.__dict__)


def test_sign_ins_name_the_address(world, client):
    client.post("/login/", {"username": "operator", "password": "shikoku-demo"}, REMOTE_ADDR="192.0.2.7")
    assert LogEntry.objects.get(event="session.signed_in").remote_addr == "192.0.2.7"
