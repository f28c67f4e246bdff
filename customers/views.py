"""Pages for looking customers up: parse, call one rule, render."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from access import inquiries, policy
from access.errors import Unfit
from access.people import Person
from audit.reading import readable
from customers import importing, keys, reading
from customers.billing_rows import BadRow
from customers.disclosure import DELEGABLE_ITEMS, FIELD_LABELS, TABLE
from customers.forms import ImportForm, LookupForm

#: In which order a page shows fields: the table's.
FIELDS = [field for item in TABLE for field in item.fields]


#: Disclosures that the page of who has seen a customer lists.
SEEN = 200
#: What a browser without JavaScript sends with a lookup, and asks for when it looks again.
AGAIN = "again"
#: Rows of a file that are imported while somebody waits; larger ones go through the command.
MOST_ROWS = 50_000
#: Things wrong with a file that the page lists.
MOST_LISTED = 1_000


def lookup(request: HttpRequest) -> HttpResponse:
    """Looks a customer up without an inquiry: for operators and switching staff."""
    return lookup_page(request, inquiry=None)


def lookup_page(request: HttpRequest, *, inquiry) -> HttpResponse:
    """The lookup form and what it found. Words travel in the body of a POST, never in a URL or a log.

    htmx asks for the results alone, as the person types; without JavaScript the page is the same.
    """
    basis = policy.basis_for_lookup(request.user, inquiry)
    words = request.POST or _words_again(request, inquiry)
    narrow = basis.audience == policy.Audience.CONTRACTOR
    form = LookupForm(words or None, shown=basis.fields, places=reading.places_of(basis), narrow=narrow)
    typing = request.headers.get("HX-Request") == "true"
    found = None
    if words and form.is_valid():
        found = _look_up(request, form, inquiry)
        if found and AGAIN in request.POST:
            request.session[AGAIN] = {"inquiry": inquiry and inquiry.pk, "words": form.cleaned_data}
    context = {
        "form": form,
        "inquiry": inquiry,
        "audience": basis.audience,
        "found": found,
        "results": [_result(request.user, view, inquiry) for view in found.customers] if found else [],
        "next": keys.make(request.user, found.after, None) if found and found.after else "",
        "page_of": bool(request.POST.get("after")),
    }
    return render(request, "portal/_results.html" if typing else "portal/lookup.html", context)


def _look_up(request: HttpRequest, form: LookupForm, inquiry) -> reading.Found | None:
    """What the words find; None where the form then says why not."""
    after = None
    if typed := request.POST.get("after"):
        after, _inquiry = keys.read(request.user, typed)
    try:
        return reading.look_up(request.user, form.terms, inquiry, instead=form.instead, after=after)
    except Unfit as unfit:
        form.add_error(None, str(unfit))
    except reading.TooSlow:
        form.add_error(None, _("That takes too long to find. Ask the caller for more, and look up again."))
    return None


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
        "seen_by": reverse("portal:who_has_seen", args=[key])
        if policy.may_open(request.user, "portal:who_has_seen")
        else "",
    }
    return render(request, "portal/customer.html", context)


def who_has_seen(request: HttpRequest, key: str) -> HttpResponse:
    """Who has seen the customer, when and why: for the customer who asks it."""
    pk, _inquiry = keys.read(request.user, key)
    number, entries = reading.who_has_seen(request.user, pk)
    context = {"number": number, "key": key, "lines": [readable(one) for one in entries[:SEEN]], "most": SEEN}
    return render(request, "portal/who_has_seen.html", context)


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


def import_customers(request: HttpRequest) -> HttpResponse:
    """Customers from the billing side's file: counts, and of bad rows only number, column and why."""
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    bad: list[BadRow] = []
    done = None
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            done = importing.load(
                request.user,
                file,
                file.name,
                skip_bad=form.cleaned_data["skip_bad"],
                most=MOST_ROWS,
                report=lambda row: bad.append(row) if len(bad) < MOST_LISTED else None,
            )
        except Unfit as unfit:
            bad = []
            form.add_error("file", str(unfit))
    bad.sort(key=lambda row: row.number)
    context = {"form": form, "done": done, "bad": bad, "most": MOST_LISTED}
    return render(request, "portal/import_customers.html", context)


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
