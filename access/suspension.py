"""Suspending a contract, and lifting that: the statement's 16 January 2023, in one click.

What lives under the contract is revoked at the instant of suspending. Lifting gives nothing back: who
is still needed is granted anew, by somebody, on the record (docs/adr/0008).
"""

from auditlog.context import disable_auditlog
from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, notices, policy, requests, revoking
from access.errors import AlreadyDone, Unfit
from access.models import DelegationContract, Grant, Person, Request
from access.reconcile import reconcile
from audit import recording

#: Kinds of requests that give grants under a contract.
GIVING = (Request.Kind.GRANT, Request.Kind.HELP)


@transaction.atomic
def suspend(by: Person, contract: DelegationContract, because: str) -> int:
    """Suspends the contract now and revokes what runs under it; returns how many grants that were.

    What waits to be granted under it is written off. Raises Denied, Unfit without a reason, AlreadyDone if
    it is suspended.
    """
    policy.check_may_act(by, "suspend")
    because = because.strip()
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    clock.be_patient()
    contract = DelegationContract.objects.select_for_update(no_key=True).get(pk=contract.pk)
    if contract.suspended_at:
        raise AlreadyDone(_("This contract is suspended already."))
    waiting = Request.objects.filter(kind__in=GIVING, contract=contract, answered_at=None)
    requests.write_off(waiting, "suspended")
    now = clock.time_of_ending()
    contract.suspended_at, contract.suspended_by, contract.suspended_because = now, by, because
    _save(contract)
    grants = Grant.objects.filter(roster_entry__contract=contract)
    held = Grant.objects.running(now).filter(roster_entry__contract=contract)
    holders = list(Person.objects.filter(roster_entries__grants__in=held).order_by().distinct())
    count = revoking.write_revocations(by, grants, because, now, with_contract=True)
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
    policy.check_may_act(by, "lift", contracts=[contract])
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
