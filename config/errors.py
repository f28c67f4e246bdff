"""Pages for what went wrong. They ask nothing of the database, for it may be what went wrong."""

from django.core.exceptions import TooManyFieldsSent
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.translation import gettext as _


def bad_request(request: HttpRequest, exception=None) -> HttpResponse:
    what_to_do = _("Go back and try again.")
    if isinstance(exception, TooManyFieldsSent):
        what_to_do = _("This form marks more than can be sent at a time. Send it in parts.")
    return _plain(400, _("The request could not be understood."), what_to_do)


def not_found(request: HttpRequest, exception=None) -> HttpResponse:
    """Unknown address. A customer out of reach is a refusal with the same status (access.errors)."""
    return _plain(
        404,
        _("There is no such page."),
        _("Check the address, or go to the first page."),
    )


def server_error(request: HttpRequest) -> HttpResponse:
    return _plain(
        500,
        _("Something went wrong here."),
        _("Nothing was changed and nothing was shown. Try again; if it stays, tell the administrator."),
    )


def csrf_failure(request: HttpRequest, reason="") -> HttpResponse:
    return _plain(
        403,
        _("The page was too old to send."),
        _("Go back, load the page again and send once more."),
    )


def too_many_files(request: HttpRequest) -> HttpResponse:
    """A file is refused, for as many are being sent as may be at a time (config.streams)."""
    page = _plain(
        503,
        _("Too many files at a time."),
        _("Other files are still being downloaded. Wait until one is done, or stop it, and try again."),
    )
    page["Retry-After"] = "60"
    return page


def _plain(status: int, title: str, what_to_do: str) -> HttpResponse:
    page = render_to_string("portal/plain_error.html", {"title": title, "what_to_do": what_to_do})
    return HttpResponse(page, status=status, headers={"Cache-Control": "no-store"})
