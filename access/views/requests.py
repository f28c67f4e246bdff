"""Pages of requests and notices: what waits for an answer, what came of one's own, and what one was told."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import accounts, answering, dual_control, granting, naming, notices, policy, terms
from access.errors import Unfit
from access.forms import HelpForm
from access.models import Emergency, Grant, Request, RosterEntry
from access.requests import outcome_word
from access.tasks import sweep
from access.views.acting import attempt
from customers.disclosure import TABLE
from customers.models import ServiceArea

#: How many notices a page shows, and how many of one's own requests.
LISTED, OWN_LISTED = 100, 20


def requests(request: HttpRequest) -> HttpResponse:
    """What waits for an answer, oldest first, and what came of one's own."""
    waiting = [
        {
            "request": one,
            "may_answer": policy.may_answer(request.user, one),
            "facts": facts_of(one),
            "revoked": _revoked_of(one),
            "why_two": dual_control.why_two(one.contract) if one.kind == Request.Kind.GRANT else [],
        }
        for one in answering.waiting_for(request.user)
    ]
    own = answering.asked_by(request.user).select_related("emergency", "contract", "subject", "answered_by")
    context = {"waiting": waiting, "own": [(one, outcome_word(one)) for one in own[:OWN_LISTED]]}
    return render(request, "portal/requests.html", context)


def facts_of(one: Request) -> list[tuple[str, Any]]:
    """All that an agreement opens, in words: each with what it is called; a list where there are several."""
    asked = one.detail
    if one.kind == Request.Kind.NAME:
        return [(_("What"), naming.described(one))]
    if one.kind in answering.OF_ADMINISTRATORS:
        return [(_("What"), accounts.described(one))]
    if one.kind == Request.Kind.TERMS:
        return [(label, f"{before} → {after}") for label, before, after in terms.described(one)]
    if one.kind == Request.Kind.EXTENSION:
        count = len(asked.get("grants", []))
        people = ngettext("%(n)d running grant", "%(n)d running grants", count) % {"n": count}
        until = notices.moment(asked["until"])
        return [(_("Open until"), until), (_("For"), people), *_areas_and_items(asked)]
    entries = RosterEntry.objects.filter(pk__in=asked["entries"]).select_related("person")
    people = [str(entry.person) for entry in entries.order_by("person__username")]
    facts = [(ngettext("For %(n)d person", "For %(n)d people", len(people)) % {"n": len(people)}, people)]
    if "until" in asked:
        until = _("%(hours)d hours from the agreement, but not after %(until)s") % {
            "hours": asked["hours"],
            "until": notices.moment(asked["until"]),
        }
        facts.append((_("Until"), until))
    return facts + _areas_and_items(asked)


def _areas_and_items(asked: dict) -> list[tuple[str, Any]]:
    areas = ServiceArea.objects.filter(code__in=asked.get("areas", []))
    items = [item.label for item in TABLE if item.code in asked.get("items", [])]
    return [(_("Areas"), [str(area) for area in areas]), (_("Items"), items)]


def _revoked_of(one: Request) -> list[Grant]:
    """Grants that were lately taken from the people whom the request is for."""
    if one.kind not in (Request.Kind.GRANT, Request.Kind.HELP) or one.contract is None:
        return []
    entries = RosterEntry.objects.filter(pk__in=one.detail["entries"])
    people = set(entries.values_list("person", flat=True))
    return [g for g in granting.revoked_lately_of([one.contract]) if g.roster_entry.person_id in people]


def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """Agrees to a request, or refuses it."""
    get_object_or_404(Request, pk=pk)
    agree = request.POST.get("answer") == "agree"
    if attempt(request, lambda: answering.answer(request.user, pk, agree=agree), _answered_word):
        sweep.delay_on_commit()
    return redirect("portal:requests")


def _answered_word(one: Request) -> str:
    if one.answer == Request.Answer.POINTLESS:
        return _("Nothing was done. %(why)s") % {"why": outcome_word(one)}
    return outcome_word(one)


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
