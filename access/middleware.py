"""The gate that every request passes: the page table before the view, refusals after it.

A page is run by the methods of its line in the table alone, so that nothing is read, and no disclosure
written, for a request that shows nobody anything.
"""

from collections.abc import Iterable, Iterator

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.html import format_html
from django_htmx.http import HttpResponseClientRedirect

from access import drafts, policy
from access.errors import Denied
from access.nearest import page_near
from access.pages import PAGES
from audit import recording

#: A page is kept by no browser or proxy: every page of the portal may hold a customer.
NO_STORE = "no-store, private"
#: Headers by which a browser says that nobody has asked for the page yet.
ASKED_IN_ADVANCE = ("Sec-Purpose", "Purpose", "X-Moz", "X-Purpose")


class PolicyGate:
    """Asks the policy before each view; turns a refusal into a page, written into the history first."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if request.resolver_match is not None:
            response["Cache-Control"] = NO_STORE
        if response.streaming:
            response.streaming_content = _until_refused(request, response.streaming_content)
        return response

    def process_view(self, request, view, args, kwargs):
        if any("prefetch" in request.headers.get(name, "") for name in ASKED_IN_ADVANCE):
            return HttpResponse(status=503)  # the browser asks again when somebody wants to see it
        try:
            policy.check_page(request.user, request.resolver_match.view_name)
        except Denied as denied:
            if not request.user.is_authenticated:
                return _ask_to_sign_in(request)
            return _refuse(request, denied)
        if policy.has_to_change_password_first(request.user, request.resolver_match.view_name):
            page = reverse("portal:password_change")
            return _leave(request, page) or redirect(page)
        return _unless_it_takes(request, PAGES[request.resolver_match.view_name].methods)

    def process_exception(self, request, error):
        # The view's transaction is rolled back by now, so the entry needs, and gets, one of its own.
        if isinstance(error, Denied):
            return _refuse(request, error)
        if isinstance(error, PermissionDenied):
            return _refuse(request, Denied("role"))
        return None


def _unless_it_takes(request, methods: tuple[str, ...]):
    """None where the page takes the request's method; else what it takes, and the way to a page to look at."""
    if request.method in methods:
        return None
    if request.method == "OPTIONS":
        answer = HttpResponse(status=204)
    else:
        near = page_near(request.user, request.path)
        answer = render(request, "portal/not_this_way.html", {"near": near}, status=405)
    answer["Allow"] = ", ".join((*methods, "OPTIONS"))
    return answer


def _until_refused(request, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces of a stream. A refusal midway is written, and breaks the stream off: no page is left to say it."""
    try:
        yield from pieces
    except Denied as denied:
        _write_down(request, denied)
        raise


def _refuse(request, denied: Denied):
    _write_down(request, denied)
    if denied.reason in ("too_fast", "paused") and request.headers.get("HX-Request") == "true":
        return HttpResponse(format_html('<p class="note" role="alert">{}</p>', denied.sentence))
    if leave := _leave(request, reverse("portal:index")):
        return leave
    return render(request, "portal/denied.html", {"denied": denied}, status=denied.status)


def _write_down(request, denied: Denied) -> None:
    page = request.resolver_match.view_name if request.resolver_match else ""
    recording.denial(request.user, denied.reason, path=request.path, page=page, **denied.facts)


def _ask_to_sign_in(request):
    """The sign-in page, and afterwards back to the page asked for, with what was typed there.

    After a lookup it is the first page, unless something was typed by who may still look up: a session that an
    ending closed leads back to a customer only to be refused once more.
    """
    page, login = request.resolver_match.view_name, reverse("portal:login")
    back = drafts.keep(request, page)
    if back is None:
        if leave := _leave(request, login):
            return leave
        listed = PAGES.get(page)
        looked_up = listed and listed.needs in ("customers.look_up_customer", "access.take_inquiry")
        back = reverse("portal:index") if looked_up else request.get_full_path()
    to_login = redirect_to_login(back, login)
    return _leave(request, to_login.url) or to_login


def _leave(request, address: str):
    """For a page that asks by itself (htmx): go to `address`, for it may show nothing any more. Else None."""
    if request.headers.get("HX-Request") != "true":
        return None
    return HttpResponseClientRedirect(address)
