"""Codes by which people choose their passwords: made as they are sent, good for one choice, kept nowhere."""

from django.contrib.auth.tokens import PasswordResetTokenGenerator


class Codes(PasswordResetTokenGenerator):
    """Django's own codes (settings.PASSWORD_RESET_TIMEOUT); closing an account makes its code worthless too."""

    key_salt = "access.codes"

    def _make_hash_value(self, user, timestamp):
        return f"{super()._make_hash_value(user, timestamp)}{user.is_active}"


codes = Codes()
