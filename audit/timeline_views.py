"""The timeline's page."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access import clock, policy
from audit import timeline_facts
from audit.subject_forms import TimelineForm
from audit.windows import WIDTH, window

ZOOMS = {"day": _("Day"), "week": _("Week"), "month": _("Month"), "year": _("Year")}


def timeline(request: HttpRequest) -> HttpResponse:
    """Emergencies and disclosures over a day, a week, a month or a year; what is asked for is in the URL."""
    form = TimelineForm(request.GET, contracts=policy.contracts_to_review(request.user))
    form.is_valid()
    asked, now = form.cleaned_data, clock.database_now()
    today = timezone.localdate(now)
    shown = window(form.zoom_or_month, form.day_or(today))
    contract, person = asked.get("contract"), asked.get("person")
    by_person = asked.get("by") == "person"
    found = timeline_facts.timeline(
        request.user,
        shown,
        timeline_facts.Asked(contract and contract.pk, person, by_person),
        now,
    )

    def link(**changed) -> str:
        query = {
            "zoom": shown.zoom,
            "day": shown.first,
            "contract": contract and contract.pk,
            "person": person and person.username,
            "by": "person" if by_person else None,
        } | changed
        return "?" + urlencode({name: value for name, value in query.items() if value})

    # A zoom keeps to today where today is shown, and to the first day elsewhere
    kept = today if shown.first <= today < shown.beyond else shown.first
    context = {
        "form": form,
        "found": found,
        "picture": found.picture,
        "width": WIDTH,
        "listed": timeline_facts.LISTED,
        "zooms": [(label, link(zoom=zoom, day=kept), zoom == shown.zoom) for zoom, label in ZOOMS.items()],
        "earlier": link(day=shown.earlier) if shown.earlier else "",
        "later": link(day=shown.later) if shown.later else "",
        "today": link(day=today),
        "last": link(day=timezone.localdate(found.last_emergency)) if found.last_emergency else "",
        "person": person,
        "by_person": by_person and not person,
        "other_rows": link(by=None if by_person else "person"),
    }
    return render(request, "portal/timeline.html", context)
