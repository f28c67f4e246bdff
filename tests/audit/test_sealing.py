"""Sealing: each entry in exactly one seal, whatever commits late, whoever seals at once, whoever is killed."""

import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager
from datetime import datetime, timedelta
from stat import S_IMODE
from zoneinfo import ZoneInfo

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from django.conf import settings as django_settings
from django.core import mail
from django.db import OperationalError, connection, transaction
from django.utils import timezone

from audit import canonical, months, publishing, recording, sealing, signing, verifying
from audit.models import Head, LogEntry, Seal, SealedEntry, Unsealed
from config import health
from tests import world as worlds
from tests.journeys.conftest import database_url, wait_for


def write(n: int = 1) -> None:
    recording.decisions(recording.decided("demo.loaded", detail={"customers": m}) for m in range(n))


def each_is_in_exactly_one_seal() -> None:
    entries = set(LogEntry.objects.values_list("pk", flat=True))
    leaves = list(SealedEntry.objects.values_list("entry_id", flat=True))
    assert len(leaves) == len(set(leaves)), "none twice"
    assert set(leaves) == entries, "none forgotten"
    ends = list(Seal.objects.order_by("number").values_list("start", "size"))
    assert [start for start, _ in ends] == [0, *[size for _, size in ends[:-1]]], "no gap between seals"
    assert ends[-1][1] == len(leaves)
    assert not Unsealed.objects.exists()
    assert verifying.verify().ok


@contextmanager
def another_session():
    """A second connection to the same database, as the portal's own role."""
    database = connection.settings_dict
    with psycopg.connect(
        dbname=database["NAME"], user=database["USER"], host=database["HOST"], port=database["PORT"] or None
    ) as other:
        yield other


@pytest.mark.django_db
def test_a_seal_names_its_range_its_root_and_the_seal_before(world):
    for n in (1, 5, 2):
        write(n)
        sealing.seal_what_waits()
    first, second, third = Seal.objects.order_by("number")
    heads = [json.loads(seal.head) for seal in (first, second, third)]
    assert [(h["number"], h["start"], h["size"]) for h in heads] == [
        (1, 0, first.size), (2, first.size, first.size + 5), (3, second.size, second.size + 2),
    ]  # fmt: skip
    assert [h["previous"] for h in heads] == [
        "", sealing.sha256(first.head.encode()).hexdigest(), sealing.sha256(second.head.encode()).hexdigest()
    ]  # fmt: skip
    assert len({h["log"] for h in heads}) == 1
    assert len({h["root"] for h in heads}) == 3
    assert sealing.seal_what_waits() == 0, "what waits for nothing makes no seal"
    each_is_in_exactly_one_seal()


@pytest.mark.django_db
def test_a_long_run_is_several_seals(world, monkeypatch):
    monkeypatch.setattr(sealing, "RUN", 100)
    write(250)
    sealing.seal_what_waits()
    assert [s.count for s in Seal.objects.order_by("number")[:2]] == [100, 100]
    in_order = SealedEntry.objects.order_by("position").values_list("entry_id", flat=True)
    assert list(in_order) == sorted(in_order), "the lowest numbers first"
    each_is_in_exactly_one_seal()


@pytest.mark.parametrize(("minutes", "is_sealed"), [(1, True), (60, False), (-60, True)])
def test_a_clock_that_is_a_little_ahead_keeps_no_entry_waiting(world, minutes, is_sealed):
    write()
    sealing.seal_what_waits()
    at = timezone.now() + timedelta(minutes=minutes)
    months.add(at, at)
    entry = recording.decision("demo.loaded", detail={"customers": 1}, timestamp=at)
    sealing.seal_what_waits()
    assert SealedEntry.objects.filter(entry_id=entry.pk).exists() == is_sealed
    assert Unsealed.objects.filter(entry_id=entry.pk).exists() != is_sealed


def test_a_head_is_compact_json_with_its_keys_in_order(world):
    write()
    sealing.seal_what_waits()
    head = Seal.objects.first().head
    assert head == json.dumps(json.loads(head), sort_keys=True, separators=(",", ":"))


def test_an_entry_that_commits_late_is_in_the_next_seal(committed_database):
    worlds.build()
    with another_session() as other:
        other.execute(
            "INSERT INTO audit_logentry (action, kind, event, reason, actor_username, actor_name, actor_role, "
            "actor_organization, object_pk, object_repr, changes_text, cid, area_code, supply_point_number, "
            "fields, basis) SELECT 3, 'decision', 'demo.loaded', '', '', '', '', '', '', '', '', '', '', '', '{}', ''"
        )
        write(3)
        sealing.seal_what_waits()
        assert SealedEntry.objects.count() == LogEntry.objects.count(), "what is committed is sealed"
        other.commit()
    late = LogEntry.objects.exclude(pk__in=SealedEntry.objects.values("entry_id")).get()
    assert SealedEntry.objects.filter(entry_id__gt=late.pk).count() == 3, (
        "its number is lower than sealed ones"
    )
    sealing.seal_what_waits()
    assert Seal.objects.first().start == SealedEntry.objects.get(entry_id=late.pk).position
    each_is_in_exactly_one_seal()


def test_what_is_rolled_back_waits_for_no_seal(committed_database):
    worlds.build()
    with transaction.atomic():
        write(3)
        transaction.set_rollback(True)
    sealing.seal_what_waits()
    each_is_in_exactly_one_seal()


def test_a_second_sealer_leaves_it_to_the_first(committed_database):
    worlds.build()
    with another_session() as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [sealing.SEALING])
        assert sealing.seal_what_waits() == 0
        assert not Seal.objects.exists()
    assert sealing.seal_what_waits() > 0
    each_is_in_exactly_one_seal()


def test_a_crash_in_the_middle_leaves_the_state_before(committed_database, monkeypatch):
    worlds.build()
    waiting = Unsealed.objects.count()
    monkeypatch.setattr(sealing, "_head", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        sealing.seal_what_waits()
    assert (Seal.objects.count(), SealedEntry.objects.count(), Unsealed.objects.count()) == (0, 0, waiting)
    monkeypatch.undo()
    sealing.seal_what_waits()
    each_is_in_exactly_one_seal()


def pem(key, encryption=None) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption or NoEncryption())


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "SEAL_KEY_FILE is not set"),
        ("nowhere", "SEAL_KEY_FILE=.*nowhere cannot be read"),
        (b"garbage", "SEAL_KEY_FILE=.* cannot be read"),
        (pem(Ed25519PrivateKey.generate(), BestAvailableEncryption(b"x")), "SEAL_KEY_FILE=.* cannot be read"),
        (pem(X25519PrivateKey.generate()), "SEAL_KEY_FILE=.* no Ed25519 key"),
    ],
    ids=["not set", "nowhere", "garbage", "with a password", "of another kind"],
)
def test_without_its_key_nothing_is_sealed_and_the_portal_says_so(world, settings, tmp_path, content, says):
    settings.SEAL_KEY_FILE = str(tmp_path / "nowhere") if content else ""
    if isinstance(content, bytes):
        settings.SEAL_KEY_FILE = str(tmp_path / "key.pem")
        (tmp_path / "key.pem").write_bytes(content)
    with pytest.raises(signing.NoKey, match=says):
        sealing.seal_what_waits()
    assert not Seal.objects.exists()
    assert health._seals_are_made(), "a moment's waiting is no fault"
    Unsealed.objects.create(entry_id=10**9, timestamp=Unsealed.objects.first().timestamp - 2 * sealing.LATE)
    assert not health._seals_are_made()


def test_a_key_is_made_for_its_owner_alone_and_never_over_another(tmp_path):
    name = signing.make_key(tmp_path)
    assert len(name) == 16
    assert S_IMODE((tmp_path / "seal-key.pem").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        signing.make_key(tmp_path)


@pytest.mark.django_db
def test_a_new_key_goes_on_where_the_old_one_ended(world, settings, tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        signing.make_key(folder)
        settings.SEAL_KEY_FILE = str(folder / "seal-key.pem")
        write()
        sealing.seal_what_waits()
    kinds = [fault.kind for fault in verifying.verify().faults]
    assert kinds[0] == "seal_changed", "the old key is not trusted until it is named"
    settings.SEAL_PUBLIC_KEYS = [str(folder / "seal-key.pub.pem") for folder in (old, new)]
    assert verifying.verify().ok
    (tmp_path / "other.pem").write_bytes(signing.public_pem(X25519PrivateKey.generate().public_key()))
    for no_public_key in (tmp_path / "nowhere", new / "seal-key.pem", tmp_path / "other.pem"):
        settings.SEAL_PUBLIC_KEYS = [str(no_public_key)]
        with pytest.raises(signing.NoKey, match="SEAL_PUBLIC_KEYS"):
            verifying.verify()


@pytest.mark.django_db
def test_the_form_that_is_sealed_stays_as_it_is_for_ever(world):
    """To the byte: what was sealed in another form would be tampered with, all of it."""
    at = datetime(2024, 3, 1, 9, tzinfo=ZoneInfo("Asia/Tokyo"))
    months.add(at, at)
    LogEntry(
        id=1_000_000, kind="change", actor_name="高松 一郎", fields=["phone", "name"], timestamp=at, cid="c",
        additional_data={"b": [1.5, None], "a": "é"}, changes={"name": ["旧", "新"]},
    ).save()  # fmt: skip
    (row,) = sealing.read_entries([(1_000_000, at)])
    assert canonical.canonical(row).decode() == (
        '{"action":3,"actor_name":"高松 一郎","actor_organization":"","actor_role":"","actor_username":"",'
        '"additional_data":"{\\"a\\": \\"é\\", \\"b\\": [1.5, null]}","area_code":"","basis":"",'
        '"changes":"{\\"name\\": [\\"旧\\", \\"新\\"]}","changes_text":"","cid":"c","event":"",'
        '"fields":["phone","name"],"id":1000000,"kind":"change","object_pk":"","object_repr":"","reason":"",'
        '"supply_point_number":"","timestamp":"2024-03-01T00:00:00.000000+00:00"}'
    )
    assert canonical.moment(at) == "2024-03-01T00:00:00.000000+00:00"
    held = {field.column for field in LogEntry._meta.concrete_fields}
    assert set(canonical.COLUMNS) == held, "every column is sealed"


# Four writers, sealers that are killed


WRITER = """
import os, sys
import django
django.setup()
from django.db import transaction
from audit import recording
for n in range(int(sys.argv[1])):
    with transaction.atomic():
        recording.decisions(recording.decided("demo.loaded", detail={"customers": m}) for m in range(n % 7 + 1))
        if n % 11 == 0:
            transaction.set_rollback(True)
"""
SEALER = """
import django
django.setup()
from audit import sealing
sealing.RUN = 150
print("at work", flush=True)
while True:
    sealing.seal_what_waits()
"""
WRITES = 250


def nobody_else_is_there() -> bool:
    """Whether this process's session is the only one of the database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
            "AND backend_type = 'client backend' AND pid <> pg_backend_pid())"
        )
        return cursor.fetchone()[0]


def test_under_load_with_sealers_killed_at_random_each_entry_is_in_exactly_one_seal(committed_database):
    worlds.build()
    connection.close()
    env = os.environ | {
        "DATABASE_URL": database_url(committed_database), "DJANGO_SETTINGS_MODULE": "config.settings",
        "SEAL_KEY_FILE": django_settings.SEAL_KEY_FILE, "SEAL_HEADS": "",
    }  # fmt: skip
    run = {"cwd": django_settings.BASE_DIR, "env": env, "stdout": subprocess.PIPE, "text": True}

    def sealer() -> subprocess.Popen:
        return subprocess.Popen([sys.executable, "-c", SEALER], **run)

    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(WRITES)], **run) for _ in range(4)]
    sealers = [sealer(), sealer()]
    killed = 0
    try:
        while any(writer.poll() is None for writer in writers):
            number = random.randrange(2)
            sealers[number].stdout.readline()  # it is at work
            before = Seal.objects.count()
            wait_for(
                lambda before=before: (
                    Seal.objects.count() > before + random.randrange(4)
                    or all(writer.poll() is not None for writer in writers)
                ),
                "seals to be made",
                60,
            )
            sealers[number].send_signal(signal.SIGKILL)
            sealers[number].wait()
            sealers[number].stdout.close()
            sealers[number] = sealer()
            killed += 1
    finally:
        for process in (*sealers, *writers):
            if process in sealers:
                process.kill()
            process.wait()
            process.stdout.close()
    assert [writer.returncode for writer in writers] == [0] * 4
    assert killed > 1
    # PostgreSQL notices a dead sealer once its statement is over, and until then holds its turn
    wait_for(nobody_else_is_there, "the killed sealers' sessions to end")
    sealing.seal_what_waits()
    each_is_in_exactly_one_seal()


# What goes outside


@pytest.fixture
def three_seals(world) -> list[Seal]:
    for _ in range(3):
        write()
        sealing.seal_what_waits()
    return list(Seal.objects.order_by("number"))


@pytest.mark.django_db
def test_heads_go_into_a_file_each_once_and_in_order(three_seals, settings, tmp_path):
    path = tmp_path / "heads.jsonl"
    settings.SEAL_HEADS = [f"file://{path}"]
    assert publishing.send_heads() == 3
    assert publishing.send_heads() == 0
    write()
    sealing.seal_what_waits()
    assert publishing.send_heads() == 1
    assert [number for number, _ in publishing.read_lines(path)] == [1, 2, 3, 4]
    assert list(publishing.read_lines(path))[0][1] == three_seals[0].head


@pytest.mark.django_db
def test_many_heads_go_in_several_turns(three_seals, settings, tmp_path, monkeypatch):
    monkeypatch.setattr(publishing, "BATCH", 2)
    settings.SEAL_HEADS = [f"file://{tmp_path}/heads.jsonl"]
    assert [publishing.send_heads() for _turn in range(3)] == [2, 1, 0]
    assert [number for number, _ in publishing.read_lines(tmp_path / "heads.jsonl")] == [1, 2, 3]


def test_one_at_a_time_sends_to_a_destination(committed_database, settings, tmp_path, monkeypatch):
    worlds.build()
    sealing.seal_what_waits()
    settings.SEAL_HEADS = [f"file://{tmp_path}/{name}" for name in ("one", "other")]
    with another_session() as session:
        session.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [publishing.PUBLISHING, settings.SEAL_HEADS[0]]
        )
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '100ms'")
        with pytest.raises(OperationalError, match="lock timeout"):
            publishing.send_heads()
        assert not (tmp_path / "one").exists()
        settings.SEAL_HEADS = settings.SEAL_HEADS[1:]
        assert publishing.send_heads() == 1, "another destination's turn is its own"

    def sent(destination: str, seals: list[Seal]) -> None:
        with another_session() as session:
            session.execute("SET lock_timeout = '100ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                session.execute(
                    "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [publishing.PUBLISHING, destination]
                )

    monkeypatch.setitem(publishing.SENDERS, "file", sent)
    settings.SEAL_HEADS = [f"file://{tmp_path}/one"]
    assert publishing.send_heads() == 1, "its turn lasts until what was sent is noted"


@pytest.mark.django_db
def test_a_line_that_a_crash_broke_off_spoils_no_other(three_seals, settings, tmp_path):
    path = tmp_path / "heads.jsonl"
    path.write_text(publishing.line_of(three_seals[0])[:40])
    settings.SEAL_HEADS = [f"file://{path}"]
    publishing.send_heads()
    assert [number for number, _ in publishing.read_lines(path)] == [1, 2, 3]
    assert verifying.verify().ok


@pytest.mark.django_db
def test_heads_go_to_syslog(three_seals, settings):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as collector:
        collector.bind(("127.0.0.1", 0))
        collector.settimeout(10)
        settings.SEAL_HEADS = [f"syslog://127.0.0.1:{collector.getsockname()[1]}"]
        publishing.send_heads()
        for seal in three_seals:
            message = collector.recv(65_535).decode("ascii")
            # RFC 5424: facility 4 (auth), severity 5 (notice); then version, time, host, program, id; no NUL
            header, head = re.fullmatch(r"<37>1 (\S+ \S+ emergency-desk - seal -) ({.*})", message).groups()
            assert datetime.fromisoformat(header.split()[0]) == seal.made_at
            assert head == publishing.line_of(seal)


@pytest.mark.django_db
def test_what_syslog_does_not_take_is_no_head_sent(three_seals, settings):
    settings.SEAL_HEADS = ["syslog://255.255.255.255"]  # to everybody, which a socket refuses
    with pytest.raises(OSError, match=r"\[Errno"):
        publishing.send_heads()
    assert not Head.objects.exists()


@pytest.mark.django_db
def test_the_newest_head_goes_to_a_mailbox_once_a_day(three_seals, settings):
    settings.SEAL_HEADS = ["mailto:inbox%2Bseals@regulator.example.jp"]
    assert publishing.send_heads() == 1
    write()
    sealing.seal_what_waits()
    assert publishing.send_heads() == 0, "once a day"
    (message,) = mail.outbox
    assert message.to == ["inbox+seals@regulator.example.jp"]
    assert publishing.line_of(three_seals[2]) in message.body
    settings.SEAL_MAIL_HOURS = 0
    assert publishing.send_heads() == 1
    assert publishing.line_of(Seal.objects.first()) in mail.outbox[1].body


@pytest.mark.django_db
def test_what_one_destination_does_not_take_keeps_no_other_from_its_own(three_seals, settings, tmp_path):
    settings.SEAL_HEADS = [f"file://{tmp_path}/nowhere/heads", f"file://{tmp_path}/heads"]
    with pytest.raises(OSError, match="nowhere"):
        publishing.send_heads()
    assert Head.objects.filter(destination=settings.SEAL_HEADS[1]).count() == 3
    assert not Head.objects.filter(destination=settings.SEAL_HEADS[0]).exists()
    (tmp_path / "nowhere").mkdir()
    assert publishing.send_heads() == 3, "again, from where it failed"
