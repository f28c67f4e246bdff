"""Signing in, and the rights of a role: Django's own backend without personal permissions."""

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Permission


class RoleBackend(ModelBackend):
    """A person's rights are the role's: no permission is ever given to one person by hand."""

    def _get_user_permissions(self, user_obj):
        return Permission.objects.none()
