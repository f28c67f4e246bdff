"""What is counted before it is written: refusals and failed sign-ins that come again and again."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class Repeat(models.Model):
    """The same thing again since its entry was written; once its time is over, one entry says how often.

    The table keeps what the history does not hold yet, so it needs neither a session nor Redis to be right.
    """

    #: Whose, what and where: equal keys are the same thing.
    key = models.TextField(unique=True)
    kind = models.CharField(max_length=10)
    event = models.CharField(max_length=40)
    reason = models.CharField(max_length=40, blank=True)
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    subject = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    emergency_id = models.BigIntegerField(null=True)
    contract_id = models.BigIntegerField(null=True)
    since = models.DateTimeField(db_default=Now())
    until = models.DateTimeField(db_default=Now())
    count = models.PositiveIntegerField(db_default=0)
    #: The addresses, of pages or on the network, from which it came again; no more than are of use.
    places = ArrayField(models.TextField(), db_default=[])

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.key} {self.count}"
