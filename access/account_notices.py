"""What is told of accounts and of auditors' rights: to the person, at the old address and the new, and to auditors.

Nobody is renamed, moved or closed, and no auditor blinded, behind their back.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse

from access import notices
from access.models import Person, Request, Role


def person(
    request: Request, what: dict[str, str], addresses: Iterable[str], second: Person | None = None
) -> None:
    """Tells the person whom a request is about, at each of the addresses.

    what: what is asked for, by language; second: who agreed, once it is done.
    """
    assert request.subject
    kind, words = f"account_{_step(second)}", {"by": _by(request, second), "what": what}
    for number, address in enumerate(sorted({address for address in addresses if address}) or [""]):
        about = f"request {request.pk}" + (f" address {number + 1}" if number else "")
        to = {"to": address} if address else {}
        notices.tell([request.subject], kind, about, words | to, reverse("portal:index"))


def auditors(request: Request, what: dict[str, str], second: Person | None = None) -> None:
    """Tells all auditors, and whom it is about, of a change of who may review; parameters as `person` has them."""
    people = Person.objects.filter(Q(role=Role.AUDITOR, is_active=True) | Q(pk=request.subject_id))
    words = {"by": _by(request, second), "what": what}
    kind = f"auditors_{_step(second)}"
    notices.tell(people, kind, f"request {request.pk}", words, reverse("portal:index"))


def _step(second: Person | None) -> str:
    return "done" if second else "asked"


def _by(request: Request, second: Person | None) -> str:
    """Who asked and, once it is done, who agreed."""
    return " / ".join(str(one) for one in (request.asked_by, second) if one)
