"""Sessions in the database, each with its person, so that an ending can close them."""

from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore

#: Where a session's data keep the moment of signing in: the database's, in ISO 8601.
SIGNED_IN_AT = "signed_in_at"


class SessionStore(DatabaseSessionStore):
    @classmethod
    def get_model_class(cls):
        from access.people import Session

        return Session

    def create_model_instance(self, data):
        session: Any = super().create_model_instance(data)
        session.person_id = data.get("_auth_user_id")
        session.signed_in_at = data.get(SIGNED_IN_AT)
        return session
