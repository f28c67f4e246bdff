"""What is part of a person's work: pages (table: `access.pages`) and permissions (table: `access.roles`)."""

from typing import Any

from access.errors import Denied
from access.pages import ANYBODY, BEFORE_THE_PASSWORD, PAGES, SIGNED_IN


def check_page(person: Any, view_name: str) -> None:
    """Raises Denied unless the page of that URL name is part of the person's work.

    `person` may be anonymous: then only pages for anybody pass, and the middleware asks for a sign-in.
    """
    page = PAGES.get(view_name)
    if page is None:
        raise Denied("unlisted_page")
    needed = page.needs
    if needed is ANYBODY or (needed is SIGNED_IN and person.is_active):
        return
    if not may(person, needed):
        raise Denied("role")


def has_to_change_password_first(person: Any, view_name: str) -> bool:
    """Whether the person may open the page only with a password that nobody else knows."""
    return person.is_authenticated and person.must_change_password and view_name not in BEFORE_THE_PASSWORD


def may_open(person: Any, view_name: str) -> bool:
    """Whether the page is part of the person's work, for navigation."""
    try:
        check_page(person, view_name)
    except Denied:
        return False
    return True


def may(person: Any, permission: str) -> bool:
    """Whether the permission is one of the person's role (table: `access.roles`)."""
    return person.is_active and person.has_perm(permission)


def check_may(person: Any, permission: str) -> None:
    """Raises Denied("role") unless the person's role has the permission."""
    if not may(person, permission):
        raise Denied("role")
