"""Who has seen a customer's data: the page, the file and the letter that answer the customer who asks."""

import csv
import io

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Emergency
from audit.models import LogEntry
from customers.cells import cell as harmless
from tests.audit import past
from tests.world import HANAKO, JIRO, TARO

pytestmark = pytest.mark.django_db

READ, FILE, LETTER = "/history/customer/", "/history/customer/file/", "/history/customer/letter/"


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


@pytest.fixture
def seen(world) -> LogEntry:
    world.declare()
    past.disclosure(world.grant(), timezone.now(), number=JIRO)
    return past.disclosure(world.grant(), timezone.now())


def answer(client, path: str, **data):
    return client.post(path, {"number": HANAKO, "language": "en"} | data)


def rows_of(response) -> list[list[str]]:
    assert response.content.startswith(b"\xef\xbb\xbf"), "spreadsheets need the mark"
    return list(csv.reader(io.StringIO(response.content.decode("utf-8-sig"))))


@pytest.mark.parametrize(
    "typed",
    [HANAKO, f" {HANAKO} ", "-".join((HANAKO[:2], HANAKO[2:6], HANAKO[6:10], HANAKO[10:])),
     "".join(chr(ord(digit) + 0xFEE0) for digit in HANAKO), f"{HANAKO[:11]}　{HANAKO[11:]}"],
)  # fmt: skip
def test_a_number_is_found_as_people_write_it(world, auditor, seen, typed):
    found = auditor.post(READ, {"number": typed}).context["found"]
    assert [line.entry.pk for line in found.lines] == [seen.pk]
    assert found.lines[0].emergency == Emergency.objects.get().name
    assert found.number == HANAKO


@pytest.mark.parametrize("typed", ["", "123", HANAKO + "0", "香川 花子", "0" * 70, "\0"])
def test_what_is_no_number_is_said_beside_the_field_and_reads_nothing(world, auditor, typed):
    for path in (READ, FILE, LETTER):
        response = answer(auditor, path, number=typed)
        assert response.status_code == 200
        assert response.context["form"].errors["number"]
    assert not LogEntry.objects.filter(event__startswith="history.customer").exists()


def test_the_number_is_in_no_address(world, auditor, seen):
    page = auditor.post(READ, {"number": HANAKO})
    assert HANAKO not in page.request["PATH_INFO"] + page.request["QUERY_STRING"]
    assert f"/{HANAKO}" not in page.content.decode()
    assert f"={HANAKO}" not in page.content.decode()
    assert HANAKO not in answer(auditor, FILE)["Content-Disposition"]


def test_the_customers_own_table_is_never_asked(world, auditor, seen):
    """Nor is it said whether there is such a customer: TARO was shown to nobody, 9s do not exist."""
    pages = []
    for number in (TARO, "9" * 22):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            page = auditor.post(READ, {"number": number}).content.decode()
        assert not [one for one in queries if "customers_customer" in one["sql"].lower()]
        assert "The history holds no disclosure of this number." in page
        pages.append(page.replace(number, "").split("<h2>")[1].split("<form")[0])
    assert pages[0] == pages[1]


def test_reading_and_taking_are_in_the_history_before_anything_leaves(world, auditor, seen):
    for path in (READ, FILE, LETTER):
        answer(auditor, path, with_names="on")
    written = LogEntry.objects.filter(event__startswith="history.customer").order_by("pk")
    assert list(written.values_list("event", "actor", "supply_point_number", "additional_data")) == [
        ("history.customer_read", world.auditor.pk, HANAKO, None),
        ("history.customer_taken", world.auditor.pk, HANAKO, {"with_names": True}),
        ("history.customer_answered", world.auditor.pk, HANAKO, {"with_names": True}),
    ]


@pytest.mark.parametrize("path", [READ, FILE, LETTER])
def test_what_cannot_be_written_is_not_read(world, auditor, seen, path, monkeypatch):
    def refuses(*args, **kwargs):
        raise IntegrityError("the history is full")

    monkeypatch.setattr("audit.recording.decision", refuses)
    auditor.raise_request_exception = False
    response = answer(auditor, path)
    assert response.status_code == 500
    assert world.contractor.organization.name not in response.content.decode()


def test_a_file_names_nobody_unless_it_is_asked_to(world, auditor, seen):
    (columns, row) = rows_of(answer(auditor, FILE))
    assert world.contractor.name not in ",".join(row)
    assert dict(zip(columns, row, strict=True)) == {
        "Supply point number": HANAKO,
        "Time": f"{timezone.localtime(seen.timestamp):%Y-%m-%d %H:%M:%S}",
        "Organisation": world.contractor.organization.name,
        "Role": "Contractor",
        "What": "on the page about you",
        "Items": "Supply point number, Name on the contract",
        "By what right": "Answering calls for the network operator in an emergency, under a delegation contract",
        "Emergency": "台風第14号",
    }
    (columns, row) = rows_of(answer(auditor, FILE, with_names="on"))
    assert dict(zip(columns, row, strict=True))["Person"] == world.contractor.name


def test_a_letter_names_nobody_unless_it_is_asked_to(world, auditor, seen):
    page = answer(auditor, LETTER).content.decode()
    for words in ("Who has seen your data", HANAKO, "Contractor", "台風第14号"):
        assert words in page
    assert world.contractor.name not in page
    assert world.contractor.name in answer(auditor, LETTER, with_names="on").content.decode()


def test_the_answer_is_in_the_customers_language(world, auditor, seen):
    page = answer(auditor, LETTER, language="ja").content.decode()
    assert '<html lang="ja">' in page
    assert '<html lang="en">' in answer(auditor, LETTER).content.decode()
    assert answer(auditor, LETTER, language="fr").context["form"] is not None


def test_all_of_it_is_answered_and_the_page_lists_the_latest(world, auditor, seen, monkeypatch):
    monkeypatch.setattr("audit.data_subjects.LISTED", 2)
    entries = [past.disclosure(world.grant(), timezone.now()) for _n in range(3)]
    found = auditor.post(READ, {"number": HANAKO}).context["found"]
    assert [line.entry.pk for line in found.lines] == [one.pk for one in entries[:0:-1]]
    assert len(rows_of(answer(auditor, FILE))) == 1 + 4


def test_what_another_auditor_reviews_is_left_out_and_that_is_said(world, auditor):
    other = past.second_contract(world, reviewed=False)
    world.declare(contracts=[world.contract, other])
    past.disclosure(world.grant("contractor03"), timezone.now())
    page = auditor.post(READ, {"number": HANAKO})
    assert page.context["found"].lines == []
    assert "There are contracts that another auditor reviews." in page.content.decode()
    assert "This is a part of our records" in answer(auditor, LETTER).content.decode()
    assert len(rows_of(answer(auditor, FILE))) == 1


def test_where_all_is_ones_own_nothing_is_said_of_others(world, auditor, seen):
    assert "another auditor" not in auditor.post(READ, {"number": HANAKO}).content.decode()


@pytest.mark.parametrize("role", ["operator", "contractor", "supervisor", "retailer", "administrator"])
def test_it_is_nobody_elses_to_read(world, client_of, seen, role):
    client = client_of(world.people[role])
    for path in (READ, FILE, LETTER):
        assert answer(client, path).status_code == 403


def test_no_cell_runs_as_a_formula(world, auditor):
    world.declare(name="=HYPERLINK(1)")
    past.disclosure(world.grant(), timezone.now())
    (columns, row) = rows_of(answer(auditor, FILE))
    assert row[-1] == "'=HYPERLINK(1)"


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])
def test_what_begins_like_a_formula_is_made_harmless(begins):
    assert harmless(f"{begins}1+1") == f"'{begins}1+1"


@pytest.mark.parametrize(("cell", "text"), [(None, ""), (7, "7"), ("1-1", "1-1"), ("香川 花子", "香川 花子")])
def test_any_other_cell_stays(cell, text):
    assert harmless(cell) == text
