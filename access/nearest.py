"""From an address that cannot be looked at to the nearest one above it that can."""

from typing import Any

from django.urls import Resolver404, resolve, reverse

from access import policy
from access.pages import PAGES


def page_near(person: Any, path: str) -> str:
    """`path` itself, or what is nearest above it, that shows a page to the person; the sign-in page if none does."""
    path = path.split("?")[0]
    while path:
        if _shows_a_page(person, path):
            return path
        path = path.rstrip("/").rpartition("/")[0]
        path += "/" if path else ""
    return reverse("portal:index" if person.is_authenticated else "portal:login")


def _shows_a_page(person: Any, path: str) -> bool:
    try:
        name = resolve(path).view_name
    except Resolver404:
        return False
    page = PAGES.get(name)
    return page is not None and "GET" in page.methods and policy.may_open(person, name)
