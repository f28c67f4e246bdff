"""Makes contractors' object permissions on areas equal to what live grants say. Set-based, idempotent.

Two statements whatever the number of people, and none when nothing changed: triggers mark what does,
and the last run says until when no window closes. Nothing is visible by a permission alone, so a late
or doubled run does no harm.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.db.models import Min
from django.db.models.functions import Now

from access.clock import database_now
from access.models import (
    AreaUserPermission,
    DelegationContract,
    Emergency,
    Grant,
    Reconciliation,
    Unreconciled,
)
from audit import recording

#: The advisory lock of whoever reconciles: two at once could undo each other's work.
RECONCILING = 20230120


@dataclass(frozen=True)
class Reconciled:
    added: int
    removed: int


def reconcile() -> Reconciled:
    """Adds and removes area permissions until they equal the live grants; returns how many of each."""
    with transaction.atomic():
        _wait_for_others()
        marks = list(Unreconciled.objects.values_list("pk", flat=True))
        if not marks and Reconciliation.objects.filter(right_until__gt=Now()).exists():
            return Reconciled(0, 0)
        at = database_now()
        done = _make_equal()
        Unreconciled.objects.filter(pk__in=marks).delete()
        Reconciliation.objects.update_or_create(pk=1, defaults={"right_until": _next_closing(at)})
        if done.added or done.removed:
            recording.decision(
                "permissions.reconciled",
                detail={"added": done.added, "removed": done.removed},
            )
    return done


def _wait_for_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [RECONCILING])


def _next_closing(at: datetime) -> datetime:
    """The next moment after `at` at which something starts or stops by itself, a day ahead at most."""
    moments = [
        rows.filter(**{f"{field}__gt": at}).aggregate(next=Min(field))["next"]
        for rows, field in (
            (Grant.objects.live(at), "ends_at"),
            (Grant.objects.all(), "starts_at"),
            (Emergency.objects.open(at), "expires_at"),
            (DelegationContract.objects.all(), "starts_at"),
            (DelegationContract.objects.all(), "ends_at"),
        )
    ]
    return min([moment for moment in moments if moment] + [at + timedelta(days=1)])


def _make_equal() -> Reconciled:
    consult = Permission.objects.get(codename="consult_servicearea")
    with connection.cursor() as cursor:
        # The grants of this moment are in no statistics yet: where PostgreSQL takes them for a few, as after
        # a declaration that failed, a nested loop compares each with each for as long as a statement may last
        switch = "SELECT set_config('portal.reconciling', %s, true), set_config('enable_nestloop', %s, true)"
        cursor.execute(switch, ["on", "off"])
        done = Reconciled(added=_add(cursor, consult), removed=_remove(cursor, consult))
        cursor.execute(switch, ["off", "on"])
    return done


def _pairs() -> tuple[str, tuple]:
    """SQL of the (person, area) pairs that live grants reach."""
    pairs = Grant.objects.live().values_list("roster_entry__person_id", "emergency__areas").order_by()
    return pairs.exclude(emergency__areas=None).distinct().query.sql_with_params()


def _add(cursor, consult: Permission) -> int:
    sql, params = _pairs()
    table = AreaUserPermission._meta.db_table
    cursor.execute(
        f"INSERT INTO {table} (user_id, content_object_id, permission_id) "
        f"SELECT pair.*, %s FROM ({sql}) AS pair ON CONFLICT DO NOTHING",
        (consult.pk, *params),
    )
    return cursor.rowcount


def _remove(cursor, consult: Permission) -> int:
    sql, params = _pairs()
    table = AreaUserPermission._meta.db_table
    cursor.execute(
        # Not NOT IN: over a few MB of pairs PostgreSQL hashes no such subquery, and compares each with each
        f"DELETE FROM {table} AS held WHERE permission_id = %s AND NOT EXISTS ("
        f"SELECT FROM ({sql}) AS pair (user_id, area_id) "
        "WHERE pair.user_id = held.user_id AND pair.area_id = held.content_object_id)",
        (consult.pk, *params),
    )
    return cursor.rowcount
