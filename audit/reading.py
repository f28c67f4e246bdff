"""Reading the history: filtered, in pieces, each entry as a sentence. It changes nothing."""

from dataclasses import dataclass
from typing import Any

from django.db.models import Q
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import policy
from access.accounts import RIGHTS
from access.errors import REASONS, Denied
from access.models import Emergency, Inquiry, Person, Request, Role
from access.notices import moment
from audit.events import BASES, EVENTS
from audit.models import LogEntry
from customers import normalising
from customers.disclosure import FIELD_LABELS

PAGE = 50
_CHANGES = {0: "changed.created", 1: "changed.updated", 2: "changed.deleted"}


@dataclass(frozen=True)
class Line:
    """An entry made readable: what happened in a word, in a sentence, and the entry itself."""

    entry: LogEntry
    title: str | Promise
    sentence: str
    words: dict[str, Any]


@dataclass(frozen=True)
class Page:
    lines: list[Line]
    next_after: int | None


def page(reader: Person, filters: dict[str, Any], after: int | None = None) -> Page:
    """Up to PAGE entries that fit the filters (cleaned `HistoryFilter` data), beyond entry `after`.

    Of entries under contracts, those that the reader may review.

    No count is taken: the history has millions of entries.
    """
    oldest_first = filters.get("order") == "oldest"
    entries = (visible_to(reader) & _filtered(filters)).order_by("pk" if oldest_first else "-pk")
    if after is not None:
        entries = entries.filter(**{"pk__gt" if oldest_first else "pk__lt": after})
    found = list(entries[: PAGE + 1])
    shown = found[:PAGE]
    return Page(
        [readable(entry) for entry in shown],
        shown[-1].pk if len(found) > PAGE else None,
    )


def visible_to(reader: Person):
    """The entries that the reader may read: under no contract, or under one that they may review."""
    reviewed = list(policy.contracts_to_review(reader).values_list("pk", flat=True))
    return LogEntry.objects.filter(Q(contract_id=None) | Q(contract_id__in=reviewed))


def entry(reader: Person, pk: int) -> LogEntry | None:
    """One entry, or None where there is none; Denied where it is another auditor's to read."""
    one = LogEntry.objects.filter(pk=pk).first()
    if one is not None and not visible_to(reader).filter(pk=pk).exists():
        raise Denied("history_not_yours", contract_id=one.contract_id)
    return one


def _filtered(filters: dict[str, Any]):
    entries = LogEntry.objects.between(filters.get("since"), filters.get("until"))
    if username := filters.get("person"):
        person = Person.objects.filter(username=username).first()
        entries = entries.about_person(person.pk) if person else entries.none()
    if number := filters.get("customer"):
        entries = entries.of_customer(normalising.digits(number))
    if emergency := filters.get("emergency"):
        entries = entries.of_emergency(int(emergency))
    if kind := filters.get("kind"):
        entries = entries.filter(kind=kind)
    if story := filters.get("story"):
        entries = entries.of_story(str(story))
    return entries


def emergencies_to_choose() -> list[tuple[int, str]]:
    """The last hundred emergencies, for the filter."""
    return [(e.pk, f"{e.name} ({e.declared_at:%Y-%m-%d})") for e in Emergency.objects.all()[:100]]


def readable(entry: LogEntry) -> Line:
    """The entry as a title and a sentence in the active language."""
    code = entry.event or _CHANGES.get(entry.action, "changed.updated")
    # What nobody knows is shown as it stands: one odd row must not hide all the others
    title, sentence = EVENTS.get(code) or (code, "%(person)s: " + code.replace("%", "%%"))
    words = _words(entry)
    return Line(entry, title, sentence % words, words)


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
    if right := detail.get("right"):
        words["right"] = RIGHTS[right].label
        words["group"] = dict(Role.choices).get(detail["group"], detail["group"])
    if kind := detail.get("inquiry_kind"):
        words["inquiry_kind"] = dict(Inquiry.Kind.choices).get(kind, kind)
    if outcome := detail.get("outcome"):
        words["outcome"] = dict(Inquiry.Outcome.choices).get(outcome, outcome)
    fields = _joined(str(FIELD_LABELS.get(name, name)) for name in in_table_order(entry.fields))
    return _Missing(
        words,
        role=dict(Role.choices).get(entry.actor_role, entry.actor_role),
        person=entry.actor_name or _("Somebody not signed in"),
        object=entry.object_repr,
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
