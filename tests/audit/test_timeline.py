"""The timeline: what is drawn where, which disclosures are red, and that the page says the same in words."""

from datetime import date, datetime, timedelta
from urllib.parse import parse_qs

import pytest
from django.db import connection
from django.utils import timezone, translation

from access import accounts
from access.errors import Denied
from access.models import DelegationContract, Emergency, Grant, RosterEntry
from audit import timeline_facts
from audit.models import LogEntry
from audit.timeline import LANE, LOWEST, NARROWEST, ROW, Period, Subject, Tally, bands, marks, picture
from audit.windows import WIDTH, ticks, window
from tests.audit import past
from tests.world import JIRO

DAY = date(2024, 1, 18)


def at(hour: float, day: date = DAY) -> datetime:
    """An hour of a Japan day."""
    return timezone.make_aware(datetime(day.year, day.month, day.day)) + timedelta(hours=hour)


def period(begins: float, ends: float, name: str = "台風", pk: int = 1, is_drill: bool = False) -> Period:
    return Period(pk, name, is_drill, at(begins), at(ends))


class TestWindow:
    @pytest.mark.parametrize(
        ("zoom", "first", "beyond"),
        [
            ("day", date(2024, 1, 18), date(2024, 1, 19)),
            ("week", date(2024, 1, 15), date(2024, 1, 22)),
            ("month", date(2024, 1, 1), date(2024, 2, 1)),
            ("year", date(2024, 1, 1), date(2025, 1, 1)),
        ],
    )
    def test_it_holds_whole_days_of_japan(self, zoom, first, beyond):
        shown = window(zoom, DAY)
        assert (shown.first, shown.beyond) == (first, beyond)
        assert shown.start.isoformat() == f"{first}T00:00:00+09:00"
        assert window(zoom, shown.earlier).beyond == shown.first
        assert window(zoom, shown.later).first == shown.beyond

    def test_a_moment_lies_where_its_share_of_the_time_is(self):
        shown = window("day", DAY)
        assert [shown.x(at(hour)) for hour in (0, 6, 24)] == [0, WIDTH / 4, WIDTH]
        assert [shown.x(at(hour)) for hour in (-100, 100)] == [0, WIDTH]

    @pytest.mark.parametrize("zoom", ["day", "week", "month", "year"])
    @pytest.mark.parametrize("day", [date.min, date.max, date(2000, 1, 1), date(2099, 12, 31)])
    def test_no_day_is_beyond_the_calendar(self, zoom, day):
        shown = window(zoom, day)
        for other in (shown.earlier, shown.later):
            if other:
                window(zoom, other)
        assert shown.end > shown.start

    @pytest.mark.parametrize(
        ("zoom", "count", "labels"),
        [
            ("day", 8, ["00:00", "03:00"]),
            ("week", 7, ["15 Jan (Mon)", "16 Jan (Tue)"]),
            ("month", 31, ["1", "2"]),
            ("year", 12, ["Jan", "Feb"]),
        ],
    )
    def test_ticks_stand_where_hours_days_or_months_begin(self, zoom, count, labels):
        with translation.override("en"):
            made = ticks(window(zoom, DAY))
        assert len(made) == count
        assert [tick.label for tick in made[:2]] == labels
        assert made[0].x == 0
        assert 0 < made[1].x < made[-1].x < WIDTH


class TestBands:
    shown = window("day", DAY)

    def test_an_emergency_reaches_from_its_beginning_to_its_end(self):
        (band,) = bands(self.shown, [period(6, 12)])
        assert (band.x, band.width, band.lane) == (WIDTH / 4, WIDTH / 4, 0)

    def test_what_reaches_out_of_the_window_is_cut_off_and_what_does_not_reach_it_left_out(self):
        (band,) = bands(self.shown, [period(-5, 30), period(24, 25), period(-5, 0)])
        assert (band.x, band.width) == (0, WIDTH)

    def test_what_overlaps_is_stacked_and_what_does_not_shares_a_lane(self):
        made = bands(self.shown, [period(0, 12), period(6, 18, pk=2), period(14, 20, pk=3)])
        assert [(band.period.pk, band.lane) for band in made] == [(1, 0), (2, 1), (3, 0)]
        assert made[1].y - made[0].y == LANE

    def test_a_short_one_can_be_seen_and_hides_no_others_name(self):
        made = bands(self.shown, [period(6, 6.01, "長い名前の台風"), period(6.1, 6.2, pk=2)])
        assert made[0].width == NARROWEST
        assert [band.lane for band in made] == [0, 1]

    def test_a_name_stays_in_the_picture(self):
        (band,) = bands(self.shown, [period(23.9, 24, "長い名前の台風" * 9)])
        assert band.label.endswith("…")
        assert band.label_x < band.reach <= WIDTH

    def test_a_drill_says_so(self):
        with translation.override("en"):
            (band,) = bands(self.shown, [period(6, 7, is_drill=True)])
            assert band.title == "Drill: 台風, 18 Jan 2024, 06:00–07:00"


class TestMarks:
    shown = window("day", DAY)

    def make(self, *tallies, most=100):
        return marks(self.shown, tallies, most, {"contract": "7"})

    def test_a_mark_stands_at_its_piece_of_time_and_opens_its_entries(self):
        with translation.override("en"):
            (mark,) = self.make(Tally(7, at(6), 100))
        assert WIDTH / 4 <= mark.x < mark.x + mark.width <= self.shown.x(at(6.25))
        assert parse_qs(mark.query) == {
            "kind": ["disclosure"],
            "contract": ["7"],
            "since": ["2024-01-18T06:00:00"],
            "until": ["2024-01-18T06:15:00"],
        }
        with translation.override("en"):
            assert mark.title == "18 Jan 2024, 06:00–06:15: 100 disclosures"

    def test_more_is_higher_and_darker_and_one_can_be_seen_among_many(self):
        few, many = self.make(Tally(7, at(1), 1), Tally(7, at(2), 1_000_000), most=1_000_000)
        assert few.height == LOWEST < many.height == ROW
        assert few.opacity < many.opacity == 1

    def test_what_lies_outside_has_a_mark_of_its_own_that_opens_no_other(self):
        inside, outside = self.make(Tally(7, at(6), 3, 1, at(6.1), at(6.1)))
        assert (inside.count, inside.is_outside, outside.count, outside.is_outside) == (2, False, 1, True)
        assert inside.x + inside.width <= outside.x
        assert parse_qs(outside.query)["since"] == ["2024-01-18T06:06:00"]
        assert parse_qs(outside.query)["until"] == ["2024-01-18T06:06:00.000001"]

    def test_the_last_piece_of_a_year_ends_with_the_year(self):
        shown = window("year", DAY)
        begins = shown.start + timedelta(weeks=52)
        (mark,) = marks(shown, [Tally(7, begins, 1)], 1, {})
        assert parse_qs(mark.query)["until"] == ["2025-01-01T00:00:00"]
        assert mark.x + mark.width <= WIDTH


def test_a_picture_has_a_row_for_each_subject_below_the_bands():
    shown = window("day", DAY)
    subjects = [Subject(7, "契約", (("contract", "7"),), (period(6, 12),)), Subject(8, "他", (), ())]
    drawn = picture(shown, [period(6, 12)], subjects, [Tally(7, at(7), 5, 1, at(7), at(7))], at(9))
    first, second = drawn.rows
    assert (first.count, first.outside, len(first.marks)) == (5, 1, 2)
    assert (second.count, second.marks, second.shades) == (0, [], [])
    assert [shade.x for shade in first.shades] == [WIDTH / 4]
    assert drawn.bands[0].y + LANE <= first.y < first.baseline < second.y < second.baseline <= drawn.height
    assert drawn.now_x == shown.x(at(9))
    assert picture(shown, [], [], [], at(30)).now_x is None


@pytest.fixture
def auditor(world, client_of):
    client = client_of(world.auditor)
    client.cookies["portal_language"] = "en"
    return client


def drawn(client, query: str = ""):
    response = client.get(f"/history/timeline/?zoom=day&day={DAY}{query}")
    assert response.status_code == 200
    return response.context["found"], response.content.decode()


def revoke_at(world, grant: Grant, moment: datetime) -> None:
    Grant.objects.filter(pk=grant.pk).update(
        revoked_at=moment, revoked_by=world.supervisor, revoked_because="交代"
    )
    past.is_decided(grant)


def off_the_roster_at(world, moment: datetime) -> None:
    RosterEntry.objects.filter(pk=world.entry().pk).update(removed_at=moment, removed_by=world.supervisor)
    past.is_decided(*RosterEntry.objects.filter(person=world.contractor))


@pytest.mark.django_db
class TestOutside:
    """A disclosure is red unless its own grant, in its own emergency, ran at that moment."""

    @pytest.mark.parametrize(
        ("hour", "is_outside"), [(5.99, True), (6, False), (11.99, False), (12, True), (20, True)]
    )
    def test_before_and_after_the_emergency(self, world, auditor, hour, is_outside):
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == is_outside

    def test_that_another_emergency_was_open_covers_nothing(self, world, auditor):
        past.emergency(world, at(6))
        grant = world.grant()
        past.emergency(world, at(14), name="地震")
        past.disclosure(grant, at(15))
        past.disclosure(world.grant(), at(15))
        assert drawn(auditor)[0].in_all.outside == 1

    @pytest.mark.parametrize(("hour", "is_outside"), [(7, True), (8, False), (9, False), (10, True)])
    def test_outside_the_grants_own_time(self, world, auditor, hour, is_outside):
        past.emergency(world, at(6))
        Grant.objects.update(starts_at=at(8), ends_at=at(10))
        past.is_decided(*Grant.objects.all())
        past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == is_outside

    @pytest.mark.parametrize(("hour", "is_outside"), [(8.9, False), (9, True)])
    def test_after_a_revocation(self, world, auditor, hour, is_outside):
        past.emergency(world, at(6))
        revoke_at(world, world.grant(), at(9))
        past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == is_outside

    def test_after_an_expiry_that_nobody_noted_down(self, world, auditor):
        past.emergency(world, at(6), is_ended=False, grants_end=False)
        past.disclosure(world.grant(), at(12))
        assert drawn(auditor)[0].in_all.outside == 1

    def test_after_an_end_before_the_expiry(self, world, auditor):
        made = past.emergency(world, at(6), 12, is_ended=False)
        Emergency.objects.filter(pk=made.pk).update(ended_at=at(9), ended_by=world.supervisor)
        past.is_decided(made)
        for hour in (8.9, 9):
            past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == 1

    def test_before_a_declaration_by_a_grant_that_came_too_early(self, world, auditor):
        made = past.emergency(world, at(6), is_ended=False)
        Emergency.objects.filter(pk=made.pk).update(declared_at=at(8))
        past.is_decided(made)
        for hour in (7.9, 8):
            past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == 1

    def test_under_a_contract_that_is_not_its_grants(self, world, auditor):
        other = past.second_contract(world, reviewed=True)
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7), contract_id=other.pk)
        assert drawn(auditor)[0].in_all.outside == 1

    def test_by_somebody_elses_grant_or_none(self, world, auditor):
        past.emergency(world, at(6))
        for facts in ({"actor": world.contractor02}, {"grant_id": 999_999}, {"emergency_id": 999_999}):
            past.disclosure(world.grant(), at(7), **facts)
        assert drawn(auditor)[0].in_all.outside == 3

    @pytest.mark.parametrize(("hour", "is_outside"), [(8.9, False), (9, True)])
    def test_after_its_reader_left_the_roster(self, world, auditor, hour, is_outside):
        past.emergency(world, at(6))
        off_the_roster_at(world, at(9))
        past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == is_outside

    def test_who_left_since_was_on_the_roster_then(self, world, auditor):
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7))
        world.contractor.is_active = False
        accounts.save_with_rosters(world.administrator, world.contractor)
        assert drawn(auditor)[0].in_all.outside == 0

    @pytest.mark.parametrize("how", ["by its terms", "before"])
    @pytest.mark.parametrize(("hour", "is_outside"), [(8.9, False), (9, True)])
    def test_after_the_contracts_end(self, world, auditor, hour, is_outside, how):
        past.emergency(world, at(6))
        terms = (
            {"ends_at": at(9)} if how == "by its terms" else {"ended_at": at(9), "ended_by": world.supervisor}
        )
        DelegationContract.objects.filter(pk=world.contract.pk).update(**terms)
        past.is_decided(world.contract, at=at(5))
        past.disclosure(world.grant(), at(hour))
        assert drawn(auditor)[0].in_all.outside == is_outside

    def test_terms_that_were_changed_since_count_from_then_on(self, world, auditor):
        """Neither does a longer contract cover what came before, nor a shorter one uncover it."""
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7))
        contract = DelegationContract.objects.get(pk=world.contract.pk)
        contract.ends_at = at(6.5)
        contract.save()
        assert drawn(auditor)[0].in_all.outside == 0

    @pytest.mark.parametrize(
        "change",
        [
            "access_emergency SET expires_at = expires_at + interval '9 hours', ended_at = ended_at + interval '9 hours'",
            "access_grant SET ends_at = ends_at + interval '9 hours'",
            "access_rosterentry SET removed_at = NULL, removed_by_id = NULL",
        ],
    )  # fmt: skip
    def test_what_is_moved_in_the_tables_makes_nothing_look_otherwise(self, world, auditor, change):
        past.emergency(world, at(6))
        off_the_roster_at(world, at(9))
        for hour in (7, 10, 13):
            past.disclosure(world.grant(), at(hour))
        past.past_the_triggers(change.split()[0], f"UPDATE {change}")
        found, _page = drawn(auditor)
        assert found.in_all.outside == 2
        (band,) = found.picture.bands
        assert band.period.ends == at(12)

    def test_what_the_portal_discloses_is_never_red(self, world, auditor):
        from access import inquiries, lifecycle
        from access.models import Inquiry
        from customers import reading

        made = world.declare()
        taken = inquiries.take(world.contractor, Inquiry(emergency=made, caller_name="通報者", kind="outage"))
        reading.open_customer(world.contractor, world.customers[JIRO].pk, taken)
        lifecycle.end(made, world.supervisor)
        found = auditor.get("/history/timeline/?zoom=year").context["found"]
        assert (found.in_all.count, found.in_all.outside) == (1, 0)


@pytest.mark.django_db
class TestPage:
    def test_the_good_news_is_said(self, world, auditor):
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7))
        found, page = drawn(auditor)
        assert "None outside an emergency." in page
        assert "To contractors, 1 disclosure in this time in all." in page
        assert 'id="outside"' not in page

    def test_the_bad_news_is_said_linked_and_listed(self, world, auditor):
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7))
        entries = [past.disclosure(world.grant(), at(hour)) for hour in (13, 14)]
        found, page = drawn(auditor)
        assert '<a href="#outside"><strong>2 disclosures outside an emergency.</strong></a>' in page
        assert "None outside" not in page
        assert [line.entry.pk for line in found.outside] == [one.pk for one in reversed(entries)]
        (row,) = found.picture.rows
        assert [mark.is_outside for mark in row.marks] == [False, True, True]

    def test_marks_are_counted_by_piece_of_time_and_row(self, world, auditor):
        past.emergency(world, at(6))
        for minute in (0, 14, 15):
            past.disclosure(world.grant(), at(7 + minute / 60))
        (row,) = drawn(auditor)[0].picture.rows
        assert [mark.count for mark in row.marks] == [2, 1]
        week = auditor.get(f"/history/timeline/?zoom=week&day={DAY}").context["picture"]
        assert [mark.count for mark in week.rows[0].marks] == [3]

    def test_a_mark_opens_just_its_entries(self, world, auditor):
        past.emergency(world, at(6))
        shown = [past.disclosure(world.grant(), at(hour)).pk for hour in (7, 7.2, 8)]
        (row,) = drawn(auditor)[0].picture.rows
        lines = auditor.get(f"/history/?{row.marks[0].query}").context["lines"]
        assert {line.entry.pk for line in lines} == set(shown[:2])

    def test_lookups_and_other_peoples_disclosures_are_no_marks(self, world, auditor):
        past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7), kind="lookup")
        past.disclosure(
            world.grant(), at(7), actor=world.operator, basis="own_area", contract_id=None, grant_id=None
        )
        found, page = drawn(auditor)
        assert found.in_all.count == 0
        assert "Nothing was disclosed to a contractor" in page

    def test_a_row_for_each_person_by_link_the_reddest_first(self, world, auditor):
        past.emergency(world, at(6))
        for _twice in range(2):
            past.disclosure(world.grant("contractor"), at(7))
        past.disclosure(world.grant("contractor02"), at(13))
        rows = drawn(auditor, "&by=person")[0].picture.rows
        assert [row.subject.label for row in rows] == [str(world.contractor02), str(world.contractor)]
        assert [row.outside for row in rows] == [1, 0]
        assert "person=contractor02" in rows[0].marks[0].query

    def test_people_beyond_the_most_are_counted_and_said(self, world, auditor, monkeypatch):
        monkeypatch.setattr(timeline_facts, "PEOPLE", 1)
        past.emergency(world, at(6))
        past.disclosure(world.grant("contractor"), at(13))
        past.disclosure(world.grant("contractor02"), at(7))
        found, page = drawn(auditor, "&by=person")
        assert (len(found.picture.rows), found.left_out, found.in_all.count) == (1, 1, 2)
        assert "1 person more is not drawn" in page

    def test_one_person_alone(self, world, auditor):
        past.emergency(world, at(6))
        for username in ("contractor", "contractor02"):
            past.disclosure(world.grant(username), at(7))
        found, page = drawn(auditor, "&person=contractor02")
        assert found.in_all.count == 1
        assert found.picture.rows[0].marks[0].query.count("person=contractor02") == 1
        assert f"/history/people/{world.contractor02.pk}/" in page

    def test_an_emergency_shades_the_rows_of_its_own_contracts_alone(self, world, auditor):
        other = past.second_contract(world, reviewed=True)
        past.emergency(world, at(6))
        rows = {row.subject.pk: row for row in drawn(auditor)[0].picture.rows}
        assert len(rows[world.contract.pk].shades) == 1
        assert rows[other.pk].shades == []

    def test_empty_it_says_so_and_leads_to_the_last_emergency(self, world, auditor):
        past.emergency(world, at(6))
        page = auditor.get("/history/timeline/?zoom=day&day=2031-05-05").content.decode()
        assert "No emergency and no disclosure in this time." in page
        assert f"day={DAY}" in page

    def test_the_tables_say_what_the_picture_says(self, world, auditor):
        made = past.emergency(world, at(6))
        past.disclosure(world.grant(), at(7))
        _found, page = drawn(auditor)
        tables = page[page.index("</svg>") :]
        assert made.name in tables
        assert "18 Jan 2024, 07:00–07:15" in tables
        assert ">1 disclosure</a>" in tables

    @pytest.mark.parametrize(
        "query",
        ["zoom=age", "day=garbage", "day=0001-01-01", "day=9999-12-31", "contract=x", "contract=99999999999999999999",
         "person=nobody", "person=%00", "by=x", "day=2024-02-30"],
    )  # fmt: skip
    def test_garbage_gives_a_page(self, world, auditor, query):
        for zoom in ("day", "year"):
            assert auditor.get(f"/history/timeline/?zoom={zoom}&{query}").status_code == 200

    def test_that_it_was_looked_at_is_in_the_history_once(self, world, auditor):
        drawn(auditor, "&person=contractor")
        entry = LogEntry.objects.get(event="history.timeline_read")
        assert (entry.actor, entry.subject_id) == (world.auditor, world.contractor.pk)
        assert entry.additional_data["since"].startswith("2024-01-18T00:00")


@pytest.mark.django_db
class TestWhoseItIs:
    def test_what_another_auditor_reviews_is_neither_drawn_nor_counted(self, world, auditor):
        other = past.second_contract(world, reviewed=False)
        past.emergency(world, at(6), contracts=[world.contract, other])
        past.disclosure(world.grant("contractor"), at(7))
        past.disclosure(world.grant("contractor03"), at(13))
        for query in ("", "&by=person"):
            found, page = drawn(auditor, query)
            assert (found.in_all.count, found.in_all.outside, found.outside) == (1, 0, [])
            assert "別の契約" not in page
            assert str(world.contractor03) not in page

    def test_a_person_of_another_auditors_contract_is_refused(self, world, auditor):
        past.second_contract(world, reviewed=False)
        response = auditor.get("/history/timeline/?person=contractor03")
        assert response.status_code == 403
        assert LogEntry.objects.denials().newest_first()[0].reason == "history_not_yours"

    def test_the_facts_themselves_refuse_whoever_asks_for_them_another_way(self, world):
        """The page has its own gate and its own choices; the rule does not lean on them."""
        other = past.second_contract(world, reviewed=False)
        shown, everything = window("day", DAY), timeline_facts.Asked()
        others, others_person = (
            timeline_facts.Asked(contract=other.pk), timeline_facts.Asked(person=world.contractor03),
        )  # fmt: skip
        for reader, asked, reason in (
            (world.supervisor, everything, "role"),
            (world.contractor, everything, "role"),
            (world.auditor, others, "history_not_yours"),
            (world.auditor, others_person, "history_not_yours"),
        ):
            with pytest.raises(Denied, match=reason):
                timeline_facts.timeline(reader, shown, asked, at(0))
        assert timeline_facts.timeline(world.auditor, shown, everything, at(0)).in_all.count == 0

    def test_a_contract_that_is_not_ones_own_is_no_choice(self, world, auditor):
        other = past.second_contract(world, reviewed=False)
        past.emergency(world, at(6), contracts=[other])
        past.disclosure(world.grant("contractor03"), at(7))
        found, _page = drawn(auditor, f"&contract={other.pk}")
        assert found.in_all.count == 0


@pytest.mark.django_db
def test_a_year_is_counted_in_the_index_and_no_entry_is_looked_at(world, auditor):
    past.emergency(world, at(6))
    past.disclosure(world.grant(), at(7))
    plans = []

    def explained(execute, sql, params, many, context):
        if "groups AS MATERIALIZED" in sql and not sql.startswith("EXPLAIN"):
            context["cursor"].execute("SET LOCAL enable_seqscan = off")
            context["cursor"].execute("EXPLAIN " + sql, params)
            plans.append("\n".join(line for (line,) in context["cursor"].fetchall()))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(explained):
        drawn(auditor)
    assert "Index Only Scan" in plans[0]
    assert "on audit_logentry_2024_01" in plans[0]
    assert "audit_logentry_2024_02" not in plans[0], "other months are left alone"
