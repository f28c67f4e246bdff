"""Seals: a growing Merkle tree (RFC 9162, section 2.1) over the history, and its signed heads.

The sealer alone gives entries their position in the tree, over what is stored and committed. All but
`Unsealed` is append-only, as the history is. Drawn once for all:

    LogEntry --trigger--> Unsealed --sealer--> SealedEntry (the leaves), Node, Seal (a signed head)
"""

from base64 import b64encode

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Unsealed(models.Model):
    """An entry that waits for its seal: put here by a trigger as it is inserted, taken away as it is sealed."""

    entry_id = models.BigIntegerField(primary_key=True)
    timestamp = models.DateTimeField()

    class Meta:
        default_permissions = ()


class SealedEntry(models.Model):
    """A leaf of the tree: which entry has the position, and the hash of its canonical form.

    It stays when the entry itself is archived and dropped; its kind says by which setting that was.
    """

    position = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    timestamp = models.DateTimeField()
    kind = models.CharField(max_length=10, blank=True)
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()


class Node(models.Model):
    """The root of a complete subtree of 256 or 65,536 leaves (and so on), so that no proof reads all leaves."""

    width = models.BigIntegerField()
    start = models.BigIntegerField()
    digest = models.BinaryField(max_length=32)

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["width", "start"], name="one_node_a_subtree")]


class Seal(models.Model):
    """A signed head of the tree: what the history was, up to its size, when it was made.

    It covers the positions from `start` (inclusive) to `size` (exclusive). `head` is what is signed,
    byte for byte, and names the others; the columns are there to look it up by.
    """

    number = models.BigIntegerField(primary_key=True)
    start = models.BigIntegerField(unique=True)
    size = models.BigIntegerField(unique=True)
    made_at = models.DateTimeField(_("made at"))
    key_id = models.CharField(_("key"), max_length=16)
    head = models.TextField()
    signature = models.BinaryField(max_length=64)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        default_permissions = ()
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(name="seal_covers_something", condition=Q(size__gt=F("start"))),
        ]

    def __str__(self) -> str:
        return f"{self.number}"

    @property
    def signed(self) -> dict[str, str]:
        """The head as it is handed on, in a file or a line: the signed text and its signature."""
        return {"head": self.head, "signature": b64encode(bytes(self.signature)).decode()}

    @property
    def count(self) -> int:
        """How many entries it added."""
        return self.size - self.start


class Head(models.Model):
    """A head that went outside: which seal's, where to, when."""

    seal = models.ForeignKey(Seal, models.PROTECT, related_name="heads")
    destination = models.CharField(max_length=200)
    sent_at = models.DateTimeField(db_default=Now())

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["seal", "destination"], name="head_sent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.seal_id} {self.destination}"

    @property
    def scheme(self) -> str:
        """How it went: file, syslog or mailto; where to is the machine's matter."""
        return self.destination.partition(":")[0]
