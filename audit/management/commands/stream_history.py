"""`manage.py stream_history [--follow] [--from POSITION]`: the history as JSON lines in OCSF shape, for a SIEM.

Each line carries its position as metadata.sequence; whoever reads keeps that of the last whole line, and
goes on with --from. A line is an entry that is sealed, so it comes as soon as the next seal is made.
"""

import json
import os
import select
import signal
import sys

from django.core.management.base import BaseCommand, CommandError

from access.errors import Unfit
from access.people import Person
from audit import feed, ocsf
from audit.acting import as_person


class Command(BaseCommand):
    help = "Writes the sealed history as JSON lines (OCSF), oldest first; SIGTERM ends it after a whole line."

    def add_arguments(self, parser):
        parser.add_argument("--from", dest="position", type=int, help="go on after this position")
        parser.add_argument("--follow", action="store_true", help="wait for what is yet to come")
        parser.add_argument("--seconds-between", type=float, default=2.0, help="how often to look (2)")

    def handle(self, *, position: int | None, follow: bool, seconds_between: float, **options):
        ends = _Ends()
        gone: list[int] = []
        try:
            with as_person(Person.objects.system()):
                feed.begin(position)
            while not ends.within(0):
                for reached, entry in feed.after(position):
                    position = reached
                    if entry is None:
                        gone.append(position)
                        continue
                    self._say_what_is_gone(gone)
                    self._write(ocsf.event(entry, position))
                    if ends.within(0):
                        return
                self._say_what_is_gone(gone)
                if not follow or ends.within(seconds_between):
                    return
        except Unfit as unfit:
            raise CommandError(str(unfit)) from None
        except BrokenPipeError:
            # Nobody reads any more. What waits in the buffer must not be tried again at the exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _say_what_is_gone(self, positions: list[int]) -> None:
        """For whoever runs the feed: the positions that no line will have, and why."""
        if positions:
            first, last = positions[0], positions[-1]
            self.stderr.write(
                f"Positions {first} to {last} were dropped from the database: an archive holds them."
            )
            positions.clear()

    def _write(self, event: dict) -> None:
        self.stdout.write(json.dumps(event, ensure_ascii=False))
        self.stdout.flush()


class _Ends:
    """Whether somebody asked this process to end. A signal interrupts the waiting, never a line."""

    def __init__(self) -> None:
        self._asked, ask = os.pipe()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: os.write(ask, b"."))

    def within(self, seconds: float) -> bool:
        return bool(select.select([self._asked], [], [], seconds)[0])
