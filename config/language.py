"""Switching the language: to the page that one looks at, or the nearest one that can be asked for again."""

from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.i18n import set_language

from access.nearest import page_near


def switch_language(request: HttpRequest) -> HttpResponse:
    """Sets the language that was chosen and leads back. A page that answered a form cannot be shown again by GET."""
    came_from = request.META.get("HTTP_REFERER", "")
    if not url_has_allowed_host_and_scheme(came_from, {request.get_host()}, request.is_secure()):
        came_from = "/"
    parts = urlsplit(came_from)
    near = page_near(request.user, parts.path)
    response = set_language(request)
    if response.status_code == 302:
        response["Location"] = f"{near}?{parts.query}" if parts.query and near == parts.path else near
    return response
