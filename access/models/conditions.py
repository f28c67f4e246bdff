"""Conditions that several models state of their fields, in the table and in queries."""

from collections.abc import Iterable

from django.db.models import Q


def together(*fields: str) -> Q:
    """Fields that belong together: all null or none."""
    return Q(**{f"{f}__isnull": True for f in fields}) | Q(**{f"{f}__isnull": False for f in fields})


def within(begins: Iterable[str], ends: Iterable[str], at) -> Q:
    """That `at` is not before any of the moments in `begins`, and before each in `ends` that is set."""
    condition = Q(*((f"{field}__lte", at) for field in begins))
    for field in ends:
        condition &= Q((f"{field}__isnull", True)) | Q((f"{field}__gt", at))
    return condition


def reached(of: str, fields: Iterable[str]) -> tuple[str, ...]:
    """The fields by the way to them from another model, as "emergency__"."""
    return tuple(of + field for field in fields)
