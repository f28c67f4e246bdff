"""What an auditor may read and review: the history of the contracts that are theirs by object permission."""

from collections.abc import Iterable

from django.db.models import Exists, OuterRef, Q
from guardian.shortcuts import get_objects_for_user

from access.errors import Denied
from access.models import (
    ContractGroupPermission,
    ContractUserPermission,
    DelegationContract,
    Emergency,
    RosterEntry,
)
from access.people import Person, Role
from access.policy.work import check_may

REVIEW = "access.review_contract"
EXPORT_HISTORY = "audit.export_history"


def contracts_to_review(person: Person):
    """The contracts whose history the auditor may read and review, by object permission."""
    return get_objects_for_user(person, REVIEW, DelegationContract, accept_global_perms=False)


def auditors():
    """The auditors whose accounts are in use."""
    return Person.objects.filter(role=Role.AUDITOR, is_active=True)


def auditors_of(contracts: Iterable[int]):
    """The auditors who may review one of the contracts (keys, or a query of them), by a right of theirs or of a group."""
    people, groups = (held.filter(content_object__in=contracts) for held in _rights_to_review())
    return (
        auditors().filter(Q(pk__in=people.values("user")) | Q(groups__in=groups.values("group"))).distinct()
    )


def reviewed_contracts():
    """The contracts that an active auditor reviews: under another one, nobody would read what is disclosed."""
    people, groups = _rights_to_review()
    of_people, of_groups = people.filter(user__in=auditors()), groups.filter(group__user__in=auditors())
    return DelegationContract.objects.filter(
        Q(pk__in=of_people.values("content_object")) | Q(pk__in=of_groups.values("content_object"))
    )


def _rights_to_review():
    """The rights to review, of people and of groups."""
    return [
        model.objects.filter(permission__codename="review_contract")
        for model in (ContractUserPermission, ContractGroupPermission)
    ]


def emergencies_to_review(person: Person):
    """The emergencies that the auditor may review: under a contract of theirs, or without any grant."""
    granted = DelegationContract.objects.filter(roster__grants__emergency=OuterRef("pk"))
    reviewed = granted.filter(pk__in=contracts_to_review(person).values("pk"))
    return Emergency.objects.filter(~Exists(granted) | Exists(reviewed))


def check_may_review(person: Person, contract_id: int | None) -> None:
    """Raises Denied unless the auditor reviews the contract; what is under none is any auditor's."""
    if contract_id is not None and not contracts_to_review(person).filter(pk=contract_id).exists():
        raise Denied("history_not_yours", contract_id=contract_id)


def check_may_review_emergency(person: Person, emergency: Emergency) -> None:
    """Raises Denied unless the auditor reviews one of the contracts granted in it, or none was."""
    if not emergencies_to_review(person).filter(pk=emergency.pk).exists():
        raise Denied("history_not_yours", emergency_id=emergency.pk)


def check_may_review_person(person: Person, of: Person) -> None:
    """Raises Denied unless the auditor reviews a contract whose roster has or had the person, or none had."""
    if people_of_other_auditors(person).filter(pk=of.pk).exists():
        raise Denied("history_not_yours")


def people_of_other_auditors(person: Person):
    """Whoever is or was on a roster, but on none of a contract that the auditor reviews."""
    rosters = RosterEntry.objects.order_by()
    theirs = rosters.filter(contract__in=contracts_to_review(person))
    return Person.objects.filter(pk__in=rosters.values("person")).exclude(pk__in=theirs.values("person"))


def reviews_every_contract(person: Person) -> bool:
    """Whether there is no contract that the auditor does not review: they then read the whole history."""
    return not DelegationContract.objects.exclude(pk__in=contracts_to_review(person)).exists()


def check_may_export_history(person: Person) -> None:
    """Raises Denied unless the person may take the history away, as far as they may read it."""
    if not person.is_active:
        raise Denied("account_closed")
    check_may(person, EXPORT_HISTORY)
