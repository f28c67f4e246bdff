"""The timeline for an auditor: what they may review, gathered from the facts and counted from the history."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from access import policy
from access.models import Person
from audit import covering, recording, tallies
from audit.reading import Line, readable, visible_to
from audit.tallies import Totals
from audit.timeline import Period, Picture, Subject, picture
from audit.windows import Window

#: How many people have a row at most, and how many entries outside are listed.
PEOPLE, LISTED = 20, 50


@dataclass(frozen=True)
class Asked:
    """What is drawn: one contract or (None) all that the reader reviews, one person or everybody, by whom."""

    contract: int | None = None
    person: Person | None = None
    by_person: bool = False


@dataclass(frozen=True)
class Timeline:
    """The picture, the latest entries that lie outside, the counts of all, how many rows are not drawn, and when
    the last emergency was declared."""

    picture: Picture
    outside: list[Line]
    in_all: Totals
    left_out: int
    last_emergency: datetime | None


@transaction.atomic
def timeline(reader: Person, shown: Window, asked: Asked, now: datetime) -> Timeline:
    """The timeline of the window. That it was looked at is in the history.

    Raises Denied for a contract, or a person of contracts, that are another auditor's to review.
    """
    policy.check_may(reader, "audit.read_history")
    contracts = policy.contracts_to_review(reader)
    if asked.contract is not None:
        policy.check_may_review(reader, asked.contract)
        contracts = contracts.filter(pk=asked.contract)
    if asked.person is not None:
        policy.check_may_review_person(reader, asked.person)
    recording.decision(
        "history.timeline_read",
        actor=reader,
        subject_id=asked.person.pk if asked.person else None,
        contract_id=asked.contract,
        detail={"since": shown.start.isoformat(), "until": shown.end.isoformat()},
    )
    of = tallies.Asked(
        list(contracts.values_list("pk", flat=True)), asked.person.pk if asked.person else None
    )
    by_person = asked.by_person and asked.person is None
    emergencies = covering.emergencies()
    open_then = covering.open_in(shown.start, shown.end, emergencies)
    most = PEOPLE if by_person else 10_000
    counted, in_all = tallies.tallies(shown, of, open_then, by_person=by_person, most=most, listed=LISTED)
    lines = list(dict.fromkeys(one.row for one in counted))
    # They are no secret to an auditor
    periods = {one.pk: Period(one.pk, one.name, one.is_drill, one.declared_at, one.ends) for one in open_then}
    granted = _granted(of, "subject_id" if by_person else "contract_id", periods)
    if by_person:
        subjects = _people(lines, asked.contract, granted)
    else:
        subjects = _contracts(shown, contracts, lines, asked.person, granted)
    return Timeline(
        picture(shown, periods.values(), subjects, counted, now),
        _outside(reader, in_all),
        in_all,
        in_all.rows - len(lines),
        max((one.declared_at for one in emergencies), default=None),
    )


def _outside(reader: Person, in_all: Totals) -> list[Line]:
    """The latest entries outside."""
    if not in_all.latest:
        return []
    return [readable(entry) for entry in visible_to(reader).filter(pk__in=in_all.latest).newest_first()]


def _granted(of: tallies.Asked, by: str, periods: dict[int, Period]) -> dict[int, tuple[Period, ...]]:
    """The emergencies in which grants were given, for each contract or person: what the column `by` holds."""
    given = covering.given().filter(emergency_id__in=list(periods), contract_id__in=of.contracts)
    if of.person:
        given = given.filter(subject_id=of.person)
    found: dict[int, tuple[Period, ...]] = defaultdict(tuple)
    for subject, emergency in given.values_list(by, "emergency_id").distinct():
        found[subject] += (periods[emergency],)
    return found


def _contracts(
    shown: Window, contracts, lines: Collection[int], person: Person | None, granted: dict
) -> list[Subject]:
    """The contracts that were in force in the window, or have something in it."""
    in_force = Q(starts_at__lt=shown.end, ends_at__gt=shown.start) & (
        Q(ended_at=None) | Q(ended_at__gt=shown.start)
    )
    theirs = Q(roster__person=person) if person else Q()
    found = contracts.filter((in_force & theirs) | Q(pk__in=[*lines, *granted])).distinct().order_by("title")
    filtered = (("person", person.username),) if person else ()
    return [
        Subject(one.pk, one.title, (("contract", str(one.pk)), *filtered), granted.get(one.pk, ()))
        for one in found
    ]


def _people(lines: list[int], contract: int | None, granted: dict) -> list[Subject]:
    """The people, in the order of the lines."""
    found = Person.objects.in_bulk(lines)
    filtered = (("contract", str(contract)),) if contract else ()
    return [
        Subject(pk, str(found[pk]), (("person", found[pk].username), *filtered), granted.get(pk, ()))
        for pk in lines
    ]
