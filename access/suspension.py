"""Suspending a contract, and lifting that: the statement's 16 January 2023, in one click.

What lives under the contract is revoked at the instant of suspending. Lifting gives nothing back: who
is still needed is granted anew, by somebody, on the record (docs/adr/0008).
"""

from auditlog.context import disable_auditlog
from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, granting, notices, policy
from access.errors import AlreadyDone, Unfit
from access.models import DelegationContract, Grant, Person
from access.reconcile import reconcile
from audit import recording


@transaction.atomic
def suspend(by: Person, contract: DelegationContract, because: str) -> int:
    """Suspends the contract now and revokes what runs under it; returns how many grants that were.

    Raises Denied, Unfit without a reason, AlreadyDone if it is suspended.
    """
    policy.check_may(by, "access.suspend_contract")
    because = because.strip()
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    now = clock.time_of_ending()
    contract = DelegationContract.objects.select_for_update().get(pk=contract.pk)
    if contract.suspended_at:
        raise AlreadyDone(_("This contract is suspended already."))
    contract.suspended_at, contract.suspended_by, contract.suspended_because = now, by, because
    _save(contract)
    running = Grant.objects.filter(roster_entry__contract=contract)
    holders = list(
        Person.objects.filter(roster_entries__grants__in=running.filter(revoked_at=None, ends_at__gt=now))
        .order_by()
        .distinct()
    )
    count = granting.write_revocations(by, running, because, now)
    recording.decision(
        "contract.suspended",
        contract,
        actor=by,
        contract_id=contract.pk,
        detail={"because": because, "count": count},
    )
    reconcile()
    notices.suspended(contract, holders)
    return count


@transaction.atomic
def lift(by: Person, contract: DelegationContract) -> DelegationContract:
    """Lifts the suspension: grants may be given again. Raises Denied, or AlreadyDone if there is none."""
    policy.check_may(by, "access.suspend_contract")
    policy.check_holds_contract(by, contract)
    contract = DelegationContract.objects.select_for_update().get(pk=contract.pk)
    if not contract.suspended_at:
        raise AlreadyDone(_("This contract is not suspended."))
    contract.suspended_at = contract.suspended_by = contract.suspended_because = None
    _save(contract)
    recording.decision("contract.lifted", contract, actor=by, contract_id=contract.pk)
    return contract


def _save(contract: DelegationContract) -> None:
    with disable_auditlog():
        contract.save(update_fields=["suspended_at", "suspended_by", "suspended_because"])
