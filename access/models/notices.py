"""What people are told, and when a worker was last heard from."""

from datetime import timedelta
from typing import Self

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from access.people import Person

#: How long an email waits before administrators see that it waits.
WAITS_LONG = timedelta(hours=1)


class NoticeQuerySet(models.QuerySet):
    def to_email(self) -> Self:
        """Neither sent nor given up."""
        return self.filter(emailed_at__isnull=True, email_given_up_at__isnull=True)

    def due_to_email(self) -> Self:
        """To be tried now."""
        return self.to_email().filter(email_due_at__lte=Now())

    def unsent(self) -> Self:
        """What could not be sent: given up, or tried in vain and waiting for an hour and more."""
        waits = Q(emailed_at__isnull=True, made_at__lt=Now() - WAITS_LONG) & ~Q(email_error="")
        return self.filter(Q(email_given_up_at__isnull=False) | waits)


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
    #: Tries to send the email that were begun, when the next one is due, and why the last one failed.
    email_tries = models.PositiveSmallIntegerField(db_default=0)
    email_due_at = models.DateTimeField(db_default=Now())
    email_error = models.CharField(max_length=60, blank=True, db_default="")
    email_given_up_at = models.DateTimeField(null=True)

    objects = NoticeQuerySet.as_manager()

    class Meta:
        verbose_name = _("notice")
        verbose_name_plural = _("notices")
        default_permissions = ()
        permissions = [("keep_emails", "Can see which emails could not be sent, and have them tried again")]
        indexes = [
            models.Index(fields=["person", "-id"], name="notices_of_a_person"),
            models.Index(fields=["id"], name="notices_to_email", condition=Q(emailed_at__isnull=True)),
        ]
        constraints = [
            models.UniqueConstraint(name="told_once", fields=["person", "kind", "about"]),
            models.CheckConstraint(
                name="email_is_sent_or_given_up",
                condition=Q(emailed_at__isnull=True) | Q(email_given_up_at__isnull=True),
            ),
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
