"""What people are told, and when a worker was last heard from."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from access.people import Person


class Notice(models.Model):
    """お知らせ: one thing told to one person, in the portal and by email: once, whoever runs twice.

    `about` names the occasion; person, kind and about together are unique.
    """

    person = models.ForeignKey(Person, models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=30)
    about = models.CharField(max_length=60)
    words = models.JSONField(default=dict)
    path = models.CharField(max_length=200, blank=True)
    made_at = models.DateTimeField(_("time"), db_default=Now())
    read_at = models.DateTimeField(null=True)
    emailed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        default_permissions = ()
        indexes = [
            models.Index(fields=["person", "-id"], name="notices_of_a_person"),
            models.Index(fields=["id"], name="notices_to_email", condition=Q(emailed_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(name="told_once", fields=["person", "kind", "about"]),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.about}"


class Heartbeat(models.Model):
    """When a worker last swept: a fact in the database, which does not go with Redis."""

    heard_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_heartbeat", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"{self.heard_at:%Y-%m-%d %H:%M:%S}"
