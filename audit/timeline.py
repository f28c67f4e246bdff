"""The timeline, computed: time across, emergencies as bands, disclosures to contractors as marks below them.

Pure: it takes facts as values and gives places in a picture of WIDTH units, for a template to draw. What
is said of a disclosure, that it lies outside, is judged in `audit.tallies`, never here by its place.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from unicodedata import east_asian_width
from urllib.parse import urlencode

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.windows import WIDTH, Tick, Window, moments, ticks

#: The picture's measures from top to bottom, in the units of WIDTH.
AXIS, LANE, GAP, LABEL, ROW = 24, 26, 14, 22, 34
#: Less than that nobody sees, or hits.
NARROWEST, LOWEST = 3, 8
#: Width of a letter of a label, which is 13 units high.
NARROW_LETTER, WIDE_LETTER = 7.5, 13


@dataclass(frozen=True)
class Period:
    """An emergency as the timeline knows it, from when to when it is open: `ends` is when it ended, or will expire."""

    pk: int
    name: str
    is_drill: bool
    begins: datetime
    ends: datetime


@dataclass(frozen=True)
class Band:
    """An emergency across the picture, in the first lane where it hides no other and no other's name."""

    period: Period
    x: float
    width: float
    lane: int

    @property
    def y(self) -> int:
        return AXIS + self.lane * LANE

    @property
    def label(self) -> str:
        return self.period.name if len(self.period.name) <= 20 else self.period.name[:19] + "…"

    @property
    def label_x(self) -> float:
        """Where the name begins: with the band, or further left where it would leave the picture."""
        return round(max(min(self.x + 6, WIDTH - words_width(self.label) - 4), 0), 1)

    @property
    def reach(self) -> float:
        """Where band and name are over."""
        return max(self.x + self.width, self.label_x + words_width(self.label) + 4)

    @property
    def title(self) -> str:
        span = moments(self.period.begins, self.period.ends)
        kind = _("Drill") if self.period.is_drill else _("Emergency")
        return f"{kind}{_(': ')}{self.period.name}{_(', ')}{span}"


def bands(shown: Window, periods: Iterable[Period]) -> list[Band]:
    """The emergencies that reach into the window, the earliest first."""
    placed: list[Band] = []
    reached: list[float] = []
    for one in sorted(periods, key=lambda one: (one.begins, one.pk)):
        if one.begins >= shown.end or one.ends <= shown.start:
            continue
        x, width = _across(shown, one.begins, one.ends)
        begins = min(x, Band(one, x, width, 0).label_x)
        free = (lane for lane, reach in enumerate(reached) if reach <= begins)
        lane = next(free, len(reached))
        band = Band(one, x, width, lane)
        reached[lane : lane + 1] = [band.reach]
        placed.append(band)
    return placed


@dataclass(frozen=True)
class Tally:
    """How many disclosures of a row (contract or person) lie in the piece of time from `begins`.

    outside: how many of them no open emergency and no grant covers, from `outside_first` to `outside_last`.
    """

    row: int
    begins: datetime
    count: int
    outside: int = 0
    outside_first: datetime | None = None
    outside_last: datetime | None = None


@dataclass(frozen=True)
class Mark:
    """Disclosures of one row and one piece of time: the place of a bar, and what opens its entries."""

    x: float
    width: float
    height: float
    opacity: float
    count: int
    span: str
    is_outside: bool
    query: str

    @property
    def half(self) -> float:
        return round(self.width / 2, 1)

    @property
    def words(self) -> str:
        """How many they are, in words."""
        return (
            ngettext(
                "%(count)s disclosure outside an emergency",
                "%(count)s disclosures outside an emergency",
                self.count,
            )
            if self.is_outside
            else ngettext("%(count)s disclosure", "%(count)s disclosures", self.count)
        ) % {"count": formats.number_format(self.count, force_grouping=True)}

    @property
    def title(self) -> str:
        return f"{self.span}{_(': ')}{self.words}"


def marks(shown: Window, tallies: Iterable[Tally], most: int, query: dict[str, str]) -> list[Mark]:
    """The bars of one row, higher and darker the more disclosures; what lies outside has one of its own.

    most: the disclosures of the fullest piece of the picture. query: what the history is filtered by for
    the row, beside the time.
    """
    made = []
    for one in tallies:
        ends = min(one.begins + shown.step, shown.end)
        x, width = _across(shown, one.begins, ends)
        span, inside = moments(one.begins, ends), one.count - one.outside
        if inside:
            made.append(
                _mark(x, width / (2 if one.outside else 1), inside, most, span, query, one.begins, ends)
            )
        if one.outside_first and one.outside_last:
            # Its link reaches from the first of them to the last, so that it opens no others where it can
            first, beyond = one.outside_first, one.outside_last + timedelta(microseconds=1)
            place = (x + width / 2, width / 2) if inside else (x, width)
            made.append(_mark(*place, one.outside, most, span, query, first, beyond, is_outside=True))
    return made


def _mark(
    x: float,
    width: float,
    count: int,
    most: int,
    span: str,
    query: dict[str, str],
    since: datetime,
    until: datetime,
    is_outside: bool = False,
) -> Mark:
    share = sqrt(count / most)
    return Mark(
        x=round(x + 0.5, 1),
        width=round(max(width - 1, NARROWEST), 1),
        height=round(max(ROW * share, LOWEST), 1),
        opacity=round(0.55 + 0.45 * share, 2),
        count=count,
        span=span,
        is_outside=is_outside,
        query=urlencode({"kind": "disclosure", **query, "since": _typed(since), "until": _typed(until)}),
    )


@dataclass(frozen=True)
class Subject:
    """What a row is about: a contract or a person, what its history is filtered by, its own emergencies."""

    pk: int
    label: str
    query: tuple[tuple[str, str], ...]
    periods: tuple[Period, ...] = ()


@dataclass(frozen=True)
class Row:
    """One row of the picture: its name, its marks, and as shades the emergencies in which they may lie."""

    subject: Subject
    y: int
    marks: list[Mark]
    shades: list[Band]
    count: int
    outside: int

    @property
    def bars_y(self) -> int:
        return self.y + LABEL

    @property
    def bars_height(self) -> int:
        return ROW

    @property
    def baseline(self) -> int:
        return self.bars_y + ROW


@dataclass(frozen=True)
class Picture:
    """All that is drawn. `now_x`: where the present is, if it is shown."""

    window: Window
    ticks: list[Tick]
    bands: list[Band]
    rows: list[Row]
    now_x: float | None

    @property
    def height(self) -> int:
        return _first_row(self.bands) + len(self.rows) * (LABEL + ROW + GAP)


def picture(
    shown: Window,
    periods: Iterable[Period],
    subjects: Sequence[Subject],
    tallies: Iterable[Tally],
    now: datetime,
) -> Picture:
    """The whole picture; of tallies, those of the subjects."""
    by_row: dict[int, list[Tally]] = {subject.pk: [] for subject in subjects}
    for one in tallies:
        if one.row in by_row:
            by_row[one.row].append(one)
    most = max(
        (max(one.outside, one.count - one.outside) for row in by_row.values() for one in row), default=1
    )
    placed = bands(shown, periods)
    top = _first_row(placed)
    rows = [
        Row(
            subject,
            top + n * (LABEL + ROW + GAP),
            marks(shown, by_row[subject.pk], most, dict(subject.query)),
            bands(shown, subject.periods),
            sum(one.count for one in by_row[subject.pk]),
            sum(one.outside for one in by_row[subject.pk]),
        )
        for n, subject in enumerate(subjects)
    ]
    return Picture(shown, ticks(shown), placed, rows, shown.x(now) if shown.shows(now) else None)


def words_width(words: str) -> float:
    """About how wide the words are: letters of Japanese are wide, others narrow."""
    return sum(WIDE_LETTER if east_asian_width(letter) in "WFA" else NARROW_LETTER for letter in words)


def _first_row(placed: list[Band]) -> int:
    lanes = max((band.lane for band in placed), default=-1) + 1
    return AXIS + lanes * LANE + GAP


def _across(shown: Window, begins: datetime, ends: datetime) -> tuple[float, float]:
    x = shown.x(begins)
    width = max(shown.x(ends) - x, NARROWEST)
    return round(min(x, WIDTH - width), 1), round(width, 1)


def _typed(at: datetime) -> str:
    """A moment as the history's filter takes it, in Japan time."""
    return timezone.localtime(at).replace(tzinfo=None).isoformat()
