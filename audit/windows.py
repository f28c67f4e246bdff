"""The time that a timeline shows: a Japan day, week, month or year, where each moment lies in it, its ticks.

Pure: dates and moments in, numbers and words of the active language out.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from django.utils import formats, timezone
from django.utils.translation import get_language, pgettext

#: How wide the picture is, in its own units: a unit is a pixel where it is drawn as wide as it is.
WIDTH = 960
#: Zooms, and what one mark stands for in each.
STEPS = {
    "day": timedelta(minutes=15),
    "week": timedelta(hours=2),
    "month": timedelta(days=1),
    "year": timedelta(weeks=1),
}
#: Days that the timeline shows at all: beyond them no calendar is sure to work.
FIRST_DAY, LAST_DAY = date(2000, 1, 1), date(2099, 12, 31)


@dataclass(frozen=True)
class Window:
    """The time that is shown: Japan days from `first` to before `beyond`, in pieces of the zoom's step."""

    zoom: str
    first: date
    beyond: date

    @property
    def start(self) -> datetime:
        return _midnight(self.first)

    @property
    def end(self) -> datetime:
        return _midnight(self.beyond)

    @property
    def step(self) -> timedelta:
        return STEPS[self.zoom]

    @property
    def earlier(self) -> date | None:
        """A day of the window before, or None where there is none."""
        return self.first - timedelta(days=1) if self.first > FIRST_DAY else None

    @property
    def later(self) -> date | None:
        return self.beyond if self.beyond <= LAST_DAY else None

    def x(self, at: datetime) -> float:
        """Where the moment is across the picture; before and after it, the edge."""
        share = (at - self.start) / (self.end - self.start)
        return round(WIDTH * min(max(share, 0), 1), 1)

    def shows(self, at: datetime) -> bool:
        return self.start <= at < self.end

    @property
    def words(self) -> str:
        """The window in words of the active language."""
        if self.zoom == "year":
            return pgettext("a year", "%(year)s") % {"year": self.first.year}
        if self.zoom == "month":
            return formats.date_format(self.first, "YEAR_MONTH_FORMAT")
        if self.zoom == "day":
            return _day(self.first)
        return f"{_day(self.first)} – {_day(self.beyond - timedelta(days=1))}"


def window(zoom: str, day: date) -> Window:
    """The window of the zoom (a key of STEPS) that holds the day: a day, a week from Monday, a month, a year."""
    day = min(max(day, FIRST_DAY), LAST_DAY)
    if zoom == "day":
        return Window(zoom, day, day + timedelta(days=1))
    if zoom == "week":
        monday = day - timedelta(days=day.weekday())
        return Window(zoom, monday, monday + timedelta(days=7))
    if zoom == "month":
        first = day.replace(day=1)
        return Window(zoom, first, (first + timedelta(days=32)).replace(day=1))
    return Window(zoom, date(day.year, 1, 1), date(day.year + 1, 1, 1))


@dataclass(frozen=True)
class Tick:
    """A line through the picture, where a day or the like begins, and what is written at it."""

    x: float
    label: str


def ticks(shown: Window) -> list[Tick]:
    """Every third hour of a day, the days of a week and a month, the months of a year."""
    if shown.zoom == "day":
        hours = [shown.start + timedelta(hours=hour) for hour in range(0, 24, 3)]
        return [Tick(shown.x(at), formats.time_format(timezone.localtime(at))) for at in hours]
    days = [shown.first + timedelta(days=n) for n in range((shown.beyond - shown.first).days)]
    if shown.zoom == "year":
        days = [day for day in days if day.day == 1]
    written = {"week": _weekday, "month": lambda day: str(day.day), "year": _month}[shown.zoom]
    return [Tick(shown.x(_midnight(day)), written(day)) for day in days]


def moments(begins: datetime, ends: datetime) -> str:
    """From when to when, in Japan time and the active language; the day once where it is one."""
    return _moments(begins, ends, get_language())


@lru_cache(1024)
def _moments(begins: datetime, ends: datetime, language: str | None) -> str:
    """Kept for a while: every row of a picture has the same pieces of time."""
    begins, ends = timezone.localtime(begins), timezone.localtime(ends)
    first = formats.date_format(begins, "DATETIME_FORMAT")
    if begins.date() == ends.date():
        return f"{first}–{formats.time_format(ends)}"
    return f"{first} – {formats.date_format(ends, 'DATETIME_FORMAT')}"


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time()))


def _day(day: date) -> str:
    return formats.date_format(day, "DATE_FORMAT")


def _weekday(day: date) -> str:
    return f"{formats.date_format(day, 'MONTH_DAY_FORMAT')} ({formats.date_format(day, 'D')})"


def _month(day: date) -> str:
    return formats.date_format(day, "M")
