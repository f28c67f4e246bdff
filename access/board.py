"""The night on one page: numbers that a supervisor watches, each with what its list is filtered by."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min
from django.db.models.functions import TruncMinute

from access import clock
from access.models import DelegationContract, Emergency, Grant, Inquiry
from audit.models import LogEntry

#: Minutes of the chart of lookups.
MINUTES = 60


@dataclass(frozen=True)
class Bar:
    """A minute of the chart: when, how many lookups, and its place in a box of 600 by 100."""

    minute: datetime
    count: int
    x: float
    height: float

    @property
    def y(self) -> float:
        return 100 - self.height


def lookups_per_minute(at: datetime | None = None) -> list[Bar]:
    """Contractors' lookups (a page or a list is one) of the last hour, minute by minute, `at` the last."""
    first = first_minute(at or clock.database_now())
    counted = dict(
        contractor_lookups()
        .filter(timestamp__gte=first)
        .annotate(minute=TruncMinute("timestamp"))
        .order_by()
        .values("minute")
        .annotate(lookups=Count("cid", distinct=True))
        .values_list("minute", "lookups")
    )
    counts = [(first + timedelta(minutes=n), 0) for n in range(MINUTES)]
    counts = [(minute, counted.get(minute, 0)) for minute, _none in counts]
    most = max([count for _minute, count in counts] + [10])
    return [
        Bar(minute, count, x=n * 600 / MINUTES, height=round(100 * count / most, 1))
        for n, (minute, count) in enumerate(counts)
    ]


def first_minute(at: datetime) -> datetime:
    """When the chart that ends with the minute of `at` begins."""
    return at.replace(second=0, microsecond=0) - timedelta(minutes=MINUTES - 1)


def contractor_lookups():
    """Entries of lookups by contractors, that found somebody or nobody."""
    return LogEntry.objects.filter(kind__in=["disclosure", "lookup"], actor_role="contractor")


def lookups_between(since: datetime, until: datetime | None = None):
    """Contractors' lookups, latest first, each once however many customers it listed: what the chart counts.

    Each is a dict: at, event, customers (how many), name, username, inquiry.
    """
    return (
        contractor_lookups()
        .between(since, until)
        .order_by()
        .values("cid")
        .annotate(
            at=Min("timestamp"),
            event=Min("event"),
            customers=Count("customer_id", distinct=True),
            name=Min("actor_name"),
            username=Min("actor_username"),
            inquiry=Min("inquiry_id"),
        )
        .order_by("-at")
    )


def live_grants_by_contract() -> list[tuple[DelegationContract, int]]:
    """Contracts with live grants, each with how many."""
    counts = dict(
        Grant.objects.live()
        .order_by()
        .values("roster_entry__contract")
        .annotate(count=Count("pk"))
        .values_list("roster_entry__contract", "count")
    )
    return [(one, counts[one.pk]) for one in DelegationContract.objects.filter(pk__in=counts)]


def inquiries_by(field: str, emergencies) -> list[dict]:
    """Inquiries of the emergencies by "kind" or "area": the value, how many are open and in all."""
    names = [field] if field == "kind" else ["area_id", "area__name", "area__name_en"]
    rows = Inquiry.objects.filter(emergency__in=emergencies).order_by().values(*names)
    counted = rows.annotate(count=Count("pk"), still_open=Count("pk") - Count("closed_at"))
    return sorted(counted, key=lambda row: -row["count"])


def open_emergencies():
    """Open emergencies, the one that expires first at the top, with their areas."""
    return Emergency.objects.open().prefetch_related("areas").order_by("expires_at")
