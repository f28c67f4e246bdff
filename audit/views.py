"""Pages of the history."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from access import policy
from audit import reading, review
from audit.events import BASES
from audit.forms import HistoryFilter
from customers.disclosure import FIELD_LABELS


def history(request: HttpRequest) -> HttpResponse:
    """The history in pieces, filtered; the filters travel in the URL, so that a view can be kept."""
    form = HistoryFilter(request.GET or None, emergencies=reading.emergencies_to_choose())
    valid = not form.is_bound or form.is_valid()
    filters = form.cleaned_data if form.is_bound and valid else {}
    after = request.GET.get("after", "")
    page = reading.page(request.user, filters, int(after) if after.isascii() and after.isdigit() else None)
    query = request.GET.copy()
    query.pop("after", None)
    context = {
        "form": form,
        "lines": page.lines if valid else [],
        "next_after": page.next_after if valid else None,
        "query": query.urlencode(),
        "filtered": valid and any(filters.values()),
    }
    return render(request, "portal/history.html", context)


def entry(request: HttpRequest, pk: int) -> HttpResponse:
    """One entry, whole, with the rest of its story."""
    one = reading.entry(request.user, pk)
    if one is None:
        raise Http404
    story = reading.visible_to(request.user).of_story(one.cid).order_by("pk")[: reading.PAGE]
    context = {
        "line": reading.readable(one),
        "fields": [FIELD_LABELS.get(name, name) for name in reading.in_table_order(one.fields)],
        "basis": BASES.get(one.basis, one.basis),
        "changes": (one.changes or {}).items(),
        "story": [reading.readable(e) for e in story if e.pk != one.pk],
        "reviews": review.open_reviews_for(request.user, one)
        if policy.may(request.user, review.REVIEW)
        else [],
    }
    return render(request, "portal/history_entry.html", context)
