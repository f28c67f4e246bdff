"""Proofs against the public test vectors of Certificate Transparency, and against those who forge them.

The vectors (leaves, roots, paths) are those that the logs of RFC 6962 and 9162 are commonly tested with.
"""

import json
import subprocess
import sys
from base64 import b64decode, b64encode

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import proof, signing
from audit.models import Node, SealedEntry
from audit.proof import NotProven, check_consistency, leaf_hash, node_hash, root_from_inclusion
from audit.tree import HistoryTree, add_leaves

LEAVES = [
    bytes.fromhex(leaf)
    for leaf in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
#: The root of the first n leaves.
ROOTS = [
    bytes.fromhex(root)
    for root in (
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    )
]
L1, N23, N47 = (
    "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
)
L4, N67, L6 = (
    "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
)
#: position, size, path
INCLUSIONS = [
    (0, 1, []),
    (0, 8, [L1, N23, N47]),
    (5, 8, [L4, N67, ROOTS[4].hex()]),
    (2, 3, [ROOTS[2].hex()]),
    (1, 5, [ROOTS[1].hex(), N23, L4]),
]
#: older size, size, path
CONSISTENCIES = [
    (1, 1, []),
    (1, 8, [L1, N23, N47]),
    (6, 8, [L6, N67, ROOTS[4].hex()]),
    (2, 5, [N23, L4]),
]


def digests(path: list[str]) -> list[bytes]:
    return [bytes.fromhex(digest) for digest in path]


@pytest.fixture
def vectors_tree(db) -> HistoryTree:
    """The tree of the vectors' leaves, as our history's."""
    for position, leaf in enumerate(LEAVES):
        add_leaves([(position + 1, "2026-01-01T00:00:00Z", "change", leaf)], position)
    return HistoryTree()


def test_our_tree_has_the_vectors_roots_and_paths(vectors_tree):
    assert [vectors_tree.root(size) for size in range(9)] == ROOTS
    for position, size, path in INCLUSIONS:
        assert [d.hex() for d in vectors_tree.inclusion_path(position, size)] == path
    for older, size, path in CONSISTENCIES:
        assert [d.hex() for d in vectors_tree.consistency_path(older, size)] == path


@pytest.mark.parametrize(("position", "size", "path"), INCLUSIONS)
def test_a_vectors_inclusion_is_proven(position, size, path):
    assert root_from_inclusion(leaf_hash(LEAVES[position]), position, size, digests(path)) == ROOTS[size]


@pytest.mark.parametrize(("older", "size", "path"), CONSISTENCIES)
def test_a_vectors_consistency_is_proven(older, size, path):
    check_consistency(older, ROOTS[older], size, ROOTS[size], digests(path))


def is_included(leaf: bytes, position: int, size: int, path: list[bytes], root: bytes) -> bool:
    try:
        return root_from_inclusion(leaf, position, size, path) == root
    except NotProven:
        return False


def test_no_other_inclusion_is_proven():
    """Each thing that can be wrong about a path: wrong size, position, side, length, leaf."""
    for position, size, hexes in INCLUSIONS:
        path, leaf, root = digests(hexes), leaf_hash(LEAVES[position]), ROOTS[size]
        for other in (size - 1, size + 1, size * 2, 0, -1, 2**64):
            # a tree that ends elsewhere has another shape, or another length of path
            if not is_included(leaf, position, other, path, ROOTS[other] if 0 <= other < 9 else root):
                continue
            assert other == size, (position, size, other)
        for other in (position - 1, position + 1, position ^ 1, size, -1):
            assert not is_included(leaf, other, size, path, root)
        for n in range(len(path)):
            assert not is_included(leaf, position, size, path[:n], root), "truncated"
            assert not is_included(leaf, position, size, [*path[:n], path[n][::-1], *path[n + 1 :]], root)
            assert (
                not is_included(leaf, position, size, [*path[:n], *path[n:][::-1]], root) or len(path) - n < 2
            )
        assert not is_included(leaf, position, size, [*path, ROOTS[1]], root), "too long"
        assert not is_included(leaf, position, size, [leaf, *path], root), "too long at the start"
        assert not is_included(leaf_hash(b"x"), position, size, path, root)


def test_a_leaf_is_not_taken_for_a_node_nor_a_node_for_a_leaf():
    left, right = leaf_hash(LEAVES[0]), leaf_hash(LEAVES[1])
    assert not is_included(leaf_hash(left + right), 0, 4, digests([N23]), ROOTS[8])
    assert leaf_hash(left + right) != node_hash(left, right)
    # the second of two leaves as the only one, in a tree that says it has one
    assert not is_included(right, 0, 1, [left], ROOTS[2])
    # a node offered as the only leaf of a smaller tree
    assert not is_included(node_hash(left, right), 0, 8, digests([N23, N47]), ROOTS[8])


def is_consistent(older: int, older_root: bytes, size: int, root: bytes, path: list[bytes]) -> bool:
    try:
        check_consistency(older, older_root, size, root, path)
    except NotProven:
        return False
    return True


def test_no_other_consistency_is_proven():
    for older, size, hexes in CONSISTENCIES:
        path = digests(hexes)
        good = (older, ROOTS[older], size, ROOTS[size], path)
        assert is_consistent(*good)
        assert not is_consistent(0, ROOTS[0], size, ROOTS[size], path), (
            "an empty tree begins everything, and proves nothing"
        )
        for other in (older - 1, older + 1, older * 2):
            if other != size:
                assert not is_consistent(other, ROOTS[older], size, ROOTS[size], path)
        # (a size whose tree has paths of the same form is bound by the signature alone, as in the RFC)
        for other in {size - 1, size + 1} & set(range(older, 9)):
            assert not is_consistent(older, ROOTS[older], other, ROOTS[other], path)
        assert not is_consistent(older, ROOTS[older], size * 2, ROOTS[size], path)
        assert not is_consistent(older, ROOTS[older][::-1], size, ROOTS[size], path)
        assert not is_consistent(older, ROOTS[older], size, ROOTS[size][::-1], path)
        assert older == size or not is_consistent(older, ROOTS[size], size, ROOTS[older], path), "swapped"
        for n in range(len(path)):
            assert not is_consistent(older, ROOTS[older], size, ROOTS[size], path[:n])
            spoilt = [*path[:n], path[n][::-1], *path[n + 1 :]]
            assert not is_consistent(older, ROOTS[older], size, ROOTS[size], spoilt)
        assert not is_consistent(older, ROOTS[older], size, ROOTS[size], [*path, ROOTS[1]])


def test_the_path_of_larger_trees_says_nothing_of_smaller_ones():
    fourth, fifth, sixth, seventh = (leaf_hash(leaf) for leaf in LEAVES[4:])
    path = [sixth, seventh, node_hash(fourth, fifth), ROOTS[4]]
    assert is_consistent(7, ROOTS[7], 8, ROOTS[8], path)
    assert not is_consistent(3, ROOTS[7], 4, ROOTS[8], path), "too long"


@pytest.mark.parametrize("fan", [256, 4])
def test_every_path_of_a_tree_over_several_kept_subtrees_is_proven(db, monkeypatch, fan):
    """pymerkle's paths, drawn from what is stored, against the checking that the RFC gives."""
    monkeypatch.setattr("audit.tree.FAN", fan)  # few leaves to a node make several levels of nodes
    size = 0
    for run in (1, 254, 3, 300, 255, 57):
        size = add_leaves(
            [(size + n, "2026-01-01T00:00:00Z", "change", b"%d" % (size + n)) for n in range(run)], size
        )
    tree, root = HistoryTree(), HistoryTree().root(size)
    for position in (0, 1, 254, 255, 256, 257, 511, 512, 767, 768, size - 1):
        path = tree.inclusion_path(position, size)
        assert root_from_inclusion(leaf_hash(b"%d" % position), position, size, path) == root
    for older in (1, 2, 255, 256, 257, 511, 512, 513, 768, size - 1, size):
        check_consistency(older, tree.root(older), size, root, tree.consistency_path(older, size))
    assert SealedEntry.objects.count() == size == 870
    widths = {fan**n for n in range(1, 10) if fan**n <= size}
    assert set(Node.objects.values_list("width", flat=True)) == widths


# The file, and the program that checks it on another machine


@pytest.fixture
def key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def head_of(leaves: int, key: Ed25519PrivateKey, named: str = "", **otherwise) -> dict:
    said = {
        "key": named or proof.key_id(key.public_key()), "log": "one", "made_at": "2026-11-24T00:00:00+00:00",
        "number": leaves, "previous": "", "root": ROOTS[leaves].hex(), "size": leaves, "start": 0,
    } | otherwise  # fmt: skip
    text = json.dumps(said)
    return {"head": text, "signature": b64encode(key.sign(proof.SIGNED + text.encode())).decode()}


#: An entry is JSON, so the vectors' leaves will not do: the same tree over eight of these.
ENTRIES = [json.dumps({"id": n}) for n in range(8)]


@pytest.fixture
def file_of(db, key):
    """A proof of one of eight entries in their head, with an older head that it continues."""
    add_leaves(
        [(n + 1, "2026-01-01T00:00:00Z", "change", text.encode()) for n, text in enumerate(ENTRIES)], 0
    )
    tree = HistoryTree()
    return {
        "format": proof.FORMAT,
        **head_of(8, key, root=tree.root(8).hex()),
        "entries": [
            {"position": 5, "entry": ENTRIES[5], "path": [d.hex() for d in tree.inclusion_path(5, 8)]}
        ],
        "consistency": [
            {
                **head_of(6, key, root=tree.root(6).hex()),
                "path": [d.hex() for d in tree.consistency_path(6, 8)],
            }
        ],
    }


def test_a_good_file_is_proven(file_of, key):
    proven = proof.check(file_of, [key.public_key()])
    assert (proven.head.size, proven.entries) == (8, [{"id": 5}])
    assert [one.number for one in proven.olders] == [6]


def unsigned(file, key):
    file["signature"] = ""


def no_signature_at_all(file, key):
    del file["signature"]


def signed_by_another(file, key):
    file |= head_of(8, Ed25519PrivateKey.generate(), root=json.loads(file["head"])["root"])


def signed_by_another_in_the_keys_name(file, key):
    said = json.loads(file["head"])
    file |= head_of(8, Ed25519PrivateKey.generate(), root=said["root"], named=said["key"])


def signed_for_another_purpose(file, key):
    file["signature"] = b64encode(key.sign(file["head"].encode())).decode()


def head_of_another_history(file, key):
    file |= head_of(8, key, log="other")  # of the vectors' leaves


def only_the_older_head_is_of_another_history(file, key):
    older = file["consistency"][0]
    older |= head_of(6, key, log="other", root=json.loads(older["head"])["root"])


def root_changed(file, key):
    file["head"] = file["head"].replace(json.loads(file["head"])["root"], "00" * 32)


def entry_changed(file, key):
    file["entries"][0]["entry"] = ENTRIES[4]


def entry_spelt_otherwise(file, key):
    file["entries"][0]["entry"] = ENTRIES[5].replace(" ", "")


def position_moved(file, key):
    file["entries"][0]["position"] = 4


def position_far_out(file, key):
    file["entries"][0]["position"] = 2**70


def number_is_true_and_signed(file, key):
    file |= head_of(8, key, root=json.loads(file["head"])["root"], number=True)
    file["consistency"] = []


def number_is_a_fraction_and_signed(file, key):
    file |= head_of(8, key, root=json.loads(file["head"])["root"], number=8.5)


def start_after_the_end_and_signed(file, key):
    file |= head_of(8, key, root=json.loads(file["head"])["root"], start=8)


def older_head_is_the_newer_one(file, key):
    older = file["consistency"][0]
    older |= head_of(6, key, root=json.loads(older["head"])["root"], number=9)


def older_head_of_the_same_number(file, key):
    older = file["consistency"][0]
    number = json.loads(file["head"])["number"]
    older |= head_of(6, key, root=json.loads(older["head"])["root"], number=number)


def signature_spelt_otherwise(file, key):
    file["signature"] = f"!{file['signature']}"


def signature_with_stray_bits(file, key):
    """The last letter before the padding has four bits that decoding drops: the bytes stay the same."""
    kept, last = file["signature"][:-3], file["signature"][-3]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    file["signature"] = f"{kept}{letters[letters.index(last) + 1]}=="


def signature_with_a_line_break(file, key):
    file["signature"] += "\n"


def entry_is_a_number(file, key):
    file["entries"][0]["entry"] = 5


def entry_is_no_json(file, key):
    """The first of the vectors' leaves, of which there is nothing to read."""
    file |= head_of(8, key)
    file |= {"entries": [{"position": 0, "entry": "", "path": [L1, N23, N47]}], "consistency": []}


def path_truncated(file, key):
    file["entries"][0]["path"].pop()


def path_swapped(file, key):
    file["entries"][0]["path"].reverse()


def path_too_long(file, key):
    file["entries"][0]["path"] *= 40


def path_of_half_digests(file, key):
    file["entries"][0]["path"] = [digest[:32] for digest in file["entries"][0]["path"]]


def size_doubled_and_signed(file, key):
    file |= head_of(8, key, root=json.loads(file["head"])["root"], size=16)


def older_root_changed_and_signed(file, key):
    file["consistency"][0] |= head_of(6, key)


def an_entry_twice(file, key):
    file["entries"] *= 2


def an_older_head_twice(file, key):
    file["consistency"] *= 2


def nothing_but_a_head(file, key):
    file["entries"], file["consistency"] = [], []


def path_in_capitals(file, key):
    file["entries"][0]["path"] = [digest.upper() for digest in file["entries"][0]["path"]]


def another_format(file, key):
    file["format"] = "another"


@pytest.mark.parametrize(
    "change",
    [
        unsigned, no_signature_at_all, signed_by_another, signed_by_another_in_the_keys_name,
        signed_for_another_purpose, head_of_another_history, only_the_older_head_is_of_another_history,
        root_changed, entry_changed, entry_spelt_otherwise, position_moved, position_far_out,
        number_is_true_and_signed, number_is_a_fraction_and_signed, start_after_the_end_and_signed,
        older_head_is_the_newer_one, older_head_of_the_same_number, signature_spelt_otherwise, signature_with_stray_bits,
        signature_with_a_line_break, entry_is_a_number, entry_is_no_json, path_truncated, path_swapped, path_too_long, path_of_half_digests,
        size_doubled_and_signed, older_root_changed_and_signed, an_entry_twice, another_format,
        an_older_head_twice, nothing_but_a_head, path_in_capitals,
    ],
)  # fmt: skip
def test_a_forged_file_is_not_proven(file_of, key, change):
    change(file_of, key)
    with pytest.raises(NotProven):
        proof.check(file_of, [key.public_key()])


@pytest.mark.parametrize(
    "garbage",
    [None, [], "x", 1, {}, {"format": proof.FORMAT}]
    + [{"format": proof.FORMAT, "head": head, "signature": 2} for head in (1, "{}")]
    + [{"format": proof.FORMAT, "head": 1, "signature": "eA=="}],
)
def test_garbage_is_not_proven(garbage, key):
    with pytest.raises(NotProven):
        proof.check(garbage, [key.public_key()])


@pytest.mark.parametrize("content", [None, b"no key"])
def test_what_is_no_key_is_said(tmp_path, content):
    path = tmp_path / "key.pem"
    if content:
        path.write_bytes(content)
    with pytest.raises(NotProven, match="holds no public key"):
        proof.read_key(path)


@pytest.mark.parametrize("text", ['{"a": 1, "a": 2}', '{"a": NaN}', "[" * 100_000])
def test_what_can_be_read_two_ways_is_not_read(text):
    with pytest.raises(ValueError, match="twice|number|deep"):
        proof.read_json(text)


def test_a_head_is_compared_with_all_that_was_published(key):
    def line(**otherwise) -> str:
        return json.dumps(head_of(8, key, **otherwise))

    said = json.loads(line())
    head = proof.check_head(said["head"], b64decode(said["signature"]), [key.public_key()])
    strange = ["", "5", "{}", '{"head": 5}', '{"head": "[1]"}']
    proof.check_published(head, [line(), line(log="another", made_at="2027"), *strange])
    for lines, says in (
        ([], "not among"),
        (strange, "not among"),
        ([line(log="another")], "not among"),
        ([line(), line(made_at="2027")], "otherwise"),
    ):
        with pytest.raises(NotProven, match=says):
            proof.check_published(head, lines)


def test_the_program_needs_neither_django_nor_a_database(file_of, key, tmp_path):
    """On another machine: this one file, Python and `cryptography`."""
    (tmp_path / "proof.py").write_text(proof.__loader__.get_source(proof.__name__), encoding="utf-8")
    (tmp_path / "key.pem").write_bytes(signing.public_pem(key.public_key()))
    heads = [file_of, file_of["consistency"][0]]
    (tmp_path / "heads.jsonl").write_text(
        "".join(json.dumps({k: h[k] for k in ("head", "signature")}) + "\n" for h in heads)
    )

    def check(*more: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-I", "proof.py", "file.json", "--key", "key.pem", *more],
            cwd=tmp_path, env={"PATH": ""}, capture_output=True, text=True,
        )  # fmt: skip

    def run(file: dict, *more: str) -> subprocess.CompletedProcess:
        (tmp_path / "file.json").write_text(json.dumps(file), encoding="utf-8")
        return check(*more)

    good = run(file_of, "--heads", "heads.jsonl", "--show")
    assert (good.returncode, good.stderr) == (0, "")
    head = json.loads(file_of["head"])
    said = [
        f"Head {head['number']} of history {head['log']}: {head['size']} entries, sealed at",
        f"  {head['made_at']} (says its signer), signed with key {head['key']}.",
        f"  Root {head['root']}",
        f"Entries proven to be in it: {len(file_of['entries'])}",
        f"Older heads proven to be its unchanged beginning: {json.loads(heads[1]['head'])['number']}",
    ]
    shown = [entry["entry"] for entry in file_of["entries"]]
    assert good.stdout.splitlines()[: len(said)] == said
    assert [json.loads(one) for one in good.stdout.splitlines()[len(said) :]] == list(map(json.loads, shown))
    alone = run(file_of).stdout.splitlines()
    assert alone[: len(said)] == said
    assert len(alone) == len(said) + 1
    assert alone[-1].startswith("Not compared with published heads")
    (tmp_path / "file.json").unlink()
    nothing = check()
    assert (nothing.returncode, "file.json cannot be read" in nothing.stderr) == (1, True)
    keyless = subprocess.run(
        [sys.executable, "-I", "proof.py", "file.json"], cwd=tmp_path, capture_output=True
    )
    assert (keyless.returncode, b"--key" in keyless.stderr) == (2, True), "nothing is trusted unasked"
    with (tmp_path / "heads.jsonl").open("ab") as published:
        published.write(b"\xff\xfe no text\n")
    assert run(file_of, "--heads", "heads.jsonl").returncode == 0
    other = file_of | head_of(8, key, root=json.loads(file_of["head"])["root"], made_at="2027")
    assert run(other).returncode == 0
    strange = run(
        file_of | head_of(8, key, root=json.loads(file_of["head"])["root"], made_at="\x1b[2J\u202e")
    )
    assert "\\u001b[2J\\u202e (says its signer)" in strange.stdout, "a terminal obeys nothing of it"
    unlike = run(other, "--heads", "heads.jsonl")
    assert (unlike.returncode, "published otherwise" in unlike.stderr) == (1, True)
    with (tmp_path / "heads.jsonl").open("a") as published:
        published.write('{"head": "broken off by a cr\n[[[\n')
    assert run(file_of, "--heads", "heads.jsonl").returncode == 0, (
        "a line that a crash broke off spoils no proof"
    )
    for name in ("file.json", "heads.jsonl", "key.pem"):
        path = tmp_path / name
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    marked = check("--heads", "heads.jsonl")
    assert (marked.returncode, marked.stderr) == (0, ""), "a byte order mark is no part of what was proven"
    (tmp_path / "heads.jsonl").write_text(json.dumps({k: file_of[k] for k in ("head", "signature")}))
    assert run(file_of, "--heads", "heads.jsonl").returncode == 1, "the older head was never published"
    bad = run(file_of | {"signature": ""})
    assert (bad.returncode, "NOT PROVEN" in bad.stderr) == (1, True)
    assert run({"format": "x"}).returncode == 1
    loaded = subprocess.run(
        [sys.executable, "-c", "import audit.proof, sys; print('django' in sys.modules)"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert loaded.stdout == "False\n"
