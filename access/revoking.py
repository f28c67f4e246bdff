"""Taking grants: marked ones of an emergency, or all of a person where one may decide.

Whatever takes away asks `clock.time_of_ending` for its moment, and counts what runs: `Grant.objects.running`.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from access import clock, policy
from access.errors import AlreadyDone, Denied, Unfit
from access.models import Grant, Person
from access.reconcile import reconcile
from audit import recording
from customers.models import ServiceArea


@dataclass(frozen=True)
class Revoked:
    """How many grants were revoked, and how many stay in emergencies that are not one's own to decide on."""

    count: int
    left: int = 0


@transaction.atomic
def revoke(by: Person, grants, because: str) -> Revoked:
    """Revokes those of the grants (a queryset) that still run, at this moment.

    Raises Denied unless `by` may decide on each of their emergencies, Unfit without a reason, AlreadyDone
    if none of them runs.
    """
    areas = ServiceArea.objects.filter(emergencies__grants__in=grants).distinct()
    policy.check_may_act(by, "revoke", areas=areas)
    because = because.strip()
    if not because:
        raise Unfit(_("Say why: the reason is written into the history."), "because")
    now = clock.time_of_ending()
    count = write_revocations(by, grants, because, now)
    if not count:
        raise AlreadyDone(_("None of these grants runs any more."))
    reconcile()
    return Revoked(count)


@transaction.atomic
def revoke_all_of(by: Person, person: Person, because: str) -> Revoked:
    """Revokes every running grant of a person in the emergencies that `by` may decide on.

    Raises as `revoke` does, and Denied where the person's grants all run in other emergencies.
    """
    running = Grant.objects.running().filter(roster_entry__person=person)
    mine = running.filter(emergency__in=policy.emergencies_to_decide_on(by))
    left = running.count() - mine.count()
    if left and not mine.exists():
        raise Denied("area_not_yours")
    return Revoked(revoke(by, mine, because).count, left)


def write_revocations(by: Person, grants, because: str, now: datetime, *, with_contract: bool = False) -> int:
    """Writes the revocation of those grants that run at `now` (a time of ending), with an entry each.

    with_contract: everybody's under the contract is revoked, which says nothing of a person.
    """
    running = list(
        grants.filter(pk__in=Grant.objects.running(now))
        .select_for_update(of=("self",))
        .select_related("roster_entry__person", "roster_entry__contract", "emergency")
    )
    Grant.objects.filter(pk__in=[grant.pk for grant in running]).update(
        revoked_at=now, revoked_by=by, revoked_because=because, revoked_with_contract=with_contract
    )
    for grant in running:  # as they are stored now: the entries carry it
        grant.revoked_at, grant.revoked_by, grant.revoked_because = now, by, because
        grant.revoked_with_contract = with_contract
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
