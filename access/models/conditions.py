"""Conditions that several models state of their fields, in the table and in queries."""

from django.db.models import Q


def together(*fields: str) -> Q:
    """Fields that belong together: all null or none."""
    return Q(**{f"{f}__isnull": True for f in fields}) | Q(**{f"{f}__isnull": False for f in fields})


def not_yet(field: str, at) -> Q:
    """The moment in `field` is unset, or after `at`."""
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gt": at})
