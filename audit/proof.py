"""Proofs that anybody can check, without our database, Django, or trust in us:

    python -m audit.proof FILE --key PUBLIC.pem

Needs Python 3.11 and the package `cryptography` alone; this one file can be copied to another machine.

A proof file is JSON. It holds a head (the text that was signed, and the signature), and any of:
`entries`, each with its position, its canonical text and its inclusion path; and `consistency`, an older
head with the path that shows that the newer history begins with the older one, unchanged.

Hashes, paths and their checking are RFC 9162 (Certificate Transparency 2.0), section 2.1; signatures are
Ed25519 (RFC 8032). An inclusion path alone proves nothing: what counts is the signed head it ends in, and
that the head is the one that was published, which `--heads` compares with a file of published heads.
"""

import argparse
import hashlib
import json
import re
import sys
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

FORMAT = "emergency-desk proof 1"
#: What stands before the head in what is signed: a signature of something else is none of a head.
SIGNED = b"emergency-desk seal 1\n"


class NotProven(Exception):
    """The file does not show what it says. The message says why."""


@dataclass(frozen=True)
class SignedHead:
    """What a seal says, after its signature was found good."""

    text: str
    log: str
    number: int
    start: int
    size: int
    root: bytes
    previous: str
    made_at: str
    key_id: str


@dataclass(frozen=True)
class Proven:
    """A head, the older heads that it continues, and the entries that are in it."""

    head: SignedHead
    olders: list[SignedHead]
    entries: list[dict]


def read_json(text: str) -> Any:
    """What the text says; raises ValueError also where a key is said twice, or a number is none."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError("a key is said twice")
        return dict(pairs)

    def refused(constant: str) -> None:
        raise ValueError(f"{constant} is no number")

    try:
        return json.loads(text, object_pairs_hook=once, parse_constant=refused)
    except RecursionError:
        raise ValueError("it is nested too deep") from None


def leaf_hash(content: bytes) -> bytes:
    """The hash of a leaf (RFC 9162, 2.1.1): its prefix keeps a leaf from being taken for a node."""
    return hashlib.sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_from_inclusion(leaf: bytes, position: int, size: int, path: list[bytes]) -> bytes:
    """The root in which the leaf's path ends (RFC 9162, 2.1.3.2), to be compared with a signed one.

    leaf: the leaf's hash; position: counted from 0. Raises NotProven where the path does not fit them.
    """
    if not 0 <= position < size:
        raise NotProven(f"position {position} is not in a tree of {size} leaves")
    index, last, root = position, size - 1, leaf
    for digest in path:
        if last == 0:
            raise NotProven("the path is too long")
        if index & 1 or index == last:
            root = node_hash(digest, root)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            root = node_hash(root, digest)
        index, last = index >> 1, last >> 1
    if last:
        raise NotProven("the path is too short")
    return root


def check_consistency(older_size: int, older_root: bytes, size: int, root: bytes, path: list[bytes]) -> None:
    """Raises NotProven unless the tree of `older_size` leaves is the beginning of the one of `size`.

    RFC 9162, 2.1.4.2.
    """
    if not 0 < older_size <= size:
        raise NotProven(f"a tree of {older_size} leaves is no beginning of one of {size}")
    if older_size == size:
        if path or older_root != root:
            raise NotProven("two heads of one size differ")
        return
    # An older tree that is a complete subtree is its own first node, which the path leaves out
    nodes = [older_root, *path] if older_size & (older_size - 1) == 0 else list(path)
    if not nodes:
        raise NotProven("the path is empty")
    index, last = older_size - 1, size - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    older = newer = nodes[0]
    for digest in nodes[1:]:
        if last == 0:
            raise NotProven("the path is too long")
        if index & 1 or index == last:
            older, newer = node_hash(digest, older), node_hash(digest, newer)
            while not index & 1 and index:
                index, last = index >> 1, last >> 1
        else:
            newer = node_hash(newer, digest)
        index, last = index >> 1, last >> 1
    if last:
        raise NotProven("the path is too short")
    if older != older_root:
        raise NotProven("the path does not lead to the older head")
    if newer != root:
        raise NotProven("the path does not lead to the newer head")


def key_id(key: Ed25519PublicKey) -> str:
    """The name of a public key: the first 16 hexadecimal digits of its SHA-256."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def read_key(path: Path) -> Ed25519PublicKey:
    """A public key from a PEM file. Raises NotProven where it holds none of Ed25519."""
    try:
        key = load_pem_public_key(path.read_bytes())
    except (OSError, ValueError) as error:
        raise NotProven(f"{path} holds no public key: {error}") from None
    if not isinstance(key, Ed25519PublicKey):
        raise NotProven(f"{path} holds a key of another kind than Ed25519")
    return key


def check_head(text: str, signature: bytes, keys: list[Ed25519PublicKey]) -> SignedHead:
    """The head, if one of the trusted keys signed it. Raises NotProven."""
    try:
        said = read_json(text)
        head = SignedHead(
            text,
            str(said["log"]),
            _whole(said["number"]),
            _whole(said["start"]),
            _whole(said["size"]),
            _digest(said["root"]),
            str(said["previous"]),
            str(said["made_at"]),
            str(said["key"]),
        )
    except (ValueError, KeyError, TypeError):
        raise NotProven("the head cannot be read") from None
    key = next((one for one in keys if key_id(one) == head.key_id), None)
    if key is None:
        raise NotProven(f"the head is signed with the key {head.key_id}, which is not trusted")
    try:
        key.verify(signature, SIGNED + text.encode())
    except InvalidSignature:
        raise NotProven(f"the signature of the head {head.number} is not good") from None
    if not 0 <= head.start < head.size:
        raise NotProven("the head contradicts itself")
    return head


def check(proof: dict, keys: list[Ed25519PublicKey]) -> Proven:
    """What the proof shows. Raises NotProven for the least fault."""
    if not isinstance(proof, dict) or proof.get("format") != FORMAT:
        raise NotProven(f"this is no file of the format “{FORMAT}”")
    head = _head_of(proof, keys)
    entries, seen = [], set()
    for one in _listed(proof, "entries"):
        position, text = _whole(_of(one, "position")), _of(one, "entry")
        if not isinstance(text, str):
            raise NotProven(f"the entry at position {position} is no text")
        if position in seen:
            raise NotProven(f"position {position} is proven twice")
        seen.add(position)
        root = root_from_inclusion(leaf_hash(text.encode()), position, head.size, _path(one))
        if root != head.root:
            raise NotProven(f"the entry at position {position} is not what was sealed there")
        try:
            entries.append(read_json(text))
        except ValueError as error:
            raise NotProven(f"the entry at position {position} cannot be read: {error}") from None
    olders: list[SignedHead] = []
    for older in _listed(proof, "consistency"):
        before = _head_of(older, keys)
        if before.log != head.log:
            raise NotProven("the two heads are of two histories")
        if before.number >= head.number or before.number in {one.number for one in olders}:
            raise NotProven(f"the head {before.number} is not an older one, or stands there twice")
        check_consistency(before.size, before.root, head.size, head.root, _path(older))
        olders.append(before)
    if not entries and not olders:
        raise NotProven("there is a signed head, and nothing that it proves")
    return Proven(head, olders, entries)


def check_published(head: SignedHead, lines: list[str]) -> None:
    """Raises NotProven where a published head of the same number and history says something else."""
    published = [said for line in lines if (said := _published(line))]
    said = read_json(head.text)
    same = [one for one in published if (one.get("log"), one.get("number")) == (head.log, head.number)]
    if not same:
        raise NotProven(f"the head {head.number} is not among the published ones")
    if any(one != said for one in same):
        raise NotProven(f"the head {head.number} was published otherwise")


def _published(line: str) -> dict | None:
    """The head in a line, or None where there is none: a crash may have broken a line off."""
    try:
        said = read_json(read_json(line)["head"])
    except (ValueError, KeyError, TypeError):
        return None
    return said if isinstance(said, dict) else None


def _digest(text: object) -> bytes:
    """A SHA-256 in the one way of writing it. Raises ValueError."""
    if not isinstance(text, str) or not re.fullmatch("[0-9a-f]{64}", text):
        raise ValueError("this is no SHA-256")
    return bytes.fromhex(text)


def _visible(text: str) -> str:
    """The text without what a terminal would obey: control and format characters are written out."""
    return "".join(
        f"\\u{ord(one):04x}" if unicodedata.category(one) in ("Cc", "Cf", "Zl", "Zp") else one for one in text
    )


def _head_of(part: dict, keys: list[Ed25519PublicKey]) -> SignedHead:
    text, signature = _of(part, "head"), _of(part, "signature")
    if not isinstance(text, str) or not isinstance(signature, str) or not signature:
        raise NotProven("the head is not signed")
    try:
        return check_head(text, _signature(signature), keys)
    except ValueError:
        raise NotProven("the signature cannot be read") from None


def _signature(text: str) -> bytes:
    """Bytes in the one way of writing them in base64 (RFC 4648, 4): no stray bits. Raises ValueError."""
    decoded = b64decode(text)
    if b64encode(decoded).decode() != text:
        raise ValueError("this is not the one way of writing it")
    return decoded


def _path(part: dict) -> list[bytes]:
    path = _of(part, "path")
    if not isinstance(path, list):
        raise NotProven("the path cannot be read")
    try:
        return [_digest(digest) for digest in path]
    except ValueError:
        raise NotProven("the path holds something that is no SHA-256") from None


def _of(part: dict, name: str):
    if not isinstance(part, dict) or name not in part:
        raise NotProven(f"“{name}” is missing")
    return part[name]


def _listed(proof: dict, name: str) -> list:
    found = proof.get(name, [])
    if not isinstance(found, list):
        raise NotProven(f"“{name}” is no list")
    return found


def _whole(number: object) -> int:
    if not isinstance(number, int) or isinstance(number, bool):
        raise NotProven(f"{number!r} is no whole number")
    return number


def main(arguments: list[str]) -> int:
    """Checks a file and says what it proves; returns 0 only if all of it holds."""
    parser = argparse.ArgumentParser("python -m audit.proof", description="Check a proof of the history.")
    parser.add_argument("file", type=Path, metavar="FILE", help="the proof")
    parser.add_argument(
        "--key", type=Path, action="append", required=True, help="a public key you trust (PEM)"
    )
    parser.add_argument("--heads", type=Path, help="published heads, one a line, to compare with")
    parser.add_argument("--show", action="store_true", help="print the entries that are proven")
    asked = parser.parse_args(arguments)
    try:
        # Editors and mail programs of Windows put a byte order mark before the text; it is no part of it
        proof = read_json(asked.file.read_text(encoding="utf-8-sig"))
        proven = check(proof, [read_key(path) for path in asked.key])
        if asked.heads:
            lines = asked.heads.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            for one in (proven.head, *proven.olders):
                check_published(one, lines)
    except (OSError, ValueError) as error:
        print(f"NOT PROVEN: {asked.file} cannot be read: {error}", file=sys.stderr)
        return 1
    except NotProven as why:
        print(f"NOT PROVEN: {why}", file=sys.stderr)
        return 1
    head = proven.head
    print(f"Head {head.number} of history {_visible(head.log)}: {head.size} entries, sealed at")
    print(f"  {_visible(head.made_at)} (says its signer), signed with key {head.key_id}.")
    print(f"  Root {head.root.hex()}")
    print(f"Entries proven to be in it: {len(proven.entries)}")
    if proven.olders:
        print(
            f"Older heads proven to be its unchanged beginning: {', '.join(str(o.number) for o in proven.olders)}"
        )
    if not asked.heads:
        print(
            "Not compared with published heads (--heads): whoever has the key could have signed another history."
        )
    if asked.show:
        for entry in proven.entries:
            print(_visible(json.dumps(entry, ensure_ascii=False)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
