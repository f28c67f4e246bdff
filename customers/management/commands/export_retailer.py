"""`manage.py export_retailer RETAILER --as USERNAME --to FILE`: a retailer's own customers as a CSV file.

Beside the file stands FILE.manifest.json, once the file is whole.
"""

import os
import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from access.errors import Denied
from access.people import Person
from audit import recording
from audit.acting import as_person
from customers import exporting
from customers.models import Organization


class Command(BaseCommand):
    help = "Writes a retailer's own customers into a file, by the right of one of the retailer's people."

    def add_arguments(self, parser):
        parser.add_argument("retailer", help="the organisation's name")
        parser.add_argument("--as", dest="username", required=True, help="whose right it is done by")
        parser.add_argument("--to", type=Path, required=True, help="the file, which must not exist yet")

    def handle(self, *, retailer: str, username: str, to: Path, verbosity: int, **options):
        person = Person.objects.filter(username=username).first()
        about = Organization.objects.filter(name=retailer).first()
        if person is None or about is None:
            raise CommandError("There is no such organisation, or no such person.")
        if to.exists():
            raise CommandError(f"{to} is there already: nothing was exported.")
        with as_person(person):
            try:
                export = exporting.begin(person, about)
                self._write(export, to, quiet=verbosity == 0)
            except Denied as denied:
                recording.denial(person, denied.reason, path=f"manage.py export_retailer {retailer}")
                broken_off = f" {to} is not whole, and has no manifest." if to.exists() else ""
                raise CommandError(f"{denied.sentence}{broken_off}") from None
            except OSError as problem:
                raise CommandError(str(problem)) from None
        self.stdout.write(f"{export.rows} customers. SHA-256: {export.manifest.sha256}")

    def _write(self, export: exporting.Export, to: Path, *, quiet: bool) -> None:
        bar = Progress(
            SpinnerColumn(),
            TextColumn("Customers: {task.completed:,}"),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            disable=quiet,
        )
        with _opened(to) as file, bar:
            task = bar.add_task("", total=None)
            for piece in export.pieces():
                file.write(piece)
                bar.update(task, completed=export.rows)
        with _opened(to.with_name(f"{to.name}.manifest.json")) as file:
            file.write(export.manifest.as_json().encode())


def _opened(path: Path):
    """A new file that its owner alone may read; FileExistsError where there is one."""
    return open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600))
