"""What other parts announce and we must follow: migrations (the roles' permissions), signing in and out."""

from auditlog.registry import auditlog
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)

from access import models
from access.people import Person
from access.roles import ROLES
from access.sessions import SIGNED_IN_AT
from audit import recording
from customers.models import Organization, ServiceArea


def connect() -> None:
    """Connects sign-ins with the history, and auditlog with what people change by hand."""
    user_logged_in.connect(_signed_in, dispatch_uid="history")
    user_logged_out.connect(_signed_out, dispatch_uid="history")
    user_login_failed.connect(_sign_in_failed, dispatch_uid="history")
    for model in (
        Organization,
        ServiceArea,
        models.Office,
        models.Grant,
        models.RosterEntry,
    ):
        auditlog.register(model)
    auditlog.register(models.DelegationContract)
    auditlog.register(models.Emergency, m2m_fields={"areas"})
    auditlog.register(Person, exclude_fields=["last_login"], mask_fields=["password"])
    # A caller's name and number are the caller's: the history says that an inquiry was taken, no more.
    auditlog.register(models.Inquiry, include_fields=["emergency", "kind", "closed_at"])


def roles_follow_their_table(apps, **_kwargs) -> None:
    """After a migration, each role's group holds exactly the permissions of `access.roles`."""
    from django.apps import apps as installed

    for label in ("customers", "audit", "access"):
        create_permissions(installed.get_app_config(label), verbosity=0)
    known = {
        f"{p.content_type.app_label}.{p.codename}": p
        for p in Permission.objects.select_related("content_type")
    }
    for role in ROLES:
        group, _created = Group.objects.get_or_create(name=role.role)
        group.permissions.set(known[code] for code in role.permissions)


def _signed_in(sender, request, user, **_kwargs) -> None:
    entry = recording.session("session.signed_in", user)
    request.session[SIGNED_IN_AT] = entry.timestamp.isoformat()


def _signed_out(sender, request, user, **_kwargs) -> None:
    if user is not None:
        recording.session("session.signed_out", user)


def _sign_in_failed(sender, credentials, **_kwargs) -> None:
    # What was typed is kept only when it names somebody: a password typed into the wrong box is not.
    person = Person.objects.filter(username=credentials.get("username")).first()
    recording.session("session.sign_in_failed", None, about=person)
