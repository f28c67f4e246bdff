"""Rosters: whom a contract admits, kept in peacetime. Being on one gives no right."""

from datetime import date

from auditlog.context import disable_auditlog
from django.db import transaction
from django.utils.translation import gettext as _

from access import policy
from access.errors import AlreadyDone
from access.lifecycle import database_now
from access.models import DelegationContract, Person, Role, RosterEntry
from access.reconcile import reconcile
from audit import recording


def candidates(contract: DelegationContract):
    """The delegate's contractors who are not on the roster."""
    on_it = RosterEntry.objects.filter(contract=contract, removed_at__isnull=True)
    return Person.objects.filter(
        is_active=True, role=Role.CONTRACTOR, organization=contract.delegate
    ).exclude(pk__in=on_it.values("person"))


@transaction.atomic
def add(by: Person, contract: DelegationContract, person: Person, trained_on: date) -> RosterEntry:
    """Puts one of the delegate's people on the roster. Raises Denied, or AlreadyDone if on it."""
    policy.check_may(by, "access.keep_roster")
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
    """Takes a person off the roster; what they hold under the contract is over at that moment."""
    policy.check_may(by, "access.keep_roster")
    entry = RosterEntry.objects.select_for_update().get(pk=entry.pk)
    if entry.removed_at:
        raise AlreadyDone(_("%(person)s is off the roster already.") % {"person": entry.person})
    entry.removed_at, entry.removed_by = database_now(), by
    with disable_auditlog():
        entry.save(update_fields=["removed_at", "removed_by"])
    _record("roster.removed", by, entry)
    reconcile()
    return entry


def _record(event: str, by: Person, entry: RosterEntry) -> None:
    recording.decision(
        event,
        entry,
        actor=by,
        subject_id=entry.person_id,
        contract_id=entry.contract_id,
        detail={"subject": str(entry.person), "contract": entry.contract.title},
    )
