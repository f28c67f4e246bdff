"""The decisions of the history played again: what every row of the record (`audit.record`) should be.

One statement a table folds its entries, in the order of their numbers, into rows: of each column, what was said
last. `check` compares them with what is stored; `folded` is that fold, for whoever judges by the history.
"""

from collections.abc import Iterable

from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction

from audit.faults import MOST, Outcome
from audit.record import CHANGED, KEPT, ROW, SETS, STATED, Kept, sets

#: Until so long after the first entry that carries a row (a person's: every portal has people from its first day),
#: some may not, for processes from before are still at work; and what was there already is stated.
UPGRADE = "1 day"
#: How long the transaction of a decision lasts at most: so far its moment and its entry's time may lie apart.
APART = "10 minutes"
#: What an entry from before says of the columns that its event sets: that they are not known.
_UNKNOWN = "?"

#: The condition on entries that say what became of their row.
CARRYING = f"e.additional_data ? '{ROW}'"
_EVENT = f"CASE WHEN e.kind = 'change' THEN '{CHANGED}' ELSE e.event END"


def entries(of: str, which: str = "true") -> str:
    """SQL of the entries about the table's rows: entry_id, at, event, pk, and said (null: it says nothing of it).

    which: a condition (SQL) on the entries `e`.
    """
    own = _about(of, of, f"e.object_id AS pk, e.additional_data->'{ROW}' AS said", "", which)
    if not KEPT[of].within:
        return own
    each = f", jsonb_each(e.additional_data->'{KEPT[of].within}') one"
    return own + " UNION ALL " + _about("review", of, "one.key::bigint, one.value", each, which)


def _about(model: str, of: str, columns: str, each: str, which: str) -> str:
    about = ContentType.objects.get_by_natural_key(KEPT[model].app, model).pk
    events = ", ".join(f"'{event}'" for event in SETS if sets(event, of))
    return (
        f'SELECT e.id AS entry_id, e."timestamp" AS at, {_EVENT} AS event, {columns} FROM audit_logentry e{each} '
        f"WHERE e.content_type_id = {about} AND e.kind IN ('decision', 'change') AND {_EVENT} IN ({events}) AND {which}"
    )


def said(of: str, columns: Iterable[str] = (), which: str = "true") -> str:
    """SQL of what the entries say of the columns (all, if none is named): entry_id, at, event, pk, name, value."""
    wanted = set(columns or KEPT[of].columns)
    pairs = [(event, one) for event in SETS for one in sets(event, of) if one in wanted]
    allowed = ", ".join(f"('{event}', '{one}')" for event, one in pairs)
    return (
        "SELECT n.entry_id, n.at, n.event, n.pk, a.name, "
        f"CASE WHEN n.said IS NULL THEN '\"{_UNKNOWN}\"' ELSE n.said->a.name END AS value FROM ({entries(of, which)}) n "
        f"JOIN (VALUES {allowed}) a (event, name) ON a.event = n.event AND (n.said IS NULL OR n.said ? a.name)"
    )


def folded(of: str, columns: Iterable[str] = (), which: str = "true") -> str:
    """SQL of the rows as the history says them: pk, said (JSON of the columns that are known), made (whether it
    says how the row came to be), entry_id (of the last entry).
    """
    making = ", ".join(f"'{event}'" for event in SETS if sets(event, of) == KEPT[of].columns)
    return (
        "SELECT pk, jsonb_object_agg(name, value ORDER BY entry_id) AS said, "
        f"bool_or(event IN ({making})) AS made, max(entry_id) AS entry_id "
        f"FROM ({said(of, columns, which)}) one GROUP BY pk"
    )


def typed(of: str, columns: Iterable[str], rows: str = "said") -> str:
    """SQL of the columns, out of the JSON of a fold of known columns: moments, keys, and the rest as text."""
    return ", ".join(
        f"({rows}->>'{name}')"
        f"{'::timestamptz' if name in KEPT[of].moments else '::bigint' if name.endswith('_id') else ''} AS {name}"
        for name in columns
    )


def check(outcome: Outcome) -> None:
    """Notes each row that is not what the history says, each decision without its row and each row without its
    decision; and decisions whose own time is not the time that they carry.

    What the history does not say is not compared: columns that no entry carries; and, where months of decisions
    were dropped, how rows came to be that are older than all of which it is still known.
    """
    for of in KEPT:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('statement_timeout', '0', true), set_config('jit', 'off', true)"
            )
            cursor.execute(_compared(of), {"most": MOST})
            for pk, entry, fault, column in cursor.fetchall():
                outcome.add(fault, table=KEPT[of].table, row=pk, entry=entry or "–", column=column or "–")
            cursor.execute(_out_of_time(of), {"most": MOST})
            for pk, entry, fault, column in cursor.fetchall():
                outcome.add(fault, table=KEPT[of].table, row=pk, entry=entry, column=column or "–")


def _compared(of: str) -> str:
    kept = KEPT[of]
    differing = " ".join(f"WHEN {_differs(kept, name)} THEN '{name}'" for name in kept.columns)
    return f"""
    WITH h AS MATERIALIZED ({folded(of)}),
    compared AS (
      SELECT coalesce(h.pk, t.id) AS pk, h.entry_id, h.made, t.id IS NOT NULL AS is_there,
        t.id IS NOT NULL AND ({kept.unless}) AS is_exempt,
        CASE WHEN t.id IS NULL OR h.pk IS NULL THEN NULL {differing} END AS column_
      FROM h FULL JOIN {kept.table} t ON t.id = h.pk
    )
    SELECT pk, entry_id, CASE WHEN NOT is_there THEN 'row_missing' WHEN column_ IS NOT NULL THEN 'row_differs'
      ELSE 'row_unfounded' END, column_
    FROM compared WHERE NOT is_exempt AND (NOT is_there OR column_ IS NOT NULL OR (made IS NOT TRUE
      AND NOT ({_forgotten()} AND pk < coalesce((SELECT min(pk) FROM h WHERE made), pk + 1))))
    ORDER BY 1 LIMIT %(most)s
    """


def differing(of: str, pk: int) -> list[str]:
    """The columns of one row that are not what the history says; quick, for a page about it."""
    kept = KEPT[of]
    each = ", ".join(f"('{name}', {_differs(kept, name)})" for name in kept.columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT one.name FROM ({folded(of, which='e.object_pk = %s')}) h JOIN {kept.table} t ON t.id = h.pk "
            f"CROSS JOIN LATERAL (VALUES {each}) one (name, differs) WHERE one.differs",
            [str(pk)],
        )
        return [name for (name,) in cursor.fetchall()]


def _differs(kept: Kept, name: str) -> str:
    """SQL: whether the column is known of the row `h` of the history, and other than in the row `t`."""
    stored = kept.sql(name)
    other = (
        f"(h.said->>'{name}')::timestamptz IS DISTINCT FROM {stored}"
        if name in kept.moments
        else f"coalesce(to_jsonb({stored}), 'null') IS DISTINCT FROM h.said->'{name}'"
    )
    known = f"h.said ? '{name}' AND h.said->>'{name}' IS DISTINCT FROM '{_UNKNOWN}'"
    return f"CASE WHEN {known} THEN {other} ELSE false END"


def _forgotten() -> str:
    """SQL: whether decisions of a month were dropped, by the entries that say so."""
    return (
        "EXISTS (SELECT FROM audit_logentry d WHERE d.kind = 'decision' AND d.event = 'history.dropped' "
        "AND d.additional_data->'kinds' ?| ARRAY['decision', 'change'])"
    )


def _out_of_time(of: str) -> str:
    """SQL of the entries that cannot be: decisions whose time is not the moment that they carry, such as carry no
    row, and rows that were stated again, or when entries carried rows for long.
    """
    moments = [
        (event, one.moment) for event, some in SETS.items() for one in some if one.of == of and one.moment
    ]
    values = ", ".join(f"('{event}', '{name}')" for event, name in moments) or "('', '')"
    return f"""
    WITH n AS MATERIALIZED ({entries(of)}),
    begun AS (SELECT min(at) + interval '{UPGRADE}' AS and_over FROM ({entries("person", CARRYING)}) p),
    first AS (SELECT pk, min(entry_id) AS entry_id FROM n WHERE said IS NOT NULL GROUP BY pk)
    SELECT n.pk, n.entry_id, CASE WHEN n.said IS NULL THEN 'decision_bare' WHEN n.event = '{STATED}' THEN 'row_restated'
      ELSE 'decision_misdated' END, m.name
    FROM n CROSS JOIN begun LEFT JOIN first USING (pk) LEFT JOIN (VALUES {values}) m (event, name) ON m.event = n.event
    WHERE n.said IS NULL AND n.at > and_over
      OR n.event = '{STATED}' AND (n.at > and_over OR n.entry_id > first.entry_id)
      OR n.at NOT BETWEEN (n.said->>m.name)::timestamptz - interval '{APART}'
        AND (n.said->>m.name)::timestamptz + interval '{APART}'
    ORDER BY 2 LIMIT %(most)s
    """
