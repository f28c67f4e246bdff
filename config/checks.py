"""System checks: a URL that nobody's role was thought of for stops the start, and fails the suite."""

from django.core.checks import Error, register
from django.urls import URLPattern, get_resolver

from access.pages import ANYBODY, PAGES, SIGNED_IN


def url_names(resolver=None, namespace: str = "") -> list[str]:
    """The names of all URLs, with their namespaces; an unnamed one as its pattern."""
    names = []
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            names.append(namespace + (pattern.name or f"unnamed {pattern.pattern}"))
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            names.extend(url_names(pattern, inner))
    return names


@register
def every_url_has_its_permission(app_configs, **_kwargs) -> list[Error]:
    """An error for each URL that `access.pages` does not list, and for each line without a URL."""
    names = set(url_names())
    forgotten = [
        Error(
            f"The URL “{name}” is not in access.pages: nobody could open it.",
            id="portal.E001",
        )
        for name in sorted(names - PAGES.keys())
    ]
    stale = [
        Error(f"access.pages lists “{name}”, which is no URL.", id="portal.E002")
        for name in sorted(PAGES.keys() - names)
    ]
    return forgotten + stale


@register
def every_permission_exists(app_configs, **_kwargs) -> list[Error]:
    """An error for each permission of `access.pages` that no role has: a slip of the pen."""
    from access.roles import ROLES

    known = frozenset().union(*(role.permissions for role in ROLES)) | {
        ANYBODY,
        SIGNED_IN,
    }
    return [
        Error(f"“{name}” needs “{page.needs}”, which no role has.", id="portal.E003")
        for name, page in PAGES.items()
        if page.needs not in known
    ]
