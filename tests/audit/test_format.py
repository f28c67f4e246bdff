"""The page on the format of the history is true, and whole: a verifier that was written from it alone agrees with ours."""

import gzip
import json
import re
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from django.conf import settings
from django.db import connection

from audit import archiving, canonical, months, proof, publishing, recording, sealing, signing
from audit.models import LogEntry, Seal, SealedEntry
from tests.audit import stranger
from tests.audit.test_history import everything

PAGE = settings.BASE_DIR / "docs/reference/history-format.md"


@pytest.fixture(scope="module")
def examples() -> dict[str, str]:
    """The page's examples by their names."""
    blocks = re.findall(
        r"^```\w+ (\S+)\n(.*?)\n```$", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    return dict(blocks)


def test_the_pages_examples_are_true(examples):
    texts = [examples[f"entry-{n}"] for n in range(3)]
    leaves = [stranger.leaf(text) for text in texts]
    assert examples["leaf-hashes"].split() == [leaf.hex() for leaf in leaves]
    assert examples["roots"].split() == [stranger.root(leaves[:size]).hex() for size in (2, 3)]
    assert bytes.fromhex(examples["prefix"]) == proof.SIGNED
    assert f"these {len(proof.SIGNED)} bytes" in PAGE.read_text(encoding="utf-8")
    pem, file, line = examples["public-key"], json.loads(examples["proof"]), json.loads(examples["published"])
    assert line == {"head": examples["head"], "signature": examples["signature"]}
    assert (file["head"], file["signature"]) == (examples["head"], examples["signature"])
    stranger.check_heads([file["consistency"][0], line], leaves, pem)
    assert f"`{stranger.key_name(pem)}`" in PAGE.read_text(encoding="utf-8")
    assert stranger.check_proof(file, pem) == [json.loads(texts[1])]
    ours = proof.check(file, [load_pem_public_key(pem.encode())])
    assert ours.entries == [json.loads(texts[1])]
    for text in texts:  # and are what we would write
        said = json.loads(text)
        row = [said.get(name) for name in canonical.COLUMNS]
        row[canonical.TIMESTAMP] = datetime.fromisoformat(said["timestamp"])
        assert canonical.canonical(row).decode() == text


def test_the_page_names_all_that_is_in_heads_and_files(examples, world):
    text = PAGE.read_text(encoding="utf-8")
    assert list(canonical.COLUMNS) == stranger.COLUMNS
    sealing.seal_what_waits()
    for name in [*stranger.COLUMNS, *json.loads(Seal.objects.first().head)]:
        assert f"`{name}`" in text, name
    for name in (
        proof.FORMAT,
        archiving.FORMAT,
        stranger.IN_SQL["remote_addr"],
        stranger.IN_SQL["timestamp"],
    ):
        assert name in text, name


@pytest.fixture
def history(world, client_of) -> dict:
    """Everything that can happen, with odd texts and every kind of address, in three seals; and its key."""
    everything(world, client_of)
    sealing.seal_what_waits()
    for address in ("192.0.2.7", "2001:db8:0:0::7", "::ffff:192.0.2.7", None):
        detail = {"b": [None, 1.50, True], "aa": 'x"\\\n\x7f/\u2028台風', "ctl": "\t\x1f"}
        recording.decision(
            "demo.loaded", detail=detail, remote_addr=address, object_repr='\t"\\/\x1f\x7f\u2028丸'
        )
    sealing.seal_what_waits()
    recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    return {"world": world, "pem": signing.public_pem(signing.signing_key().public_key()).decode()}


@pytest.mark.django_db
def test_a_verifier_written_from_the_page_agrees_on_a_whole_history_and_on_proofs(
    history, client_of, tmp_path, settings
):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT id, {stranger.SELECT} FROM audit_logentry")
        texts = {pk: stranger.canonical_text(row) for pk, *row in cursor}
    kept = list(SealedEntry.objects.order_by("position").values_list("entry_id", "digest"))
    leaves = [stranger.leaf(texts[pk]) if pk in texts else bytes(digest) for pk, digest in kept]
    dropped = LogEntry.objects.get(event="history.dropped").additional_data["count"]
    assert len(leaves) - dropped == len(texts) > 50, "all but what was dropped into an archive"
    settings.SEAL_HEADS = [f"file://{tmp_path}/heads"]
    publishing.send_heads()
    lines = [json.loads(line) for line in (tmp_path / "heads").read_text().splitlines()]
    assert len(lines) >= 3
    stranger.check_heads(lines, leaves, history["pem"])
    with pytest.raises(AssertionError):
        stranger.check_heads(lines, [*leaves[:-2], leaves[-1], leaves[-2]], history["pem"])
    _agrees_on_proofs(history, client_of(history["world"].auditor))


def _agrees_on_proofs(history, auditor):
    entry = LogEntry.objects.filter(remote_addr="2001:db8::7").get()
    one = json.loads(auditor.post(f"/history/{entry.pk}/proof/").content)
    assert [said["remote_addr"] for said in stranger.check_proof(one, history["pem"])] == ["2001:db8::7"]
    many = json.loads(auditor.post("/history/proof/?kind=decision").content)
    assert len(stranger.check_proof(many, history["pem"])) > 10
    for older, newer in ((1, 2), (1, 3), (2, 3)):
        seals = auditor.post("/seals/proof/", {"older": older, "newer": newer})
        assert stranger.check_proof(json.loads(seals.content), history["pem"]) == []
    one["entries"][0]["entry"] = one["entries"][0]["entry"].replace("2001:db8::7", "2001:db8::8")
    with pytest.raises(AssertionError):
        stranger.check_proof(one, history["pem"])
    with pytest.raises(InvalidSignature):
        stranger.check_proof(many | {"head": many["head"] + " "}, history["pem"])


@pytest.mark.django_db
def test_an_archive_is_what_the_page_says(world, tmp_path):
    at = datetime(2014, 12, 15, tzinfo=UTC)
    months.add(at, at)
    recording.decision("demo.loaded", detail={"customers": 1}, timestamp=at)
    sealing.seal_what_waits()
    archiving.archive(archiving.Due(date(2014, 12, 1), ("decision",)), tmp_path)
    manifest = json.loads((tmp_path / "history-2014-12-decision.manifest.json").read_text())
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in manifest if f"`{name}`" not in page] == []
    packed = (tmp_path / "history-2014-12-decision.jsonl.gz").read_bytes()
    content = gzip.decompress(packed)
    assert [sha256(one).hexdigest() for one in (packed, content)] == [
        manifest["sha256"],
        manifest["content_sha256"],
    ]
    digests = dict(SealedEntry.objects.values_list("position", "digest"))
    lines = [json.loads(line) for line in content.splitlines()]
    assert len(lines) == manifest["entries"] == 1
    for line in lines:
        assert stranger.leaf(line["entry"]) == bytes(digests[line["position"]])
    pem = signing.public_pem(signing.signing_key().public_key()).decode()
    assert stranger.head(manifest, pem)["size"] == len(digests)
