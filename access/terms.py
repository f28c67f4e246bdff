"""Terms of a contract: what opens less is changed at once, what opens more when a second supervisor agrees."""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, notices, policy, requests
from access.models import DelegationContract, Person, Request
from customers.disclosure import TABLE

#: How long a request for wider terms waits, at most.
WAITS_FOR = timedelta(days=7)

#: Term to whether its new value opens more than the one before. The parties and dual control stay as they
#: are (a trigger has the last word). By its title people know a contract: another one makes them grant under it.
# fmt: off
OPENS_MORE = {
    "title":               lambda before, after: after != before,
    "starts_at":           lambda before, after: after < before,
    "ends_at":             lambda before, after: after > before,
    "delegated_items":     lambda before, after: not set(after) <= set(before),
    "max_grant_hours":     lambda before, after: after > before,
    "training_valid_days": lambda before, after: after > before,
    "max_results":         lambda before, after: after > before,
    "slow_after":          lambda before, after: after > before,
    "stop_after":          lambda before, after: after > before,
}
# fmt: on
PERIOD = ("starts_at", "ends_at")


def waiting(contract: DelegationContract) -> Request | None:
    """The request for wider terms of the contract that waits for an answer."""
    return requests.waiting(Request.Kind.TERMS, _about(contract))


def _about(contract: DelegationContract) -> str:
    return f"contract {contract.pk}"


@transaction.atomic
def change(by: Person, contract: DelegationContract) -> Request | None:
    """Saves what a changed contract takes away, and files a request for what it opens; returns that.

    Raises Denied unless `by` holds the contract, AlreadyDone where wider terms of it wait for an answer.
    """
    clock.be_patient()
    before = DelegationContract.objects.select_for_update().get(pk=contract.pk)
    policy.check_may_act(by, "change terms", contracts=[before])
    _keep_the_rest(before, contract)
    more = wider(before, contract)
    for name in more:
        setattr(contract, name, getattr(before, name))
    if "delegated_items" in more:
        left = [item for item in before.delegated_items if item in more["delegated_items"]]
        contract.delegated_items = left or before.delegated_items
    if _differ(before, contract):
        _save(by, contract)
    if not more:
        return None
    return requests.ask(
        by,
        Request.Kind.TERMS,
        about=_about(contract),
        lapses_at=clock.database_now() + WAITS_FOR,
        contract=contract,
        detail={
            "before": {name: _kept(getattr(contract, name)) for name in more},
            "after": {name: _kept(value) for name, value in more.items()},
        },
    )


def agreed(request: Request, by: Person) -> dict:
    """Widens a contract's terms as a second supervisor agreed; Pointless where they changed meanwhile."""
    assert request.contract
    contract = DelegationContract.objects.select_for_update().get(pk=request.contract.pk)
    policy.check_may_act(by, "change terms", contracts=[contract])
    for name, value in request.detail["before"].items():
        if _kept(getattr(contract, name)) != value:
            raise requests.Pointless("wider", terms=[name])
    for name, value in request.detail["after"].items():
        setattr(contract, name, datetime.fromisoformat(value) if name in PERIOD else value)
    _save(by, contract)
    return {}


def described(request: Request) -> list[tuple[str, str, str]]:
    """Each term that a request widens: what it is called, its value before and after, in the active language."""
    asked = request.detail
    label: Any = {field.name: field.verbose_name for field in DelegationContract._meta.concrete_fields}
    return [
        (
            str(label[name]),
            _shown(name, asked["before"][name]),
            _shown(name, value),
        )
        for name, value in asked["after"].items()
    ]


def _shown(name: str, value: Any) -> str:
    if name in PERIOD:
        return notices.moment(value)
    if name == "delegated_items":
        return _(", ").join(str(item.label) for item in TABLE if item.code in value)
    return str(value)


def wider(before: DelegationContract, after: DelegationContract) -> dict[str, Any]:
    """The terms of `after` that open more than those of `before`."""
    found = {
        name: getattr(after, name)
        for name, opens_more in OPENS_MORE.items()
        if opens_more(getattr(before, name), getattr(after, name))
    }
    left = [getattr(before if name in found else after, name) for name in PERIOD]
    if left[0] >= left[1]:  # the period cannot be narrowed at one end alone
        found |= {name: getattr(after, name) for name in PERIOD}
    return found


def _keep_the_rest(before: DelegationContract, contract: DelegationContract) -> None:
    """Gives the contract back all that is no term as it is stored now: it was read before it was locked.

    A suspension under way at that moment would be lifted by it. Dual control, once switched on, stays.
    """
    for field in DelegationContract._meta.concrete_fields:
        if field.name not in OPENS_MORE and field.name != "dual_control":
            setattr(contract, field.attname, getattr(before, field.attname))
    contract.dual_control = contract.dual_control or before.dual_control


def _differ(before: DelegationContract, after: DelegationContract) -> bool:
    return any(
        getattr(before, field.attname) != getattr(after, field.attname)
        for field in DelegationContract._meta.concrete_fields
    )


def _save(by: Person, contract: DelegationContract) -> None:
    """What a change takes away stops for readings that come later; those under way finish first."""
    now = clock.time_of_ending()
    contract.save()
    notices.terms_changed(contract, by, now)


def _kept(value: Any) -> Any:
    """A term as a request keeps it, in JSON."""
    if isinstance(value, datetime):
        return value.isoformat()
    return sorted(value) if isinstance(value, list) else value
