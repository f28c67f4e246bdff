"""Emergencies and grants, from declaration to end: rules that change facts and write the history.

Each checks the policy, works in one transaction, and returns what it made. Refusal after an end does
not wait for anything here: `Grant.objects.live` asks the facts.
"""

from collections.abc import Collection, Iterable
from datetime import datetime

from auditlog.context import disable_auditlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Coalesce, Least, Now
from django.utils.translation import gettext as _

from access import policy
from access.errors import AlreadyDone
from access.models import (
    DelegationContract,
    Emergency,
    Grant,
    Person,
    RosterEntry,
    Session,
)
from access.reconcile import reconcile
from audit import recording
from customers.models import ServiceArea


def database_now() -> datetime:
    """The database's clock, an aware datetime: the one clock that decides."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        return cursor.fetchone()[0]


@transaction.atomic
def declare(
    by: Person,
    *,
    kind: str,
    name: str,
    areas: Collection[ServiceArea],
    expires_at: datetime,
    contracts: Iterable[DelegationContract] = (),
) -> Emergency:
    """Opens an emergency and grants it to the contracts' rosters: the contractors may look up at once.

    expires_at: aware, at most 72 hours away. Raises Denied if `by` may not declare, or not grant under
    one of the contracts; IntegrityError for what the database refuses.
    """
    policy.check_may(by, "access.declare_emergency")
    now = database_now()
    with disable_auditlog():  # one act, one entry: the decision below
        emergency = Emergency.objects.create(
            kind=kind, name=name, declared_at=now, declared_by=by, expires_at=expires_at
        )
        emergency.areas.set(areas)
    recording.decision(
        "emergency.declared",
        emergency,
        actor=by,
        emergency_id=emergency.pk,
        detail={
            "kind": kind,
            "areas": [area.name for area in areas],
            "area_codes": [area.code for area in areas],
            "until": expires_at.isoformat(),
        },
    )
    contracts = list(contracts)
    policy.check_may_grant_under(by, contracts)
    for contract in contracts:
        _grant(by, emergency, contract, now)
    reconcile()
    return emergency


@transaction.atomic
def end(emergency: Emergency, by: Person) -> Emergency:
    """Ends an open emergency now. Raises Denied, or AlreadyDone if it is over already."""
    policy.check_may(by, "access.end_emergency")
    ended = Emergency.objects.select_for_update().get(pk=emergency.pk)
    if ended.ended_at is not None or not Emergency.objects.open().filter(pk=ended.pk).exists():
        raise AlreadyDone(_("This emergency is over already."))
    ended.ended_at, ended.ended_by = database_now(), by
    with disable_auditlog():
        ended.save(update_fields=["ended_at", "ended_by"])
    recording.decision("emergency.ended", ended, actor=by, emergency_id=ended.pk)
    return ended


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
        count += 1
    return count


@transaction.atomic
def close_sessions_of_ended_grants() -> int:
    """Closes the sessions that lived by a grant which is over; returns how many.

    Such a session was signed in before the grant's end, and its person holds no live grant now. Who
    signs in afterwards keeps their session, and sees that nothing can be looked up.
    """
    over = (
        Grant.objects.exclude(pk__in=Grant.objects.live())
        .exclude(roster_entry__person__in=Grant.objects.live().values("roster_entry__person"))
        .annotate(
            over_at=Least(
                "ends_at",
                Coalesce("revoked_at", "ends_at"),
                Coalesce("emergency__ended_at", "emergency__expires_at"),
                Coalesce("roster_entry__removed_at", "ends_at"),
                Coalesce("roster_entry__contract__suspended_at", "ends_at"),
                Coalesce("roster_entry__contract__ended_at", "ends_at"),
                "roster_entry__contract__ends_at",
            )
        )
        .filter(
            over_at__lte=Now(),
            roster_entry__person__sessions__signed_in_at__lt=F("over_at"),
        )
    )
    keys = over.values_list("roster_entry__person__sessions__session_key", flat=True)
    sessions = list(
        Session.objects.select_for_update(of=("self",)).filter(pk__in=keys).select_related("person")
    )
    system = Person.objects.system()
    for session in sessions:
        recording.session("session.closed", system, about=session.person)
    Session.objects.filter(pk__in=[session.pk for session in sessions]).delete()
    return len(sessions)


def _grant(by: Person, emergency: Emergency, contract: DelegationContract, now: datetime) -> None:
    """Grants the emergency to everybody on the contract's roster, no longer than its ceiling."""
    entries = RosterEntry.objects.current(now).filter(contract=contract).select_related("person")
    until = min(emergency.expires_at, now + contract.max_grant)
    grants = Grant.objects.bulk_create(
        Grant(
            roster_entry=entry,
            emergency=emergency,
            starts_at=now,
            ends_at=until,
            granted_by=by,
        )
        for entry in entries
    )
    recording.decisions(
        recording.decided(
            "grant.given",
            grant,
            actor=by,
            subject_id=grant.roster_entry.person_id,
            emergency_id=emergency.pk,
            contract_id=contract.pk,
            grant_id=grant.pk,
            detail={
                "subject": str(grant.roster_entry.person),
                "contract": contract.title,
                "until": until.isoformat(),
            },
        )
        for grant in grants
    )
