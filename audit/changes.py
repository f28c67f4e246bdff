"""What a change changed, readable: the names of fields, and the values before and after."""

from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.core.exceptions import FieldDoesNotExist
from django.db import models
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.text import capfirst

from audit.models import LogEntry


@dataclass(frozen=True)
class Change:
    """One field's: its name, what it held before (None where nothing), and after."""

    field: str
    before: Any
    after: Any


def of(entry: LogEntry) -> list[Change]:
    """The changes that the entry holds, in the active language; those of a vanished field as they stand.

    Other objects that point to this one are no field of it.
    """
    model = entry.content_type.model_class() if entry.content_type else None
    changes = without_secrets(entry.changes) or {}
    fields = {name: _field(model, name) for name in changes}
    found = [
        _change(field, name, changes[name])
        for name, field in fields.items()
        if not isinstance(field, models.ForeignObjectRel)
    ]
    return [change for change in found if change.before != change.after]


def without_secrets(changes: dict[str, Any] | None) -> dict[str, Any] | None:
    """The changes without what entries of an older portal hold of passwords: parts of their hashes."""
    if changes and "password" in changes:
        return changes | {"password": ["", "•••"]}
    return changes


def _field(model: type[models.Model] | None, name: str) -> Any:
    try:
        return model._meta.get_field(name) if model else None
    except FieldDoesNotExist:
        return None


def _change(field: Any, name: str, values: Any) -> Change:
    # A name that nobody gave in words is the column's: Django's guess would be English on every page
    given = getattr(field, "verbose_name", None)
    label = capfirst(str(given)) if isinstance(given, Promise) else name
    if isinstance(values, dict):  # a relation to many: what was added to it, or taken away
        objects = "\n".join(map(str, values.get("objects", [])))
        return (
            Change(label, None, objects) if values.get("operation") == "add" else Change(label, objects, None)
        )
    before, after = (_worded(field, value) for value in values)
    return Change(label, before, after)


def _worded(field: Any, value: Any) -> Any:
    """A value as a page says it: a code as its label, a moment (kept in UTC) in Japan time, nothing as None."""
    if value in ("None", "", None):
        return None
    if isinstance(field, models.DateTimeField) and (moment := parse_datetime(value)):
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        return date_format(timezone.localtime(moment), "Y/m/d H:i:s")
    return dict(getattr(field, "flatchoices", None) or ()).get(value, value)
