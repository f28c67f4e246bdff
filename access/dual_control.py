"""When two supervisors grant: by the contract's own terms, or for an overdue review of its delegate's work.

A review of one contract holds back every contract with the same delegate: else a new contract would do
instead of the review. This is the one definition; whatever gives access under a contract asks it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from django.utils.translation import ngettext

from access import clock
from access.models import DelegationContract
from audit.models import Review


def needs_two(contract: DelegationContract, at: datetime | None = None) -> bool:
    """Whether what is given under the contract at `at` waits for a second supervisor."""
    if contract.dual_control:
        return True
    delegates = DelegationContract.objects.filter(delegate=contract.delegate_id)
    return Review.objects.holding_back(at).filter(contract_id__in=delegates.values("pk")).exists()


def why_two(contract: DelegationContract, at: datetime | None = None) -> list[str]:
    """A sentence for each overdue review for which the contract is granted by two, the first due first."""
    return why_two_each([contract], at)[contract.pk]


def why_two_each(
    contracts: Collection[DelegationContract], at: datetime | None = None
) -> dict[int, list[str]]:
    """Of each contract (its id) what `why_two` says of it."""
    at = at or clock.database_now()
    said: dict[int, list[str]] = {contract.pk: [] for contract in contracts}
    delegates = {contract.delegate_id for contract in contracts}
    theirs = DelegationContract.objects.filter(delegate__in=delegates)
    delegate_of = dict(theirs.values_list("pk", "delegate_id"))
    for review in Review.objects.holding_back(at).filter(contract_id__in=delegate_of):
        assert review.contract_id  # what has none holds nothing back
        for contract in contracts:
            if contract.delegate_id == delegate_of[review.contract_id]:
                said[contract.pk].append(_sentence(review, at))
    return said


def _sentence(review: Review, at: datetime) -> str:
    days = (at - review.due_at) // timedelta(days=1) + 1
    return ngettext(
        "The review of “%(about)s” is %(days)d day overdue: until it is signed off, a second supervisor agrees.",
        "The review of “%(about)s” is %(days)d days overdue: until it is signed off, a second supervisor agrees.",
        days,
    ) % {"about": review.about, "days": days}
