"""Requests, whatever their kind: asked once at a time, answered by another person, or written off.

What is asked for stands in `Request.detail` and stays as it was asked; what came of it stands in
`Request.outcome`. Whoever asked is told. Rules of a kind are in the module of its subject.
"""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from access import clock, notices
from access.errors import AlreadyDone
from access.models import Person, Request
from audit import recording
from audit.models import LogEntry

Kind, Answer = Request.Kind, Request.Answer

#: Why a request was written off before anybody agreed, as `Request.outcome["why"]` has it.
# fmt: off
WHY = {
    "ended":      gettext_lazy("The emergency was over before it was answered."),
    "suspended":  gettext_lazy("The contract was suspended before it was answered."),
    "wider":      gettext_lazy("It would open more than it said, or something else, for there was a change since: ask anew."),
    "nothing":    gettext_lazy("There was nothing left to do: what it asked for is so already, or cannot be any more."),
}
# fmt: on


class Pointless(Exception):
    """What was agreed to is not done: it would open more than it said, or has nothing left to do.

    outcome: why (a key of WHY), and what else there is to say of it.
    """

    def __init__(self, why: str, **more):
        super().__init__(why)
        self.outcome = {"why": why} | more


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
        first = waiting(kind, about)
        if first is None:
            raise
        raise AlreadyDone(asked_already(first)) from None
    recording.decision(
        "request.made",
        request,
        actor=by,
        emergency_id=request.emergency_id,
        contract_id=_contract_read_under(request),
        subject_id=request.subject_id,
        detail={"request_kind": request.kind, "because": request.because}
        | ({"subject": str(request.subject)} if request.subject else {}),
    )
    return request


def waiting(kind: str, about: str) -> Request | None:
    """The request of the kind that waits for an answer about the thing, if there is one."""
    return Request.objects.waiting().filter(kind=kind, about=about).select_related("asked_by").first()


def asked_already(first: Request) -> str:
    """Says who asked for the same, and when."""
    return _("%(who)s asked for this at %(at)s already, and it waits for an answer.") % {
        "who": first.asked_by,
        "at": notices.moment(first.asked_at.isoformat()),
    }


def outcome_word(request: Request) -> str:
    """What came of a request, in a sentence or two; that it waits, where nobody has answered yet."""
    if request.answer is None:
        return _("Waits for an answer until %(until)s.") % {
            "until": notices.moment(request.lapses_at.isoformat())
        }
    outcome, by = request.outcome or {}, request.answered_by
    if request.answer == Answer.AGREED:
        said = [_("Agreed to by %(by)s.") % {"by": by}]
        if granted := outcome.get("granted"):
            said.append(
                ngettext("%(n)d person was granted access.", "%(n)d people were granted access.", granted)
                % {"n": granted}
            )
        if outcome.get("waiting"):
            said.append(_("A second supervisor has yet to agree."))
        if left := outcome.get("not_granted"):
            said.append(
                ngettext(
                    "%(n)d person was passed over, being granted already or not ready.",
                    "%(n)d people were passed over, being granted already or not ready.",
                    left,
                )
                % {"n": left}
            )
        return " ".join(said)
    if request.answer == Answer.REFUSED:
        return _("Refused by %(by)s.") % {"by": by}
    if request.answer == Answer.LAPSED:
        return _("Nobody answered it in time.")
    return str(WHY.get(outcome.get("why", ""), request.get_answer_display()))


def write_answer(
    request: Request, by: Person, answer: str, now: datetime, outcome: dict | None = None
) -> None:
    """Writes what came of a request, into its row and the history, and tells whoever asked."""
    _note(request, by, answer, now, outcome)
    stored = Request(
        pk=request.pk, answer=answer, answered_at=now, answered_by=by, outcome=request.outcome,
        # A password that was asked for is not kept beside the account: `request.detail` still has it
        detail={name: value for name, value in request.detail.items() if name != "password"},
    )  # fmt: skip
    stored.save(update_fields=["answer", "answered_at", "answered_by", "outcome", "detail"])
    _entry(request).save()
    notices.answered([request])


def write_off(waiting: QuerySet[Request], why: str) -> int:
    """Writes supervisors' requests off that have become pointless (why: a key of WHY); returns how many.

    Set-based, for an ending waits for it.
    """
    written = list(
        waiting.select_for_update(of=("self",)).select_related("asked_by", "subject", "emergency", "contract")
    )
    if not written:
        return 0
    system, now, outcome = Person.objects.system(), clock.database_now(), {"why": why}
    Request.objects.filter(pk__in=[request.pk for request in written]).update(
        answer=Answer.POINTLESS, answered_at=now, answered_by=system, outcome=outcome
    )
    for request in written:
        _note(request, system, Answer.POINTLESS, now, outcome)
    recording.decisions(_entry(request) for request in written)
    notices.answered(written)
    return len(written)


@transaction.atomic
def let_lapse() -> int:
    """Writes the lapse of requests that nobody answered in time; returns how many."""
    system, now = Person.objects.system(), clock.database_now()
    lapsed = list(Request.objects.lapsed(now).select_for_update(skip_locked=True, of=("self",)))
    for request in lapsed:
        write_answer(request, system, Answer.LAPSED, now)
    return len(lapsed)


def _note(request: Request, by: Person, answer: str, now: datetime, outcome: dict | None) -> None:
    request.answer, request.answered_at, request.answered_by = answer, now, by
    request.outcome = outcome or {}


def _contract_read_under(request: Request) -> int | None:
    """The contract whose auditors read of the request; who holds which right is every auditor's to know."""
    return None if request.kind == Kind.RIGHT else request.contract_id


def _entry(request: Request) -> LogEntry:
    return recording.decided(
        f"request.{request.answer}",
        request,
        actor=request.answered_by,
        emergency_id=request.emergency_id,
        contract_id=_contract_read_under(request),
        subject_id=request.subject_id,
        detail={"request_kind": request.kind, "asker": str(request.asked_by)} | (request.outcome or {}),
    )
