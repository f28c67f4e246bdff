"""An entry of the history as a line of a file: columns for people, a record for programs."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.contenttypes.models import ContentType
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.people import Role
from audit.changes import without_secrets
from audit.events import BASES
from audit.models import LogEntry
from audit.reading import in_table_order, readable
from customers.cells import cell
from customers.disclosure import FIELD_LABELS

JAPAN = ZoneInfo("Asia/Tokyo")
#: Columns of a file for people, and what each holds of an entry; in the language of who asked.
# fmt: off
COLUMNS: dict[Any, Callable[[LogEntry], Any]] = {
    gettext_lazy("Time"):                       lambda entry: _time(entry),
    gettext_lazy("In words"):                   lambda entry: readable(entry).sentence,
    gettext_lazy("Kind"):                       lambda entry: entry.get_kind_display(),
    gettext_lazy("Event"):                      lambda entry: entry.event,
    gettext_lazy("Reason"):                     lambda entry: entry.reason,
    gettext_lazy("Username"):                   lambda entry: entry.actor_username,
    gettext_lazy("Person"):                     lambda entry: entry.actor_name,
    gettext_lazy("Role"):                       lambda entry: dict(Role.choices).get(entry.actor_role, entry.actor_role),
    gettext_lazy("Organisation"):               lambda entry: entry.actor_organization,
    gettext_lazy("Supply point number"):        lambda entry: entry.supply_point_number,
    gettext_lazy("Service area"):               lambda entry: entry.area_code,
    gettext_lazy("Items"):                      lambda entry: _(", ").join(str(FIELD_LABELS.get(name, name)) for name in in_table_order(entry.fields)),
    gettext_lazy("Basis"):                      lambda entry: BASES.get(entry.basis, entry.basis),
    gettext_lazy("Emergency"):                  lambda entry: entry.emergency_id,
    gettext_lazy("Contract"):                   lambda entry: entry.contract_id,
    gettext_lazy("Grant"):                      lambda entry: entry.grant_id,
    gettext_lazy("Inquiry"):                    lambda entry: entry.inquiry_id,
    gettext_lazy("Correlation id"):             lambda entry: entry.cid,
    gettext_lazy("Address on the network"):     lambda entry: entry.remote_addr,
    gettext_lazy("Entry"):                      lambda entry: entry.pk,
}
# fmt: on


def record(entry: LogEntry) -> dict[str, Any]:
    """The whole entry for programs, and as it stands: codes, and nothing neutralised."""
    return {
        "id": entry.pk,
        "time": _time(entry),
        "sentence": readable(entry).sentence,
        "kind": entry.kind,
        "event": entry.event,
        "reason": entry.reason,
        "person": {
            "id": entry.actor_id,
            "username": entry.actor_username,
            "name": entry.actor_name,
            "role": entry.actor_role,
            "organization": entry.actor_organization,
        },
        "subject": entry.subject_id,
        "object": _object(entry),
        "supply_point_number": entry.supply_point_number,
        "area": entry.area_code,
        "fields": entry.fields,
        "basis": entry.basis,
        "emergency": entry.emergency_id,
        "contract": entry.contract_id,
        "grant": entry.grant_id,
        "inquiry": entry.inquiry_id,
        "story": entry.cid,
        "address": entry.remote_addr,
        "changes": without_secrets(entry.changes),
        "detail": entry.additional_data,
    }


def csv_head() -> bytes:
    """The header line of a CSV file, behind the mark by which Excel knows UTF-8."""
    return "\ufeff".encode() + _lines([[str(name) for name in COLUMNS]])


def as_csv(entries: Iterable[LogEntry]) -> bytes:
    """A line an entry, its columns neutralised for sheets."""
    return _lines([cell(value(entry)) for value in COLUMNS.values()] for entry in entries)


def as_jsonl(entries: Iterable[LogEntry]) -> bytes:
    """A record a line."""
    return "".join(json.dumps(record(entry), ensure_ascii=False) + "\n" for entry in entries).encode()


def _lines(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def _object(entry: LogEntry) -> dict[str, str] | None:
    """What the entry is about: what kind of thing, its key, its name as it was."""
    if entry.content_type_id is None:
        return None
    kind = ContentType.objects.get_for_id(entry.content_type_id)  # from memory: no query an entry
    return {"type": f"{kind.app_label}.{kind.model}", "id": entry.object_pk, "name": entry.object_repr}


def _time(entry: LogEntry) -> str:
    """The entry's time in Japan, ISO 8601 with the offset."""
    return entry.timestamp.astimezone(JAPAN).isoformat(timespec="microseconds")
