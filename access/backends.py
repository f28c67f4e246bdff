"""Signing in, and the rights of a role: Django's own backend without personal permissions."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission

from access.people import Person


class RoleBackend(ModelBackend):
    """A person's rights are the role's: no permission is ever given to one person by hand."""

    def get_user(self, user_id):
        """Who is signed in, with the organisation and the office that nearly every request asks for."""
        people = Person.objects.select_related("organization", "office__group")
        person = people.filter(pk=user_id).first()
        return person if person and self.user_can_authenticate(person) else None

    def _get_user_permissions(self, user_obj):
        return Permission.objects.none()
