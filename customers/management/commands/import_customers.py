"""`manage.py import_customers FILE [--skip-bad] [--bad FILE]`: customers from the billing side's CSV file."""

import csv
import sys
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from access.errors import Unfit
from access.people import Person
from audit.acting import as_person
from customers import importing
from customers.billing_rows import BadRow


class Command(BaseCommand):
    help = "Imports customers from a CSV file (docs/import.md), or lists its bad rows and imports nothing."

    def add_arguments(self, parser):
        parser.add_argument("file", type=Path, help="UTF-8 or CP932, with the columns of docs/import.md")
        parser.add_argument("--skip-bad", action="store_true", help="import the good rows all the same")
        parser.add_argument("--bad", type=Path, help="where bad rows are listed (FILE.bad.csv)")

    def handle(self, *, file: Path, skip_bad: bool, bad: Path | None, verbosity: int, **options):
        bad = bad or file.with_name(file.name + ".bad.csv")
        if bad.resolve() == file.resolve():
            raise CommandError("The bad rows cannot be listed in the file itself.")
        system = Person.objects.system()
        try:
            with (
                file.open("rb") as data,
                _list_of_bad_rows(bad) as report,
                _progress(file.stat().st_size, quiet=verbosity == 0) as progress,
                as_person(system),
            ):
                done = importing.load(
                    system, data, file.name, skip_bad=skip_bad, report=report, progress=progress
                )
        except (OSError, Unfit) as problem:
            raise CommandError(str(problem)) from None
        if not done.is_done:
            raise CommandError(
                f"{done.skipped} of {done.rows} rows are bad, so nothing was imported: see {bad}"
            )
        self.stdout.write(f"{done.rows} rows read, {done.stored} put in, {done.skipped} bad rows left out.")
        if done.skipped:
            self.stdout.write(f"The bad rows: {bad}")


@contextmanager
def _list_of_bad_rows(path: Path):
    """Gives a function that adds to the list; there is no file where nothing is bad."""
    path.unlink(missing_ok=True)
    opened = []

    def report(row: BadRow) -> None:
        if not opened:
            opened.append(path.open("w", encoding="utf-8-sig", newline=""))
            csv.writer(opened[0]).writerow(("row", "column", "why"))
        csv.writer(opened[0]).writerow((row.number, row.column, row.why))

    try:
        yield report
    finally:
        for file in opened:
            file.close()


@contextmanager
def _progress(size: int, *, quiet: bool):
    """A bar on stderr for the bytes that are read, and a second one that says that the rest is under way."""
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(file=sys.stderr), disable=quiet) as bar:
        reading = bar.add_task("Reading", total=size or 1)
        writing = bar.add_task("Putting in", total=None, start=False, visible=False)

        def progress(done: int) -> None:
            bar.update(reading, completed=done)
            if done >= size:
                bar.start_task(writing)
                bar.update(writing, visible=True)

        yield progress
