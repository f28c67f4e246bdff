"""Delegation contracts and their rosters: what may be delegated to whom, ready but holding no right."""

from datetime import timedelta
from typing import Self
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import DateField, DateTimeField, F, Func, Q, Value
from django.db.models.functions import Now, TruncDate
from django.db.models.lookups import GreaterThanOrEqual
from django.utils.translation import gettext_lazy as _

from access.models.conditions import together, within
from access.people import Person, Role
from audit.record import Recorded
from customers.disclosure import DELEGABLE_ITEMS, TABLE
from customers.models import Organization
from customers.one_line import OneLineField

#: From when and until when a contract is in force.
IN_FORCE = (("starts_at",), ("ends_at", "ended_at", "suspended_at"))
#: From when and until when a person is on a roster.
ON_THE_ROSTER = (("added_at",), ("removed_at",))


class ContractQuerySet(models.QuerySet):
    def in_force(self, at=None) -> Self:
        """Contracts in force at `at` (the database's clock if None)."""
        return self.filter(within(*IN_FORCE, at or Now()))


class DelegationContract(Recorded, models.Model):
    """業務委託契約: what a delegator lets a delegate's people do in an emergency, and for how long."""

    title = OneLineField(_("title"), max_length=100, unique=True)
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
        _("ceiling on a grant (hours)"), default=24, validators=[MinValueValidator(1), MaxValueValidator(72)]
    )
    training_valid_days = models.PositiveSmallIntegerField(
        _("training is valid for (days)"),
        default=366,
        validators=[MinValueValidator(1), MaxValueValidator(1830)],
        help_text=_("Whose training is older than that is not granted access."),
    )
    max_results = models.PositiveSmallIntegerField(
        _("results of one lookup at most"),
        default=10,
        validators=[MinValueValidator(1), MaxValueValidator(10)],
        help_text=_("Where more fit, nobody is shown, and the caller has to say more."),
    )
    slow_after = models.PositiveSmallIntegerField(
        _("lookups in ten minutes, then slowed"),
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(200)],
        help_text=_("Beyond that, each lookup has to wait for the one before."),
    )
    stop_after = models.PositiveSmallIntegerField(
        _("lookups in ten minutes, then stopped"),
        default=40,
        validators=[MinValueValidator(2), MaxValueValidator(400)],
        help_text=_("Beyond that the person's grants are revoked, and supervisors are told."),
    )
    dual_control = models.BooleanField(
        _("dual control"),
        default=False,
        help_text=_("A grant or an extension takes effect when a second supervisor agrees."),
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
            ("suspend_contract", "Can suspend a contract"),
            ("keep_object_rights", "Can say which office or person holds a right on an object"),
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
                name="results_are_1_to_10", condition=Q(max_results__gte=1, max_results__lte=10)
            ),
            models.CheckConstraint(
                name="slowed_before_stopped",
                condition=Q(slow_after__gte=1, slow_after__lt=F("stop_after"), stop_after__lte=400),
            ),
            models.CheckConstraint(
                name="training_is_valid_for_1_to_1830_days",
                condition=Q(training_valid_days__gte=1, training_valid_days__lte=1830),
            ),
            models.CheckConstraint(
                name="contract_suspension_is_whole",
                condition=together("suspended_at", "suspended_by", "suspended_because"),
            ),
            models.CheckConstraint(
                name="contract_end_is_whole",
                condition=together("ended_at", "ended_by"),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def max_grant(self) -> timedelta:
        return timedelta(hours=self.max_grant_hours)


def still_the_delegates(of: str = "") -> Q:
    """That a roster entry's person is an active contractor of the delegate; of: the way to it from another model.

    Whoever stops to be is taken off at that moment, by a trigger. So of an entry that was removed this says
    nothing: until then the person was.
    """
    return Q((f"{of}removed_at__isnull", False)) | Q(
        (f"{of}person__is_active", True),
        (f"{of}person__role", Role.CONTRACTOR),
        (f"{of}person__organization", F(f"{of}contract__delegate")),
    )


class RosterEntryQuerySet(models.QuerySet):
    def current(self, at=None) -> Self:
        """Entries that stand at `at`: on the roster, the person active and still the delegate's."""
        return self.filter(within(*ON_THE_ROSTER, at or Now()), still_the_delegates())

    def ready(self, at=None) -> Self:
        """Current entries whose person may be granted at `at`: trained, and not too long ago."""
        return self.current(at).filter(_trained(at))

    def not_ready(self, at=None) -> Self:
        """Current entries whose person may not be granted: untrained, or the training has lapsed."""
        return self.current(at).exclude(_trained(at))


class PlusDays(Func):
    """A day and a number of days after it. (PostgreSQL adds them; Django would make an interval of it.)"""

    template = "(%(expressions)s)"
    arg_joiner = " + "
    output_field = DateField()


def _trained(at=None) -> Q:
    """The training took place, and its validity (days of Japan's calendar) is not over at `at`."""
    moment = Value(at, DateTimeField()) if at is not None else Now()
    today = TruncDate(moment, tzinfo=ZoneInfo(settings.TIME_ZONE))
    last_day = PlusDays("trained_on", "contract__training_valid_days")
    return Q(trained_on__lte=today) & Q(GreaterThanOrEqual(last_day, today))


class RosterEntry(Recorded, models.Model):
    """One of the delegate's people whom a contract admits: ready, but holding no right."""

    contract = models.ForeignKey(DelegationContract, models.PROTECT, related_name="roster")
    person = models.ForeignKey(
        Person, models.PROTECT, related_name="roster_entries", verbose_name=_("person")
    )
    trained_on = models.DateField(_("trained on"), null=True, blank=True)
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
                condition=together("removed_at", "removed_by"),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.person} / {self.contract}"

    @property
    def trained_until(self):
        """The last day on which the training counts, or None."""
        if self.trained_on is None:
            return None
        return self.trained_on + timedelta(days=self.contract.training_valid_days)
