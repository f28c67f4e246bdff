"""The history handed on, line by line, in the order of the seals' tree.

The sealer alone gives positions, to what is committed. So an entry whose transaction ends late comes later
in the feed, and is never behind a reader who has gone on: from the position of the last line that was read,
nothing is skipped and nothing comes twice.
"""

from collections.abc import Iterator

from django.db import transaction
from django.db.models import Exists, OuterRef

from access.errors import Unfit
from audit import archiving, recording
from audit.models import LogEntry, SealedEntry

#: Entries that are read at a time.
CHUNK = 500


@transaction.atomic
def begin(after: int | None) -> None:
    """That the history is handed on is in the history, by whoever is acting."""
    recording.decision("history.feed_begun", detail={"position": 0 if after is None else after + 1})


def after(position: int | None) -> Iterator[tuple[int, LogEntry | None]]:
    """What is sealed by now and lies beyond the position (None: all): each position with its entry.

    None in the place of one that was dropped from the database, as the history says; an archive holds it.
    Raises Unfit where an entry is not here and nothing says that it was dropped.
    """
    while True:
        leaves = SealedEntry.objects.order_by("position")
        if position is not None:
            leaves = leaves.filter(position__gt=position)
        some = list(leaves[:CHUNK])
        if not some:
            return
        entries = _entries(some)
        missing = [leaf for leaf in some if leaf.entry_id not in entries]
        dropped = archiving.dropped() if missing else set()
        for leaf in some:
            if leaf.entry_id not in entries and archiving.month_and_kind(leaf) not in dropped:
                raise Unfit(_missing(leaf.position))
            yield leaf.position, entries.get(leaf.entry_id)
        position = some[-1].position


def _entries(leaves: list[SealedEntry]) -> dict[int, LogEntry]:
    """The leaves' entries. The times are named for the database to look into their months alone."""
    times = [leaf.timestamp for leaf in leaves]
    ids = [leaf.entry_id for leaf in leaves]
    return LogEntry.objects.filter(timestamp__gte=min(times), timestamp__lte=max(times)).in_bulk(ids)


def _missing(position: int) -> str:
    entry = LogEntry.objects.filter(pk=OuterRef("entry_id"), timestamp=OuterRef("timestamp"))
    next_one = SealedEntry.objects.filter(Exists(entry), position__gt=position).order_by("position").first()
    rest = f" What is here begins after --from {next_one.position - 1}." if next_one else ""
    return (
        f"The entry at position {position} is missing, and nothing says that it was dropped: "
        f"verify the history.{rest}"
    )
