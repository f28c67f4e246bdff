"""How many disclosures to contractors lie where in time, and which lie outside: counted in the database.

Outside is judged by what the history says. A disclosure is covered by its own grant, of its own person, contract
and emergency, while the grant was live (`audit.covering`). That some other emergency was open covers nothing.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit import covering
from audit.timeline import Tally
from audit.windows import Window

#: In the time that is asked for: said of each entry that is looked at, so that other months are left alone.
_THEN = """
  (%(start)s::timestamptz IS NULL OR h."timestamp" >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR h."timestamp" < %(end)s)
"""
#: Disclosures to contractors; of those named here, whichever is no null.
_DISCLOSED = f"""
  h.kind = 'disclosure' AND h.contract_id IS NOT NULL AND {_THEN}
  AND (%(contracts)s::bigint[] IS NULL OR h.contract_id = ANY(%(contracts)s::bigint[]))
  AND (%(person)s::bigint IS NULL OR h.actor_id = %(person)s)
  AND (%(emergency)s::bigint IS NULL OR h.emergency_id = %(emergency)s)
"""


def _judged() -> str:
    """SQL of named queries: `groups` of disclosures, and last `outside`, those of them that lie outside.

    Disclosures by one grant in one piece of time are judged together: a span that holds the first and the last
    holds all. Only where none does, each is looked at, by its person and time.
    """
    return f"""WITH groups AS MATERIALIZED (
  SELECT contract_id, actor_id, emergency_id, grant_id, date_bin(%(step)s::interval, "timestamp", %(start)s) AS begins,
    count(*) AS entries, min("timestamp") AS first, max("timestamp") AS last
  FROM audit_logentry h WHERE {_DISCLOSED} GROUP BY 1, 2, 3, 4, 5
),
{covering.spans("SELECT grant_id FROM groups")},
doubted AS MATERIALIZED (
  SELECT g.* FROM groups g LEFT JOIN covers c ON {_of_its_own("g")} AND g.first >= c.begins AND g.last < c.ends
  WHERE c.grant_id IS NULL
),
outside AS MATERIALIZED (
  SELECT h.id, d.contract_id, d.actor_id, d.begins, h."timestamp"
  FROM doubted d CROSS JOIN LATERAL (
    SELECT id, "timestamp" FROM audit_logentry h
    WHERE h.kind = 'disclosure' AND h.actor_id = d.actor_id AND {_THEN} AND h."timestamp" BETWEEN d.first AND d.last
      AND h.contract_id = d.contract_id AND h.emergency_id IS NOT DISTINCT FROM d.emergency_id
      AND h.grant_id IS NOT DISTINCT FROM d.grant_id
    OFFSET 0
  ) h LEFT JOIN covers c ON {_of_its_own("d")} AND h."timestamp" >= c.begins AND h."timestamp" < c.ends
  WHERE c.grant_id IS NULL
)
"""


def _of_its_own(letter: str) -> str:
    """SQL: whether the span `c` is that of the own grant, of the own person, contract and emergency."""
    return " AND ".join(
        f"c.{name} = {letter}.{disclosed}"
        for name, disclosed in (
            ("grant_id", "grant_id"),
            ("emergency_id", "emergency_id"),
            ("contract_id", "contract_id"),
            ("person_id", "actor_id"),
        )
    )


#: A row is a contract or a person; of people, those with the most outside and the busiest. With the latest outside.
_TALLIES = """, counted AS (
  SELECT CASE WHEN %(by_person)s THEN actor_id ELSE contract_id END AS line, begins, sum(entries) AS entries,
    count("timestamp") AS outside, min("timestamp") AS outside_first, max("timestamp") AS outside_last
  FROM (
    SELECT actor_id, contract_id, begins, entries, NULL::timestamptz AS "timestamp" FROM groups
    UNION ALL SELECT actor_id, contract_id, begins, 0, "timestamp" FROM outside
  ) one GROUP BY 1, 2
),
lines AS (
  SELECT line, sum(entries) AS entries, sum(outside) AS outside, count(*) OVER () AS rows_in_all,
    sum(sum(entries)) OVER () AS entries_in_all, sum(sum(outside)) OVER () AS outside_in_all
  FROM counted GROUP BY line ORDER BY 3 DESC, 2 DESC, line LIMIT %(most)s
)
SELECT line, begins, counted.entries::bigint, counted.outside, outside_first, outside_last,
  rows_in_all, entries_in_all, outside_in_all,
  ARRAY(SELECT id FROM outside ORDER BY "timestamp" DESC, id DESC LIMIT %(listed)s)
FROM counted JOIN lines USING (line)
ORDER BY lines.outside DESC, lines.entries DESC, line, begins
"""

_OUTSIDE = "SELECT id FROM outside"


@dataclass(frozen=True)
class Asked:
    """Whose disclosures: under these contracts, of one person, in one emergency; None: of all of them."""

    contracts: Collection[int] | None
    person: int | None = None
    emergency: int | None = None


@dataclass(frozen=True)
class Totals:
    """Of all rows, whether drawn or not: how many they are, their disclosures, those outside, the latest of these.

    latest: keys of entries, as many as were asked for.
    """

    rows: int = 0
    count: int = 0
    outside: int = 0
    latest: tuple[int, ...] = ()


def tallies(
    shown: Window,
    asked: Asked,
    emergencies: list[covering.Emergency],
    *,
    by_person: bool,
    most: int,
    listed: int,
) -> tuple[list[Tally], Totals]:
    """The tallies of at most `most` rows, row by row, and the totals of all. emergencies: those of the window."""
    rows = covering.rows(
        _judged() + _TALLIES,
        _params(asked, shown.start, shown.end, emergencies)
        | {"step": shown.step, "by_person": by_person, "most": most, "listed": listed},
    )
    if not rows:
        return [], Totals()
    of_rows, count, outside, latest = rows[0][-4:]
    in_all = Totals(of_rows, int(count), int(outside), tuple(latest))
    return [Tally(*row[:-4]) for row in rows], in_all


def outside(asked: Asked, start: datetime | None = None, end: datetime | None = None) -> list[int]:
    """The keys of the entries outside, from `start` to before `end` (None: of all time)."""
    one = asked.emergency
    those = covering.open_in(start, end) if one is None else covering.emergencies([one])
    found = covering.rows(_judged() + _OUTSIDE, _params(asked, start, end, those) | {"step": None})
    return [pk for (pk,) in found]


def _params(
    asked: Asked, start: datetime | None, end: datetime | None, those: list[covering.Emergency]
) -> dict[str, Any]:
    contracts = None if asked.contracts is None else list(asked.contracts)
    return vars(asked) | {"contracts": contracts, "start": start, "end": end} | covering.params(those)
