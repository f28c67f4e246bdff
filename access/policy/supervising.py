"""What a supervisor may decide on: contracts and areas by object permission, and the requests of others."""

from collections.abc import Iterable
from datetime import datetime

from guardian.shortcuts import get_objects_for_user

from access.errors import Denied
from access.models import DelegationContract, Request
from access.people import Person
from access.policy.work import may
from customers.models import ServiceArea

GRANT_UNDER = "access.grant_under_contract"
DECLARE_IN = "customers.declare_in_servicearea"
#: Kind of request to the permission that whoever asks for it needs, also when it is answered.
ASKING = {
    Request.Kind.GRANT: "access.give_grant",
    Request.Kind.EXTENSION: "access.extend_emergency",
    Request.Kind.HELP: "access.ask_for_grant",
    Request.Kind.ACCOUNT: "access.change_person",
    Request.Kind.RIGHT: "access.keep_object_rights",
}


def contracts_to_grant_under(person: Person, at: datetime | None = None):
    """The contracts in force that the supervisor may grant under, by object permission."""
    held = get_objects_for_user(person, GRANT_UNDER, DelegationContract, accept_global_perms=False)
    return held.filter(pk__in=DelegationContract.objects.in_force(at))


def check_may_grant_under(
    person: Person, contracts: Iterable[DelegationContract], at: datetime | None = None
) -> None:
    """Raises Denied unless every contract is in force and the person may grant under it."""
    allowed = set(contracts_to_grant_under(person, at).values_list("pk", flat=True))
    for contract in contracts:
        if contract.pk not in allowed:
            raise Denied("contract_not_yours", contract_id=contract.pk)


def holds_contract(person: Person, contract: DelegationContract) -> bool:
    """Whether the person may grant under the contract, were it in force."""
    held = get_objects_for_user(person, GRANT_UNDER, DelegationContract, accept_global_perms=False)
    return held.filter(pk=contract.pk).exists()


def check_holds_contract(person: Person, contract: DelegationContract) -> None:
    """Raises Denied unless the person may grant under the contract, were it in force."""
    if not holds_contract(person, contract):
        raise Denied("contract_not_yours", contract_id=contract.pk)


def areas_to_declare_in(person: Person):
    """The areas in which the supervisor may declare an emergency, by object permission."""
    return get_objects_for_user(person, DECLARE_IN, ServiceArea, accept_global_perms=False)


def check_may_declare_in(person: Person, areas: Iterable[ServiceArea]) -> None:
    """Raises Denied unless the person may declare in every one of the areas."""
    allowed = set(areas_to_declare_in(person).order_by().values_list("pk", flat=True))
    if any(area.pk not in allowed for area in areas):
        raise Denied("area_not_yours")


def check_second_person(person: Person, request: Request) -> None:
    """Raises Denied if the person asked for it, or it is about the person: another one answers."""
    if person.pk in (request.asked_by_id, request.subject_id):
        raise Denied("second_person", emergency_id=request.emergency_id, contract_id=request.contract_id)


def asker_still_may(request: Request) -> bool:
    """Whether the person who asked could still ask for it: their account open, their rights not taken."""
    asker, kind = request.asked_by, Request.Kind(request.kind)
    if not may(asker, ASKING[kind]):
        return False
    if kind == Request.Kind.GRANT:
        assert request.contract
        return holds_contract(asker, request.contract)
    if kind == Request.Kind.EXTENSION:
        granted = DelegationContract.objects.filter(roster__grants__emergency=request.emergency).distinct()
        return all(holds_contract(asker, contract) for contract in granted)
    return True
