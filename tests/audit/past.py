"""A past for tests: emergencies that were, and disclosures at any time, also such as the portal never makes."""

from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import F, Model, QuerySet
from django.utils import timezone
from guardian.shortcuts import assign_perm

from access.models import DelegationContract, Emergency, Grant, Person, RosterEntry
from audit import months, recording
from audit.models import LogEntry
from audit.record import STATED
from tests.world import HANAKO


def emergency(
    world, begins: datetime, hours: float = 6, *, is_ended: bool = True, grants_end: bool = True, **facts
) -> Emergency:
    """An emergency that was open for so many hours from then, all the roster granted through it, or for longer."""
    made = world.declare(**facts)
    ends = begins + timedelta(hours=hours)
    ended = {"ended_at": ends, "ended_by": world.supervisor} if is_ended else {}
    Emergency.objects.filter(pk=made.pk).update(declared_at=begins, expires_at=ends, **ended)
    Grant.objects.filter(emergency=made).update(starts_at=begins, **({"ends_at": ends} if grants_end else {}))
    RosterEntry.objects.filter(grants__emergency=made).update(added_at=begins - timedelta(days=1))
    made.refresh_from_db()
    is_decided(
        made, *Grant.objects.filter(emergency=made), *RosterEntry.objects.filter(grants__emergency=made)
    )
    return made


def is_decided(*rows: Model, at: datetime | None = None) -> None:
    """The history says of the rows what the tables say now, and said it at that moment (None: says it now).

    Else it would go on judging by what was decided.
    """
    if at:
        months.add(at, at)
    for one in rows:
        one.refresh_from_db()
        recording.decision(STATED, one, **({"timestamp": at} if at else {}))


def past_the_triggers(table: str, statement: str) -> None:
    """Changes a table past every trigger of ours, as whoever owns it can."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        cursor.execute(statement)
        cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER")


def reviewed_by_another_auditor(world, contract: DelegationContract) -> Person:
    """Gives a new auditor alone the right to review the contract: else nothing is granted under it."""
    another = Person.objects.create(
        username="auditor09", name="監査 九郎", role="auditor", organization=world.organizations["operator"]
    )
    assign_perm("access.review_contract", another, contract)
    return another


def second_contract(world, *, reviewed: bool, number: int | None = None) -> DelegationContract:
    """One more contract, with contractor03 alone on its roster; reviewed by the auditors, or by another one alone."""
    world.contract.refresh_from_db()
    fields = {f.name: getattr(world.contract, f.name) for f in DelegationContract._meta.fields}
    other = DelegationContract.objects.create(
        **fields
        | {"id": number, "title": "別の契約", "starts_at": world.contract.starts_at - timedelta(days=3650)}
    )
    person = world.people["contractor03"] = Person.objects.create(
        username="contractor03",
        name="受託 03",
        organization=world.organizations["affiliate"],
        role="contractor",
    )
    RosterEntry.objects.create(
        contract=other, person=person, trained_on=timezone.localdate(), added_by=world.supervisor
    )
    assign_perm("access.grant_under_contract", Group.objects.get(name="supervisor"), other)
    if reviewed:
        assign_perm("access.review_contract", Group.objects.get(name="auditor"), other)
    else:
        reviewed_by_another_auditor(world, other)
    return other


def past_the_trigger(statement: str) -> int:
    """Changes entries past the trigger that refuses it, which is put back as it was; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_logentry DISABLE TRIGGER history_is_append_only")
        cursor.execute(statement)
        count = cursor.rowcount
        cursor.execute("ALTER TABLE audit_logentry ENABLE ALWAYS TRIGGER history_is_append_only")
    return count


def reviews_opened_earlier(reviews: QuerySet, by: timedelta) -> None:
    """The reviews were opened that much earlier, and are due as much earlier; past the triggers' back."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE audit_review DISABLE TRIGGER review_stays")
        reviews.update(opened_at=F("opened_at") - by, due_at=F("due_at") - by)
        cursor.execute("ALTER TABLE audit_review ENABLE TRIGGER review_stays")


def disclosure(
    grant: Grant, at: datetime, *, number: str = HANAKO, event: str = "customer.opened", **facts
) -> LogEntry:
    """A customer shown to the grant's person at the moment, whether that could be or not."""
    months.add(at, at)
    entry = LogEntry(
        **{
            "kind": "disclosure",
            "event": event,
            "actor": grant.roster_entry.person,
            "basis": "live_grant",
            "inquiry_id": 1,
            "customer_id": 1,
            "object_repr": number,
            "supply_point_number": number,
            "area_code": "37201",
            "fields": ["name", "supply_point_number"],
            "grant_id": grant.pk,
            "emergency_id": grant.emergency_id,
            "contract_id": grant.roster_entry.contract_id,
            "timestamp": at,
        }
        | facts
    )
    entry.save()
    return entry
