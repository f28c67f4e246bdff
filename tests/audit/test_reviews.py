"""Reviews: opened by the facts, figured from the history, drawn by a seed, judged, signed off, nagging."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from access import accounts, answering, clock, dual_control, granting, inquiries, lifecycle, revoking
from access.errors import AlreadyDone, Denied, Unfit
from access.models import DelegationContract, Emergency, Grant, Inquiry, Notice, Person, Request, RosterEntry
from access.tasks import sweep
from audit import months, review, review_figures, review_sample, review_words
from audit.models import LogEntry, Review, ReviewedEntry
from customers import reading
from tests.audit import past
from tests.audit.past import reviews_opened_earlier
from tests.world import HANAKO, JIRO, MATSUYAMA

pytestmark = pytest.mark.django_db

JAPAN = ZoneInfo("Asia/Tokyo")
DAY = timedelta(days=1)


def call_of(world, emergency, person=None) -> Inquiry:
    return inquiries.take(
        person or world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )


def over(world, **facts):
    """An emergency in which one customer was opened, ended; its review is open."""
    emergency = world.declare(**facts)
    reading.open_customer(world.contractor, world.customers[HANAKO].pk, call_of(world, emergency))
    lifecycle.end(emergency, world.supervisor)
    review.open_what_is_due()
    return Review.objects.get(emergency_id=emergency.pk)


def forge(like: LogEntry, count: int = 1, **columns) -> list[LogEntry]:
    """Entries as none can come to be: like another one, with these columns otherwise."""
    facts = {
        f.attname: getattr(like, f.attname) for f in LogEntry._meta.fields if f.name not in ("id", "cid")
    }
    made = [LogEntry(**(facts | {"cid": f"forged {n}"} | columns)) for n in range(count)]
    return LogEntry.objects.bulk_create(made)


def grow_old(one: Review, days: float) -> None:
    reviews_opened_earlier(Review.objects.filter(pk=one.pk), days * DAY)


def judge_everything(world, one: Review) -> None:
    for entry in one.entries.filter(mark=None):
        review.mark(world.auditor, entry, "justified", "")


def signed_off(world, one: Review) -> Review:
    judge_everything(world, one)
    return review.sign_off(world.auditor, one, "問題なし")


@pytest.fixture
def stranger(world) -> Person:
    """An auditor who reviews no contract: another one does."""
    world.nobody_reviews()
    past.reviewed_by_another_auditor(world, world.contract)
    return world.auditor


def second_contract(world) -> DelegationContract:
    first = world.contract
    second = DelegationContract.objects.create(
        title="第二の契約", delegator=first.delegator, delegate=first.delegate, starts_at=first.starts_at,
        ends_at=first.ends_at, delegated_items=first.delegated_items,
    )  # fmt: skip
    for held in first.contractgrouppermission_set.all():
        second.contractgrouppermission_set.create(group=held.group, permission=held.permission)
    return second


class TestOpening:
    def test_a_review_for_each_contract_granted_in_it(self, world):
        second = second_contract(world)
        RosterEntry.objects.create(
            contract=second, person=world.contractor02, added_by=world.supervisor,
            trained_on=world.entry().trained_on,
        )  # fmt: skip
        emergency = world.declare(contracts=[world.contract, second])
        assert review.open_what_is_due() == 0, "it is still open"
        lifecycle.end(emergency, world.supervisor)
        assert review.open_what_is_due() == 2
        assert review.open_what_is_due() == 0
        assert set(Review.objects.values_list("contract_id", flat=True)) == {world.contract.pk, second.pk}
        granted = {one.contract_id: one.figures["granted"] for one in Review.objects.all()}
        assert granted == {world.contract.pk: 2, second.pk: 1}

    def test_one_without_a_contract_where_none_was_granted(self, world, stranger):
        emergency = lifecycle.end(world.declare(contracts=()), world.supervisor)
        sweep()
        one = Review.objects.get()
        assert (one.contract_id, one.ends_at) == (None, emergency.ended_at)
        assert list(review.for_auditor(stranger)) == [one]

    def test_an_expiry_opens_one_too_and_the_end_is_the_last_grants(self, world):
        emergency = world.declare()
        at = clock.database_now() - timedelta(hours=1)
        Grant.objects.update(starts_at=at - timedelta(hours=3), ends_at=at - timedelta(minutes=30))
        Emergency.objects.filter(pk=emergency.pk).update(declared_at=at - timedelta(hours=4), expires_at=at)
        RosterEntry.objects.update(added_at=at - DAY)
        past.is_decided(emergency, *emergency.grants.all(), *RosterEntry.objects.all())
        sweep()
        assert Review.objects.get().ends_at == at - timedelta(minutes=30)

    @pytest.mark.parametrize("how", ["revoked", "off the roster"])
    def test_the_end_is_when_the_last_grant_stopped_however_it_did(self, world, how):
        emergency = world.declare()
        if how == "revoked":
            revoking.revoke(world.supervisor, emergency.grants.all(), "交代")
            stopped = Grant.objects.latest("revoked_at").revoked_at
        else:
            for person in (world.contractor, world.contractor02):
                person.is_active = False
                accounts.save_with_rosters(world.administrator, person)
            stopped = RosterEntry.objects.latest("removed_at").removed_at
        lifecycle.end(emergency, world.supervisor)
        review.open_what_is_due()
        assert Review.objects.get().ends_at == stopped < Emergency.objects.get().ended_at

    def test_it_is_told_and_due_in_so_many_days(self, world, settings):
        settings.REVIEW_DAYS = 3
        one = over(world)
        assert one.due_at - one.opened_at == 3 * DAY
        assert Notice.objects.get(kind="review").person == world.auditor


class TestFigures:
    def test_totals_and_a_line_for_each_person(self, world):
        emergency = world.declare()
        first, second = call_of(world, emergency), call_of(world, emergency, world.contractor02)
        reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), first)
        reading.open_customer(world.contractor, world.customers[HANAKO].pk, first)
        reading.look_up(world.contractor, reading.Terms(phone="087-999-9999"), first)
        inquiries.close(world.contractor, first.pk, outcome="answered", found=False)
        reading.open_customer(world.contractor02, world.customers[JIRO].pk, second)
        lifecycle.end(emergency, world.supervisor)
        review.open_what_is_due()
        figures = Review.objects.get().figures
        assert {name: figures[name] for name in (
            "granted", "people", "lookups", "customers", "inquiries", "denials", "no_outcome", "not_found", "late"
        )} == {
            "granted": 2, "people": 2, "lookups": 4, "customers": 2, "inquiries": 2, "denials": 0,
            "no_outcome": 1, "not_found": 1, "late": 0,
        }  # fmt: skip
        lines = {line["username"]: line for line in figures["lines"]}
        assert lines["contractor"]["lookups"] == 3, "the one that found nobody among them"
        assert lines["contractor02"]["customers"] == 1
        assert sum(figures["chart"]["counts"]) == 4

    def test_the_chart_puts_a_lookup_where_it_was_and_the_end_where_it_is(self, world):
        one = over(world)
        entry = LogEntry.objects.disclosures().get()
        part = review_figures.of_emergency(
            one.emergency_id, None, entry.timestamp - timedelta(hours=3), entry.timestamp + timedelta(hours=1),
            clock.database_now(),
        )  # fmt: skip
        chart = review_words.chart(review_figures.of(part))
        (bar,) = chart.bars
        assert (bar.count, bar.after_the_end) == (1, False)
        assert bar.x < 600 * 3 / (4 + 4 / 12) < bar.x + 10
        assert chart.end == round(600 * 12 / 13, 2)

    def test_denials_count_for_the_contracts_people_while_it_lasted_and_in_the_day_after(
        self, world, client_of
    ):
        emergency = world.declare()
        for person in (world.contractor, world.operator):
            client_of(person).get("/requests/")
        lifecycle.end(emergency, world.supervisor)
        review.open_what_is_due()
        one = Review.objects.get()
        (line,) = one.figures["lines"]
        assert (line["username"], line["denials"], line["lookups"]) == ("contractor", 1, 0)
        assert one.figures["denied_after"] == 0
        client_of(world.contractor).get(
            f"/customers/{world.customers[HANAKO].pk}/"
        )  # as whoever kept their habit of looking up
        client_of(world.operator).get("/requests/")
        figures, differs = review.figures(one)
        assert (figures["denials"], figures["denied_after"], differs) == (1, 1, False)
        client = client_of(world.auditor)
        client.cookies["portal_language"] = "en"
        page = client.get(reverse("portal:review", args=[one.pk])).content.decode()
        assert "<dt>Denials in the day after the end</dt><dd>1</dd>" in page
        refused = LogEntry.objects.denials().filter(actor=world.contractor).latest("pk")
        forge(refused, timestamp=one.ends_at + DAY)
        assert review.figures(one)[0]["denied_after"] == 1, "no longer than a day"

    def test_another_emergency_and_contract_count_for_themselves(self, world):
        over(world, name="先の台風")
        one = over(world, name="後の台風")
        assert (one.figures["lookups"], one.figures["customers"]) == (1, 1)

    def test_the_lag_is_nil_and_said_so(self, world):
        one = over(world)
        assert one.figures["late"] == 0
        with translation.override("en"):
            assert review_words.lag(one, one.figures).startswith("None after the end; the last one ")

    def test_a_disclosure_after_the_end_is_in_red_with_a_link(self, world, client_of):
        one = over(world)
        entry = LogEntry.objects.disclosures().get()
        (late,) = forge(entry, timestamp=one.ends_at + timedelta(seconds=125))
        client = client_of(world.auditor)
        client.cookies["portal_language"] = "en"
        page = client.get(reverse("portal:review", args=[one.pk]))
        assert page.context["figures"]["late"] == 1
        text = page.content.decode()
        assert (
            "1 disclosure outside a live grant. The last disclosure came 125.0 seconds after the end." in text
        )
        assert f'href="/history/{late.pk}/"' in text
        assert 'class="late"' in text
        assert page.context["lines"][0][1] == ["1 disclosure outside a live grant"]

    def test_who_stands_out_is_first_and_it_is_said_why(self, world):
        emergency = world.declare()
        for person in (world.contractor, world.contractor02):
            reading.open_customer(person, world.customers[HANAKO].pk, call_of(world, emergency, person))
        lifecycle.end(emergency, world.supervisor)
        entry = LogEntry.objects.disclosures().get(actor=world.contractor02)
        forge(entry, 30)
        review.open_what_is_due()
        one = Review.objects.get()
        first, second = one.figures["lines"]
        assert (first["username"], first["odd"], second["odd"]) == ("contractor02", ["per_hour"], [])
        assert first["per_hour"] == 31
        (said,) = review_words.why_first(first, one.figures["medians"])
        assert "31" in said
        assert "1" in said

    @pytest.mark.parametrize(("measure", "many"), [("per_hour", 31), ("denials", 4), ("per_inquiry", 4)])
    def test_every_measure_makes_somebody_stand_out(self, measure, many):
        nobody = {"lookups": 1, "denials": 0, "late": 0, "per_hour": 1, "per_inquiry": 1, "username": ""}
        lines = [nobody | {"username": name} for name in "abc"] + [nobody | {"username": "z", measure: many}]
        review_figures._mark_who_stands_out(lines)
        assert [line["username"] for line in lines if line["odd"]] == ["z"]
        assert lines[0]["odd"] == [measure]

    def test_few_are_nothing_to_speak_of_whatever_the_median(self):
        nobody = {"lookups": 1, "denials": 0, "late": 0, "per_hour": 1, "per_inquiry": 1, "username": ""}
        lines = [dict(nobody), dict(nobody), nobody | {"denials": 2, "per_hour": 10, "per_inquiry": 2}]
        review_figures._mark_who_stands_out(lines)
        assert not any(line["odd"] for line in lines)

    def test_figures_computed_anew_are_the_same(self, world):
        one = over(world)
        one.refresh_from_db()
        assert review.figures_now(one) == one.figures


class TestTheSample:
    def many(self, world, count: int) -> Review:
        emergency = world.declare()
        for person in (world.contractor, world.contractor02):
            reading.open_customer(person, world.customers[HANAKO].pk, call_of(world, emergency, person))
        lifecycle.end(emergency, world.supervisor)
        for entry in LogEntry.objects.disclosures():
            forge(entry, count if entry.actor == world.contractor else 2)
        review.open_what_is_due()
        return Review.objects.get()

    def test_is_of_the_size_that_is_set_and_written_into_the_history(self, world, settings):
        settings.REVIEW_SAMPLE = 5
        one = self.many(world, 30)
        entry = LogEntry.objects.get(event="review.opened")
        assert entry.additional_data["seed"] == one.seed
        assert sorted(entry.additional_data["sample"]) == sorted(
            one.entries.values_list("entry_id", flat=True)
        )
        assert one.entries.count() == 5

    def test_is_drawn_again_by_its_seed_and_otherwise_by_another(self, world, settings):
        settings.REVIEW_SAMPLE = 6
        one = self.many(world, 40)
        kept = sorted(one.entries.values_list("entry_id", flat=True))

        def drawn(seed: str) -> list[int]:
            part = review_figures.part_of(one)
            return sorted(d.entry_id for d in review_sample.draw(part, one.figures, seed, 6))

        assert drawn(one.seed) == kept
        assert drawn("another seed") != kept

    def test_half_is_of_who_stands_out_and_what_must_not_be_is_all_in_it(self, world, settings):
        settings.REVIEW_SAMPLE = 8
        emergency = world.declare()
        for person in (world.contractor, world.contractor02):
            reading.open_customer(person, world.customers[HANAKO].pk, call_of(world, emergency, person))
        lifecycle.end(emergency, world.supervisor)
        quiet = LogEntry.objects.disclosures().get(actor=world.contractor02)
        theirs = {"actor_id": world.contractor.pk, "actor_username": "contractor"}
        forge(quiet, 60, timestamp=quiet.timestamp, grant_id=world.grant("contractor").pk, **theirs)
        last = Emergency.objects.get().ended_at
        late = forge(quiet, 2, timestamp=last)
        review.open_what_is_due()
        one = Review.objects.get()
        why = dict(one.entries.values_list("entry_id", "why"))
        assert len(why) == 8
        assert {why[entry.pk] for entry in late} == {"outlier"}
        assert list(why.values()).count("outlier") >= 4


class TestJudging:
    def test_a_mark_is_kept_and_a_later_one_too(self, world):
        one = over(world)
        entry = review.mark(world.auditor, one.entries.get(), "ask", "受電の記録は？")
        review.mark(world.auditor, entry, "justified", "記録あり", entry.marked_at)
        marks = LogEntry.objects.filter(event="review.marked").oldest_first()
        assert [m.additional_data["mark"] for m in marks] == ["ask", "justified"]
        assert one.entries.get().mark == "justified"

    @pytest.mark.parametrize("what", ["ask", "not_justified"])
    def test_a_question_and_a_no_need_a_note(self, world, what):
        one = over(world)
        with pytest.raises(Unfit) as unfit:
            review.mark(world.auditor, one.entries.get(), what, "  ")
        assert unfit.value.field == "note"
        assert one.entries.get().mark is None

    def test_a_mark_that_was_not_seen_is_not_overwritten(self, world):
        one = over(world)
        review.mark(world.auditor, one.entries.get(), "justified", "")
        with pytest.raises(AlreadyDone):
            review.mark(world.auditor, one.entries.get(), "not_justified", "x", None)

    def test_the_page_judges_and_what_is_wrong_stands_beside_the_field(self, world, client_of):
        one = over(world)
        client, entry = client_of(world.auditor), one.entries.get()
        path = reverse("portal:mark_entry", args=[one.pk, entry.pk])
        page = client.post(path, {"mark": "ask", "note": "", "seen": ""})
        (shown,) = page.context["entries"]
        assert shown["form"].errors["note"]
        assert client.post(path, {"mark": "not_justified", "note": "私用", "seen": ""}).status_code == 302
        (shown,) = client.get(reverse("portal:review", args=[one.pk])).context["entries"]
        seen = shown["form"].initial["seen"]
        assert client.post(path, {"mark": "justified", "note": "", "seen": seen}).status_code == 302
        assert one.entries.get().mark == "justified", "by the form that the page gave"

    def test_of_two_windows_the_second_loses_nothing_that_was_typed(self, world, client_of):
        one = over(world)
        client, entry = client_of(world.auditor), one.entries.get()
        path = reverse("portal:mark_entry", args=[one.pk, entry.pk])
        review.mark(world.auditor, entry, "justified", "先の判定")
        page = client.post(path, {"mark": "not_justified", "note": "私用の照会", "seen": ""})
        assert one.entries.get().mark == "justified", "unseen, nothing is overwritten"
        (shown,) = page.context["entries"]
        text = page.content.decode()
        assert "先にこの記録を判定しました" in text
        assert "先の判定" in text
        typed = {name: shown["form"][name].value() for name in ("mark", "note", "seen")}
        assert (typed["mark"], typed["note"]) == ("not_justified", "私用の照会")
        assert client.post(path, typed).status_code == 302
        assert (one.entries.get().mark, one.entries.get().note) == ("not_justified", "私用の照会")

    def test_each_reading_of_the_page_is_in_the_history_once(self, world, client_of):
        one = over(world)
        client = client_of(world.auditor)
        client.get(reverse("portal:review", args=[one.pk]))
        read = LogEntry.objects.get(event="review.read")
        assert (read.actor, read.contract_id, read.object_repr) == (world.auditor, one.contract_id, str(one))
        wrong = client.post(
            reverse("portal:mark_entry", args=[one.pk, one.entries.get().pk]), {"mark": "ask", "note": ""}
        )
        assert LogEntry.objects.filter(event="review.read").count() == 2, (
            "the page with an error shows it too"
        )
        assert [line.entry.event for line in wrong.context["story"]] == ["review.opened"]

    def test_an_entry_is_added_from_its_page(self, world, client_of):
        one = over(world)
        client = client_of(world.auditor)
        entry = LogEntry.objects.filter(event="grant.given").first()
        path = reverse("portal:add_to_review", args=[one.pk, entry.pk])
        assert path in client.get(f"/history/{entry.pk}/").content.decode()
        assert client.post(path).status_code == 302
        added = one.entries.get(entry_id=entry.pk)
        assert (added.why, added.added_by) == ("added", world.auditor)
        assert path not in client.get(f"/history/{entry.pk}/").content.decode()
        with pytest.raises(AlreadyDone):
            review.add(world.auditor, one, entry)

    def test_an_entry_of_something_else_is_not(self, world):
        one = over(world)
        other = world.declare(name="別の台風")
        entry = LogEntry.objects.of_emergency(other.pk).first()
        with pytest.raises(Unfit):
            review.add(world.auditor, one, entry)


class TestSigningOff:
    def test_needs_every_entry_judged_no_open_question_and_a_conclusion(self, world):
        one = over(world)
        with pytest.raises(Unfit):
            review.sign_off(world.auditor, one, "問題なし")
        entry = review.mark(world.auditor, one.entries.get(), "ask", "なぜ？")
        with pytest.raises(Unfit):
            review.sign_off(world.auditor, one, "問題なし")
        review.mark(world.auditor, entry, "justified", "", entry.marked_at)
        with pytest.raises(Unfit) as unfit:
            review.sign_off(world.auditor, one, "  ")
        assert unfit.value.field == "conclusion"
        review.sign_off(world.auditor, one, "問題なし")
        assert LogEntry.objects.get(event="review.signed_off").additional_data["conclusion"] == "問題なし"
        for act in (
            lambda: review.sign_off(world.auditor, one, "もう一度"),
            lambda: review.mark(world.auditor, one.entries.get(), "justified", ""),
            lambda: review.add(world.auditor, one, LogEntry.objects.filter(event="grant.given").first()),
        ):
            with pytest.raises(AlreadyDone):
                act()

    def test_the_page_asks_first_and_says_what_is_missing(self, world, client_of):
        one = over(world)
        client, path = client_of(world.auditor), reverse("portal:sign_off", args=[one.pk])
        assert len(client.get(path).context["notes"]) == 1
        page = client.post(path, {"conclusion": "問題なし"})
        assert page.context["form"].non_field_errors()
        assert "問題なし" in page.content.decode(), "nothing typed is lost"
        judge_everything(world, one)
        assert client.get(path).context["notes"] == []
        assert not Review.objects.get().signed_off_at
        assert client.post(path, {"conclusion": "問題なし"}).status_code == 302
        assert Review.objects.get().conclusion == "問題なし"

    def test_a_second_look_opens_it_with_a_reason_and_time_of_its_own(self, world):
        one = over(world)
        grow_old(one, 20)
        one = signed_off(world, one)
        with pytest.raises(Unfit):
            review.reopen(world.auditor, one, " ")
        again = review.reopen(world.auditor, one, "新しい申告")
        assert (again.signed_off_at, again.conclusion) == (None, None)
        assert again.due_at > clock.database_now() + 13 * DAY
        assert LogEntry.objects.get(event="review.signed_off").additional_data["conclusion"] == "問題なし"
        with pytest.raises(AlreadyDone):
            review.reopen(world.auditor, again, "もう一度")
        assert Notice.objects.filter(kind="review").count() == 2

    def test_the_figures_are_those_of_the_signing_off(self, world):
        one = over(world)
        (late,) = forge(LogEntry.objects.disclosures().get(), timestamp=one.ends_at + timedelta(minutes=1))
        judge_everything(world, one)
        with translation.override("en"), pytest.raises(Unfit, match=rf"must not be .* page: {late.pk}\."):
            review.sign_off(world.auditor, one, "問題なし")
        review.add(world.auditor, one, late)
        with pytest.raises(Unfit):
            review.sign_off(world.auditor, one, "問題なし")
        one = signed_off(world, one)
        assert one.figures["late"] == 1, "what came after the opening is in them"
        assert review.figures_now(one) == one.figures

    def test_a_forged_one_is_said(self, world, client_of):
        one = over(world)
        client, path = client_of(world.auditor), reverse("portal:review", args=[one.pk])
        client.cookies["portal_language"] = "en"
        sentence = "This review is not what the history says of it"
        assert sentence not in client.get(path).content.decode()
        past.past_the_triggers(
            "audit_review",
            f"UPDATE audit_review SET signed_off_at = now(), signed_off_by_id = {world.auditor.pk}, conclusion = 'x'",
        )
        assert sentence in client.get(path).content.decode()

    def test_its_figures_stay_and_a_difference_is_said(self, world, client_of):
        one = signed_off(world, over(world))
        client, path = client_of(world.auditor), reverse("portal:review", args=[one.pk])
        assert not client.get(path).context["differs"]
        forge(LogEntry.objects.disclosures().get(), timestamp=one.ends_at + timedelta(minutes=1))
        context = client.get(path).context
        assert context["differs"]
        assert context["figures"]["late"] == 0, "as they were signed off"

    def test_what_was_counted_is_not_counted_again_at_each_reading(self, world, client_of):
        one = over(world)
        client, path = client_of(world.auditor), reverse("portal:review", args=[one.pk])
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).context["figures"] == one.figures
        assert not [query for query in queries if "width_bucket" in query["sql"]]
        forge(LogEntry.objects.disclosures().get(), timestamp=one.ends_at + timedelta(minutes=1))
        context = client.get(path).context
        assert (context["figures"]["late"], context["figures"]["lines"][0]["late"]) == (1, 1)
        assert not context["differs"], "it is open, and says so itself"


class TestWhoseItIs:
    def test_another_contracts_is_not_the_auditors(self, world, stranger, client_of):
        world.declare()
        emergency = lifecycle.end(Emergency.objects.get(), world.supervisor)
        review.open_what_is_due()
        one = Review.objects.get(emergency_id=emergency.pk)
        assert not review.for_auditor(stranger).exists()
        for act in (
            lambda: review.read(stranger, one),
            lambda: review.sign_off(stranger, one, "x"),
            lambda: review.reopen(stranger, one, "x"),
            lambda: review.add(stranger, one, LogEntry.objects.first()),
            lambda: review.mark(stranger, ReviewedEntry(review=one), "justified", ""),
        ):
            with pytest.raises(Denied, match="history_not_yours"):
                act()
        client = client_of(stranger)
        for page in ("review", "sign_off", "reopen_review"):
            assert client.get(reverse(f"portal:{page}", args=[one.pk])).status_code == 403
        assert not client.get("/reviews/").context["waiting"]
        assert not stranger.notices.filter(kind="review").exists()

    def test_it_is_no_supervisors(self, world):
        one = over(world)
        for person in (world.supervisor, world.administrator, world.operator):
            with pytest.raises(Denied, match="role"):
                review.sign_off(person, one, "x")
            with pytest.raises(Denied, match="role"):
                review.mark(person, one.entries.get(), "justified", "")
            with pytest.raises(Denied, match="role"):
                review.open_reviews_for(person, LogEntry.objects.first())

    def test_the_page_shows_no_entry_that_the_auditor_may_not_read(self, world, client_of):
        """A review without a contract is any auditor's; an entry under a contract in it is not."""
        one = lifecycle.end(world.declare(contracts=()), world.supervisor)
        review.open_what_is_due()
        one = Review.objects.get(emergency_id=one.pk)
        entry = over(world, name="別").entries.get()
        ReviewedEntry.objects.create(
            review=one, entry_id=entry.entry_id, timestamp=entry.timestamp, why="random"
        )
        world.nobody_reviews()
        (shown,) = client_of(world.auditor).get(reverse("portal:review", args=[one.pk])).context["entries"]
        assert shown["line"] is None


class TestOverdue:
    def test_nags_once_each_at_the_opening_at_half_and_when_overdue(self, world):
        one = over(world)

        def told(person) -> list[str]:
            kinds = person.notices.filter(kind__startswith="review").order_by("pk")
            return list(kinds.values_list("kind", flat=True))

        sweep()
        assert told(world.auditor) == ["review"]
        grow_old(one, 7.1)
        for _twice in range(2):
            sweep()
        assert told(world.auditor) == ["review", "review_half"]
        assert told(world.supervisor) == []
        grow_old(one, 7)
        for _twice in range(2):
            sweep()
        assert told(world.auditor) == ["review", "review_half", "review_due"]
        assert told(world.supervisor) == ["review_two"]

    def test_stands_on_the_auditors_first_page_until_it_is_signed_off(self, world, client_of):
        one, client = over(world), client_of(world.auditor)
        path = reverse("portal:review", args=[one.pk])
        assert path in client.get("/").content.decode()
        signed_off(world, one)
        assert path not in client.get("/").content.decode()

    def test_the_next_grant_waits_for_a_second_supervisor(self, world, client_of):
        one = over(world)
        grow_old(one, 13.9)
        world.declare(name="期限の前")
        assert not Request.objects.exists()
        grow_old(one, 2.2)
        emergency = world.declare(name="期限の後")
        assert not emergency.grants.exists()
        (asked,) = Request.objects.waiting()
        for who, path in (
            ("supervisor", f"/emergencies/{emergency.pk}/grant/"),
            ("supervisor", "/emergencies/declare/"),
            ("supervisor", f"/contracts/{world.contract.pk}/roster/"),
            ("supervisor02", "/requests/"),
        ):
            client = client_of(world.people[who])
            client.cookies["portal_language"] = "en"
            said = "The review of “台風第14号” is 3 days overdue"
            assert said in client.get(path).content.decode(), path
        answering.answer(world.supervisor02, asked.pk, agree=True)
        assert emergency.grants.count() == 2

    def test_so_do_an_extension_an_answer_to_a_call_for_help_and_no_area_is_added(self, world):
        emergency = world.declare(name="続く台風")
        revoking.revoke(world.supervisor, Grant.objects.filter(roster_entry=world.entry()), "交代")
        grow_old(over(world), 15)
        asked = lifecycle.extend(
            world.supervisor, emergency, clock.database_now() + timedelta(hours=9), "続いている"
        )
        assert isinstance(asked, Request)
        granting.ask_for_help(world.contractor, emergency, "応援")
        help_ = Request.objects.get(kind="help")
        answering.answer(world.supervisor, help_.pk, agree=True)
        assert not Grant.objects.live().filter(roster_entry=world.entry()).exists()
        assert Request.objects.waiting().filter(kind="grant").count() == 1
        areas = [*emergency.areas.all(), world.areas[MATSUYAMA]]
        with pytest.raises(Unfit, match="台風第14号"):
            lifecycle.change_areas(world.supervisor, emergency, areas)

    def test_signing_off_gives_the_contract_back_to_one(self, world):
        one = over(world)
        grow_old(one, 15)
        signed_off(world, one)
        assert world.declare(name="次の台風").grants.count() == 2

    def test_a_drills_review_makes_no_contract_wait(self, world):
        lifecycle.end(world.drill(), world.supervisor)
        review.open_what_is_due()
        one = Review.objects.get()
        assert one.is_drill
        grow_old(one, 30)
        sweep()
        assert Notice.objects.filter(kind="review_due").exists()
        assert not Notice.objects.filter(kind="review_two").exists()
        assert world.declare().grants.count() == 2

    def test_a_new_contract_with_the_same_delegate_waits_too_and_another_delegates_does_not(self, world):
        one = over(world)
        grow_old(one, 15)
        second = second_contract(world)
        assert dual_control.needs_two(second)
        (why,) = dual_control.why_two(second)
        assert one.about in why
        other = DelegationContract(pk=0, title="他社の契約", delegate=world.organizations["other"])
        assert not dual_control.needs_two(other)
        assert dual_control.why_two_each([second, other]) == {second.pk: [why], other.pk: []}


class TestMonths:
    LAST = date(2026, 10, 1)

    @pytest.fixture
    def october(self, world) -> datetime:
        """A moment of the month before the one that the tests say it is."""
        at = datetime(2026, 10, 15, 12, tzinfo=JAPAN)
        months.add(at, at)
        return at

    def open_on(self, day: date) -> list[Review]:
        for one in review._of_months(day):
            review._open([one])
        return list(Review.objects.filter(kind="period").order_by("contract_id"))

    def disclosed(self, world, at: datetime) -> LogEntry:
        """A contractor's and an operator's disclosure at that moment; returns the former."""
        emergency = world.declare()
        reading.open_customer(world.contractor, world.customers[HANAKO].pk, call_of(world, emergency))
        reading.open_customer(world.operator, world.customers[HANAKO].pk)
        for entry in LogEntry.objects.disclosures():
            forge(entry, timestamp=at)
        return LogEntry.objects.disclosures().get(timestamp=at, actor=world.contractor)

    def test_each_contract_with_a_disclosure_and_the_operators_once(self, world, october):
        self.disclosed(world, october)
        second_contract(world)
        opened = self.open_on(date(2026, 11, 1))
        assert [(one.period, one.contract_id) for one in opened] == [
            (self.LAST, world.contract.pk), (self.LAST, None),
        ]  # fmt: skip
        assert self.open_on(date(2026, 11, 3)) == opened
        assert [one.figures["lookups"] for one in opened] == [1, 1], "October's alone"
        assert [one.figures["lines"][0]["username"] for one in opened] == ["contractor", "operator"]
        assert len(opened[0].figures["chart"]["counts"]) == 31

    @pytest.mark.parametrize(
        ("later", "opened"), [(date(2027, 2, 3), 2), (date(2028, 10, 31), 2), (date(2028, 11, 1), 0)]
    )
    def test_a_month_in_whose_next_no_sweep_ran_is_reviewed_yet(self, world, october, later, opened):
        self.disclosed(world, october)
        assert [one.period for one in self.open_on(later) if one.period == self.LAST] == [self.LAST] * opened
        assert list(review._of_months(later)) == []

    def test_what_cannot_be_opened_says_so(self, world):
        """Only that another worker was quicker is nothing to say."""
        starts_at, ends_at = months.span(self.LAST)
        of_no_month = Review(kind="period", period=date(2026, 10, 2), starts_at=starts_at, ends_at=ends_at)
        with pytest.raises(IntegrityError, match="review_month_is_its_first_day"):
            review._open([of_no_month])

    def test_nothing_happened_nothing_to_review(self, world, october):
        assert self.open_on(date(2026, 11, 1)) == []

    def test_a_disclosure_alone_makes_a_month_to_review_the_latest_first(self, world, october):
        emergency = world.declare()
        months.add(october - 30 * DAY, october)
        given = LogEntry.objects.filter(event="grant.given").first()
        forge(given, timestamp=october)
        forge(given, timestamp=october, actor_role="operator", contract_id=None)
        assert list(review._of_months(date(2026, 11, 1))) == []
        reading.open_customer(world.contractor, world.customers[HANAKO].pk, call_of(world, emergency))
        for at in (october - 30 * DAY, october):
            forge(LogEntry.objects.disclosures().earliest("pk"), timestamp=at)
        due = [(one.period.month, one.contract_id) for one in review._of_months(date(2026, 11, 1))]
        assert due == [(10, world.contract.pk), (9, world.contract.pk)], "and none of the operators"

    @pytest.mark.parametrize(("seconds", "month"), [(-1, 9), (0, 10)])
    def test_a_month_is_japans(self, world, seconds, month):
        first = datetime(2026, 10, 1, tzinfo=JAPAN)
        months.add(first - DAY, first)
        self.disclosed(world, first + timedelta(seconds=seconds))
        opened = self.open_on(date(2026, 11, 1))
        assert [one.period for one in opened] == [date(2026, month, 1)] * 2
        assert [one.figures["lookups"] for one in opened] == [1, 1]

    def test_a_contractors_disclosure_outside_any_emergency_is_a_figure(self, world, october, client_of):
        entry = self.disclosed(world, october)
        emergency = entry.emergency_id
        one, _operators = self.open_on(date(2026, 11, 1))
        assert (one.figures["late"], one.figures["late_entry"]) == (1, entry.pk)
        assert one.figures["lines"][0]["odd"] == ["late"]
        Emergency.objects.filter(pk=emergency).update(declared_at=october - timedelta(hours=1))
        assert review.figures_now(one)["late"] == 1, "that an emergency was open covers nothing"
        Grant.objects.filter(emergency=emergency).update(starts_at=october - timedelta(hours=1))
        RosterEntry.objects.update(added_at=october - DAY)
        assert review.figures_now(one)["late"] == 1, "whatever the tables say, the history says otherwise"
        past.is_decided(*Emergency.objects.all(), *Grant.objects.all(), *RosterEntry.objects.all())
        assert review.figures_now(one)["late"] == 0
        client = client_of(world.auditor)
        client.cookies["portal_language"] = "en"
        page = client.get(reverse("portal:review", args=[one.pk])).content.decode()
        assert "Disclosures outside a live grant" in page
        assert "Oct 2026" in page

    def test_an_entry_is_offered_to_the_review_of_its_month_and_contract_alone(self, world, october):
        contractors = self.disclosed(world, october)
        operators = LogEntry.objects.disclosures().get(timestamp=october, actor=world.operator)
        under_contract, without = self.open_on(date(2026, 11, 1))
        starts_at, ends_at = months.span(self.LAST)
        months.add(starts_at - DAY, ends_at)
        moment = timedelta(microseconds=1)
        for like, its_own in ((contractors, under_contract), (operators, without)):
            for at, offered in (
                (starts_at - moment, []),
                (starts_at, [its_own]),
                (ends_at - moment, [its_own]),
                (ends_at, []),
            ):
                (entry,) = forge(like, timestamp=at)
                assert list(review.open_reviews_for(world.auditor, entry)) == offered
        signed_off(world, without)
        (entry,) = forge(operators, timestamp=starts_at)
        assert not review.open_reviews_for(world.auditor, entry), "it is signed off"

    def test_the_operators_is_any_auditors(self, world, october, stranger, client_of):
        self.disclosed(world, october)
        _contracts, operators = self.open_on(date(2026, 11, 1))
        assert list(review.for_auditor(stranger)) == [operators]
        assert client_of(stranger).get(reverse("portal:review", args=[operators.pk])).status_code == 200

    def test_an_overdue_month_makes_its_contract_wait_too(self, world, october):
        self.disclosed(world, october)
        contracts, _operators = self.open_on(date(2026, 11, 1))
        grow_old(contracts, 15)
        assert not world.declare(name="次の台風").grants.exists()
