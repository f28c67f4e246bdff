"""Computes the seals of the history again, and names what is not as it was sealed."""

import json
import sys
from datetime import datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from audit import verifying
from audit.faults import Outcome
from audit.signing import NoKey


class Command(BaseCommand):
    help = "Verify the history. Ends with 0 only if nothing at all is wrong, with 1 if something is."

    def add_arguments(self, parser):
        parser.add_argument(
            "--since", type=moment, help="only seals made from this date or time on (Japan time)"
        )
        parser.add_argument(
            "--archive",
            type=Path,
            action="append",
            default=[],
            help="the manifest of an archive to read back",
        )
        parser.add_argument("--json", action="store_true", help="say the outcome as JSON")

    def handle(self, *, since, archive, **options):
        console = Console(stderr=True)
        columns = ("Verifying", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        try:
            with Progress(*columns, console=console, disable=not console.is_terminal) as bar:
                task = bar.add_task("", total=None)
                outcome = verifying.verify(
                    since, lambda done, total: bar.update(task, completed=done, total=total), archive
                )
        except NoKey as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(outcome.as_json(), ensure_ascii=False, indent=2))
        else:
            self._say(outcome)
        if not outcome.ok:
            sys.exit(1)

    def _say(self, outcome: Outcome) -> None:
        self.stdout.write(
            f"{outcome.entries} entries in {outcome.seals} seals verified; {outcome.archived} of them are dropped, "
            f"{outcome.read_back} read back from archives (what is not, is taken on the word of the history); "
            f"{outcome.waiting} wait for their seal; {outcome.published} published heads compared."
        )
        for fault in outcome.faults:
            self.stderr.write(f"  {fault.sentence}")
        self.stdout.write("All is as it was sealed." if outcome.ok else "SOMETHING IS WRONG: see above.")


def moment(text: str) -> datetime:
    """A date or a time as a moment in Japan time."""
    at = parse_datetime(text)
    if at is None and (day := parse_date(text)):
        at = datetime(day.year, day.month, day.day)
    if at is None:
        raise CommandError(f"“{text}” is no date or time: try 2026-11-01 or 2026-11-01T09:00")
    return at if timezone.is_aware(at) else timezone.make_aware(at)
