"""The keys of the seals: Ed25519, the private one in a file that the database never sees.

SEAL_KEY_FILE is the private key (the worker's alone, in production); SEAL_PUBLIC_KEYS are the public ones
that are trusted, those of the past too: a seal keeps the name of the key that signed it.
"""

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from django.conf import settings

from audit.proof import NotProven, key_id, read_key


class NoKey(Exception):
    """There is no key to sign with, or none that can be read. The message names the setting."""


def signing_key() -> Ed25519PrivateKey:
    """The private key of SEAL_KEY_FILE. Raises NoKey."""
    if not settings.SEAL_KEY_FILE:
        raise NoKey("SEAL_KEY_FILE is not set: without it nothing is sealed.")
    try:
        key = load_pem_private_key(Path(settings.SEAL_KEY_FILE).read_bytes(), password=None)
    except (OSError, ValueError, TypeError) as error:
        raise NoKey(f"SEAL_KEY_FILE={settings.SEAL_KEY_FILE} cannot be read: {error}") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NoKey(f"SEAL_KEY_FILE={settings.SEAL_KEY_FILE} holds no Ed25519 key.")
    return key


def trusted_keys() -> list[Ed25519PublicKey]:
    """The public keys of SEAL_PUBLIC_KEYS, else the one of SEAL_KEY_FILE. Raises NoKey."""
    if not settings.SEAL_PUBLIC_KEYS:
        return [signing_key().public_key()]
    try:
        return [read_key(Path(path)) for path in settings.SEAL_PUBLIC_KEYS]
    except NotProven as error:
        raise NoKey(f"SEAL_PUBLIC_KEYS: {error}") from None


def make_key(folder: Path) -> str:
    """Makes seal-key.pem (readable for its owner alone) and seal-key.pub.pem; returns the key's name.

    Raises FileExistsError: a key is never written over.
    """
    key = Ed25519PrivateKey.generate()
    private, public = folder / "seal-key.pem", folder / "seal-key.pub.pem"
    for path, mode, content in (
        (private, 0o600, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())),
        (public, 0o644, public_pem(key.public_key())),
    ):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
    return key_id(key.public_key())


def public_pem(key: Ed25519PublicKey) -> bytes:
    """The public key as a PEM file, for whoever checks."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
