"""Giving grants: to a roster or a part of it, to one who asked; at once, or when a second supervisor agrees.

Each rule checks the policy, works set-based in one transaction, and returns what it did.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, dual_control, notices, policy, requests
from access.errors import AlreadyDone, Denied, Unfit
from access.models import DelegationContract, Emergency, Grant, Person, Request, RosterEntry
from access.reconcile import reconcile
from audit import recording

#: Grants written in one statement.
BATCH = 2000
#: How long a request for a second supervisor's agreement waits, at most.
WAITS_FOR = timedelta(hours=1)


@dataclass(frozen=True)
class Given:
    """What came of granting, in people: granted now, waiting for a second supervisor, and passed over.

    not_ready: untrained. left_out: their grant was revoked lately. asked_before: they wait already, by what
    `requests.asked_already` says.
    """

    granted: int = 0
    waiting: int = 0
    not_ready: int = 0
    left_out: int = 0
    asked_before: tuple[str, ...] = ()

    def __add__(self, other: "Given") -> "Given":
        return Given(
            self.granted + other.granted,
            self.waiting + other.waiting,
            self.not_ready + other.not_ready,
            self.left_out + other.left_out,
            self.asked_before + other.asked_before,
        )


@transaction.atomic
def give(
    by: Person,
    emergency: Emergency,
    contract: DelegationContract,
    entries: Iterable[RosterEntry] | None = None,
    now: datetime | None = None,
    *,
    also_revoked: bool = False,
    asker: Person | None = None,
    until: datetime | None = None,
) -> Given:
    """Grants an open emergency to the contract's roster, or to those `entries` of it alone, from `now`.

    Whoever is untrained or holds a running grant in it already is passed over; of a whole roster also whose
    grant was revoked lately, unless `also_revoked`. Where it takes two (`dual_control`), a request waits for
    a second supervisor instead. asker: who called for help; until: no grant runs longer. Raises Denied, or
    AlreadyDone if it is over.
    """
    emergency, contract = lock(emergency, contract)
    now = now or clock.database_now()
    policy.check_may_act(by, "grant", areas=emergency.areas.all(), contracts=[contract], at=now)
    check_is_open(emergency, now)
    wanted = None if entries is None else [entry.pk for entry in entries]
    standing = RosterEntry.objects.current(now).filter(contract=contract)
    if wanted is not None:
        standing = standing.filter(pk__in=wanted)
    not_ready = standing.exclude(pk__in=RosterEntry.objects.ready(now)).count()
    ready = to_grant(standing, emergency, now)
    left_out = 0
    if wanted is None and not also_revoked:
        revoked = ready.filter(person__in=revoked_lately(now).values("roster_entry__person"))
        left_out = revoked.count()
        ready = ready.exclude(pk__in=revoked.values("pk"))
    if dual_control.needs_two(contract, now):
        waiting, before = _wait(by, emergency, contract, ready, now, asker, until)
        return Given(waiting=waiting, not_ready=not_ready, left_out=left_out, asked_before=before)
    granted = write(by, emergency, contract, ready, now, until=until)
    return Given(granted, not_ready=not_ready, left_out=left_out)


def lock(emergency: Emergency, contract: DelegationContract) -> tuple[Emergency, DelegationContract]:
    """Both as they are now, and as they stay for the transaction: two clicks grant nobody twice.

    Whatever locks several rows takes emergencies first, then contracts, then requests, then the turnstile.
    """
    return (
        lock_emergency(emergency),
        DelegationContract.objects.select_for_update(no_key=True).get(pk=contract.pk),
    )


def lock_emergency(emergency: Emergency) -> Emergency:
    """The emergency as it is now, for this transaction alone to change."""
    return Emergency.objects.select_for_update(no_key=True).get(pk=emergency.pk)


def to_grant(standing, emergency: Emergency, now: datetime):
    """Those of the roster entries who are ready and hold no running grant in the emergency."""
    running = Grant.objects.running(now).filter(emergency=emergency)
    return standing.filter(pk__in=RosterEntry.objects.ready(now)).exclude(grants__in=running)


def revoked_lately(now: datetime):
    """The grants that were taken from their person within a day, the last first."""
    return Grant.objects.revoked_lately(now).order_by("-revoked_at", "-pk")


def revoked_lately_of(contracts: Iterable[DelegationContract]) -> list[Grant]:
    """The last grant that was lately taken from each of the people on the contracts' rosters."""
    now = clock.database_now()
    on_roster = RosterEntry.objects.current(now).filter(contract__in=contracts)
    grants = revoked_lately(now).filter(roster_entry__person__in=on_roster.values("person"))
    last: dict[int, Grant] = {}
    for grant in grants.select_related("roster_entry__person", "revoked_by", "emergency"):
        last.setdefault(grant.roster_entry.person_id, grant)
    return list(last.values())


@transaction.atomic
def give_to_rosters(
    by: Person,
    emergency: Emergency,
    contracts: Iterable[DelegationContract],
    entries: Iterable[RosterEntry] = (),
    now: datetime | None = None,
    *,
    also_revoked: bool = False,
) -> Given:
    """Grants to each contract's roster, or to those `entries` alone of a contract that has some among them.

    All of it or nothing; raises as `give` does. Permissions follow in the same transaction.
    """
    given, entries = Given(), list(entries)
    for contract in sorted(contracts, key=lambda one: one.pk):  # locked in the same order by everybody
        part = [entry for entry in entries if entry.contract_id == contract.pk]
        given += give(by, emergency, contract, part or None, now, also_revoked=also_revoked)
    reconcile()
    return given


def check_is_open(emergency: Emergency, now: datetime) -> None:
    """Raises AlreadyDone if the emergency is over."""
    if not Emergency.objects.open(now).filter(pk=emergency.pk).exists():
        raise AlreadyDone(_("This emergency is over already."))


def write(
    by: Person,
    emergency: Emergency,
    contract: DelegationContract,
    entries,
    now: datetime,
    second: Person | None = None,
    until: datetime | None = None,
) -> int:
    """Writes a grant for each of the roster entries, from now, and its entry; returns how many.

    A grant's clock starts now, whenever it was asked for, and runs no longer than the ceiling, nor than
    `until`. The contract's auditors are told at once.
    """
    until = min(emergency.expires_at, now + contract.max_grant, until or emergency.expires_at)
    chosen = list(entries.select_related("person", "contract"))
    grants = Grant.objects.bulk_create(
        (
            Grant(roster_entry=one, emergency=emergency, starts_at=now, ends_at=until, granted_by=by)
            for one in chosen
        ),
        batch_size=BATCH,
    )
    detail = {"contract": contract.title, "until": until.isoformat()}
    if second:
        detail["second"] = str(second)
    recording.decisions(
        recording.decided(
            "grant.given",
            grant,
            actor=by,
            subject_id=grant.roster_entry.person_id,
            emergency_id=emergency.pk,
            contract_id=contract.pk,
            grant_id=grant.pk,
            detail=detail | {"subject": str(grant.roster_entry.person)},
        )
        for grant in grants
    )
    if grants:
        notices.granted(emergency, contract, by, len(grants), now)
    return len(grants)


def extend(by: Person, grants, until: datetime) -> int:
    """Moves the end of those of the grants (a queryset) that end earlier to `until`, with an entry each."""
    running = list(
        grants.filter(ends_at__lt=until)
        .select_for_update(of=("self",))
        .select_related("roster_entry__person", "roster_entry__contract", "emergency")
    )
    Grant.objects.filter(pk__in=[grant.pk for grant in running]).update(ends_at=until)
    for grant in running:  # as they are stored now: the entries carry it
        grant.ends_at = until
    recording.decisions(
        recording.decided(
            "grant.extended",
            grant,
            actor=by,
            subject_id=grant.roster_entry.person_id,
            emergency_id=grant.emergency_id,
            contract_id=grant.roster_entry.contract_id,
            grant_id=grant.pk,
            detail={
                "subject": str(grant.roster_entry.person),
                "emergency": grant.emergency.name,
                "until": until.isoformat(),
            },
        )
        for grant in running
    )
    return len(running)


def opens(emergency: Emergency, contract: DelegationContract) -> dict:
    """What a grant of the emergency under the contract opens, as a request keeps it.

    areas: codes. items: delegated ones. until: the latest end (ISO 8601). hours: the longest grant.
    """
    return {
        "areas": codes_of(emergency),
        "items": items_of([contract]),
        "until": emergency.expires_at.isoformat(),
        "hours": contract.max_grant_hours,
    }


def codes_of(emergency: Emergency) -> list[str]:
    """The codes of the emergency's areas, in order."""
    return sorted(emergency.areas.order_by().values_list("code", flat=True))


def items_of(contracts: Iterable[DelegationContract]) -> list[str]:
    """The items that one of the contracts delegates, in order."""
    return sorted({item for contract in contracts for item in contract.delegated_items})


def check_opens_no_more(asked: dict, now: dict) -> None:
    """Raises Pointless where what is asked for would reach an area or an item that it did not say."""
    for what in ("areas", "items"):
        if more := sorted(set(now[what]) - set(asked.get(what, []))):
            raise requests.Pointless("wider", **{what: more})


def agreed(request: Request, by: Person) -> dict:
    """Carries out a request for grants to which a second supervisor agreed, for those still ready.

    Gives no more than the request says, neither longer. Returns what came of it; raises Denied, Pointless.
    """
    emergency, contract = lock_what_it_is_about(request)
    now = clock.database_now()
    policy.check_may_act(by, "grant", areas=emergency.areas.all(), contracts=[contract], at=now)
    check_is_open(emergency, now)
    asked = request.detail
    check_opens_no_more(asked, opens(emergency, contract))
    entries = RosterEntry.objects.filter(contract=contract, pk__in=asked["entries"])
    until = _latest_end(asked, now)
    ready = to_grant(entries, emergency, now)
    if until <= now or not ready.exists():
        raise requests.Pointless("nothing")
    count = write(request.asked_by, emergency, contract, ready, now, second=by, until=until)
    reconcile()
    return {"granted": count, "not_granted": len(asked["entries"]) - count}


def help_agreed(request: Request, by: Person) -> dict:
    """Grants what a contractor asked for; under dual control that in turn waits for a second supervisor.

    Gives no longer than the request says. Raises Denied, or Pointless where that would open more, or nothing.
    """
    emergency, contract = lock_what_it_is_about(request)
    check_opens_no_more(request.detail, opens(emergency, contract))
    entries = contract.roster.filter(pk__in=request.detail["entries"])
    until = _latest_end(request.detail, clock.database_now())
    given = give(by, emergency, contract, entries, asker=request.asked_by, until=until)
    if not given.granted and not given.waiting:
        raise requests.Pointless("nothing")
    reconcile()
    return {"granted": given.granted, "waiting": given.waiting}


def _latest_end(asked: dict, now: datetime) -> datetime:
    """When what a request asks for ends at the latest, agreed to at `now`."""
    return min(datetime.fromisoformat(asked["until"]), now + timedelta(hours=asked["hours"]))


def lock_what_it_is_about(request: Request) -> tuple[Emergency, DelegationContract]:
    """The emergency and the contract of a request for grants, locked."""
    assert request.emergency
    assert request.contract
    return lock(request.emergency, request.contract)


def _wait(
    by: Person,
    emergency: Emergency,
    contract: DelegationContract,
    ready,
    now: datetime,
    asker: Person | None,
    until: datetime | None,
) -> tuple[int, tuple[str, ...]]:
    """Asks a second supervisor to agree; returns for how many people, and who asked for others before."""
    before = Request.objects.waiting(now).filter(kind=Request.Kind.GRANT, emergency=emergency)
    waiting = {entry: one for one in before.select_related("asked_by") for entry in one.detail["entries"]}
    wanted = sorted(ready.values_list("pk", flat=True))
    entries = [entry for entry in wanted if entry not in waiting]
    if entries:
        latest = min(until or emergency.expires_at, emergency.expires_at)
        requests.ask(
            by,
            Request.Kind.GRANT,
            about=f"emergency {emergency.pk} contract {contract.pk} people {_digest(entries)}",
            lapses_at=min(now + WAITS_FOR, latest),
            emergency=emergency,
            contract=contract,
            subject=asker,
            detail={"entries": entries} | opens(emergency, contract) | {"until": latest.isoformat()},
        )
    first = dict.fromkeys(waiting[entry] for entry in wanted if entry in waiting)
    return len(entries), tuple(requests.asked_already(one) for one in first)


def _digest(entries: list[int]) -> str:
    """A short key of a set of roster entries, which may be a thousand."""
    return sha256(repr(entries).encode()).hexdigest()[:32]


@transaction.atomic
def ask_for_help(by: Person, emergency: Emergency, because: str) -> Request:
    """A contractor on a roster, without a running grant in the open emergency, asks for one.

    Raises Denied, Unfit without a sentence, AlreadyDone where a request waits or a grant runs.
    """
    policy.check_may(by, "access.ask_for_grant")
    because = because.strip()
    if not because:
        raise Unfit(_("Say in one sentence why you are needed."), "because")
    entry = _ready_entries(by, clock.database_now()).first()
    if entry is None:
        raise Denied("no_grant", emergency_id=emergency.pk)
    emergency, contract = lock(emergency, entry.contract)
    now = clock.database_now()
    if emergency not in emergencies_to_ask_for(by, now):
        raise Denied("no_grant", emergency_id=emergency.pk)
    if not _ready_entries(by, now).filter(pk=entry.pk).exists():  # suspended between the two
        raise Denied("contract_not_in_force", emergency_id=emergency.pk, contract_id=contract.pk)
    return requests.ask(
        by,
        Request.Kind.HELP,
        about=f"emergency {emergency.pk} person {by.pk}",
        lapses_at=min(now + WAITS_FOR, emergency.expires_at),
        emergency=emergency,
        contract=contract,
        because=because,
        detail={"entries": [entry.pk]} | opens(emergency, contract),
    )


def emergencies_to_ask_for(person: Person, at: datetime | None = None):
    """Open emergencies in which somebody ready on a roster holds no running grant, and so may ask."""
    at = at or clock.database_now()
    if not _ready_entries(person, at).exists():
        return Emergency.objects.none()
    running = Grant.objects.running(at).filter(roster_entry__person=person)
    return Emergency.objects.open(at).exclude(pk__in=running.values("emergency"))


def _ready_entries(person: Person, at: datetime):
    in_force = DelegationContract.objects.in_force(at)
    return RosterEntry.objects.ready(at).filter(person=person, contract__in=in_force)
