"""`manage.py rekey_customers`: the keys that customers are found by, made anew while the portal goes on.

After an update that changes how words are read, and after a new edition of the postal data.
"""

import sys

from django.core.management.base import BaseCommand
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from access.people import Person
from audit import recording
from audit.acting import as_person
from customers import rekeying


class Command(BaseCommand):
    help = "Makes the keys that customers are found by anew; the portal may go on meanwhile."

    def handle(self, *, verbosity: int, **options):
        bar = Progress(
            SpinnerColumn(),
            TextColumn("Customers: {task.completed:,}"),
            TimeElapsedColumn(),
            console=Console(file=sys.stderr),
            disable=verbosity == 0,
        )
        with as_person(Person.objects.system()), bar:
            task = bar.add_task("", total=None)
            changed = rekeying.rekey(lambda done: bar.update(task, completed=done))
            recording.decision("customers.rekeyed", detail={"changed": changed})
        self.stdout.write(f"{changed} customers had other keys.")
