"""A review's figures in words: the lag, why somebody stands first, what a line and the chart say."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from audit.models import Review

#: The chart's box.
WIDTH, HEIGHT = 600, 100


@dataclass(frozen=True)
class Bar:
    """A piece of the chart: when it begins, how many lookups, and its place in the box."""

    at: datetime
    count: int
    x: float
    width: float
    height: float
    after_the_end: bool

    @property
    def y(self) -> float:
        return HEIGHT - self.height


@dataclass(frozen=True)
class Chart:
    """Lookups over time; `end` is where the end is marked, from the left."""

    bars: list[Bar]
    starts_at: datetime
    ends_at: datetime
    end: float
    most: int


def chart(figures: dict[str, Any]) -> Chart:
    """The figures' chart, in a box of WIDTH by HEIGHT."""
    kept = figures["chart"]
    start, stop, end = (datetime.fromisoformat(kept[name]) for name in ("from", "to", "end"))
    counts, whole = kept["counts"], stop - start
    piece, most = whole / len(counts), max([*kept["counts"], 1])
    step = WIDTH / len(counts)
    bars = [
        Bar(
            at=start + number * piece,
            count=count,
            x=round(number * step, 2),
            width=round(step * 0.85, 2),
            height=round(max(HEIGHT * count / most, 2), 1),
            after_the_end=start + number * piece >= end,
        )
        for number, count in enumerate(counts)
        if count
    ]
    return Chart(bars, start, stop, round(WIDTH * ((end - start) / whole), 2), max(counts))


def lag(review: Review, figures: dict[str, Any]) -> str:
    """How many disclosures lie outside a live grant, and how far from the end the last disclosure of all was."""
    if not figures["last_disclosure"]:
        return _("Nobody was disclosed.")
    after = datetime.fromisoformat(figures["last_disclosure"]) - review.ends_at
    said = []
    if late := figures["late"]:
        counted = ngettext(
            "%(n)d disclosure outside a live grant.", "%(n)d disclosures outside a live grant.", late
        )
        said.append(counted % {"n": late})
    if after >= timedelta(0):
        seconds = {"seconds": round(after.total_seconds(), 1)}
        said.append(_("The last disclosure came %(seconds)s seconds after the end.") % seconds)
    return " ".join(said) or _("None after the end; the last one %(time)s before.") % {
        "time": _spoken(-after)
    }


def _spoken(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    if seconds < 120:
        return ngettext("%(n)d second", "%(n)d seconds", seconds) % {"n": seconds}
    if seconds < 2 * 3600:
        return ngettext("%(n)d minute", "%(n)d minutes", seconds // 60) % {"n": seconds // 60}
    return ngettext("%(n)d hour", "%(n)d hours", seconds // 3600) % {"n": seconds // 3600}


def why_first(line: dict[str, Any], medians: dict[str, float]) -> list[str]:
    """Why somebody stands first, a sentence for each reason."""
    return [_why(odd, line) % {"n": line[odd], "median": medians.get(odd)} for odd in line["odd"]]


def _why(odd: str, line: dict[str, Any]) -> str:
    if odd == "late":
        return ngettext(
            "%(n)d disclosure outside a live grant", "%(n)d disclosures outside a live grant", line[odd]
        )
    return {
        "per_hour": _("%(n)s lookups in an hour at work; the median is %(median)s"),
        "denials": _("%(n)s denials; the median is %(median)s"),
        "per_inquiry": _("%(n)s customers for each inquiry; the median is %(median)s"),
    }[odd]
