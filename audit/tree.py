"""The Merkle tree over the history: pymerkle's, on PostgreSQL, and the paths of RFC 9162 drawn from it.

Leaves are `SealedEntry`; the roots of complete subtrees of 256, 65,536, ... leaves are kept in `Node`, so
that a root or a path of ten million entries reads some hundred hashes, not ten million.
"""

from collections.abc import Sequence

from django.db import connection
from pymerkle.core import BaseMerkleTree

from audit.models import Node, SealedEntry
from audit.proof import leaf_hash, node_hash

#: How many subtrees of one width make one of the next.
FAN = 256


class HistoryTree(BaseMerkleTree):
    """The tree as the database holds it now. Not kept past a transaction."""

    def __init__(self):
        super().__init__("sha256", disable_cache=True)

    def root(self, size: int) -> bytes:
        """The root of the first `size` leaves."""
        return self.get_root(size)

    def inclusion_path(self, position: int, size: int) -> list[bytes]:
        """The path of the leaf at `position` (from 0) in the tree of `size` leaves (RFC 9162, 2.1.3.1)."""
        return self.prove_inclusion(position + 1, size).path[1:]

    def consistency_path(self, older_size: int, size: int) -> list[bytes]:
        """The path from the tree of `older_size` leaves to that of `size` (RFC 9162, 2.1.4.1).

        pymerkle's own has another form, which nobody else's verifier reads.
        """
        start, end, path, whole = 0, size, [], True
        while older_size != end - start:
            half = 1 << (end - start - 1).bit_length() - 1
            if older_size <= half:
                path.append((start + half, end))
                end = start + half
            else:
                path.append((start, start + half))
                start, older_size, whole = start + half, older_size - half, False
        if not whole:
            path.append((start, end))
        return [self._get_root(*span) for span in reversed(path)]

    # What pymerkle asks of a storage

    def _encode_entry(self, data: bytes) -> bytes:
        return data

    def _store_leaf(self, data, digest):
        raise NotImplementedError("only audit.sealing adds leaves")

    def _get_size(self) -> int:
        last = SealedEntry.objects.order_by("-position").values_list("position", flat=True).first()
        return 0 if last is None else last + 1

    def _get_leaf(self, index: int) -> bytes:
        return bytes(SealedEntry.objects.values_list("digest", flat=True).get(position=index - 1))

    def _get_leaves(self, offset: int, width: int) -> list[bytes]:
        leaves = SealedEntry.objects.filter(position__gte=offset, position__lt=offset + width)
        return [bytes(digest) for digest in leaves.order_by("position").values_list("digest", flat=True)]

    def _get_subroot_uncached(self, offset: int, width: int) -> bytes:
        # By this name: without its cache pymerkle puts this one in the place of `_get_subroot`
        kept = 1
        while kept * FAN <= width:
            kept *= FAN
        return self.subtree(offset, width, kept)

    def subtree(self, start: int, width: int, kept: int) -> bytes:
        """The root of the complete subtree of `width` leaves from `start`, out of those `kept` wide."""
        if kept == 1:
            return folded(self._get_leaves(start, width))
        nodes = Node.objects.filter(width=kept, start__gte=start, start__lt=start + width)
        return folded([bytes(digest) for digest in nodes.order_by("start").values_list("digest", flat=True)])


def folded(digests: Sequence[bytes]) -> bytes:
    """The root over a power of two of digests."""
    level = list(digests)
    while len(level) > 1:
        level = [node_hash(left, right) for left, right in zip(level[::2], level[1::2], strict=True)]
    return level[0]


def add_leaves(entries: Sequence[tuple[int, object, str, bytes]], start: int) -> int:
    """Adds entries (id, timestamp, kind, canonical bytes) to the tree from position `start` on, and its nodes.

    Returns the new size. In the caller's transaction, which is the only one that adds.
    """
    with (
        connection.cursor() as cursor,
        cursor.copy(
            'COPY audit_sealedentry (position, entry_id, "timestamp", kind, digest) FROM STDIN'
        ) as copy,
    ):
        for position, (pk, timestamp, kind, content) in enumerate(entries, start):
            copy.write_row((position, pk, timestamp, kind, leaf_hash(content)))
    size = start + len(entries)
    tree, width = HistoryTree(), FAN
    while width <= size:
        first, last = start // width, size // width
        Node.objects.bulk_create(
            Node(width=width, start=n * width, digest=tree.subtree(n * width, width, width // FAN))
            for n in range(first, last)
        )
        width *= FAN
    return size
