"""What every row is when the history begins to carry rows (audit.record) is written into it, once.

Entries from before say what was decided, and not to the microsecond or by keys what became of which row. So
without this nobody could say of what was there already that it was changed since (docs/adr/0027).
"""

from django.db import migrations, transaction

_AREAS = (
    "jsonb_build_object('areas', ARRAY(SELECT servicearea_id FROM access_emergency_areas a "
    "WHERE a.emergency_id = t.id ORDER BY 1))"
)
_FIGURES = "jsonb_build_object('figures_sha256', encode(sha256(convert_to(t.figures::text, 'UTF8')), 'hex'))"
_OF_A_GRANT = "FROM access_rosterentry r WHERE r.id = t.roster_entry_id"

#: App and model; the row as JSON; what it is called; columns of the entry: subject, emergency, contract, grant; which rows.
# fmt: off
ROWS = (
    ("access", "person", "jsonb_build_object('role', t.role, 'organization_id', t.organization_id, 'is_active', t.is_active)",
     "t.name || ' (' || t.username || ')'", ("t.id", "NULL", "NULL", "NULL"), "t.role <> 'system'"),
    ("access", "delegationcontract", "to_jsonb(t) - 'id'", "t.title", ("NULL", "NULL", "t.id", "NULL"), "true"),
    ("access", "rosterentry", "to_jsonb(t) - 'id'", "t.id::text", ("t.person_id", "NULL", "t.contract_id", "NULL"), "true"),
    ("access", "emergency", f"to_jsonb(t) - 'id' - 'form_token' || {_AREAS}", "t.name", ("NULL", "t.id", "NULL", "NULL"), "true"),
    ("access", "grant", "to_jsonb(t) - 'id'", "t.id::text",
     (f"(SELECT r.person_id {_OF_A_GRANT})", "t.emergency_id", f"(SELECT r.contract_id {_OF_A_GRANT})", "t.id"), "true"),
    ("audit", "review", f"to_jsonb(t) - 'id' - 'figures' || {_FIGURES}", "t.id::text",
     ("NULL", "t.emergency_id", "t.contract_id", "NULL"), "true"),
    ("audit", "reviewedentry", "to_jsonb(t) - 'id'", "t.id::text",
     ("NULL", "NULL", "(SELECT v.contract_id FROM audit_review v WHERE v.id = t.review_id)", "NULL"), "true"),
)
# fmt: on


def state(cursor, app: str, model: str, row: str, name: str, columns: tuple[str, ...], which: str) -> None:
    """Writes an entry for each row of the table. Nobody changes one meanwhile: what changes it later says so itself."""
    cursor.execute(f"LOCK TABLE {app}_{model} IN SHARE MODE")
    cursor.execute(
        'INSERT INTO audit_logentry (action, kind, event, reason, actor_id, actor_username, actor_name, actor_role, '
        "actor_organization, content_type_id, object_pk, object_id, object_repr, changes_text, cid, area_code, "
        "supply_point_number, fields, basis, additional_data, subject_id, emergency_id, contract_id, grant_id) "
        "SELECT 3, 'decision', 'record.stated', '', s.id, s.username, s.name, s.role, '', c.id, t.id::text, t.id, "
        f"{name}, '', gen_random_uuid()::text, '', '', '{{}}', '', jsonb_build_object('row', {row}), {', '.join(columns)} "
        f"FROM {app}_{model} t, access_person s, django_content_type c "
        f"WHERE s.role = 'system' AND c.app_label = '{app}' AND c.model = '{model}' AND {which}"
    )  # fmt: skip


def state_all(apps, schema_editor) -> None:
    for table in ROWS:
        with transaction.atomic(), schema_editor.connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SELECT audit_add_month((now() AT TIME ZONE 'Asia/Tokyo')::date)")
            state(cursor, *table)


class Migration(migrations.Migration):
    atomic = False  # a table at a time is held still, each for its own entries
    dependencies = [
        ("access", "0011_who_somebody_is"),
        ("audit", "0012_counted_before_written"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]
    operations = [migrations.RunPython(state_all, migrations.RunPython.noop)]
