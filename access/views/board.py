"""The supervisor's board, and the lists behind its numbers."""

from datetime import datetime, timedelta

from django.db.models import F
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from access import answering, board, clock, watching
from access.models import Emergency, Grant, Heartbeat, Inquiry
from audit.events import EVENTS
from customers.models import ServiceArea

#: How many lines a list behind a number shows.
LISTED = 200


def night(request: HttpRequest) -> HttpResponse:
    """One page for the night; htmx asks for it again and again and takes the middle of it."""
    now = clock.database_now()
    emergencies = list(board.open_emergencies())
    bars = board.lookups_per_minute(now)
    by_kind = board.inquiries_by("kind", emergencies)
    context = {
        "now": now,
        "emergencies": emergencies,
        "contracts": board.live_grants_by_contract(),
        "bars": bars,
        "lookups": sum(bar.count for bar in bars),
        "busiest": max(bars, key=lambda bar: bar.count),
        "by_kind": [(row, Inquiry.Kind(row["kind"]).label) for row in by_kind],
        "by_area": [(row, _area_name(row)) for row in board.inquiries_by("area", emergencies)],
        "waiting": answering.waiting_for(request.user).count(),
        "heard_at": Heartbeat.objects.filter(pk=1).values_list("heard_at", flat=True).first(),
        "silent": watching.worker_silent_since(),
    }
    return render(request, "portal/board.html", context)


def _area_name(row: dict) -> str:
    area = ServiceArea(name=row["area__name"] or "–", name_en=row["area__name_en"] or "")
    return str(area)


def live_grants(request: HttpRequest) -> HttpResponse:
    """The live grants, of one contract or of all."""
    grants = (
        Grant.objects.live()
        .with_stop()
        .select_related("roster_entry__person", "roster_entry__contract", "emergency")
        .order_by("roster_entry__contract", "roster_entry__person__username", "pk")
    )
    if contract := _number(request, "contract"):
        grants = grants.filter(roster_entry__contract=contract)
    return render(request, "portal/live_grants.html", {"grants": grants[:LISTED], "count": grants.count()})


def lookups(request: HttpRequest) -> HttpResponse:
    """Contractors' lookups of the last hour or of one minute, as many as the board counts; no customer."""
    since = _moment(request.GET.get("minute", ""))
    if since:
        found = board.lookups_between(since, since + timedelta(minutes=1))
    else:
        found = board.lookups_between(board.first_minute(clock.database_now()))
    lines = [(lookup, EVENTS[lookup["event"]][0]) for lookup in found[:LISTED]]
    context = {"lines": lines, "since": since, "count": found.count()}
    return render(request, "portal/lookups.html", context)


def inquiries(request: HttpRequest) -> HttpResponse:
    """Inquiries of open emergencies, by area and kind."""
    found = (
        Inquiry.objects.filter(emergency__in=Emergency.objects.open())
        .select_related("taken_by", "area", "emergency")
        .order_by(F("closed_at").desc(nulls_first=True), "-pk")
    )
    only_open = "open" in request.GET
    if only_open:
        found = found.filter(closed_at=None)
    kind = request.GET.get("kind")
    if kind in Inquiry.Kind.values:
        found = found.filter(kind=kind)
    if request.GET.get("area") == "none":
        found = found.filter(area=None)
    elif area := _number(request, "area"):
        found = found.filter(area=area)
    others = request.GET.copy()
    others.pop("open", None)
    context = {
        "inquiries": found[:LISTED],
        "count": found.count(),
        "only_open": only_open,
        "others": others.urlencode(),
    }
    return render(request, "portal/board_inquiries.html", context)


def _number(request: HttpRequest, name: str) -> int | None:
    typed = request.GET.get(name, "")
    return int(typed) if typed.isascii() and typed.isdigit() and len(typed) < 18 else None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if timezone.is_aware(moment) else None
