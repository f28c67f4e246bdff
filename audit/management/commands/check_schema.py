"""`manage.py check_schema [--write]`: whether the database is what the migrations make, and nothing besides."""

import sys

from django.core.management.base import BaseCommand

from audit import guards
from audit.faults import Outcome


class Command(BaseCommand):
    help = "Compare the database with what the migrations make. Ends with 0 only if nothing differs."

    def add_arguments(self, parser):
        parser.add_argument(
            "--write", action="store_true", help="take a freshly migrated database as what they make"
        )

    def handle(self, *, write: bool, **options):
        if write:
            guards.EXPECTED.write_text(guards.as_text(guards.as_it_is()), encoding="utf-8")
        outcome = Outcome()
        guards.check_schema(outcome)
        for fault in outcome.faults:
            self.stderr.write(fault.sentence)
        if not outcome.ok:
            sys.exit(1)
        self.stdout.write("The database is what the migrations make.")
