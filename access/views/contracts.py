"""Pages of contracts: their rosters, suspension, and who holds rights on them and on areas."""

from django.contrib import messages
from django.contrib.auth.models import Group
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import accounts, drafts, dual_control, policy, roster_file, rosters, suspension
from access.errors import REASONS, Unfit
from access.forms import BecauseForm, RosterFileForm, RosterForm, TrainingForm
from access.models import DelegationContract, Request, RosterEntry
from access.tasks import sweep
from access.views.acting import act_on, attempt
from customers.disclosure import TABLE
from customers.models import ServiceArea

#: Rows of a file that cannot be imported which the page lists.
LISTED = 20


def roster(request: HttpRequest, pk: int) -> HttpResponse:
    """A contract's roster, for reading and keeping."""
    contract = get_object_or_404(DelegationContract, pk=pk)
    return _roster_page(request, contract, RosterForm(candidates=rosters.candidates(contract)))


def add_to_roster(request: HttpRequest, pk: int) -> HttpResponse:
    contract = get_object_or_404(DelegationContract, pk=pk)
    form = RosterForm(request.POST, candidates=rosters.candidates(contract))
    if not form.is_valid():
        return _roster_page(request, contract, form)
    attempt(
        request,
        lambda: rosters.add(request.user, contract, **form.cleaned_data),
        lambda done: _("Added to the roster. A roster alone gives no right."),
    )
    return redirect("portal:roster", pk)


def remove_from_roster(request: HttpRequest, pk: int, entry: int) -> HttpResponse:
    one = get_object_or_404(RosterEntry, pk=entry, contract=pk)
    if attempt(
        request,
        lambda: rosters.remove(request.user, one),
        lambda done: _("Taken off the roster; what was held by it is over."),
    ):
        sweep.delay_on_commit()
    return redirect("portal:roster", pk)


def train(request: HttpRequest, pk: int, entry: int) -> HttpResponse:
    """Notes the day of somebody's training."""
    one = get_object_or_404(RosterEntry.objects.select_related("person"), pk=entry, contract=pk)
    form = TrainingForm(drafts.typed(request), initial={"trained_on": timezone.localdate()})
    return act_on(
        request,
        form,
        lambda: rosters.train(request.user, one, form.cleaned_data["trained_on"]),
        lambda done: _("The training is noted."),
        then=reverse("portal:roster", args=[pk]),
        page={
            "title": _("Training of %(person)s") % {"person": one.person},
            "lead": _("From this day the training is valid for the contract's number of days."),
            "button": _("Note the training"),
        },
    )


def import_roster(request: HttpRequest, pk: int) -> HttpResponse:
    """A roster from a CSV file: whole, or a list of its bad rows and nothing imported."""
    contract = get_object_or_404(DelegationContract, pk=pk)
    sent = int(request.META.get("CONTENT_LENGTH") or 0)
    posted = (request.POST, request.FILES) if request.method == "POST" else ()
    form = RosterFileForm(*posted, sent=sent)
    bad = []
    if form.is_valid():
        try:
            done = roster_file.load(request.user, contract, form.cleaned_data["file"].read())
        except Unfit as unfit:
            form.add_error("file", str(unfit))
        else:
            bad = done.bad
            if not bad:
                messages.success(
                    request,
                    _("%(added)d added, %(trained)d trainings noted, %(unchanged)d as they were.")
                    % {"added": done.added, "trained": done.trained, "unchanged": done.unchanged},
                )
                return redirect("portal:roster", pk)
    listed = bad[:LISTED]
    context = {
        "contract": contract,
        "form": form,
        "bad": listed,
        "count": len(bad),
        "more": len(bad) - len(listed),
    }
    return render(request, "portal/import_roster.html", context)


def suspend(request: HttpRequest, pk: int) -> HttpResponse:
    """Suspends a contract: everything that runs under it stops."""
    contract = get_object_or_404(DelegationContract, pk=pk)
    form = BecauseForm(drafts.typed(request))

    def act() -> int:
        count = suspension.suspend(request.user, contract, form.cleaned_data["because"])
        sweep.delay_on_commit()
        return count

    return act_on(
        request,
        form,
        act,
        lambda count: (
            ngettext(
                "The contract is suspended; %(n)d grant has stopped.",
                "The contract is suspended; %(n)d grants have stopped.",
                count,
            )
            % {"n": count}
        ),
        then=reverse("portal:roster", args=[pk]),
        page={
            "title": _("Suspend “%(name)s”?") % {"name": contract.title},
            "lead": _(
                "Everything that runs under the contract stops at this instant. "
                "Lifting the suspension later brings none of it back."
            ),
            "button": _("Suspend the contract"),
            "danger": True,
        },
    )


def lift(request: HttpRequest, pk: int) -> HttpResponse:
    contract = get_object_or_404(DelegationContract, pk=pk)
    attempt(
        request,
        lambda: suspension.lift(request.user, contract),
        lambda done: _("The suspension is lifted. Nobody holds a grant by that: grant anew who is needed."),
    )
    return redirect("portal:roster", pk)


def rights(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Which office's or role's people hold rights on a contract or an area; given by two administrators."""
    model = {"contract": DelegationContract, "area": ServiceArea}.get(kind)
    if model is None:
        raise Http404
    about = get_object_or_404(model, pk=pk)
    of_this = {code: right for code, right in accounts.RIGHTS.items() if right.model is model}
    if request.method == "POST":
        right, group = request.POST.get("right"), request.POST.get("group", "")
        if right not in of_this or not group.isdecimal():
            raise Http404
        chosen = get_object_or_404(accounts.may_hold(right), pk=group)
        give = request.POST.get("give") == "1"
        try:
            done = accounts.change_right(request.user, right, pk, chosen, give=give)
        except accounts.AlreadyDone as late:
            messages.info(request, str(late))
        else:
            said = _("Taken away.") if done is None else _("It waits for a second administrator.")
            messages.success(request, said)
        return redirect("portal:rights", kind, pk)
    table = [
        (code, right.label, [_held(group, code, about) for group in _groups(code)])
        for code, right in of_this.items()
    ]
    waiting = Request.objects.waiting().filter(
        kind=Request.Kind.RIGHT, detail__object=pk, detail__right__in=list(of_this)
    )
    context = {"about": about, "table": table, "waiting": waiting.select_related("asked_by")}
    return render(request, "portal/rights.html", context)


def _groups(right: str):
    return accounts.may_hold(right).order_by("name")


def _held(group: Group, right: str, about) -> tuple[Group, str, bool]:
    return group, accounts.group_name(group), accounts.holders(right, about).filter(pk=group.pk).exists()


def _roster_page(request: HttpRequest, contract: DelegationContract, form: RosterForm) -> HttpResponse:
    entries = contract.roster.filter(removed_at=None).select_related("person", "contract")
    today = timezone.localdate()
    context = {
        "contract": contract,
        "in_force": DelegationContract.objects.in_force().filter(pk=contract.pk).exists(),
        "entries": [
            (entry, rosters.why_not_ready(entry, today)) for entry in entries.order_by("person__username")
        ],
        "items": [i.label for i in TABLE if i.code in contract.delegated_items],
        "form": form,
        "keeps": policy.may_act(request.user, "keep a roster", contracts=[contract]),
        "why_nothing": ""
        if policy.reviewed_contracts().filter(pk=contract.pk).exists()
        else REASONS["nobody_reviews"].sentence,
        "why_two": dual_control.why_two(contract),
        "waiting": Request.objects.waiting().filter(contract=contract).select_related("asked_by"),
    }
    return render(request, "portal/roster.html", context)
