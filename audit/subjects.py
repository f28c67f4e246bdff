"""What the history says of a person, an emergency or a grant, on a page each for auditors.

Each reading is in the history itself, and no reader gets more than `audit.reading.visible_to` lets them.
Counts are of one subject's own entries alone, which an index serves.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max, Min, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import policy
from access.models import Emergency, Grant, Person, Role
from audit import recording
from audit.models import LogEntryQuerySet
from audit.reading import Line, readable, visible_to

#: Latest entries on a page, grants in a list, days of the chart of denials.
LATEST, GRANTS, DAYS = 10, 100, 30
_LOOKUPS = Q(kind__in=["disclosure", "lookup"])


@dataclass(frozen=True)
class Was:
    """Who somebody was in the history, and from when to when it says so."""

    actor_name: str
    actor_role: str
    actor_organization: str
    first: datetime
    last: datetime

    @property
    def role(self) -> str:
        return str(dict(Role.choices).get(self.actor_role, self.actor_role))


@dataclass(frozen=True)
class Day:
    """A day of the chart: how many denials, and their bar in a box of 600 by 100."""

    person: Person
    day: date
    count: int
    x: float
    height: float

    @property
    def y(self) -> float:
        return round(100 - self.height, 1)

    @property
    def title(self) -> str:
        count = ngettext("%(count)d denial", "%(count)d denials", self.count) % {"count": self.count}
        return f"{formats.date_format(self.day, 'DATE_FORMAT')}{_(': ')}{count}"

    @property
    def query(self) -> str:
        """What the history is filtered by for the day."""
        until = self.day + timedelta(days=1)
        since = {"since": f"{self.day}T00:00", "until": f"{until}T00:00"}
        return urlencode({"person": self.person.username, "kind": "denial", **since})


@dataclass(frozen=True)
class PersonsHistory:
    person: Person
    was: list[Was]
    figures: dict[str, int]
    denials: list[Day]
    grants: list[Grant]
    latest: list[Line]

    @property
    def denials_there(self) -> bool:
        """Whether there is a day with a denial to draw."""
        return any(day.count for day in self.denials)


@dataclass(frozen=True)
class EmergencysHistory:
    emergency: Emergency
    figures: dict[str, int]
    people: list[dict]
    grants: list[Grant]
    granted: int
    decisions: list[Line]


@dataclass(frozen=True)
class GrantsHistory:
    grant: Grant
    is_live: bool
    figures: dict[str, int]
    latest: list[Line]


@transaction.atomic
def of_person(reader: Person, person: Person) -> PersonsHistory:
    """Who the person is and was, what they were granted, looked up and were refused.

    Raises Denied for a person of contracts that are another auditor's to review.
    """
    policy.check_may(reader, "audit.read_history")
    policy.check_may_review_person(reader, person)
    recording.decision(
        "history.person_read", actor=reader, subject_id=person.pk, detail={"subject": str(person)}
    )
    visible = visible_to(reader)
    theirs = visible.filter(actor=person)
    was = theirs.order_by().values("actor_name", "actor_role", "actor_organization")
    grants = Grant.objects.filter(
        roster_entry__person=person, roster_entry__contract__in=policy.contracts_to_review(reader)
    )
    # Two questions, for one index serves each, and none serves both at once
    about = visible.filter(subject_id=person.pk).exclude(event__startswith="history.")
    latest = [*theirs.newest_first()[:LATEST], *about.newest_first()[:LATEST]]
    latest = sorted({one.pk: one for one in latest}.values(), key=lambda one: (one.timestamp, one.pk))
    return PersonsHistory(
        person,
        [Was(**one) for one in was.annotate(first=Min("timestamp"), last=Max("timestamp")).order_by("-last")],
        _figures(theirs),
        _denials(theirs, person, timezone.localdate()),
        list(_with_names(grants).order_by("-starts_at", "-pk")[:GRANTS]),
        [readable(one) for one in reversed(latest[-LATEST:])],
    )


@transaction.atomic
def of_emergency(reader: Person, emergency: Emergency) -> EmergencysHistory:
    """What was decided in the emergency, who was granted, and what it came to, of contracts that the reader
    reviews. Raises Denied as `policy.check_may_review_emergency` does.
    """
    policy.check_may(reader, "audit.read_history")
    policy.check_may_review_emergency(reader, emergency)
    recording.decision("history.emergency_read", emergency, actor=reader, emergency_id=emergency.pk)
    visible = visible_to(reader)
    grants = emergency.grants.filter(roster_entry__contract__in=policy.contracts_to_review(reader))
    decisions = visible.about(emergency).filter(event__startswith="emergency.").oldest_first()
    return EmergencysHistory(
        emergency,
        _figures(visible.of_emergency(emergency.pk)),
        _people(visible.of_emergency(emergency.pk)),
        list(_with_names(grants).order_by("roster_entry__person__username", "pk")[:GRANTS]),
        grants.values("roster_entry__person").distinct().count(),
        [readable(one) for one in decisions[:GRANTS]],
    )


@transaction.atomic
def of_grant(reader: Person, grant: Grant) -> GrantsHistory:
    """Whose the grant was, from when to when, by whom, and what was seen by it.

    Raises Denied for a grant under a contract that is another auditor's to review.
    """
    policy.check_may(reader, "audit.read_history")
    contract = grant.roster_entry.contract_id
    policy.check_may_review(reader, contract)
    recording.decision(
        "history.grant_read",
        grant,
        actor=reader,
        contract_id=contract,
        emergency_id=grant.emergency_id,
        grant_id=grant.pk,
        subject_id=grant.roster_entry.person_id,
        detail={"subject": str(grant.roster_entry.person), "emergency": grant.emergency.name},
    )
    by_it = visible_to(reader).filter(grant_id=grant.pk)
    return GrantsHistory(
        grant,
        Grant.objects.live().filter(pk=grant.pk).exists(),
        _figures(by_it),
        [readable(one) for one in by_it.disclosures().newest_first()[:LATEST]],
    )


def _figures(entries: QuerySet) -> dict[str, int]:
    """Lookups, disclosures, customers and denials among one subject's entries."""
    return entries.order_by().aggregate(
        lookups=Count("cid", distinct=True, filter=_LOOKUPS),
        disclosures=Count("pk", filter=Q(kind="disclosure")),
        customers=Count("customer_id", distinct=True, filter=Q(kind="disclosure")),
        denials=Count("pk", filter=Q(kind="denial")),
    )


def _people(entries: QuerySet) -> list[dict]:
    """Whose entries they are, with what each looked up and was refused; who looked up most first."""
    who = entries.filter(kind__in=["disclosure", "lookup", "denial"]).order_by()
    people = who.values("actor_id", "actor_name", "actor_username", "actor_organization").annotate(
        lookups=Count("cid", distinct=True, filter=_LOOKUPS),
        customers=Count("customer_id", distinct=True, filter=Q(kind="disclosure")),
        denials=Count("pk", filter=Q(kind="denial")),
    )
    return sorted(people, key=lambda one: (-one["lookups"], -one["denials"], one["actor_username"]))


def _denials(entries: LogEntryQuerySet, person: Person, today: date) -> list[Day]:
    """The denials of the last DAYS Japan days, day by day."""
    first = today - timedelta(days=DAYS - 1)
    begins = timezone.make_aware(datetime(first.year, first.month, first.day))
    day = TruncDate("timestamp", tzinfo=ZoneInfo(settings.TIME_ZONE))
    denials = entries.denials().between(begins).order_by()
    counted = denials.annotate(day=day).values("day").annotate(count=Count("pk"))
    counts = dict(counted.values_list("day", "count"))
    most = max(counts.values(), default=1)
    days = [first + timedelta(days=n) for n in range(DAYS)]
    return [
        Day(person, day, counts.get(day, 0), n * 600 / DAYS, round(100 * counts.get(day, 0) / most, 1))
        for n, day in enumerate(days)
    ]


def _with_names(grants) -> QuerySet[Grant]:
    named = grants.select_related("roster_entry__person", "roster_entry__contract", "emergency")
    return named.with_stop()
