"""What the database refuses besides: rewriting whose an act was, ends dated ahead, emptying a table.

An end dated ahead would look like one and stop nothing; a fact with another person in it would make the
history false that names it. The clock is the database's.
"""

from django.db import migrations

#: Table to the columns that stay as they were written, and the columns that hold a moment that was.
# fmt: off
STAY = {
    "emergency":          (["name", "declared_by_id"],                    "ended_at"),
    "grant":              ([],                                            "revoked_at"),  # 0004 has the rest
    "rosterentry":        (["contract_id", "person_id", "added_by_id"],   "removed_at"),
    "delegationcontract": ([],                                            "suspended_at"),  # 0004 has the rest
    "inquiry":            (["emergency_id", "taken_by_id"],               "closed_at"),
}
# fmt: on


def stays(table: str, columns: list[str], moment: str) -> str:
    changed = " OR ".join(f"NEW.{name} IS DISTINCT FROM OLD.{name}" for name in columns) or "false"
    return f"""
CREATE FUNCTION access_{table}_stays_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND ({changed}) THEN
    RAISE EXCEPTION 'of a row of % these stay as they were written: {", ".join(columns)}', TG_TABLE_NAME
      USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_stays_written';
  END IF;
  IF NEW.{moment} > clock_timestamp() THEN
    RAISE EXCEPTION '{moment} is a moment that was, never one to come'
      USING ERRCODE = 'check_violation', CONSTRAINT = '{table}_{moment}_was';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER {table}_stays_written BEFORE INSERT OR UPDATE ON access_{table}
  FOR EACH ROW EXECUTE FUNCTION access_{table}_stays_written();
"""


NEVER_EMPTIED = """
CREATE FUNCTION access_never_emptied() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION '% is never emptied', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
""" + "".join(
    f"CREATE TRIGGER never_emptied BEFORE TRUNCATE ON access_{table} "
    "FOR EACH STATEMENT EXECUTE FUNCTION access_never_emptied();\n"
    for table in (*STAY, "person", "person_groups", "request", "summary")
)

SECOND_PERSON = """
ALTER TABLE access_request ADD CONSTRAINT request_is_never_answered_by_its_subject
  CHECK (answered_by_id IS NULL OR answer = 'lapsed' OR answered_by_id IS DISTINCT FROM subject_id);

-- As 0004 has it, but that a password asked for is forgotten once the request is answered.
CREATE OR REPLACE FUNCTION access_answered_stays_answered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.answered_at IS NOT NULL
     OR (NEW.kind, NEW.asked_by_id, NEW.asked_at, NEW.lapses_at)
        <> (OLD.kind, OLD.asked_by_id, OLD.asked_at, OLD.lapses_at)
     OR NOT (NEW.detail = OLD.detail OR NEW.answered_at IS NOT NULL AND NEW.detail = OLD.detail - 'password')
     OR (NEW.emergency_id, NEW.contract_id, NEW.subject_id)
        IS DISTINCT FROM (OLD.emergency_id, OLD.contract_id, OLD.subject_id) THEN
    RAISE EXCEPTION 'a request stays as it was asked, and its answer as it was given'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'answered_stays_answered';
  END IF;
  RETURN NEW;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0004_what_no_change_may_do")]
    operations = [
        *(migrations.RunSQL(stays(table, *what)) for table, what in STAY.items()),
        migrations.RunSQL(NEVER_EMPTIED),
        migrations.RunSQL(SECOND_PERSON),
    ]
