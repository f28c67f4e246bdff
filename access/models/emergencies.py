"""Emergencies and the grants in them: from when to when, by whom, and what "live" means."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.db import models
from django.db.models import F, Func, Max, Min, Q
from django.db.models.functions import Least, Now
from django.utils.translation import gettext_lazy as _

from access.models.conditions import reached, together, within
from access.models.contracts import IN_FORCE, ON_THE_ROSTER, RosterEntry, still_the_delegates
from access.people import Person
from audit.record import Recorded
from customers.models import ServiceArea
from customers.one_line import OneLineField

#: From when and until when an emergency is open.
OPEN = (("declared_at",), ("expires_at", "ended_at"))
#: From when a grant is live, and until when: the latest and the earliest of these moments, so far as they are
#: set, of the grant, its emergency, its roster entry and its contract. The definition, with the person's
#: standing: `Grant.objects.live` asks it for a moment, `audit.covering` for every moment of the past.
BEGINS = (
    "starts_at",
    *reached("emergency__", OPEN[0]),
    *reached("roster_entry__", ON_THE_ROSTER[0]),
    *reached("roster_entry__contract__", IN_FORCE[0]),
)
ENDS = (
    "ends_at",
    "revoked_at",
    *reached("emergency__", OPEN[1]),
    *reached("roster_entry__", ON_THE_ROSTER[1]),
    *reached("roster_entry__contract__", IN_FORCE[1]),
)


class EmergencyQuerySet(models.QuerySet):
    def open(self, at=None) -> Self:
        """Emergencies open at `at` (the database's clock if None): declared, not ended, not expired."""
        return self.filter(within(*OPEN, at or Now()))

    def due(self, at=None) -> Self:
        """Emergencies that expired without anybody's having ended them."""
        return self.filter(ended_at__isnull=True, expires_at__lte=at or Now())


class Emergency(Recorded, models.Model):
    """災害等非常時: what happened where, from when, and never open-ended. A drill reaches training areas alone."""

    class Kind(models.TextChoices):
        TYPHOON = "typhoon", _("Typhoon")
        EARTHQUAKE = "earthquake", _("Earthquake")
        FLOOD = "flood", _("Heavy rain or flood")
        SNOW = "snow", _("Heavy snow")
        OUTAGE = "outage", _("Large outage")
        OTHER = "other", _("Other")

    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    name = OneLineField(_("name"), max_length=100)
    is_drill = models.BooleanField(_("drill"), default=False)
    areas = models.ManyToManyField(ServiceArea, verbose_name=_("areas"), related_name="emergencies")
    declared_at = models.DateTimeField(_("declared at"), db_default=Now())
    declared_by = models.ForeignKey(Person, models.PROTECT, related_name="+", verbose_name=_("declared by"))
    expires_at = models.DateTimeField(_("expires at"))
    ended_at = models.DateTimeField(_("ended at"), null=True)
    ended_by = models.ForeignKey(
        Person, models.PROTECT, null=True, related_name="+", verbose_name=_("ended by")
    )
    #: Of the form that declared it: the same form sent twice is one declaration.
    form_token = models.UUIDField(null=True, unique=True, editable=False)

    objects = EmergencyQuerySet.as_manager()

    class Meta:
        verbose_name = _("emergency")
        verbose_name_plural = _("emergencies")
        ordering = ["-declared_at"]
        default_permissions = ("view",)
        permissions = [
            ("declare_emergency", "Can declare an emergency"),
            ("extend_emergency", "Can extend an emergency and change its areas"),
            ("end_emergency", "Can end an emergency"),
            ("watch_board", "Can watch the board"),
            ("view_summary", "Can see what an emergency came to"),
        ]
        constraints = [
            # At most 72 hours away whenever it is set: a trigger, for it takes the clock.
            models.CheckConstraint(
                name="emergency_expires_after_it_is_declared",
                condition=Q(expires_at__gt=F("declared_at")),
            ),
            models.CheckConstraint(
                name="emergency_end_is_whole",
                condition=together("ended_at", "ended_by"),
            ),
            models.CheckConstraint(
                name="emergency_ends_between_declaration_and_expiry",
                condition=Q(ended_at__isnull=True)
                | Q(ended_at__gte=F("declared_at"), ended_at__lte=F("expires_at")),
            ),
            models.CheckConstraint(
                name="emergency_kind_known",
                condition=Q(kind__in=["typhoon", "earthquake", "flood", "snow", "outage", "other"]),
            ),
        ]

    def __str__(self) -> str:
        return self.name


class TsTzRange(Func):
    """The time from one moment (inclusive) to another (exclusive)."""

    function = "TSTZRANGE"
    output_field = DateTimeRangeField()


#: When a grant stops to be live by what is known: whatever comes first. (PostgreSQL passes over null.)
STOP = Least(*ENDS)
#: Ends of ENDS after which a grant that is not revoked may be live again.
MAY_GO_ON = tuple(reached("roster_entry__contract__", ("ends_at", "suspended_at")))


class GrantQuerySet(models.QuerySet):
    def live(self, at=None) -> Self:
        """Grants live at `at` (an aware datetime; the database's clock if None).

        The only definition of live: the grant's window, its emergency, its contract, its roster entry
        and its person all say so at that moment. A query over facts, never a stored flag.
        """
        # Joined, not IN (SELECT ...): planning those costs PostgreSQL several times the answer
        return self.filter(within(BEGINS, ENDS, at or Now()), still_the_delegates("roster_entry__"))

    def running(self, at=None) -> Self:
        """Grants that are live at `at`, or may become so: not revoked, and nothing about them over for good.

        Whether the contract's period is over does not matter.
        """
        # What is suspended is revoked, and a period alone may be lengthened again
        ends = [one for one in ENDS if one not in MAY_GO_ON]
        return self.filter(within((), ends, at or Now()), still_the_delegates("roster_entry__"))

    def revoked_lately(self, at: datetime) -> Self:
        """Grants that were taken from their person within a day before `at`: not with everybody's of a contract."""
        return self.filter(
            revoked_at__gt=at - timedelta(days=1), revoked_at__lte=at, revoked_with_contract=False
        )

    def with_stop(self) -> Self:
        """Each grant with `stops_at`: when it stops, or stopped, to be live by what is known."""
        return self.annotate(stops_at=STOP)

    def last_stop(self) -> datetime | None:
        """The moment at which the last of these grants stops to be live by what is known; None if there is none.

        A suspension is among it: it revokes.
        """
        return self.aggregate(last=Max(STOP))["last"]

    def windows_of_people(self) -> "models.QuerySet[Any, tuple[int, datetime, datetime]]":
        """Person, since, until: from when to when each person holds one of these grants, if nobody ends it earlier."""
        stops = Least("ends_at", "emergency__expires_at", "roster_entry__contract__ends_at")
        people = self.order_by().values_list("roster_entry__person")
        return people.annotate(since=Min("starts_at"), until=Max(stops))


class Grant(Recorded, models.Model):
    """受託者権限: one person of one contract's roster, in one emergency, from when to when.

    Person and contract are the roster entry's, so that a grant off the roster cannot be written. What
    is revoked stays revoked; an extension moves `ends_at`, never further than the contract's ceiling
    from the moment of extending.
    """

    roster_entry = models.ForeignKey(RosterEntry, models.PROTECT, related_name="grants")
    emergency = models.ForeignKey(Emergency, models.PROTECT, related_name="grants")
    starts_at = models.DateTimeField(_("from"))
    ends_at = models.DateTimeField(_("until"))
    granted_by = models.ForeignKey(Person, models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(_("revoked at"), null=True)
    revoked_by = models.ForeignKey(Person, models.PROTECT, null=True, related_name="+")
    revoked_because = models.TextField(null=True)
    #: Revoked with everybody's, for the contract was suspended: says nothing of the person.
    revoked_with_contract = models.BooleanField(default=False, db_default=False, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        default_permissions = ()
        permissions = [
            ("give_grant", "Can give a grant"),
            ("revoke_grant", "Can revoke a grant"),
            ("ask_for_grant", "Can ask for a grant"),
        ]
        constraints = [
            models.CheckConstraint(
                name="grant_ends_after_it_starts",
                condition=Q(ends_at__gt=F("starts_at")),
            ),
            models.CheckConstraint(
                name="grant_revocation_is_whole",
                condition=together("revoked_at", "revoked_by", "revoked_because"),
            ),
            ExclusionConstraint(
                name="one_grant_at_a_time",
                expressions=[
                    ("roster_entry", RangeOperators.EQUAL),
                    ("emergency", RangeOperators.EQUAL),
                    (TsTzRange("starts_at", "ends_at"), RangeOperators.OVERLAPS),
                ],
                condition=Q(revoked_at__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.roster_entry} / {self.emergency}"
