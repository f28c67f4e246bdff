"""Requests: what waits for a second person's answer."""

from typing import Self

from django.contrib.postgres.functions import RandomUUID
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Cast, Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from access.models.conditions import together
from access.models.contracts import DelegationContract
from access.models.emergencies import Emergency
from access.people import Person
from customers.one_line import OneLineField


class RequestQuerySet(models.QuerySet):
    def waiting(self, at=None) -> Self:
        """Requests that nobody has answered and that have not lapsed at `at`, oldest first."""
        return self.filter(answered_at__isnull=True, lapses_at__gt=at or Now()).order_by("asked_at", "pk")

    def lapsed(self, at=None) -> Self:
        """Requests past their time that nobody has answered, and nobody can answer any more."""
        return self.filter(answered_at__isnull=True, lapses_at__lte=at or Now())


class Request(models.Model):
    """申請: somebody asks, another person answers, or it is written off. Once answered it stays as it is.

    `about` is the key of the thing asked for: of one kind, one request at a time waits for one thing.
    `detail` holds what is asked for, and so all that an agreement opens; `outcome` what came of it.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", _("Grant under dual control")
        EXTENSION = "extension", _("Extension under dual control")
        TERMS = "terms", _("Wider terms of a contract")
        HELP = "help", _("Access asked for by a contractor")
        ACCOUNT = "account", _("Change of an account")
        RIGHT = "right", _("Right on an object")
        NAME = "name", _("Change of a name")

    class Answer(models.TextChoices):
        AGREED = "agreed", _("Agreed")
        REFUSED = "refused", pgettext_lazy("request", "Refused")
        LAPSED = "lapsed", _("Lapsed")
        POINTLESS = "pointless", _("Pointless")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    #: A portal that does not know the column yet asks under a key of its own.
    about = models.CharField(max_length=120, db_default=Cast(RandomUUID(), models.CharField()))
    asked_by = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name=_("asked by"))
    asked_at = models.DateTimeField(_("asked at"), db_default=Now())
    because = OneLineField(_("reason"), max_length=200, blank=True)
    lapses_at = models.DateTimeField(_("lapses at"))
    emergency = models.ForeignKey(Emergency, models.PROTECT, null=True, related_name="requests")
    contract = models.ForeignKey(DelegationContract, models.PROTECT, null=True, related_name="+")
    subject = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    detail = models.JSONField(default=dict)
    answer = models.CharField(max_length=20, choices=Answer, null=True)
    answered_at = models.DateTimeField(_("answered at"), null=True)
    answered_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    outcome = models.JSONField(null=True)

    objects = RequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request")
        verbose_name_plural = _("requests")
        default_permissions = ()
        permissions = [
            ("answer_request", "Can see and answer requests"),
            ("answer_grant_request", "Can answer requests about grants"),
            ("answer_account_request", "Can answer requests about accounts and rights"),
        ]
        indexes = [
            models.Index(fields=["asked_at"], name="requests_waiting", condition=Q(answered_at__isnull=True))
        ]
        constraints = [
            models.CheckConstraint(
                name="request_lapses_after_it_is_asked", condition=Q(lapses_at__gt=F("asked_at"))
            ),
            models.CheckConstraint(
                name="request_answer_is_whole",
                condition=together("answer", "answered_at", "answered_by"),
            ),
            models.CheckConstraint(
                name="request_outcome_comes_with_the_answer",
                condition=Q(outcome__isnull=True) | Q(answered_at__isnull=False),
            ),
            models.CheckConstraint(
                name="request_is_answered_by_a_second_person",
                condition=Q(answered_by__isnull=True) | ~Q(answered_by=F("asked_by")),
            ),
            models.CheckConstraint(
                name="request_is_agreed_to_before_it_lapses",
                condition=~Q(answer="agreed") | Q(answered_at__lt=F("lapses_at")),
            ),
            models.UniqueConstraint(
                name="one_open_request_for_one_thing",
                fields=["kind", "about"],
                condition=Q(answered_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"
