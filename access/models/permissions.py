"""Object permissions (django-guardian), in tables with direct foreign keys."""

from django.db import models
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase

from access.models.contracts import DelegationContract
from customers.models import ServiceArea


class AreaUserPermission(UserObjectPermissionBase):
    """A contractor's right to consult an area: derived from live grants by `access.reconcile`."""

    content_object = models.ForeignKey(ServiceArea, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class AreaGroupPermission(GroupObjectPermissionBase):
    """An office's right on an area: its operators consult there, its supervisors declare there."""

    content_object = models.ForeignKey(ServiceArea, models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class ContractUserPermission(UserObjectPermissionBase):
    """A supervisor's or auditor's own right on a contract."""

    content_object = models.ForeignKey(DelegationContract, models.CASCADE)

    class Meta(UserObjectPermissionBase.Meta):
        default_permissions = ()


class ContractGroupPermission(GroupObjectPermissionBase):
    """An office's right on a contract: its supervisors grant under it, its auditors review it."""

    content_object = models.ForeignKey(DelegationContract, models.CASCADE)

    class Meta(GroupObjectPermissionBase.Meta):
        default_permissions = ()


class Unreconciled(models.Model):
    """A mark that something changed from which contractors' permissions follow, set by triggers.

    A row, not a flag or a counter: rows of transactions under way are not seen, and nobody waits for
    anybody to set one.
    """

    source = models.CharField(max_length=40)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.source


class Reconciliation(models.Model):
    """Until when the permissions stay right by themselves: the next moment at which a window closes."""

    right_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_reconciliation", condition=models.Q(pk=1))]

    def __str__(self) -> str:
        return str(self.right_until)
