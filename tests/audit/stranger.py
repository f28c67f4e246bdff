"""A verifier as a stranger would write it from docs/reference/history-format.md alone: it imports nothing of ours."""

import base64
import hashlib
import json
from collections.abc import Sequence

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

COLUMNS = [
    "action",
    "actor_email",
    "actor_id",
    "actor_name",
    "actor_organization",
    "actor_role",
    "actor_username",
    "additional_data",
    "area_code",
    "basis",
    "changes",
    "changes_text",
    "cid",
    "content_type_id",
    "contract_id",
    "customer_id",
    "emergency_id",
    "event",
    "fields",
    "grant_id",
    "id",
    "inquiry_id",
    "kind",
    "object_id",
    "object_pk",
    "object_repr",
    "reason",
    "remote_addr",
    "remote_port",
    "serialized_data",
    "subject_id",
    "supply_point_number",
    "timestamp",
]
IN_SQL = {
    "remote_addr": "host(remote_addr)",
    "timestamp": """to_char("timestamp" AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00'""",
} | {name: f"{name}::text" for name in ("additional_data", "changes", "serialized_data")}
SELECT = ", ".join(IN_SQL.get(name, f'"{name}"') for name in COLUMNS)
ESCAPES = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}


def in_json(value: object) -> str:
    if isinstance(value, list):
        return "[" + ",".join(in_json(one) for one in value) + "]"
    if isinstance(value, int):
        return str(value)
    return '"' + "".join(ESCAPES.get(c, c if c >= " " else f"\\u{ord(c):04x}") for c in value) + '"'


def canonical_text(row: Sequence) -> str:
    there = [(name, value) for name, value in zip(COLUMNS, row, strict=True) if value is not None]
    return "{" + ",".join(f'"{name}":{in_json(value)}' for name, value in there) + "}"


def leaf(text: str) -> bytes:
    return hashlib.sha256(b"\0" + text.encode()).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def split(size: int) -> int:
    half = 1
    while half * 2 < size:
        half *= 2
    return half


def root(leaves: Sequence[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    half = split(len(leaves))
    return node(root(leaves[:half]), root(leaves[half:]))


def root_by_path(digest: bytes, position: int, size: int, path: list[bytes]) -> bytes:
    """RFC 9162, 2.1.3: the last of the path is the sibling at the top."""
    if size == 1:
        assert not path
        return digest
    half = split(size)
    if position < half:
        return node(root_by_path(digest, position, half, path[:-1]), path[-1])
    return node(path[-1], root_by_path(digest, position - half, size - half, path[:-1]))


def roots_by_path(
    older: int, size: int, path: list[bytes], known: bytes, *, whole: bool = True
) -> tuple[bytes, bytes]:
    """RFC 9162, 2.1.4: the roots of the older and the newer tree; `known` is the older's, left out of the path."""
    if older == size:
        assert len(path) == (0 if whole else 1)
        one = known if whole else path[0]
        return one, one
    half = split(size)
    if older <= half:
        before, after = roots_by_path(older, half, path[:-1], known, whole=whole)
        return before, node(after, path[-1])
    before, after = roots_by_path(older - half, size - half, path[:-1], known, whole=False)
    return node(path[-1], before), node(path[-1], after)


def key_name(pem: str) -> str:
    raw = load_pem_public_key(pem.encode()).public_bytes(Encoding.Raw, PublicFormat.Raw)
    return hashlib.sha256(raw).hexdigest()[:16]


def head(part: dict, pem: str) -> dict:
    """What a signed head says; raises where it is not signed with the key."""
    signature = base64.b64decode(part["signature"], validate=True)
    load_pem_public_key(pem.encode()).verify(signature, b"emergency-desk seal 1\n" + part["head"].encode())
    said = json.loads(part["head"])
    assert said["key"] == key_name(pem)
    return said


def check_heads(parts: list[dict], leaves: list[bytes], pem: str) -> None:
    """All heads of a history, in order, against all its leaves."""
    size, previous = 0, ""
    for number, part in enumerate(parts, 1):
        said = head(part, pem)
        assert (said["number"], said["start"], said["previous"]) == (number, size, previous)
        assert said["root"] == root(leaves[: said["size"]]).hex()
        size, previous = said["size"], hashlib.sha256(part["head"].encode()).hexdigest()
    assert size == len(leaves)


def check_proof(proof: dict, pem: str) -> list[dict]:
    """The entries that a proof file proves; raises where one is not, or an older head is not its beginning."""
    assert proof["format"] == "emergency-desk proof 1"
    said = head(proof, pem)
    for one in proof.get("entries", []):
        path = [bytes.fromhex(digest) for digest in one["path"]]
        assert root_by_path(leaf(one["entry"]), one["position"], said["size"], path).hex() == said["root"]
    for one in proof.get("consistency", []):
        older = head(one, pem)
        path = [bytes.fromhex(digest) for digest in one["path"]]
        roots = roots_by_path(older["size"], said["size"], path, bytes.fromhex(older["root"]))
        assert [digest.hex() for digest in roots] == [older["root"], said["root"]]
        assert older["log"] == said["log"]
    return [json.loads(one["entry"]) for one in proof.get("entries", [])]
