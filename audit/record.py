"""The record: which entries of the history say what of which rows of the tables. Literal tables, no queries.

An entry that makes or changes such a row carries in its detail, under "row", the columns that it sets, by their
keys and to the microsecond. So the history alone says what every row has to be: `audit.replay` reads it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

#: Where an entry's detail holds the row that it is about, and (of a review) the entries that are judged.
ROW, JUDGED = "row", "judged"
#: What a change by hand, which auditlog writes, goes by here: its entry has no event.
CHANGED = "changed"
#: What is written once for each row that was there before entries carried rows.
STATED = "record.stated"


@dataclass(frozen=True)
class Kept:
    """A table whose rows are in the record: its model, its columns, and those of them that hold a moment.

    derived: columns that are none of the table's, each with its SQL over the row `t`. unless: which rows (SQL)
    the history says nothing of. within: the detail that holds the rows, by key, in entries about another object.
    """

    app: str
    model: str
    columns: tuple[str, ...]
    moments: tuple[str, ...] = ()
    derived: tuple[tuple[str, str], ...] = ()
    unless: str = "false"
    within: str = ""

    @property
    def table(self) -> str:
        return f"{self.app}_{self.model}"

    def sql(self, column: str) -> str:
        """The column of the row `t` as it is stored now."""
        return dict(self.derived).get(column, f't."{column}"')


#: Entries of a portal from before, that goes on in the day of an update, do not say which rows they judge.
_JUDGED_BY_A_PORTAL_FROM_BEFORE = f"""t.review_id IN (
  SELECT e.object_id FROM audit_logentry e JOIN django_content_type c ON c.id = e.content_type_id
  WHERE c.app_label = 'audit' AND c.model = 'review' AND e.event IN ('review.opened', 'review.added', 'review.marked')
    AND NOT coalesce(e.additional_data ? '{JUDGED}', false)
    AND e.id > (SELECT min(id) FROM audit_logentry WHERE event = '{STATED}'))"""

# fmt: off
KEPT = {
    "emergency": Kept("access", "emergency",
        ("kind", "name", "is_drill", "declared_at", "declared_by_id", "expires_at", "ended_at", "ended_by_id", "areas"),
        ("declared_at", "expires_at", "ended_at"),
        (("areas", "ARRAY(SELECT servicearea_id FROM access_emergency_areas WHERE emergency_id = t.id ORDER BY 1)"),)),
    "grant": Kept("access", "grant",
        ("roster_entry_id", "emergency_id", "starts_at", "ends_at", "granted_by_id", "revoked_at", "revoked_by_id",
         "revoked_because", "revoked_with_contract"),
        ("starts_at", "ends_at", "revoked_at")),
    "rosterentry": Kept("access", "rosterentry",
        ("contract_id", "person_id", "trained_on", "added_at", "added_by_id", "removed_at", "removed_by_id"),
        ("added_at", "removed_at")),
    "delegationcontract": Kept("access", "delegationcontract",
        ("title", "delegator_id", "delegate_id", "starts_at", "ends_at", "delegated_items", "max_grant_hours",
         "training_valid_days", "max_results", "slow_after", "stop_after", "dual_control",
         "suspended_at", "suspended_by_id", "suspended_because", "ended_at", "ended_by_id"),
        ("starts_at", "ends_at", "suspended_at", "ended_at")),
    "person": Kept("access", "person", ("role", "organization_id", "is_active"), unless="t.role = 'system'"),
    "review": Kept("audit", "review",
        ("kind", "emergency_id", "emergency_name", "is_drill", "period", "contract_id", "contract_title", "starts_at",
         "ends_at", "opened_at", "due_at", "seed", "figures_sha256", "signed_off_at", "signed_off_by_id", "conclusion",
         "reopened_at", "reopened_by_id", "reopened_because"),
        ("starts_at", "ends_at", "opened_at", "due_at", "signed_off_at", "reopened_at"),
        (("figures_sha256", "encode(sha256(convert_to(t.figures::text, 'UTF8')), 'hex')"),)),
    "reviewedentry": Kept("audit", "reviewedentry",
        ("review_id", "entry_id", "timestamp", "why", "added_by_id", "mark", "note", "marked_by_id", "marked_at"),
        ("timestamp", "marked_at"), within=JUDGED, unless=_JUDGED_BY_A_PORTAL_FROM_BEFORE),
}


@dataclass(frozen=True)
class Sets:
    """What an entry sets of a row of a table: some columns, or (None) all, for it makes the row.

    moment: the column whose moment is the entry's own, but for the time that its transaction takes.
    """

    of: str
    columns: tuple[str, ...] | None = None
    moment: str = ""


_REVIEW = "signed_off_at", "signed_off_by_id", "conclusion"

#: Which entries say what: an event of EVENTS, with what it sets of which tables.
SETS: dict[str, tuple[Sets, ...]] = {
    "emergency.declared":      (Sets("emergency", None, "declared_at"),),
    "emergency.drilled":       (Sets("emergency", None, "declared_at"),),
    "emergency.extended":      (Sets("emergency", ("expires_at",)),),
    "emergency.areas_changed": (Sets("emergency", ("areas",)),),
    "emergency.ended":         (Sets("emergency", ("ended_at", "ended_by_id"), "ended_at"),),
    "emergency.expired":       (Sets("emergency", ("ended_at", "ended_by_id")),),
    "grant.given":             (Sets("grant", None, "starts_at"),),
    "grant.extended":          (Sets("grant", ("ends_at",)),),
    "grant.revoked":           (Sets("grant", ("revoked_at", "revoked_by_id", "revoked_because", "revoked_with_contract"), "revoked_at"),),
    "contract.suspended":      (Sets("delegationcontract", ("suspended_at", "suspended_by_id", "suspended_because"), "suspended_at"),),
    "contract.lifted":         (Sets("delegationcontract", ("suspended_at", "suspended_by_id", "suspended_because")),),
    "roster.added":            (Sets("rosterentry", None, "added_at"),),
    "roster.removed":          (Sets("rosterentry", ("removed_at", "removed_by_id"), "removed_at"),),
    "roster.left":             (Sets("rosterentry", ("removed_at", "removed_by_id"), "removed_at"),),
    "roster.trained":          (Sets("rosterentry", ("trained_on",)),),
    "review.opened":           (Sets("review"), Sets("reviewedentry")),
    "review.added":            (Sets("reviewedentry"),),
    "review.marked":           (Sets("reviewedentry", ("mark", "note", "marked_by_id", "marked_at"), "marked_at"),),
    "review.signed_off":       (Sets("review", (*_REVIEW, "figures_sha256"), "signed_off_at"),),
    "review.reopened":         (Sets("review", (*_REVIEW, "reopened_at", "reopened_by_id", "reopened_because", "due_at"), "reopened_at"),),
    CHANGED:                   tuple(Sets(of) for of in ("emergency", "grant", "rosterentry", "delegationcontract", "person")),
    STATED:                    tuple(Sets(of) for of in KEPT),
}
# fmt: on


def sets(event: str, of: str) -> tuple[str, ...]:
    """The columns of the table that the event sets; none for an event that sets nothing of it."""
    found = [one.columns for one in SETS.get(event, ()) if one.of == of]
    return () if not found else found[0] or KEPT[of].columns


def row(one: Any, event: str = CHANGED) -> dict[str, Any]:
    """What the event sets of the row (a model's instance, as it is stored), for an entry's detail."""
    return {name: _plain(getattr(one, name)) for name in sets(event, one._meta.model_name)}


def carried(event: str, about: Any, judged: Iterable[Any] = ()) -> dict[str, Any]:
    """What an entry about an object carries of it for the record; nothing where the event sets nothing."""
    said: dict[str, Any] = {}
    if about is not None and sets(event, about._meta.model_name):
        said[ROW] = row(about, event)
    if sets(event, "reviewedentry"):
        said[JUDGED] = {str(one.pk): row(one, event) for one in judged}
    return said


class Recorded:
    """A model whose changes by hand are in the record: auditlog asks its instances for what they carry."""

    def get_additional_data(self) -> dict[str, Any]:
        return {ROW: row(self)}


def _plain(value: Any) -> Any:
    """A column as JSON holds it: a moment in UTC to the microsecond; of many, their keys in order."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if hasattr(value, "values_list"):
        return sorted(value.values_list("pk", flat=True))
    return str(value) if isinstance(value, str) else value
