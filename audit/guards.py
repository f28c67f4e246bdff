"""What guards the history in the database, and whether it is there: tables that are tables, triggers that refuse."""

from django.db import connection

from audit.faults import Outcome

#: What refuses to change the history, and notes what is to be sealed: table to its triggers.
TRIGGERS = {
    "audit_logentry": {"history_is_append_only", "history_is_never_emptied", "entries_are_sealed"},
    **{
        f"audit_{table}": {f"{table}_is_append_only", f"{table}_is_never_emptied"}
        for table in ("sealedentry", "node", "seal", "head")
    },
    "audit_unsealed": set(),
}
#: The triggers of each month of the history.
OF_A_MONTH = {"history_is_append_only", "history_is_never_emptied"}
#: MD5 of the bodies of the triggers' functions (audit migrations 0002 and 0006): another body may refuse nothing.
FUNCTIONS = ["1e9b7c501a0f8b8d2193cbe4f9bf9a00", "ef3616821699c083a7161ec963f1ca8a"]


def check_tables(outcome: Outcome) -> None:
    """Notes what would show the verifier another history than the pages: views, rules, row security, no key."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, CASE "
            "WHEN c.relkind NOT IN ('r', 'p') THEN 'it is no table' "
            "WHEN c.relrowsecurity OR c.relforcerowsecurity THEN 'row security hides rows' "
            "WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid) THEN 'a rule rewrites what is asked' "
            "WHEN NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p') "
            "THEN 'its primary key is gone' "
            "WHEN c.relnamespace <> (SELECT relnamespace FROM pg_class WHERE oid = 'audit_seal'::regclass) "
            "THEN 'it is in another schema' "
            "END FROM pg_class c WHERE c.oid = ANY(%s::regclass[]::oid[]) OR c.oid IN "
            "(SELECT inhrelid FROM pg_inherits WHERE inhparent = 'audit_logentry'::regclass) ORDER BY 1",
            [list(TRIGGERS)],
        )
        for table, why in cursor.fetchall():
            if why:
                outcome.add("table_changed", table=table, why=why)


def check_triggers(outcome: Outcome) -> None:
    """Notes each trigger that should refuse a change, or note what is to be sealed, and does not; and others."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, t.tgname, t.tgenabled = 'A' AND t.tgqual IS NULL AND t.tgattr = '' "
            "AND md5(p.prosrc) = ANY(%s) AND t.tgtype = CASE WHEN t.tgname = 'entries_are_sealed' THEN 4 "
            "WHEN t.tgname LIKE '%%_is_append_only' THEN 27 ELSE 34 END "
            "FROM pg_class c LEFT JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal "
            "LEFT JOIN pg_proc p ON p.oid = t.tgfoid "
            "WHERE c.oid = ANY(%s::regclass[]::oid[]) OR c.oid IN (SELECT inhrelid FROM pg_inherits "
            "WHERE inhparent = 'audit_logentry'::regclass) ORDER BY 1, 2",
            [FUNCTIONS, list(TRIGGERS)],
        )
        there: dict[str, set[str]] = {}
        for table, trigger, is_right in cursor.fetchall():
            found = there.setdefault(table, set())
            if trigger and trigger not in TRIGGERS.get(table, OF_A_MONTH):
                outcome.add("table_changed", table=table, why=f"the trigger {trigger} is none of ours")
            elif is_right:
                found.add(trigger)
    for table, found in there.items():
        for trigger in sorted(TRIGGERS.get(table, OF_A_MONTH) - found):
            outcome.add("trigger_missing", trigger=trigger, table=table)
