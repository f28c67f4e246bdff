"""`manage.py import_roster CONTRACT FILE --by SUPERVISOR`: a contract's roster from a CSV file, whole or not at all."""

import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.progress import Progress

from access import roster_file
from access.errors import Denied, Unfit
from access.models import DelegationContract, Person
from audit import recording
from audit.acting import as_person


class Command(BaseCommand):
    help = "Puts the people of a CSV file on a contract's roster, or lists the bad rows and imports nothing."

    def add_arguments(self, parser):
        parser.add_argument("contract", help="the contract's title")
        parser.add_argument("file", type=Path, help="columns 利用者ID (username) and 研修日 (trained_on)")
        parser.add_argument("--by", required=True, help="the username of the supervisor who does it")

    def handle(self, *args, contract, file, by, verbosity, **options):
        person = Person.objects.filter(username=by, is_active=True).first()
        about = DelegationContract.objects.filter(title=contract).first()
        if person is None or about is None:
            raise CommandError("There is no such contract, or no such supervisor.")
        with as_person(person), Progress(console=Console(file=sys.stderr), disable=not verbosity) as bar:
            task = bar.add_task("Roster", total=None)
            try:
                data = file.read_bytes()
                done = roster_file.load(person, about, data, lambda n: bar.update(task, completed=n))
            except (OSError, Unfit) as problem:
                raise CommandError(str(problem)) from None
            except Denied as denied:
                recording.denial(person, denied.reason, path=f"manage.py import_roster {contract}")
                raise CommandError(str(denied.sentence)) from None
        for row in done.bad:
            self.stderr.write(f"{row.number}: {row.why}")
        if done.bad:
            raise CommandError(f"{len(done.bad)} rows cannot be imported, so nothing was.")
        self.stdout.write(
            f"{done.added} added, {done.trained} trainings noted, {done.unchanged} as they were."
        )
