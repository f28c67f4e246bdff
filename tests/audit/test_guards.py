"""Whoever owns the database lies to the pages and leaves every row as it was sealed: the verifier sees it all the same.

Each lie is told as the database's superuser, and taken back with its transaction.
"""

import os
from collections.abc import Iterator

import pytest
from django.db import connection, transaction

from audit import guards, recording, sealing, two_readings, verifying
from audit.faults import Outcome
from audit.models import LogEntry
from tests import world as worlds
from tests.conftest import a_copy_of, leading_to

LIE = "CREATE FUNCTION lie({0}) RETURNS {1} LANGUAGE sql STRICT AS 'SELECT {2}'"
MONTH = "(SELECT max(tableoid::regclass::text) FROM audit_logentry)"
INDEX = (
    "UPDATE pg_index SET {0} WHERE indexrelid IN (SELECT i.inhrelid FROM pg_inherits i "
    "WHERE i.inhparent IN (SELECT indexrelid FROM pg_index WHERE indrelid = 'audit_logentry'::regclass AND NOT indisprimary))"
)
FALSE_CHECK = (
    "DO $$ BEGIN EXECUTE format('ALTER TABLE %I ADD CHECK (kind <> ''decision'') NOT VALID', "
    + MONTH
    + "); END $$",
    "UPDATE pg_constraint SET convalidated = true WHERE NOT convalidated AND contype = 'c'",
    "UPDATE pg_class SET relpages = relpages WHERE oid IN (SELECT tableoid FROM audit_logentry)",  # for this session to notice
)
LYING_OPERATOR = (
    LIE.format("varchar, varchar", "boolean", "$1::text = $2::text AND $1::text <> ''decision''"),
    "CREATE OPERATOR public.= (LEFTARG = varchar, RIGHTARG = varchar, FUNCTION = lie)",
)

#: What is done to the database, and what the verifier says of it: every kind of thing that schema.sql asks for.
# fmt: off
LIES = {
    # Relations
    "is none of ours": ["CREATE TABLE more () INHERITS (audit_seal)"],
    "portal.audit_logentry it is none": ["CREATE SCHEMA portal", "CREATE VIEW portal.audit_logentry AS SELECT * FROM public.audit_logentry WHERE kind <> 'denial'"],
    "and is “view": ["ALTER TABLE audit_node RENAME TO elsewhere", "CREATE VIEW audit_node AS SELECT * FROM elsewhere"],
    "it is not there": ["DROP TABLE django_admin_log"],
    "row security": ["ALTER TABLE audit_logentry ENABLE ROW LEVEL SECURITY"],
    "owned by": ["ALTER TABLE audit_head OWNER TO CURRENT_USER"],
    "open to everybody UPDATE": ["GRANT UPDATE ON audit_seal TO PUBLIC"],
    "not kept like others": ["ALTER TABLE audit_unsealed SET UNLOGGED"],
    "by -1": ["ALTER SEQUENCE audit_logentry_id_seq INCREMENT BY -1"],
    "and is “table”": ["DO $$ BEGIN EXECUTE format('ALTER TABLE audit_logentry DETACH PARTITION %I', " + MONTH + "); END $$"],
    # Columns
    "interval": ["ALTER TABLE audit_logentry ALTER \"timestamp\" SET DEFAULT statement_timestamp() - interval '1 day'"],
    "generated s": ["ALTER TABLE audit_head ADD COLUMN made int GENERATED ALWAYS AS (1) STORED"],
    "and is “character varying(10)”": ["ALTER TABLE audit_logentry ALTER kind DROP NOT NULL"],
    "collation ": ['ALTER TABLE audit_head ALTER destination TYPE varchar(200) COLLATE "C"'],
    "column head should": ["GRANT UPDATE (head) ON audit_seal TO PUBLIC"],
    # Constraints
    "CHECK (((kind)::text <> 'decision'::text))": FALSE_CHECK,
    "constraint seal_covers_something is missing": ["ALTER TABLE audit_seal DROP CONSTRAINT seal_covers_something"],
    "not validated": ["UPDATE pg_constraint SET convalidated = false WHERE conname = 'denial_says_why'"],
    "not enforced": ["DO $$ BEGIN IF current_setting('server_version_num')::int >= 180000 THEN EXECUTE format('ALTER TABLE audit_head ALTER CONSTRAINT %I NOT ENFORCED', (SELECT conname FROM pg_constraint WHERE conrelid = 'audit_head'::regclass AND contype = 'f')); ELSE RAISE 'not enforced'; END IF; END $$"],
    # Indexes
    "not ready": [INDEX.format("indisready = false")],
    "not valid": [INDEX.format("indisvalid = false")],
    "not live": [INDEX.format("indislive = false")],
    "index history_by_grant is missing": ["DROP INDEX history_by_grant"],
    "varchar_ops": ["ALTER TABLE audit_seal ALTER key_id TYPE varchar(16)", "DROP INDEX history_by_area", "CREATE INDEX history_by_area ON audit_logentry (area_code varchar_ops, \"timestamp\" DESC, id DESC) WHERE NOT area_code = ''"],
    # Triggers, rules, policies
    "seal_is_append_only audit_seal": ["ALTER TABLE audit_seal ENABLE TRIGGER seal_is_append_only"],
    "of the constraint, not on": ["ALTER TABLE audit_head DISABLE TRIGGER ALL"],
    "rule hide is none of ours": ["CREATE RULE hide AS ON INSERT TO audit_seal DO INSTEAD NOTHING"],
    "policy hide is none of ours": ["CREATE POLICY hide ON audit_logentry USING (kind <> 'denial')"],
    # Functions, and what calls them
    "function public.audit_note_for_sealing() should": ["CREATE OR REPLACE FUNCTION audit_note_for_sealing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"],
    "function public.audit_history_is_append_only() should": ["CREATE OR REPLACE FUNCTION audit_history_is_append_only() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"],
    "function public.audit_add_month(date) should": ["ALTER FUNCTION audit_add_month(date) SECURITY DEFINER"],
    "open to": ["CREATE ROLE somebody", "GRANT EXECUTE ON FUNCTION audit_add_month TO somebody"],
    "functions of extension pg_trgm should": [LIE.format("text", "text", "$1"), "ALTER EXTENSION pg_trgm ADD FUNCTION lie(text)"],
    "operator public.=(": LYING_OPERATOR,
    "operator of extension pg_trgm = is": [*LYING_OPERATOR, "ALTER EXTENSION pg_trgm ADD FUNCTION lie(varchar, varchar)", "ALTER EXTENSION pg_trgm ADD OPERATOR public.= (varchar, varchar)"],
    "cast jsonb to text": [LIE.format("jsonb", "text", "''{}''::text"), "CREATE CAST (jsonb AS text) WITH FUNCTION lie(jsonb)"],
    "operator class public.lying": [LIE.format("varchar, varchar", "integer", "0"), "CREATE OPERATOR CLASS lying DEFAULT FOR TYPE varchar USING btree AS FUNCTION 1 lie(varchar, varchar)"],
    "operator family integer_ops": [LIE.format("bigint, text", "boolean", "false"), "CREATE OPERATOR public.< (LEFTARG = bigint, RIGHTARG = text, FUNCTION = lie)", "ALTER OPERATOR FAMILY integer_ops USING btree ADD OPERATOR 1 public.< (bigint, text)"],
    "operator family text_ops": [LIE.format("text, bigint", "integer", "0"), "ALTER OPERATOR FAMILY text_ops USING btree ADD FUNCTION 1 (text, bigint) lie(text, bigint)"],
    "type public.kind": ["CREATE DOMAIN kind AS text DEFAULT 'x'"],
    "collation public.odd": ["CREATE COLLATION public.odd FROM \"C\""],
    "language other": ["CREATE LANGUAGE other HANDLER plpgsql_call_handler"],
    "access method other": ["CREATE ACCESS METHOD other TYPE TABLE HANDLER heap_tableam_handler"],
    "conversion other": ["CREATE CONVERSION other FOR 'UTF8' TO 'LATIN1' FROM utf8_to_iso8859_1"],
    "transform integer": ["CREATE TRANSFORM FOR int LANGUAGE sql (FROM SQL WITH FUNCTION prsd_lextype(internal))"],
    "extension ": ["CREATE SCHEMA elsewhere", "DROP EXTENSION btree_gist CASCADE"],
    "event trigger hush": ["CREATE FUNCTION hush() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'", "CREATE EVENT TRIGGER hush ON ddl_command_end EXECUTE FUNCTION hush()"],
    "schema portal": ["CREATE SCHEMA portal"],
    "default rights": ["ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO PUBLIC"],
    # Settings, and what is PostgreSQL's own
    "search_path=elsewhere": ["DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = elsewhere', current_database()); END $$"],
    "row_security=off": ["ALTER ROLE portal SET row_security = off"],
    "PostgreSQL {version} functions": ["UPDATE pg_proc SET provolatile = 'v' WHERE oid = 'initcap(text)'::regprocedure"],
    "PostgreSQL {version} aggregates": ["UPDATE pg_aggregate SET agginitval = '1' WHERE aggfnoid = 'regr_count'::regproc"],
    "PostgreSQL {version} operators": ["UPDATE pg_operator SET oprcode = 'textlike' WHERE oid = '~~*(text,text)'::regoperator"],
    "PostgreSQL {version} casts": ["UPDATE pg_cast SET castcontext = 'i' WHERE castsource = 'jsonb'::regtype AND casttarget = 'numeric'::regtype"],
    "PostgreSQL {version} types": ["UPDATE pg_type SET typsend = 'textsend' WHERE oid = 'circle'::regtype"],
    "PostgreSQL {version} operator classes": ["UPDATE pg_opclass SET opcdefault = false WHERE opcname = 'circle_ops'"],
    "PostgreSQL {version} operator families": ["DELETE FROM pg_amop WHERE amopopr = '@>(circle,circle)'::regoperator"],
    "PostgreSQL {version} functions of operator": ["DELETE FROM pg_amproc WHERE amproc = 'gist_circle_compress'::regproc"],
}
# fmt: on


@pytest.fixture(scope="module")
def sealed(django_db_setup, django_db_blocker) -> Iterator[None]:
    """A sealed history in a database of this module's own, in which this process is the superuser."""
    with django_db_blocker.unblock(), a_copy_of(connection.settings_dict["NAME"]) as copy, leading_to(copy):
        world = worlds.build()
        world.declare(name="台風第1号")
        recording.decisions(recording.decided("demo.loaded", detail={"customers": n}) for n in range(200))
        sealing.seal_what_waits()
        owner = connection.settings_dict["USER"]
        connection.close()
        connection.settings_dict["USER"] = (
            os.environ["SUPERUSER_DATABASE_URL"].split("//")[1].split("@")[0].split(":")[0]
        )
        yield
        connection.close()
        connection.settings_dict["USER"] = owner


@pytest.fixture
def lied(sealed, django_db_blocker):
    """Tells lies, which are taken back after the test."""

    def tell(statements) -> None:
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    with django_db_blocker.unblock(), transaction.atomic():
        yield tell
        transaction.set_rollback(True)


def named() -> list[str]:
    outcome = Outcome()
    guards.check_schema(outcome)
    assert all(fault.sentence for fault in outcome.faults)
    return [" ".join(fault.facts.values()) for fault in outcome.faults]


def differing() -> set[str]:
    outcome = Outcome()
    two_readings.compare(outcome)
    return {fault.kind for fault in outcome.faults}


def test_the_schema_is_what_the_migrations_make_and_its_file_says_all_of_it(lied):
    """After a migration: make schema."""
    assert named() == []
    assert guards.as_text(guards.as_it_is()) == guards.EXPECTED.read_text(encoding="utf-8")


def test_each_lie_is_named(lied):
    version = connection.pg_version // 10000
    missed = {}
    for says, lie in LIES.items():
        with transaction.atomic():
            lied(lie)
            found = named()
            transaction.set_rollback(True)
        if not any(says.format(version=version) in one for one in found):
            missed[says] = found
    assert missed == {}


def test_what_changes_nothing_that_is_read_is_none(lied):
    lied(
        [
            "ALTER ROLE portal SET statement_timeout = '1min'",
            "ANALYZE audit_seal",
            "CREATE TEMPORARY TABLE mine (n int)",
        ]
    )
    assert named() == []
    lied(
        ["SET LOCAL ROLE portal", "SELECT audit_add_month((now() + interval '5 years')::date)", "RESET ROLE"]
    )
    assert named() == [], "months are many"


def test_both_readings_show_the_same(lied):
    assert differing() == set()


@pytest.mark.parametrize("lie", [FALSE_CHECK, LYING_OPERATOR, [
    INDEX.format("indisready = false"),
    "INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, jsonb_build_object('id', 1000000, 'timestamp', now()))).* "
    "FROM audit_logentry e WHERE kind = 'decision' ORDER BY id DESC LIMIT 1",
    INDEX.format("indisready = true"),
]], ids=["check", "operator", "index"])  # fmt: skip
def test_what_the_pages_are_not_shown_is_seen_by_reading_the_table_too(lied, lie):
    lied(lie)
    assert differing() == {"pages_differ"}
    outcome = verifying.verify()
    assert "pages_differ" in {fault.kind for fault in outcome.faults}


def test_a_cast_that_lies_hides_no_change(lied):
    entry = LogEntry.objects.filter(event="demo.loaded").first()
    lied([
        "ALTER TABLE audit_logentry DISABLE TRIGGER history_is_append_only",
        f"UPDATE audit_logentry SET additional_data = '{{\"customers\": 77}}' WHERE id = {entry.pk}",  # noqa: S608
        "ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_append_only",
        LIE.format("jsonb", "text", f"''{{\"customers\": {entry.additional_data['customers']}}}''::text"),
        "CREATE CAST (jsonb AS text) WITH FUNCTION lie(jsonb)",
    ])  # fmt: skip
    found = {(fault.kind, fault.facts.get("entry")) for fault in verifying.verify().faults}
    assert {("entry_changed", entry.pk), ("database_changed", None)} <= found
