"""The history: one table, append-only. The database refuses UPDATE, DELETE and TRUNCATE on it.

It is partitioned by month (of Japan), so in the database its key is (id, timestamp); `audit.months` adds
the months to come. What is inserted is noted in `Unsealed` by a trigger, for the sealer.

It knows neither customers nor access: it keeps numbers and names as they were when the thing
happened, not foreign keys that a later change could bend.
"""

from datetime import datetime
from typing import Self

from auditlog.models import AbstractLogEntry, LogEntryManager
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from audit import acting

#: Where an entry stands in the order of time: its time, and its id among those of the same time.
Mark = tuple[datetime, int]


class LogEntryQuerySet(models.QuerySet):
    def newest_first(self) -> Self:
        return self.order_by("-timestamp", "-pk")

    def oldest_first(self) -> Self:
        return self.order_by("timestamp", "pk")

    def before(self, mark: Mark) -> Self:
        """Entries earlier than the mark. The time is compared twice, so that an index begins there."""
        time, pk = mark
        return self.filter(Q(timestamp__lt=time) | Q(pk__lt=pk), timestamp__lte=time)

    def after(self, mark: Mark) -> Self:
        """Entries later than the mark."""
        time, pk = mark
        return self.filter(Q(timestamp__gt=time) | Q(pk__gt=pk), timestamp__gte=time)

    def disclosures(self) -> Self:
        return self.filter(kind=LogEntry.Kind.DISCLOSURE)

    def denials(self) -> Self:
        return self.filter(kind=LogEntry.Kind.DENIAL)

    def of_customer(self, supply_point_number: str) -> Self:
        return self.filter(supply_point_number=supply_point_number)

    def about(self, one: models.Model) -> Self:
        """What is written about the object itself."""
        return self.filter(content_type=ContentType.objects.get_for_model(one), object_pk=str(one.pk))

    def by_person(self, person_id: int) -> Self:
        """What the person did."""
        return self.filter(actor_id=person_id)

    def done_to_person(self, person_id: int) -> Self:
        """What others did about the person."""
        return self.filter(subject_id=person_id).exclude(actor_id=person_id)

    def of_emergency(self, emergency_id: int) -> Self:
        return self.filter(emergency_id=emergency_id)

    def of_story(self, cid: str) -> Self:
        """All that came of one request or one task."""
        return self.filter(cid=cid)

    def between(self, start=None, end=None) -> Self:
        """Entries from `start` (inclusive) to `end` (exclusive), aware datetimes or None."""
        entries = self
        if start:
            entries = entries.filter(timestamp__gte=start)
        if end:
            entries = entries.filter(timestamp__lt=end)
        return entries


def _index(
    name: str, condition: Q | None = None, *, fields: list[str], include: list[str] | None = None
) -> models.Index:
    return models.Index(
        fields=[*fields, "-timestamp", "-id"],
        name=f"history_by_{name}",
        condition=condition,
        include=include,
    )


class LogEntry(AbstractLogEntry):
    """One thing that happened: a change, a disclosure, a lookup, a denial, a decision, a session's turn."""

    class Kind(models.TextChoices):
        CHANGE = "change", _("Change")
        DISCLOSURE = "disclosure", _("Disclosure")
        LOOKUP = "lookup", _("Lookup without a result")
        DENIAL = "denial", _("Denial")
        DECISION = "decision", _("Decision")
        SESSION = "session", _("Signing in and out")

    # What auditlog wants of every entry, loosened: a denial or a sign-in has no object, the clock is
    # the database's, and nobody whom the history names can be deleted.
    content_type = models.ForeignKey(
        "contenttypes.ContentType", models.PROTECT, null=True, related_name="+", db_index=False
    )
    object_pk = models.CharField(max_length=255, blank=True)
    object_id = models.BigIntegerField(null=True)
    object_repr = models.TextField(blank=True)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.PROTECT,
        null=True,
        related_name="+",
        db_constraint=True,
        db_index=False,
    )
    cid = models.CharField(_("correlation id"), max_length=36, blank=True)
    timestamp = models.DateTimeField(_("time"), db_default=Now())
    action = models.PositiveSmallIntegerField(
        choices=AbstractLogEntry.Action.choices, default=AbstractLogEntry.Action.ACCESS
    )

    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.CHANGE)
    event = models.CharField(max_length=40, blank=True)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    actor_username = models.CharField(max_length=150, blank=True)
    actor_name = models.CharField(_("person"), max_length=150, blank=True)
    actor_role = models.CharField(_("role"), max_length=20, blank=True)
    actor_organization = models.CharField(_("organisation"), max_length=100, blank=True)
    subject_id = models.BigIntegerField(null=True)
    customer_id = models.BigIntegerField(null=True)
    supply_point_number = models.CharField(_("supply point number"), max_length=22, blank=True)
    area_code = models.CharField(max_length=5, blank=True)
    fields = ArrayField(models.CharField(max_length=40), default=list)
    basis = models.CharField(_("basis"), max_length=20, blank=True)
    emergency_id = models.BigIntegerField(null=True)
    contract_id = models.BigIntegerField(null=True)
    grant_id = models.BigIntegerField(null=True)
    inquiry_id = models.BigIntegerField(null=True)

    objects = LogEntryManager.from_queryset(LogEntryQuerySet)()

    class Meta:
        verbose_name = _("history entry")
        verbose_name_plural = _("history")
        default_permissions = ()
        permissions = [
            ("read_history", "Can read the history"),
            ("see_who_saw", "Can see who has seen a customer that they may open"),
            ("export_history", "Can take the history away as a file"),
        ]
        # Each filter of the history has its index, in the order in which the history is read; a column
        # that most entries leave empty is indexed where it is not.
        indexes = [
            models.Index(fields=["-timestamp", "-id"], name="history_by_time"),
            _index("actor", fields=["actor"]),
            _index("subject", Q(subject_id__isnull=False), fields=["subject_id"]),
            _index("organization", ~Q(actor_organization=""), fields=["actor_organization"]),
            _index("role", ~Q(actor_role=""), fields=["actor_role"]),
            _index("customer", ~Q(supply_point_number=""), fields=["supply_point_number"]),
            _index("area", ~Q(area_code=""), fields=["area_code"]),
            _index("kind", fields=["kind"]),
            _index("reason", ~Q(reason=""), fields=["reason"]),
            _index("object", Q(content_type__isnull=False), fields=["content_type", "object_pk"]),
            _index("story", fields=["cid"]),
            _index("emergency", Q(emergency_id__isnull=False), fields=["emergency_id"]),
            # The timeline counts a year of these without looking at an entry
            _index(
                "contract",
                Q(contract_id__isnull=False),
                fields=["contract_id"],
                include=["kind", "actor", "emergency_id", "grant_id"],
            ),
            _index("grant", Q(grant_id__isnull=False), fields=["grant_id"]),
            _index("inquiry", Q(inquiry_id__isnull=False), fields=["inquiry_id"]),
        ]
        constraints = [
            models.CheckConstraint(
                name="disclosure_says_what_and_why",
                condition=~Q(kind="disclosure")
                | (
                    Q(customer_id__isnull=False)
                    & Q(supply_point_number__regex=r"^[0-9]{22}$")
                    & Q(actor__isnull=False)
                    & ~Q(basis="")
                    & ~Q(fields=[])
                ),
            ),
            models.CheckConstraint(name="denial_says_why", condition=~Q(kind="denial") | ~Q(reason="")),
            models.CheckConstraint(
                name="contractor_disclosure_names_its_grant",
                condition=~Q(kind="disclosure", actor_role="contractor")
                | (
                    Q(grant_id__isnull=False)
                    & Q(emergency_id__isnull=False)
                    & Q(contract_id__isnull=False)
                    & Q(inquiry_id__isnull=False)
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.kind} {self.event}"

    @property
    def mark(self) -> Mark:
        return self.timestamp, self.pk

    def save(self, *args, **kwargs) -> None:
        """Writes a new entry, signed with who is acting. An entry is never written twice."""
        acting.sign(self)
        super().save(
            *args,
            force_insert=True,
            **{k: v for k, v in kwargs.items() if k == "using"},
        )
