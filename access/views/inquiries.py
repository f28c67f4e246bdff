"""Pages of inquiries: calls taken, and whether their taker may still look up."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from access import drafts, inquiries, policy
from access.band import situation
from access.errors import Unfit
from access.forms import ClosingForm, InquiryForm
from access.models import Emergency
from access.people import Role
from access.views.acting import act_on
from customers import keys
from customers.views import lookup_page

#: How many inquiries a page lists.
LISTED = 50


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
    is_contractor = request.user.role == Role.CONTRACTOR
    form = InquiryForm(drafts.typed(request), emergencies=emergencies, of_one=is_contractor)
    if request.method == "POST" and form.is_valid():
        try:
            taken = inquiries.take(request.user, form.save(commit=False))
        except Unfit as unfit:
            form.add_error(unfit.field, str(unfit))
        else:
            return redirect("portal:inquiry", taken.pk)
    return render(request, "portal/take_inquiry.html", {"form": form})


def inquiry(request: HttpRequest, pk: int) -> HttpResponse:
    """One own inquiry, with the lookup for its caller."""
    return lookup_page(request, inquiry=inquiries.to_look_up_for(request.user, pk))


def close_inquiry(request: HttpRequest, pk: int) -> HttpResponse:
    """Closes an own inquiry with what came of it."""
    inquiry = inquiries.own(request.user, pk)
    form = ClosingForm(drafts.typed(request))
    return act_on(
        request,
        form,
        lambda: inquiries.close(request.user, pk, **form.cleaned_data),
        lambda done: _("The inquiry is closed."),
        then=reverse("portal:inquiries"),
        page={
            "title": _("Close inquiry %(pk)s") % {"pk": inquiry.pk},
            "lead": _("Nothing more is looked up for it afterwards."),
            "button": _("Close the inquiry"),
        },
    )


def still(request: HttpRequest) -> HttpResponse:
    """The band anew, while what a page shows may still be shown. A page asks every few seconds; refused, it leaves.

    It asks about its own inquiry and its own customers, not whether there is anything that the person may see.
    """
    policy.check_called_for(request.user)
    inquiry_id, shown = keys.read_on_screen(request.user, request.GET.get("shown", ""))
    inquiry = inquiries.to_look_up_for(request.user, inquiry_id) if inquiry_id else None
    policy.check_still_shown(request.user, inquiry, shown)
    request.is_called_for = True  # type: ignore[attr-defined]
    context = situation(request) | {"user": request.user, "moves": True}
    return HttpResponse(render_to_string("portal/_band.html", context))
