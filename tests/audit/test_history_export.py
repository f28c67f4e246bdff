"""The history as a file: what a filter shows, by whom, safe in a spreadsheet, and in the history before it leaves."""

import csv
import io
import json
from hashlib import sha256

import pytest
from django.urls import reverse
from openpyxl import load_workbook

from access.errors import Denied
from access.people import Person
from access.roles import ROLES
from audit import errands, exporting, filters, reading, recording
from audit.exporting import COLUMNS, Format
from audit.models import Errand, LogEntry, Piece
from customers.cells import FORMULA
from tests.world import HANAKO

pytestmark = pytest.mark.django_db

#: A name that a spreadsheet would run, one for each way to begin such a name.
EVIL = [f"{first}HYPERLINK(evil)" for first in FORMULA]
NOT_AUDITORS = [role.role.value for role in ROLES if role.role != "auditor"]


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


@pytest.fixture
def emergency(world):
    return world.declare()


def taken(person, wanted=None, format=Format.CSV) -> bytes:
    return b"".join(exporting.begin(person, wanted or {}, format).pieces())


def rows_of(data: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def workbook_of(world, wanted=None) -> tuple[Errand, list[tuple]]:
    begun = exporting.begin(world.auditor, wanted or {}, Format.XLSX)
    errand = errands.ask(Errand.Kind.EXPORT, world.auditor, begun.as_json())
    assert errands.do_what_waits() == 1
    errand.refresh_from_db()
    if errand.failed:
        return errand, []
    content = b"".join(errands.take(world.auditor, errand))
    assert sha256(content).hexdigest() == errand.outcome["sha256"]
    return errand, list(load_workbook(io.BytesIO(content)).active.iter_rows(values_only=True))


def evil_entries(world) -> None:
    for name in EVIL:
        world.supervisor.name = name
        recording.decision("demo.loaded", actor=world.supervisor, detail={"customers": 1})


def test_a_csv_file_is_what_the_page_shows_line_by_line(world, auditor, emergency):
    query = f"emergency={emergency.pk}&kind=decision&order=oldest"
    wanted = [line.entry for line in auditor.get(f"/history/?{query}").context["page"].lines]
    response = auditor.post(f"/history/export/?{query}", {"format": "csv"})
    data = b"".join(response.streaming_content)
    assert data.startswith(b"\xef\xbb\xbf")
    assert data.count(b"\r\n") == len(wanted) + 1
    header, *rows = rows_of(data)
    assert header[:3] == ["Time", "In words", "Kind"]
    assert len(header) == len(COLUMNS) == 20
    assert [int(row[-1]) for row in rows] == [entry.pk for entry in wanted]
    first = rows[0]
    assert first[0].endswith("+09:00")
    assert first[1].startswith("徳島 三郎 declared the emergency “台風第14号”")
    assert first[5:9] == ["supervisor", "徳島 三郎", "Supervisor", "四国地方送配電株式会社"]
    assert response["Content-Disposition"].endswith('.csv"')


def test_json_lines_hold_the_whole_entry_as_it_stands(world, emergency):
    evil_entries(world)
    lines = taken(world.auditor, format=Format.JSONL).decode().splitlines()
    kept = {one["id"]: one for one in map(json.loads, lines)}
    for entry in LogEntry.objects.filter(pk__in=kept):
        one = kept[entry.pk]
        assert (one["kind"], one["story"], one["detail"]) == (entry.kind, entry.cid, entry.additional_data)
        assert one["person"]["name"] == entry.actor_name
    assert set(EVIL) <= {one["person"]["name"] for one in kept.values()}
    begun = LogEntry.objects.get(event="history.export_begun")
    assert len(kept) == LogEntry.objects.filter(pk__lt=begun.pk).count()


def test_no_cell_of_a_csv_file_or_a_sheet_is_run_as_a_formula(world):
    evil_entries(world)
    of_csv = rows_of(taken(world.auditor, {"person": "supervisor"}))
    _errand, of_sheet = workbook_of(world, {"person": "supervisor"})
    for rows in (of_csv, of_sheet):
        cells = [str(cell) for row in rows for cell in row if cell]
        assert not [cell for cell in cells if cell.startswith(FORMULA)]
        for name in EVIL:
            assert any(cell.strip("'\t\r\n") == name.strip("\t\r\n") for cell in cells), name


def test_what_no_sheet_can_hold_is_replaced(world):
    recording.decision("demo.loaded", actor=world.supervisor, reason="x\x07y", detail={"customers": 1})
    errand, rows = workbook_of(world, {"person": "supervisor"})
    assert not errand.failed
    assert "x�y" in [row[4] for row in rows]


def test_a_sheet_is_what_the_csv_file_is(world, emergency):
    of_csv = rows_of(taken(world.auditor, {"emergency": emergency.pk}))
    errand, of_sheet = workbook_of(world, {"emergency": emergency.pk})
    assert [["" if cell is None else str(cell) for cell in row] for row in of_sheet] == of_csv
    assert errand.outcome["rows"] == len(of_csv) - 1 > 1
    assert (errand.done, errand.total, errand.percent) == (len(of_csv) - 1, len(of_csv) - 1, 100)


def test_more_than_a_sheet_holds_is_refused_in_a_sentence(world, emergency, monkeypatch):
    monkeypatch.setattr(exporting, "MOST_ROWS", 2)
    errand, rows = workbook_of(world, {"emergency": emergency.pk})
    assert "CSV" in errand.failed
    assert not rows
    assert not Piece.objects.exists()


def test_a_file_is_made_in_pieces_without_gaps_or_doubles(world, emergency, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 3)
    export = exporting.begin(world.auditor, {}, Format.CSV)
    rows = rows_of(b"".join(export.pieces()))[1:]
    wanted = list(LogEntry.objects.filter(pk__lt=export.bound[1]).newest_first().values_list("pk", flat=True))
    assert [int(row[-1]) for row in rows] == wanted
    assert len(wanted) > 9


@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_what_is_written_meanwhile_is_not_in_the_file(world, emergency, monkeypatch, order):
    monkeypatch.setattr(exporting, "CHUNK", 3)
    export = exporting.begin(world.auditor, {"order": order}, Format.JSONL)
    pieces = export.pieces()
    data = next(pieces)
    later = recording.decision("demo.loaded", detail={"customers": 1})
    data += b"".join(pieces)
    ids = [json.loads(line)["id"] for line in data.splitlines()]
    assert later.pk not in ids
    assert export.bound[1] not in ids
    assert ids == sorted(ids, reverse=order == "newest")


# The history of it


@pytest.mark.parametrize("format", [Format.CSV, Format.JSONL])
def test_the_export_is_in_the_history_before_its_first_byte_and_at_its_end(world, emergency, format):
    export = exporting.begin(world.auditor, {"kind": "decision", "order": "oldest"}, format)
    begun = LogEntry.objects.get(event="history.export_begun")
    assert begun.actor == world.auditor
    assert begun.additional_data == {
        "filters": {"kind": "decision", "order": "oldest"}, "format": format.label
    }  # fmt: skip
    pieces = export.pieces()
    data = next(pieces)
    assert not LogEntry.objects.filter(event="history.exported").exists(), "it has not left yet"
    data += b"".join(pieces)
    detail = LogEntry.objects.get(event="history.exported").additional_data
    assert detail["sha256"] == sha256(data).hexdigest()
    assert detail["rows"] == data.count(b"\n") - (format == Format.CSV)


def test_a_sheet_that_is_downloaded_is_in_the_history_each_time(world, auditor, emergency):
    errand, _rows = workbook_of(world)
    response = auditor.get(f"/errands/{errand.pk}/file/")
    assert sha256(b"".join(response.streaming_content)).hexdigest() == errand.outcome["sha256"]
    entries = LogEntry.objects.filter(event="history.file_taken")
    assert entries.count() == 2
    assert {entry.additional_data["sha256"] for entry in entries} == {errand.outcome["sha256"]}
    story = LogEntry.objects.filter(event="history.exported").get()
    assert story.cid == errand.cid


# Whose it is


@pytest.mark.parametrize("role", NOT_AUDITORS)
def test_nobody_but_an_auditor_takes_the_history_away(world, role):
    with pytest.raises(Denied) as denied:
        exporting.begin(world.people[role], {}, Format.CSV)
    assert denied.value.reason == "role"


def test_a_file_holds_what_its_reader_may_read(world, emergency):
    assert HANAKO not in taken(world.auditor).decode()
    under_contract = LogEntry.objects.exclude(contract_id=None).values_list("pk", flat=True)
    assert under_contract
    ids = {int(row[-1]) for row in rows_of(taken(world.auditor))[1:]}
    assert set(under_contract) <= ids
    world.nobody_reviews()
    ids = {int(row[-1]) for row in rows_of(taken(world.auditor))[1:]}
    assert not set(under_contract) & ids
    _errand, rows = workbook_of(world)
    assert not set(under_contract) & {int(row[-1]) for row in rows[1:]}


def test_who_may_no_longer_gets_no_further_piece(world, emergency, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 3)
    pieces = exporting.begin(world.auditor, {}, Format.CSV).pieces()
    next(pieces)
    next(pieces)
    Person.objects.filter(pk=world.auditor.pk).update(is_active=False)
    with pytest.raises(Denied) as denied:
        next(pieces)
    assert denied.value.reason == "account_closed"
    assert not LogEntry.objects.filter(event="history.exported").exists()


def test_nor_a_further_piece_of_a_sheet(world, emergency, monkeypatch):
    monkeypatch.setattr(errands, "PIECE", 2000)
    errand, _rows = workbook_of(world)
    pieces = errands.take(world.auditor, errand)
    next(pieces)
    Person.objects.filter(pk=world.auditor.pk).update(is_active=False)
    with pytest.raises(Denied):
        next(pieces)


def test_who_lost_a_contract_reads_no_further_line_of_it(world, emergency, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 1)
    pieces = exporting.begin(world.auditor, {"contract": world.contract.pk}, Format.JSONL).pieces()
    next(pieces)
    world.nobody_reviews()
    assert list(pieces) == []


def test_a_sheet_with_a_contract_that_is_no_longer_the_readers_is_not_handed_out(world, auditor, emergency):
    errand, _rows = workbook_of(world)
    world.nobody_reviews()
    assert auditor.get(f"/errands/{errand.pk}/file/").status_code == 403
    assert LogEntry.objects.denials().newest_first()[0].reason == "history_not_yours"


# The page


def test_nor_is_a_sheet_with_what_its_reader_lost_while_it_was_made(world, emergency, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 5)
    progress = errands._progress

    def lost_on_the_way(errand):
        def after(done, total):
            progress(errand)(done, total)
            if done:
                world.contract.contractgrouppermission_set.filter(
                    permission__codename="review_contract"
                ).delete()

        return after

    monkeypatch.setattr(errands, "_progress", lost_on_the_way)
    begun = exporting.begin(world.auditor, {"kind": "decision"}, Format.XLSX)
    errand = errands.ask(Errand.Kind.EXPORT, world.auditor, begun.as_json())
    errands.do_what_waits()
    errand.refresh_from_db()
    assert errand.outcome["rows"]
    with pytest.raises(Denied):
        errands.take(world.auditor, errand)


def test_a_file_is_asked_for_by_post_alone_and_rightly(world, auditor):
    assert auditor.get("/history/export/").status_code == 405
    response = auditor.post("/history/export/?kind=nothing", {"format": "csv"})
    assert response["Location"] == "/history/?kind=nothing"
    assert auditor.post("/history/export/", {"format": "exe"})["Location"].startswith("/history/")
    assert not LogEntry.objects.filter(event="history.export_begun").exists()


def test_a_sheet_is_asked_for_and_waits_on_its_own_page(world, auditor, emergency):
    response = auditor.post(f"/history/export/?emergency={emergency.pk}", {"format": "xlsx"})
    errand = Errand.objects.get()
    assert response["Location"] == reverse("portal:errand", args=[errand.pk])
    assert errand.wanted["filters"] == {"emergency": emergency.pk}
    page = auditor.get(response["Location"]).content.decode()
    assert "hx-get" in page
    assert "Waits for its turn" in page
    errands.do_what_waits()
    page = auditor.get(response["Location"], headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in page, "the asking stops at the end"
    assert "<html" not in page
    assert f"/errands/{errand.pk}/file/" in page
    assert f"/errands/{errand.pk}/" in auditor.get("/errands/").content.decode()


def test_marks_and_filters_come_back_from_their_text(world):
    entry = recording.decision("demo.loaded", detail={"customers": 1})
    entry.refresh_from_db()
    assert filters.mark_of_text(filters.mark_as_text(entry.mark)) == entry.mark
    kept = {"person": "x", "emergency": 3, "since": entry.timestamp, "order": "oldest"}
    assert filters.of_json(json.loads(json.dumps(filters.as_json(kept)))) == kept
    assert reading.PAGE
