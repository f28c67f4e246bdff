"""Answering requests: a second person agrees or refuses, once; an unanswered request lapses."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access import accounts, clock, granting, lifecycle, naming, policy, requests, terms
from access.errors import AlreadyDone, Unfit
from access.models import DelegationContract, Emergency, Person, Request

#: Kinds that administrators answer; the others are supervisors'.
OF_ADMINISTRATORS = tuple(kind for kind in Request.Kind if kind not in policy.OF_SUPERVISORS)
#: Kind to the rule that carries out what was agreed to, and says what came of it.
CARRY_OUT = (
    {
        Request.Kind.GRANT: granting.agreed,
        Request.Kind.HELP: granting.help_agreed,
        Request.Kind.EXTENSION: lifecycle.extension_agreed,
        Request.Kind.TERMS: terms.agreed,
    }
    | dict.fromkeys(OF_ADMINISTRATORS, accounts.carry_out)
    | {Request.Kind.NAME: naming.carry_out}
)


def waiting_for(person: Person):
    """The requests that wait for the role's answer, oldest first: those of one's own are among them."""
    waiting = Request.objects.waiting().select_related("asked_by", "subject", "emergency", "contract")
    if policy.may(person, "access.answer_account_request"):
        return waiting.filter(kind__in=OF_ADMINISTRATORS)
    return waiting.exclude(kind__in=OF_ADMINISTRATORS)


def asked_by(person: Person):
    """The person's own requests, the last first."""
    return Request.objects.filter(asked_by=person).order_by("-asked_at", "-pk")


@transaction.atomic
def answer(by: Person, pk: int, *, agree: bool) -> Request:
    """Agrees to a request and carries it out, or refuses it; returns it with its answer.

    Agreeing to what would open more than it said, or has nothing left to do, does nothing, and writes it
    off as pointless. Raises Denied for whoever asked, whom it is about, or who lacks the rights; AlreadyDone
    if it is answered or has lapsed, whoever asked may not any more, or it does not fit.
    """
    request = _locked(pk)
    policy.check_may_answer(by, request)
    now = clock.database_now()
    if request.answer:
        raise AlreadyDone(_("Somebody has answered this request already."))
    if request.lapses_at <= now:
        raise AlreadyDone(_("This request has lapsed: it has to be made again."))
    if not agree:
        requests.write_answer(request, by, Request.Answer.REFUSED, now)
        return request
    if not policy.asker_still_may(request):
        raise AlreadyDone(_("Whoever asked for this may not any more: refuse it."))
    try:
        outcome = _carry_out(request, by)
    except requests.Pointless as pointless:
        requests.write_answer(request, by, Request.Answer.POINTLESS, now, pointless.outcome)
    else:
        requests.write_answer(request, by, Request.Answer.AGREED, now, outcome)
    return request


def _locked(pk: int) -> Request:
    """The request, locked after the emergency and the contract that it is about: as an ending locks them."""
    facts = Request.objects.only("emergency_id", "contract_id").get(pk=pk)
    for model, about in ((Emergency, facts.emergency_id), (DelegationContract, facts.contract_id)):
        if about:
            model.objects.select_for_update(no_key=True).get(pk=about)
    return (
        Request.objects.select_for_update(of=("self",))
        .select_related("asked_by", "subject", "emergency", "contract")
        .get(pk=pk)
    )


def _carry_out(request: Request, by: Person) -> dict | None:
    try:
        with transaction.atomic():
            return CARRY_OUT[Request.Kind(request.kind)](request, by)
    except Unfit as unfit:
        raise AlreadyDone(_("This does not fit any more: %(why)s") % {"why": unfit}) from None
    except IntegrityError:
        raise AlreadyDone(_("This cannot be done as it was asked for: refuse it, and ask anew.")) from None
