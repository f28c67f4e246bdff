"""Pages of one subject of the history each: a person, an emergency, a grant, a customer's disclosures."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone, translation

from access.models import Emergency, Grant, Person
from audit import data_subjects, subjects
from audit.subject_forms import AnswerForm, CustomerForm


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
    """A customer's disclosures by supply point number, which travels in the body (docs/adr/0005)."""
    form = CustomerForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(request, "portal/history_customer.html", {"form": form})
    found = data_subjects.read(request.user, form.cleaned_data["number"])
    context = {
        "form": form,
        "found": found,
        "lines": found.lines,
        "most": data_subjects.LISTED,
        "answer": AnswerForm(initial={"number": found.number}),
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
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return _asked_wrongly(request, form)
    with_names = form.cleaned_data["with_names"]
    with translation.override(form.cleaned_data["language"]):
        told = data_subjects.answer(
            request.user, form.cleaned_data["number"], as_file=False, with_names=with_names
        )
        context = {"told": told, "with_names": with_names, "issuer": request.user.organization}
        return render(request, "portal/history_letter.html", context)


def _asked_wrongly(request: HttpRequest, answer: AnswerForm) -> HttpResponse:
    """The first form again, with the number that was sent and what is wrong with it."""
    form = CustomerForm({"number": answer.data.get("number", "")})
    form.is_valid()
    return render(request, "portal/history_customer.html", {"form": form})
