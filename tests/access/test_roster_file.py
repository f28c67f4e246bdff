"""A roster from a CSV file: in either encoding, each bad row with its number and why, nothing by halves."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from access import roster_file
from access.errors import Denied, Unfit
from access.models import Grant, Person, RosterEntry
from audit.models import LogEntry
from tests.world import hashed_password

pytestmark = pytest.mark.django_db


@pytest.fixture
def newcomers(world) -> list[str]:
    """Three contractors of the delegate who are on no roster."""
    names = ["new01", "new02", "new03"]
    for name in names:
        Person.objects.create(
            username=name, name=f"新人 {name[-1]}", role="contractor", password=hashed_password(),
            organization=world.organizations["affiliate"],
        )  # fmt: skip
    return names


def load(world, text: str, encoding: str = "utf-8"):
    with translation.override("en"):
        return roster_file.load(world.supervisor, world.contract, text.encode(encoding))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp932"])
def test_people_are_added_and_trainings_noted(world, newcomers, encoding):
    text = "氏名,研修日,利用者ID\n新人,2026/6/1,new01\n新人,,new02\n,2026-06-02,contractor\n"
    done = load(world, text, encoding)
    assert (done.added, done.trained, done.bad) == (2, 1, [])
    entry = RosterEntry.objects.get(person__username="new01")
    assert (entry.trained_on.isoformat(), entry.added_by) == ("2026-06-01", world.supervisor)
    assert world.entry().trained_on.isoformat() == "2026-06-02"
    assert LogEntry.objects.filter(event="roster.added", subject_id=entry.person_id).count() == 1


def test_importing_again_changes_nothing(world, newcomers):
    text = "username,trained_on\nnew01,2026-06-01\n"
    load(world, text)
    done = load(world, text)
    assert (done.added, done.trained, done.unchanged) == (0, 0, 1)


def test_whoever_declares_at_once_finds_the_roster_in_the_statistics(world, newcomers):
    load(world, "username,trained_on\n" + "".join(f"{name},2026-06-01\n" for name in newcomers))
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples FROM pg_class WHERE relname = 'access_rosterentry'")
        assert cursor.fetchone() == (RosterEntry.objects.count(),)


def test_one_bad_row_keeps_all_out_and_every_bad_row_is_named(world, newcomers):
    Person.objects.filter(username="new03").update(is_active=False)
    tomorrow = (timezone.localdate() + timedelta(days=1)).isoformat()
    text = "username,trained_on\n" + "\n".join(
        ["new01,2026-06-01", "nobody,", "operator,", "new02,soon", "new03,", "", f"new02,{tomorrow}",
         "new01,", ",2026-06-01"]
    )  # fmt: skip
    done = load(world, text)
    assert {row.number: row.why for row in done.bad} == {
        3: "There is no account “nobody”.",
        4: "“operator” is no contractor of the delegate.",
        5: "“soon” is no date: write it like 2026-06-01.",
        6: "The account “new03” is closed.",
        8: "The same person as in row 5.",
        9: "The same person as in row 2.",
        10: "The user's ID is missing.",
    }
    assert not RosterEntry.objects.filter(person__username__startswith="new").exists()


@pytest.mark.parametrize(
    "data", [b"", b"name\nx\n", b"\xff\xfe\x00\x81", b'username,trained_on\n"new01', b"x" * 5_000_001]
)
def test_what_is_no_such_file_is_unfit(world, data):
    with pytest.raises(Unfit):
        roster_file.load(world.supervisor, world.contract, data)


@pytest.mark.parametrize(
    "day", ["26/11/2", "0026-11-02", "1999-12-31", "8/11/2", "2026/13/1", "2026-06-01-1", "999999999999-1-1"]
)
def test_a_year_of_two_digits_is_no_training_in_the_year_26(world, newcomers, day):
    before = world.entry().trained_on
    done = load(world, f"username,trained_on\ncontractor,{day}\n")
    assert [row.number for row in done.bad] == [2]
    assert world.entry().trained_on == before
    if "0026" in day or "1999" in day:
        assert "four digits" in done.bad[0].why


@pytest.mark.parametrize("day", ["2026-06-01", "2026/6/1", "2026年6月1日", "２０２６／６／１"])
def test_a_day_is_read_as_spreadsheets_write_it(world, newcomers, day):
    load(world, f"username,trained_on\nnew01,{day}\n")
    assert RosterEntry.objects.get(person__username="new01").trained_on.isoformat() == "2026-06-01"


def test_by_hand_no_training_is_older_than_people_work(world, client_of):
    path = reverse("portal:train", args=[world.contract.pk, world.entry().pk])
    client = client_of(world.supervisor)
    before = world.entry().trained_on
    assert client.post(path, {"trained_on": "0026-11-02"}).context["form"].errors["trained_on"]
    assert world.entry().trained_on == before


def test_the_page_lists_twenty_bad_rows_and_says_how_many_more(world, client_of):
    client = client_of(world.supervisor)
    client.cookies["portal_language"] = "en"
    path = reverse("portal:import_roster", args=[world.contract.pk])
    rows = "".join(f"nobody{number},\n" for number in range(45))
    page = client.post(path, {"file": SimpleUploadedFile("r.csv", f"username,trained_on\n{rows}".encode())})
    page = page.content.decode()
    assert "45 rows cannot be imported" in page
    assert "And 25 more rows" in page
    assert "nobody19" in page
    assert "nobody20" not in page
    assert page.index("nobody19") < page.index('type="file"'), "above the form, where it is seen"


def test_a_file_over_the_limit_is_said_to_be_too_large(world, client_of, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 500
    client = client_of(world.supervisor)
    client.cookies["portal_language"] = "en"
    path = reverse("portal:import_roster", args=[world.contract.pk])
    page = client.post(path, {"file": SimpleUploadedFile("r.csv", b"x" * 600)}).content.decode()
    assert "The file is too large: at most 5 MB." in page
    assert "This field is required" not in page


def test_a_file_is_read_before_the_contract_is_locked_and_has_a_bound_of_rows(world, monkeypatch):
    monkeypatch.setattr(roster_file, "MOST_ROWS", 2)
    with CaptureQueriesContext(connection) as queries, pytest.raises(Unfit, match="more than 2 rows"):
        load(world, "username,trained_on\n" + "contractor,\n" * 3)
    assert not [one["sql"] for one in queries if "FOR UPDATE" in one["sql"]]
    assert len(load(world, "username,trained_on\n" + "contractor,\n" * 2).bad) == 1


def test_only_who_keeps_rosters_imports(world):
    with pytest.raises(Denied, match="role"):
        roster_file.load(world.operator, world.contract, b"username,trained_on\n")


def test_a_roster_gives_no_right(world, newcomers):
    load(world, "username,trained_on\nnew01,2026-06-01\n")
    assert not Grant.objects.exists()


def test_the_page_lists_bad_rows_and_takes_good_ones(world, newcomers, client_of):
    client = client_of(world.supervisor)
    client.cookies["portal_language"] = "en"
    path = reverse("portal:import_roster", args=[world.contract.pk])

    def send(text: str):
        return client.post(path, {"file": SimpleUploadedFile("roster.csv", text.encode())})

    page = send("username,trained_on\nnobody,\n").content.decode()
    assert "There is no account “nobody”." in page
    assert send("username,trained_on\nnew01,2026-06-01\n").status_code == 302
    assert RosterEntry.objects.filter(person__username="new01").exists()
    assert "This field is required" in client.post(path, {"csrf": "x"}).content.decode()


def test_the_command_says_what_it_did_and_fails_on_a_bad_row(world, newcomers, tmp_path, capsys):
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    good.write_text("username,trained_on\nnew01,2026-06-01\n")
    bad.write_text("username,trained_on\nnobody,\n")
    call_command("import_roster", world.contract.title, good, by="supervisor", verbosity=0)
    assert "1 added" in capsys.readouterr().out
    with pytest.raises(CommandError, match="nothing was"):
        call_command("import_roster", world.contract.title, bad, by="supervisor", verbosity=0)
    with pytest.raises(CommandError):
        call_command("import_roster", world.contract.title, good, by="operator", verbosity=0)
    refused = LogEntry.objects.get(kind="denial")
    assert refused.actor == world.operator
    assert refused.additional_data["path"] == f"manage.py import_roster {world.contract.title}"
