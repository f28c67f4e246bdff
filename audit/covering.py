"""From when to when each grant was live, as the history says it: the definition of `access.models`, for all time.

The facts are what the sealed decisions say (`audit.replay`), never what the tables hold now: whoever moves an
end there makes nothing look otherwise. A contract's terms count as they were at each moment, so a grant may
have been live in several spans.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.contenttypes.models import ContentType
from django.db import connection

from access.models.emergencies import BEGINS, ENDS
from access.people import Role
from audit import replay
from audit.models import LogEntry
from audit.models.entries import LogEntryQuerySet
from audit.record import STATED

#: What of each table it takes, and the letter that it goes by in the statement.
_OF = {
    "": ("g", "grant", ("roster_entry_id", "emergency_id", "starts_at", "ends_at", "revoked_at")),
    "emergency": ("e", "emergency", ("declared_at", "expires_at", "ended_at")),
    "roster_entry": ("r", "rosterentry", ("contract_id", "person_id", "added_at", "removed_at")),
    "roster_entry__contract": (
        "c", "delegationcontract", ("delegate_id", "starts_at", "ends_at", "suspended_at", "ended_at"),
    ),
}  # fmt: skip


#: When the decisions about grants were made that matter: while their emergencies were open, none before, and what
#: came after takes nothing away. Stated is what was there before entries carried rows, whenever that was.
_DECIDED_THEN = f"""(
  (e."timestamp" >= %(decided_from)s::timestamptz - interval '{replay.APART}'
    AND e."timestamp" <= %(decided_until)s::timestamptz + interval '{replay.APART}')
  OR e.event = '{STATED}')"""


def spans(grants: str = "") -> str:
    """SQL of named queries, the last of them `covers`: grant_id, emergency_id, contract_id, person_id, begins, ends.

    Of the grants in the emergencies that `params` names: it goes with them. grants: SQL of the keys of those that
    matter, where not all of them do.
    """
    that_matter = f"{_DECIDED_THEN} AND e.object_id IN ({grants})" if grants else _DECIDED_THEN
    begins = ", ".join([*map(_column, BEGINS), "c.since"])
    ends = ", ".join([*map(_column, ENDS), "c.until"])
    of_grants = "e.object_id IN (SELECT roster_entry_id FROM g)"
    of_entries = f"{replay.CARRYING} AND e.object_id IN (SELECT person_id FROM r)"
    return f"""
    e AS MATERIALIZED (SELECT pk, {_typed("emergency")} FROM ({_folded("emergency")}) f),
    g AS MATERIALIZED (SELECT pk, {_typed("")} FROM ({_folded("", that_matter)}) f),
    r AS MATERIALIZED (SELECT pk, {_typed("roster_entry")} FROM ({_folded("roster_entry", of_grants)}) f),
    p AS MATERIALIZED (
      SELECT pk, said->>'role' AS role, (said->>'organization_id')::bigint AS organization_id,
        (said->>'is_active')::boolean AS is_active FROM ({replay.folded("person", which=of_entries)}) f
    ),
    {_terms()},
    covers AS (
      SELECT g.pk AS grant_id, g.emergency_id, r.contract_id, r.person_id,
        greatest({begins}) AS begins, least({ends}) AS ends
      FROM g JOIN e ON e.pk = g.emergency_id JOIN r ON r.pk = g.roster_entry_id JOIN c ON c.pk = r.contract_id
        JOIN p ON p.pk = r.person_id
      WHERE g.emergency_id = ANY(%(emergencies)s::bigint[]) AND (r.removed_at IS NOT NULL
        OR p.is_active AND p.role = '{Role.CONTRACTOR}' AND p.organization_id = c.delegate_id)
    )"""


def params(those: Collection["Emergency"]) -> dict[str, Any]:
    """What the queries of `spans` take, for the grants of those emergencies alone."""
    return {
        "emergencies": [one.pk for one in those],
        "decided_from": min((one.declared_at for one in those), default=None),
        "decided_until": max((one.ends for one in those), default=None),
    }


@dataclass(frozen=True)
class Emergency:
    """An emergency as the history says it."""

    pk: int
    name: str
    is_drill: bool
    declared_at: datetime
    expires_at: datetime
    ended_at: datetime | None

    @property
    def ends(self) -> datetime:
        """When it ended, or will expire."""
        return self.ended_at or self.expires_at


def emergencies(keys: Collection[int] | None = None) -> list[Emergency]:
    """The emergencies of these keys (None: all of them), the earliest declared first."""
    columns = ("name", "is_drill", "declared_at", "expires_at", "ended_at")
    typed = replay.typed("emergency", columns).replace("AS is_drill", "::boolean AS is_drill")
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT pk, {typed} FROM ({replay.folded('emergency', columns, replay.CARRYING)}) f WHERE made "
            "AND (%(keys)s::bigint[] IS NULL OR pk = ANY(%(keys)s::bigint[])) ORDER BY declared_at, pk",
            {"keys": None if keys is None else list(keys)},
        )
        return [Emergency(*row) for row in cursor.fetchall()]


def given() -> LogEntryQuerySet:
    """The entries that say that a grant was given, to whom, under which contract, in which emergency."""
    about = ContentType.objects.get_by_natural_key("access", "grant")
    return LogEntry.objects.filter(content_type=about, event__in=["grant.given", STATED]).order_by()


def open_in(
    start: datetime | None, end: datetime | None, known: list[Emergency] | None = None
) -> list[Emergency]:
    """The emergencies that were open at some moment from `start` to before `end` (None: of all time).

    known: all that there are, where they were asked for already.
    """
    return [
        one
        for one in (emergencies() if known is None else known)
        if (end is None or one.declared_at < end) and (start is None or one.ends > start)
    ]


def last_stop(emergency: Emergency, contract_id: int) -> datetime | None:
    """When the last grant of the contract in the emergency stopped to be live; None if there was none."""
    found = rows(
        f"WITH {spans()} SELECT max(ends) FROM covers WHERE contract_id = %(contract)s",
        params([emergency]) | {"contract": contract_id},
    )
    return found[0][0]


def rows(statement: str, params: dict[str, Any]) -> list[tuple]:
    """What a statement gives that is made of `spans`, planned for what it is."""
    with connection.cursor() as cursor:
        # Without it the planner would rather read every entry of a year than the index that holds it all:
        # it takes a page of an index for four of a table, as on a turning disk. Compiling takes longer yet.
        cursor.execute("SELECT set_config('random_page_cost', '1.1', true), set_config('jit', 'off', true)")
        # What is folded out of JSON is in no statistics: taken for a few rows, each would be compared with each
        cursor.execute(
            "SELECT set_config('enable_nestloop', 'off', true), set_config('work_mem', '64MB', true)"
        )
        cursor.execute(statement, params)
        found = cursor.fetchall()
        cursor.execute("SELECT set_config('enable_nestloop', 'on', true)")
    return found


def _terms() -> str:
    """The contracts' terms, from each entry about them until the next: what was said last of each column."""
    return f"""
    t AS MATERIALIZED ({replay.said("delegationcontract", _OF["roster_entry__contract"][2], replay.CARRYING)}),
    v AS (
      SELECT pk, entry_id, at, row_number() OVER one AS number, lead(at) OVER one AS until
      FROM (SELECT DISTINCT pk, entry_id, at FROM t) d WINDOW one AS (PARTITION BY pk ORDER BY entry_id)
    ),
    c AS MATERIALIZED (
      SELECT pk, CASE WHEN number > 1 THEN at END AS since, until, {_typed("roster_entry__contract")}
      FROM v CROSS JOIN LATERAL (
        SELECT jsonb_object_agg(t.name, t.value ORDER BY t.entry_id) AS said FROM t
        WHERE t.pk = v.pk AND t.entry_id <= v.entry_id
      ) f
    )"""


def _folded(way: str, which: str = "true") -> str:
    _letter, of, columns = _OF[way]
    return replay.folded(of, columns, f"{replay.CARRYING} AND {which}")


def _typed(way: str) -> str:
    _letter, of, columns = _OF[way]
    return replay.typed(of, columns)


def _column(path: str) -> str:
    """A field of `BEGINS` or `ENDS` as a column of the statement."""
    way, _under, name = path.rpartition("__")
    letter, _of, columns = _OF[way]
    assert name in columns, path
    return f"{letter}.{name}"
