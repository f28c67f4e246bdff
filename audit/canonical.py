"""The canonical form of an entry: the bytes that are sealed. Fixed for ever: a change is a new form.

JSON (RFC 8259) in UTF-8, keys in order, no spaces; times in UTC to the microsecond, which is what the
column stores. A jsonb column is a string, PostgreSQL's own text of it: its numbers have more digits than a
float, and a JSON null is no NULL. What is null is left out, so that a column added later changes no entry
of before; so a later column has to be null for those.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

#: The columns of an entry, in the order of their names.
COLUMNS = (
    "action", "actor_email", "actor_id", "actor_name", "actor_organization", "actor_role",
    "actor_username", "additional_data", "area_code", "basis", "changes", "changes_text", "cid",
    "content_type_id", "contract_id", "customer_id", "emergency_id", "event", "fields", "grant_id", "id",
    "inquiry_id", "kind", "object_id", "object_pk", "object_repr", "reason", "remote_addr", "remote_port",
    "serialized_data", "subject_id", "supply_point_number", "timestamp",
)  # fmt: skip
JSON_COLUMNS = ("additional_data", "changes", "serialized_data")
#: For SELECT. Django's cursor gives a jsonb as PostgreSQL's own text of it; a cast to text could be anybody's.
COLUMNS_SQL = ", ".join(f'e."{name}"' for name in COLUMNS)
ID, KIND, TIMESTAMP = (COLUMNS.index(name) for name in ("id", "kind", "timestamp"))

_dump = json.JSONEncoder(ensure_ascii=False, sort_keys=True, allow_nan=False, separators=(",", ":")).encode


def canonical(row: Sequence[Any]) -> bytes:
    """The bytes of an entry, whose values come in the order of COLUMNS, as Django's cursor gives them."""
    entry = {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}
    entry["timestamp"] = moment(row[TIMESTAMP])
    return _dump(entry).encode()


def moment(at: datetime) -> str:
    """An aware datetime as it stands in heads and entries: UTC, microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")
