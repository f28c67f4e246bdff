"""What a supervisor may decide on: each act by the table of acts, and the requests of others.

A right on an area or a contract is an object permission. Who may declare in an area decides on every
emergency that reaches it; who may decide on an emergency has the right on all of its areas.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from guardian.shortcuts import get_objects_for_user

from access.errors import Denied
from access.models import DelegationContract, Emergency, Grant, Request
from access.people import Person
from access.policy.reviewing import reviewed_contracts
from access.policy.work import check_may, may
from customers.models import ServiceArea

GRANT_UNDER = "access.grant_under_contract"
DECLARE_IN = "customers.declare_in_servicearea"


@dataclass(frozen=True)
class Act:
    """What an act takes: a permission of the role, and rights on what it is about.

    areas: the right on every area of the emergency. contracts: the right on every contract that is given
    under, which also has to be in force and reviewed by an auditor, or whose own state the act is about ("held").
    """

    permission: str
    areas: bool = False
    contracts: Literal["", "in force", "held"] = ""


# fmt: off
#: Taking away asks for the right on the areas too: it is a decision on the callers there. It asks for no
#: contract: whoever may decide there may always stop. A contract is suspended by any supervisor, as one
#: pulls an emergency brake, and lifted by who holds it. A roster is kept by who holds its contract: whoever is
#: taken off loses what they hold in every area.
ACTS = {
    "declare":         Act("access.declare_emergency",         areas=True, contracts="in force"),
    "grant":           Act("access.give_grant",                areas=True, contracts="in force"),
    "extend":          Act("access.extend_emergency",          areas=True, contracts="in force"),
    "add areas":       Act("access.extend_emergency",          areas=True, contracts="in force"),
    "take areas away": Act("access.extend_emergency",          areas=True),
    "revoke":          Act("access.revoke_grant",              areas=True),
    "end":             Act("access.end_emergency",             areas=True),
    "answer":          Act("access.answer_grant_request",      areas=True, contracts="held"),
    "change terms":    Act("access.change_delegationcontract",             contracts="held"),
    "suspend":         Act("access.suspend_contract"),
    "lift":            Act("access.suspend_contract",                      contracts="held"),
    "keep a roster":   Act("access.keep_roster",                           contracts="held"),
}
# fmt: on

#: Kind of request to the permission that whoever asks for it needs, also when it is answered.
ASKING = {
    Request.Kind.GRANT: "access.give_grant",
    Request.Kind.EXTENSION: "access.extend_emergency",
    Request.Kind.TERMS: "access.change_delegationcontract",
    Request.Kind.HELP: "access.ask_for_grant",
    Request.Kind.ACCOUNT: "access.change_person",
    Request.Kind.RIGHT: "access.keep_object_rights",
    Request.Kind.NAME: "access.keep_object_rights",
}
#: Kinds that supervisors answer, to the act that whoever asked for it does; administrators answer the others.
OF_SUPERVISORS = {
    Request.Kind.GRANT: "grant",
    Request.Kind.EXTENSION: "extend",
    Request.Kind.TERMS: "change terms",
    Request.Kind.HELP: "",
}


def check_may_act(
    person: Person,
    act: str,
    *,
    areas: Iterable[ServiceArea] = (),
    contracts: Iterable[DelegationContract] = (),
    at: datetime | None = None,
) -> None:
    """Raises Denied unless the person may do the act (a key of ACTS) on these areas and contracts."""
    needed = ACTS[act]
    check_may(person, needed.permission)
    if needed.areas:
        check_may_declare_in(person, areas)
    if needed.contracts == "in force":
        check_may_grant_under(person, contracts, at)
    elif needed.contracts == "held":
        for contract in contracts:
            check_holds_contract(person, contract)


def may_act(person: Person, act: str, **about) -> bool:
    """Whether `check_may_act` would pass, for what a page offers."""
    try:
        check_may_act(person, act, **about)
    except Denied:
        return False
    return True


def emergencies_to_decide_on(person: Person):
    """The emergencies in whose every area the person may decide."""
    others = ServiceArea.objects.exclude(pk__in=areas_to_declare_in(person).order_by().values("pk"))
    return Emergency.objects.exclude(areas__in=others.order_by())


def contracts_to_grant_under(person: Person, at: datetime | None = None):
    """The contracts in force that the supervisor may grant under, by object permission."""
    held = get_objects_for_user(person, GRANT_UNDER, DelegationContract, accept_global_perms=False)
    return held.filter(pk__in=DelegationContract.objects.in_force(at))


def check_may_grant_under(
    person: Person, contracts: Iterable[DelegationContract], at: datetime | None = None
) -> None:
    """Raises Denied unless every contract is in force, the person may grant under it, and an auditor reviews it."""
    allowed = set(contracts_to_grant_under(person, at).values_list("pk", flat=True))
    reviewed = set(reviewed_contracts().values_list("pk", flat=True))
    for contract in contracts:
        if contract.pk not in allowed:
            raise Denied("contract_not_yours", contract_id=contract.pk)
        if contract.pk not in reviewed:
            raise Denied("nobody_reviews", contract_id=contract.pk)


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


def check_may_answer(person: Person, request: Request) -> None:
    """Raises Denied unless the person may answer the request: by work, as a second person, with the rights.

    What is agreed to is asked once more by the rule that carries it out.
    """
    if request.kind not in OF_SUPERVISORS:
        check_may(person, "access.answer_account_request")
        check_second_person(person, request)
        return
    check_second_person(person, request)
    check_may_act(person, "answer", **_about(request))


def may_answer(person: Person, request: Request) -> bool:
    """Whether `check_may_answer` would pass."""
    try:
        check_may_answer(person, request)
    except Denied:
        return False
    return True


def asker_still_may(request: Request) -> bool:
    """Whether the person who asked could still ask for it: their account open, their rights not taken."""
    asker, kind = request.asked_by, Request.Kind(request.kind)
    if not may(asker, ASKING[kind]):
        return False
    act = OF_SUPERVISORS.get(kind)
    return not act or may_act(asker, act, **_about(request))


def _about(request: Request) -> dict:
    """The areas and contracts that a request is about: an extension's are those of the grants that it extends."""
    areas = request.emergency.areas.all() if request.emergency else ()
    if request.kind != Request.Kind.EXTENSION:
        return {"areas": areas, "contracts": [request.contract] if request.contract else []}
    asked = request.detail.get("grants", [])
    running = Grant.objects.running().filter(pk__in=asked)
    contracts = DelegationContract.objects.filter(pk__in=running.values("roster_entry__contract"))
    return {"areas": areas, "contracts": contracts}
