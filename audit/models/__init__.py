"""What is kept of what happened: the history, its seals, its reviews, and errands longer than a page."""

from audit.models.entries import LogEntry, LogEntryQuerySet, Mark
from audit.models.errands import Errand, Piece
from audit.models.repeats import Repeat
from audit.models.reviews import Review, ReviewedEntry
from audit.models.seals import Head, Node, Seal, SealedEntry, Unsealed

__all__ = [
    "Errand",
    "Head",
    "LogEntry",
    "LogEntryQuerySet",
    "Mark",
    "Node",
    "Piece",
    "Repeat",
    "Review",
    "ReviewedEntry",
    "Seal",
    "SealedEntry",
    "Unsealed",
]
