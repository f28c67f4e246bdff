"""What is kept of what happened: the history, its seals, and the errands that take longer than a page."""

from audit.models.entries import LogEntry, LogEntryQuerySet, Mark
from audit.models.errands import Errand, Piece
from audit.models.seals import Head, Node, Seal, SealedEntry, Unsealed

__all__ = [
    "Errand",
    "Head",
    "LogEntry",
    "LogEntryQuerySet",
    "Mark",
    "Node",
    "Piece",
    "Seal",
    "SealedEntry",
    "Unsealed",
]
