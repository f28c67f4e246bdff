"""`manage.py load_demo --customers N [--if-empty]`: made-up customers, people and a contract to try."""

import signal
import sys

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from customers.demo import known, loading
from customers.indexes import OF_SEARCHES


class Command(BaseCommand):
    help = "Loads demo data into an empty database of a demo (PORTAL_DEMO=1)."

    def add_arguments(self, parser):
        parser.add_argument("--customers", type=int, default=30_000, help="how many (30000)")
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing when there are customers already"
        )

    def handle(self, *, customers: int, if_empty: bool, verbosity: int, **options):
        if customers < len(known.CUSTOMERS):
            raise CommandError(f"--customers is at least {len(known.CUSTOMERS)}: so many are always there.")
        try:
            loading.check_is_demo()
            if if_empty and loading.has_customers():
                self.stdout.write(
                    "There are customers already: nothing was loaded. (make clean-demo forgets them.)"
                )
                return
            loading.check_is_empty()
            # Ended by a signal, the bar still gives the terminal its cursor back
            signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
            with _progress(quiet=verbosity == 0) as bar:
                task = bar.add_task("Customers", total=customers)
                indexes = bar.add_task("Indexes", total=len(OF_SEARCHES))
                loading.load(
                    customers,
                    lambda done: bar.update(task, completed=done),
                    lambda done: bar.update(indexes, completed=done),
                )
        except (loading.NotForDemo, loading.NotEmpty) as problem:
            raise CommandError(str(problem)) from None
        self.stdout.write(f"{customers} customers were loaded.")


def _progress(*, quiet: bool) -> Progress:
    """A bar on stderr, drawn with what its encoding has."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=Console(file=sys.stderr), disable=quiet)
