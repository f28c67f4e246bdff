"""Emergencies, from declaration to end: rules that change facts and write the history.

Each checks the policy, works in one transaction, and returns what it made. Refusal after an end does
not wait for anything here: `Grant.objects.live` asks the facts.
"""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from uuid import UUID

from auditlog.context import disable_auditlog
from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from access import clock, dual_control, granting, notices, policy, requests
from access.errors import AlreadyDone, Unfit
from access.models import DelegationContract, Emergency, Grant, Person, Request, RosterEntry
from access.reconcile import reconcile
from audit import recording
from customers.models import ServiceArea

LONGEST = timedelta(hours=settings.EMERGENCY_MAX_HOURS)


@transaction.atomic
def declare(
    by: Person,
    *,
    kind: str,
    name: str,
    areas: Collection[ServiceArea],
    expires_at: datetime,
    contracts: Iterable[DelegationContract] = (),
    entries: Iterable[RosterEntry] = (),
    also_revoked: bool = False,
    is_drill: bool = False,
    form_token: UUID | None = None,
) -> Emergency:
    """Opens an emergency and grants it to the contracts' rosters: the contractors may look up at once.

    expires_at: aware, at most 72 hours away. entries, also_revoked: as `granting.give_to_rosters` takes
    them. Raises Denied if `by` may not declare, not in one of the areas, or not grant
    under one of the contracts; AlreadyDone if the form was sent before; IntegrityError for what the
    database refuses.
    """
    contracts = list(contracts)
    policy.check_may_act(by, "declare", areas=areas, contracts=contracts)
    now = clock.database_now()
    emergency = _open(
        kind=kind,
        name=name,
        is_drill=is_drill,
        declared_at=now,
        declared_by=by,
        expires_at=expires_at,
        form_token=form_token,
    )
    with disable_auditlog():  # one act, one entry: the decision below
        emergency.areas.set(areas)
    recording.decision(
        "emergency.drilled" if is_drill else "emergency.declared",
        emergency,
        actor=by,
        emergency_id=emergency.pk,
        detail={
            "kind": kind,
            "areas": [area.written for area in areas],
            "area_codes": [area.code for area in areas],
            "until": expires_at.isoformat(),
        },
    )
    notices.declared(emergency, contracts)
    granting.give_to_rosters(by, emergency, contracts, entries, now, also_revoked=also_revoked)
    return emergency


def _open(*, form_token: UUID | None, **facts) -> Emergency:
    try:
        with transaction.atomic(), disable_auditlog():
            return Emergency.objects.create(form_token=form_token, **facts)
    except IntegrityError:
        if form_token and Emergency.objects.filter(form_token=form_token).exists():
            raise AlreadyDone(_("This emergency is declared already: the form was sent twice.")) from None
        raise


@transaction.atomic
def extend(by: Person, emergency: Emergency, until: datetime, because: str) -> Emergency | Request:
    """Moves the end of an open emergency and of its running grants to `until`, never silently.

    No step reaches further from now than the shortest ceiling of the contracts granted in it. Where one
    of them takes two supervisors, the extension waits: the request is returned. Raises Denied,
    AlreadyDone if it is over, Unfit for a time that does not fit or without a reason.
    """
    emergency = _still_open(emergency)
    now = clock.database_now()
    contracts = contracts_running(emergency, now)
    policy.check_may_act(by, "extend", areas=emergency.areas.all(), contracts=contracts, at=now)
    because = because.strip()
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    check_extension(emergency, _running(emergency, now), until, now)
    if any(dual_control.needs_two(contract, now) for contract in contracts):
        return requests.ask(
            by,
            Request.Kind.EXTENSION,
            about=f"emergency {emergency.pk}",
            lapses_at=min(now + granting.WAITS_FOR, emergency.expires_at),
            emergency=emergency,
            because=because,
            detail={
                "until": until.isoformat(),
                "grants": sorted(_running(emergency, now).values_list("pk", flat=True)),
                "areas": granting.codes_of(emergency),
                "items": granting.items_of(contracts),
            },
        )
    return _extend(by, emergency, _running(emergency, now), until, because)


def _running(emergency: Emergency, at: datetime):
    return Grant.objects.running(at).filter(emergency=emergency)


def contracts_running(emergency: Emergency, at: datetime | None = None) -> list[DelegationContract]:
    """The contracts under which grants run in the emergency."""
    at = at or clock.database_now()
    return _contracts_of(_running(emergency, at))


def _contracts_of(grants) -> list[DelegationContract]:
    return list(DelegationContract.objects.filter(pk__in=grants.values("roster_entry__contract")))


def furthest(contracts: Iterable[DelegationContract], now: datetime) -> datetime:
    """How far an extension may reach: the shortest ceiling of the contracts from now, 72 hours at most."""
    return now + min([contract.max_grant for contract in contracts] + [LONGEST])


def check_extension(emergency: Emergency, grants, until: datetime, now: datetime) -> None:
    """Raises Unfit unless `until` is later than what there is of the grants (a queryset), and within one step."""
    contracts = _contracts_of(grants)
    shorter = grants.filter(ends_at__lt=until)
    if until <= now or (until <= emergency.expires_at and not shorter.exists()):
        raise Unfit(_("Choose a time later than the present end."), "until")
    if until > furthest(contracts, now):
        hours = int((furthest(contracts, now) - now).total_seconds() // 3600)
        raise Unfit(
            _("One step reaches at most %(hours)d hours from now, the contract's ceiling.")
            % {"hours": hours},
            "until",
        )


def extension_agreed(request: Request, by: Person) -> dict:
    """Carries out an extension to which a second supervisor agreed, for the grants that it was asked for.

    Returns what came of it. Raises Denied, Unfit, or Pointless where it would open more than it says.
    """
    assert request.emergency
    asked = request.detail
    emergency = _still_open(request.emergency)
    now = clock.database_now()
    until = datetime.fromisoformat(asked["until"])
    grants = _running(emergency, now).filter(pk__in=asked.get("grants", []))
    contracts = _contracts_of(grants)
    policy.check_may_act(by, "extend", areas=emergency.areas.all(), contracts=contracts, at=now)
    opens = {"areas": granting.codes_of(emergency), "items": granting.items_of(contracts)}
    granting.check_opens_no_more(asked, opens)
    check_extension(emergency, grants, until, now)
    _extend(request.asked_by, emergency, grants, until, request.because, second=by)
    return {"until": asked["until"]}


def _extend(
    by: Person, emergency: Emergency, grants, until: datetime, because: str, second: Person | None = None
) -> Emergency:
    if until > emergency.expires_at:
        emergency.expires_at = until
        with disable_auditlog():
            emergency.save(update_fields=["expires_at"])
    count = granting.extend(by, grants, until)
    recording.decision(
        "emergency.extended",
        emergency,
        actor=by,
        emergency_id=emergency.pk,
        detail={"until": until.isoformat(), "because": because, "count": count}
        | ({"second": str(second)} if second else {}),
    )
    return emergency


@transaction.atomic
def change_areas(by: Person, emergency: Emergency, areas: Collection[ServiceArea]) -> Emergency:
    """Makes `areas` the areas of an open emergency: its grants reach them, and no other, from now on.

    Raises Denied unless `by` may decide in each area, before and after, and grant under the contracts that
    reach further; Unfit without an area, with one that does not fit a drill or a real emergency, or when
    nothing changes.
    """
    clock.be_patient()
    emergency = _still_open(emergency)
    now = clock.time_of_ending()
    before, after = set(emergency.areas.all()), set(areas)
    added, removed = after - before, before - after
    running = contracts_running(emergency, now)
    act = "add areas" if added else "take areas away"
    policy.check_may_act(by, act, areas=before | after, contracts=running, at=now)
    _check_areas(emergency, before, after)
    for contract in running if added else ():
        if dual_control.needs_two(contract, now):
            alone = _("Under dual control no area is added by one supervisor: declare another emergency.")
            raise Unfit(" ".join([alone, *dual_control.why_two(contract, now)]), "areas")
    with disable_auditlog():
        emergency.areas.set(after)
    recording.decision(
        "emergency.areas_changed",
        emergency,
        actor=by,
        emergency_id=emergency.pk,
        detail={
            "added": [area.written for area in sorted(added, key=lambda area: area.code)],
            "removed": [area.written for area in sorted(removed, key=lambda area: area.code)],
        },
    )
    reconcile()
    return emergency


def _check_areas(emergency: Emergency, before: set[ServiceArea], after: set[ServiceArea]) -> None:
    if not after:
        raise Unfit(_("Choose at least one area."), "areas")
    if any(area.is_training != emergency.is_drill for area in after - before):
        raise Unfit(_("A drill has training areas alone, and nothing else has them."), "areas")
    if before == after:
        raise Unfit(_("These are its areas already."), "areas")


@transaction.atomic
def end(emergency: Emergency, by: Person) -> Emergency:
    """Ends an open emergency now, and writes off what waits for it. Raises Denied, or AlreadyDone if it is over."""
    policy.check_may_act(by, "end", areas=emergency.areas.all())
    clock.be_patient()
    ended = granting.lock_emergency(emergency)
    waiting = Request.objects.filter(emergency=ended, answered_at=None)
    requests.write_off(waiting, "ended")
    now = clock.time_of_ending()
    granting.check_is_open(ended, now)
    ended.ended_at, ended.ended_by = now, by
    with disable_auditlog():
        ended.save(update_fields=["ended_at", "ended_by"])
    recording.decision("emergency.ended", ended, actor=by, emergency_id=ended.pk)
    notices.ended(ended)
    return ended


def _still_open(emergency: Emergency) -> Emergency:
    """The emergency as it is now, locked; AlreadyDone if it is over."""
    fresh = granting.lock_emergency(emergency)
    granting.check_is_open(fresh, clock.database_now())
    return fresh


@transaction.atomic
def end_what_is_due() -> int:
    """Writes the end of every emergency whose expiry passed, the system as the actor; returns how many.

    The end is the expiry's own moment: nothing was disclosed after it, however late this runs.
    """
    due = Emergency.objects.due().select_for_update(skip_locked=True)
    system = Person.objects.system()
    count = 0
    for emergency in due:
        emergency.ended_at, emergency.ended_by = emergency.expires_at, system
        with disable_auditlog():
            emergency.save(update_fields=["ended_at", "ended_by"])
        recording.decision("emergency.expired", emergency, emergency_id=emergency.pk, actor=system)
        notices.ended(emergency)
        count += 1
    return count
