"""Inquiries: calls taken."""

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from access.models.emergencies import Emergency
from access.people import Person
from customers.models import ServiceArea
from customers.one_line import OneLineField


class Inquiry(models.Model):
    """問い合わせ受付: a call taken. For a contractor, the purpose without which nothing is looked up."""

    class Kind(models.TextChoices):
        OUTAGE = "outage", _("Power is out")
        RESTORATION = "restoration", _("When will power return")
        DANGER = "danger", _("Fallen line, danger")
        EQUIPMENT = "equipment", _("Equipment fault")
        OTHER = "other", _("Other")

    class Outcome(models.TextChoices):
        ANSWERED = "answered", _("Answered on the phone")
        FIELD = "field", _("Passed on to the field")
        CALL_BACK = "call_back", _("To be called back")

    taken_by = models.ForeignKey(Person, models.PROTECT, related_name="inquiries")
    taken_at = models.DateTimeField(_("taken at"), db_default=Now())
    emergency = models.ForeignKey(
        Emergency,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="inquiries",
        verbose_name=_("emergency"),
    )
    area = models.ForeignKey(
        ServiceArea,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("area that the call is about"),
    )
    caller_name = OneLineField(_("caller's name"), max_length=100)
    caller_phone = OneLineField(_("number the call came from"), max_length=20, blank=True)
    kind = models.CharField(_("what is wrong"), max_length=20, choices=Kind)
    note = models.TextField(_("note"), blank=True, max_length=1000)
    closed_at = models.DateTimeField(_("closed at"), null=True)
    found = models.BooleanField(_("customer found"), null=True)
    outcome = models.CharField(_("outcome"), max_length=20, choices=Outcome, blank=True)

    class Meta:
        verbose_name = _("inquiry")
        verbose_name_plural = _("inquiries")
        default_permissions = ()
        permissions = [("take_inquiry", "Can take an inquiry")]
        indexes = [
            models.Index(fields=["area", "-id"], name="inquiries_open", condition=Q(closed_at__isnull=True))
        ]
        constraints = [
            models.CheckConstraint(
                name="inquiry_outcome_known",
                condition=Q(outcome__in=["", "answered", "field", "call_back"]),
            ),
            models.CheckConstraint(
                name="inquiry_closes_after_it_is_taken",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("taken_at")),
            ),
        ]

    def __str__(self) -> str:
        return str(self.pk)
