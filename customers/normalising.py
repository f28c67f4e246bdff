"""What a caller's words and a stored item become before they are compared: one function a key.

The same function fills the stored key and reads the query, so that both sides are forgiven alike.
"""

import re
import unicodedata

import jaconv

#: Hyphens, dashes, minus and long-vowel marks that people use for one another.
DASHES = "-‐‑‒–—―−－ーｰ"
_DASHES = re.compile(f"[{re.escape(DASHES)}]")
_SPACES = re.compile(r"\s+")
_NOT_DIGITS = re.compile(r"[^0-9]")


def _plain(text: str) -> str:
    """Full and half width made one (NFKC), without spaces and control characters."""
    text = unicodedata.normalize("NFKC", text)
    text = _SPACES.sub("", "".join(c for c in text if unicodedata.category(c)[0] != "C"))
    # once more, for what stood apart may combine now
    return unicodedata.normalize("NFKC", text)


def digits(text: str) -> str:
    """The digits alone: of a phone number or a supply point number, hyphenated or full width."""
    return _NOT_DIGITS.sub("", _plain(text))


def kana(text: str) -> str:
    """Kana as full-width katakana: hiragana and half-width kana are the same name."""
    return _DASHES.sub("ー", jaconv.hira2kata(_plain(text)))


def name(text: str) -> str:
    """A name without the spaces and widths that people write differently."""
    return _plain(text)


def address(text: str) -> str:
    """An address with one kind of dash and digit, and without spaces."""
    # once more after lower(), for a small letter may combine where the large one did not (T̈ and ẗ)
    return unicodedata.normalize("NFKC", _DASHES.sub("-", _plain(text)).lower())
