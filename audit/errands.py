"""Errands: work that takes longer than a page, asked for in one page and read in another.

Whoever does errands holds one lock of the database's for as long as they do: so one errand runs at a time
and leaves the other workers to what is urgent, and what a worker that died had begun is begun again, for
its lock died with it. A finished errand is not done twice, and one that found no end in some tries, worker
or database, is given up: it keeps no other waiting.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils import translation
from django.utils.translation import gettext as _

from access.errors import Denied, Unfit
from access.people import Person
from audit import acting, exporting, recording, verifying
from audit.models import Errand, Piece

log = logging.getLogger(__name__)

#: Kind of errand to what does it: for whom, what is wanted, `progress(done, total)`, `write(bytes)` for a
#: file. It returns the outcome as JSON; raises Unfit or Denied where there is none.
KINDS: dict[str, Callable[[Person, dict, Callable[[int, int], None], Callable[[bytes], Any]], dict]] = {
    Errand.Kind.EXPORT: exporting.write_workbook,
    Errand.Kind.VERIFY: verifying.on_errand,
}
#: How long a file is kept, and how long an errand that finds no end is begun again.
KEPT = timedelta(days=1)
PIECE = 1024 * 1024
#: How often an errand is begun before it is given up.
TRIES = 3
#: The most that one person has under way.
MOST = 5
#: The advisory lock of whoever does errands.
DOING_ERRANDS = 20230122


@transaction.atomic
def ask(kind: Errand.Kind, person: Person, wanted: dict[str, Any]) -> Errand:
    """Writes down an errand for a worker; it belongs to the story in which it is asked for.

    Who has the same under way is given that one. Raises Unfit for who has too many others.
    """
    Person.objects.select_for_update().get(pk=person.pk)  # two clicks are one
    unfinished = of(person).filter(finished_at=None)
    same = unfinished.filter(kind=kind)
    if kind != Errand.Kind.VERIFY:  # there is one whole history to verify, whatever language it is said in
        same = same.filter(wanted=wanted)
    if under_way := same.first():
        return under_way
    if unfinished.count() >= MOST:
        raise Unfit(_("You have asked for %(n)d already that are not done: wait for one.") % {"n": MOST})
    return Errand.objects.create(kind=kind, asked_by=person, wanted=wanted, cid=acting.correlation_id())


def of(person: Person):
    """The errands that the person asked for, the latest first."""
    return Errand.objects.filter(asked_by=person)


def one_of(person: Person, pk: int) -> Errand | None:
    """The errand, or None where there is none. Raises Denied where somebody else asked for it."""
    errand = Errand.objects.filter(pk=pk).first()
    if errand is not None and errand.asked_by_id != person.pk:
        raise Denied("errand_not_yours")
    return errand


@transaction.atomic
def take(person: Person, errand: Errand) -> Iterator[bytes]:
    """The file of the errand, piece by piece; that it was taken is in the history before its first byte.

    Raises Denied where the person may not have it, also midway.
    """
    assert errand.outcome  # whoever links here has seen that it is done
    exporting.check_may_have(person, errand.outcome)
    detail = {name: errand.outcome[name] for name in ("rows", "sha256")}
    recording.decision("history.file_taken", errand, actor=person, detail=detail)
    return _pieces(person, errand, errand.outcome)


def _pieces(person: Person, errand: Errand, outcome: dict[str, Any]) -> Iterator[bytes]:
    for number in list(errand.pieces.values_list("number", flat=True)):
        exporting.check_may_have(Person.objects.get(pk=person.pk), outcome)
        yield bytes(errand.pieces.get(number=number).content)


def do_what_waits() -> int:
    """Does the errands that wait, oldest first, each once; returns how many. Nothing if another does."""
    begun: list[int] = []
    waiting = Errand.objects.filter(finished_at=None).order_by("pk")
    with _the_turn() as mine:
        while mine and (errand := waiting.exclude(pk__in=begun).first()):
            begun.append(errand.pk)
            _do(errand)
    return len(begun)


def clear_away() -> None:
    """Deletes files after a day, and gives up what found no end in a day; the sweep's step."""
    over = Now() - KEPT
    Piece.objects.filter(errand__finished_at__lt=over).delete()
    without_end = Errand.objects.filter(
        Q(started_at=None) | Q(started_at__lt=over), finished_at=None, asked_at__lt=over
    )
    for errand in without_end:
        with _in_its_language(errand):
            _fail(errand, _("This found no end within a day, and was given up."))


def _do(errand: Errand) -> None:
    person = Person.objects.select_related("organization").get(pk=errand.asked_by_id)
    with (
        acting.as_acting(acting.Acting(who=lambda: person, cid=errand.cid)),
        _in_its_language(errand),
    ):
        if errand.tries >= TRIES:  # its worker died each time
            _fail(errand, _given_up())
            return
        errand.pieces.all().delete()
        _note(errand, started_at=Now(), done=0, total=None, tries=errand.tries + 1)
        file = _File(errand)
        try:
            outcome = KINDS[errand.kind](person, errand.wanted, _progress(errand), file.write)
            file.close()
        except Denied as denied:
            recording.denial(person, denied.reason, path=f"errand {errand.pk}", page="errand", **denied.facts)
            _fail(errand, str(denied.sentence))
        except Unfit as unfit:
            _fail(errand, str(unfit))
        except DatabaseError:
            # What the database could not do now is tried again in the next turn; if it is gone, whatever
            # is asked of it next says so
            log.exception("Errand %s: the database could not.", errand.pk)
            if errand.tries + 1 >= TRIES:
                _fail(errand, _given_up())
        except Exception:
            log.exception("Errand %s failed.", errand.pk)
            _fail(errand, _("This failed for a reason that the portal's log holds. Ask for it again."))
        else:
            _note(errand, finished_at=Now(), outcome=outcome)


def _in_its_language(errand: Errand) -> translation.override:
    """Speaks, within the block, as who asked for the errand reads."""
    return translation.override(errand.wanted.get("language", settings.LANGUAGE_CODE))


def _given_up() -> str:
    return _("This was tried %(n)d times without an end, and was given up. Ask for it again later.") % {
        "n": TRIES
    }


def _fail(errand: Errand, sentence: str) -> None:
    errand.pieces.all().delete()
    _note(errand, finished_at=Now(), failed=sentence)


def _note(errand: Errand, **facts: Any) -> None:
    Errand.objects.filter(pk=errand.pk, finished_at=None).update(**facts)


def _progress(errand: Errand) -> Callable[[int, int], None]:
    return lambda done, total: _note(errand, done=done, total=total)


class _File:
    """The file of an errand, cut into pieces as it is written."""

    def __init__(self, errand: Errand):
        self.errand, self.number, self.waiting = errand, 0, bytearray()

    def write(self, content: bytes) -> None:
        self.waiting += content
        while len(self.waiting) >= PIECE:
            self._put(self.waiting[:PIECE])
            del self.waiting[:PIECE]

    def close(self) -> None:
        if self.waiting:
            self._put(self.waiting)

    def _put(self, content: bytearray) -> None:
        Piece.objects.create(errand=self.errand, number=self.number, content=bytes(content))
        self.number += 1


@contextmanager
def _the_turn() -> Iterator[bool]:
    """Whether nobody else does errands; if so, nobody else will within the block."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [DOING_ERRANDS])
        mine = cursor.fetchone()[0]
    try:
        yield mine
    finally:
        if mine:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [DOING_ERRANDS])
