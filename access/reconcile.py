"""Makes contractors' object permissions on areas equal to what live grants say. Set-based, idempotent.

Two statements whatever the number of people; nothing is visible by a permission alone, so a late or
doubled run does no harm.
"""

from dataclasses import dataclass

from django.contrib.auth.models import Permission
from django.db import connection, transaction

from access.models import AreaUserPermission, Grant
from audit import recording


@dataclass(frozen=True)
class Reconciled:
    added: int
    removed: int


def reconcile() -> Reconciled:
    """Adds and removes area permissions until they equal the live grants; returns how many of each."""
    with transaction.atomic():
        consult = Permission.objects.get(content_type__app_label="customers", codename="consult_servicearea")
        done = Reconciled(added=_add(consult), removed=_remove(consult))
        if done.added or done.removed:
            recording.decision(
                "permissions.reconciled",
                detail={"added": done.added, "removed": done.removed},
            )
    return done


def _pairs() -> tuple[str, tuple]:
    """SQL of the (person, area) pairs that live grants reach."""
    pairs = Grant.objects.live().values_list("roster_entry__person_id", "emergency__areas").order_by()
    return pairs.exclude(emergency__areas=None).distinct().query.sql_with_params()


def _add(consult: Permission) -> int:
    sql, params = _pairs()
    table = AreaUserPermission._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (user_id, content_object_id, permission_id) "
            f"SELECT pair.*, %s FROM ({sql}) AS pair ON CONFLICT DO NOTHING",
            (consult.pk, *params),
        )
        return cursor.rowcount


def _remove(consult: Permission) -> int:
    sql, params = _pairs()
    table = AreaUserPermission._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"DELETE FROM {table} WHERE permission_id = %s AND (user_id, content_object_id) NOT IN ({sql})",
            (consult.pk, *params),
        )
        return cursor.rowcount
