"""How many disclosures to contractors lie where in time, and which lie outside: counted in the database.

Outside is judged by the facts alone. A disclosure is covered by its own grant, of its own person, contract
and emergency, while grant and emergency both ran: from the later beginning to the earliest of the grant's
end, its revocation, the emergency's end and its expiry. That some other emergency was open covers nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from audit.timeline import Tally
from audit.windows import Window

#: From when to when each grant covers what was disclosed by it. (LEAST takes no notice of nulls.)
_COVERS = """
covers AS (
  SELECT g.id AS grant_id, g.emergency_id, r.contract_id, r.person_id,
    greatest(g.starts_at, e.declared_at) AS begins,
    least(g.ends_at, g.revoked_at, e.ended_at, e.expires_at) AS ends
  FROM access_grant g
  JOIN access_emergency e ON e.id = g.emergency_id
  JOIN access_rosterentry r ON r.id = g.roster_entry_id
  WHERE r.contract_id = ANY(%(contracts)s::bigint[])
),
judged AS (
  SELECT h.id, h.contract_id, h.actor_id, h."timestamp",
    (
      c.emergency_id = h.emergency_id AND c.contract_id = h.contract_id AND c.person_id = h.actor_id
      AND h."timestamp" >= c.begins AND h."timestamp" < c.ends
    ) IS NOT TRUE AS outside
  FROM audit_logentry h
  LEFT JOIN covers c ON c.grant_id = h.grant_id
  WHERE h.kind = 'disclosure' AND h.contract_id = ANY(%(contracts)s::bigint[])
    AND h."timestamp" >= %(start)s AND h."timestamp" < %(end)s
    AND (%(person)s::bigint IS NULL OR h.actor_id = %(person)s)
)
"""

#: A row is a contract or a person; of people, those with the most outside and the busiest.
_TALLIES = """
, counted AS (
  SELECT CASE WHEN %(by_person)s THEN actor_id ELSE contract_id END AS line,
    date_bin(%(step)s, "timestamp", %(start)s) AS begins, count(*) AS entries,
    count(*) FILTER (WHERE outside) AS outside,
    min("timestamp") FILTER (WHERE outside) AS outside_first,
    max("timestamp") FILTER (WHERE outside) AS outside_last
  FROM judged GROUP BY 1, 2
),
lines AS (
  SELECT line, sum(entries) AS entries, sum(outside) AS outside, count(*) OVER () AS rows_in_all,
    sum(sum(entries)) OVER () AS entries_in_all, sum(sum(outside)) OVER () AS outside_in_all
  FROM counted GROUP BY line ORDER BY 3 DESC, 2 DESC, line LIMIT %(most)s
)
SELECT line, begins, counted.entries, counted.outside, outside_first, outside_last,
  rows_in_all, entries_in_all, outside_in_all
FROM counted JOIN lines USING (line)
ORDER BY lines.outside DESC, lines.entries DESC, line, begins
"""

_OUTSIDE = """
SELECT id FROM judged WHERE outside ORDER BY "timestamp" DESC, id DESC LIMIT %(most)s
"""


@dataclass(frozen=True)
class Asked:
    """Whose disclosures: under these contracts, of one person or (None) of everybody."""

    contracts: Collection[int]
    person: int | None = None


@dataclass(frozen=True)
class Totals:
    """Of all rows, whether drawn or not: how many they are, their disclosures, and those outside."""

    rows: int = 0
    count: int = 0
    outside: int = 0


def tallies(shown: Window, asked: Asked, *, by_person: bool, most: int) -> tuple[list[Tally], Totals]:
    """The tallies of at most `most` rows, row by row, and the totals of all."""
    rows = _rows(
        "WITH" + _COVERS + _TALLIES,
        _params(asked, shown.start, shown.end) | {"step": shown.step, "by_person": by_person, "most": most},
    )
    return [Tally(*row[:-3]) for row in rows], Totals(*map(int, rows[0][-3:])) if rows else Totals()


def outside(asked: Asked, start: datetime, end: datetime, most: int) -> list[int]:
    """The keys of the latest entries outside, from `start` to before `end`."""
    return [pk for (pk,) in _rows("WITH" + _COVERS + _OUTSIDE, _params(asked, start, end) | {"most": most})]


def _params(asked: Asked, start: datetime, end: datetime) -> dict:
    return {"contracts": list(asked.contracts), "person": asked.person, "start": start, "end": end}


def _rows(statement: str, params: dict) -> list[tuple]:
    with connection.cursor() as cursor:
        # Without it the planner would rather read every entry of a year than the index that holds it all:
        # it takes a page of an index for four of a table, as on a turning disk. Compiling takes longer yet.
        cursor.execute("SELECT set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)")
        cursor.execute(statement, params)
        return cursor.fetchall()
