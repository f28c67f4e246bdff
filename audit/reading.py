"""Reading the history: filtered, in pieces, each entry as a sentence. Each reading is itself in the history."""

from dataclasses import dataclass
from typing import Any

from django.db import OperationalError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from psycopg.errors import QueryCanceled

from access.accounts import RIGHTS
from access.errors import REASONS, Denied
from access.models import DelegationContract, Emergency, Inquiry, Person, Request, Role
from access.notices import moment
from access.requests import WHY
from audit import recording
from audit.events import BASES, EVENTS
from audit.filters import as_json, in_words, mark_as_text, shown, visible_to
from audit.models import LogEntry, Mark, ReviewedEntry
from customers.disclosure import FIELD_LABELS

PAGE = 50
#: Entries of a kind on the auditor's first page.
LATEST = 5
_CHANGES = {0: "changed.created", 1: "changed.updated", 2: "changed.deleted"}


class TooSlow(Exception):
    """Finding the entries takes longer than a statement may: many fit one filter, and few all of them."""


@dataclass(frozen=True)
class Line:
    """An entry made readable: what happened in a word, in a sentence, and the entry itself."""

    entry: LogEntry
    title: str | Promise
    sentence: str
    words: dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Lines of the history, and the mark to go on from as text, if there is more."""

    lines: list[Line]
    next_after: str | None


@dataclass(frozen=True)
class Opened:
    """One entry, with its story: what came of the same request or task, in order, as far as a page goes."""

    line: Line
    story: list[Line]
    more: bool


@transaction.atomic
def page(reader: Person, filters: dict[str, Any], after: Mark | None = None) -> Page:
    """Up to PAGE entries that fit the filters (cleaned `HistoryFilter` data), beyond the mark.

    Of entries under contracts, those that the reader may review. That they were read is in the history
    itself, once a page: a page that is loaded again is read again. Raises TooSlow.
    """
    try:
        found = shown(reader, filters, most=PAGE + 1, beyond=after)
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise TooSlow from None
        raise
    lines = [readable(entry) for entry in found[:PAGE]]
    recording.decision(
        "history.read", actor=reader, detail={"filters": as_json(filters), "shown": len(lines)}
    )
    return Page(lines, mark_as_text(lines[-1].entry.mark) if len(found) > PAGE else None)


@transaction.atomic
def entry(reader: Person, pk: int) -> Opened | None:
    """One entry with its story, or None where there is none; Denied where it is another auditor's to read.

    That it was read is in the history itself.
    """
    one = LogEntry.objects.filter(pk=pk).first()
    if one is None:
        return None
    if not visible_to(reader).filter(pk=pk, timestamp=one.timestamp).exists():
        raise Denied("history_not_yours", contract_id=one.contract_id)
    story = shown(reader, {"story": one.cid, "order": "oldest"}, most=PAGE + 1) if one.cid else []
    opened = Opened(readable(one), [readable(entry) for entry in story[:PAGE]], len(story) > PAGE)
    recording.decision(
        "history.entry_read", one, actor=reader, detail={"entry": pk, "shown": len(opened.story)}
    )
    return opened


def names(entry: LogEntry) -> dict[str, str]:
    """What the emergency and the contract of the entry are called today, where they are still there."""
    emergency = entry.emergency_id and Emergency.objects.filter(pk=entry.emergency_id).first()
    contract = entry.contract_id and DelegationContract.objects.filter(pk=entry.contract_id).first()
    return {name: str(one) for name, one in (("emergency", emergency), ("contract", contract)) if one}


@transaction.atomic
def latest(reader: Person) -> dict[str, list[Line]]:
    """The latest denials and disclosures, for the auditor's first page; read, so in the history itself."""
    lines = {
        name: [readable(entry) for entry in shown(reader, {"kind": kind}, most=LATEST)]
        for name, kind in (("denials", LogEntry.Kind.DENIAL), ("disclosures", LogEntry.Kind.DISCLOSURE))
    }
    recording.decision(
        "history.latest_read", actor=reader, detail={"shown": sum(len(some) for some in lines.values())}
    )
    return lines


def readable(entry: LogEntry) -> Line:
    """The entry as a title and a sentence in the active language."""
    code = entry.event or _CHANGES.get(entry.action, "changed.updated")
    # What nobody knows is shown as it stands: one odd row must not hide all the others
    plain = "%(person)s: " + code.replace("%", "%%")
    title, sentence = EVENTS.get(code) or (code, plain)
    try:
        words = _words(entry)
        return Line(entry, title, sentence % words, words)
    except (ValueError, TypeError, AttributeError, KeyError, OverflowError):
        words = {"person": entry.actor_name, "role": entry.actor_role, "reason": entry.reason}
        return Line(entry, title, plain % words, words)


class _Missing(dict):
    """Words of a sentence; one that the entry does not hold reads as a dash."""

    def __missing__(self, key):
        return "–"


def _words(entry: LogEntry) -> dict[str, Any]:
    detail = entry.additional_data or {}
    words = {key: value for key, value in detail.items() if isinstance(value, str | int)}
    if areas := detail.get("areas"):
        words["areas"] = _several(areas)
    for key in ("since", "until"):
        if key in detail:
            words[key] = moment(detail[key])
    for key in ("added", "removed"):
        if key in detail and isinstance(detail[key], list):
            words[key] = _several(detail[key]) or _("none")
    if kind := detail.get("request_kind"):
        words["request_kind"] = dict(Request.Kind.choices).get(kind, kind)
    if why := detail.get("why"):
        words["why"] = WHY.get(why, why)
    if right := detail.get("right"):
        words["right"] = RIGHTS[right].label
        words["group"] = dict(Role.choices).get(detail["group"], detail["group"])
    if kind := detail.get("inquiry_kind"):
        words["inquiry_kind"] = dict(Inquiry.Kind.choices).get(kind, kind)
    if mark := detail.get("mark"):
        words["mark"] = dict(ReviewedEntry.Mark.choices).get(mark, mark)
    if outcome := detail.get("outcome"):
        words["outcome"] = dict(Inquiry.Outcome.choices).get(outcome, outcome)
    if "filters" in detail:
        words["filters"] = in_words(detail["filters"])
    fields = _joined(str(FIELD_LABELS.get(name, name)) for name in in_table_order(entry.fields))
    return _Missing(
        words,
        role=dict(Role.choices).get(entry.actor_role, entry.actor_role),
        person=entry.actor_name or _("Somebody not signed in"),
        object=entry.object_repr,
        object_number=entry.object_pk,
        number=entry.supply_point_number,
        fields=fields,
        searched=fields,
        reason=REASONS[entry.reason].sentence if entry.reason in REASONS else entry.reason,
        basis=BASES.get(entry.basis, entry.basis),
    )


def in_table_order(fields: list[str]) -> list[str]:
    """Fields in the order of the table of items."""
    order = list(FIELD_LABELS)
    return sorted(fields, key=lambda name: order.index(name) if name in order else len(order))


def _several(names: list[str]) -> str:
    if len(names) <= 4:
        return _joined(names)
    more = len(names) - 3
    return ngettext("%(names)s and %(count)d more", "%(names)s and %(count)d more", more) % {
        "names": _joined(names[:3]),
        "count": more,
    }


def _joined(names) -> str:
    return _(", ").join(names)
