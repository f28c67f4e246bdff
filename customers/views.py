"""Pages for looking customers up: parse, call one rule, render."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from access import inquiries, policy
from access.people import Person
from customers import keys, reading
from customers.disclosure import DELEGABLE_ITEMS, FIELD_LABELS, TABLE
from customers.forms import LookupForm

#: In which order a page shows fields: the table's.
FIELDS = [field for item in TABLE for field in item.fields]


#: What a browser without JavaScript sends with a lookup, and asks for when it looks again.
AGAIN = "again"


def lookup(request: HttpRequest) -> HttpResponse:
    """Looks a customer up without an inquiry: for operators and switching staff."""
    return lookup_page(request, inquiry=None)


def lookup_page(request: HttpRequest, *, inquiry) -> HttpResponse:
    """The lookup form and what it found. Words travel in the body of a POST, never in a URL or a log."""
    basis = policy.basis_for_lookup(request.user, inquiry)
    words = request.POST or _words_again(request, inquiry)
    form = LookupForm(words or None, shown=basis.fields)
    found = None
    if words and form.is_valid():
        found = reading.look_up(request.user, form.terms(), inquiry)
        if AGAIN in request.POST:
            request.session[AGAIN] = {"inquiry": inquiry and inquiry.pk, "words": form.cleaned_data}
    context = {
        "form": form,
        "inquiry": inquiry,
        "audience": basis.audience,
        "found": found,
        "results": [_result(request.user, view, inquiry) for view in found.customers] if found else [],
    }
    return render(request, "portal/lookup.html", context)


def _words_again(request: HttpRequest, inquiry) -> dict | None:
    """What was looked up by last for this inquiry, if a page without JavaScript asks again by itself.

    Its results have to leave the screen when the emergency is over, and not before. A browser with
    JavaScript never sends the words for keeping: it asks /still/ instead.
    """
    kept = request.session.get(AGAIN) if AGAIN in request.GET else None
    return kept["words"] if kept and kept["inquiry"] == (inquiry and inquiry.pk) else None


def customer(request: HttpRequest, key: str) -> HttpResponse:
    """One customer with the fields that this person is shown."""
    policy.check_called_for(request.user)
    pk, inquiry_id = keys.read(request.user, key)
    inquiry = inquiries.own(request.user, inquiry_id) if inquiry_id else None
    view = reading.open_customer(request.user, pk, inquiry)
    context = {
        "customer": view,
        "inquiry": inquiry,
        "lines": [(FIELD_LABELS[f], f, view.values[f]) for f in FIELDS if f in view.values],
        "usage": _usage_bars(view.usage),
    }
    return render(request, "portal/customer.html", context)


def disclosure_table(request: HttpRequest) -> HttpResponse:
    """The table of items itself, for everybody to read."""
    context = {
        "rows": [
            (
                item.label,
                item.operator,
                item.contractor,
                item.retailer,
                item.code in DELEGABLE_ITEMS,
            )
            for item in TABLE
        ]
    }
    return render(request, "portal/disclosure_table.html", context)


def _result(person: Person, view: reading.CustomerView, inquiry) -> dict:
    return {
        "key": keys.make(person, view.pk, inquiry.pk if inquiry else None),
        "values": view.values,
        "own": view.own,
    }


def _usage_bars(usage) -> list[dict]:
    """Months as bars of a small chart: x, y, height in the units of its view box (240 x 80)."""
    most = max((kwh for _month, kwh in usage), default=0) or 1
    return [
        {
            "month": month,
            "kwh": kwh,
            "x": i * 20 + 2,
            "y": round(80 - 76 * kwh / most, 1),
            "height": round(76 * kwh / most, 1),
        }
        for i, (month, kwh) in enumerate(usage)
    ]
