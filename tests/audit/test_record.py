"""The tables are what the history decided: each row that says otherwise is named, whoever changed it, and no other."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import import_module
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import translation

from access import accounts, answering, clock, lifecycle, revoking, roster_file, rosters, suspension
from access.models import DelegationContract, Emergency, Grant, Person, Request, RosterEntry
from audit import record, recording, replay, review, sealing, tallies, verifying
from audit.events import EVENTS
from audit.faults import Fault, Outcome
from audit.models import LogEntry, Review, ReviewedEntry
from customers import reading
from tests.audit import past
from tests.audit.test_reviews import call_of
from tests.world import HANAKO, MARUGAME, MATSUYAMA, TAKAMATSU

pytestmark = pytest.mark.django_db
begins = import_module("access.migrations.0012_the_record_begins")


def faults() -> list[Fault]:
    outcome = Outcome()
    replay.check(outcome)
    for fault in outcome.faults:
        assert fault.sentence
    return outcome.faults


def named() -> set[tuple]:
    return {(f.kind, f.facts["table"], f.facts["row"], f.facts["column"]) for f in faults()}


@pytest.fixture
def lived(world):
    """Everything that is decided, once: emergencies, grants, terms, rosters, reviews, each through its rule."""
    by, second = world.supervisor, world.supervisor02
    emergency = world.declare()
    reading.open_customer(world.contractor, world.customers[HANAKO].pk, call_of(world, emergency))
    reading.open_customer(
        world.contractor02, world.customers[HANAKO].pk, call_of(world, emergency, world.contractor02)
    )
    lifecycle.extend(by, emergency, clock.database_now() + timedelta(hours=9), "続いている")
    lifecycle.change_areas(by, emergency, [world.areas[code] for code in (TAKAMATSU, MATSUYAMA)])
    revoking.revoke(by, Grant.objects.filter(roster_entry=world.entry("contractor02")), "交代")
    suspension.suspend(by, world.contract, "確認のため")
    suspension.lift(by, world.contract)
    contract = DelegationContract.objects.get(pk=world.contract.pk)
    contract.max_grant_hours, contract.dual_control = 12, True
    contract.save()
    world.contract.refresh_from_db()
    lifecycle.end(emergency, by)
    review.open_what_is_due()
    one = Review.objects.get()
    for entry in one.entries.all():
        review.mark(world.auditor, entry, "justified", "")
    review.sign_off(world.auditor, one, "問題なし")
    review.reopen(world.auditor, one, "もう一度")
    rosters.train(by, world.entry(), world.entry().trained_on)
    rosters.remove(by, world.entry("contractor02"))
    rosters.add(by, contract, world.contractor02, world.entry().trained_on)
    roster_file.load(by, contract, b"username,trained_on\ncontractor,2026-06-01\n")
    world.contractor02.department = "別の課"
    accounts.save_with_rosters(world.administrator, world.contractor02)
    world.declare()
    answering.answer(second, Request.objects.get().pk, agree=True)
    world.drill()
    assert faults() == []
    return world


#: A change by whoever owns the tables, past all triggers; what is named: how, the table, and the column.
# fmt: off
CHANGES = [
    ("UPDATE access_emergency SET ended_at = ended_at - interval '1 microsecond' WHERE id = {emergency}", "row_differs", "ended_at"),
    ("UPDATE access_emergency SET ended_at = NULL, ended_by_id = NULL WHERE id = {emergency}", "row_differs", "ended_at"),
    ("UPDATE access_emergency SET declared_at = declared_at - interval '1 hour' WHERE id = {emergency}", "row_differs", "declared_at"),
    ("UPDATE access_emergency SET expires_at = expires_at + interval '1 hour' WHERE id = {emergency}", "row_differs", "expires_at"),
    ("UPDATE access_emergency SET is_drill = true WHERE id = {emergency}", "row_differs", "is_drill"),
    ("UPDATE access_emergency SET declared_by_id = {supervisor02} WHERE id = {emergency}", "row_differs", "declared_by_id"),
    ("UPDATE access_emergency_areas SET servicearea_id = {marugame} WHERE emergency_id = {emergency} AND servicearea_id = {matsuyama}", "row_differs", "areas"),
    ("DELETE FROM access_emergency_areas WHERE emergency_id = {emergency} AND servicearea_id = {matsuyama}", "row_differs", "areas"),
    ("UPDATE access_grant SET ends_at = ends_at + interval '1 hour' WHERE id = {grant}", "row_differs", "ends_at"),
    ("UPDATE access_grant SET starts_at = starts_at - interval '1 hour' WHERE id = {grant}", "row_differs", "starts_at"),
    ("UPDATE access_grant SET revoked_at = NULL, revoked_by_id = NULL, revoked_because = NULL WHERE id = {grant}", "row_differs", "revoked_at"),
    ("UPDATE access_grant SET revoked_because = 'x' WHERE id = {grant}", "row_differs", "revoked_because"),
    ("UPDATE access_grant SET granted_by_id = {supervisor02} WHERE id = {grant}", "row_differs", "granted_by_id"),
    ("UPDATE access_rosterentry SET added_at = added_at - interval '1 hour' WHERE id = {entry}", "row_differs", "added_at"),
    ("UPDATE access_rosterentry SET trained_on = trained_on + 1 WHERE id = {entry}", "row_differs", "trained_on"),
    ("UPDATE access_rosterentry SET removed_at = NULL, removed_by_id = NULL WHERE id = {left}", "row_differs", "removed_at"),
    ("UPDATE access_delegationcontract SET ends_at = ends_at + interval '1 year' WHERE id = {contract}", "row_differs", "ends_at"),
    ("UPDATE access_delegationcontract SET delegated_items = '{{name}}' WHERE id = {contract}", "row_differs", "delegated_items"),
    ("UPDATE access_delegationcontract SET dual_control = NOT dual_control WHERE id = {contract}", "row_differs", "dual_control"),
    ("UPDATE access_delegationcontract SET max_grant_hours = 72 WHERE id = {contract}", "row_differs", "max_grant_hours"),
    ("UPDATE access_delegationcontract SET suspended_at = now(), suspended_by_id = {supervisor02}, suspended_because = 'x' WHERE id = {contract}", "row_differs", "suspended_at"),
    ("UPDATE access_person SET role = 'supervisor' WHERE id = {contractor}", "row_differs", "role"),
    ("UPDATE access_person SET is_active = false WHERE id = {contractor}", "row_differs", "is_active"),
    ("UPDATE audit_review SET signed_off_at = now(), signed_off_by_id = {auditor}, conclusion = 'x' WHERE id = {review}", "row_differs", "signed_off_at"),
    ("UPDATE audit_review SET due_at = due_at + interval '1 year' WHERE id = {review}", "row_differs", "due_at"),
    ("UPDATE audit_review SET figures = figures || '{{\"late\": 0, \"denials\": 7}}' WHERE id = {review}", "row_differs", "figures_sha256"),
    ("UPDATE audit_reviewedentry SET mark = 'not_justified', note = 'x' WHERE id = {judged}", "row_differs", "mark"),
    ("UPDATE audit_reviewedentry SET marked_by_id = {supervisor02} WHERE id = {judged}", "row_differs", "marked_by_id"),
    ("DELETE FROM audit_reviewedentry WHERE id = {judged}", "row_missing", "–"),
    ("DELETE FROM access_grant WHERE id = {grant}", "row_missing", "–"),
]
# fmt: on


def test_each_row_that_is_not_what_the_history_says_is_named_and_no_other(lived):
    ended = Emergency.objects.filter(ended_at__isnull=False).get()
    # fmt: off
    keys = {
        "emergency": ended.pk, "grant": ended.grants.get(roster_entry__person=lived.contractor02).pk,
        "entry": lived.entry().pk, "left": RosterEntry.objects.filter(person=lived.contractor02).earliest("pk").pk,
        "contract": lived.contract.pk, "review": Review.objects.get().pk,
        "judged": ReviewedEntry.objects.earliest("pk").pk,
        "contractor": lived.contractor.pk, "supervisor02": lived.supervisor02.pk, "auditor": lived.auditor.pk,
        "marugame": lived.areas[MARUGAME].pk, "matsuyama": lived.areas[MATSUYAMA].pk,
    }
    # fmt: on
    for change, fault, column in CHANGES:
        statement = change.format(**keys)
        table = next(word for word in statement.split() if word.startswith(("access_", "audit_")))
        with undone():
            past.past_the_triggers(table, statement)
            (found,) = named()
        kind, of, row, of_column = found
        assert (kind, of_column) == (fault, column), statement
        assert table.startswith(of), statement
        assert row in keys.values(), statement
    assert faults() == []


def test_who_verifies_the_history_is_told(lived):
    sealing.seal_what_waits()
    assert verifying.verify().ok
    one = Emergency.objects.filter(ended_at__isnull=False).get()
    past.past_the_triggers(
        "access_emergency",
        f"UPDATE access_emergency SET ended_at = ended_at + interval '1 minute' WHERE id = {one.pk}",
    )
    err = StringIO()
    with pytest.raises(SystemExit), translation.override("en"):
        call_command("verify_history", stdout=StringIO(), stderr=err)
    assert (
        f"Row {one.pk} of access_emergency is not what the history says: ended_at was changed"
        in err.getvalue()
    )


@contextmanager
def undone() -> Iterator[None]:
    """What is done in the block is undone after it."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


class TestTheBeginning:
    """A history from before entries carried rows: what was there is stated once, and held to from then on."""

    @pytest.fixture
    def before(self, lived):
        past.past_the_trigger(
            "UPDATE audit_logentry SET additional_data = additional_data - 'row' - 'judged' WHERE additional_data IS NOT NULL"
        )
        return lived

    def test_nothing_is_accused_of_before_and_what_was_stated_is_held_to(self, before):
        assert {f.facts["table"] for f in faults()} <= {"audit_reviewedentry"}, (
            "old entries say nothing of most"
        )
        begins.state_all(None, connection.schema_editor())
        assert faults() == []
        stated = LogEntry.objects.filter(event="record.stated")
        tables = (Emergency, Grant, RosterEntry, DelegationContract, Review, ReviewedEntry)
        assert stated.count() == sum(one.objects.count() for one in tables) + Person.objects.count() - 1
        one = Emergency.objects.filter(ended_at__isnull=False).get()
        past.past_the_triggers(
            "access_emergency",
            f"UPDATE access_emergency SET expires_at = expires_at + interval '1 s' WHERE id = {one.pk}",
        )
        assert named() == {("row_differs", "access_emergency", one.pk, "expires_at")}

        # And disclosures are judged by it
        assert tallies.outside(tallies.Asked(None)) == []
        (grant,) = Grant.objects.filter(
            pk__in=LogEntry.objects.disclosures().filter(actor=before.contractor).values("grant_id")
        )
        past.disclosure(grant, clock.database_now() + timedelta(minutes=1))
        assert len(tallies.outside(tallies.Asked(None))) == 1


class TestWithoutADecision:
    def test_a_row_that_nobody_decided_is_named(self, lived):
        grant = Grant.objects.latest("pk")
        past.past_the_triggers(
            "access_grant",
            "INSERT INTO access_grant SELECT (jsonb_populate_record(g, jsonb_build_object('id', 1000000, "
            "'starts_at', g.starts_at - interval '9 years', 'ends_at', g.ends_at - interval '9 years'))).* "
            f"FROM access_grant g WHERE id = {grant.pk}",
        )
        assert named() == {("row_unfounded", "access_grant", 1_000_000, "–")}

    def test_where_months_were_dropped_what_is_older_is_not_accused(self, lived):
        """How it came to be is not known any more: but only of what is older than all of which it is known."""
        for pk in (0, 1_000_000):
            past.past_the_triggers(
                "access_grant",
                "INSERT INTO access_grant SELECT (jsonb_populate_record(g, jsonb_build_object("
                f"'id', {pk}, 'starts_at', g.starts_at - interval '9 years', 'revoked_at', now(), "
                f"'revoked_by_id', g.granted_by_id, 'revoked_because', 'x'))).* "
                f"FROM access_grant g WHERE id = {Grant.objects.latest('pk').pk}",
            )
        assert len(faults()) == 2
        recording.decision("history.dropped", detail={"month": "2016-01", "kinds": ["decision"], "count": 3})
        assert named() == {("row_unfounded", "access_grant", 1_000_000, "–")}

    def test_nobody_makes_a_change_good_by_stating_it(self, lived):
        """As who owns the database could write an entry beside it; and no row that is new is stated at all."""
        grant = Grant.objects.latest("pk")
        past.past_the_triggers(
            "access_grant",
            f"UPDATE access_grant SET ends_at = ends_at - interval '1 minute' WHERE id = {grant.pk}",
        )
        past.is_decided(grant)
        assert named() == {("row_restated", "access_grant", grant.pk, "–")}
        new = Person.objects.create(
            username="x", name="x", role="contractor", organization=lived.organizations["affiliate"]
        )
        past.past_the_trigger(
            f"DELETE FROM audit_logentry WHERE object_id = {new.pk} AND object_repr = 'x (x)'"
        )
        past.is_decided(new, at=clock.database_now() + timedelta(days=2))
        assert ("row_restated", "access_person", new.pk, "–") in named()


class TestWhatAnEntryCarries:
    def test_the_time_of_a_decision_is_the_moment_that_it_carries(self, lived):
        """As where the default of the time is shifted: what is decided then is dated otherwise than it says."""
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute(
                "ALTER TABLE audit_logentry ALTER \"timestamp\" SET DEFAULT statement_timestamp() - interval '2 hours'"
            )
        one = lifecycle.end(Emergency.objects.open().filter(is_drill=True).get(), lived.supervisor)
        assert named() == {("decision_misdated", "access_emergency", one.pk, "ended_at")}

    def test_an_entry_says_no_more_than_its_event_may(self, lived):
        """An end is no place to move a beginning: what else such an entry carries counts for nothing."""
        ended = Emergency.objects.filter(ended_at__isnull=False).get()
        row = record.row(ended, "emergency.ended")
        assert set(row) == {"ended_at", "ended_by_id"}
        forged = recording.decided("emergency.ended", ended)
        forged.additional_data["row"]["declared_at"] = "2020-01-01T00:00:00+00:00"
        forged.save()
        assert faults() == []

    def test_entries_from_before_say_nothing_and_later_ones_without_a_row_are_named(self, lived):
        ended = Emergency.objects.filter(ended_at__isnull=False).get()
        bare = recording.decided("emergency.ended", ended)
        bare.additional_data = None
        bare.save()
        past.past_the_triggers(
            "access_emergency",
            f"UPDATE access_emergency SET ended_at = ended_at - interval '1 microsecond' WHERE id = {ended.pk}",
        )
        assert faults() == [], "of the day of the upgrade: not known, so not compared"
        late = recording.decided("emergency.ended", ended, timestamp=clock.database_now() + timedelta(days=2))
        late.additional_data = None
        late.save()
        assert [(f.kind, f.facts["entry"]) for f in faults()] == [("decision_bare", late.pk)]

    def test_each_event_that_changes_a_row_is_in_the_table(self):
        """The events about emergencies, grants, contracts, rosters and reviews, but those that change nothing."""
        changing = ("emergency.", "grant.", "contract.", "roster.", "review.", "record.")
        assert {one for one in EVENTS if one.startswith(changing)} - {"review.read"} == set(record.SETS) - {
            "changed"
        }

    @pytest.mark.parametrize("of", record.KEPT)
    def test_each_column_of_its_tables_is_in_it_or_left_out_for_a_reason(self, of):
        models = (Emergency, Grant, RosterEntry, DelegationContract, Review, ReviewedEntry)
        left_out = {"emergency": {"form_token"}, "review": {"figures"}}
        for model in models:
            if model._meta.model_name == of:
                columns = {field.attname for field in model._meta.concrete_fields} - {"id"}
                assert columns - set(record.KEPT[of].columns) == left_out.get(of, set())
        for one in (some for every in record.SETS.values() for some in every):
            assert set(one.columns or ()) <= set(record.KEPT[one.of].columns)

    def test_every_event_of_a_table_has_happened_here(self, lived):
        happened = set(
            LogEntry.objects.filter(additional_data__has_any_keys=["row", "judged"]).values_list(
                "event", flat=True
            )
        )
        assert (
            set(record.SETS) - {"changed", "record.stated", "review.added", "emergency.expired"} <= happened
        )
