"""Pages for looking customers up: parse, call one rule, render."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import replace_url

from access import drafts, inquiries, kept, policy
from access.errors import Denied, Unfit
from access.people import Person
from audit.reading import readable
from customers import exporting, importing, keys, reading
from customers.billing_rows import BadRow
from customers.disclosure import DELEGABLE_ITEMS, FIELD_LABELS, TABLE
from customers.forms import ImportForm, LookupForm
from customers.models import Organization
from customers.terms import Place

#: In which order a page shows fields: the table's.
FIELDS = [field for item in TABLE for field in item.fields]


#: Disclosures that the page of who has seen a customer lists.
SEEN = 200
#: The parameters of an address with sealed words: looked up by again, or filled into the form alone.
AGAIN, WORDS = "again", "words"
#: What of a lookup is kept in an address, and how many characters of it: one too many is still too long.
KEPT = {name: field.max_length + 1 for name, field in LookupForm.base_fields.items()} | {
    "after": 200,
    "plain": 1,
}
#: Rows of a file that are imported while somebody waits; larger ones go through the command.
MOST_ROWS = 50_000
#: Things wrong with a file that are noted, and the rows of them that the page lists.
MOST_NOTED, LISTED = 1_000, 20


def lookup(request: HttpRequest) -> HttpResponse:
    """Looks a customer up without an inquiry: for operators and switching staff."""
    return lookup_page(request, inquiry=None)


def lookup_page(request: HttpRequest, *, inquiry) -> HttpResponse:
    """The lookup form and what it found. Words travel in the body of a POST, and sealed in an address.

    htmx asks for the results alone, as the person types. The address that a result has asks again, and what
    it shows is written again: so a browser comes back to it, with JavaScript or without.
    """
    typing = request.method == "POST" and request.headers.get("HX-Request") == "true"
    words = request.POST if request.method == "POST" else _kept(request, inquiry, AGAIN)
    if words and request.method == "POST" and "plain" in words:
        return redirect(f"{request.path}?{AGAIN}={_sealed(request, inquiry, words)}")
    context: dict[str, Any] = {"inquiry": inquiry, "typing": typing, "plain": words and "plain" in words}

    def ask(basis: policy.Basis, places: list[Place]) -> reading.Asked | None:
        """The form by what the person is shown, and what it asks."""
        form = context["form"] = LookupForm(
            words or None,
            shown=basis.fields,
            places=places,
            initial=None if words else _begun(request, inquiry),
        )
        context["audience"] = basis.audience
        request.is_called_for = True  # the band need not ask again what was just decided
        if not words or not form.is_valid():
            return None
        return reading.Asked(form.terms, form.instead, _after(request, words), typing=typing)

    found = None
    if words:
        found = _look_up(request, inquiry, ask, context)
    else:
        basis = policy.basis_for_lookup(request.user, inquiry)
        ask(basis, reading.places_of(basis))
    listed = found.customers if found else []
    context |= {
        "found": found,
        "results": [_result(request.user, view, inquiry) for view in listed],
        "next": keys.make(request.user, found.after, None) if found and found.after else "",
        "shown": keys.on_screen(request.user, inquiry and inquiry.pk, listed),
        "again": _sealed(request, inquiry, words) if words and (listed or not typing) else "",
    }
    if not typing:
        return render(request, "portal/lookup.html", context)
    address = f"{request.path}?{AGAIN}={context['again']}" if listed else request.path
    return replace_url(render(request, "portal/_results.html", context), address)


def _after(request: HttpRequest, words: Mapping[str, str]) -> int | None:
    """The last customer of the piece before, from the key by which the person was shown that customer."""
    typed = words.get("after")
    return keys.read(request.user, typed)[0] if typed else None


def _look_up(request: HttpRequest, inquiry, ask, context: dict) -> reading.Found | None:
    """What the words find; None where the form then says why not."""
    try:
        return reading.look_up_by(request.user, inquiry, ask)
    except Unfit as unfit:
        context["form"].add_error(None, str(unfit))
    return None


def _sealed(request: HttpRequest, inquiry, words: Mapping[str, str]) -> str:
    """The words for an address: encrypted, for this person and call alone, an hour from when they were sent."""
    if request.method == "GET":
        return request.GET[AGAIN]
    typed = {name: words[name][:most] for name, most in KEPT.items() if words.get(name)}
    return kept.seal(request.user.pk, _purpose(inquiry), typed)


def _kept(request: HttpRequest, inquiry, parameter: str) -> dict | None:
    """The words of an address, if it has any of this person's for this call."""
    text = request.GET.get(parameter)
    return kept.unseal(request.user.pk, _purpose(inquiry), text) if text else None


def _purpose(inquiry) -> str:
    return f"lookup for inquiry {inquiry.pk}" if inquiry else "lookup"


def _begun(request: HttpRequest, inquiry) -> dict[str, str] | None:
    """Words that fill the form, and are not looked up: to be changed, or left by a session that ended."""
    if words := _kept(request, inquiry, WORDS):
        return words
    draft = drafts.typed(request)
    return draft.dict() if draft else None


def customer(request: HttpRequest, key: str) -> HttpResponse:
    """One customer with the fields that this person is shown."""
    try:
        pk, inquiry_id = keys.read(request.user, key)
    except Denied:
        policy.check_called_for(request.user)  # in peacetime that is the reason, whatever the key
        raise
    inquiry = inquiries.to_look_up_for(request.user, inquiry_id) if inquiry_id else None
    view = reading.open_customer(request.user, pk, inquiry)
    words = request.GET.get(AGAIN, "")
    context = {
        "customer": view,
        "inquiry": inquiry,
        "again": words if _kept(request, inquiry, AGAIN) else "",
        "shown": keys.on_screen(request.user, inquiry and inquiry.pk, [view]),
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


def exports(request: HttpRequest) -> HttpResponse:
    """Own customers as a file: the button, and what was exported before, to hold a file's hash against."""
    retailer = request.user.organization
    basis = policy.basis_for_export(request.user, retailer)
    context = {
        "retailer": retailer,
        "columns": [FIELD_LABELS[name] for name in exporting.columns_of(basis)],
        "past": exporting.past(request.user),
        "most": exporting.LISTED,
    }
    return render(request, "portal/exports.html", context)


def export(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The file, as it is made; it begins when this request's transaction is over."""
    begun = exporting.begin(request.user, get_object_or_404(Organization, pk=pk))
    return StreamingHttpResponse(
        begun.pieces(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="customers-{timezone.localdate()}.csv"'},
    )


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
    sent = int(request.META.get("CONTENT_LENGTH") or 0)
    form = ImportForm(request.POST, request.FILES, sent=sent) if request.method == "POST" else ImportForm()
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
                report=lambda row: bad.append(row) if len(bad) < MOST_NOTED else None,
            )
        except Unfit as unfit:
            bad = []
            form.add_error("file", str(unfit))
    bad = sorted(bad, key=lambda row: row.number)[:LISTED]
    more = done.skipped - len({row.number for row in bad}) if done else 0
    context = {"form": form, "done": done, "bad": bad, "more": more}
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
