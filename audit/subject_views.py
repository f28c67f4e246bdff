"""Pages of one subject of the history each: a person, an emergency, a grant, a customer's disclosures."""

from collections.abc import Mapping

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone, translation

from access import kept
from access.models import Emergency, Grant, Person
from audit import data_subjects, subjects
from audit.subject_forms import AnswerForm, CustomerForm

#: The parameter of an address with what was sent, sealed; and how many characters of a field it keeps.
AGAIN, MOST = "again", 100


def person(request: HttpRequest, pk: int) -> HttpResponse:
    """What the history says of a person."""
    one = get_object_or_404(Person.objects.select_related("organization", "office"), pk=pk)
    found = subjects.of_person(request.user, one)
    return render(request, "portal/history_person.html", {"found": found, "days": subjects.DAYS})


def emergency(request: HttpRequest, pk: int) -> HttpResponse:
    """What the history says of an emergency."""
    one = get_object_or_404(Emergency.objects.select_related("declared_by", "ended_by"), pk=pk)
    found = subjects.of_emergency(request.user, one)
    return render(request, "portal/history_emergency.html", {"found": found, "listed": subjects.GRANTS})


def grant(request: HttpRequest, pk: int) -> HttpResponse:
    """What the history says of a grant."""
    one = get_object_or_404(
        Grant.objects.with_stop().select_related(
            "roster_entry__person", "roster_entry__contract", "emergency", "granted_by", "revoked_by"
        ),
        pk=pk,
    )
    found = subjects.of_grant(request.user, one)
    return render(request, "portal/history_grant.html", {"found": found})


def customer(request: HttpRequest) -> HttpResponse:
    """A customer's disclosures by supply point number, which travels in the body, and sealed in an address."""
    sent, again = _asked(request)
    if _needs_an_address(request):
        return redirect(f"{request.path}?{AGAIN}={again}")
    form = CustomerForm(sent)
    if not form.is_valid():
        return render(request, "portal/history_customer.html", {"form": form})
    found = data_subjects.read(request.user, form.cleaned_data["number"])
    context = {
        "form": form,
        "found": found,
        "lines": found.lines,
        "most": data_subjects.LISTED,
        "answer": AnswerForm(initial={"number": found.number}),
        "again": again,
    }
    return render(request, "portal/history_customer.html", context)


def customer_file(request: HttpRequest) -> HttpResponse:
    """A customer's disclosures as a file."""
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _asked_wrongly(request, form)
    with_names = form.cleaned_data["with_names"]
    with translation.override(form.cleaned_data["language"]):
        told = data_subjects.answer(
            request.user, form.cleaned_data["number"], as_file=True, with_names=with_names
        )
        return HttpResponse(
            data_subjects.as_csv(told, with_names=with_names),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="disclosures-{timezone.localdate()}.csv"'},
        )


def customer_letter(request: HttpRequest) -> HttpResponse:
    """A customer's disclosures as a letter to print, in the customer's language."""
    sent, again = _asked(request)
    if _needs_an_address(request):
        return redirect(f"{request.path}?{AGAIN}={again}")
    form = AnswerForm(sent)
    if not form.is_valid():
        return _asked_wrongly(request, form)
    with_names, back = form.cleaned_data["with_names"], reverse("portal:history_customer")
    with translation.override(form.cleaned_data["language"]):
        told = data_subjects.answer(
            request.user, form.cleaned_data["number"], as_file=False, with_names=with_names
        )
        context = {
            "told": told,
            "with_names": with_names,
            "issuer": request.user.organization,
            "again": again,
            "back": kept.seal(request.user.pk, back, {"number": told.number}),
        }
        return render(request, "portal/history_letter.html", context)


def _asked(request: HttpRequest) -> tuple[Mapping[str, str] | None, str]:
    """What was sent, or what the address has that leads back here; and the text of that address.

    It is asked again, and written again: for this auditor alone, an hour from when it was sent.
    """
    if request.method == "GET":
        text = request.GET.get(AGAIN, "")
        return kept.unseal(request.user.pk, request.path, text), text
    typed = {name: request.POST[name][:MOST] for name in AnswerForm.base_fields if name in request.POST}
    return request.POST, kept.seal(request.user.pk, request.path, typed)


def _needs_an_address(request: HttpRequest) -> bool:
    """Whether a browser without JavaScript sent it, that cannot give its page the address by itself."""
    return request.method == "POST" and "plain" in request.POST


def _asked_wrongly(request: HttpRequest, answer: AnswerForm) -> HttpResponse:
    """The first form again, with the number that was sent and what is wrong with it."""
    if request.method == "GET":
        return redirect("portal:history_customer")
    form = CustomerForm({"number": answer.data.get("number", "")})
    form.is_valid()
    return render(request, "portal/history_customer.html", {"form": form})
