"""Answering requests: a second person agrees or refuses, once; an unanswered request lapses."""

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access import accounts, clock, granting, lifecycle, policy, requests
from access.errors import AlreadyDone, Unfit
from access.models import Person, Request
from access.reconcile import reconcile

#: Kinds that administrators answer; the others are supervisors'.
OF_ADMINISTRATORS = (Request.Kind.ACCOUNT, Request.Kind.RIGHT)


def waiting_for(person: Person):
    """The requests that wait for the role's answer, oldest first: those of one's own are among them."""
    waiting = Request.objects.waiting().select_related("asked_by", "subject", "emergency", "contract")
    if policy.may(person, "access.answer_account_request"):
        return waiting.filter(kind__in=OF_ADMINISTRATORS)
    return waiting.exclude(kind__in=OF_ADMINISTRATORS)


@transaction.atomic
def answer(by: Person, pk: int, *, agree: bool) -> Request:
    """Agrees to a request and carries it out, or refuses it.

    Raises Denied for whoever asked or whom it is about, or whose work it is not; AlreadyDone if it is
    answered, has lapsed, or has nothing left to do.
    """
    request = Request.objects.select_for_update(of=("self",)).get(pk=pk)
    needed = "account" if request.kind in OF_ADMINISTRATORS else "grant"
    policy.check_may(by, f"access.answer_{needed}_request")
    policy.check_second_person(by, request)
    now = clock.database_now()
    if request.answer:
        raise AlreadyDone(_("Somebody has answered this request already."))
    if request.lapses_at <= now:
        raise AlreadyDone(_("This request has lapsed: it has to be made again."))
    if agree and not policy.asker_still_may(request):
        raise AlreadyDone(_("Whoever asked for this may not any more: refuse it."))
    answer_ = Request.Answer.AGREED if agree else Request.Answer.REFUSED
    requests.write_answer(request, by, answer_, now)
    if agree:
        _carry_out(request, by)
    return request


def _carry_out(request: Request, by: Person) -> None:
    try:
        if request.kind == Request.Kind.GRANT:
            granting.agreed(request, by)
        elif request.kind == Request.Kind.EXTENSION:
            lifecycle.extension_agreed(request, by)
        elif request.kind == Request.Kind.HELP:
            _help(request, by)
        else:
            accounts.carry_out(request, by)
    except Unfit as unfit:
        raise AlreadyDone(_("This does not fit any more: %(why)s") % {"why": unfit}) from None
    except IntegrityError:
        raise AlreadyDone(_("This cannot be done as it was asked for: refuse it, and ask anew.")) from None


def _help(request: Request, by: Person) -> None:
    """Grants what a contractor asked for; under dual control that in turn waits for a second supervisor."""
    assert request.emergency
    assert request.contract
    entries = request.contract.roster.filter(pk__in=request.detail["entries"])
    granting.give(by, request.emergency, request.contract, entries)
    reconcile()
