"""Proofs for taking away: entries with their paths into the newest seal, and heads that continue one another.

What a file of `audit.proof` holds is made here; that module checks it, on any machine.
"""

from base64 import b64encode
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet

from access import policy
from access.people import Person
from audit import canonical, reading, recording
from audit.models import LogEntry, Seal, SealedEntry
from audit.proof import FORMAT
from audit.sealing import read_entries
from audit.tree import HistoryTree

#: Entries of one file, at most.
MOST = 10_000


class NothingSealed(Exception):
    """What was asked for is in no seal yet: it will be in some seconds."""


class TooMany(Exception):
    """More entries than one file holds."""


@transaction.atomic
def of_entries(reader: Person, entries: QuerySet[LogEntry], about: str) -> dict:
    """A proof file (as JSON) of those of the entries that the reader may read, in the newest seal.

    about: what they are of, for the history, in which the taking is written. Raises Denied,
    NothingSealed, TooMany.
    """
    policy.check_may(reader, "audit.read_history")
    visible = reading.visible_to(reader) & entries
    pks = list(visible.order_by().values_list("pk", flat=True)[: MOST + 1])
    if len(pks) > MOST:
        raise TooMany
    leaves = list(SealedEntry.objects.filter(entry_id__in=pks).order_by("position"))
    seal = Seal.objects.first()
    if seal is None or not leaves:
        raise NothingSealed
    leaves = [leaf for leaf in leaves if leaf.position < seal.size]
    recording.decision(
        "history.proof_taken", detail={"about": about, "count": len(leaves), "seal": seal.number}
    )
    return _file(seal) | {"entries": list(_proven(leaves, seal.size)), "left_out": len(pks) - len(leaves)}


@transaction.atomic
def of_seals(reader: Person, older: int, newer: int) -> dict:
    """A proof file (as JSON) that the history of the seal `newer` begins with that of the seal `older`.

    Raises Denied, or Seal.DoesNotExist where there is no such seal, or `newer` is not the newer one.
    """
    policy.check_may(reader, "audit.read_history")
    before, after = Seal.objects.get(number=older), Seal.objects.get(number=newer)
    if before.size >= after.size:
        raise Seal.DoesNotExist
    path = HistoryTree().consistency_path(before.size, after.size)
    recording.decision("history.proof_taken", detail={"about": f"{older}–{newer}", "count": 0, "seal": newer})
    return _file(after) | {"consistency": [_signed(before) | {"path": [digest.hex() for digest in path]}]}


def _file(seal: Seal) -> dict:
    return {"format": FORMAT} | _signed(seal)


def _signed(seal: Seal) -> dict:
    return {"head": seal.head, "signature": b64encode(bytes(seal.signature)).decode()}


def _proven(leaves: list[SealedEntry], size: int) -> Iterable[dict]:
    """Each leaf's entry, as it is stored now, with its path in the tree of `size` leaves."""
    tree = HistoryTree()
    rows = {row[canonical.ID]: row for row in read_entries([(e.entry_id, e.timestamp) for e in leaves])}
    for leaf in leaves:
        if leaf.entry_id in rows:
            yield {
                "position": leaf.position,
                "entry": canonical.canonical(rows[leaf.entry_id]).decode(),
                "path": [digest.hex() for digest in tree.inclusion_path(leaf.position, size)],
            }
