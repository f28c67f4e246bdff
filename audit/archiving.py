"""Old months: written into an archive, read back and compared with the seals, and then dropped.

An archive is a month's entries of some kinds, as compressed JSON Lines: each line is the entry's position
in the tree and its canonical text, which is what was sealed. Its manifest names the file's SHA-256, how
many entries of which positions it holds, and the newest seal's signed head. Leaves and seals stay in the
database, so the history verifies before and after; what was dropped, and by whom, is an entry of its own,
which is never dropped.
"""

import gzip
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from audit import canonical, months, recording
from audit.models import LogEntry, Seal, SealedEntry, Unsealed
from audit.proof import leaf_hash
from audit.sealing import read_entries

FORMAT = "emergency-desk archive 1"
#: Entries read at once.
PIECE = 5_000
#: No setting lets an entry go earlier.
LEAST_YEARS = 1
#: What says that entries were dropped stays for ever.
DROPPED = "history.dropped"


class NotArchived(Exception):
    """The month cannot be archived or dropped. The message says why."""


@dataclass(frozen=True)
class Due:
    """A month and those kinds of its entries whose years are over."""

    month: date
    kinds: tuple[str, ...]

    @property
    def name(self) -> str:
        """What the archive's files are called."""
        return f"history-{self.month:%Y-%m}-{'-'.join(self.kinds)}"


def what_is_due() -> list[Due]:
    """The months with entries older than their kinds' years (HISTORY_YEARS), oldest first."""
    found = []
    for month in months.all_months():
        over = {
            kind
            for kind in LogEntry.Kind.values
            if _end_of_years(month, kind, settings.HISTORY_YEARS) <= timezone.now()
        }
        here = _of(month).exclude(event=DROPPED).order_by().values_list("kind", flat=True).distinct()
        if kinds := sorted(over & set(here)):
            found.append(Due(month, tuple(kinds)))
    return found


def archive(due: Due, folder: Path, progress: Callable[[int], None] = lambda done: None) -> tuple[Path, dict]:
    """Writes the month's entries of the kinds into `folder`; returns the manifest's path and content.

    Raises NotArchived where an entry is in no seal yet or differs from its leaf, OSError, FileExistsError.
    Where it fails in the middle no file of that name is left.
    """
    start, end = months.span(due.month)
    if Unsealed.objects.filter(timestamp__gte=start, timestamp__lt=end).exists():
        raise NotArchived(f"{due.month:%Y-%m} has entries that wait for their seal.")
    seal = Seal.objects.first()
    if seal is None:
        raise NotArchived("Nothing is sealed yet.")
    path = folder / f"{due.name}.jsonl.gz"
    unfinished = path.with_suffix(".new")
    content, positions = sha256(), []
    # mtime=0: the same entries give the same file
    with unfinished.open("xb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as file:
        for position, text in _entries(due):
            line = json.dumps({"position": position, "entry": text}, ensure_ascii=False) + "\n"
            file.write(line.encode())
            content.update(line.encode())
            positions.append(position)
            progress(len(positions))
    manifest = {
        "format": FORMAT,
        "file": path.name,
        "sha256": sha256(unfinished.read_bytes()).hexdigest(),
        "content_sha256": content.hexdigest(),
        "month": f"{due.month:%Y-%m}",
        "kinds": list(due.kinds),
        "entries": len(positions),
        "first_position": min(positions, default=None),
        "last_position": max(positions, default=None),
        **seal.signed,
    }
    if path.exists():
        unfinished.unlink()
        raise FileExistsError(17, "is there already", str(path))
    unfinished.rename(path)
    written = folder / f"{due.name}.manifest.json"
    written.write_text(json.dumps(manifest, ensure_ascii=False, indent=1), encoding="utf-8")
    for one in (path, written):
        _to_disk(one)
    return written, manifest


def read_back(manifest_path: Path) -> Iterator[tuple[int, str]]:
    """Position and canonical text of each entry of an archive; raises NotArchived for the least fault."""
    try:
        manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
        path = manifest_path.parent / manifest["file"]
        if manifest["format"] != FORMAT or sha256(path.read_bytes()).hexdigest() != manifest["sha256"]:
            raise NotArchived(f"{path} is not what its manifest says.")
        count, last = 0, -1
        with gzip.open(path, "rt", encoding="utf-8") as file:
            for line in file:
                one = json.loads(line)
                if one["position"] <= last:
                    raise NotArchived(f"{path} holds the position {one['position']} twice, or out of order.")
                last = one["position"]
                yield last, one["entry"]
                count += 1
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotArchived(f"{manifest_path} cannot be read: {error}") from None
    if count != manifest["entries"]:
        raise NotArchived(f"{path} holds {count} entries, and should hold {manifest['entries']}.")


def check_against_seals(manifest_path: Path) -> set[int]:
    """Compares an archive with the leaves, entry by entry; returns their positions. Raises NotArchived."""
    positions, piece = set(), {}
    for position, text in read_back(manifest_path):
        piece[position] = leaf_hash(text.encode())
        positions.add(position)
        if len(piece) == PIECE:
            _compare(piece, manifest_path)
            piece = {}
    _compare(piece, manifest_path)
    return positions


@transaction.atomic
def drop(due: Due, manifest_path: Path) -> int:
    """Drops the month's entries of the kinds, which the archive holds; returns how many.

    Raises NotArchived unless the kinds' years are over and the archive, read back, holds every one.
    """
    manifest = json.loads(manifest_path.read_text(encoding="utf-8"))
    if (manifest["month"], manifest["kinds"]) != (f"{due.month:%Y-%m}", list(due.kinds)):
        raise NotArchived(f"{manifest_path} is of another month, or of other kinds.")
    years = settings.HISTORY_YEARS
    if any(_end_of_years(due.month, kind, years) > timezone.now() for kind in due.kinds):
        raise NotArchived(f"{due.month:%Y-%m} has to be kept longer (HISTORY_YEARS).")
    archived = check_against_seals(manifest_path)
    going = _going(due).values("pk")
    here = set(SealedEntry.objects.filter(entry_id__in=going).values_list("position", flat=True))
    count = _going(due).count()
    if archived != here or len(here) != count:
        raise NotArchived(f"The archive does not hold the {count} entries of {due.month:%Y-%m}, or others.")
    recording.decision(
        DROPPED,
        detail={
            "month": manifest["month"],
            "kinds": list(due.kinds),
            "count": count,
            "file": manifest["file"],
            "sha256": manifest["sha256"],
            "years": {kind: years[kind] for kind in due.kinds},
        },
    )
    _keep_the_others(due)
    return count


@dataclass(frozen=True)
class Drop:
    """What the history says was dropped: of which month and kinds, how many, by which entry."""

    month: str
    kinds: tuple[str, ...]
    count: int
    entry_id: int

    def was_due(self, sealed_at: datetime, years: Mapping[str, int]) -> bool:
        """Whether the years of every kind were over when the entry that says so was sealed.

        By the seal's time, and the years that were signed with it: an entry may say anything.
        """
        month = date.fromisoformat(f"{self.month}-01")
        return all(_end_of_years(month, kind, years) <= sealed_at for kind in self.kinds)

    def is_whole(self) -> bool:
        """Whether just so many leaves of the month and kinds are there, and of their entries none."""
        month = date.fromisoformat(f"{self.month}-01")
        leaves = _leaves_of(month, self.kinds)
        stays = _of(month).filter(kind__in=self.kinds)
        kept_for_ever = stays.filter(event=DROPPED)
        return (
            not stays.exclude(event=DROPPED).exists() and leaves.count() - kept_for_ever.count() == self.count
        )


def month_and_kind(leaf: SealedEntry) -> tuple[str, str]:
    """Of which month (Japan's) and kind a leaf's entry is."""
    return f"{timezone.localtime(leaf.timestamp):%Y-%m}", leaf.kind


def dropped() -> set[tuple[str, str]]:
    """The months and kinds of which the history says that they were dropped, rightly or not."""
    said = LogEntry.objects.filter(event=DROPPED, kind=LogEntry.Kind.DECISION).order_by()
    return {
        (str(detail.get("month")), str(kind))
        for detail in said.values_list("additional_data", flat=True)
        if isinstance(detail, dict)
        for kind in detail.get("kinds", [])
    }


def _end_of_years(month: date, kind: str, years: Mapping[str, int]) -> datetime:
    return months.span(month.replace(year=month.year + max(years[kind], LEAST_YEARS)))[1]


def _of(month: date):
    return LogEntry.objects.between(*months.span(month))


def _leaves_of(month: date, kinds: Iterable[str]):
    start, end = months.span(month)
    return SealedEntry.objects.filter(timestamp__gte=start, timestamp__lt=end, kind__in=kinds)


def _going(due: Due):
    return _of(due.month).filter(kind__in=due.kinds).exclude(event=DROPPED)


def _entries(due: Due) -> Iterator[tuple[int, str]]:
    """Position and canonical text, in the order of the tree. Raises NotArchived."""
    going = set(_going(due).values_list("pk", flat=True))
    last = -1
    leaves = _leaves_of(due.month, due.kinds).order_by("position")
    while piece := list(leaves.filter(position__gt=last)[:PIECE]):
        last = piece[-1].position
        rows = {row[canonical.ID]: row for row in read_entries([(e.entry_id, e.timestamp) for e in piece])}
        for leaf in piece:
            if leaf.entry_id not in going:
                continue
            text = canonical.canonical(rows[leaf.entry_id])
            if leaf_hash(text) != bytes(leaf.digest):
                raise NotArchived(f"Entry {leaf.entry_id} is not what was sealed: verify the history first.")
            going.discard(leaf.entry_id)
            yield leaf.position, text.decode()
    if going:
        raise NotArchived(f"Entry {min(going)} is in no seal: verify the history first.")


def _compare(piece: dict[int, bytes], path: Path) -> None:
    kept = dict(SealedEntry.objects.filter(position__in=piece).values_list("position", "digest"))
    for position, digest in piece.items():
        if bytes(kept.get(position, b"")) != digest:
            raise NotArchived(f"{path}: the entry at position {position} is not what was sealed.")


def _keep_the_others(due: Due) -> None:
    """Puts another partition in the month's place, with all that stays; none where nothing does.

    Rows are refused to be deleted, so the table goes, and what stays is copied. Straight into the new
    partition: nothing of it waits for a seal again.
    """
    month = f"audit_logentry_{due.month:%Y_%m}"
    kinds = list(due.kinds)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', '0', true)")
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks to come is not dropped
        cursor.execute(f"ALTER TABLE audit_logentry DETACH PARTITION {month}")
        cursor.execute(f"ALTER TABLE {month} RENAME TO {month}_old")
        stays = "NOT (kind = ANY(%s) AND event <> %s)"
        cursor.execute(f"SELECT EXISTS (SELECT FROM {month}_old WHERE {stays})", [kinds, DROPPED])
        if cursor.fetchone()[0]:
            cursor.execute("SELECT audit_add_month(%s)", [due.month])
            cursor.execute(f"INSERT INTO {month} SELECT * FROM {month}_old WHERE {stays}", [kinds, DROPPED])
        cursor.execute(f"DROP TABLE {month}_old")


def _to_disk(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
