"""Pages of emergencies: declared, seen, extended, ended; their areas and summary."""

from django.contrib import messages
from django.db.models import Count, Prefetch, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import clock, drafts, dual_control, granting, lifecycle, policy
from access.errors import REASONS
from access.forms import AreasForm, BecauseForm, DeclareForm, ExtendForm
from access.models import Emergency, Grant, Person, Request, RosterEntry
from access.tasks import sweep
from access.views.acting import act_on, attempt
from audit import review, review_figures

#: How many past emergencies a page lists.
LISTED = 50
#: How many grants of an emergency; the others are found by name.
GRANTS_LISTED = 200


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
    return emergency_page(request, pk, BecauseForm())


def emergency_page(request: HttpRequest, pk: int, revoking: BecauseForm) -> HttpResponse:
    """The emergency's page, with the form by which marked grants are revoked; what was marked stays marked."""
    one = get_object_or_404(Emergency.objects.select_related("declared_by", "ended_by"), pk=pk)
    grants = one.grants.select_related(
        "roster_entry__person__organization", "roster_entry__contract", "revoked_by"
    ).order_by("roster_entry__contract", "roster_entry__person__username", "pk")
    live = set(Grant.objects.live().filter(emergency=one).values_list("pk", flat=True))
    count = grants.count()
    marked = set(request.POST.getlist("grants"))
    if sought := (request.POST or request.GET).get("q", "").strip()[:100].replace("\0", ""):
        grants = grants.filter(
            Q(roster_entry__person__username__icontains=sought)
            | Q(roster_entry__person__name__icontains=sought)
        )
    context = {
        "emergency": one,
        "is_open": Emergency.objects.open().filter(pk=pk).exists(),
        "decides": policy.may_act(request.user, "end", areas=one.areas.all()),
        "grants": [
            (grant, grant.pk in live, str(grant.pk) in marked) for grant in grants.with_stop()[:GRANTS_LISTED]
        ],
        "count": count,
        "sought": sought,
        "listed": GRANTS_LISTED,
        "live_grants": len(live),
        "revoking": revoking,
        "waiting": Request.objects.waiting().filter(emergency=one).select_related("asked_by", "contract"),
        "reviews": review.for_auditor(request.user).filter(emergency_id=pk)
        if policy.may(request.user, review.REVIEW)
        else [],
    }
    return render(request, "portal/emergency.html", context)


def declare_emergency(request: HttpRequest) -> HttpResponse:
    """Declares and grants in one form and one transaction."""
    contracts = contracts_with_rosters(request.user)
    form = DeclareForm(
        drafts.typed(request),
        areas=policy.areas_to_declare_in(request.user),
        contracts=contracts,
        now=clock.database_now(),
    )
    if request.method == "POST" and form.is_valid():
        declared = attempt(
            request,
            lambda: lifecycle.declare(request.user, **form.facts()),
            declared_word,
        )
        if declared is None:
            return redirect("portal:emergencies")
        sweep.delay_on_commit()
        for warning in warnings_of(declared, form):
            messages.warning(request, warning)
        return redirect("portal:emergency", declared.pk)
    context = {
        "form": form,
        "rosters": rosters_to_choose(form, contracts),
        "revoked": granting.revoked_lately_of(contracts),
    }
    return render(request, "portal/declare.html", context)


def declared_word(declared: Emergency) -> str:
    """Whether somebody may look up now, and how many."""
    count = Grant.objects.live().filter(emergency=declared).count()
    if not count:
        return _("The emergency is declared. Nobody is granted access: no contractor may look up yet.")
    return ngettext(
        "The emergency is declared. %(n)d contractor may look up now.",
        "The emergency is declared. %(n)d contractors may look up now.",
        count,
    ) % {"n": count}


def warnings_of(declared: Emergency, form: DeclareForm) -> list[str]:
    """What is otherwise than whoever declared may think: who waits, who is left out, whose grants end before."""
    said = []
    if waiting := Request.objects.waiting().filter(emergency=declared).count():
        said.append(waiting_word(waiting))
    if not form.cleaned_data["also_revoked"] and not form.cleaned_data["entries"]:
        revoked = granting.revoked_lately_of(form.cleaned_data["contracts"])
        left = [one for one in revoked if not one.roster_entry.grants.filter(emergency=declared).exists()]
        if left:
            said.append(left_out_word(len(left)))
    shorter = Grant.objects.live().filter(emergency=declared, ends_at__lt=declared.expires_at)
    for title, until in shorter.values_list("roster_entry__contract__title", "ends_at").distinct().order_by():
        said.append(
            _("Grants under “%(contract)s” end at %(until)s, by its ceiling: earlier than the emergency.")
            % {"contract": title, "until": _moment(until)}
        )
    return said


def left_out_word(count: int) -> str:
    return ngettext(
        "%(n)d person is left out, whose grant was revoked in the last 24 hours.",
        "%(n)d people are left out, whose grants were revoked in the last 24 hours.",
        count,
    ) % {"n": count}


def waiting_word(count: int) -> str:
    return ngettext(
        "%(count)d request waits for a second supervisor.",
        "%(count)d requests wait for a second supervisor.",
        count,
    ) % {"count": count}


def contracts_with_rosters(person: Person):
    """The contracts that the person may grant under, each with how many on its roster are ready."""
    return policy.contracts_to_grant_under(person).annotate(
        ready=Count("roster", filter=Q(roster__in=RosterEntry.objects.ready()))
    )


def rosters_to_choose(form, contracts) -> list[dict]:
    """For each contract: whether it is chosen, and its people, with who is chosen and who is not ready."""
    posted, marked = form.is_bound, set(form.data.getlist("entries")) if form.is_bound else set()
    chosen = set(form.data.getlist("contracts")) if posted else set()
    ready = set(RosterEntry.objects.ready().values_list("pk", flat=True))
    current = RosterEntry.objects.current().select_related("person").order_by("person__username")
    why_two = dual_control.why_two_each(contracts)
    reviewed = set(policy.reviewed_contracts().values_list("pk", flat=True))
    return [
        {
            "contract": contract,
            "why_two": why_two[contract.pk],
            "why_nothing": "" if contract.pk in reviewed else REASONS["nobody_reviews"].sentence,
            "chosen": str(contract.pk) in chosen if posted else contract.pk in reviewed,
            "entries": [(entry, str(entry.pk) in marked, entry.pk in ready) for entry in contract.roster_now],
        }
        for contract in contracts.prefetch_related(Prefetch("roster", current, to_attr="roster_now"))
    ]


def extend_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """Moves the end, with a reason."""
    one = get_object_or_404(Emergency, pk=pk)
    policy.check_may_act(request.user, "extend", areas=one.areas.all())
    now = clock.database_now()
    running = lifecycle.contracts_running(one, now)
    furthest = lifecycle.furthest(running, now)
    said_of_each = dual_control.why_two_each(running, now).values()
    why_two = dict.fromkeys(sentence for said in said_of_each for sentence in said)  # each once
    form = ExtendForm(drafts.typed(request), initial={"until": timezone.localtime(furthest)})

    def said(done) -> str:
        if isinstance(done, Request):
            return waiting_word(1)
        return _("The emergency is extended.")

    return act_on(
        request,
        form,
        lambda: lifecycle.extend(request.user, one, form.cleaned_data["until"], form.cleaned_data["because"]),
        said,
        then=reverse("portal:emergency", args=[pk]),
        page={
            "title": _("Extend “%(name)s”") % {"name": one.name},
            "lead": _("It expires at %(at)s. One step reaches at most until %(furthest)s.")
            % {"at": _moment(one.expires_at), "furthest": _moment(furthest)},
            "notes": list(why_two),
            "button": _("Extend"),
        },
    )


def change_areas(request: HttpRequest, pk: int) -> HttpResponse:
    """Adds and takes away areas of an open emergency."""
    one = get_object_or_404(Emergency, pk=pk)
    policy.check_may_act(request.user, "take areas away", areas=one.areas.all())
    mine = policy.areas_to_declare_in(request.user).filter(is_training=one.is_drill)
    form = AreasForm(drafts.typed(request), areas=mine, initial={"areas": list(one.areas.all())})
    return act_on(
        request,
        form,
        lambda: lifecycle.change_areas(request.user, one, form.cleaned_data["areas"]),
        lambda done: _("The areas are changed. Its grants reach them, and no other, from now on."),
        then=reverse("portal:emergency", args=[pk]),
        page={
            "title": _("Areas of “%(name)s”") % {"name": one.name},
            "lead": _("What you take away is closed at once for everybody granted in it."),
            "button": _("Change the areas"),
        },
    )


def end_emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once, then ends: it cannot be undone."""
    one = get_object_or_404(Emergency, pk=pk)
    policy.check_may_act(request.user, "end", areas=one.areas.all())
    if request.method == "POST":
        if attempt(
            request,
            lambda: lifecycle.end(one, request.user),
            lambda done: _("The emergency is ended. Contractors see nothing any more."),
        ):
            sweep.delay_on_commit()
        return redirect("portal:emergency", pk)
    live = Grant.objects.live().filter(emergency=one).count()
    return render(request, "portal/end.html", {"emergency": one, "live_grants": live})


def summary(request: HttpRequest, pk: int) -> HttpResponse:
    """What an emergency that is over came to, for supervisors; auditors have its reviews."""
    one = get_object_or_404(Emergency, pk=pk, ended_at__isnull=False)
    part = review_figures.of_emergency(one.pk, None, one.declared_at, one.ended_at, clock.database_now())
    figures = review_figures.of(part)
    last = figures["last_disclosure"]
    context = {
        "emergency": one,
        "figures": figures,
        "lines": figures["lines"][:GRANTS_LISTED],
        "last": timezone.datetime.fromisoformat(last) if last else None,
    }
    return render(request, "portal/summary.html", context)


def _moment(at) -> str:
    return formats.date_format(timezone.localtime(at), "DATETIME_FORMAT")
