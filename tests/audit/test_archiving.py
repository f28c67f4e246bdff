"""Old months: archived, read back, dropped; the history verifies before and after, and only what is due goes."""

import gzip
import json
from datetime import UTC, date, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit import archiving, guards, months, recording, sealing, verifying
from audit.faults import Outcome
from audit.models import LogEntry, Seal, Unsealed
from tests.audit.past import past_the_trigger

pytestmark = pytest.mark.django_db

OLD, OLDER = date(2015, 3, 1), date(2014, 12, 1)


@pytest.fixture
def old(world, settings):
    """Two months of long ago, with decisions and sign-ins; sealed, as they were."""
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"decision": 10, "session": 5}
    for month in (OLDER, OLD):
        at = datetime(month.year, month.month, 15, tzinfo=UTC)
        months.add(at, at)
        for _n in range(3):
            LogEntry(kind="session", event="session.signed_in", actor=world.operator, timestamp=at).save()
        recording.decisions(
            recording.decided("demo.loaded", detail={"customers": n}, timestamp=at) for n in range(20)
        )
        sealing.seal_what_waits()
    return world


def faults() -> list:
    """What is found, but that the entries of this test were written with a time of long ago."""
    return [f for f in verifying.verify().faults if f.kind != "entry_backdated"]


def test_what_is_due_is_told_by_kind(old, settings):
    both = ("decision", "session")
    assert archiving.what_is_due() == [archiving.Due(OLDER, both), archiving.Due(OLD, both)]
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"decision": 100}
    assert archiving.what_is_due() == [archiving.Due(OLDER, ("session",)), archiving.Due(OLD, ("session",))]
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"session": 100}
    assert archiving.what_is_due() == []


def test_a_dropped_month_is_gone_kept_in_its_archive_and_verifies(old, tmp_path):
    due = archiving.what_is_due()[1]
    before = LogEntry.objects.count()
    assert faults() == []
    written, manifest = archiving.archive(due, tmp_path)
    assert (manifest["entries"], manifest["month"]) == (23, "2015-03")
    assert archiving.drop(due, written) == 23
    assert LogEntry.objects.count() == before - 23 + 1
    assert OLD not in months.all_months()
    sealing.seal_what_waits()
    assert faults() == []
    outcome = verifying.verify(archives=[written])
    assert {f.kind for f in outcome.faults} == {"entry_backdated"}
    assert (outcome.archived, outcome.read_back) == (23, 23)
    assert archiving.what_is_due() == [archiving.Due(OLDER, ("decision", "session"))]


def test_the_kinds_that_have_to_stay_stay(old, tmp_path, settings):
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"decision": 100}
    due = archiving.what_is_due()[1]
    written, _ = archiving.archive(due, tmp_path)
    decisions = set(LogEntry.objects.filter(kind="decision").values_list("pk", flat=True))
    assert archiving.drop(due, written) == 3
    kept = set(
        LogEntry.objects.filter(kind="decision").exclude(event="history.dropped").values_list("pk", flat=True)
    )
    assert kept == decisions
    assert OLD in months.all_months()
    assert Unsealed.objects.count() == 1, "only the entry of the dropping waits for its seal"
    assert guards.check_schema(outcome := Outcome()) is None
    assert outcome.ok, outcome.faults  # the month that stays is made, and refuses, as the others
    assert {f.kind for f in faults()} == {"entry_missing"}, "until what says so is sealed"
    sealing.seal_what_waits()
    assert faults() == []


def test_an_archive_that_was_changed_is_found(old, tmp_path, monkeypatch):
    monkeypatch.setattr(archiving, "PIECE", 5)  # it is compared in several pieces
    due = archiving.what_is_due()[0]
    written, manifest = archiving.archive(due, tmp_path)
    path = tmp_path / manifest["file"]
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)

    def spoil(content: str, **otherwise) -> None:
        path.write_bytes(gzip.compress(content.encode()))
        said = manifest | {"sha256": archiving.sha256(path.read_bytes()).hexdigest()} | otherwise
        written.write_text(json.dumps(said))

    spoil("".join(lines).replace('customers\\\\\\": 7', 'customers\\\\\\": 8'))
    with pytest.raises(archiving.NotArchived, match="not what was sealed"):
        archiving.drop(due, written)
    spoil("".join(lines[1:]))
    with pytest.raises(archiving.NotArchived, match="should hold"):
        archiving.drop(due, written)
    spoil("".join(lines[1:]), entries=len(lines) - 1)
    with pytest.raises(archiving.NotArchived, match="or others"):
        archiving.drop(due, written)
    for otherwise in ({"sha256": "0"}, {"format": "another"}):
        spoil("".join(lines), **otherwise)
        with pytest.raises(archiving.NotArchived, match="manifest"):
            archiving.drop(due, written)
    for otherwise in ({"month": "2015-03"}, {"kinds": ["session"]}):
        spoil("".join(lines), **otherwise)
        with pytest.raises(archiving.NotArchived, match="another month"):
            archiving.drop(due, written)
    spoil("garbage")
    with pytest.raises(archiving.NotArchived, match="cannot be read"):
        archiving.drop(due, written)
    (fault,) = [f for f in verifying.verify(archives=[written]).faults if f.kind == "archive_differs"]
    assert "cannot be read" in fault.facts["why"]
    assert LogEntry.objects.filter(timestamp__lt=datetime(2016, 1, 1, tzinfo=UTC)).count() == 46


def test_nothing_is_dropped_before_its_years_are_over(old, tmp_path, settings):
    due = archiving.what_is_due()[0]
    written, _ = archiving.archive(due, tmp_path)
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"decision": 100}
    with pytest.raises(archiving.NotArchived, match="longer"):
        archiving.drop(due, written)
    settings.HISTORY_YEARS = dict.fromkeys(settings.HISTORY_YEARS, 0)
    lately = timezone.now() - timedelta(days=40)
    months.add(lately, lately)
    recording.decision("demo.loaded", detail={"customers": 1}, timestamp=lately)
    assert archiving.what_is_due()[-1].month == OLD, "a year at least, whatever is set"


@pytest.fixture
def forged_drop(old):
    """Says that a month and kinds were dropped, as somebody with the database would, and is sealed."""

    def say(month: str, kinds: list[str], count: int, *, years: dict | None = None, **columns) -> None:
        detail = {"month": month, "kinds": kinds, "count": count, "file": "x", "sha256": "x", "years": years}
        recording.decision("history.dropped", detail=detail, **columns)
        sealing.seal_what_waits()

    return say


def delete(where: str) -> int:
    return past_the_trigger(f"DELETE FROM audit_logentry WHERE {where}")


def test_no_word_of_a_drop_excuses_what_was_not_due(old, forged_drop):
    """Not by a time that the entry gives itself: the seal's counts."""
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    month = f"{timezone.localtime(entry.timestamp):%Y-%m}"
    count = LogEntry.objects.filter(kind="decision", timestamp__gte=months.span(date(2016, 1, 1))[0]).count()
    months.add(datetime(2040, 1, 1, tzinfo=UTC), datetime(2040, 1, 1, tzinfo=UTC))
    forged_drop(month, ["decision"], count, timestamp=datetime(2040, 1, 2, tzinfo=UTC))
    forged_drop(month, ["decision"], count)
    delete(f"id = {entry.pk}")
    named = {(f.kind, f.facts.get("entry")) for f in faults()}
    assert ("entry_missing", entry.pk) in named
    assert "drop_unfounded" in {kind for kind, _ in named}


def test_a_drop_was_due_when_it_was_sealed_or_never(old):
    drop = archiving.Drop("2015-03", ("session",), 3, 1)
    its_years_end = datetime(2020, 3, 31, 15, tzinfo=UTC)
    assert drop.was_due(its_years_end, {"session": 5})
    assert not drop.was_due(its_years_end - timedelta(seconds=1), {"session": 5})
    assert drop.was_due(its_years_end - timedelta(seconds=1), {"session": 4})


def test_a_drop_is_judged_by_the_rule_that_it_was_made_under(old, tmp_path, settings):
    """Whoever raises the years later accuses nobody."""
    due = archiving.what_is_due()[1]
    written, _ = archiving.archive(due, tmp_path)
    archiving.drop(due, written)
    said = LogEntry.objects.get(event="history.dropped")
    assert said.additional_data["years"] == {"decision": 10, "session": 5}
    kept = settings.HISTORY_YEARS
    settings.HISTORY_YEARS = kept | {"session": 15}
    sealing.seal_what_waits()
    assert faults() == [], "raised after the drop, before its seal"
    settings.HISTORY_YEARS = kept | {"session": 100, "decision": 100}
    assert faults() == []


def test_years_that_an_entry_gives_itself_excuse_nothing(old, forged_drop, settings):
    kept = settings.HISTORY_YEARS
    settings.HISTORY_YEARS = kept | {"session": 15}
    recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()  # a head that was signed under it
    forged_drop("2015-03", ["session"], 3, years={"session": 5})
    delete("kind = 'session' AND \"timestamp\" < '2016-01-01' AND \"timestamp\" > '2015-01-01'")
    settings.HISTORY_YEARS = kept
    assert {f.kind for f in faults()} == {"drop_unfounded", "entry_missing"}, "the signed rule counts"


def test_a_drop_under_heads_that_said_no_years_is_judged_by_those_of_now(
    old, forged_drop, settings, monkeypatch
):
    whole = sealing._head

    def without_years(*facts) -> str:
        said = json.loads(whole(*facts))
        del said["years"]
        return json.dumps(said, separators=(",", ":"))

    monkeypatch.setattr(sealing, "_head", without_years)
    recording.decision("demo.loaded", detail={"customers": 1})
    sealing.seal_what_waits()
    forged_drop("2015-03", ["session"], 3)
    delete("kind = 'session' AND \"timestamp\" < '2016-01-01' AND \"timestamp\" > '2015-01-01'")
    assert faults() == []
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"session": 15}
    assert {f.kind for f in faults()} == {"drop_unfounded", "entry_missing"}


def test_a_drop_excuses_neither_more_nor_fewer_entries_than_it_says(old, forged_drop):
    forged_drop("2015-03", ["session"], 2)
    assert delete("kind = 'session' AND \"timestamp\" < '2016-01-01' AND \"timestamp\" > '2015-01-01'") == 3
    assert {f.kind for f in faults()} == {"drop_unfounded", "entry_missing"}


def test_a_drop_excuses_nothing_while_others_of_its_kind_are_there(old, forged_drop):
    first = LogEntry.objects.filter(kind="session", timestamp__year=2015).first()
    forged_drop("2015-03", ["session"], 3)
    delete(f"id = {first.pk}")
    assert {f.kind for f in faults()} == {"drop_unfounded", "entry_missing"}


def test_a_drop_that_was_changed_excuses_nothing(old, forged_drop):
    forged_drop("2015-03", ["session"], 1)
    said = LogEntry.objects.get(event="history.dropped").pk
    past_the_trigger(
        "UPDATE audit_logentry SET additional_data = jsonb_set(additional_data, '{count}', '3') "
        f"WHERE id = {said}"
    )
    delete("kind = 'session' AND \"timestamp\" < '2016-01-01' AND \"timestamp\" > '2015-01-01'")
    assert {f.kind for f in faults()} == {"entry_changed", "entry_missing"}


@pytest.mark.parametrize(
    ("statement", "also"),
    [
        ("DELETE FROM audit_seal WHERE number = {number}", "leaf_beyond"),
        ("UPDATE audit_seal SET signature = 'x' WHERE number = {number}", "seal_changed"),
    ],
)
def test_a_drop_whose_seal_is_not_good_excuses_nothing(old, forged_drop, statement, also):
    forged_drop("2015-03", ["session"], 3)
    delete("kind = 'session' AND \"timestamp\" < '2016-01-01' AND \"timestamp\" > '2015-01-01'")
    assert faults() == []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_seal DISABLE TRIGGER seal_is_append_only")
        cursor.execute(statement.format(number=Seal.objects.first().number))
        cursor.execute("ALTER TABLE audit_seal ENABLE ALWAYS TRIGGER seal_is_append_only")
    assert {f.kind for f in faults()} == {also, "entry_missing"}


def test_a_leaf_that_was_given_another_kind_excuses_nothing(old, tmp_path, settings):
    """The kind of a leaf is in no digest: so the number of leaves has to be the number that was dropped."""
    settings.HISTORY_YEARS = settings.HISTORY_YEARS | {"decision": 100}
    due = archiving.what_is_due()[1]
    written, _ = archiving.archive(due, tmp_path)
    archiving.drop(due, written)
    sealing.seal_what_waits()
    assert faults() == []
    victim = LogEntry.objects.filter(kind="decision", timestamp__year=2015).first()
    delete(f"id = {victim.pk}")
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_sealedentry DISABLE TRIGGER sealedentry_is_append_only")
        cursor.execute("UPDATE audit_sealedentry SET kind = 'session' WHERE entry_id = %s", [victim.pk])
        cursor.execute("ALTER TABLE audit_sealedentry ENABLE ALWAYS TRIGGER sealedentry_is_append_only")
    assert {f.kind for f in faults()} == {"drop_unfounded", "entry_missing"}
    outcome = verifying.verify(archives=[written])
    (missing,) = [f for f in outcome.faults if f.kind == "entry_missing"]
    assert missing.facts["entry"] == victim.pk, "with the archive it is the very one"


def test_an_archive_with_one_line_twice_and_one_missing_drops_nothing(old, tmp_path):
    due = archiving.what_is_due()[0]
    written, manifest = archiving.archive(due, tmp_path)
    path = tmp_path / manifest["file"]
    lines = gzip.decompress(path.read_bytes()).decode().splitlines(keepends=True)
    other = archiving.archive(archiving.what_is_due()[1], tmp_path)[1]
    foreign = gzip.decompress((tmp_path / other["file"]).read_bytes()).decode()
    for content, says in (("".join([*lines[:-1], lines[0]]), "twice"), (foreign, "or others")):
        path.write_bytes(gzip.compress(content.encode()))
        said = manifest | {"sha256": archiving.sha256(path.read_bytes()).hexdigest()}
        written.write_text(json.dumps(said))
        with pytest.raises(archiving.NotArchived, match=says):
            archiving.drop(due, written)


def test_an_unsealed_or_changed_month_is_not_archived(old, tmp_path):
    due = archiving.what_is_due()[0]
    at = datetime(2014, 12, 20, tzinfo=UTC)
    entry = recording.decision("demo.loaded", detail={"customers": 1}, timestamp=at)
    with pytest.raises(archiving.NotArchived, match="wait for their seal"):
        archiving.archive(due, tmp_path)
    assert list(tmp_path.iterdir()) == []
    Unsealed.objects.all().delete()
    with pytest.raises(archiving.NotArchived, match=f"{entry.pk} is in no seal"):
        archiving.archive(due, tmp_path)
    other = archiving.what_is_due()[1]
    changed = LogEntry.objects.filter(timestamp__year=2015).first().pk
    past_the_trigger(f"UPDATE audit_logentry SET actor_name = 'x' WHERE id = {changed}")
    with pytest.raises(archiving.NotArchived, match=f"{changed} is not what was sealed"):
        archiving.archive(other, tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".new"]


def test_an_archive_is_the_same_each_time_and_never_over_another(old, tmp_path):
    due = archiving.what_is_due()[0]
    written, manifest = archiving.archive(due, tmp_path)
    path = tmp_path / manifest["file"]
    assert path.read_bytes()[4:8] == bytes(4), "the time of the making is not in it"
    before = {one: one.read_bytes() for one in (path, written)}
    with pytest.raises(FileExistsError):
        archiving.archive(due, tmp_path)
    assert {one: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_what_was_put_in_since_its_archiving_keeps_a_month(old, tmp_path):
    due = archiving.what_is_due()[0]
    written, _ = archiving.archive(due, tmp_path)
    at = datetime(2014, 12, 20, tzinfo=UTC)
    recording.decision("demo.loaded", detail={"customers": 1}, timestamp=at)
    with pytest.raises(archiving.NotArchived, match="or others"):
        archiving.drop(due, written)


def test_what_says_that_a_month_was_dropped_is_never_dropped(old, tmp_path):
    at = datetime(2015, 3, 20, tzinfo=UTC)
    said = recording.decision("history.dropped", detail={"month": "2005-03", "kinds": []}, timestamp=at)
    sealing.seal_what_waits()
    due = archiving.what_is_due()[1]
    written, manifest = archiving.archive(due, tmp_path)
    assert archiving.drop(due, written) == manifest["entries"] == 23
    assert LogEntry.objects.get(pk=said.pk).timestamp == at
    assert archiving.what_is_due() == [archiving.Due(OLDER, ("decision", "session"))]
    sealing.seal_what_waits()
    assert faults() == []


def test_a_drop_that_fails_in_the_middle_leaves_all_as_it_was(old, tmp_path, monkeypatch):
    due = archiving.what_is_due()[0]
    written, _ = archiving.archive(due, tmp_path)
    monkeypatch.setattr(archiving, "_keep_the_others", lambda due: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        archiving.drop(due, written)
    assert not LogEntry.objects.filter(event="history.dropped").exists()


def test_the_command_says_what_is_due_archives_and_drops_only_when_told(old, tmp_path):
    out = StringIO()
    call_command("archive_history", stdout=out)
    assert "2014-12: decision, session" in out.getvalue()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(CommandError, match="--yes"):
        call_command("archive_history", str(tmp_path), "--drop", stdout=out)
    assert LogEntry.objects.filter(timestamp__year__lt=2016).count() == 46
    call_command("archive_history", str(tmp_path), "--drop", "--yes", stdout=out)
    missing = {fault.kind for fault in verifying.verify().faults} - {"entry_backdated"}
    assert not missing, "what says that it was dropped is sealed at once"
    assert not LogEntry.objects.filter(timestamp__year__lt=2016).exists()
    assert LogEntry.objects.filter(event="history.dropped").count() == 2
    out = StringIO()
    call_command("archive_history", stdout=out)
    assert "No month is due." in out.getvalue()
    with pytest.raises(SystemExit):  # the entries of this test were written with a time of long ago
        call_command(
            "verify_history",
            archive=list(tmp_path.glob("*.manifest.json")),
            stdout=(out := StringIO()),
            stderr=StringIO(),
        )
    assert "46 read back" in out.getvalue()
