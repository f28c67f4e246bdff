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

#: Disclosures to contractors; of those named here, whichever is no null.
_DISCLOSED = """
  h.kind = 'disclosure' AND h.contract_id IS NOT NULL
  AND (%(contracts)s::bigint[] IS NULL OR h.contract_id = ANY(%(contracts)s::bigint[]))
  AND (%(start)s::timestamptz IS NULL OR h."timestamp" >= %(start)s)
  AND (%(end)s::timestamptz IS NULL OR h."timestamp" < %(end)s)
  AND (%(person)s::bigint IS NULL OR h.actor_id = %(person)s)
  AND (%(emergency)s::bigint IS NULL OR h.emergency_id = %(emergency)s)
"""


def _judged() -> str:
    """SQL of named queries, the last of them `judged`: the disclosures, and whether each is outside."""
    return f"""WITH {covering.spans()},
judged AS (
  SELECT h.id, h.contract_id, h.actor_id, h."timestamp", c.grant_id IS NULL AS outside
  FROM audit_logentry h
  LEFT JOIN covers c ON c.grant_id = h.grant_id AND c.emergency_id = h.emergency_id
    AND c.contract_id = h.contract_id AND c.person_id = h.actor_id
    AND h."timestamp" >= c.begins AND h."timestamp" < c.ends
  WHERE {_DISCLOSED}
)
"""


#: A row is a contract or a person; of people, those with the most outside and the busiest.
_TALLIES = """, counted AS (
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
SELECT id FROM judged WHERE outside ORDER BY "timestamp" DESC, id DESC LIMIT %(most)s::bigint
"""


@dataclass(frozen=True)
class Asked:
    """Whose disclosures: under these contracts, of one person, in one emergency; None: of all of them."""

    contracts: Collection[int] | None
    person: int | None = None
    emergency: int | None = None


@dataclass(frozen=True)
class Totals:
    """Of all rows, whether drawn or not: how many they are, their disclosures, and those outside."""

    rows: int = 0
    count: int = 0
    outside: int = 0


def tallies(shown: Window, asked: Asked, *, by_person: bool, most: int) -> tuple[list[Tally], Totals]:
    """The tallies of at most `most` rows, row by row, and the totals of all."""
    rows = covering.rows(
        _judged() + _TALLIES,
        _params(asked, shown.start, shown.end) | {"step": shown.step, "by_person": by_person, "most": most},
    )
    return [Tally(*row[:-3]) for row in rows], Totals(*map(int, rows[0][-3:])) if rows else Totals()


def outside(
    asked: Asked, start: datetime | None = None, end: datetime | None = None, most: int | None = None
) -> list[int]:
    """The keys of the latest entries outside, from `start` to before `end` (None: of all time)."""
    return [pk for (pk,) in covering.rows(_judged() + _OUTSIDE, _params(asked, start, end) | {"most": most})]


def _params(asked: Asked, start: datetime | None, end: datetime | None) -> dict[str, Any]:
    those = (
        covering.open_in(start, end) if asked.emergency is None else covering.emergencies([asked.emergency])
    )
    contracts = None if asked.contracts is None else list(asked.contracts)
    return vars(asked) | {"contracts": contracts, "start": start, "end": end} | covering.params(those)
