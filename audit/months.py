"""The months of the history: each is a partition, made before its first entry comes.

An entry whose month is not there is refused, and with it what it would have told: so months are made
well ahead, by every sweep, and a month that is missing is said by /readyz.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils import timezone

#: How far ahead months are made.
AHEAD = timedelta(days=92)


def add(first: datetime, last: datetime) -> int:
    """Makes the months (of Japan) from that of `first` to that of `last`; returns how many were new."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE audit_add_month(month::date)) FROM generate_series("
            "date_trunc('month', %s AT TIME ZONE 'Asia/Tokyo'), %s AT TIME ZONE 'Asia/Tokyo', '1 month') month",
            [first, last],
        )
        return cursor.fetchone()[0]


def add_what_is_missing() -> None:
    """Makes the months to come, if one is missing; the sweep's step."""
    if missing():
        now = timezone.now()
        add(now, now + AHEAD)


def span(month: date) -> tuple[datetime, datetime]:
    """A month of Japan's, by its first day: from (inclusive) and to (exclusive)."""
    japan = ZoneInfo(settings.TIME_ZONE)
    return datetime.combine(month, time.min, japan), datetime.combine(_following(month), time.min, japan)


def all_months() -> list[date]:
    """The months that are there, oldest first, each as its first day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_date(right(c.relname, 7), 'YYYY_MM') FROM pg_inherits i "
            "JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = 'audit_logentry'::regclass ORDER BY 1"
        )
        return [month for (month,) in cursor]


def missing(ahead: timedelta = AHEAD) -> list[date]:
    """The months from this one to that of `ahead` from now that are not there."""
    there = set(all_months())
    month, last = (timezone.localdate().replace(day=1), timezone.localdate() + ahead)
    wanted = []
    while month <= last:
        wanted.append(month)
        month = _following(month)
    return [month for month in wanted if month not in there]


def _following(month: date) -> date:
    return (month + timedelta(days=32)).replace(day=1)
