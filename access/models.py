"""Contracts, rosters, emergencies, grants, inquiries, and the permissions made of them. Facts, no rules.

People are in `access.people`. What must never be is refused by the database: check constraints here,
triggers in migration 0002.
"""

from datetime import timedelta
from typing import Self

from django.contrib.postgres.fields import ArrayField
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from access.people import Office, Person, Role, Session
from customers.disclosure import DELEGABLE_ITEMS, TABLE
from customers.models import Organization, ServiceArea

__all__ = [
    "AreaGroupPermission", "AreaUserPermission", "ContractGroupPermission", "ContractUserPermission",
    "DelegationContract", "Emergency", "Grant", "Inquiry", "Office", "Person", "Role", "RosterEntry",
    "Session",
]  # fmt: skip


def _together(*fields: str) -> Q:
    """Fields that belong together: all null or none."""
    return Q(**{f"{f}__isnull": True for f in fields}) | Q(**{f"{f}__isnull": False for f in fields})


def _not_yet(field: str, at) -> Q:
    """The moment in `field` is unset, or after `at`."""
    return Q(**{f"{field}__isnull": True}) | Q(**{f"{field}__gt": at})


class ContractQuerySet(models.QuerySet):
    def in_force(self, at=None) -> Self:
        """Contracts in force at `at` (the database's clock if None)."""
        at = at or Now()
        return self.filter(
            _not_yet("suspended_at", at),
            _not_yet("ended_at", at),
            starts_at__lte=at,
            ends_at__gt=at,
        )


class DelegationContract(models.Model):
    """業務委託契約: what a delegator lets a delegate's people do in an emergency, and for how long."""

    title = models.CharField(_("title"), max_length=100, unique=True)
    delegator = models.ForeignKey(Organization, models.PROTECT, related_name="+", verbose_name=_("delegator"))
    delegate = models.ForeignKey(Organization, models.PROTECT, related_name="+", verbose_name=_("delegate"))
    starts_at = models.DateTimeField(_("in force from"))
    ends_at = models.DateTimeField(_("in force until"))
    delegated_items = ArrayField(
        models.CharField(
            max_length=40,
            choices=[(i.code, i.label) for i in TABLE if i.code in DELEGABLE_ITEMS],
        ),
        verbose_name=_("delegated items"),
    )
    max_grant_hours = models.PositiveSmallIntegerField(
        _("ceiling on a grant (hours)"), default=24, validators=[MinValueValidator(1)]
    )
    suspended_at = models.DateTimeField(_("suspended at"), null=True, editable=False)
    suspended_by = models.ForeignKey(Person, models.PROTECT, null=True, editable=False, related_name="+")
    suspended_because = models.TextField(null=True, editable=False)
    ended_at = models.DateTimeField(_("ended at"), null=True, editable=False)
    ended_by = models.ForeignKey(Person, models.PROTECT, null=True, editable=False, related_name="+")

    objects = ContractQuerySet.as_manager()

    class Meta:
        verbose_name = _("delegation contract")
        verbose_name_plural = _("delegation contracts")
        ordering = ["title"]
        permissions = [
            ("grant_under_contract", "Can grant under the contract"),
            ("review_contract", "Can review the contract's use"),
        ]
        constraints = [
            models.CheckConstraint(
                name="contract_ends_after_it_starts",
                condition=Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="delegator_and_delegate_differ",
                condition=~Q(delegator=F("delegate")),
            ),
            models.CheckConstraint(
                name="delegated_items_are_of_the_first_five",
                condition=Q(delegated_items__contained_by=list(DELEGABLE_ITEMS))
                & Q(delegated_items__len__gt=0),
            ),
            models.CheckConstraint(
                name="grant_ceiling_is_1_to_72_hours",
                condition=Q(max_grant_hours__gte=1, max_grant_hours__lte=72),
            ),
            models.CheckConstraint(
                name="contract_suspension_is_whole",
                condition=_together("suspended_at", "suspended_by", "suspended_because"),
            ),
            models.CheckConstraint(
                name="contract_end_is_whole",
                condition=_together("ended_at", "ended_by"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def max_grant(self) -> timedelta:
        return timedelta(hours=self.max_grant_hours)


class RosterEntryQuerySet(models.QuerySet):
    def current(self, at=None) -> Self:
        """Entries whose person may be granted at `at`: on the roster, active, still the delegate's."""
        at = at or Now()
        return self.filter(
            _not_yet("removed_at", at),
            added_at__lte=at,
            person__is_active=True,
            person__role=Role.CONTRACTOR,
            person__organization=F("contract__delegate"),
        )


class RosterEntry(models.Model):
    """One of the delegate's people whom a contract admits: ready, but holding no right."""

    contract = models.ForeignKey(DelegationContract, models.PROTECT, related_name="roster")
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="roster_entries", verbose_name=_("person")
    )
    trained_on = models.DateField(_("trained on"))
    added_at = models.DateTimeField(_("added at"), db_default=Now())
    added_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    removed_at = models.DateTimeField(_("removed at"), null=True)
    removed_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")

    objects = RosterEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("roster entry")
        verbose_name_plural = _("roster")
        default_permissions = ()
        permissions = [("keep_roster", "Can keep the roster")]
        constraints = [
            models.UniqueConstraint(
                fields=["contract", "person"],
                condition=Q(removed_at__isnull=True),
                name="on_a_roster_once",
            ),
            models.CheckConstraint(
                name="roster_removal_is_whole",
                condition=_together("removed_at", "removed_by"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} / {self.contract}"


class EmergencyQuerySet(models.QuerySet):
    def open(self, at=None) -> Self:
        """Emergencies open at `at` (the database's clock if None): declared, not ended, not expired."""
        at = at or Now()
        return self.filter(_not_yet("ended_at", at), declared_at__lte=at, expires_at__gt=at)

    def due(self, at=None) -> Self:
        """Emergencies that expired without anybody's having ended them."""
        return self.filter(ended_at__isnull=True, expires_at__lte=at or Now())


class Emergency(models.Model):
    """災害等非常時: what happened where, from when, and never open-ended."""

    class Kind(models.TextChoices):
        TYPHOON = "typhoon", _("Typhoon")
        EARTHQUAKE = "earthquake", _("Earthquake")
        FLOOD = "flood", _("Heavy rain or flood")
        SNOW = "snow", _("Heavy snow")
        OUTAGE = "outage", _("Large outage")
        OTHER = "other", _("Other")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name = models.CharField(_("name"), max_length=100)
    areas = models.ManyToManyField(ServiceArea, verbose_name=_("areas"), related_name="emergencies")
    declared_at = models.DateTimeField(_("declared at"), db_default=Now())
    declared_by = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name=_("declared by"))
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    ended_by = models.ForeignKey(
        Person, models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )

    objects = EmergencyQuerySet.as_manager()

    class Meta:
        verbose_name = _("emergency")
        verbose_name_plural = _("emergencies")
        ordering = ["-declared_at"]
        default_permissions = ("view",)
        permissions = [
            ("declare_emergency", "Can declare an emergency"),
            ("end_emergency", "Can end an emergency"),
        ]
        constraints = [
            models.CheckConstraint(
                name="emergency_expires_within_72_hours",
                condition=Q(expires_at__gt=F("declared_at"))
                & Q(expires_at__lte=F("declared_at") + timedelta(hours=72)),
            ),
            models.CheckConstraint(
                name="emergency_end_is_whole",
                condition=_together("ended_at", "ended_by"),
            ),
            models.CheckConstraint(
                name="emergency_ends_between_declaration_and_expiry",
                condition=Q(ended_at__isnull=True)
                | Q(ended_at__gte=F("declared_at"), ended_at__lte=F("expires_at")),
            ),
            models.CheckConstraint(
                name="emergency_kind_known",
                condition=Q(
                    kind__in=[
                        "typhoon",
                        "earthquake",
                        "flood",
                        "snow",
                        "outage",
                        "other",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class GrantQuerySet(models.QuerySet):
    def live(self, at=None) -> Self:
        """Grants live at `at` (an aware datetime; the database's clock if None).

        The only definition of live: the grant's window, its emergency, its contract, its roster entry
        and its person all say so at that moment. A query over facts, never a stored flag.
        """
        at = at or Now()
        return self.filter(
            _not_yet("revoked_at", at),
            starts_at__lte=at,
            ends_at__gt=at,
            emergency__in=Emergency.objects.open(at),
            roster_entry__in=RosterEntry.objects.current(at),
            roster_entry__contract__in=DelegationContract.objects.in_force(at),
        )


class Grant(models.Model):
    """受託者権限: one person of one contract's roster, in one emergency, from when to when.

    Person and contract are the roster entry's, so that a grant off the roster cannot be written.
    """

    roster_entry = models.ForeignKey(RosterEntry, models.PROTECT, related_name="grants")
    emergency = models.ForeignKey(Emergency, models.PROTECT, related_name="grants")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    granted_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revoked_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    revoked_because = models.TextField(null=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(
                name="grant_ends_after_it_starts",
                condition=Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="grant_revocation_is_whole",
                condition=_together("revoked_at", "revoked_by", "revoked_because"),
            ),
            models.UniqueConstraint(
                fields=["roster_entry", "emergency"],
                condition=Q(revoked_at__isnull=True),
                name="one_grant_a_person_an_emergency",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.roster_entry} / {self.emergency}"


class Inquiry(models.Model):
    """問い合わせ受付: a call taken. For a contractor, the purpose without which nothing is looked up."""

    class Kind(models.TextChoices):
        OUTAGE = "outage", _("Power is out")
        RESTORATION = "restoration", _("When will power return")
        DANGER = "danger", _("Fallen line, danger")
        EQUIPMENT = "equipment", _("Equipment fault")
        OTHER = "other", _("Other")

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
    caller_name = models.CharField(_("caller's name"), max_length=100)
    caller_phone = models.CharField(_("number the call came from"), max_length=20, blank=True)
    kind = models.CharField(_("what is wrong"), max_length=20, choices=Kind)
    note = models.TextField(_("note"), blank=True, max_length=1000)
    closed_at = models.DateTimeField(_("closed at"), null=True)

    class Meta:
        verbose_name = _("inquiry")
        verbose_name_plural = _("inquiries")
        default_permissions = ()
        permissions = [("take_inquiry", "Can take an inquiry")]
        constraints = [
            models.CheckConstraint(
                name="inquiry_closes_after_it_is_taken",
                condition=Q(closed_at__isnull=True) | Q(closed_at__gte=F("taken_at")),
            )
        ]

    def __str__(self) -> str:
        return str(self.pk)


class AreaUserPermission(UserObjectPermissionBase):
    """A contractor's right to consult an area: derived from live grants by `access.reconcile`."""

    content_object = models.ForeignKey(ServiceArea, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class AreaGroupPermission(GroupObjectPermissionBase):
    """An office's right to consult an area."""

    content_object = models.ForeignKey(ServiceArea, models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class ContractUserPermission(UserObjectPermissionBase):
    """A supervisor's or auditor's own right on a contract."""

    content_object = models.ForeignKey(DelegationContract, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class ContractGroupPermission(GroupObjectPermissionBase):
    """The supervisors' or the auditors' right on a contract."""

    content_object = models.ForeignKey(DelegationContract, models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()
