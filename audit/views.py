"""Pages of the history: parse, call one rule, render."""

import json
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from access import policy
from access.errors import Unfit
from audit import changes, errands, exporting, filters, reading, review
from audit.events import BASES
from audit.exporting import Format
from audit.forms import HistoryFilter
from audit.lines import record
from audit.models import Errand
from audit.tasks import do_errands
from customers.disclosure import FIELD_LABELS


def history(request: HttpRequest) -> HttpResponse:
    """The history in pieces, filtered; the filters travel in the URL, so that a view can be kept."""
    if request.method == "POST":
        return _filtered_anew(request)
    form = HistoryFilter.of_link(request.GET, reader=request.user)
    wanted = form.filters()
    page = None
    if wanted is not None:
        try:
            page = reading.page(request.user, wanted, filters.mark_of_text(request.GET.get("after", "")))
        except reading.TooSlow:
            form.add_error(None, _("Searching takes too long. Choose a shorter time, or one more filter."))
    query = _query(request)
    context = {
        "form": form,
        "page": page,
        "query": urlencode(query),
        "set_filters": [
            (label, value, urlencode({key: one for key, one in query.items() if key != name}))
            for name, label, value in (form.set_filters() if wanted else [])
        ],
        "formats": Format.choices if policy.may_open(request.user, "portal:export_history") else [],
    }
    return render(request, "portal/history.html", context)


def entry(request: HttpRequest, pk: int) -> HttpResponse:
    """One entry, whole, with its story."""
    opened = reading.entry(request.user, pk)
    if opened is None:
        raise Http404
    one = opened.line.entry
    context = {
        "line": opened.line,
        "fields": [FIELD_LABELS.get(name, name) for name in reading.in_table_order(one.fields)],
        "basis": BASES.get(one.basis, one.basis),
        "changes": changes.of(one),
        "named": reading.names(one),
        "story": opened.story,
        "more": opened.more,
        "customer": filters.customer_as_text(one.supply_point_number) if one.supply_point_number else "",
        "whole": json.dumps(record(one), ensure_ascii=False, indent=2),
        "reviews": review.open_reviews_for(request.user, one)
        if policy.may(request.user, review.REVIEW)
        else [],
    }
    return render(request, "portal/history_entry.html", context)


def export(request: HttpRequest) -> HttpResponse:
    """What the filters show as a file: as it is made, or by an errand, for a sheet is whole only at its end."""
    wanted = HistoryFilter.of_link(request.GET, reader=request.user).filters()
    format = request.POST.get("format", "")
    if wanted is None or format not in Format.values:
        return redirect(f"{reverse('portal:history')}?{urlencode(_query(request))}")
    begun = exporting.begin(request.user, wanted, Format(format))
    if begun.format == Format.XLSX:
        try:
            errand = errands.ask(Errand.Kind.EXPORT, request.user, begun.as_json())
        except Unfit as unfit:
            messages.info(request, str(unfit))
            return redirect("portal:errands")
        do_errands.delay_on_commit()
        return redirect("portal:errand", errand.pk)
    return file_response(begun.pieces(), begun.format)


def file_response(pieces, format: Format) -> StreamingHttpResponse:
    """A file of the history to keep."""
    name = f"history-{timezone.localdate()}.{format.value}"
    return StreamingHttpResponse(
        pieces,
        content_type=exporting.CONTENT_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _filtered_anew(request: HttpRequest) -> HttpResponse:
    """To the page of the filters that were sent, or the form again, with what is wrong beside its field."""
    form = HistoryFilter(request.POST, reader=request.user)
    wanted = form.filters()
    if wanted is None:
        return render(request, "portal/history.html", {"form": form})
    chosen = {name: request.POST[name] for name in form.fields if request.POST.get(name)}
    if "customer" in wanted:
        chosen["customer"] = filters.customer_as_text(wanted["customer"])
    return redirect(f"{reverse('portal:history')}?{urlencode(chosen)}")


def _query(request: HttpRequest) -> dict[str, str]:
    """The filters as they came in the URL, without the empty ones and the place to go on from."""
    return {key: value for key, value in request.GET.items() if value and key != "after"}
