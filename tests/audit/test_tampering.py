"""Tampering by whoever owns the database, with every trigger switched off: each is found and named."""

import json
import os
from copy import deepcopy
from datetime import timedelta
from io import StringIO

import psycopg
import pytest
import time_machine
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command
from django.db import connection
from django.test import override_settings
from django.utils import timezone

from audit import canonical, guards, publishing, recording, sealing, signing, verifying
from audit.faults import Fault
from audit.models import Head, LogEntry, Seal, SealedEntry, Unsealed
from audit.proof import SIGNED, key_id, leaf_hash
from tests import world as worlds
from tests.conftest import a_copy_of, leading_to

#: The tables of the history and its seals, and the triggers of each.
TRIGGERS = {
    f"audit_{table}": [
        what.removeprefix("trigger ")
        for what, _how in guards.expected()[f"audit_{table}"]
        if what.startswith("trigger ")
    ]
    for table in ("logentry", "sealedentry", "node", "seal", "head", "unsealed")
}


@pytest.fixture(scope="module")
def once(django_db_setup, django_db_blocker, tmp_path_factory):
    """A history of five seals, each of some entries, whose heads lie in a file: its database, file and world."""
    heads = tmp_path_factory.mktemp("published") / "heads.jsonl"
    with (
        django_db_blocker.unblock(),
        override_settings(SEAL_HEADS=[f"file://{heads}"]),
        a_copy_of(connection.settings_dict["NAME"]) as database,
    ):
        with leading_to(database):
            world = worlds.build()
            for n in range(4):
                sealing.seal_what_waits()
                world.declare(name=f"台風第{n}号", contracts=())
                some = (recording.decided("demo.loaded", detail={"customers": m}) for m in range(200))
                recording.decisions(some)
            sealing.seal_what_waits()
            publishing.send_heads()
            assert Seal.objects.count() == 5
            assert not Unsealed.objects.exists()
        yield database, heads, heads.read_bytes(), world


@pytest.fixture
def sealed(once, settings, django_db_blocker):
    """A copy of it for each test, and its file as it was."""
    database, heads, published, world = once
    settings.SEAL_HEADS = [f"file://{heads}"]
    heads.write_bytes(published)
    with django_db_blocker.unblock(), a_copy_of(database) as copy, leading_to(copy):
        yield deepcopy(world)


@pytest.fixture
def superuser(sealed):
    """Runs statements as the database's superuser, past every trigger."""
    database = connection.settings_dict
    with psycopg.connect(
        dbname=database["NAME"], host=database["HOST"], port=database["PORT"] or None,
        user=os.environ["SUPERUSER_DATABASE_URL"].split("//")[1].split("@")[0].split(":")[0],
        autocommit=True,
    ) as owner:  # fmt: skip

        def run(statement: str, *params) -> None:
            with owner.transaction():
                for table in TRIGGERS:
                    owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
                owner.execute(statement, params)
                owner.execute("SET CONSTRAINTS ALL IMMEDIATE")
                for table in TRIGGERS:  # as they were: the tampering leaves no other trace
                    for name in TRIGGERS[table]:
                        owner.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}")

        yield run
        pid = owner.info.backend_pid
    with connection.cursor() as cursor:  # else it is in the way as the database is dropped
        gone = False
        while not gone:
            cursor.execute("SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = %s)", [pid])
            (gone,) = cursor.fetchone()


def faults() -> list[Fault]:
    outcome = verifying.verify()
    for fault in outcome.faults:
        assert fault.sentence
    return outcome.faults


def first_fault() -> tuple[str, dict]:
    found = faults()
    assert found, "nothing was found"
    return found[0].kind, found[0].facts


def entry_at(place: str) -> SealedEntry:
    last = SealedEntry.objects.order_by("position").last().position
    ends = Seal.objects.get(number=2).size - 1
    places = {"first": 0, "middle": last // 2, "end of a seal": ends, "last": last}
    return SealedEntry.objects.get(position=places[place])


def test_an_untouched_history_is_whole(sealed):
    outcome = verifying.verify()
    assert outcome.ok, outcome.faults
    assert (outcome.entries, outcome.seals) == (LogEntry.objects.count(), 5)
    assert outcome.published == 5


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize(
    "change",
    [
        "actor_name = actor_name || '。'",
        "object_repr = overlay(object_repr || 'x' placing 'y' from 1 for 1)",
        '"timestamp" = "timestamp" + interval \'1 microsecond\'',
        "actor_id = (SELECT max(id) FROM access_person)",
        "additional_data = '{\"customers\": 7000}'",
        "fields = array_append(fields, 'phone')",
    ],
)
def test_an_entry_that_was_changed_is_named(superuser, place, change):
    leaf = entry_at(place)
    superuser(f"UPDATE audit_logentry SET {change} WHERE id = {leaf.entry_id}")
    kind, facts = first_fault()
    assert (kind, facts["entry"], facts["position"]) == ("entry_changed", leaf.entry_id, leaf.position)


@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_an_entry_that_was_deleted_is_named(superuser, place):
    leaf = entry_at(place)
    superuser(f"DELETE FROM audit_logentry WHERE id = {leaf.entry_id}")
    kind, facts = first_fault()
    assert (kind, facts["entry"]) == ("entry_missing", leaf.entry_id)


@pytest.mark.parametrize("is_noted", [False, True])
def test_an_entry_that_was_put_in_is_named(superuser, is_noted):
    if is_noted:  # as waiting, but with a time that is not the entry's
        Unsealed.objects.create(entry_id=1_000_000, timestamp=timezone.now())
    superuser(
        "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, "
        "jsonb_build_object('id', 1000000, 'actor_name', 'x'))).* FROM audit_logentry e ORDER BY id LIMIT 1"
    )
    kind, facts = first_fault()
    assert (kind, facts["entry"]) == ("entry_inserted", 1_000_000)


def test_an_entry_that_was_put_in_for_the_sealer_with_an_old_time_is_named(sealed):
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_add_month((now() - interval '40 days')::date)")
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'id', 1000000, 'timestamp', now() - interval '40 days'))).* FROM audit_logentry e WHERE id = %s",
            [entry.pk],
        )
    sealing.seal_what_waits()
    (fault,) = faults()
    assert (fault.kind, fault.facts["entry"]) == ("entry_backdated", 1_000_000)


def test_one_number_twice_is_named_and_stops_no_sealing(sealed):
    first = LogEntry.objects.oldest_first()[0]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, jsonb_build_object("
            "'timestamp', now()))).* FROM audit_logentry e WHERE id = %s",
            [first.pk],
        )
    recording.decision("demo.loaded", detail={"customers": 1})
    assert sealing.seal_what_waits() == 1
    for _noted_or_not in range(2):
        (fault,) = faults()
        assert (fault.kind, fault.facts["entry"]) == ("entry_inserted", first.pk)
        Unsealed.objects.all().delete()


def test_two_entries_that_were_swapped_are_named(superuser):
    one, other = entry_at("middle"), SealedEntry.objects.get(position=entry_at("middle").position + 1)
    for before, after in ((one.entry_id, 0), (other.entry_id, one.entry_id), (0, other.entry_id)):
        superuser(f"UPDATE audit_logentry SET id = {after} WHERE id = {before}")
    kind, facts = first_fault()
    assert (kind, facts["entry"]) == ("entry_changed", one.entry_id)


def test_two_entries_whose_places_were_swapped_are_named(superuser):
    one = entry_at("middle").position
    superuser(
        f'UPDATE audit_sealedentry a SET entry_id = -b.entry_id, digest = b.digest, "timestamp" = b."timestamp" '
        f"FROM audit_sealedentry b WHERE a.position IN ({one}, {one + 1}) AND b.position = {2 * one + 1} - a.position"
    )
    superuser("UPDATE audit_sealedentry SET entry_id = -entry_id WHERE entry_id < 0")
    found = {fault.kind: fault.facts for fault in faults()}
    assert found["entry_moved"]["position"] == one + 1
    assert found["root_differs"]["start"] <= one <= found["root_differs"]["end"]


def test_an_entry_changed_together_with_its_leaf_is_narrowed_down(superuser):
    leaf = entry_at("middle")
    superuser(f"UPDATE audit_logentry SET actor_name = 'x' WHERE id = {leaf.entry_id}")
    (row,) = sealing.read_entries([(leaf.entry_id, leaf.timestamp)])
    digest = leaf_hash(canonical.canonical(row))
    superuser("UPDATE audit_sealedentry SET digest = %s WHERE position = %s", digest, leaf.position)
    found = {fault.kind: fault.facts for fault in faults()}
    assert found["root_differs"]["start"] <= leaf.position <= found["root_differs"]["end"]
    assert found["node_differs"]["start"] <= leaf.position <= found["node_differs"]["end"]


@pytest.mark.parametrize("place", ["first", "middle", "end of a seal", "last"])
def test_a_leaf_that_is_gone_with_its_entry_is_named(superuser, place):
    leaf = entry_at(place)
    superuser(f"DELETE FROM audit_logentry WHERE id = {leaf.entry_id}")
    superuser(f"DELETE FROM audit_sealedentry WHERE position = {leaf.position}")
    found = [(fault.kind, fault.facts.get("position")) for fault in faults()]
    assert found[0] == ("leaf_missing", leaf.position)
    assert {kind for kind, _ in found[1:]} <= {"node_differs"}, "no seal is said to differ for it"


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_seal_that_is_gone_is_named(superuser, number, settings):
    superuser("DELETE FROM audit_head")
    superuser(f"DELETE FROM audit_seal WHERE number = {number}")
    kinds = {fault.kind for fault in faults()}
    assert "seal_unpublished" in kinds
    settings.SEAL_HEADS = []  # and without what was published:
    named = [(fault.kind, fault.facts.get("seal")) for fault in faults()]
    assert named == [("seal_missing", number) if number < 5 else ("leaf_beyond", None)]


def test_a_seal_with_a_number_far_away_is_named(superuser, settings):
    """However far: the verifier names the first that are missing, and ends."""
    settings.SEAL_HEADS = []
    superuser("DELETE FROM audit_head")
    superuser("UPDATE audit_seal SET number = %s WHERE number = 5", 2**62)
    kind, facts = first_fault()
    assert (kind, facts["seal"]) == ("seal_missing", 5)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_a_seal_that_says_something_else_is_named(superuser, number):
    head = json.loads(Seal.objects.get(number=number).head)
    head["root"] = "00" * 32
    superuser("UPDATE audit_seal SET head = %s WHERE number = %s", json.dumps(head), number)
    found = [(fault.kind, fault.facts["seal"]) for fault in faults()]
    assert found == [("seal_changed", number), ("seal_unpublished", number)]


@pytest.mark.parametrize(
    "column", ["made_at = made_at + interval '1 day'", "key_id = 'x'", "start = start + 1"]
)
def test_a_seal_whose_columns_say_something_else_is_named(superuser, column):
    superuser(f"UPDATE audit_seal SET {column} WHERE number = 3")
    assert [(fault.kind, fault.facts["seal"]) for fault in faults()] == [("seal_changed", 3)]


def resign(superuser, key: Ed25519PrivateKey, **third) -> None:
    """Signs all seals anew, over the tree as it stands now: what somebody with a key could do.

    third: what the third says otherwise.
    """
    before = None
    for seal in Seal.objects.order_by("number"):
        said = json.loads(seal.head)
        said |= {
            "key": key_id(key.public_key()),
            "root": sealing.HistoryTree().root(seal.size).hex(),
            "previous": sealing.sha256(before.encode()).hexdigest() if before else "",
        } | (third if seal.number == 3 else {})
        before = json.dumps(said, separators=(",", ":"))
        superuser(
            "UPDATE audit_seal SET head = %s, signature = %s, key_id = %s, start = %s WHERE number = %s",
            before, key.sign(SIGNED + before.encode()), said["key"], said["start"], seal.number,
        )  # fmt: skip


def test_a_history_sealed_anew_with_another_key_is_named(superuser, settings):
    settings.SEAL_HEADS = []
    resign(superuser, Ed25519PrivateKey.generate())
    kind, facts = first_fault()
    assert (kind, facts["seal"]) == ("seal_changed", 1)
    assert "not trusted" in facts["why"]


@pytest.mark.parametrize("otherwise", [{"previous": "00" * 32}, {"start": 1}, {"log": "another"}])
def test_a_seal_that_does_not_follow_the_one_before_is_named(superuser, settings, otherwise):
    """Though it is signed: seals that were taken from two histories, or of which some were left out."""
    settings.SEAL_HEADS = []
    resign(superuser, signing.signing_key(), **otherwise)
    kind, facts = first_fault()
    assert (kind, facts["seal"]) == ("seal_changed", 3)


def test_the_keys_owner_cannot_rewrite_what_was_published(superuser, settings):
    leaf = entry_at("last")
    superuser(f"UPDATE audit_logentry SET actor_name = 'x' WHERE id = {leaf.entry_id}")
    (row,) = sealing.read_entries([(leaf.entry_id, leaf.timestamp)])
    digest = leaf_hash(canonical.canonical(row))
    superuser("UPDATE audit_sealedentry SET digest = %s WHERE position = %s", digest, leaf.position)
    resign(superuser, signing.signing_key())
    assert [(fault.kind, fault.facts["seal"]) for fault in faults()] == [("seal_unpublished", 5)]
    settings.SEAL_HEADS = []
    assert verifying.verify().ok, "the key's owner leaves no other trace: so heads go outside"


def test_yesterdays_copy_of_the_whole_is_named(sealed):
    """Everything put back to how it was: nothing in the database can say so, what was published does."""
    database = connection.settings_dict["NAME"]
    yesterday = f"{database}_y"
    connection.close()
    with connection._nodb_cursor() as cursor:
        cursor.execute(f'CREATE DATABASE "{yesterday}" TEMPLATE "{database}"')
    recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    publishing.send_heads()
    connection.close()
    connection.settings_dict["NAME"] = yesterday
    try:
        assert [(fault.kind, fault.facts["seal"]) for fault in faults()] == [("seal_unpublished", 6)]
    finally:
        connection.close()
        connection.settings_dict["NAME"] = database
        with connection._nodb_cursor() as cursor:
            cursor.execute(f'DROP DATABASE "{yesterday}" WITH (FORCE)')


def test_yesterdays_copy_of_the_history_alone_is_named(superuser):
    superuser("CREATE TABLE yesterday AS SELECT * FROM audit_logentry")
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    superuser("DELETE FROM audit_logentry")
    superuser("INSERT INTO audit_logentry SELECT * FROM yesterday")
    superuser("DROP TABLE yesterday")
    assert [(fault.kind, fault.facts["entry"]) for fault in faults()] == [("entry_missing", entry.pk)]


@pytest.mark.parametrize(
    ("statement", "table"),
    [
        ("ALTER TABLE audit_logentry DISABLE TRIGGER history_is_append_only", "audit_logentry"),
        ("DROP TRIGGER history_is_never_emptied ON audit_logentry", "audit_logentry"),
        ("ALTER TABLE audit_seal ENABLE REPLICA TRIGGER seal_is_append_only", "audit_seal"),
        ("ALTER TABLE audit_logentry DISABLE TRIGGER entries_are_sealed", "audit_logentry"),
    ],
)  # fmt: skip
def test_a_trigger_that_does_not_refuse_any_more_is_named(sealed, statement, table):
    with connection.cursor() as cursor:
        cursor.execute(statement)
    found = faults()
    assert {fault.kind for fault in found} == {"trigger_missing"}
    assert table in {fault.facts["table"] for fault in found}


def test_a_month_whose_trigger_is_gone_is_named(sealed):
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_logentry LIMIT 1")
        (month,) = cursor.fetchone()
        cursor.execute(f"ALTER TABLE {month} DISABLE TRIGGER history_is_append_only")
    assert [(f.kind, f.facts["table"]) for f in faults()] == [("trigger_missing", month)]


def test_an_entry_that_nobody_seals_is_named(sealed):
    Unsealed.objects.create(entry_id=1_000_000, timestamp="2026-01-01T00:00:00Z")
    (fault,) = faults()
    assert (fault.kind, fault.facts["entry"]) == ("entry_unsealed", 1_000_000)


def as_owner(*statements: str) -> None:
    """Runs statements as the portal's own role, which owns the tables."""
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def named() -> set[tuple]:
    return {(f.kind, f.facts.get("entry") or f.facts.get("table")) for f in faults()}


def test_what_would_show_the_pages_another_history_is_named(sealed):
    first = entry_at("first").entry_id
    as_owner(
        "ALTER TABLE audit_logentry ENABLE ROW LEVEL SECURITY", "ALTER TABLE audit_logentry FORCE ROW LEVEL SECURITY",
        f"CREATE POLICY hide ON audit_logentry USING (id <> {first} OR current_query() ~ 'FROM audit_logentry e')",
    )  # fmt: skip
    assert ("table_changed", "audit_logentry") in named()
    as_owner(
        "DROP POLICY hide ON audit_logentry",
        "ALTER TABLE audit_logentry DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE audit_logentry NO FORCE ROW LEVEL SECURITY",
    )
    as_owner("CREATE RULE hide AS ON INSERT TO audit_seal DO INSTEAD NOTHING")
    assert named() == {("table_changed", "audit_seal")}


def test_a_view_in_a_tables_place_is_named(sealed):
    as_owner(
        "ALTER TABLE audit_node RENAME TO elsewhere", "CREATE VIEW audit_node AS SELECT * FROM elsewhere",
    )  # fmt: skip
    found = [f.facts["why"] for f in faults() if f.facts.get("table") == "audit_node"]
    assert found[0].startswith("the relation audit_node should be “table”, and is “view")


def test_a_month_in_another_schema_is_named(sealed):
    month = f"audit_logentry_{timezone.localtime():%Y_%m}"
    as_owner("CREATE SCHEMA elsewhere", f"ALTER TABLE {month} SET SCHEMA elsewhere")
    assert named() == {("table_changed", f"elsewhere.{month}"), ("database_changed", None)}


def test_a_trigger_of_nobodys_is_named(sealed):
    as_owner(
        "CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$",
        "CREATE TRIGGER swallow BEFORE INSERT ON audit_unsealed FOR EACH ROW EXECUTE FUNCTION swallow()",
    )
    assert named() == {("table_changed", "audit_unsealed"), ("database_changed", None)}


@pytest.mark.parametrize(
    ("trigger", "table", "when"),
    [
        ("seal_is_append_only", "audit_seal", "BEFORE UPDATE OR DELETE {} FOR EACH ROW WHEN (false)"),
        ("seal_is_append_only", "audit_seal", "BEFORE UPDATE OF number OR DELETE {} FOR EACH ROW"),
        ("seal_is_append_only", "audit_seal", "BEFORE DELETE {} FOR EACH ROW"),
        ("seal_is_never_emptied", "audit_seal", "BEFORE DELETE {} FOR EACH STATEMENT"),
        ("entries_are_sealed", "audit_logentry", "AFTER TRUNCATE {} FOR EACH STATEMENT"),
    ],
)
def test_a_trigger_that_works_only_sometimes_is_named(sealed, trigger, table, when):
    function = "audit_note_for_sealing" if trigger == "entries_are_sealed" else "audit_history_is_append_only"
    as_owner(
        f"DROP TRIGGER {trigger} ON {table}",
        f"CREATE TRIGGER {trigger} {when.format(f'ON {table}')} EXECUTE FUNCTION {function}()",
        f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}",
    )
    assert named() == {("trigger_missing", table)}


def test_a_twin_of_an_entry_is_named(superuser):
    leaf = entry_at("middle")
    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM audit_logentry LIMIT 1")
        (month,) = cursor.fetchone()
    superuser("ALTER TABLE audit_logentry DROP CONSTRAINT history_key")
    superuser(
        'INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, \'{"actor_name": "x"}\')).* '
        f"FROM audit_logentry e WHERE id = {leaf.entry_id}"
    )
    found = named()
    assert ("entry_doubled", leaf.entry_id) in found
    assert {("table_changed", "audit_logentry"), ("table_changed", month)} <= found


def test_an_entry_of_a_time_to_come_is_named_and_never_sealed(sealed):
    as_owner(
        "SELECT audit_add_month((now() + interval '60 days')::date)", "SELECT audit_add_month('12000-01-01')"
    )
    for number, at in ((1_000_000, "now() + interval '60 days'"), (1_000_001, "'12000-01-05'::timestamptz")):
        as_owner(
            "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, jsonb_build_object("
            f"'id', {number}, 'timestamp', {at}))).* FROM audit_logentry e WHERE id = {entry_at('first').entry_id}"
        )
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    assert sealing.seal_what_waits() == 1, "the odd ones keep nothing else waiting"
    assert SealedEntry.objects.filter(entry_id=entry.pk).exists()
    assert named() >= {("entry_postdated", 1_000_000), ("entry_postdated", 1_000_001)}


def test_an_entry_of_a_time_to_come_that_was_sealed_is_named(sealed, monkeypatch):
    """By a sealer that is not ours: this one leaves it."""
    monkeypatch.setattr(sealing, "SOON", timedelta(days=90))
    at = timezone.now() + timedelta(days=60)
    entry = recording.decision("demo.loaded", detail={"customers": 1}, timestamp=at)
    assert sealing.seal_what_waits() == 1
    assert named() == {("entry_postdated", entry.pk)}


def test_an_entry_of_a_time_that_no_calendar_has_stops_no_sealing(sealed):
    as_owner(
        "SELECT audit_add_month('0044-03-15 BC')",
        "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, jsonb_build_object("
        "'id', 1000000, 'timestamp', '0044-03-15 BC'))).* FROM audit_logentry e "
        f"WHERE id = {entry_at('first').entry_id}",
    )
    recording.decision("demo.loaded", detail={"customers": 1})
    assert sealing.seal_what_waits() == 1
    assert named() == {("entry_unsealed", 1_000_000), ("table_changed", "audit_logentry_0044_03")}


def test_rows_without_an_entry_stop_no_sealing(sealed):
    as_owner(
        "INSERT INTO audit_unsealed (entry_id, \"timestamp\") SELECT -n, now() - interval '1 hour' "
        f"FROM generate_series(1, {sealing.RUN + 5}) n"
    )
    last = LogEntry.objects.order_by("pk").last().pk
    Unsealed.objects.create(entry_id=last + 1, timestamp="2026-01-01T00:00:00Z")
    recording.decision("demo.loaded", detail={"customers": 1})  # a row of its number is no refusal
    assert sealing.seal_what_waits() == 1
    assert {kind for kind, _ in named()} == {"entry_unsealed"}


def test_a_node_of_leaves_to_come_is_named(sealed):
    as_owner(
        "INSERT INTO audit_node (width, start, digest) VALUES (256, 102400, decode(repeat('00', 32), 'hex'))"
    )
    assert {kind for kind, _ in named()} == {"node_differs"}


def test_a_seal_made_meanwhile_is_no_tampering(sealed, monkeypatch):
    monkeypatch.setattr(verifying, "PIECE", 100)
    outcomes = []

    def go_on(done: int, total: int) -> None:
        recording.decision("demo.loaded", detail={"customers": 1})
        outcomes.append(sealing.seal_what_waits())

    outcome = verifying.verify(progress=go_on)
    assert sum(outcomes) > 5
    assert outcome.ok, outcome.faults


def test_a_seal_made_between_two_questions_is_no_tampering(sealed):
    """After the last leaf was asked for, and before the last seal is."""
    meanwhile = [sealing.seal_what_waits, lambda: recording.decision("demo.loaded", detail={"customers": 1})]

    def asked(execute, sql, *rest):
        answer = execute(sql, *rest)
        while meanwhile and "audit_sealedentry" in sql:
            meanwhile.pop()()
        return answer

    with connection.execute_wrapper(asked):
        outcome = verifying.verify()
    assert outcome.ok, outcome.faults
    assert (outcome.last_seal, meanwhile) == (6, [])


def test_heads_that_are_long_not_sent_are_named(sealed, settings):
    settings.SEAL_HEADS = [f"{settings.SEAL_HEADS[0]}.gone"]
    assert verifying.verify().ok
    with time_machine.travel(Seal.objects.get(number=1).made_at + 2 * sealing.LATE):
        assert [(f.kind, f.facts["seal"]) for f in faults()] == [("head_missing", 1)]


def test_heads_that_are_noted_and_not_sent_are_named(sealed, settings):
    recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    Head.objects.create(seal_id=6, destination=settings.SEAL_HEADS[0])
    assert publishing.send_heads() == 0
    assert [(f.kind, f.facts["seal"]) for f in faults()] == [("head_missing", 6)]
    settings.SEAL_HEADS = [f"{settings.SEAL_HEADS[0]}.gone"]
    assert verifying.verify().ok, "a file that never had one waits for the first"
    Head.objects.create(seal_id=1, destination=settings.SEAL_HEADS[0])
    assert [(f.kind, f.facts["seal"]) for f in faults()] == [("head_missing", 1)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1.0", "1.00"),
        ("0.1", "0.10000000000000000555"),
        ("0.0", "1e-400"),
        ("null", None),
        ("1e5000", "1e5001"),
    ],
)
def test_no_two_entries_have_one_form(sealed, superuser, before, after):
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    superuser("UPDATE audit_logentry SET changes = %s WHERE id = %s", before, entry.pk)
    assert sealing.seal_what_waits() == 1
    superuser("UPDATE audit_logentry SET changes = %s WHERE id = %s", after, entry.pk)
    assert named() >= {("entry_changed", entry.pk)}


def test_only_what_was_sealed_since_is_computed_again(superuser):
    fourth = Seal.objects.get(number=4)
    outcome = verifying.verify(since=fourth.made_at)
    assert outcome.ok, outcome.faults
    assert (outcome.seals, outcome.entries) == (
        2,
        SealedEntry.objects.filter(position__gte=fourth.start).count(),
    )
    superuser("UPDATE audit_logentry SET actor_name = 'x' WHERE id = %s", entry_at("first").entry_id)
    assert verifying.verify(since=fourth.made_at).ok
    superuser("UPDATE audit_node SET digest = %s WHERE start = 0", b"x" * 32)  # a root is made of nodes
    first = verifying.verify(since=fourth.made_at).faults[0]
    assert (first.kind, first.facts["seal"]) == ("root_differs", 3), "what came before gives the root of then"


def test_the_command_ends_with_0_only_if_all_is_well(superuser):
    out = StringIO()
    call_command("verify_history", stdout=out)
    assert "All is as it was sealed." in out.getvalue()
    superuser("UPDATE audit_logentry SET actor_name = 'x' WHERE id = %s", entry_at("middle").entry_id)
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("verify_history", stdout=out, stderr=err)
    assert ended.value.code == 1
    assert str(entry_at("middle").entry_id) in err.getvalue()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_history", "--json", stdout=out)
    said = json.loads(out.getvalue())
    assert said["ok"] is False
    assert said["faults"][0]["kind"] == "entry_changed"
