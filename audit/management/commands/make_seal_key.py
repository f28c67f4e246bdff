"""Makes the key that seals the history."""

from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from audit.signing import make_key


class Command(BaseCommand):
    help = "Make a key that seals the history: seal-key.pem (keep it from the database) and seal-key.pub.pem."

    def add_arguments(self, parser):
        parser.add_argument("folder", type=Path, help="where to write the two files")

    def handle(self, *, folder: Path, **options):
        try:
            name = make_key(folder)
        except OSError as error:
            raise CommandError(f"{error.filename}: {error.strerror}") from None
        self.stdout.write(
            f"Key {name} is in {folder}. Set SEAL_KEY_FILE, and SEAL_PUBLIC_KEYS for who verifies."
        )
