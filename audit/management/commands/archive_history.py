"""Archives months of the history whose years are over, and drops them once that is confirmed."""

import sys
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from access.people import Person
from audit import acting, archiving, sealing, signing


class Command(BaseCommand):
    help = (
        "Archive the months of the history whose years (HISTORY_YEARS) are over. Without a folder, say which."
    )

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, nargs="?", help="where to write the archives")
        parser.add_argument("--drop", action="store_true", help="then drop what the archives hold")
        parser.add_argument("--yes", action="store_true", help="do not ask before dropping")

    def handle(self, *, folder, **options):
        due = archiving.what_is_due()
        if not due:
            self.stdout.write("No month is due.")
        for one in due:
            self.stdout.write(f"{one.month:%Y-%m}: {', '.join(one.kinds)}")
        if folder is None or not due:
            return
        try:
            with acting.as_person(Person.objects.system()):
                for one in due:
                    self._archive(one, folder, options)
        except (archiving.NotArchived, OSError) as error:
            raise CommandError(str(error)) from None

    def _archive(self, due: archiving.Due, folder: Path, options: dict) -> None:
        written = folder / f"{due.name}.manifest.json"
        if not written.exists():
            written, _manifest = archiving.archive(due, folder)
        count = len(archiving.check_against_seals(written))
        self.stdout.write(f"{written}: {count} entries, each as it was sealed.")
        if options["drop"] and (options["yes"] or self._agreed(due, count)):
            archiving.drop(due, written)
            self.stdout.write(f"{due.month:%Y-%m}: {count} entries dropped.")
            self._seal()

    def _seal(self) -> None:
        """Until the entry that says so is sealed, the month is missing without an excuse."""
        try:
            sealing.seal_what_waits()
        except signing.NoKey:
            self.stdout.write(
                "No key to seal with here: the month is missing until the sealer has sealed this."
            )

    def _agreed(self, due: archiving.Due, count: int) -> bool:
        """Dropping cannot be undone: somebody at a terminal says so, or --yes does."""
        if not sys.stdin.isatty():
            raise CommandError("Dropping cannot be undone: say --yes, or answer at a terminal.")
        return input(f"Drop {count} entries of {due.month:%Y-%m} from the database? [y/N] ").lower() == "y"
