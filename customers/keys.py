"""Keys by which a page links to a customer, or says what it shows: made for one person, signed, and dead
after a working day.

A customer is opened from a result that the person was shown, not by counting numbers in a URL.
"""

from collections.abc import Iterable
from typing import Any

from django.core import signing

from access.errors import Denied
from access.people import Person

#: Seconds for which a link to a customer works.
MAX_AGE = 12 * 60 * 60


def _signer(person: Person) -> signing.TimestampSigner:
    return signing.TimestampSigner(salt=f"customer shown to {person.pk}")


def make(person: Person, customer_pk: int, inquiry_id: int | None) -> str:
    """The key by which `person` opens the customer, for the inquiry if there is one."""
    return _signer(person).sign(f"{customer_pk}-{inquiry_id or 0}")


def read(person: Person, key: str) -> tuple[int, int | None]:
    """Customer's and inquiry's primary keys; Denied for a key that is forged, old or another person's."""
    try:
        customer, inquiry = _signer(person).unsign(key, max_age=MAX_AGE).split("-")
    except signing.BadSignature:
        raise Denied("customer_unknown") from None
    return int(customer), int(inquiry) or None


def on_screen(person: Person, inquiry_id: int | None, views: Iterable[Any]) -> str:
    """What a page shows, for it to ask whether it may still: the inquiry, and of its customers (views of
    `customers.shown`) the areas, each with the fields that are shown there."""
    shown = {(view.area_code, ",".join(sorted(view.values))) for view in views}
    return signing.dumps([inquiry_id, sorted(shown)], salt=_on_screen_of(person), compress=True)


def read_on_screen(person: Person, key: str) -> tuple[int | None, list[tuple[str, frozenset[str]]]]:
    """The inquiry's primary key, and the areas' codes each with the fields; Denied as `read` is."""
    try:
        inquiry, shown = signing.loads(key, salt=_on_screen_of(person), max_age=MAX_AGE)
    except signing.BadSignature:
        raise Denied("customer_unknown") from None
    return inquiry, [(code, frozenset(filter(None, fields.split(",")))) for code, fields in shown]


def _on_screen_of(person: Person) -> str:
    return f"on the screen of {person.pk}"
