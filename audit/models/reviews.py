"""Reviews: what auditors say of an emergency, or of a month, and of the entries that they looked at.

Ids and names as they were, no foreign keys into what is reviewed. Every change of these tables is in the
history too; the database refuses that a review is altered after it is signed off, or deleted.
"""

from typing import Self

from django.conf import settings
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import LessThanOrEqual
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _


def _whole(*fields: str) -> Q:
    """Fields that belong together: all null or none, and no empty text among them."""
    none = Q(**{f"{name}__isnull": True for name in fields})
    all_of_them = Q(**{f"{name}__isnull": False for name in fields})
    return none | (all_of_them & ~Q(**{fields[-1]: ""}))


class ReviewQuerySet(models.QuerySet):
    def waiting(self) -> Self:
        """Reviews that nobody has signed off, the one that is due first at the top."""
        return self.filter(signed_off_at=None).order_by("due_at", "pk")

    def overdue(self, at=None) -> Self:
        """Reviews that nobody has signed off by their day (the database's clock if None)."""
        return self.waiting().filter(due_at__lte=at or Now())

    def half_over(self, at=None) -> Self:
        """Reviews that nobody has signed off, and half of whose time is over."""
        at = Value(at, models.DateTimeField()) if at else Now()
        return self.waiting().filter(LessThanOrEqual(F("due_at") - at, at - F("opened_at")))

    def holding_back(self, at=None) -> Self:
        """Overdue reviews for which a contract is granted by two: not a drill's, and of a contract."""
        return self.overdue(at).filter(is_drill=False, contract_id__isnull=False)


class Review(models.Model):
    """事後点検: of one contract (or none) in one emergency, or in one month; the operators' has no contract.

    It is about what happened from `starts_at` to `ends_at`: for an emergency, until the last grant under
    the contract had stopped.
    """

    class Kind(models.TextChoices):
        EMERGENCY = "emergency", _("Emergency")
        PERIOD = "period", _("Month")

    kind = models.CharField(max_length=10, choices=Kind)
    emergency_id = models.BigIntegerField(null=True)
    emergency_name = models.CharField(max_length=100, blank=True)
    is_drill = models.BooleanField(default=False)
    period = models.DateField(null=True)
    contract_id = models.BigIntegerField(null=True)
    contract_title = models.CharField(max_length=100, blank=True)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    opened_at = models.DateTimeField(db_default=Now())
    due_at = models.DateTimeField()
    #: What the sample was drawn by; in the history since the review opened.
    seed = models.CharField(max_length=32)
    figures = models.JSONField()
    signed_off_at = models.DateTimeField(null=True)
    signed_off_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    conclusion = models.TextField(null=True)
    reopened_at = models.DateTimeField(null=True)
    reopened_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    reopened_because = models.TextField(null=True)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        default_permissions = ()
        permissions = [("review", "Can review emergencies and months")]
        indexes = [
            models.Index(fields=["due_at"], name="reviews_waiting", condition=Q(signed_off_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                F("emergency_id"), Coalesce(F("contract_id"), Value(0)), name="one_review_an_emergency"
            ),
            models.UniqueConstraint(
                F("period"), Coalesce(F("contract_id"), Value(0)), name="one_review_a_month"
            ),
            models.CheckConstraint(
                name="review_is_of_an_emergency_or_a_month",
                condition=Q(kind="emergency", emergency_id__isnull=False, period__isnull=True)
                | Q(kind="period", emergency_id__isnull=True, period__isnull=False, is_drill=False),
            ),
            models.CheckConstraint(
                name="review_month_is_its_first_day", condition=Q(period__isnull=True) | Q(period__day=1)
            ),
            models.CheckConstraint(
                name="review_is_due_after_it_opens", condition=Q(due_at__gt=F("opened_at"))
            ),
            models.CheckConstraint(
                name="review_sign_off_is_whole",
                condition=_whole("signed_off_at", "signed_off_by", "conclusion"),
            ),
            models.CheckConstraint(
                name="review_reopening_is_whole",
                condition=_whole("reopened_at", "reopened_by", "reopened_because"),
            ),
        ]

    def __str__(self) -> str:
        """What it is about, in no language: this is what the history keeps."""
        about = self.emergency_name or f"{self.period:%Y-%m}"
        return f"{about} / {self.contract_title}" if self.contract_title else about

    @property
    def figures_sha256(self) -> str:
        """SHA-256 of the figures as the database writes them."""
        digest = Func(
            "figures",
            template="encode(sha256(convert_to(%(expressions)s::text, 'UTF8')), 'hex')",
            output_field=models.CharField(),
        )
        return type(self).objects.values_list(digest, flat=True).get(pk=self.pk)

    @property
    def about(self) -> str:
        """The emergency's name, or the month in the active language."""
        if self.period is None:
            return self.emergency_name
        return date_format(self.period, "YEAR_MONTH_FORMAT")


class ReviewedEntry(models.Model):
    """An entry of the history that a review judges: drawn when it opened, or added by an auditor."""

    class Why(models.TextChoices):
        OUTLIER = "outlier", _("drawn among what stands out")
        RANDOM = "random", _("drawn among all")
        ADDED = "added", _("added by an auditor")

    class Mark(models.TextChoices):
        JUSTIFIED = "justified", _("Justified")
        NOT_JUSTIFIED = "not_justified", _("Not justified")
        ASK = "ask", _("Ask")

    #: Marks that say nothing without a note.
    NEED_A_NOTE = (Mark.NOT_JUSTIFIED, Mark.ASK)

    review = models.ForeignKey(Review, models.PROTECT, related_name="entries")
    entry_id = models.BigIntegerField()
    #: The entry's own: which month of the history it lies in.
    timestamp = models.DateTimeField()
    why = models.CharField(max_length=10, choices=Why)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    mark = models.CharField(max_length=15, choices=Mark, null=True)
    note = models.TextField(blank=True)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    marked_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["timestamp", "entry_id"]
        constraints = [
            models.UniqueConstraint(name="judged_once_a_review", fields=["review", "entry_id"]),
            models.CheckConstraint(
                name="reviewed_entry_says_why_it_is_there",
                condition=Q(why__in=["outlier", "random"], added_by__isnull=True)
                | Q(why="added", added_by__isnull=False),
            ),
            models.CheckConstraint(
                name="mark_is_known",
                condition=Q(mark__isnull=True) | Q(mark__in=["justified", "not_justified", "ask"]),
            ),
            models.CheckConstraint(name="mark_is_whole", condition=_whole("marked_at", "marked_by", "mark")),
            models.CheckConstraint(
                name="mark_has_its_note",
                condition=Q(mark__isnull=True) | ~Q(mark__in=["not_justified", "ask"]) | ~Q(note=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id}"
