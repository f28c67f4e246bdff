"""The way through the leaves of the history, seal by seal: each entry, subtree and root computed again.

What is gone is let pass where a sealed entry says that it was dropped, and it was due.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from django.conf import settings
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit import archiving, canonical
from audit.faults import MOST, Outcome
from audit.models import LogEntry, Node, Seal, SealedEntry
from audit.proof import NotProven, SignedHead, check_head, leaf_hash, node_hash, read_json
from audit.sealing import SOON, read_entries
from audit.signing import trusted_keys
from audit.tree import FAN, HistoryTree

#: A transaction is over by then: an entry sealed later than that after an earlier seal was put in.
LONGEST_TRANSACTION = timedelta(hours=1)
#: The widths of the subtrees that `Node` keeps.
KEPT = {FAN**n for n in range(1, 8)}


class Walk:
    """The way through the leaves, in order, seal by seal: what is known at the present position."""

    def __init__(self, outcome: Outcome, since: datetime | None, archived: set[int]):
        self.outcome = outcome
        self.keys = trusted_keys()
        self.archived = archived
        #: What is gone, by month and kind: how many, and the first of them.
        self.gone: dict[tuple[str, str], list] = {}
        #: The last leaf of now; a seal of its own transaction covers it, and the seals are read after it.
        last = SealedEntry.objects.order_by("-position").values_list("position", flat=True).first()
        self.end = 0 if last is None else last + 1
        newest = Seal.objects.first()
        self.last_number = newest.number if newest else 0
        if newest and newest.size > self.end:
            self.end = newest.size
        self.position = 0
        self.peaks: list[tuple[int, bytes]] = []
        self.head: SignedHead | None = None
        self.astray = False  # a root was wrong: all later ones are, and say no more
        self.last_entry = 0
        self.earliest: datetime | None = None
        self.number = 0
        seals = Seal.objects.order_by("number")
        if since:
            self._begin_after(seals.filter(made_at__lt=since).last())
        self.to_come = seals.filter(number__gt=self.number, number__lte=self.last_number).iterator()
        self.seal: Seal | None = None
        self.before: SignedHead | None = self.head
        self._next_seal()

    def left(self) -> int:
        """How many leaves there are from here on."""
        return max(self.end - self.position, 0)

    def pieces(self, size: int) -> Iterator[list[SealedEntry]]:
        """The leaves from here on, `size` at once."""
        while piece := list(
            SealedEntry.objects.filter(position__gte=self.position, position__lt=self.end).order_by(
                "position"
            )[:size]
        ):
            yield piece
            self.position = piece[-1].position + 1

    def go_on(self, piece: list[SealedEntry]) -> None:
        """Compares a piece of leaves with their entries, and each seal that ends in it with its root."""
        places = [(leaf.entry_id, leaf.timestamp) for leaf in piece]
        digests: dict[int, bytes] = {}
        for row in read_entries(places):
            if row[canonical.ID] in digests:
                self.outcome.add("entry_doubled", entry=row[canonical.ID], position="–", seal="–")
            digests[row[canonical.ID]] = leaf_hash(canonical.canonical(row))
        nodes: list[tuple[int, int, bytes]] = []
        for leaf in piece:
            if leaf.position > self.position:
                self.outcome.add("leaf_missing", position=self.position, seal=self._seal_number())
                self.astray = True
                while self.seal and self.seal.size <= leaf.position:
                    self._next_seal()
            self.position = leaf.position
            if self.seal is None:
                self.outcome.add("leaf_beyond", position=leaf.position, entry=leaf.entry_id)
                return
            self._check_entry(leaf, digests.get(leaf.entry_id))
            nodes.extend(self._grow(bytes(leaf.digest)))
            self.position += 1
            if self.position == self.seal.size:
                self._end_seal()
        self._check_nodes(nodes)

    def stop(self) -> None:
        """There are no more leaves: is there a seal that names more? And may be gone what is?"""
        if self.seal is not None:
            self.outcome.add("leaf_missing", position=self.position, seal=self.seal.number)
        if self.gone:
            self._judge_what_is_gone()

    def _judge_what_is_gone(self) -> None:
        """What is gone may be where a sealed entry says that it was dropped, rightly and in just that number."""
        excused: set[tuple[str, str]] = set()
        for drop in _drops(self.outcome, self.keys):
            if any((drop.month, kind) in self.gone for kind in drop.kinds):
                excused |= {(drop.month, kind) for kind in drop.kinds}
        for key, (count, first) in self.gone.items():
            if key in excused:
                self.outcome.archived += count
            else:
                self.outcome.add("entry_missing", **first)

    def _begin_after(self, seal: Seal | None) -> None:
        """What was sealed up to `seal` is taken as its head says, once head and kept leaves agree."""
        if seal is None:
            return
        self.number, self.position = seal.number, seal.size
        self.head = self._checked(seal)
        tree = HistoryTree()
        start = 0
        for bit in reversed(range(seal.size.bit_length())):
            if seal.size >> bit & 1:
                self.peaks.append((1 << bit, tree._get_root(start, start + (1 << bit))))
                start += 1 << bit
        if self.head and self._root() != self.head.root:
            self.outcome.add("root_differs", seal=seal.number, start=0, end=seal.size - 1)

    def _next_seal(self) -> None:
        """Goes on to the next seal, checked by itself and against the one before."""
        self.before, self.seal = self.head, next(self.to_come, None)
        self.earliest = _moment(self.before) - LONGEST_TRANSACTION if self.before else None
        self.last_entry = 0
        if self.seal is None:
            return
        for number in range(self.number + 1, self.seal.number)[:MOST]:
            self.outcome.add("seal_missing", seal=number)
        complete = self.seal.number == self.number + 1
        self.number = self.seal.number
        self.head = self._checked(self.seal)
        if self.head and complete:
            previous = sha256(self.before.text.encode()).hexdigest() if self.before else ""
            if self.number > 1 and self.before is None:
                return  # the one before is bad itself, and said to be
            if self.head.previous != previous or self.head.start != (self.before.size if self.before else 0):
                self.outcome.add("seal_changed", seal=self.number, why=_("it does not follow the one before"))
            elif self.before and self.head.log != self.before.log:
                self.outcome.add("seal_changed", seal=self.number, why=_("it is of another history"))

    def _checked(self, seal: Seal) -> SignedHead | None:
        """The seal's head, or None where it is not good."""
        try:
            head = check_head(seal.head, bytes(seal.signature), self.keys)
        except NotProven as why:
            self.outcome.add("seal_changed", seal=seal.number, why=str(why))
            return None
        said = (head.number, head.start, head.size, head.key_id, head.made_at)
        kept = (seal.number, seal.start, seal.size, seal.key_id, canonical.moment(seal.made_at))
        if said != kept:
            self.outcome.add("seal_changed", seal=seal.number, why=_("its columns are not what was signed"))
        return head

    def _end_seal(self) -> None:
        self.outcome.seals += 1
        self.outcome.last_seal = self.number
        if self.head and not self.astray and self._root() != self.head.root:
            self.astray = True
            self.outcome.add("root_differs", seal=self.number, start=self.head.start, end=self.head.size - 1)
        self._next_seal()

    def _check_entry(self, leaf: SealedEntry, digest: bytes | None) -> None:
        facts = {"entry": leaf.entry_id, "position": leaf.position, "seal": self._seal_number()}
        self.outcome.entries += 1
        if digest is None:
            self._note_missing(leaf, facts)
        elif digest != bytes(leaf.digest):
            self.outcome.add("entry_changed", **facts)
        if leaf.entry_id <= self.last_entry:  # the sealer orders the entries of a seal by their numbers
            self.outcome.add("entry_moved", **facts)
        self.last_entry = leaf.entry_id
        if self.earliest and leaf.timestamp < self.earliest:
            at = timezone.localtime(leaf.timestamp).isoformat(timespec="seconds")
            self.outcome.add("entry_backdated", at=at, **facts)
        if self.seal and leaf.timestamp > self.seal.made_at + SOON:
            at = timezone.localtime(leaf.timestamp).isoformat(timespec="seconds")
            self.outcome.add("entry_postdated", at=at, **facts)

    def _note_missing(self, leaf: SealedEntry, facts: dict) -> None:
        key = archiving.month_and_kind(leaf)
        if leaf.position in self.archived:
            self.outcome.archived += 1
        elif key not in self.gone and _is_elsewhere(leaf):  # asked of the first alone: a month may be gone
            self.outcome.add("entry_changed", **facts)
        elif key in self.gone:
            self.gone[key][0] += 1
        else:
            self.gone[key] = [1, facts]

    def _grow(self, digest: bytes) -> Iterator[tuple[int, int, bytes]]:
        """Adds a leaf; gives what `Node` should hold of the subtrees that it completes."""
        width = 1
        while self.peaks and self.peaks[-1][0] == width:
            digest = node_hash(self.peaks.pop()[1], digest)
            width *= 2
            if width in KEPT:
                yield width, self.position + 1 - width, digest
        self.peaks.append((width, digest))

    def _root(self) -> bytes:
        digest = self.peaks[-1][1]
        for _width, left in reversed(self.peaks[:-1]):
            digest = node_hash(left, digest)
        return digest

    def _check_nodes(self, nodes: list[tuple[int, int, bytes]]) -> None:
        """Proofs are made from the nodes: one that is wrong says where the leaves were changed."""
        if not nodes:
            return
        kept = {
            (width, start): bytes(digest)
            for width, start, digest in Node.objects.filter(
                width__in={width for width, _, _ in nodes}, start__in={start for _, start, _ in nodes}
            ).values_list("width", "start", "digest")
        }
        for width, start, digest in nodes:
            if kept.get((width, start)) != digest:
                self.outcome.add("node_differs", start=start, end=start + width - 1)
                return

    def _seal_number(self) -> int | str:
        return self.seal.number if self.seal else "–"


def _moment(head: SignedHead) -> datetime:
    return datetime.fromisoformat(head.made_at)


def _is_elsewhere(leaf: SealedEntry) -> bool:
    """Whether there is an entry of that number with another time: its time was changed."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM audit_logentry WHERE id = %s", [leaf.entry_id])
        return cursor.fetchone() is not None


def _drops(outcome: Outcome, keys: list[Ed25519PublicKey]) -> Iterator[archiving.Drop]:
    """What was dropped, as sealed entries say whose own leaves are good; notes such as are unfounded."""
    for entry in LogEntry.objects.filter(event=archiving.DROPPED, kind=LogEntry.Kind.DECISION):
        leaf = SealedEntry.objects.filter(entry_id=entry.pk, timestamp=entry.timestamp).first()
        seal = Seal.objects.filter(start__lte=leaf.position, size__gt=leaf.position).first() if leaf else None
        rows = read_entries([(entry.pk, entry.timestamp)])
        if leaf is None or seal is None or len(rows) != 1:
            continue
        try:
            if leaf_hash(canonical.canonical(rows[0])) != bytes(leaf.digest):
                continue  # the walk has named it
            sealed_at, rules = _moment(check_head(seal.head, bytes(seal.signature), keys)), _rules(seal, keys)
            detail = entry.additional_data
            drop = archiving.Drop(detail["month"], tuple(detail["kinds"]), detail["count"], entry.pk)
            founded = any(drop.was_due(sealed_at, years) for years in rules) and drop.is_whole()
        except (NotProven, KeyError, TypeError, ValueError):
            continue
        if founded:
            yield drop
        else:
            kinds = ", ".join(drop.kinds)
            outcome.add("drop_unfounded", entry=entry.pk, month=drop.month, kinds=kinds)


def _rules(seal: Seal, keys: list[Ed25519PublicKey]) -> list[dict[str, int]]:
    """The years for which entries were kept when something was sealed, and just before it: they may have been raised.

    Those of now where no head says any, as in the first ones. Raises NotProven.
    """
    heads = Seal.objects.filter(number__in=(seal.number - 1, seal.number))
    said = [read_json(check_head(one.head, bytes(one.signature), keys).text) for one in heads]
    return [head["years"] for head in said if "years" in head] or [settings.HISTORY_YEARS]
