"""A roster from a CSV file: in either encoding, each bad row with its number and why, nothing by halves."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
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


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
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
