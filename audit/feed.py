"""The history handed on, line by line, in the order of the seals' tree.

The sealer alone gives positions, to what is committed. So an entry whose transaction ends late comes later
in the feed, and is never behind a reader who has gone on: from the position of the last line that was read,
nothing is skipped and nothing comes twice.
"""

from collections.abc import Iterator

from django.db import transaction

from access.errors import Unfit
from audit import recording
from audit.models import LogEntry, SealedEntry

#: Entries that are read at a time.
CHUNK = 500


@transaction.atomic
def begin(after: int | None) -> None:
    """That the history is handed on is in the history, by whoever is acting."""
    recording.decision("history.feed_begun", detail={"position": 0 if after is None else after + 1})


def after(position: int | None) -> Iterator[tuple[int, LogEntry]]:
    """The entries that are sealed by now and lie beyond the position (None: all), each with its own.

    Raises Unfit where one of them is archived and no longer here.
    """
    while True:
        leaves = SealedEntry.objects.order_by("position")
        if position is not None:
            leaves = leaves.filter(position__gt=position)
        some = list(leaves[:CHUNK])
        if not some:
            return
        entries = _entries(some)
        for leaf in some:
            if leaf.entry_id not in entries:
                raise Unfit(_archived(leaf.position))
            yield leaf.position, entries[leaf.entry_id]
        position = some[-1].position


def _entries(leaves: list[SealedEntry]) -> dict[int, LogEntry]:
    """The leaves' entries. The times are named for the database to look into their months alone."""
    times = [leaf.timestamp for leaf in leaves]
    ids = [leaf.entry_id for leaf in leaves]
    return LogEntry.objects.filter(timestamp__gte=min(times), timestamp__lte=max(times)).in_bulk(ids)


def _archived(position: int) -> str:
    oldest = LogEntry.objects.oldest_first().first()
    there = SealedEntry.objects.filter(position__gt=position, timestamp__gte=oldest and oldest.timestamp)
    first = there.order_by("position").first() if oldest else None
    rest = f" What is here begins after --from {first.position - 1}." if first else ""
    return f"The entry at position {position} is archived and no longer in the database.{rest}"
