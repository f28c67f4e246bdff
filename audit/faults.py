"""What a verification finds: each kind of fault with its sentence, and the outcome that they make up."""

from dataclasses import dataclass, field

from django.utils.translation import gettext_lazy as _

#: So many faults are listed; the first is what matters.
MOST = 100

#: What can be found, and the sentence it reads as; each names an entry or a seal.
# fmt: off
FAULTS = {
    "entry_changed":    _("Entry %(entry)s (position %(position)s, seal %(seal)s) is not what was sealed: it was changed."),
    "entry_missing":    _("Entry %(entry)s (position %(position)s, seal %(seal)s) is missing."),
    "entry_inserted":   _("Entry %(entry)s of %(at)s is in no seal: it was put in, or sealing was passed by."),
    "entry_backdated":  _("Entry %(entry)s says %(at)s, but was first seen when seal %(seal)s was made: it was put in later."),
    "entry_postdated":  _("Entry %(entry)s says %(at)s, which was still to come when it was sealed or put in."),
    "entry_doubled":    _("Entry %(entry)s (position %(position)s, seal %(seal)s) is there more than once: another was put in."),
    "drop_unfounded":   _("Entry %(entry)s says that entries of %(month)s (%(kinds)s) were dropped; that is not so, or was not due."),
    "table_changed":    _("The table %(table)s is not as it should be: %(why)s."),
    "entry_moved":      _("Entry %(entry)s (position %(position)s, seal %(seal)s) is not in its place: entries were moved."),
    "entry_unsealed":   _("Entry %(entry)s of %(at)s waits for its seal too long: sealing does not work, or the entry is missing."),
    "leaf_missing":     _("The leaf at position %(position)s (seal %(seal)s) is missing."),
    "leaf_beyond":      _("The leaf at position %(position)s (entry %(entry)s) is in no seal: the last seals are missing."),
    "root_differs":     _("Seal %(seal)s does not fit the leaves up to its end: one of the positions %(start)s to %(end)s was changed, or moved."),
    "node_differs":     _("The leaves at the positions %(start)s to %(end)s are not what the tree was made of."),
    "seal_changed":     _("Seal %(seal)s is not what was signed: %(why)s."),
    "seal_missing":     _("Seal %(seal)s is missing."),
    "seal_unpublished": _("Seal %(seal)s is not what was published to %(where)s."),
    "head_missing":     _("Seal %(seal)s is missing from what was published to %(where)s."),
    "archive_differs":  _("An archive is not what was sealed: %(why)s"),
    "database_changed": _("The database is not what the migrations make: %(why)s."),
    "pages_differ":     _("Read by %(filter)s, the pages do not show what the table holds: from entry %(entry)s of %(at)s on."),
    "row_differs":      _("Row %(row)s of %(table)s is not what the history says: %(column)s was changed (the last entry about it is %(entry)s)."),
    "row_missing":      _("Row %(row)s of %(table)s is missing, which entry %(entry)s decided."),
    "row_unfounded":    _("Row %(row)s of %(table)s is there without a decision: no entry says how it came to be."),
    "row_restated":     _("Entry %(entry)s states row %(row)s of %(table)s, which is done once, when entries begin to carry rows: it was put in."),
    "decision_misdated": _("Entry %(entry)s carries another moment than its own time: it or the clock was moved (%(column)s, row %(row)s of %(table)s)."),
    "decision_bare":    _("Entry %(entry)s does not say what it made of row %(row)s of %(table)s: it was put in, or written by a portal from before."),
    "trigger_missing":  _("The trigger %(trigger)s of %(table)s is missing, switched off, or does something else."),
}
# fmt: on


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: what kind (of FAULTS), and what its sentence names."""

    kind: str
    facts: dict

    @property
    def sentence(self) -> str:
        """In the active language."""
        return str(FAULTS[self.kind]) % self.facts


@dataclass
class Outcome:
    """What a verification came to. `ok` is true only if nothing at all was found."""

    entries: int = 0
    seals: int = 0
    archived: int = 0
    read_back: int = 0
    waiting: int = 0
    published: int = 0
    last_seal: int | None = None
    faults: list[Fault] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.faults

    def add(self, kind: str, **facts) -> None:
        """Notes a fault, unless there are very many already."""
        if len(self.faults) < MOST:
            self.faults.append(Fault(kind, facts))

    def as_json(self) -> dict:
        """Figures, and each fault with its facts and its sentence in the active language."""
        figures = {name: value for name, value in vars(self).items() if name != "faults"}
        faults = [
            {"kind": f.kind, "sentence": f.sentence} | {k: str(v) for k, v in f.facts.items()}
            for f in self.faults
        ]
        return {"ok": self.ok, **figures, "faults": faults}
