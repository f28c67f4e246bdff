"""Errands: work that an auditor asked for and that takes longer than a page, with how far it is."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _


class Errand(models.Model):
    """One piece of long work: asked for in a page, done by a worker, its outcome read in a page again."""

    class Kind(models.TextChoices):
        VERIFY = "verify", _("Verify the history")
        EXPORT = "export", _("Export of the history")

    kind = models.CharField(_("kind"), max_length=10, choices=Kind)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField(_("asked at"), db_default=Now())
    cid = models.CharField(max_length=36)
    wanted = models.JSONField(default=dict)
    started_at = models.DateTimeField(null=True)
    #: How often it was begun: what never comes to an end is not begun for ever.
    tries = models.PositiveSmallIntegerField(db_default=0)
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(null=True)
    finished_at = models.DateTimeField(null=True)
    outcome = models.JSONField(null=True)
    failed = models.TextField(blank=True)

    class Meta:
        verbose_name = _("errand")
        verbose_name_plural = _("errands")
        default_permissions = ()
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(name="errand_kind_known", condition=Q(kind__in=["verify", "export"])),
            models.UniqueConstraint(
                name="one_verification_at_a_time",
                fields=["asked_by"],
                condition=Q(kind="verify", finished_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def percent(self) -> int:
        """How much is done, 0 to 100; all of nothing is everything."""
        if self.finished_at:
            return 100
        return min(99, 100 * self.done // self.total) if self.total else 0


class Piece(models.Model):
    """A piece of the file that an errand made; in the database, for web and worker may be two machines."""

    errand = models.ForeignKey(Errand, models.CASCADE, related_name="pieces")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        default_permissions = ()
        ordering = ["number"]
        constraints = [models.UniqueConstraint(fields=["errand", "number"], name="one_piece_a_number")]
