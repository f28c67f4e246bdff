"""Customers from the billing side: every column in both languages, every bad row named, all or nothing."""

import csv
import hashlib
import io
import re
from datetime import date
from decimal import Decimal

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.urls import reverse
from django.utils import translation

from access.errors import Denied, Unfit
from audit.models import LogEntry
from customers import billing_file as files
from customers import importing, reading, views
from customers.billing_rows import MENU_CATEGORIES, VOLTAGES
from customers.models import Customer, MonthlyUsage, Organization
from tests.config.test_translations import of_the_other_language
from tests.world import AFFILIATE_CODE, HANAKO, HANAKO_VALUES, KUNREN, OTHER_CODE, OTHER_RETAILER, TRAINING

pytestmark = pytest.mark.django_db

NEW = f"08{'1' * 20}"
JAPANESE = [names[0] for names in files.COLUMNS.values()]
ENGLISH = [names[1] for names in files.COLUMNS.values()]
#: A customer as the billing side writes it: by field, in the columns' order.
GOOD = {
    "supply_point_number": NEW,
    "area_code": "37201",
    "name": "坂出 髙子",
    "name_kana": "サカイデ タカコ",
    "address": "香川県高松市番町２丁目３番地の４",
    "phone": "087-821-5555",
    "voltage": "低圧",
    "retailer_code": OTHER_CODE,
    "menu_category": "自由",
    "service_menu": "電灯標準接続送電サービス",
    "contracted_capacity_kva": "6.5",
    "contracted_power_kw": "",
    "power_factor_percent": "90",
    "fit_started_on": "2013/8/1",
    "generator_output_kw": "4",
}


def billing_file(
    *rows: dict | list, header: list[str] | None = None, months: tuple[str, ...] = (), encoding: str = "utf-8"
) -> io.BytesIO:
    """A file with the rows: dicts of what differs from GOOD (a month by its column), lists as they stand."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow([*(header or JAPANESE), *months])
    for row in rows or ({},):
        if isinstance(row, dict):
            row = [*(GOOD | row).values()][: len(GOOD)] + [row.get(month, "") for month in months]
        writer.writerow(row)
    return io.BytesIO(text.getvalue().encode(encoding))


def load(world, file: io.BytesIO, **options):
    """Imports as the administrator; gives what came of it, and what is wrong as (row, column, why)."""
    bad = []
    with translation.override("en"):
        done = importing.load(world.administrator, file, "customers.csv", report=bad.append, **options)
    return done, [(row.number, row.column, row.why) for row in bad]


def counts(done) -> tuple[int, ...]:
    return done.rows, done.stored, done.skipped


def everything() -> tuple[list, list]:
    """All that is stored of customers."""
    return (
        list(Customer.objects.order_by("pk").values()),
        list(MonthlyUsage.objects.order_by("pk").values()),
    )


# What is read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932"])
@pytest.mark.parametrize("header", [JAPANESE, ENGLISH])
def test_every_column_arrives_in_both_languages_and_encodings(world, header, encoding):
    done, bad = load(world, billing_file(header=header, encoding=encoding))
    assert (counts(done), bad, done.is_done) == ((1, 1, 0), [], True)
    stored = Customer.objects.values().get(supply_point_number=NEW)
    del stored["id"]
    assert stored == {
        "supply_point_number": NEW,
        "area_id": world.areas["37201"].pk,
        "name": "坂出 髙子",
        "name_kana": "サカイデ タカコ",
        "address": "香川県高松市番町２丁目３番地の４",
        "phone": "087-821-5555",
        "voltage": "low",
        "retailer_id": world.organizations["other"].pk,
        "menu_category": "free",
        "service_menu": "電灯標準接続送電サービス",
        "contracted_capacity_kva": Decimal("6.5"),
        "contracted_power_kw": None,
        "power_factor_percent": 90,
        "fit_started_on": date(2013, 8, 1),
        "generator_output_kw": Decimal("4.0"),
        "phone_key": "0878215555",
        "kana_key": "サカイデタカコ",
        "kana_tail": "タカコ",
        "name_key": "坂出高子",
        "name_tail": "高子",
        "town_key": "番町|2-3-4-|",
    }


def test_columns_stand_in_any_order_among_others_and_blank_rows_are_none(world):
    header = ["備考", *reversed(ENGLISH)]
    row = ["メモ", *reversed(GOOD.values())]
    done, bad = load(world, billing_file(row, [], [""] * 16, header=header))
    assert (counts(done), bad) == ((1, 1, 0), [])
    assert Customer.objects.get(supply_point_number=NEW).name == GOOD["name"]


@pytest.mark.parametrize(
    ("field", "words"), [("voltage", VOLTAGES), ("menu_category", MENU_CATEGORIES)], ids=["voltage", "menu"]
)
def test_codes_and_japanese_words_are_taken(world, field, words):
    assert set(words.values()) == set(dict(Customer._meta.get_field(field).choices))
    with translation.override("ja"):
        assert {str(label) for _code, label in Customer._meta.get_field(field).flatchoices} <= set(words)
    for number, (word, code) in enumerate(words.items()):
        point = f"{number:022}"
        load(world, billing_file({field: word, "supply_point_number": point}))
        assert Customer.objects.values_list(field, flat=True).get(supply_point_number=point) == code


def test_hyphens_in_a_supply_point_number_are_dropped(world):
    load(world, billing_file({"supply_point_number": "-".join(NEW[at : at + 4] for at in range(0, 22, 4))}))
    assert Customer.objects.filter(supply_point_number=NEW).exists()


# What is wrong

LONG = "長" * 201


@pytest.mark.parametrize(
    ("field", "cell", "column", "why"),
    [
        ("supply_point_number", "080000000000000000009", "Supply point number", "has 22 digits"),
        ("supply_point_number", "8.0E+20", "Supply point number", "has 22 digits"),
        ("supply_point_number", "０８１１１１１１１１１１１１１１１１１１１１", "Supply point number", "22"),
        ("area_code", "13101", "Area code", "No service area"),
        ("area_code", "", "Area code", "missing"),
        ("area_code", TRAINING, "Area code", "training area"),
        ("name", "", "Name on the contract", "missing"),
        ("name", "長" * 101, "Name on the contract", "too long"),
        ("name", "花\0子", "Name on the contract", "NUL"),
        ("name", "花\n子", "Name on the contract", "one line"),
        ("address", "香川県高松市番町\u202e1", "Address of the supply point", "one line"),
        ("name", "㌖" * 30, "Name on the contract", "too long"),
        ("name_kana", LONG, "Name in kana", "too long"),
        ("address", LONG, "Address of the supply point", "too long"),
        ("address", "香川県高松市番町\0", "Address of the supply point", "NUL"),
        ("phone", "12345678", "Contact phone number", "9 to 11 digits"),
        ("phone", "0901-2345-67890", "Contact phone number", "9 to 11 digits"),
        ("phone", "087-821-5555/6", "Contact phone number", "no second one"),
        ("phone", "87821555509012345678", "Contact phone number", "9 to 11 digits"),
        ("phone", "87-899-0110 内線5", "Contact phone number", "begins with 0"),
        ("phone", "878990110", "Contact phone number", "begins with 0"),
        ("phone", "9089900111", "Contact phone number", "begins with 0"),
        ("phone", "087-821-5555 (自宅のほう、夜だけ)", "Contact phone number", "too long"),
        ("voltage", "中圧", "Supply voltage", "no supply voltage"),
        ("retailer_code", "Z9999", "Retailer code", "No retailer has this code"),
        ("retailer_code", "瀬戸内みらい電力株式会社", "Retailer code", "No retailer has this code"),
        ("retailer_code", "", "Retailer code", "missing"),
        ("menu_category", "両方", "Menu category", "neither"),
        ("menu_category", "", "Menu category", "missing"),
        ("service_menu", "長" * 51, "Connection and transmission service menu", "too long"),
        ("contracted_capacity_kva", "多い", "Contracted capacity (kVA)", "no number"),
        ("contracted_capacity_kva", "6.55", "Contracted capacity (kVA)", "one decimal place"),
        ("contracted_power_kw", "100000000", "Contracted power (kW)", "no number"),
        ("generator_output_kw", "-1", "Generator output (kW)", "no number"),
        ("power_factor_percent", "101", "Power factor (%)", "0 to 100"),
        ("power_factor_percent", "9.5", "Power factor (%)", "0 to 100"),
        ("fit_started_on", "2013-02-30", "Start of the feed-in tariff", "no date"),
        ("fit_started_on", "平成25年", "Start of the feed-in tariff", "no date"),
        ("使用電力量 2025-01", "-5", "Electricity used 2025-01", "no whole number"),
        ("使用電力量 2025-01", "2147483648", "Electricity used 2025-01", "no whole number"),
    ],
)
def test_a_bad_row_is_named_with_its_column_and_keeps_everything_out(world, field, cell, column, why):
    before = everything()
    months = ("使用電力量 2025-01",)
    done, bad = load(world, billing_file({}, {"supply_point_number": "1" * 22, field: cell}, months=months))
    ((number, named, said),) = bad
    assert (number, named) == (3, column)
    assert why in said
    assert cell == "" or cell not in said
    assert (done.is_done, done.skipped) == (False, 1)
    assert everything() == before
    assert not LogEntry.objects.filter(event="customers.imported").exists()


def test_all_that_is_wrong_with_a_row_is_said(world):
    _done, bad = load(world, billing_file({"phone": "1", "voltage": "?", "fit_started_on": "?"}))
    assert [(number, column) for number, column, _why in bad] == [
        (2, "Contact phone number"),
        (2, "Supply voltage"),
        (2, "Start of the feed-in tariff"),
    ]


def test_a_row_of_another_length_is_bad(world):
    done, bad = load(world, billing_file({}, [NEW[:-1] + "2", "37201"]))
    assert bad == [(3, "", "The row has 2 cells, and the first row 15.")]
    assert not done.is_done


@pytest.mark.parametrize("also_bad", [{}, {"phone": "1"}])
def test_of_rows_with_one_number_none_is_imported_for_nobody_knows_which_is_right(world, also_bad):
    other = {"supply_point_number": "2" * 22}
    done, bad = load(world, billing_file(other, {}, {"name": "別人", **also_bad}), skip_bad=True)
    number = "Supply point number"
    assert {one for one in bad if one[1] == number} == {
        (3, number, "The same number as in row 4."),
        (4, number, "The same number as in row 3."),
    }
    assert counts(done) == (3, 1, 2)
    assert not Customer.objects.filter(supply_point_number=NEW).exists()


def test_a_made_up_customer_of_a_drill_never_becomes_a_real_one(world):
    done, bad = load(world, billing_file({"supply_point_number": KUNREN}))
    assert bad == [(2, "Supply point number", "This number is a training area's made-up customer's.")]
    assert not done.is_done
    assert Customer.objects.get(supply_point_number=KUNREN).area.is_training


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8", "cp932"])
def test_spreadsheets_write_utf_16_with_tabs(world, encoding):
    text = billing_file().getvalue().decode("utf-8-sig")
    if encoding.startswith("utf-16"):
        text = ("" if encoding == "utf-16" else "\ufeff") + text.replace(",", "\t")
    done, bad = load(world, io.BytesIO(text.encode(encoding)))
    assert (bad, done.is_done) == ([], True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (billing_file().getvalue().decode("utf-8-sig").encode("utf-16-le"), "without its mark"),
        (b"", "does not name these columns"),
        (billing_file(header=JAPANESE[:-1]).getvalue(), "these columns: generator_output_kw."),
        (billing_file([*GOOD.values(), "x"], header=[*JAPANESE, "name"]).getvalue(), "twice"),
        (billing_file(months=("usage 2025-13",)).getvalue(), "names its month"),
        (billing_file(months=("使用電力量合計",)).getvalue(), "names its month"),
        (billing_file(months=("使用電力量 2025-01", "usage 2025-01")).getvalue(), "twice"),
        ((",".join(ENGLISH) + "\n").encode(), "no rows"),
        ((",".join(ENGLISH) + '\n"08').encode(), "no CSV file"),
        ("契約名義\n".encode("euc-jp") + b"\xff\xff\x81", "neither UTF-8, UTF-16 nor CP932"),
    ],
)
def test_what_is_no_such_file_is_unfit(world, data, why):
    with pytest.raises(Unfit, match=why):
        load(world, io.BytesIO(data))


def test_a_file_whose_first_row_is_a_customer_is_refused_without_a_word_of_it(world):
    with pytest.raises(Unfit) as refused:
        load(world, billing_file({}, header=[*GOOD.values()]))
    assert not any(word and word in str(refused.value) for word in GOOD.values())


# What comes of it


def test_good_rows_are_imported_where_bad_ones_are_skipped(world):
    no_number = {"supply_point_number": "12"}
    done, bad = load(world, billing_file(no_number, {}, no_number), skip_bad=True)
    assert [number for number, _column, _why in bad] == [2, 4]
    assert (counts(done), done.is_done) == ((3, 1, 2), True)
    assert Customer.objects.filter(supply_point_number=NEW).exists()


def test_the_same_file_a_second_time_changes_nothing(world):
    file = billing_file(
        {}, {"supply_point_number": "2" * 22, "usage 2025-01": "0"}, months=("usage 2025-01",)
    )
    first, _bad = load(world, file)
    assert counts(first) == (2, 2, 0)
    before = everything()
    with connection.cursor() as cursor:
        cursor.execute("SELECT ctid, xmin FROM customers_customer ORDER BY id")
        versions = cursor.fetchall()
        again, _bad = load(world, file)
        cursor.execute("SELECT ctid, xmin FROM customers_customer ORDER BY id")
        assert cursor.fetchall() == versions
    assert again == first, "what is said of it is the same, too"
    assert everything() == before


def test_what_is_said_of_a_guess_is_the_same_whether_it_is_right(page):
    """An administrator who sees no customer would learn of one by counts of what was there before."""
    page(billing_file())
    guesses = [page(billing_file({"phone": number})) for number in ("087-821-5555", "087-821-5556")]
    first, second = (re.sub(r'value="[^"]*"', "", shown.content.decode()) for shown in guesses)
    assert first == second
    entries = LogEntry.objects.filter(event="customers.imported").order_by("pk")
    said = [{**entry.additional_data, "sha256": ""} for entry in entries]
    assert said[0] == said[1] == said[2]


def test_a_retailer_is_known_by_its_code_and_never_by_its_name(world):
    """A name that another retailer was given meanwhile moves nobody."""
    header = [*JAPANESE, "契約先小売電気事業者名"]
    other, affiliate = world.organizations["other"], world.organizations["affiliate"]
    Organization.objects.filter(pk=other.pk).update(name="仮の名")
    Organization.objects.filter(pk=affiliate.pk).update(name=OTHER_RETAILER)
    _done, bad = load(world, billing_file([*GOOD.values(), OTHER_RETAILER], header=header))
    assert (bad, Customer.objects.get(supply_point_number=NEW).retailer) == ([], other)


@pytest.mark.parametrize(
    "change",
    [
        "organization SET code = 'X'",
        "servicearea SET code = '37999'",
        "servicearea SET prefecture = '愛媛県'",
    ],
)
def test_a_code_stays_as_it_was_given(world, change):
    with pytest.raises(IntegrityError, match="a code stays"), connection.cursor() as cursor:
        cursor.execute(f"UPDATE customers_{change} WHERE code IN ('{OTHER_CODE}', '37201')")


def test_nobody_disappears_by_an_import(world):
    before = set(Customer.objects.values_list("supply_point_number", flat=True))
    load(world, billing_file())
    after = set(Customer.objects.values_list("supply_point_number", flat=True))
    assert after == before | {NEW}


@pytest.mark.parametrize("field", list(GOOD)[1:])
def test_a_change_of_any_column_is_a_change(world, field):
    load(world, billing_file())
    other = {
        "area_code": "37202",
        "voltage": "高圧",
        "retailer_code": AFFILIATE_CODE,
        "menu_category": "規制",
        "phone": "087-821-5556",
        "power_factor_percent": "",
        "fit_started_on": "2014-08-01",
    }.get(field, "7" if GOOD[field][:1].isdigit() or not GOOD[field] else GOOD[field] + "乙")
    before = Customer.objects.values().get(supply_point_number=NEW)
    done, bad = load(world, billing_file({field: other}))
    assert (counts(done), bad) == ((1, 1, 0), [])
    assert Customer.objects.values().get(supply_point_number=NEW) != before


def test_a_changed_customer_is_found_by_the_new_name_and_no_longer_by_the_old(world):
    hanako = {"supply_point_number": HANAKO, "phone": HANAKO_VALUES["phone"]}
    done, _bad = load(world, billing_file(hanako | {"name": "引田 桃子", "name_kana": "ヒケタ モモコ"}))
    assert counts(done) == (1, 1, 0)
    for name in ("ヒケタ", "引田 桃子", "モモコ"):
        (found,) = reading.look_up(world.operator, reading.Terms(name=name)).customers
        assert found.values["name"] == "引田 桃子"
    assert not reading.look_up(world.operator, reading.Terms(name="カガワ ハナコ")).customers


def test_usage_is_put_in_by_month_and_what_the_file_does_not_say_stays(world):
    before = dict(
        MonthlyUsage.objects.filter(customer__supply_point_number=HANAKO).values_list("month", "kwh")
    )
    months = ("使用電力量 2025-12", "usage　2026-01", "使用電力量2026-02")
    row = {"supply_point_number": HANAKO, months[0]: "512", months[1]: "0"}
    done, bad = load(world, billing_file(row, months=months))
    after = dict(
        MonthlyUsage.objects.filter(customer__supply_point_number=HANAKO).values_list("month", "kwh")
    )
    assert (bad, counts(done)) == ([], (1, 1, 0))
    assert after == before | {date(2025, 12, 1): 512, date(2026, 1, 1): 0}


def test_the_first_import_leaves_every_index_as_it_was(world):
    def indexes() -> list:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT indexname, indexdef FROM pg_indexes "
                "WHERE tablename IN ('customers_customer', 'customers_monthlyusage') ORDER BY 1"
            )
            return cursor.fetchall()

    before = indexes()
    MonthlyUsage.objects.all().delete()
    Customer.objects.all().delete()
    load(world, billing_file({"usage 2025-01": "7"}, months=("usage 2025-01",)))
    assert (Customer.objects.count(), MonthlyUsage.objects.get().kwh) == (1, 7)
    assert indexes() == before
    (found,) = reading.look_up(world.operator, reading.Terms(name="サカイデ")).customers
    assert found.values["supply_point_number"] == NEW


def test_more_rows_than_are_taken_import_nothing(world):
    with pytest.raises(Unfit, match="more than 1 row"):
        load(world, billing_file({}, {"supply_point_number": "2" * 22}), most=1)
    assert not Customer.objects.filter(supply_point_number=NEW).exists()


# One transaction, and the history


def test_one_entry_says_which_file_and_how_many_and_nothing_of_a_customer(world):
    file = billing_file({}, {"supply_point_number": "12"}, {"supply_point_number": HANAKO})
    load(world, file, skip_bad=True)
    entry = LogEntry.objects.get(event="customers.imported")
    assert entry.actor == world.administrator
    assert entry.additional_data == {
        "file": "customers.csv",
        "sha256": hashlib.sha256(file.getvalue()).hexdigest(),
        "rows": 3,
        "skipped": 1,
    }
    kept = " ".join(str(value) for value in entry.__dict__.values())
    assert not any(len(word) > 4 and word in kept for word in [*GOOD.values(), HANAKO])


def test_an_import_that_cannot_be_written_down_does_not_happen(world):
    before = everything()
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RAISE EXCEPTION 'full'; END $$; "
            "CREATE TRIGGER refuse BEFORE INSERT ON audit_logentry EXECUTE FUNCTION refuse()"
        )
    with pytest.raises(DatabaseError, match="full"), transaction.atomic():
        load(world, billing_file({}, {"supply_point_number": HANAKO}))
    assert everything() == before


def test_a_crash_in_the_middle_leaves_the_old_state_and_the_next_import_works(world):
    class Crash(Exception):
        pass

    def crash(done: int) -> None:
        raise Crash

    before = everything()
    with pytest.raises(Crash):
        load(world, billing_file(), progress=crash)
    assert everything() == before
    assert counts(load(world, billing_file())[0]) == (1, 1, 0)


# The page


@pytest.fixture
def page(world, client_of):
    """Sends a file to the page, as the administrator; gives the response."""
    client = client_of(world.administrator)

    def send(file: io.BytesIO, language: str = "en", **data):
        client.cookies["portal_language"] = language
        upload = SimpleUploadedFile("customers.csv", file.getvalue())
        return client.post(reverse("portal:import_customers"), {"file": upload, **data})

    return send


def test_the_page_imports_and_shows_counts_alone(page):
    shown = page(billing_file({}, {"supply_point_number": HANAKO})).content.decode()
    assert "<dt>Rows</dt><dd>2</dd>" in shown
    assert "<dt>Rows put in</dt><dd>2</dd>" in shown
    assert not any(len(word) > 4 and word in shown for word in [*GOOD.values(), HANAKO])
    assert Customer.objects.filter(supply_point_number=NEW).exists()


def test_the_page_lists_bad_rows_without_what_they_say_and_imports_the_others_only_when_told(page):
    file = billing_file({}, {"supply_point_number": "1" * 22, "phone": "12345", "retailer_code": "秘密電力"})
    shown = page(file).content.decode()
    assert "1 row cannot be imported, so nothing was" in shown
    assert "<td>3</td><td>Contact phone number</td><td>A phone number has 9 to 11 digits.</td>" in shown
    assert "12345" not in shown
    assert "秘密電力" not in shown
    assert not Customer.objects.filter(supply_point_number=NEW).exists()
    shown = page(file, skip_bad="on").content.decode()
    assert "<dt>Bad rows left out</dt><dd>1</dd>" in shown
    assert Customer.objects.filter(supply_point_number=NEW).exists()


def test_the_page_says_why_a_file_is_none_and_lists_twenty_rows_at_most(page, monkeypatch):
    assert "these columns" in page(io.BytesIO(b"x\ny\n")).content.decode()
    many = billing_file(*({"supply_point_number": str(number)} for number in range(views.MOST_NOTED + 5)))
    shown = page(many)
    assert [row.number for row in shown.context["bad"]] == list(range(2, 22))
    assert "1005 rows cannot be imported" in shown.content.decode()
    assert "And 985 more rows" in shown.content.decode()
    monkeypatch.setattr(views, "MOST_ROWS", 3)
    assert "more than 3 rows" in page(many).content.decode()


def test_a_file_too_large_for_memory_is_not_taken_for_it_would_lie_on_a_disk(page, settings):
    settings.FILE_UPLOAD_MAX_MEMORY_SIZE = 500
    shown = page(billing_file()).content.decode()
    assert "The file is too large: at most 25 MB." in shown
    assert "This field is required" not in shown
    assert not Customer.objects.filter(supply_point_number=NEW).exists()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_the_page_speaks_one_language_whatever_is_wrong(page, language):
    wrong = [
        {"supply_point_number": f"{n:022}", field: "?\0" * 120} for n, field in enumerate(list(GOOD)[1:])
    ]
    months = ("使用電力量 2025-01",)
    bad = billing_file({}, {}, {"area_code": TRAINING}, {"supply_point_number": KUNREN}, ["?"], *wrong,
                       {months[0]: "?"}, months=months)  # fmt: skip
    responses = [page(bad, language), page(bad, language, skip_bad="on"), page(billing_file(), language)]
    responses += [page(io.BytesIO(data), language) for data in (b"", b"?\n?\n", ",".join(ENGLISH).encode())]
    assert len(responses[0].context["bad"]) > len(GOOD)
    assert not of_the_other_language(responses, language)


@pytest.mark.parametrize("username", ["operator", "contractor", "supervisor", "auditor", "retailer"])
def test_only_administrators_import(world, client_of, username):
    client = client_of(world.people[username])
    upload = SimpleUploadedFile("customers.csv", billing_file().getvalue())
    assert client.post(reverse("portal:import_customers"), {"file": upload}).status_code == 403
    assert client.get("/customers/import/").status_code == 403
    with pytest.raises(Denied, match="role"):
        importing.load(world.people[username], billing_file(), "customers.csv")
    assert not Customer.objects.filter(supply_point_number=NEW).exists()


def test_an_administrator_finds_the_page_and_still_no_customer(world, client_of):
    client = client_of(world.administrator)
    assert 'href="/customers/import/"' in client.get("/").content.decode()
    assert client.get("/customers/import/").status_code == 200
    assert client.get("/lookup/").status_code == 403


# The command


def test_the_command_says_what_it_did_and_lists_bad_rows_beside_the_file(world, tmp_path, capsys):
    path, listed = tmp_path / "customers.csv", tmp_path / "customers.csv.bad.csv"
    path.write_bytes(billing_file({}, {"supply_point_number": "1" * 22, "phone": "12345"}).getvalue())
    with pytest.raises(CommandError, match="1 of 2 rows are bad, so nothing was imported"):
        call_command("import_customers", path, verbosity=0)
    assert not Customer.objects.filter(supply_point_number=NEW).exists()
    rows = list(csv.reader(listed.read_text("utf-8-sig").splitlines()))
    assert rows[0] == ["row", "column", "why"]
    assert [row[0] for row in rows[1:]] == ["3"]
    assert "12345" not in listed.read_text("utf-8")

    elsewhere = tmp_path / "elsewhere.csv"
    call_command("import_customers", path, skip_bad=True, bad=elsewhere, verbosity=0)
    assert "2 rows read, 1 put in, 1 bad rows left out" in capsys.readouterr().out
    assert elsewhere.exists()
    assert LogEntry.objects.get(event="customers.imported").additional_data["file"] == "customers.csv"

    path.write_bytes(billing_file().getvalue())
    call_command("import_customers", path)
    assert "1 rows read, 1 put in, 0 bad rows left out" in capsys.readouterr().out
    assert not listed.exists()


def test_the_command_explains_what_it_cannot_read(world, tmp_path):
    path = tmp_path / "customers.csv"
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_customers", path, verbosity=0)
    path.write_bytes(b"x\ny\n")
    with pytest.raises(CommandError):
        call_command("import_customers", path, verbosity=0)
    with pytest.raises(CommandError, match="in the file itself"):
        call_command("import_customers", path, bad=path, verbosity=0)
    assert path.read_bytes() == b"x\ny\n"
