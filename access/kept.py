"""What a person typed, kept for that person and one purpose alone: encrypted, for an hour at most.

An address that leads back to a result has it (docs/adr/0005), and so has a form whose session ended.
"""

import json
from base64 import urlsafe_b64encode
from typing import Any

from cryptography.fernet import Fernet, InvalidToken
from django.utils.crypto import salted_hmac

#: Seconds for which what was typed can be read again.
AN_HOUR = 60 * 60


def seal(person_pk: int, purpose: str, typed: dict[str, Any]) -> str:
    """The fields as text that only `unseal` for the same person and purpose reads."""
    return _box(person_pk, purpose).encrypt(json.dumps(typed, ensure_ascii=False).encode()).decode()


def unseal(person_pk: int, purpose: str, text: str) -> dict[str, Any] | None:
    """The fields, or None for a text that is forged, over an hour old, another person's or another purpose's."""
    try:
        return json.loads(_box(person_pk, purpose).decrypt(text, ttl=AN_HOUR))
    except (InvalidToken, ValueError):
        return None


def _box(person_pk: int, purpose: str) -> Fernet:
    key = salted_hmac(f"typed by {person_pk}", purpose, algorithm="sha256")
    return Fernet(urlsafe_b64encode(key.digest()))
