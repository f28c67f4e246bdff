"""The figures of a review, of an emergency or a month: read from the history in a few statements.

Every figure is an aggregate that an index of the history serves; no entry is looked at in Python. The same
history gives the same figures, whenever they are computed.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from statistics import median_low
from typing import Any

from django.db.models import Count, FloatField, Func, IntegerField, Max, Q, Sum, Value
from django.db.models.functions import Cast, TruncHour

from access.people import Role
from audit import covering, tallies
from audit.models import LogEntry, Review
from audit.models.entries import LogEntryQuerySet

LOOKED = (LogEntry.Kind.DISCLOSURE, LogEntry.Kind.LOOKUP)
#: Who stands out has more than so many times the median of all who looked up.
TIMES = 3
#: Measure to how much of it is nothing to speak of, whatever the median.
STANDS_OUT_ABOVE = {"per_hour": 10, "denials": 2, "per_inquiry": 2}
#: So long after the end of an emergency, what its people are refused is counted for it.
AFTER = timedelta(days=1)
#: Pieces of the chart of an emergency; a month's are its days.
PIECES = 60


@dataclass(frozen=True)
class Part:
    """The part of the history that is reviewed.

    entries: what may be looked-up entries, and the inquiries taken and closed. denials: of the same people.
    late: the condition on disclosures that must not be: outside their own live grant, as the timeline says it.
    denied_after: what the same people were refused in the day after the end, for an emergency that was over.
    granted: how many people were; None where nobody needs a grant. by_day: a month, told in days.
    """

    entries: LogEntryQuerySet
    denials: LogEntryQuerySet
    late: Q
    granted: int | None
    starts_at: datetime
    ends_at: datetime
    until: datetime
    by_day: bool = False
    denied_after: LogEntryQuerySet = field(default_factory=LogEntry.objects.none)

    @property
    def looked(self) -> LogEntryQuerySet:
        """Entries of lookups, that disclosed somebody or nobody."""
        return self.entries.filter(kind__in=LOOKED).order_by()

    @property
    def disclosures(self) -> LogEntryQuerySet:
        return self.entries.disclosures().order_by()


def part_of(review: Review) -> Part:
    """What the review is about."""
    window = (review.starts_at, review.ends_at, review.opened_at)
    if review.emergency_id is not None:
        return of_emergency(review.emergency_id, review.contract_id, *window)
    if review.contract_id is not None:
        return _of_contractors_in_a_month(review.contract_id, *window)
    return _of_operators_in_a_month(*window)


def of_emergency(
    emergency_id: int, contract_id: int | None, starts_at: datetime, ends_at: datetime, until: datetime
) -> Part:
    """What an emergency came to: under one contract, or (None) under all of them.

    What names no contract (a lookup under two at once, a denial before any grant was asked) counts for
    the contract's people.
    """
    given = covering.given().filter(emergency_id=emergency_id)
    entries = LogEntry.objects.of_emergency(emergency_id)
    if contract_id is not None:
        given = given.filter(contract_id=contract_id)
    people = _people(given)
    denials = LogEntry.objects.denials().filter(actor_role=Role.CONTRACTOR).order_by()
    unnamed = Q(emergency_id=None, actor__in=people)
    if contract_id is not None:
        mine = Q(contract_id=contract_id) | Q(contract_id=None, actor__in=people)
        entries, denials = entries.filter(mine), denials.filter(mine)
    denials = denials.filter(Q(emergency_id=emergency_id) | unnamed)
    asked = tallies.Asked(None if contract_id is None else [contract_id], emergency=emergency_id)
    return Part(
        entries,
        denials.between(starts_at, ends_at),
        Q(pk__in=tallies.outside(asked)),
        len(people),
        starts_at,
        ends_at,
        until,
        denied_after=denials.between(ends_at, ends_at + AFTER),
    )


def _of_contractors_in_a_month(
    contract_id: int, starts_at: datetime, ends_at: datetime, until: datetime
) -> Part:
    open_then = [one.pk for one in covering.open_in(starts_at, ends_at)]
    people = _people(covering.given().filter(contract_id=contract_id, emergency_id__in=open_then))
    mine = Q(contract_id=contract_id) | Q(contract_id=None, actor__in=people)
    entries = LogEntry.objects.between(starts_at, ends_at).filter(mine)
    return Part(
        entries,
        entries.denials().filter(actor__in=people).order_by(),
        Q(pk__in=tallies.outside(tallies.Asked([contract_id]), starts_at, ends_at)),
        len(people),
        starts_at,
        ends_at,
        until,
        by_day=True,
    )


def _of_operators_in_a_month(starts_at: datetime, ends_at: datetime, until: datetime) -> Part:
    entries = LogEntry.objects.between(starts_at, ends_at).filter(actor_role=Role.OPERATOR)
    denials = entries.denials().order_by()
    return Part(entries, denials, Q(pk__in=[]), None, starts_at, ends_at, until, by_day=True)


def _people(given: LogEntryQuerySet) -> list[int]:
    """Who was granted. A list, not a subquery: an index on who did it can be asked for a list."""
    return sorted(given.values_list("subject_id", flat=True).distinct())


def of(part: Part) -> dict[str, Any]:
    """The figures, as JSON: totals, a line for each person (who stands out first), the chart."""
    lines = _lines(part)
    medians = _mark_who_stands_out(lines)
    totals = part.looked.aggregate(
        lookups=Count("cid", distinct=True),
        customers=Count("customer_id", distinct=True),
        last=Max("timestamp", filter=Q(kind="disclosure")),
    )
    last = totals.pop("last")
    return {
        "granted": part.granted,
        "people": sum(1 for line in lines if line["lookups"]),
        **totals,
        "denials": sum(line["denials"] for line in lines),
        "inquiries": part.entries.filter(event="inquiry.taken").order_by().count(),
        **_by_what_became_of_the_inquiry(part),
        "last_disclosure": last.isoformat() if last else None,
        **late(part),
        "medians": medians,
        "lines": lines,
        "chart": _chart(part, last),
    }


def late(part: Part) -> dict[str, Any]:
    """How many disclosures must not be, the last of them, and the refusals after the end; quick, whatever else
    there is."""
    disclosures = part.disclosures.filter(part.late)
    last = disclosures.newest_first().first()
    return {
        "late": disclosures.count(),
        "late_entry": last.pk if last else None,
        "denied_after": part.denied_after.count(),
    }


def _by_what_became_of_the_inquiry(part: Part) -> dict[str, int]:
    """Lookups whose inquiry was not closed (as far as the review knew), or closed as not found.

    A lookup is of one inquiry, so a pass over the entries by inquiry counts each once, and joins nothing.
    """
    known = Q(event="inquiry.closed", timestamp__lt=part.until)
    inquiries = (
        part.entries.order_by()
        .values("inquiry_id")
        .annotate(
            lookups=Count("cid", distinct=True, filter=Q(kind__in=LOOKED)),
            opened=Count("cid", distinct=True, filter=Q(event="customer.opened")),
            closed=Count("pk", filter=known),
            unfound=Count("pk", filter=known & Q(additional_data__found=False)),
        )
    )
    counted = inquiries.aggregate(
        no_outcome=Sum("lookups", filter=Q(closed=0), default=0),
        not_found=Sum("opened", filter=Q(unfound__gt=0), default=0),
    )
    return {name: int(count) for name, count in counted.items()}


def _lines(part: Part) -> list[dict[str, Any]]:
    """A line for each person who looked up or was refused."""
    named = {
        "username": Max("actor_username"),
        "name": Max("actor_name"),
        "organization": Max("actor_organization"),
    }
    looked = part.looked.values("actor_id").annotate(
        **named,
        lookups=Count("cid", distinct=True),
        customers=Count("customer_id", distinct=True),
        inquiries=Count("inquiry_id", distinct=True),
        hours=Count(TruncHour("timestamp"), distinct=True),
    )
    lines = {row["actor_id"]: row | {"denials": 0, "late": 0} for row in looked}
    for row in part.denials.values("actor_id").annotate(**named, denials=Count("pk")):
        nothing = {"lookups": 0, "customers": 0, "inquiries": 0, "hours": 0, "late": 0}
        lines.setdefault(row["actor_id"], row | nothing)["denials"] = row["denials"]
    late = part.disclosures.filter(part.late).values("actor_id").annotate(count=Count("pk"))
    for actor, count in late.values_list("actor_id", "count"):
        lines[actor]["late"] = count
    for line in lines.values():
        line["per_hour"] = round(line["lookups"] / line["hours"], 1) if line["hours"] else 0
        line["per_inquiry"] = round(line["customers"] / line["inquiries"], 1) if line["inquiries"] else 0
    return list(lines.values())


def _mark_who_stands_out(lines: list[dict[str, Any]]) -> dict[str, float]:
    """Writes into each line by what it stands out, sorts those lines first, and returns the medians.

    To stand out is to have more than TIMES the median of those who looked up, and more than nothing to
    speak of; or one disclosure that must not be. (Of two people the lower one is the median.) An hour is
    one of the clock's in which the person looked up: whoever has a grant for a day is not on duty all day.
    """
    working = [line for line in lines if line["lookups"]]
    medians = {
        measure: median_low([line[measure] for line in working]) if working else 0
        for measure in STANDS_OUT_ABOVE
    }
    for line in lines:
        line["odd"] = ["late"] if line["late"] else []
        line["odd"] += [
            measure
            for measure, least in STANDS_OUT_ABOVE.items()
            if line[measure] > max(least, TIMES * medians[measure])
        ]
    lines.sort(
        key=lambda line: (
            "late" not in line["odd"], -len(line["odd"]), -line["lookups"], -line["denials"], line["username"]
        )
    )  # fmt: skip
    return medians


def _chart(part: Part, last: datetime | None) -> dict[str, Any]:
    """Lookups over time, in equal pieces: of an emergency some time after its end, too; of a month the days."""
    start, length = part.starts_at, part.ends_at - part.starts_at
    if part.by_day:
        pieces, end = length.days, part.ends_at
    else:
        pieces, end = PIECES, max(part.ends_at + length / 12, last or start, start + timedelta(minutes=1))
    place = Func(
        # Not Django's Extract: that would count from a local epoch
        Func("timestamp", template="EXTRACT(EPOCH FROM %(expressions)s)::float", output_field=FloatField()),
        Cast(Value(start.timestamp()), FloatField()),
        Cast(Value(end.timestamp()), FloatField()),
        Value(pieces),
        function="width_bucket",
        output_field=IntegerField(),
    )
    counted = dict(
        part.looked.annotate(place=place)
        .values("place")
        .annotate(lookups=Count("cid", distinct=True))
        .values_list("place", "lookups")
    )
    # A moment at the very end belongs to the last piece
    counted[pieces] = counted.get(pieces, 0) + counted.pop(pieces + 1, 0)
    return {
        "from": start.isoformat(),
        "to": end.isoformat(),
        "end": part.ends_at.isoformat(),
        "counts": [counted.get(number, 0) for number in range(1, pieces + 1)],
    }
