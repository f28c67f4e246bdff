"""Pages of emergencies, inquiries and rosters: parse, call one rule, render."""

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from access import inquiries, lifecycle, policy, rosters
from access.errors import AlreadyDone
from access.forms import DeclareForm, InquiryForm, RosterForm
from access.models import DelegationContract, Emergency, Grant, RosterEntry
from access.people import Role
from access.tasks import sweep
from customers.disclosure import TABLE
from customers.models import ServiceArea
from customers.views import lookup_page

#: How many past emergencies, inquiries and so on a page lists.
LISTED = 50


def emergency_list(request: HttpRequest) -> HttpResponse:
    """Open emergencies first, then what is over."""
    live = Grant.objects.live().values("pk")
    emergencies = Emergency.objects.prefetch_related("areas").annotate(
        live_grants=Count("grants", filter=Q(grants__in=live))
    )
    context = {
        "open": emergencies.filter(pk__in=Emergency.objects.open()),
        "over": emergencies.exclude(pk__in=Emergency.objects.open())[:LISTED],
    }
    return render(request, "portal/emergencies.html", context)


def emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """One emergency: its facts, its grants."""
    one = get_object_or_404(Emergency.objects.select_related("declared_by", "ended_by"), pk=pk)
    grants = one.grants.select_related(
        "roster_entry__person__organization", "roster_entry__contract"
    ).order_by("roster_entry__contract", "roster_entry__person__username")
    live = set(Grant.objects.live().filter(emergency=one).values_list("pk", flat=True))
    context = {
        "emergency": one,
        "is_open": Emergency.objects.open().filter(pk=pk).exists(),
        "grants": [(grant, grant.pk in live) for grant in grants],
        "live_grants": len(live),
    }
    return render(request, "portal/emergency.html", context)


def declare_emergency(request: HttpRequest) -> HttpResponse:
    """Declares and grants in one form and one transaction."""
    contracts = policy.contracts_to_grant_under(request.user).annotate(
        ready=Count("roster", filter=Q(roster__in=RosterEntry.objects.current()))
    )
    form = DeclareForm(request.POST or None, contracts=contracts, now=lifecycle.database_now())
    if request.method == "POST" and form.is_valid():
        declared = lifecycle.declare(request.user, **form.cleaned_data)
        sweep.delay_on_commit()
        messages.success(request, _("The emergency is declared. Contractors may look up now."))
        return redirect("portal:emergency", declared.pk)
    chosen = set(request.POST.getlist("areas"))
    context = {
        "form": form,
        "prefectures": _areas_by_prefecture(chosen),
        "contracts": [
            (c, not form.is_bound or str(c.pk) in request.POST.getlist("contracts")) for c in contracts
        ],
    }
    return render(request, "portal/declare.html", context)


def end_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once, then ends: it cannot be undone."""
    one = get_object_or_404(Emergency, pk=pk)
    if request.method == "POST":
        try:
            lifecycle.end(one, request.user)
            sweep.delay_on_commit()
            messages.success(request, _("The emergency is ended. Contractors see nothing any more."))
        except AlreadyDone as done:
            messages.info(request, str(done))
        return redirect("portal:emergency", pk)
    live = Grant.objects.live().filter(emergency=one).count()
    return render(request, "portal/end.html", {"emergency": one, "live_grants": live})


def inquiry_list(request: HttpRequest) -> HttpResponse:
    """The person's own inquiries."""
    mine = inquiries.of_person(request.user)[:LISTED]
    return render(request, "portal/inquiries.html", {"inquiries": mine})


def take_inquiry(request: HttpRequest) -> HttpResponse:
    """Records a call, and goes on to the lookup."""
    if request.user.role == Role.CONTRACTOR:
        policy.check_contractor_is_called_for(request.user)
        emergencies = policy.live_emergencies_of(request.user)
    else:
        emergencies = Emergency.objects.open()
    form = InquiryForm(request.POST or None, emergencies=emergencies)
    if request.method == "POST" and form.is_valid():
        taken = inquiries.take(request.user, form.save(commit=False))
        return redirect("portal:inquiry", taken.pk)
    return render(request, "portal/take_inquiry.html", {"form": form})


def inquiry(request: HttpRequest, pk: int) -> HttpResponse:
    """One own inquiry, with the lookup for its caller."""
    return lookup_page(request, inquiry=inquiries.own(request.user, pk))


@require_POST
def close_inquiry(request: HttpRequest, pk: int) -> HttpResponse:
    try:
        inquiries.close(request.user, pk)
        messages.success(request, _("The inquiry is closed."))
    except AlreadyDone as done:
        messages.info(request, str(done))
    return redirect("portal:inquiries")


def roster(request: HttpRequest, pk: int) -> HttpResponse:
    """A contract's roster, for reading and keeping."""
    contract = get_object_or_404(DelegationContract, pk=pk)
    return _roster_page(request, contract, RosterForm(candidates=rosters.candidates(contract)))


@require_POST
def add_to_roster(request: HttpRequest, pk: int) -> HttpResponse:
    contract = get_object_or_404(DelegationContract, pk=pk)
    form = RosterForm(request.POST, candidates=rosters.candidates(contract))
    if not form.is_valid():
        return _roster_page(request, contract, form)
    try:
        rosters.add(request.user, contract, **form.cleaned_data)
        messages.success(request, _("Added to the roster. A roster alone gives no right."))
    except AlreadyDone as done:
        messages.info(request, str(done))
    return redirect("portal:roster", pk)


@require_POST
def remove_from_roster(request: HttpRequest, pk: int, entry: int) -> HttpResponse:
    one = get_object_or_404(RosterEntry, pk=entry, contract=pk)
    try:
        rosters.remove(request.user, one)
        sweep.delay_on_commit()
        messages.success(request, _("Taken off the roster; what was held by it is over."))
    except AlreadyDone as done:
        messages.info(request, str(done))
    return redirect("portal:roster", pk)


def _roster_page(request: HttpRequest, contract: DelegationContract, form: RosterForm) -> HttpResponse:
    entries = contract.roster.filter(removed_at=None).select_related("person").order_by("person__username")
    context = {
        "contract": contract,
        "in_force": DelegationContract.objects.in_force().filter(pk=contract.pk).exists(),
        "entries": entries,
        "items": [i.label for i in TABLE if i.code in contract.delegated_items],
        "form": form,
    }
    return render(request, "portal/roster.html", context)


def _areas_by_prefecture(chosen: set[str]) -> dict[str, list[tuple[ServiceArea, bool]]]:
    prefectures: dict[str, list[tuple[ServiceArea, bool]]] = {}
    for area in ServiceArea.objects.all():
        prefectures.setdefault(area.get_prefecture_display(), []).append((area, str(area.pk) in chosen))
    return prefectures
