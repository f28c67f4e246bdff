"""When two supervisors grant: by the contract's own terms, or for a review of its use that is overdue.

This is the one definition; whatever gives access under a contract asks it.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.translation import ngettext

from access import clock
from access.models import DelegationContract
from audit.models import Review


def needs_two(contract: DelegationContract, at: datetime | None = None) -> bool:
    """Whether what is given under the contract at `at` waits for a second supervisor."""
    return contract.dual_control or _overdue(at).filter(contract_id=contract.pk).exists()


def why_two(contract: DelegationContract, at: datetime | None = None) -> list[str]:
    """A sentence for each overdue review for which the contract is granted by two, the oldest first."""
    return why_two_each([contract], at)[contract.pk]


def why_two_each(contracts: Iterable[DelegationContract], at: datetime | None = None) -> dict[int, list[str]]:
    """Of each contract (its id) what `why_two` says of it."""
    at = at or clock.database_now()
    said: dict[int, list[str]] = {contract.pk: [] for contract in contracts}
    for review in _overdue(at).filter(contract_id__in=said):
        said[review.contract_id].append(_sentence(review, at))
    return said


def _overdue(at: datetime | None):
    return Review.objects.holding_back(at)


def _sentence(review: Review, at: datetime) -> str:
    days = (at - review.due_at) // timedelta(days=1) + 1
    return ngettext(
        "The review of “%(about)s” is %(days)d day overdue: until it is signed off, a second supervisor agrees.",
        "The review of “%(about)s” is %(days)d days overdue: until it is signed off, a second supervisor agrees.",
        days,
    ) % {"about": review.about, "days": days}
