"""The first page after signing in: what this person does next."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access import answering, clock, granting, inquiries, policy
from access.errors import Denied
from access.forms import HelpForm
from access.models import DelegationContract, Emergency, Notice, Request
from access.people import Role
from access.roles import ROLES
from audit import reading, review


def home(request: HttpRequest) -> HttpResponse:
    """One template a role; a context of that role's own facts."""
    role = Role(request.user.role)
    facts = {
        Role.CONTRACTOR: _contractor,
        Role.OPERATOR: _operator,
        Role.SUPERVISOR: _supervisor,
        Role.AUDITOR: _auditor,
        Role.ADMINISTRATOR: _administrator,
    }.get(role, lambda person: {})(request.user)
    description = next((r for r in ROLES if r.role == role), None)
    return render(request, f"portal/home/{role.value}.html", {"description": description, **facts})


def _contractor(person) -> dict:
    """Whether they may look up now, and if not, why: asked, not refused, so nothing is recorded."""
    try:
        policy.check_contractor_is_called_for(person)
    except Denied as denied:
        asked = Request.objects.waiting().filter(kind=Request.Kind.HELP, asked_by=person)
        may_ask = granting.emergencies_to_ask_for(person).exclude(pk__in=asked.values("emergency"))
        return {
            "denied": denied,
            "may_ask": [(one, HelpForm(auto_id=f"help-{one.pk}-%s")) for one in may_ask],
            "asked": asked.select_related("emergency"),
        }
    return {"inquiries": inquiries.of_person(person).filter(closed_at=None)[:10]}


def _operator(person) -> dict:
    return {"inquiries": inquiries.of_person(person).filter(closed_at=None)[:10]}


def _supervisor(person) -> dict:
    over = Emergency.objects.exclude(pk__in=Emergency.objects.open())
    return {
        "last_over": over.select_related("ended_by").first(),
        "contracts": DelegationContract.objects.in_force(),
        "waiting": answering.waiting_for(person).count(),
    }


def _administrator(person) -> dict:
    return {"waiting": answering.waiting_for(person).count(), "unsent": Notice.objects.unsent().count()}


def _auditor(person) -> dict:
    return {
        "reviews": review.for_auditor(person).waiting(),
        "now": clock.database_now(),
        **reading.latest(person),
    }
