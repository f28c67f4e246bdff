"""`manage.py translations`: collects what there is to translate into locale/, and compiles it.

Source strings are English; Japanese is the language that must be whole. Django's own `makemessages`
needs GNU gettext; this needs Babel alone, and no database. English has no catalogue: where a language
has none Django falls back to LANGUAGE_CODE's, except for English, whose strings are the sources.
"""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation.template import templatize

LANGUAGE = "ja"
CATALOGUE = settings.BASE_DIR / "locale" / LANGUAGE / "LC_MESSAGES" / "django.po"
APPS = ("access", "audit", "config", "customers")
#: Functions that mark a string, and which of their arguments are the msgid, its plural, its context.
_FORMS = {
    "gettext": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
KEYWORDS = {f"{name}{ending}": spec for name, spec in _FORMS.items() for ending in ("", "_lazy")} | {
    "_": None,
    "gettext_noop": None,
}
HEADER = "# Written by `make messages`, translated by hand."
#: Lines of a .po's header that change by themselves, or say nothing.
NOISE = ("Project-Id-Version", "Report-Msgid-Bugs-To", "POT-Creation-Date", "PO-Revision-Date")
NOISE += ("Last-Translator", "Language-Team", "Generated-By")


class Command(BaseCommand):
    help = "Collects the strings to translate into locale/ and compiles them."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser):
        parser.add_argument(
            "--check",
            action="store_true",
            help="change nothing; exit with 1, naming each string that is missing or untranslated",
        )

    def handle(self, *, check: bool, **options):
        updated = collect()
        kept = read(CATALOGUE)
        known = {key(message) for message in kept}
        keep_translations(updated, kept)
        open_ones = [message for message in updated if message.id and not is_translated(message)]
        for message in open_ones:
            state = "untranslated" if key(message) in known else "missing"
            self.stderr.write(f"{state}: {named(message)}")
        if check:
            if open_ones:
                raise CommandError(f"{len(open_ones)} to translate: run `make messages` and fill them in.")
            return
        write(updated, CATALOGUE)
        self.stdout.write(f"{len(updated)} strings, {len(open_ones)} of them to translate.")


def collect() -> Catalog:
    """A catalogue of every string of our Python and our templates, in their order; nothing translated."""
    catalog = Catalog(locale=LANGUAGE, header_comment=HEADER, fuzzy=False)
    for path in _sources():
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".html":
            # What is not a string comes out as X's whose indentation is no Python's.
            text = "\n".join(line.lstrip() for line in templatize(text).splitlines())
        found = extract("python", io.BytesIO(text.encode()), KEYWORDS, comment_tags=("Translators:",))
        place = path.relative_to(settings.BASE_DIR).as_posix()
        for _line, msgid, comments, context in found:
            catalog.add(msgid, locations=[(place, 0)], auto_comments=comments, context=context)
    return catalog


def _sources() -> Iterator[Path]:
    for app in APPS:
        yield from sorted(
            path for path in (settings.BASE_DIR / app).rglob("*.py") if "migrations" not in path.parts
        )
    yield from sorted((settings.BASE_DIR / "templates").rglob("*.html"))


def read(path: Path) -> Catalog:
    """The catalogue in a .po; an empty one where there is no file."""
    if not path.exists():
        return Catalog(locale=LANGUAGE)
    with path.open("rb") as file:
        return read_po(file, locale=LANGUAGE)


def keep_translations(updated: Catalog, kept: Catalog) -> None:
    """Takes the translations of `kept` over; a string that got or lost a plural begins anew."""
    for message in updated:
        old = kept.get(message.id, message.context) if message.id else None
        if old is not None and old.pluralizable == message.pluralizable:
            message.string = old.string
            message.user_comments = old.user_comments
            message.flags |= old.flags & {"fuzzy"}


def is_translated(message: Message) -> bool:
    strings = message.string if message.pluralizable else [message.string]
    return bool(strings) and all(strings) and not message.fuzzy


def key(message: Message) -> tuple:
    return message.id, message.context


def named(message: Message) -> str:
    """The string as a person may look for it, with its context and the files that it is in."""
    msgid = message.id[0] if message.pluralizable else message.id
    context = f" (context: {message.context})" if message.context else ""
    return f"{msgid!r}{context} in {', '.join(place for place, _line in message.locations)}"


def write(catalog: Catalog, path: Path) -> None:
    """Writes the .po, such that the same strings make the same bytes, and the .mo beside it."""
    buffer = io.BytesIO()
    write_po(buffer, catalog, width=100, sort_output=True, ignore_obsolete=True, include_lineno=False)
    lines = buffer.getvalue().decode().splitlines(keepends=True)
    noise = tuple(f'"{name}:' for name in NOISE)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(line for line in lines if not line.startswith(noise)).rstrip("\n") + "\n"
    path.write_text(text, encoding="utf-8")
    with path.with_suffix(".mo").open("wb") as file:
        write_mo(file, catalog)
