"""Pages of errands: how far each is, and what came of it."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from audit import errands as rules
from audit import filters
from audit.exporting import Format
from audit.models import Errand
from audit.views import file_response

#: Errands that the list shows.
LISTED = 50


def errands(request: HttpRequest) -> HttpResponse:
    """The person's own errands, the latest first."""
    return render(request, "portal/errands.html", {"errands": rules.of(request.user)[:LISTED]})


def errand(request: HttpRequest, pk: int) -> HttpResponse:
    """One errand. While it runs the page asks for its own middle by itself; without JavaScript, by a link."""
    one = _errand(request, pk)
    asks_by_itself = request.headers.get("HX-Request") == "true"
    context = {
        "errand": one,
        "outcome": f"portal/errands/{one.kind}.html",
        "filters": filters.in_words(one.wanted["filters"]) if "filters" in one.wanted else "",
        "has_file": one.pieces.exists(),
    }
    return render(request, "portal/_errand.html" if asks_by_itself else "portal/errand.html", context)


def file(request: HttpRequest, pk: int) -> HttpResponse:
    """The file that an errand made."""
    one = _errand(request, pk)
    if not one.outcome or not one.pieces.exists():
        raise Http404
    return file_response(rules.take(request.user, one), Format.XLSX)


def _errand(request: HttpRequest, pk: int) -> Errand:
    errand = rules.one_of(request.user, pk)
    if errand is None:
        raise Http404
    return errand
