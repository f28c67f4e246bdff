"""Proofs for taking away: entries with their paths into the newest seal, and heads that continue one another.

What a file of `audit.proof` holds is made here; that module checks it, on any machine.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from access import policy
from access.errors import Unfit
from access.people import Person
from audit import canonical, filters, recording
from audit.models import LogEntry, Seal, SealedEntry
from audit.proof import FORMAT
from audit.sealing import read_entries
from audit.tree import HistoryTree

#: Entries of one file, at most.
MOST = 10_000


@transaction.atomic
def of_filtered(reader: Person, wanted: Mapping[str, Any]) -> dict:
    """A proof file (as JSON) of the entries that the filters show the reader, in the newest seal.

    wanted: as `HistoryFilter` cleans them. Raises Denied, or Unfit where there is nothing to prove, or too much.
    """
    policy.check_may(reader, "audit.read_history")
    entries = filters.shown(reader, wanted, most=MOST + 1)
    if len(entries) > MOST:
        raise Unfit(_("A proof holds %(most)d entries at most: choose narrower filters.") % {"most": MOST})
    proof = _of(entries)
    recording.decision(
        "history.proof_taken",
        actor=reader,
        detail={"filters": filters.as_json(wanted), "count": len(proof["entries"])},
    )
    return proof


@transaction.atomic
def of_entry(reader: Person, pk: int) -> dict:
    """A proof file (as JSON) of one entry. Raises Denied, Unfit, or LogEntry.DoesNotExist."""
    policy.check_may(reader, "audit.read_history")
    entry = filters.visible_to(reader).get(pk=pk)
    proof = _of([entry])
    recording.decision("history.entry_proven", actor=reader, detail={"entry": pk})
    return proof


@transaction.atomic
def of_seals(reader: Person, older: int, newer: int) -> dict:
    """A proof file (as JSON) that the history of the seal `newer` begins with that of the seal `older`.

    Raises Denied, or Unfit where there is no such seal or `newer` is not the newer one.
    """
    policy.check_may(reader, "audit.read_history")
    if older >= newer:
        raise Unfit(_("Choose a seal that is newer than the other."), "newer")
    seals = Seal.objects.in_bulk([older, newer])
    for field, number in (("older", older), ("newer", newer)):
        if number not in seals:
            raise Unfit(_("There is no such seal."), field)
    before, after = seals[older], seals[newer]
    path = HistoryTree().consistency_path(before.size, after.size)
    recording.decision("history.seals_proven", actor=reader, detail={"older": older, "newer": newer})
    return _file(after) | {"consistency": [before.signed | {"path": [digest.hex() for digest in path]}]}


def _of(entries: list[LogEntry]) -> dict:
    seal = Seal.objects.first()
    leaves = (
        SealedEntry.objects.filter(entry_id__in=[entry.pk for entry in entries], position__lt=seal.size)
        if seal
        else SealedEntry.objects.none()
    )
    proven = list(_proven(list(leaves.order_by("position")), seal.size)) if seal else []
    if seal is None or not proven:
        raise Unfit(_("None of this is sealed yet: try again in a minute."))
    # what came after the seal, or was archived and dropped, is not in the file: that is said in it
    return _file(seal) | {"entries": proven, "left_out": len(entries) - len(proven)}


def _file(seal: Seal) -> dict:
    return {"format": FORMAT} | seal.signed


def _proven(leaves: list[SealedEntry], size: int) -> Iterator[dict]:
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
