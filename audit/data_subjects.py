"""Who has seen a customer's data, when and why: what the history tells the customer who asks.

It knows the customer by the supply point number that an entry holds, and asks the customers' own table
nothing: whether there is such a customer is not said. An answer is a page, a file or a letter.
"""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import clock, policy
from access.models import Emergency, Person, Role
from audit import recording
from audit.models import LogEntry
from audit.reading import Line, in_table_order, readable, visible_to
from customers.cells import cell
from customers.disclosure import FIELD_LABELS

#: Disclosures that a page lists; a file and a letter have them all.
LISTED = 200

#: For somebody who does not work here: in which way the data were shown, and by what right.
# fmt: off
WAYS: dict[str, str | Promise] = {
    "customer.listed":   gettext_lazy("in a list of results"),
    "customer.opened":   gettext_lazy("on the page about you"),
    "customer.exported": gettext_lazy("in a file"),
}
GROUNDS: dict[str, str | Promise] = {
    "own_area":   gettext_lazy("The network operator's own work in your area"),
    "live_grant": gettext_lazy("Answering calls for the network operator in an emergency, under a delegation contract"),
    "switching":  gettext_lazy("A change of electricity retailer"),
    "export":     gettext_lazy("Your retailer's own list of its customers"),
}
# fmt: on


@dataclass(frozen=True)
class Seen:
    """One disclosure in words: who saw which items when, in which way, by what right, in which emergency."""

    at: datetime
    organization: str
    role: str
    name: str
    way: str
    items: list[str]
    ground: str
    emergency: str


@dataclass(frozen=True)
class Answer:
    """What the history says; `is_whole`: whether the reader reviews all of it; `at`: when it was asked."""

    number: str
    seen: list[Seen]
    is_whole: bool
    at: datetime


@dataclass(frozen=True)
class Read:
    """The latest disclosures for an auditor; `is_whole` as of an answer."""

    number: str
    lines: list["InEmergency"]
    is_whole: bool


@dataclass(frozen=True)
class InEmergency(Line):
    """A line with the name of the emergency in which it happened, if it did in one."""

    emergency: str


@transaction.atomic
def read(reader: Person, number: str) -> Read:
    """The latest disclosures of the supply point number (22 digits), newest first; the reading is written."""
    entries = _disclosures(reader, number, "history.customer_read", {})
    found = list(entries.newest_first()[:LISTED])
    names = _names_of_emergencies(found)
    lines = [InEmergency(**vars(readable(one)), emergency=_named(one, names)) for one in found]
    return Read(number, lines, policy.reviews_every_contract(reader))


@transaction.atomic
def answer(reader: Person, number: str, *, as_file: bool, with_names: bool) -> Answer:
    """Every disclosure of the supply point number, oldest first, in the active language, for the customer.

    That it is taken away is written first, with or without names.
    """
    event = "history.customer_taken" if as_file else "history.customer_answered"
    entries = list(_disclosures(reader, number, event, {"with_names": with_names}).oldest_first())
    names = _names_of_emergencies(entries)
    return Answer(
        number,
        [_seen(one, names) for one in entries],
        policy.reviews_every_contract(reader),
        clock.database_now(),
    )


def as_csv(told: Answer, *, with_names: bool) -> bytes:
    """The answer as a file for spreadsheets: UTF-8 with its mark, no cell that runs as a formula."""
    columns = [_("Supply point number"), _("Time"), _("Organisation"), _("Role")]
    columns += [_("Person")] if with_names else []
    columns += [_("What"), _("Items"), _("By what right"), _("Emergency")]
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(columns)
    for one in told.seen:
        who = [one.organization, one.role, *([one.name] if with_names else [])]
        at = f"{timezone.localtime(one.at):%Y-%m-%d %H:%M:%S}"
        what = [one.way, _(", ").join(one.items), one.ground, one.emergency]
        rows.writerow([cell(value) for value in (told.number, at, *who, *what)])
    return "\ufeff".encode() + text.getvalue().encode()


def _disclosures(reader: Person, number: str, event: str, detail: dict):
    """The disclosures that the reader may read; that they are read is written before."""
    policy.check_may(reader, "audit.read_history")
    recording.decision(event, actor=reader, supply_point_number=number, detail=detail or None)
    return visible_to(reader).disclosures().of_customer(number)


def _seen(entry: LogEntry, emergencies: dict[int, str]) -> Seen:
    return Seen(
        entry.timestamp,
        entry.actor_organization,
        str(dict(Role.choices).get(entry.actor_role, entry.actor_role)),
        entry.actor_name,
        str(WAYS.get(entry.event, entry.event)),
        [str(FIELD_LABELS.get(name, name)) for name in in_table_order(entry.fields)],
        str(GROUNDS.get(entry.basis, entry.basis)),
        _named(entry, emergencies),
    )


def _named(entry: LogEntry, emergencies: dict[int, str]) -> str:
    return emergencies.get(entry.emergency_id, "") if entry.emergency_id else ""


def _names_of_emergencies(entries: Iterable[LogEntry]) -> dict[int, str]:
    """The names of the entries' emergencies, by key."""
    keys = {one.emergency_id for one in entries if one.emergency_id}
    return dict(Emergency.objects.filter(pk__in=keys).values_list("pk", "name"))
