"""Calls taken: a contractor looks nobody up without one."""

from auditlog.context import disable_auditlog
from django.db import transaction
from django.utils.translation import gettext as _

from access import policy
from access.clock import database_now
from access.errors import AlreadyDone, Denied, Unfit
from access.models import Grant, Inquiry, Person, Role
from audit import recording


def of_person(person: Person):
    """The person's own inquiries, open ones first; a contractor's only while they are called for.

    Raises Denied for a contractor without a live grant: what callers said in an emergency is not
    theirs to read afterwards.
    """
    mine = Inquiry.objects.filter(taken_by=person).select_related("emergency")
    if person.role == Role.CONTRACTOR:
        policy.check_contractor_is_called_for(person)
        mine = mine.filter(emergency__in=policy.live_emergencies_of(person))
    return mine.order_by("-closed_at", "-pk")


def own(person: Person, pk: int) -> Inquiry:
    """One of the person's own inquiries; Denied if it is somebody else's or does not exist."""
    inquiry = of_person(person).filter(pk=pk).first()
    if inquiry is None:
        raise Denied("inquiry_not_yours")
    return inquiry


def to_look_up_for(person: Person, pk: int) -> Inquiry:
    """The own inquiry that a lookup is for. Whether it still serves, the policy says with the lookup.

    Raises Denied if it is not the person's, or why the person may not look up at all.
    """
    inquiry = Inquiry.objects.filter(taken_by=person, pk=pk).select_related("emergency").first()
    if inquiry is None:
        policy.check_called_for(person)
        raise Denied("inquiry_not_yours")
    return inquiry


@transaction.atomic
def take(by: Person, inquiry: Inquiry) -> Inquiry:
    """Saves the inquiry with `by` as its taker. A contractor's belongs to an emergency live for them.

    Raises Unfit for a place that is none of its emergency's.
    """
    policy.check_may(by, "access.take_inquiry")
    if by.role == Role.CONTRACTOR:
        rows = policy.check_contractor_is_called_for(by)
        if inquiry.emergency_id not in {row["emergency_id"] for row in rows}:
            raise Denied("no_grant", emergency_id=inquiry.emergency_id)
    _check_place(inquiry)
    inquiry.taken_by = by
    with disable_auditlog():
        inquiry.save()
    recording.decision(
        "inquiry.taken",
        inquiry,
        actor=by,
        inquiry_id=inquiry.pk,
        emergency_id=inquiry.emergency_id,
        contract_id=_contract_of(by, inquiry),
        detail={"inquiry_kind": inquiry.kind},
    )
    return inquiry


@transaction.atomic
def close(by: Person, pk: int, *, outcome: str, found: bool | None) -> Inquiry:
    """Closes an own inquiry with what came of it: nothing more is looked up for it.

    outcome: of Inquiry.Outcome. found: whether the caller's customer was, None if nobody was looked up.
    Raises Denied or AlreadyDone.
    """
    inquiry = own(by, pk)
    inquiry = Inquiry.objects.select_for_update().get(pk=inquiry.pk)
    if inquiry.closed_at:
        raise AlreadyDone(_("This inquiry is closed already."))
    inquiry.closed_at, inquiry.outcome, inquiry.found = database_now(), outcome, found
    with disable_auditlog():
        inquiry.save(update_fields=["closed_at", "outcome", "found"])
    recording.decision(
        "inquiry.closed",
        inquiry,
        actor=by,
        inquiry_id=inquiry.pk,
        emergency_id=inquiry.emergency_id,
        contract_id=_contract_of(by, inquiry),
        detail={"outcome": outcome, "found": found},
    )
    return inquiry


def _check_place(inquiry: Inquiry) -> None:
    if inquiry.area is None or inquiry.emergency is None:
        return
    if not inquiry.emergency.areas.filter(pk=inquiry.area.pk).exists():
        raise Unfit(
            _("The emergency “%(name)s” is not in this place.") % {"name": inquiry.emergency.name}, "area"
        )


def _contract_of(person: Person, inquiry: Inquiry) -> int | None:
    """The contract under which the person helps in the inquiry's emergency; of several none is named."""
    grants = Grant.objects.filter(emergency=inquiry.emergency_id, roster_entry__person=person)
    contracts = set(grants.values_list("roster_entry__contract", flat=True))
    return contracts.pop() if len(contracts) == 1 else None
