"""What the history is filtered by: a literal table; and which entries the filters show, in order of time.

Each filter is served by its own index (`history_by_*`), which also gives the order, so the first page of
ten million entries costs what that of ten thousand does. Nothing is counted.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import policy
from access.errors import REASONS
from access.notices import moment
from access.people import Person, Role
from audit.models import LogEntry, LogEntryQuerySet, Mark
from customers import normalising

#: Filters and their names, in the order in which they are named.
FILTERS = {
    "person": gettext_lazy("Person (username)"),
    "customer": gettext_lazy("Supply point number"),
    "emergency": gettext_lazy("Emergency"),
    "kind": gettext_lazy("Kind"),
    "since": gettext_lazy("From"),
    "until": gettext_lazy("Until"),
    "organization": gettext_lazy("Organisation"),
    "role": gettext_lazy("Role"),
    "area": gettext_lazy("Service area"),
    "reason": gettext_lazy("Reason"),
    "contract": gettext_lazy("Contract"),
    "grant": gettext_lazy("Grant (number)"),
    "inquiry": gettext_lazy("Inquiry (number)"),
    "story": gettext_lazy("Correlation id"),
}
#: Filters that are one column's value as it stands, whose index serves them.
COLUMNS = {
    "organization": "actor_organization",
    "role": "actor_role",
    "area": "area_code",
    "emergency": "emergency_id",
    "contract": "contract_id",
    "grant": "grant_id",
    "inquiry": "inquiry_id",
    "kind": "kind",
    "reason": "reason",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def visible_to(reader: Person) -> LogEntryQuerySet:
    """The entries that the reader may read: under a contract that they may review, or under none.

    What contractors did under none, as being refused, is for those who review a contract of theirs.
    """
    reviewed = list(policy.contracts_to_review(reader).values_list("pk", flat=True))
    entries = LogEntry.objects.filter(Q(contract_id=None) | Q(contract_id__in=reviewed))
    if policy.reviews_every_contract(reader):
        return entries
    others = policy.people_of_other_auditors(reader).values("pk")
    return entries.exclude(contract_id=None, actor__in=others)


def shown(
    reader: Person,
    filters: Mapping[str, Any],
    *,
    most: int,
    beyond: Mark | None = None,
    bound: Mark | None = None,
) -> list[LogEntry]:
    """Up to `most` entries that fit the filters and that the reader may read, newest first.

    filters: as `HistoryFilter` cleans them; `order` "oldest" turns the order round. beyond: the last entry
    of the piece before. bound: only what is earlier than this.
    """
    return first_of(_pieces(reader, filters), filters.get("order"), most=most, beyond=beyond, bound=bound)


def first_of(
    pieces: list[LogEntryQuerySet],
    order: str | None = None,
    *,
    most: int,
    beyond: Mark | None = None,
    bound: Mark | None = None,
) -> list[LogEntry]:
    """Up to `most` entries of the pieces, in one order of time; beyond, bound: as `shown` takes them."""
    oldest_first = order == "oldest"
    found: list[LogEntry] = []
    for entries in pieces:
        if bound:
            entries = entries.before(bound)
        if beyond:
            entries = entries.after(beyond) if oldest_first else entries.before(beyond)
        found += (entries.oldest_first() if oldest_first else entries.newest_first())[:most]
    return sorted(found, key=lambda entry: entry.mark, reverse=not oldest_first)[:most]


def how_many(reader: Person, filters: Mapping[str, Any], *, most: int, bound: Mark) -> int:
    """How many entries `shown` would show in the end, counted up to `most` of each piece and no further."""
    return sum(entries.before(bound).order_by()[:most].count() for entries in _pieces(reader, filters))


def _pieces(reader: Person, filters: Mapping[str, Any]) -> list[LogEntryQuerySet]:
    """What fits of what the reader may read. A contract that they do not review needs no search."""
    contract = filters.get("contract")
    if contract and not policy.contracts_to_review(reader).filter(pk=contract).exists():
        return []
    return fitting(visible_to(reader), filters)


def fitting(entries: LogEntryQuerySet, filters: Mapping[str, Any]) -> list[LogEntryQuerySet]:
    """Those of the entries that fit, as querysets without one in common, each of which one index serves.

    Whose doing or whose fate are two: an OR of two columns has no index, and PostgreSQL would sort all
    that a busy person ever did.
    """
    entries = entries.between(filters.get("since"), filters.get("until"))
    entries = entries.filter(**{COLUMNS[name]: filters[name] for name in COLUMNS if filters.get(name)})
    if number := filters.get("customer"):
        entries = entries.of_customer(normalising.digits(number))
    if story := filters.get("story"):
        entries = entries.of_story(str(story))
    if username := filters.get("person"):
        person = Person.objects.filter(username=username).first()
        return [entries.by_person(person.pk), entries.done_to_person(person.pk)] if person else []
    return [entries]


# As text: where to go on, and what was filtered by


def mark_as_text(mark: Mark) -> str:
    """A mark for a link: microseconds and id."""
    time, pk = mark
    return f"{(time - _EPOCH) // timedelta(microseconds=1)}.{pk}"


def mark_of_text(text: str) -> Mark | None:
    """The mark that the text is, or None where it is none."""
    if not re.fullmatch(r"[0-9]{1,16}\.[0-9]{1,18}", text, re.ASCII):
        return None
    microseconds, pk = text.split(".")
    return _EPOCH + timedelta(microseconds=int(microseconds)), int(pk)


def customer_as_text(number: str) -> str:
    """A supply point number for a link, encrypted: what stands in a URL ends up in logs (docs/adr/0005)."""
    return _for_links().encrypt(number.encode()).decode()


def customer_of_text(text: str) -> str | None:
    """The supply point number of a link, or None where this portal did not make it."""
    try:
        return _for_links().decrypt(text).decode()
    except (InvalidToken, ValueError):
        return None


def _for_links() -> Fernet:
    key = sha256(f"a customer in a link of the history {settings.SECRET_KEY}".encode())
    return Fernet(urlsafe_b64encode(key.digest()))


def as_json(filters: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that are set, as JSON keeps them."""
    kept = {}
    for name in (*FILTERS, "order"):
        if value := filters.get(name):
            kept[name] = value.isoformat() if isinstance(value, datetime) else value
            if not isinstance(kept[name], int):
                kept[name] = str(kept[name])
    return kept


def of_json(kept: Mapping[str, Any]) -> dict[str, Any]:
    """The filters that JSON kept."""
    times = {name: datetime.fromisoformat(kept[name]) for name in ("since", "until") if name in kept}
    return {**kept, **times}


def in_words(kept: Mapping[str, Any]) -> str:
    """The filters that JSON kept, for a sentence: each as “name: value”, or “everything”."""
    said = [
        f"{FILTERS[name]}{_(': ')}{_value_in_words(name, kept[name])}" for name in FILTERS if name in kept
    ]
    return _(", ").join(said) or _("everything")


def _value_in_words(name: str, value: Any) -> str:
    if name in ("since", "until"):
        return moment(value)
    if name == "reason" and value in REASONS:
        return str(REASONS[value].sentence)
    labels = {"kind": LogEntry.Kind.choices, "role": Role.choices}.get(name, [])
    return str(dict(labels).get(value, value))
