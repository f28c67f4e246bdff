"""Pages of the reviews: what waits, one with its figures and entries, judging, signing off, a second look."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from access import clock, drafts
from access.errors import AlreadyDone, Unfit
from access.forms import BecauseForm
from access.views.acting import act_on, attempt
from audit import reading, review_words
from audit import review as rules
from audit.forms import ConclusionForm, MarkForm
from audit.models import Review, ReviewedEntry

#: How many people of a review a page shows, and how many reviews that are done.
LISTED = 100
#: How many of its own entries a review shows.
ENTRIES = 50


def reviews(request: HttpRequest) -> HttpResponse:
    """What waits for this auditor, the one that is due first at the top; then what is signed off."""
    mine = rules.for_auditor(request.user)
    done = mine.exclude(signed_off_at=None).select_related("signed_off_by").order_by("-signed_off_at")
    context = {"waiting": mine.waiting(), "done": done[:LISTED], "now": clock.database_now()}
    return render(request, "portal/reviews.html", context)


def review(request: HttpRequest, pk: int) -> HttpResponse:
    """One review, whole."""
    return _page(request, _review(request, pk))


def _review(request: HttpRequest, pk: int) -> Review:
    """The review, that is this auditor's; Denied if it is another's."""
    one = get_object_or_404(Review.objects.select_related("signed_off_by", "reopened_by"), pk=pk)
    rules.check_may_see(request.user, one)
    return one


def _page(
    request: HttpRequest, one: Review, judged: ReviewedEntry | None = None, form: MarkForm | None = None
) -> HttpResponse:
    """The review's page; with the form that could not be taken beside the entry that it judges.

    No log, no data: that it is read is in the history before anything of it is loaded.
    """
    rules.read(request.user, one)
    figures, differs = rules.figures(one)
    shown = figures["lines"][:LISTED]
    context = {
        "review": one,
        "figures": figures,
        "differs": differs and one.signed_off_at,
        "is_as_decided": rules.is_as_decided(one),
        "lag": review_words.lag(one, figures),
        "lines": [(line, review_words.why_first(line, figures["medians"])) for line in shown],
        "chart": review_words.chart(figures),
        "entries": _entries(request, one, judged, form),
        "missing": [] if one.signed_off_at else rules.what_is_missing(one),
        "now": clock.database_now(),
        "story": [reading.readable(e) for e in rules.story(one)[:ENTRIES]],
    }
    return render(request, "portal/review.html", context)


def _entries(
    request: HttpRequest, one: Review, judged: ReviewedEntry | None, form: MarkForm | None
) -> list[dict]:
    """The entries to judge, each with its line of the history and its form."""
    entries = list(one.entries.select_related("marked_by", "added_by"))
    readable = reading.visible_to(request.user).filter(
        pk__in=[e.entry_id for e in entries], timestamp__in=[e.timestamp for e in entries]
    )
    lines = {entry.pk: reading.readable(entry) for entry in readable}
    return [
        {
            "judged": entry,
            "line": lines.get(entry.entry_id),
            "form": form if form is not None and entry == judged else _mark_form(entry),
        }
        for entry in entries
    ]


def _mark_form(entry: ReviewedEntry, data=None) -> MarkForm:
    """An entry's own form; what was said before stands in it."""
    seen = entry.marked_at.isoformat() if entry.marked_at else ""
    before = {"mark": entry.mark, "note": entry.note, "seen": seen}
    return MarkForm(data, initial=before, auto_id=f"entry-{entry.pk}-%s")


def mark(request: HttpRequest, pk: int, entry: int) -> HttpResponse:
    """Judges one entry."""
    one = _review(request, pk)
    judged = get_object_or_404(one.entries.all(), pk=entry)
    form = _mark_form(judged, request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            rules.mark(request.user, judged, said["mark"], said["note"], said["seen"])
            messages.success(request, _("Judged."))
            return redirect(f"{reverse('portal:review', args=[pk])}#entry-{judged.pk}")
        except AlreadyDone as late:
            # Beside the other mark, which they see now, what they typed stays, to be sent once more
            one, judged = _review(request, pk), one.entries.get(pk=entry)
            if one.signed_off_at:
                messages.info(request, str(late))
                return redirect("portal:review", pk)
            form = _mark_form(judged, request.POST.dict() | {"seen": judged.marked_at})
            form.add_error(None, str(late))
        except Unfit as unfit:
            form.add_error(unfit.field, str(unfit))
    return _page(request, one, judged, form)


def add(request: HttpRequest, pk: int, entry: int) -> HttpResponse:
    """Adds an entry of the history to those that a review judges."""
    one = _review(request, pk)
    opened = reading.entry(request.user, entry)
    if opened is None:
        raise Http404
    try:
        attempt(
            request,
            lambda: rules.add(request.user, one, opened.line.entry),
            lambda done: _("Added to the entries to judge."),
        )
    except Unfit as unfit:
        return render(request, "portal/act.html", {"title": str(unfit)}, status=409)
    return redirect("portal:review", pk)


def sign_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks once, with the conclusion, then closes the review."""
    one = _review(request, pk)
    return act_on(
        request,
        ConclusionForm(drafts.typed(request)),
        lambda: rules.sign_off(request.user, one, request.POST.get("conclusion", "")),
        lambda done: _("The review is signed off."),
        then=reverse("portal:review", args=[pk]),
        page={
            "title": _("Sign the review of “%(about)s” off?") % {"about": one.about},
            "lead": _(
                "Its figures and judgements stay as they are; a second look is another line in the history."
            ),
            "notes": [] if one.signed_off_at else rules.what_is_missing(one),
            "button": _("Sign off"),
        },
    )


def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks why, then opens a review that was signed off again."""
    one = _review(request, pk)
    return act_on(
        request,
        BecauseForm(drafts.typed(request)),
        lambda: rules.reopen(request.user, one, request.POST.get("because", "")),
        lambda done: _("The review is open again."),
        then=reverse("portal:review", args=[pk]),
        page={
            "title": _("A second look at the review of “%(about)s”") % {"about": one.about},
            "lead": _("It is open again, with time of its own. What was concluded stays in the history."),
            "button": _("Open again"),
        },
    )
