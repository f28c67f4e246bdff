"""Requests, whatever their kind: asked once at a time, answered by another person, or written off.

What is asked for stands in `Request.detail` and stays as it was asked; what came of it stands in
`Request.outcome`. Whoever asked is told. Rules of a kind are in the module of its subject.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access import clock, notices
from access.errors import AlreadyDone
from access.models import Person, Request
from audit import recording

Kind, Answer = Request.Kind, Request.Answer

#: Why a request was written off before anybody agreed, as `Request.outcome["why"]` has it.
# fmt: off
WHY = {
    "ended":      gettext_lazy("The emergency was over before it was answered."),
    "suspended":  gettext_lazy("The contract was suspended before it was answered."),
    "asker":      gettext_lazy("Whoever asked for this may not ask for it any more."),
    "wider":      gettext_lazy("It would open more than it said, for something has changed since: ask anew."),
    "nothing":    gettext_lazy("There was nothing left to do: what it asked for is so already, or cannot be any more."),
    "unfit":      gettext_lazy("It does not fit any more: ask anew."),
}
# fmt: on


def ask(by: Person, kind: str, *, about: str, lapses_at: datetime, detail: dict, **facts) -> Request:
    """Files a request that waits for a second person; the history says who asked for what.

    about: the key of the thing asked for, as "emergency 12": the same kind waits once for the same thing.
    facts: because, emergency, contract, subject. Raises AlreadyDone, with who asked and when, where one waits.
    """
    now = clock.database_now()
    for late in Request.objects.lapsed(now).filter(kind=kind, about=about).select_for_update(of=("self",)):
        write_answer(late, Person.objects.system(), Answer.LAPSED, now)
    try:
        with transaction.atomic():
            request = Request.objects.create(
                kind=kind, about=about, asked_by=by, lapses_at=lapses_at, detail=detail, **facts
            )
    except IntegrityError:
        first = Request.objects.waiting().filter(kind=kind, about=about).select_related("asked_by").first()
        if first is None:
            raise
        raise AlreadyDone(asked_already(first)) from None
    recording.decision(
        "request.made",
        request,
        actor=by,
        emergency_id=request.emergency_id,
        contract_id=request.contract_id,
        subject_id=request.subject_id,
        detail={"request_kind": request.kind, "because": request.because}
        | ({"subject": str(request.subject)} if request.subject else {}),
    )
    return request


def asked_already(first: Request) -> str:
    """Says who asked for the same, and when."""
    return _("%(who)s asked for this at %(at)s already, and it waits for an answer.") % {
        "who": first.asked_by,
        "at": notices.moment(first.asked_at.isoformat()),
    }


def write_answer(
    request: Request, by: Person, answer: str, now: datetime, outcome: dict | None = None
) -> None:
    """Writes what came of a request, into its row and the history, and tells whoever asked."""
    request.answer, request.answered_at, request.answered_by = answer, now, by
    request.outcome = outcome or {}
    stored = Request(
        pk=request.pk, answer=answer, answered_at=now, answered_by=by, outcome=request.outcome,
        # A password that was asked for is not kept beside the account: `request.detail` still has it
        detail={name: value for name, value in request.detail.items() if name != "password"},
    )  # fmt: skip
    stored.save(update_fields=["answer", "answered_at", "answered_by", "outcome", "detail"])
    recording.decision(
        f"request.{answer}",
        request,
        actor=by,
        emergency_id=request.emergency_id,
        contract_id=request.contract_id,
        subject_id=request.subject_id,
        detail={"request_kind": request.kind, "asker": str(request.asked_by)} | request.outcome,
    )
    notices.answered(request)


def write_off(waiting: Iterable[Request], why: str, now: datetime) -> int:
    """Writes requests off that have become pointless (why: a key of WHY); returns how many."""
    system, count = Person.objects.system(), 0
    for request in waiting:
        write_answer(request, system, Answer.POINTLESS, now, {"why": why})
        count += 1
    return count


@transaction.atomic
def let_lapse() -> int:
    """Writes the lapse of requests that nobody answered in time; returns how many."""
    system, now = Person.objects.system(), clock.database_now()
    lapsed = list(Request.objects.lapsed(now).select_for_update(skip_locked=True, of=("self",)))
    for request in lapsed:
        write_answer(request, system, Answer.LAPSED, now)
    return len(lapsed)
