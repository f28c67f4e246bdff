"""Sealing the history: the one sealer puts what waits into the tree, and signs the tree's head.

An entry waits from the moment its transaction commits (a trigger notes it in `Unsealed`), whenever that
is and whatever its number: so one that commits late, or while a seal is made, is simply in the next. Its
leaf, its seal and the end of its waiting are one transaction.
"""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit import canonical
from audit.models import Seal, Unsealed
from audit.proof import SIGNED, key_id
from audit.signing import signing_key
from audit.tree import HistoryTree, add_leaves

#: The advisory lock of whoever seals: the order of the tree is one sealer's.
SEALING = 20230119
#: Entries of one seal, at most: a long run is several seals, and none of them a long transaction.
RUN = 10_000
#: An entry that has waited so long says that sealing does not work.
LATE = timedelta(minutes=15)
#: What is dated before, or later than so long from now, is no entry of this history's.
EARLIEST, SOON = datetime(2000, 1, 1, tzinfo=UTC), timedelta(minutes=5)


def seal_what_waits() -> int:
    """Seals all that waits, in runs; returns how many entries. Raises NoKey.

    Where another sealer is at work, this one leaves it to it.
    """
    count = 0
    while sealed := seal_a_run():
        count += sealed
    return count


@transaction.atomic
def seal_a_run() -> int:
    """Seals up to RUN entries that wait; returns how many. Raises NoKey."""
    key = signing_key()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SEALING])
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute("SELECT set_config('statement_timeout', '120s', true)")
    waiting = _waiting()
    rows = read_entries(waiting)
    if not rows:
        return 0
    before = Seal.objects.first()
    start = before.size if before else 0
    entries = [
        (row[canonical.ID], row[canonical.TIMESTAMP], row[canonical.KIND], canonical.canonical(row))
        for row in rows
    ]
    size = add_leaves(entries, start)
    made_at = timezone.now()
    head = _head(before, start, size, made_at, key_id(key.public_key()))
    Seal.objects.create(
        number=before.number + 1 if before else 1,
        start=start,
        size=size,
        made_at=made_at,
        key_id=key_id(key.public_key()),
        head=head,
        signature=key.sign(SIGNED + head.encode()),
    )
    Unsealed.objects.filter(entry_id__in=[pk for pk, *_ in entries]).delete()
    return len(entries)


def waiting_since() -> datetime | None:
    """The moment of the entry that has waited longest for its seal, or None."""
    return Unsealed.objects.order_by("timestamp").values_list("timestamp", flat=True).first()


def is_behind() -> bool:
    """Whether an entry has waited for its seal longer than it should ever."""
    since = waiting_since()
    return since is not None and since < timezone.now() - LATE


def read_entries(places: Sequence[tuple[int, datetime]]) -> list[Sequence[Any]]:
    """The entries of these (id, timestamp), in the order of their ids, as rows of canonical.COLUMNS.

    One that is not there is left out. The timestamps say in which months to look.
    """
    if not places:
        return []
    moments = [at for _, at in places]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {canonical.COLUMNS_SQL} FROM audit_logentry e WHERE e.id = ANY(%s) "
            'AND e."timestamp" BETWEEN %s AND %s ORDER BY e.id, e."timestamp"',
            [[pk for pk, _ in places], min(moments), max(moments)],
        )
        wanted = set(places)
        return [row for row in cursor if (row[canonical.ID], row[canonical.TIMESTAMP]) in wanted]


def _waiting() -> list[tuple[int, datetime]]:
    """What waits and can be sealed, the lowest numbers first.

    What cannot (no such entry, a number that is sealed already, a time to come) keeps nothing else waiting;
    the verifier names it.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            'SELECT u.entry_id, u."timestamp" FROM audit_unsealed u '
            'WHERE u."timestamp" BETWEEN %s AND statement_timestamp() + make_interval(secs => %s) '
            'AND EXISTS (SELECT FROM audit_logentry e WHERE e.id = u.entry_id AND e."timestamp" = u."timestamp") '
            "AND NOT EXISTS (SELECT FROM audit_sealedentry s WHERE s.entry_id = u.entry_id) "
            "ORDER BY u.entry_id LIMIT %s",
            [EARLIEST, SOON.total_seconds(), RUN],
        )
        return cursor.fetchall()


def _head(before: Seal | None, start: int, size: int, made_at: datetime, key: str) -> str:
    """What is signed: JSON with its keys in order, which names the history, the range, the root, the seal before.

    And the years for which entries are kept now: what is dropped is judged by the rule that was in force, and
    the key's owner signs it, not the database's.
    """
    return json.dumps(
        {
            "key": key,
            "log": json.loads(before.head)["log"] if before else str(uuid4()),
            "made_at": canonical.moment(made_at),
            "number": before.number + 1 if before else 1,
            "previous": sha256(before.head.encode()).hexdigest() if before else "",
            "root": HistoryTree().root(size).hex(),
            "size": size,
            "start": start,
            "years": dict(sorted(settings.HISTORY_YEARS.items())),
        },
        separators=(",", ":"),
    )
