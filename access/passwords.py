"""Passwords are chosen by those whose they are: nobody else ever knows one (docs/adr/0022).

Who opens an account sets no password. The person gets a code by email, which is good for one choice and
for a day; it goes with nobody's knowledge but the mailbox's. What was set by another, as the first
administrators' passwords are, opens nothing but the page that changes it.
"""

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from access import notices
from access.codes import codes
from access.errors import Unfit
from access.models import Person
from audit import recording


def check_can_be_sent(person: Person) -> None:
    """Raises Unfit where no email address of the person is known."""
    if not person.email:
        raise Unfit(_("A code for a password goes by email: give an address first."), "email")


def send(person: Person, about: str) -> None:
    """Tells the person that a code comes by email; about: the occasion. The code is made as it is sent."""
    notices.tell([person], notices.CODE, about, {"name": str(person)}, reverse("portal:choose_password"))


def whose(username: str, code: str) -> Person | None:
    """The person of the username, if the code is theirs and still good."""
    person = Person.objects.filter(username=username, is_active=True).first()
    return person if codes.check_token(person, code) else None


@transaction.atomic
def choose(person: Person, password: str) -> None:
    """Sets the password that the person chose; every other session and code of theirs is over by it."""
    person.set_password(password)
    person.must_change_password = False
    person.save(update_fields=["password", "must_change_password"])
    recording.decision(
        "password.chosen", person, actor=person, subject_id=person.pk, detail={"subject": str(person)}
    )
