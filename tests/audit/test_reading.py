"""The history page: each filter finds its own, by an index, without gaps or doubles; and reading is written."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from access import answering, inquiries, policy
from access.errors import REASONS
from access.models import ContractGroupPermission, Inquiry, Request, RosterEntry
from audit import filters, months, reading, recording
from audit.filters import FILTERS
from audit.models import LogEntry
from audit.reading import LATEST, PAGE
from customers import reading as customers
from tests import world as worlds
from tests.audit.past import second_contract
from tests.world import HANAKO, JIRO, TAKAMATSU


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


@pytest.fixture
def night(world):
    """An emergency in which a contractor opened two customers; and one more, that is another's history."""
    emergency = world.declare()
    taken = inquiries.take(
        world.contractor, Inquiry(emergency=emergency, caller_name="通報者", kind="outage")
    )
    for number in (HANAKO, JIRO):
        customers.open_customer(world.contractor, world.customers[number].pk, taken)
    recording.denial(world.contractor02, "no_inquiry", path="/")
    recording.looked_up(
        "customer.nothing_found", ["phone"], customers.policy.basis_for_lookup(world.operator)
    )
    world.declare(name="地震")
    return {"emergency": emergency, "inquiry": taken, "grant": world.grant(), "contract": world.contract}


def last(**facts) -> LogEntry:
    return LogEntry.objects.filter(**facts).newest_first()[0]


def lines_of(client, **chosen) -> list[LogEntry]:
    """The entries that the page shows after its form was sent."""
    answer = client.post("/history/", chosen, follow=True)
    (((address, status),), page) = answer.redirect_chain, answer.context["page"]
    assert (status, HANAKO in address) == (302, False)
    return [line.entry for line in page.lines]


# What each filter finds


#: Filter to what it asks for (of the night) and the condition that its entries alone fulfil.
# fmt: off
FINDS = {
    "person":       (lambda world, night: "contractor", lambda e, w, n: w.contractor.pk in (e.actor_id, e.subject_id)),
    "organization": (lambda world, night: world.organizations["affiliate"].name, lambda e, w, n: e.actor_organization == w.organizations["affiliate"].name),
    "role":         (lambda world, night: "contractor", lambda e, w, n: e.actor_role == "contractor"),
    "customer":     (lambda world, night: HANAKO, lambda e, w, n: e.supply_point_number == HANAKO),
    "area":         (lambda world, night: TAKAMATSU, lambda e, w, n: e.area_code == TAKAMATSU),
    "emergency":    (lambda world, night: night["emergency"].pk, lambda e, w, n: e.emergency_id == n["emergency"].pk),
    "contract":     (lambda world, night: night["contract"].pk, lambda e, w, n: e.contract_id == n["contract"].pk),
    "grant":        (lambda world, night: last(event="customer.opened").grant_id, lambda e, w, n: e.grant_id == last(event="customer.opened").grant_id),
    "inquiry":      (lambda world, night: night["inquiry"].pk, lambda e, w, n: e.inquiry_id == n["inquiry"].pk),
    "kind":         (lambda world, night: "lookup", lambda e, w, n: e.kind == "lookup"),
    "reason":       (lambda world, night: "no_inquiry", lambda e, w, n: e.reason == "no_inquiry"),
    "since":        (lambda world, night: "2000-01-01T00:00", lambda e, w, n: True),
    "until":        (lambda world, night: "2099-01-01T00:00", lambda e, w, n: True),
    "story":        (lambda world, night: last(event="inquiry.taken").cid, lambda e, w, n: e.cid == last(event="inquiry.taken").cid),
}
# fmt: on


def test_every_filter_is_tried():
    assert FINDS.keys() == FILTERS.keys()


@pytest.mark.django_db
@pytest.mark.parametrize("order", ["newest", "oldest"])
def test_a_filter_finds_all_that_it_says_and_nothing_else(auditor, world, night, order):
    for name, (value, fits) in FINDS.items():
        wanted = [entry.pk for entry in LogEntry.objects.newest_first() if fits(entry, world, night)]
        assert wanted, name
        if order == "oldest":
            wanted.reverse()
        found = lines_of(auditor, **{name: value(world, night), "order": order})
        assert [entry.pk for entry in found] == wanted[:PAGE], name


@pytest.mark.django_db
@pytest.mark.parametrize(
    "text", [HANAKO, "gAAAAABkforged", "é", filters.customer_as_text(HANAKO)[:-2] + "xx"]
)
def test_a_customer_in_a_link_is_read_in_no_other_form_than_this_portals(auditor, night, text):
    answer = auditor.get("/history/", {"customer": text})
    assert answer.context["page"] is None
    assert "Type the number here." in answer.content.decode()


@pytest.mark.django_db
def test_a_filter_sent_wrongly_comes_back_with_what_was_typed(auditor, night):
    answer = auditor.post("/history/", {"customer": "12345", "person": "contractor"})
    assert answer.status_code == 200
    assert "page" not in answer.context
    said = answer.content.decode()
    assert "A supply point number has 22 digits." in said
    assert 'value="12345"' in said
    assert 'value="contractor"' in said


@pytest.mark.django_db
def test_two_filters_find_what_fits_both(auditor, world, night):
    found = lines_of(auditor, person="contractor", customer=HANAKO, kind="disclosure")
    assert [entry.event for entry in found] == ["customer.opened"]


@pytest.mark.django_db
def test_filters_that_are_set_are_named_each_with_a_link_that_keeps_the_others(auditor, night):
    emergency = night["emergency"].pk
    response = auditor.get(f"/history/?emergency={emergency}&kind=disclosure&reason=&order=oldest&after=1.1")
    named = response.context["set_filters"]
    assert [(str(label), without) for label, _value, without in named] == [
        ("Emergency", "kind=disclosure&order=oldest"),
        ("Kind", f"emergency={emergency}&order=oldest"),
    ]
    assert "台風第14号" in named[0][1]
    assert "<details" in response.content.decode()
    assert not response.context["form"].asks_for_what_is_seldom()
    opened = auditor.get("/history/?role=contractor").content.decode()
    assert '<details class="each" open>' in opened


@pytest.mark.django_db
def test_an_old_emergency_that_a_link_names_is_found_though_it_is_listed_no_more(auditor, night, monkeypatch):
    monkeypatch.setattr("audit.forms.LISTED", 1)
    assert lines_of(auditor, emergency=night["emergency"].pk)


@pytest.mark.django_db
def test_only_what_the_auditor_reviews_is_offered_and_shown(auditor, world, night):
    world.nobody_reviews()
    response = auditor.get(f"/history/?emergency={night['emergency'].pk}")
    assert not {line.entry.contract_id for line in response.context["page"].lines} - {None}
    assert lines_of(auditor, contract=world.contract.pk) == []
    form = auditor.get("/history/").context["form"]
    assert [label for _value, label in form.fields["contract"].choices] == ["All"]
    assert [label for _value, label in form.fields["emergency"].choices] == ["All"]


# Reading is in the history


@pytest.mark.django_db
def test_each_page_that_is_read_is_one_entry_with_what_was_asked_and_shown(auditor, world, night):
    auditor.get("/history/?kind=disclosure&since=2000-01-01T00:00")
    entry = last()
    assert (entry.event, entry.kind, entry.actor) == ("history.read", "decision", world.auditor)
    assert entry.additional_data == {
        "filters": {"kind": "disclosure", "since": "2000-01-01T00:00:00+09:00"},
        "shown": 2,
    }
    auditor.get("/history/?kind=disclosure")
    assert LogEntry.objects.filter(event="history.read").count() == 2
    assert (
        "Kind: Disclosure" in reading.readable(last()).sentence or "種別" in reading.readable(last()).sentence
    )


@pytest.mark.django_db
def test_an_entry_that_is_read_and_the_first_page_are_each_one_entry(auditor, world, night):
    one = last(event="customer.opened")
    auditor.get(f"/history/{one.pk}/")
    assert (last().event, last().object_pk) == ("history.entry_read", str(one.pk))
    before = LogEntry.objects.count()
    context = auditor.get("/").context
    assert (last().event, last().additional_data["shown"]) == ("history.latest_read", 3)
    assert LogEntry.objects.count() == before + 1
    assert len(context["denials"]) == 1
    assert len(context["disclosures"]) == 2
    assert LATEST > 3


@pytest.mark.django_db
def test_what_is_not_shown_is_not_read(auditor, night):
    before = LogEntry.objects.count()
    assert auditor.get("/history/?kind=nothing").context["page"] is None
    assert auditor.get("/history/0/").status_code == 404
    assert LogEntry.objects.count() == before


@pytest.mark.django_db
def test_a_reading_that_cannot_be_written_shows_nothing(auditor, night):
    auditor.raise_request_exception = False
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(
            "ALTER TABLE audit_logentry ADD CONSTRAINT no_readings CHECK (event <> 'history.read')"
        )
    response = auditor.get("/history/")
    assert response.status_code == 500
    assert "通報者" not in response.content.decode()
    assert HANAKO not in response.content.decode()


# The entry's page


@pytest.mark.django_db
def test_an_entry_links_to_all_that_belongs_to_it(auditor, world, night):
    one = last(event="customer.opened", supply_point_number=HANAKO)
    page = auditor.get(f"/history/{one.pk}/").content.decode()
    for link in (
        "person=contractor",
        f"emergency={one.emergency_id}&amp;order=oldest",
        f"contract={one.contract_id}",
        f"grant={one.grant_id}&amp;order=oldest",
        f"inquiry={one.inquiry_id}&amp;order=oldest",
        f"area={TAKAMATSU}",
    ):
        assert f'href="/history/?{link}"' in page, link
    (customer,) = re.findall(r'href="(/history/\?customer=[^"]+)"', page)
    assert HANAKO not in customer
    shown = [line.entry for line in auditor.get(customer).context["page"].lines]
    assert one in shown
    assert {entry.supply_point_number for entry in shown} == {HANAKO}
    for word in (
        "live grant in an open emergency",
        "Items disclosed",
        "台風第14号",
        "&quot;supply_point_number&quot;",
    ):
        assert word in page


@pytest.mark.django_db
def test_a_change_is_shown_with_its_fields_names_and_labels_before_and_after(auditor, world, client_of):
    client_of(world.administrator).post(
        f"/registers/person/{world.operator.pk}/change/",
        {
            "username": "operator", "name": "高松 新", "organization": world.operator.organization_id,
            "role": "operator", "office": world.operator.office_id, "is_active": "on",
            "email": world.operator.email,
        },
    )  # fmt: skip
    (asked,) = Request.objects.waiting()
    with reading.recording.acting.as_person(world.administrator02):
        answering.answer(world.administrator02, asked.pk, agree=True)
    response = auditor.get(f"/history/{last(kind='change').pk}/")
    (change,) = [one for one in response.context["changes"] if one.field == "Name"]
    assert (change.before, change.after) == ("高松 一郎", "高松 新")
    created = LogEntry.objects.filter(kind="change", event="", action=0, object_id=world.operator.pk)
    response = auditor.get(f"/history/{created.filter(object_repr__contains='operator')[0].pk}/")
    (role,) = [one for one in response.context["changes"] if one.field == "Role"]
    assert (role.before, role.after) == (None, "Operator")


@pytest.mark.django_db
def test_a_story_is_told_in_order_and_cut_at_a_page(auditor, world):
    with reading.recording.acting.as_person(world.supervisor):
        recording.decisions(
            recording.decided("demo.loaded", detail={"customers": n}) for n in range(PAGE + 5)
        )
    one = LogEntry.objects.filter(event="demo.loaded").oldest_first()[3]
    response = auditor.get(f"/history/{one.pk}/")
    told = [line.entry.additional_data["customers"] for line in response.context["story"]]
    assert told == list(range(PAGE))
    page = response.content.decode()
    assert f"/history/?story={one.cid}&amp;order=oldest" in page
    assert "The whole story, which goes on" in page
    assert page.count('aria-current="true"') == 1


# Many entries

FIRST = datetime(2026, 1, 31, 14, 0, tzinfo=UTC)


#: A few entries that no filter of many entries finds.
RARE_COLUMNS = {
    "kind": "lookup",
    "event": "demo.loaded",
    "reason": "stopped",
    "actor_role": "auditor",
    "actor_organization": "まれな事業者",
    "area_code": "99001",
    "contract_id": 10**9,
    "additional_data": {"customers": 0},
}


#: 20,000 entries over three months, many at the same moment; by, and about, a few people.
MANY = """
INSERT INTO audit_logentry (
  kind, event, additional_data, "timestamp", reason, actor_id, actor_username, actor_name, actor_role,
  actor_organization, subject_id, supply_point_number, area_code, emergency_id, contract_id, grant_id,
  inquiry_id, cid, action, object_pk, object_repr, changes_text, fields, basis
)
SELECT
  (ARRAY['decision', 'session', 'change', 'denial'])[n % 4 + 1], 'demo.loaded',
  jsonb_build_object('customers', n), %(first)s + n / 17 * interval '1 hour',
  CASE WHEN n % 4 = 3 THEN 'role' ELSE '' END, by.id, by.username, by.name, by.role,
  (SELECT name FROM customers_organization WHERE id = by.organization_id),
  CASE WHEN n % 5 = 0 THEN (%(people)s::bigint[])[n % 2 + 1] END,
  CASE WHEN n % 6 = 0 THEN '08' || lpad((n % 500)::text, 20, '0') ELSE '' END,
  CASE WHEN n % 6 = 0 THEN (ARRAY['37201', '37202', '38201'])[n % 3 + 1] ELSE '' END,
  CASE WHEN n % 2 = 1 THEN n % 50 + 1 END, CASE WHEN n % 7 = 0 THEN %(contract)s END,
  CASE WHEN n % 2 = 1 THEN n % 300 + 1 END, CASE WHEN n % 2 = 1 THEN n % 700 + 1 END,
  '00000000-0000-4000-8000-' || lpad((n / 3)::text, 12, '0'), 3, '', '', '', '{}', ''
FROM generate_series(0, 19999) n JOIN access_person by ON by.id = (%(people)s::bigint[])[n % 3 + 1]
"""


@pytest.fixture
def many(committed_database):
    """MANY entries, and a few that no filter of many of them finds."""
    world = worlds.build()
    second_contract(world, reviewed=True, number=RARE_COLUMNS["contract_id"])
    months.add(FIRST, FIRST + timedelta(days=62))
    people = [one.pk for one in (world.contractor, world.operator, world.supervisor)]
    with connection.cursor() as cursor:
        every = {"first": FIRST, "people": people, "contract": world.contract.pk}
        cursor.execute(MANY.replace(" % ", " %% "), every)
    LogEntry.objects.bulk_create(
        LogEntry(
            **RARE_COLUMNS,
            actor=world.auditor,
            subject_id=None,
            cid=str(n),
            timestamp=FIRST + timedelta(days=n),
        )
        for n in range(1, 30, 9)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit_logentry")
    return world


def pages(reader, wanted: dict) -> list[LogEntry]:
    found, after = [], None
    while True:
        page = reading.page(reader, wanted, after)
        found += [line.entry for line in page.lines]
        if page.next_after is None:
            return found
        after = filters.mark_of_text(page.next_after)


def test_all_of_it_is_read_in_pages_in_order_without_gaps_or_doubles(many, monkeypatch):
    monkeypatch.setattr(reading, "PAGE", 211)  # no multiple of the entries that are of one moment
    ContractGroupPermission.objects.all().delete()
    made = LogEntry.objects.filter(event="demo.loaded", contract_id=None)
    until = {"until": FIRST + timedelta(days=62)}
    assert made.values("timestamp").distinct().count() * 10 < made.count() > 17_000
    # What contractors did is for those who review them, under no contract too
    made = made.exclude(actor__in=policy.people_of_other_auditors(many.auditor))
    newest = list(made.newest_first().values_list("pk", flat=True))
    for order, wanted in (("newest", newest), ("oldest", newest[::-1])):
        assert [entry.pk for entry in pages(many.auditor, until | {"order": order})] == wanted
    person = many.contractor.pk
    theirs = [e.pk for e in made.newest_first() if person in (e.actor_id, e.subject_id)]
    assert [entry.pk for entry in pages(many.auditor, until | {"person": "contractor"})] == theirs


#: Filters by what many entries share: read in the order of time, by whichever index is the quicker.
COMMON = {
    "all": {},
    "person": {"person": "contractor"},
    "organization": {"organization": "四国地方電力株式会社"},
    "role": {"role": "contractor"},
    "area": {"area": "37201"},
    "kind": {"kind": "session"},
    "reason": {"reason": "role"},
    "since": {"since": FIRST + timedelta(days=3)},
    "until": {"until": FIRST + timedelta(days=40)},
}
# fmt: off
#: Filters by what few share, to the columns of the index that alone finds them.
RARE = {
    "person":       ({"person": "auditor"}, ("actor_id_timestamp", "subject_id_timestamp")),
    "organization": ({"organization": "まれな事業者"}, ("actor_organization_timestamp",)),
    "role":         ({"role": "auditor"}, ("actor_role_timestamp",)),
    "area":         ({"area": "99001"}, ("area_code_timestamp",)),
    "kind":         ({"kind": "lookup"}, ("kind_timestamp",)),
    "reason":       ({"reason": "stopped"}, ("reason_timestamp",)),
    "contract":     ({"contract": RARE_COLUMNS["contract_id"]}, ("contract_id_timestamp",)),
    "customer":     ({"customer": f"08{6:020}"}, ("supply_point_number_timestamp",)),
    "emergency":    ({"emergency": 4}, ("emergency_id_timestamp",)),
    "grant":        ({"grant": 2}, ("grant_id_timestamp",)),
    "inquiry":      ({"inquiry": 2}, ("inquiry_id_timestamp",)),
    "story":        ({"story": "00000000-0000-4000-8000-000000006000"}, ("cid_timestamp",)),
    "since":        ({"since": FIRST + timedelta(days=61)}, ("timestamp_id",)),
    "until":        ({"until": FIRST + timedelta(days=1)}, ("timestamp_id",)),
}
# fmt: on
#: The months that hold thousands of entries each; PostgreSQL reads an empty one as it likes.
BUSY = ("2026_02", "2026_03")


def test_every_page_and_every_filter_goes_by_an_index(many):
    assert RARE.keys() == FILTERS.keys()
    unserved = []
    for order in ("newest", "oldest"):
        for beyond in (None, (FIRST + timedelta(days=20), 10**6)):
            for name, wanted in COMMON.items():
                for plan in plans(many.auditor, wanted | {"order": order}, beyond):
                    scans = busy_scans(plan)
                    if any("Sort" in line for line in plan) or not all(
                        "Index Scan" in line for line in scans
                    ):
                        unserved.append((name, order, *plan))
            for name, (wanted, columns) in RARE.items():
                for plan, column in zip(
                    plans(many.auditor, wanted | {"order": order}, beyond), columns, strict=True
                ):
                    if not all(f"_{column}" in line for line in busy_scans(plan)):
                        unserved.append((name, order, *plan))
    assert not unserved, "\n".join(map("\n   ".join, unserved))
    with CaptureQueriesContext(connection) as few:
        reading.page(many.auditor, {"grant": 1})
    with CaptureQueriesContext(connection) as all_of_it:
        reading.page(many.auditor, {})
    assert len(few) == len(all_of_it)
    assert not any("count(" in query["sql"].lower() for query in all_of_it)


def busy_scans(plan: list[str]) -> list[str]:
    """The lines that say how a busy month is read; a bitmap of an index is read by the line below."""
    return [
        line
        for line in plan
        if " Scan" in line and "Bitmap Heap" not in line and any(m in line for m in BUSY)
    ]


def plans(reader, wanted: dict, beyond) -> list[list[str]]:
    with CaptureQueriesContext(connection) as queries:
        filters.shown(reader, wanted, most=PAGE + 1, beyond=beyond)
    asked = [query["sql"] for query in queries if 'FROM "audit_logentry"' in query["sql"]]
    assert len(asked) == (2 if "person" in wanted else 1)
    found = []
    for sql in asked:
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + sql)
            found.append([line for (line,) in cursor.fetchall()])
    return found


def test_a_contract_that_the_reader_does_not_review_is_not_searched(world):
    recording.decision("grant.given", contract_id=10**9, detail={})
    with CaptureQueriesContext(connection) as queries:
        assert filters.shown(world.auditor, {"contract": 10**9}, most=PAGE) == []
    assert not any('FROM "audit_logentry"' in query["sql"] for query in queries)


def test_a_search_that_takes_too_long_says_what_helps(auditor, world):
    def slow(execute, sql, params, many, context):
        if sql.startswith("SELECT") and 'FROM "audit_logentry"' in sql:
            execute("SELECT set_config('statement_timeout', '50ms', true)", (), False, context)
            sql, params = "SELECT pg_sleep(20)", ()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(slow):
        answer = auditor.get("/history/?role=contractor")
    assert answer.status_code == 200
    assert "Choose a shorter time, or one more filter." in answer.content.decode()
    assert answer.context["form"]["role"].value() == "contractor"
    assert not LogEntry.objects.filter(event="history.read").exists()


def test_every_reason_can_be_chosen(db, world):
    from audit.forms import HistoryFilter

    form = HistoryFilter({}, reader=world.auditor)
    assert {code for code, _sentence in form.fields["reason"].choices} == {"", *REASONS}


@pytest.mark.django_db
def test_a_moment_that_changed_is_shown_in_japan_time(auditor, world):
    entry = recording.decided("demo.loaded", world.contract, detail={"customers": 1})
    entry.changes = {"starts_at": ["None", "2026-03-31 15:00:00"], "suspended_at": ["None", "None"]}
    entry.save()
    (change,) = auditor.get(f"/history/{entry.pk}/").context["changes"]
    assert (change.before, change.after) == (None, "2026/04/01 00:00:00")


@pytest.mark.django_db
def test_a_contractors_calls_are_not_another_auditors_and_an_operators_are_anybodys(world, night):
    inquiries.close(world.contractor, night["inquiry"].pk, outcome="answered", found=True)
    inquiries.take(world.operator, Inquiry(caller_name="通報者", kind="outage"))
    events = ("inquiry.taken", "inquiry.closed")
    calls = LogEntry.objects.filter(event__in=events).oldest_first().values_list("contract_id", flat=True)
    assert list(calls) == [world.contract.pk, world.contract.pk, None]
    assert filters.visible_to(world.auditor).filter(event__in=events).count() == 3
    world.nobody_reviews()
    (left,) = filters.visible_to(world.auditor).filter(event__in=events)
    assert left.actor == world.operator


@pytest.mark.django_db
def test_a_call_of_somebody_under_two_contracts_names_none(world, night):
    first = night["grant"]
    other = second_contract(world, reviewed=False)
    entry = RosterEntry.objects.create(
        contract=other,
        person=first.roster_entry.person,
        added_by=world.supervisor,
        trained_on=first.roster_entry.trained_on,
    )
    both = world.declare(name="大雪", contracts=[world.contract, other])
    assert both.grants.filter(roster_entry=entry).exists()
    inquiries.take(world.contractor, Inquiry(emergency=both, caller_name="通報者", kind="outage"))
    assert last(event="inquiry.taken").contract_id is None


def test_a_request_is_named_by_its_number_alone(world):
    """How it is called beside is in the language that was active when it was made."""
    world.ask_under_dual_control()
    request = Request.objects.get()
    assert f"申請番号{request.pk}、" in reading.readable(last(event="request.made")).sentence
