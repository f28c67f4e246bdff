"""People and offices: who there is. The tables are facts; `access.roles` says what a role may do."""

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import Group, PermissionsMixin
from django.contrib.auth.validators import ASCIIUsernameValidator
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models import Func, Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audit.record import Recorded
from customers.models import Organization, in_language
from customers.one_line import OneLineField


class Role(models.TextChoices):
    OPERATOR = "operator", _("Operator")
    CONTRACTOR = "contractor", _("Contractor")
    SUPERVISOR = "supervisor", _("Supervisor")
    AUDITOR = "auditor", _("Auditor")
    RETAILER = "retailer", _("Retailer (switching)")
    ADMINISTRATOR = "administrator", _("Administrator")
    SYSTEM = "system", _("System")


class Office(models.Model):
    """An office of the network operator; its group holds the areas that its operators may consult."""

    name = OneLineField(_("name"), max_length=50, unique=True)
    name_en = OneLineField(_("name in English"), max_length=100)
    group = models.OneToOneField(Group, models.PROTECT, editable=False)

    class Meta:
        verbose_name = _("office")
        verbose_name_plural = _("offices")

    def __str__(self) -> str:
        return in_language(self.name, self.name_en)


class PersonManager(BaseUserManager["Person"]):
    def create_user(self, username: str, password: str | None = None, **fields: Any) -> "Person":
        """A new person; without a password nobody can sign in as them."""
        person = self.model(username=self.model.normalize_username(username), **fields)
        person.set_password(password)
        person.save(using=self._db)
        return person

    def system(self) -> "Person":
        """The actor of what time does: it has no organisation, no password and no rights."""
        return self.get(role=Role.SYSTEM)


class Person(Recorded, AbstractBaseUser):
    """Somebody who signs in. One role each; groups follow role and office by a database trigger.

    Nobody is a superuser: no column could say so. A person is closed (`is_active` off), never deleted.
    """

    username = OneLineField(
        _("username"),
        max_length=150,
        unique=True,
        validators=[ASCIIUsernameValidator()],
        help_text=_(
            "Letters of the alphabet, digits and @ . + - _ alone. It never belongs to another person."
        ),
        error_messages={"unique": _("This username is, or was, somebody's: choose another.")},
    )
    name = OneLineField(pgettext_lazy("person", "name"), max_length=150)
    email = models.EmailField(_("email"), blank=True)
    organization = models.ForeignKey(
        Organization,
        models.PROTECT,
        null=True,
        verbose_name=_("organisation"),
        related_name="people",
    )
    role = models.CharField(_("role"), max_length=20, choices=Role)
    office = models.ForeignKey(
        Office,
        models.PROTECT,
        null=True,
        blank=True,
        verbose_name=_("office"),
        related_name="people",
    )
    department = OneLineField(
        _("department"),
        max_length=100,
        blank=True,
        help_text=_("Who changes department leaves every roster at that moment."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Take the mark away to close the account."),
    )
    must_change_password = models.BooleanField(
        _("has to change the password"), default=False, db_default=False, editable=False
    )
    joined_at = models.DateTimeField(_("joined"), db_default=Now(), editable=False)
    groups = models.ManyToManyField(Group, editable=False, related_name="user_set", related_query_name="user")

    is_superuser = False
    is_staff = True

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects: ClassVar[PersonManager] = PersonManager()

    # Django's own, without the superuser's short cut: there is none to take
    has_perm = PermissionsMixin.has_perm
    has_perms = PermissionsMixin.has_perms
    has_module_perms = PermissionsMixin.has_module_perms
    get_all_permissions = PermissionsMixin.get_all_permissions
    get_group_permissions = PermissionsMixin.get_group_permissions

    class Meta:
        verbose_name = _("person")
        verbose_name_plural = _("people")
        ordering = ["username"]
        constraints = [
            models.CheckConstraint(
                name="person_role_known",
                condition=Q(role__in=Role.values),
                violation_error_message=_("Choose a role of the list."),
            ),
            models.CheckConstraint(
                name="person_belongs_to_an_organization_unless_the_system",
                condition=Q(role="system", organization__isnull=True)
                | (~Q(role="system") & Q(organization__isnull=False)),
                violation_error_message=_("Choose the organisation that the person belongs to."),
            ),
            models.CheckConstraint(
                name="operator_has_an_office",
                condition=~Q(role="operator") | Q(office__isnull=False),
                violation_error_message=_("An operator works in an office: choose which."),
            ),
            models.UniqueConstraint(
                name="one_system",
                fields=["role"],
                condition=Q(role="system"),
                violation_error_message=_("Choose a role of the list."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.username})"

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name


class NormalizedUsername(Func):
    """What usernames are compared by: neither case nor ways of writing a letter make another one."""

    template = "lower(normalize(%(expressions)s, NFKC))"
    output_field = models.TextField()


class UsernameManager(models.Manager["Username"]):
    def owner_id(self, username: str) -> int | None:
        """Whose the username is or was, or None where nobody ever had it."""
        key = NormalizedUsername(Value(username))
        return self.filter(key=key).values_list("person_id", flat=True).first()


class Username(models.Model):
    """A username that somebody has or had. A trigger writes it, and refuses it to another person."""

    key = models.TextField(unique=True)
    person = models.ForeignKey(Person, models.PROTECT, related_name="+")

    objects: ClassVar[UsernameManager] = UsernameManager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key


class SessionManager(BaseSessionManager["Session"]):
    def expired(self):
        """Sessions past their time: nothing honours them, the sweep clears them away."""
        return self.filter(expire_date__lt=Now())


class Session(AbstractBaseSession):
    """A signed-in browser, with whose it is, so that an ending can close it."""

    person = models.ForeignKey(Person, models.CASCADE, null=True, related_name="sessions")
    signed_in_at = models.DateTimeField(null=True)

    objects: ClassVar[SessionManager] = SessionManager()

    @classmethod
    def get_session_store_class(cls):
        from access.sessions import SessionStore

        return SessionStore

    class Meta(AbstractBaseSession.Meta):
        default_permissions = ()
