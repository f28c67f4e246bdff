"""Benchmarks, one module for each `make bench-NAME`; here is what they share: a line, and the report.

Django is set up here, before a benchmark's own imports of models.
"""

import json
import operator
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from django.conf import settings  # noqa: E402
from django.db import connection  # noqa: E402
from django.test.utils import setup_databases, teardown_databases  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.table import Table  # noqa: E402

QUICK = os.environ.get("QUICK", "0") not in ("", "0")
COMPARISONS = {"<=": operator.le, "<": operator.lt, ">=": operator.ge}


@dataclass
class Line:
    """One line of the table. A goal is one of the line's measures, a comparison and a limit."""

    name: str
    rows_in_db: int
    value: float
    unit: str
    runs: int
    floor: float | None = None
    floor_is: str | None = None
    ratio_to_floor: float | None = field(init=False)
    peer: float | None = None
    peer_is: str | None = None
    times_peer: float | None = field(init=False)
    goal: tuple[str, str, float] | None = None
    met: bool | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.ratio_to_floor = self.value / self.floor if self.floor else None
        self.times_peer = self.peer / self.value if self.peer else None
        if self.goal:
            measure, comparison, limit = self.goal
            self.met = COMPARISONS[comparison](getattr(self, measure), limit)

    def facts(self) -> dict[str, Any]:
        """The line for JSON: the goal as a sentence, numbers without false precision."""
        facts = asdict(self) | {"goal": "{} {} {}".format(*self.goal) if self.goal else None}
        return {name: float(f"{v:.4g}") if isinstance(v, float) else v for name, v in facts.items()}

    def cells(self) -> list[str]:
        """The line for people."""
        met = {None: "", True: "[green]yes", False: "[bold red]NO"}[self.met]
        numbers = [figure(n) for n in (self.floor, self.ratio_to_floor, self.peer, self.times_peer)]
        goal = self.facts()["goal"] or ""
        return [self.name, f"{self.rows_in_db:,}", figure(self.value), self.unit, *numbers, goal, met]


def figure(number: float | None) -> str:
    """Three figures that mean something, and no exponent."""
    if number is None:
        return ""
    return f"{number:,.0f}" if abs(number) >= 100 else f"{number:.3g}"


def milliseconds(work: Callable[..., Any], *args: Any, **kwargs: Any) -> tuple[float, Any]:
    """How long the work took, and what it returned."""
    begun = time.perf_counter()
    result = work(*args, **kwargs)
    return (time.perf_counter() - begun) * 1000, result


@contextmanager
def own_database() -> Iterator[None]:
    """A database of the benchmark's own, migrated anew, dropped at the end; it commits."""
    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


def machine() -> dict[str, Any]:
    """Where the numbers come from, and how busy it was."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version'), current_setting('fsync')")
        server, fsync = cursor.fetchone()
    return {
        "cpus": os.cpu_count(),
        "load_before": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "django": django.get_version(),
        "postgresql": server,
        "fsync": fsync,
        "system": platform.platform(),
        "quick": QUICK,
    }


def report(name: str, about: dict[str, Any], lines: list[Line]) -> None:
    """Prints the table, and writes build/bench-NAME.json."""
    table = Table(title=f"bench-{name}", caption=f"{about['cpus']} cores, load {about['load_before']} before")
    for column in ("what", "rows", "value", "unit", "floor", "ratio", "peer", "times peer", "goal", "met"):
        table.add_column(column, justify="left" if column in ("what", "unit", "goal", "met") else "right")
    for line in lines:
        table.add_row(*line.cells())
    console = Console()
    if not console.is_terminal:
        console = Console(width=170)  # a file or a pipe is as wide as it needs to be
    console.print(table)
    path = settings.BASE_DIR / "build" / f"bench-{name}.json"
    path.parent.mkdir(exist_ok=True)
    text = json.dumps(
        {"machine": about, "rows": [line.facts() for line in lines]}, ensure_ascii=False, indent=1
    )
    path.write_text(text + "\n")
