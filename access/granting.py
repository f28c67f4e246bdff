"""Giving and taking grants: to a roster or a part of it, to one who asked; one of them, or all of a person.

Each rule checks the policy, works set-based in one transaction, and returns what it did. Whatever takes
away asks `clock.time_of_ending` for its moment.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, dual_control, policy
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
    """What came of granting: how many hold a grant now, how many wait, how many were not ready."""

    granted: int = 0
    waiting: int = 0
    not_ready: int = 0

    def __add__(self, other: "Given") -> "Given":
        return Given(
            self.granted + other.granted, self.waiting + other.waiting, self.not_ready + other.not_ready
        )


@transaction.atomic
def give(
    by: Person,
    emergency: Emergency,
    contract: DelegationContract,
    entries: Iterable[RosterEntry] | None = None,
    now: datetime | None = None,
) -> Given:
    """Grants an open emergency to the contract's roster, or to those `entries` of it alone, from `now`.

    Whoever is untrained, or holds a running grant in it already, is passed over. Where it takes two
    (`dual_control`), a request waits for a second supervisor instead. Raises Denied, or AlreadyDone if the emergency is over.
    """
    policy.check_may(by, "access.give_grant")
    policy.check_may_grant_under(by, [contract])
    # One at a time for an emergency: two clicks grant nobody twice
    emergency = Emergency.objects.select_for_update().get(pk=emergency.pk)
    now = now or clock.database_now()
    check_is_open(emergency, now)
    wanted = None if entries is None else [entry.pk for entry in entries]
    standing = RosterEntry.objects.current(now).filter(contract=contract)
    if wanted is not None:
        standing = standing.filter(pk__in=wanted)
    ready = standing.filter(pk__in=RosterEntry.objects.ready(now)).exclude(
        grants__in=Grant.objects.filter(emergency=emergency, revoked_at=None, ends_at__gt=now)
    )
    not_ready = standing.exclude(pk__in=RosterEntry.objects.ready(now)).count()
    if dual_control.needs_two(contract, now):
        return Given(waiting=_wait(by, emergency, contract, ready, now), not_ready=not_ready)
    return Given(granted=write(by, emergency, contract, ready, now), not_ready=not_ready)


@transaction.atomic
def give_to_rosters(
    by: Person,
    emergency: Emergency,
    contracts: Iterable[DelegationContract],
    entries: Iterable[RosterEntry] = (),
    now: datetime | None = None,
) -> Given:
    """Grants to each contract's roster, or to those `entries` alone of a contract that has some among them.

    All of it or nothing; raises as `give` does. Permissions follow in the same transaction.
    """
    given, entries = Given(), list(entries)
    for contract in contracts:
        part = [entry for entry in entries if entry.contract_id == contract.pk]
        given += give(by, emergency, contract, part or None, now)
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
) -> int:
    """Writes a grant for each of the roster entries, from now, and its entry; returns how many.

    A grant's clock starts now, whenever it was asked for, and runs no longer than the ceiling.
    """
    until = min(emergency.expires_at, now + contract.max_grant)
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
    return len(grants)


def extend(
    by: Person, emergency: Emergency, contracts: Iterable[DelegationContract], until: datetime, now: datetime
) -> int:
    """Moves the end of the emergency's grants that run at `now` under the contracts to `until`, with an entry each."""
    running = list(
        Grant.objects.filter(emergency=emergency, revoked_at=None, ends_at__gt=now, ends_at__lt=until)
        .filter(roster_entry__contract__in=contracts)
        .select_for_update(of=("self",))
        .select_related("roster_entry__person", "roster_entry__contract")
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
            emergency_id=emergency.pk,
            contract_id=grant.roster_entry.contract_id,
            grant_id=grant.pk,
            detail={
                "subject": str(grant.roster_entry.person),
                "emergency": emergency.name,
                "until": until.isoformat(),
            },
        )
        for grant in running
    )
    return len(running)


@transaction.atomic
def revoke(by: Person, grants, because: str) -> int:
    """Revokes those of the grants (a queryset) that still run, at this moment; returns how many.

    Raises Denied, Unfit without a reason, AlreadyDone if none of them runs.
    """
    policy.check_may(by, "access.revoke_grant")
    because = because.strip()
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    now = clock.time_of_ending()
    count = write_revocations(by, grants, because, now)
    if not count:
        raise AlreadyDone(_("None of these grants runs any more."))
    reconcile()
    return count


def revoke_all_of(by: Person, person: Person, because: str) -> int:
    """Revokes every running grant of a person, as `revoke` does."""
    return revoke(by, Grant.objects.filter(roster_entry__person=person), because)


def write_revocations(by: Person, grants, because: str, now: datetime) -> int:
    """Writes the revocation of those grants that run at `now` (a time of ending), with an entry each."""
    running = list(
        grants.filter(revoked_at=None, ends_at__gt=now)
        .select_for_update(of=("self",))
        .select_related("roster_entry__person", "roster_entry__contract", "emergency")
    )
    Grant.objects.filter(pk__in=[grant.pk for grant in running]).update(
        revoked_at=now, revoked_by=by, revoked_because=because
    )
    for grant in running:  # as they are stored now: the entries carry it
        grant.revoked_at, grant.revoked_by, grant.revoked_because = now, by, because
    recording.decisions(
        recording.decided(
            "grant.revoked",
            grant,
            actor=by,
            subject_id=grant.roster_entry.person_id,
            emergency_id=grant.emergency_id,
            contract_id=grant.roster_entry.contract_id,
            grant_id=grant.pk,
            detail={
                "subject": str(grant.roster_entry.person),
                "emergency": grant.emergency.name,
                "because": because,
            },
        )
        for grant in running
    )
    return len(running)


def agreed(request: Request, by: Person) -> Given:
    """Carries out a request for grants to which a second supervisor agreed, for those still ready."""
    assert request.emergency
    assert request.contract
    policy.check_may_grant_under(by, [request.contract])
    now = clock.database_now()
    check_is_open(request.emergency, now)
    ready = (
        RosterEntry.objects.ready(now)
        .filter(contract=request.contract, pk__in=request.detail["entries"])
        .exclude(
            grants__in=Grant.objects.filter(emergency=request.emergency, revoked_at=None, ends_at__gt=now)
        )
    )
    count = write(request.asked_by, request.emergency, request.contract, ready, now, second=by)
    reconcile()
    return Given(granted=count, not_ready=len(request.detail["entries"]) - count)


def _wait(by: Person, emergency: Emergency, contract: DelegationContract, ready, now: datetime) -> int:
    """Asks a second supervisor to agree; returns for how many people."""
    entries = list(ready.values_list("pk", flat=True))
    if entries:
        ask(
            by,
            Request.Kind.GRANT,
            lapses_at=min(now + WAITS_FOR, emergency.expires_at),
            emergency=emergency,
            contract=contract,
            detail={"entries": entries},
        )
    return len(entries)


def ask(by: Person, kind: str, *, lapses_at: datetime, detail: dict, **facts) -> Request:
    """Files a request that waits for a second person; the history says who asked for what."""
    request = Request.objects.create(kind=kind, asked_by=by, lapses_at=lapses_at, detail=detail, **facts)
    recording.decision(
        "request.made",
        request,
        actor=by,
        emergency_id=request.emergency_id,
        contract_id=request.contract_id,
        subject_id=request.subject_id,
        detail={"request_kind": request.kind, "because": request.because}
        | ({"subject": str(request.subject)} if request.subject else {}),
    )
    return request


@transaction.atomic
def ask_for_help(by: Person, emergency: Emergency, because: str) -> Request:
    """A contractor on a roster, without a running grant in the open emergency, asks for one.

    Raises Denied, Unfit without a sentence, AlreadyDone where a request waits or a grant runs.
    """
    policy.check_may(by, "access.ask_for_grant")
    now = clock.database_now()
    if emergency not in emergencies_to_ask_for(by, now):
        raise Denied("no_grant", emergency_id=emergency.pk)
    because = because.strip()
    if not because:
        raise Unfit(_("Say in one sentence why you are needed."), "because")
    Person.objects.select_for_update().get(pk=by.pk)  # two clicks are one request
    Request.objects.lapsed(now).filter(asked_by=by, kind=Request.Kind.HELP).update(
        answer=Request.Answer.LAPSED, answered_at=now, answered_by=Person.objects.system()
    )
    if Request.objects.filter(
        kind=Request.Kind.HELP, asked_by=by, emergency=emergency, answered_at=None
    ).exists():
        raise AlreadyDone(_("You have asked already; a supervisor sees your request."))
    entry = RosterEntry.objects.ready(now).filter(person=by, contract__in=_in_force(now)).first()
    if entry is None:
        raise Denied("not_on_roster", emergency_id=emergency.pk)
    return ask(
        by,
        Request.Kind.HELP,
        lapses_at=min(now + WAITS_FOR, emergency.expires_at),
        emergency=emergency,
        contract=entry.contract,
        because=because,
        detail={"entries": [entry.pk]},
    )


def emergencies_to_ask_for(person: Person, at: datetime | None = None):
    """Open emergencies in which somebody ready on a roster holds no running grant, and so may ask."""
    at = at or clock.database_now()
    on_a_roster = RosterEntry.objects.ready(at).filter(person=person, contract__in=_in_force(at))
    if not on_a_roster.exists():
        return Emergency.objects.none()
    running = Grant.objects.filter(roster_entry__person=person, revoked_at=None, ends_at__gt=at)
    return Emergency.objects.open(at).exclude(pk__in=running.values("emergency"))


def _in_force(at: datetime):
    return DelegationContract.objects.in_force(at)
