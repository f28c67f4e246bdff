"""Rosters: whom a contract admits, kept in peacetime. Being on one gives no right."""

from datetime import date

from auditlog.context import disable_auditlog
from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, policy
from access.errors import AlreadyDone
from access.models import DelegationContract, Person, Role, RosterEntry
from access.reconcile import reconcile
from audit import recording

#: No training is older: an earlier day is a slip, such as a year of two digits.
EARLIEST_TRAINING = date(2000, 1, 1)


def why_no_training_day(day: date, today: date) -> str:
    """What is wrong with a day of training, on a day of Japan's calendar; empty if nothing is."""
    if day > today:
        return _("The training has not taken place yet.")
    if day < EARLIEST_TRAINING:
        return _("No training is as old as that: write the year in four digits, like 2026-06-01.")
    return ""


def candidates(contract: DelegationContract):
    """The delegate's contractors who are not on the roster."""
    on_it = RosterEntry.objects.filter(contract=contract, removed_at__isnull=True)
    return Person.objects.filter(
        is_active=True, role=Role.CONTRACTOR, organization=contract.delegate
    ).exclude(pk__in=on_it.values("person"))


@transaction.atomic
def add(by: Person, contract: DelegationContract, person: Person, trained_on: date | None) -> RosterEntry:
    """Puts one of the delegate's people on the roster. Raises Denied, or AlreadyDone if on it.

    Without a training date the person stands on the roster, and cannot be granted yet.
    """
    policy.check_may_act(by, "keep a roster", contracts=[contract])
    if RosterEntry.objects.filter(contract=contract, person=person, removed_at=None).exists():
        raise AlreadyDone(_("%(person)s is on the roster already.") % {"person": person})
    with disable_auditlog():
        entry = RosterEntry.objects.create(
            contract=contract, person=person, trained_on=trained_on, added_by=by
        )
    _record("roster.added", by, entry)
    return entry


@transaction.atomic
def remove(by: Person, entry: RosterEntry) -> RosterEntry:
    """Takes a person off the roster; what they hold under the contract is over at that moment.

    Raises Denied, or AlreadyDone if off it.
    """
    policy.check_may_act(by, "keep a roster", contracts=[entry.contract])
    now = clock.time_of_ending()
    entry = RosterEntry.objects.select_for_update().get(pk=entry.pk)
    if entry.removed_at:
        raise AlreadyDone(_("%(person)s is off the roster already.") % {"person": entry.person})
    entry.removed_at, entry.removed_by = now, by
    with disable_auditlog():
        entry.save(update_fields=["removed_at", "removed_by"])
    _record("roster.removed", by, entry)
    reconcile()
    return entry


@transaction.atomic
def train(by: Person, entry: RosterEntry, trained_on: date) -> RosterEntry:
    """Notes the day of the person's last training. Raises Denied, or AlreadyDone if off the roster."""
    policy.check_may_act(by, "keep a roster", contracts=[entry.contract])
    entry = RosterEntry.objects.select_for_update().get(pk=entry.pk)
    if entry.removed_at:
        raise AlreadyDone(_("%(person)s is off the roster already.") % {"person": entry.person})
    entry.trained_on = trained_on
    with disable_auditlog():
        entry.save(update_fields=["trained_on"])
    _record("roster.trained", by, entry, trained_on=trained_on.isoformat())
    return entry


def why_not_ready(entry: RosterEntry, today: date) -> str:
    """Why somebody on the roster cannot be granted on a day of Japan's calendar; empty if they can."""
    if entry.trained_on is None:
        return _("Not trained yet: note the training to make ready.")
    if entry.trained_on > today:
        return _("The training is still to come.")
    if entry.trained_until < today:
        return _("The training has lapsed: it has to be taken again.")
    return ""


def _record(event: str, by: Person, entry: RosterEntry, **detail) -> None:
    recording.decision(
        event,
        entry,
        actor=by,
        subject_id=entry.person_id,
        contract_id=entry.contract_id,
        detail={"subject": str(entry.person), "contract": entry.contract.title} | detail,
    )
