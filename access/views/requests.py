"""Pages of requests and notices: what waits for an answer, and what one was told."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _

from access import accounts, answering, dual_control, granting, notices
from access.errors import Unfit
from access.forms import HelpForm
from access.models import Emergency, Request, RosterEntry
from access.tasks import sweep
from access.views.acting import attempt

#: How many notices a page shows.
LISTED = 100


def requests(request: HttpRequest) -> HttpResponse:
    """What waits for an answer, oldest first; one's own wait for somebody else."""
    waiting = [
        {
            "request": one,
            "mine": request.user.pk in (one.asked_by_id, one.subject_id),
            "what": _what(one),
            "why_two": dual_control.why_two(one.contract) if one.kind == Request.Kind.GRANT else [],
        }
        for one in answering.waiting_for(request.user)
    ]
    return render(request, "portal/requests.html", {"waiting": waiting})


def _what(one: Request) -> str:
    if one.kind in answering.OF_ADMINISTRATORS:
        return accounts.described(one)
    if one.kind == Request.Kind.EXTENSION:
        return notices.moment(one.detail["until"])
    people = RosterEntry.objects.filter(pk__in=one.detail["entries"]).select_related("person")
    names = [str(entry.person) for entry in people[:4]]
    more = len(one.detail["entries"]) - len(names)
    return _(", ").join(names) + (_(" and %(n)d more") % {"n": more} if more > 0 else "")


def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Agrees to a request, or refuses it."""
    get_object_or_404(Request, pk=pk)
    agree = request.POST.get("answer") == "agree"
    if attempt(
        request,
        lambda: answering.answer(request.user, pk, agree=agree),
        lambda done: _("Agreed: it is done.") if agree else _("Refused."),
    ):
        sweep.delay_on_commit()
    return redirect("portal:requests")


def ask_for_help(request: HttpRequest, pk: int) -> HttpResponse:
    """A contractor without a grant asks for one, with a sentence."""
    emergency = get_object_or_404(Emergency, pk=pk)
    form = HelpForm(request.POST)
    if not form.is_valid():
        return render(request, "portal/ask_for_help.html", {"form": form, "emergency": emergency})
    try:
        if attempt(
            request,
            lambda: granting.ask_for_help(request.user, emergency, form.cleaned_data["because"]),
            lambda done: _("A supervisor sees your request now."),
        ):
            sweep.delay_on_commit()
    except Unfit as unfit:
        form.add_error("because", str(unfit))
        return render(request, "portal/ask_for_help.html", {"form": form, "emergency": emergency})
    return redirect("portal:index")


def notice_list(request: HttpRequest) -> HttpResponse:
    """What the person was told, newest first; by opening the page it is read."""
    told = list(request.user.notices.order_by("-pk")[:LISTED])
    lines = [(notice, notices.sentence(notice), notice.read_at is None) for notice in told]
    notices.read_all(request.user)
    return render(request, "portal/notices.html", {"lines": lines})
