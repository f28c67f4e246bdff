"""What must never be, tried with SQL: the database refuses it, whatever the code above it thinks.

The list is held complete: a constraint or a trigger of ours without a try here fails the suite.
"""

import json

import pytest
from django.db import IntegrityError, connection, transaction

from access.models import Grant, Inquiry
from audit.models import LogEntry
from tests.world import HANAKO

pytestmark = pytest.mark.django_db

CONTRACT, EMERGENCY, GRANT = "access_delegationcontract", "access_emergency", "access_grant"
ROSTER, PERSON = "access_rosterentry", "access_person"
CONTRACTOR = "username = 'contractor'"
END_IT = f"UPDATE {EMERGENCY} SET ended_at = clock_timestamp(), ended_by_id = declared_by_id"
REVOKE_IT = f"UPDATE {GRANT} SET revoked_at = now(), revoked_by_id = granted_by_id, revoked_because = 'x'"
THING = "'emergency 1'"
SEAL = "INSERT INTO audit_seal (number, start, size, made_at, key_id, head, signature) VALUES"
REVIEW, JUDGED, JUSTIFIED = "audit_review", "audit_reviewedentry", "'justified'"
SIGN_OFF = f"UPDATE {REVIEW} SET signed_off_at = now(), signed_off_by_id = 1, conclusion = 'x'"
NOTICE = (
    "INSERT INTO access_notice (person_id, kind, about, words, path) "
    f"SELECT id, 'ended', 'x', '{{}}', '' FROM {PERSON} WHERE {CONTRACTOR}"
)


def request(**columns: str) -> str:
    """A request of the contractor's, with these columns in SQL otherwise."""
    columns = {"kind": "'account'", "because": "''", "lapses_at": "now() + interval '1 hour'"} | columns
    return (
        f"INSERT INTO access_request (asked_by_id, detail, {', '.join(columns)}) "
        f"SELECT p.id, '{{}}', {', '.join(columns.values())} FROM {PERSON} p WHERE {CONTRACTOR}"
    )


def review(**columns: str) -> str:
    """A review of emergency 1, with these columns in SQL otherwise."""
    columns = {
        "kind": "'emergency'", "emergency_id": "1", "emergency_name": "'x'", "contract_title": "''", "seed": "''",
        "is_drill": "false", "starts_at": "now()", "ends_at": "now()", "figures": "'{}'",
        "due_at": "now() + interval '14 days'",
    } | columns  # fmt: skip
    return f"INSERT INTO {REVIEW} ({', '.join(columns)}) VALUES ({', '.join(columns.values())})"


def judged(**columns: str) -> str:
    """An entry to judge in a review of emergency 1, with these columns in SQL otherwise."""
    columns = {"entry_id": "1", '"timestamp"': "now()", "why": "'random'", "note": "''"} | columns
    return (
        f"{review()}; INSERT INTO {JUDGED} (review_id, {', '.join(columns)}) "
        f"SELECT id, {', '.join(columns.values())} FROM {REVIEW} WHERE emergency_id = 1"
    )


def forged(**columns) -> str:
    """An entry of the history like the last one, with these columns otherwise."""
    other = json.dumps(columns | {"id": 10**9})
    return (
        f"INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, '{other}')).* "
        "FROM audit_logentry e ORDER BY id DESC LIMIT 1"
    )


def area(**columns) -> str:
    """Another area like 高松市, with these columns otherwise."""
    other = json.dumps({"id": 9, "code": "37999"} | columns)
    return (
        f"INSERT INTO customers_servicearea SELECT (jsonb_populate_record(a, '{other}')).* "
        "FROM customers_servicearea a WHERE code = '37201'"
    )


#: Check and unique constraints, and what triggers say they are: name to the statement that breaks it.
# fmt: off
BROKEN_BY = {
    # contracts
    "contract_ends_after_it_starts":        f"UPDATE {CONTRACT} SET ends_at = starts_at",
    "delegator_and_delegate_differ":        f"INSERT INTO {CONTRACT} SELECT (jsonb_populate_record(c, jsonb_build_object('id', 9, 'title', 'x', 'delegator_id', delegate_id))).* FROM {CONTRACT} c",
    "delegated_items_are_of_the_first_five": f"UPDATE {CONTRACT} SET delegated_items = '{{name,monthly_usage}}'",
    "grant_ceiling_is_1_to_72_hours":       f"UPDATE {CONTRACT} SET max_grant_hours = 73",
    "contract_suspension_is_whole":         f"UPDATE {CONTRACT} SET suspended_at = now()",
    "contract_end_is_whole":                f"UPDATE {CONTRACT} SET ended_at = now()",
    "results_are_1_to_10":                  f"UPDATE {CONTRACT} SET max_results = 11",
    "slowed_before_stopped":                f"UPDATE {CONTRACT} SET slow_after = stop_after",
    # rosters
    "on_a_roster_once":                     f"INSERT INTO {ROSTER} (contract_id, person_id, trained_on, added_by_id) SELECT contract_id, person_id, trained_on, added_by_id FROM {ROSTER}",
    "roster_removal_is_whole":              f"UPDATE {ROSTER} SET removed_at = now()",
    "roster_is_the_delegates":              f"UPDATE {ROSTER} SET person_id = (SELECT id FROM {PERSON} WHERE username = 'retailer')",
    "off_the_roster_stays_off":             f"UPDATE {ROSTER} SET removed_at = now(), removed_by_id = added_by_id; UPDATE {ROSTER} SET removed_at = NULL, removed_by_id = NULL",
    "parties_stay":                         f"UPDATE {CONTRACT} SET delegate_id = (SELECT id FROM customers_organization WHERE kind = 'retailer')",
    "training_is_valid_for_1_to_1830_days": f"UPDATE {CONTRACT} SET training_valid_days = 0",
    # emergencies
    "emergency_expires_after_it_is_declared": f"UPDATE {EMERGENCY} SET expires_at = declared_at",
    "ended_stays_ended":                    f"{END_IT}; UPDATE {EMERGENCY} SET ended_at = NULL, ended_by_id = NULL",
    "expired_stays_expired":                f"UPDATE {EMERGENCY} SET declared_at = now() - interval '2 hours', expires_at = now() - interval '1 hour'; UPDATE {EMERGENCY} SET expires_at = now() + interval '1 hour'",
    "drill_stays_drill":                    f"UPDATE {EMERGENCY} SET is_drill = true",
    "areas_change_while_open":              f"{END_IT}; DELETE FROM access_emergency_areas",
    "drills_reach_training_areas":          f"INSERT INTO access_emergency_areas (emergency_id, servicearea_id) SELECT e.id, a.id FROM {EMERGENCY} e, customers_servicearea a WHERE a.code = '99001'",
    "emergency_expires_within_72_hours":    f"UPDATE {EMERGENCY} SET expires_at = now() + interval '72 hours 1 minute'",
    "emergency_end_is_whole":               f"UPDATE {EMERGENCY} SET ended_at = now()",
    "emergency_ends_between_declaration_and_expiry": f"UPDATE {EMERGENCY} SET ended_at = declared_at - interval '1 second', ended_by_id = declared_by_id",
    "emergency_kind_known":                 f"UPDATE {EMERGENCY} SET kind = 'weather'",
    # grants
    "grant_ends_after_it_starts":           f"UPDATE {GRANT} SET ends_at = starts_at",
    "grant_revocation_is_whole":            f"UPDATE {GRANT} SET revoked_at = now(), revoked_by_id = granted_by_id",
    "revoked_stays_revoked":                f"{REVOKE_IT}; UPDATE {GRANT} SET revoked_at = NULL, revoked_by_id = NULL, revoked_because = NULL",
    "one_grant_at_a_time":                  f"INSERT INTO {GRANT} (roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id) SELECT roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id FROM {GRANT}",
    "grant_is_allowed":                     f"UPDATE {GRANT} SET ends_at = starts_at + interval '24 hours 1 second'",
    # whose an act was, and moments that were
    "emergency_stays_written":              f"UPDATE {EMERGENCY} SET declared_by_id = 1",
    "rosterentry_stays_written":            f"UPDATE {ROSTER} SET added_by_id = 1",
    "inquiry_stays_written":                "UPDATE access_inquiry SET taken_by_id = 1",
    "emergency_ended_at_was":               f"UPDATE {EMERGENCY} SET ended_at = clock_timestamp() + interval '1 minute', ended_by_id = declared_by_id",
    "grant_revoked_at_was":                 f"UPDATE {GRANT} SET revoked_at = clock_timestamp() + interval '1 minute', revoked_by_id = granted_by_id, revoked_because = 'x'",
    "rosterentry_removed_at_was":           f"UPDATE {ROSTER} SET removed_at = clock_timestamp() + interval '1 minute', removed_by_id = added_by_id",
    "delegationcontract_suspended_at_was":  f"UPDATE {CONTRACT} SET suspended_at = clock_timestamp() + interval '1 minute', suspended_by_id = 1, suspended_because = 'x'",
    "inquiry_closed_at_was":                "UPDATE access_inquiry SET closed_at = clock_timestamp() + interval '1 minute'",
    # people and organisations
    "person_role_known":                    f"UPDATE {PERSON} SET role = 'king', organization_id = organization_id WHERE {CONTRACTOR}",
    "person_belongs_to_an_organization_unless_the_system": f"UPDATE {PERSON} SET organization_id = 1 WHERE role = 'system'",
    "operator_has_an_office":               f"UPDATE {PERSON} SET office_id = NULL WHERE username = 'operator'",
    "one_system":                           f"INSERT INTO {PERSON} (username, name, email, department, password, is_active, role) VALUES ('x', 'x', '', '', '!', false, 'system')",
    "duties_stay_separate":                 f"UPDATE {PERSON} SET role = 'auditor' WHERE username = 'supervisor'",
    "role_fits_organization":               f"UPDATE {PERSON} SET role = 'supervisor' WHERE {CONTRACTOR}",
    "organization_kind_known":              "INSERT INTO customers_organization (name, name_en, kind) VALUES ('x', '', 'company')",
    # requests, notices
    "request_lapses_after_it_is_asked":     request(lapses_at="now() - interval '1 minute'"),
    "request_answer_is_whole":              request(answer="'agreed'"),
    "request_is_answered_by_a_second_person": request(answer="'refused'", answered_at="now()", answered_by_id="p.id"),
    "request_is_agreed_to_before_it_lapses": request(answer="'agreed'", answered_at="now() + interval '2 hours'", answered_by_id="1"),
    "one_open_request_for_one_thing":       f"{request(about=THING)}; {request(about=THING)}",
    "request_outcome_comes_with_the_answer": request(outcome="'{}'"),
    "request_is_never_answered_by_its_subject": request(subject_id="1", answer="'refused'", answered_at="now()", answered_by_id="1"),
    "answered_stays_answered":              request(answer="'refused'", answered_at="now()", answered_by_id="1") + "; UPDATE access_request SET answer = 'lapsed'",
    "told_once":                            f"{NOTICE}; {NOTICE}",
    "email_is_sent_or_given_up":            f"{NOTICE}; UPDATE access_notice SET emailed_at = now(), email_given_up_at = now()",
    # names and reasons of one line
    "emergency_one_line":                   f"INSERT INTO {EMERGENCY} (kind, name, is_drill, declared_by_id, expires_at) SELECT kind, E'x\ny', is_drill, declared_by_id, expires_at FROM {EMERGENCY}",
    "grant_one_line":                       f"UPDATE {GRANT} SET revoked_at = now(), revoked_by_id = granted_by_id, revoked_because = E'x\ny'",
    "delegationcontract_one_line":          f"UPDATE {CONTRACT} SET title = E'x\ty'",
    "person_one_line":                      f"UPDATE {PERSON} SET name = E'x\u202Ey' WHERE {CONTRACTOR}",
    "office_one_line":                      "UPDATE access_office SET name_en = E'x\ry'",
    "request_one_line":                     request(because="E'x\u2028y'"),
    "inquiry_one_line":                     "UPDATE access_inquiry SET caller_name = E'x\ny'",
    "organization_one_line":                "UPDATE customers_organization SET name = name || E'\u0085'",
    "servicearea_one_line":                 "UPDATE customers_servicearea SET name = name || E'\x7F'",
    "one_heartbeat":                        "INSERT INTO access_heartbeat (id, heard_at) VALUES (2, now())",
    "one_reconciliation":                   "INSERT INTO access_reconciliation (id) VALUES (2)",
    # reviews
    "one_review_an_emergency":              f"{review()}; {review()}",
    "one_review_a_month":                   "; ".join([review(kind="'period'", emergency_id="NULL", period="'2026-10-01'", contract_id="7")] * 2),
    "review_is_of_an_emergency_or_a_month": review(period="'2026-10-01'"),
    "review_month_is_its_first_day":        review(kind="'period'", emergency_id="NULL", period="'2026-10-02'"),
    "review_is_due_after_it_opens":         review(due_at="now()"),
    "review_sign_off_is_whole":             f"{review()}; UPDATE {REVIEW} SET signed_off_at = now(), signed_off_by_id = 1, conclusion = ''",
    "review_reopening_is_whole":            review(reopened_at="now()"),
    "review_stays":                         f"{review()}; UPDATE {REVIEW} SET seed = 'another'",
    "review_is_judged_whole":               f"{judged()}; {SIGN_OFF}",
    "judged_once_a_review":                 f"{judged()}; INSERT INTO {JUDGED} (review_id, entry_id, \"timestamp\", why, note) SELECT review_id, entry_id, \"timestamp\", why, note FROM {JUDGED}",
    "reviewed_entry_says_why_it_is_there":  judged(why="'added'"),
    "reviewed_entry_stays":                 f"{judged()}; UPDATE {JUDGED} SET entry_id = 2",
    "mark_is_known":                        judged(mark="'good'", marked_at="now()", marked_by_id="1"),
    "mark_is_whole":                        judged(mark="'justified'"),
    "mark_has_its_note":                    judged(mark="'ask'", marked_at="now()", marked_by_id="1"),
    # people
    "username_is_plain":                    f"UPDATE {PERSON} SET username = 'аuditor' WHERE {CONTRACTOR}",
    "username_is_nobody_elses":             f"UPDATE {PERSON} SET username = 'Auditor' WHERE {CONTRACTOR}",
    "usernames_stay":                       "DELETE FROM access_username",
    # inquiries
    "inquiry_outcome_known":                "UPDATE access_inquiry SET outcome = 'forgotten'",
    "inquiry_closes_after_it_is_taken":     "UPDATE access_inquiry SET closed_at = taken_at - interval '1 second'",
    # customers
    "training_areas_are_no_places":         area(is_training=True),
    "area_code_is_jis_x_0402":              area(code="3720a"),
    "codes_stay":                           "UPDATE customers_servicearea SET code = '37999' WHERE code = '37201'",
    "retailer_code_is_capitals_and_digits": "UPDATE customers_organization SET code = 'a-1' WHERE code IS NULL",
    "supply_point_number_is_22_digits":     f"UPDATE customers_customer SET supply_point_number = '{HANAKO[1:]}' WHERE supply_point_number = '{HANAKO}'",
    "customer_voltage_known":               "UPDATE customers_customer SET voltage = 'none'",
    "customer_menu_category_known":         "UPDATE customers_customer SET menu_category = 'none'",
    "customer_power_factor_is_a_percentage": "UPDATE customers_customer SET power_factor_percent = 101",
    "usage_once_a_month":                   "INSERT INTO customers_monthlyusage (customer_id, month, kwh) SELECT customer_id, month, kwh FROM customers_monthlyusage",
    "usage_month_is_its_first_day":         "UPDATE customers_monthlyusage SET month = month + 1",
    # the history
    "disclosure_says_what_and_why":         forged(kind="disclosure", customer_id=1, supply_point_number=HANAKO, basis=""),
    "denial_says_why":                      forged(kind="denial", reason=""),
    "contractor_disclosure_names_its_grant": forged(kind="disclosure", customer_id=1, supply_point_number=HANAKO, basis="live_grant", fields=["name"], actor_role="contractor"),
    "seal_covers_something":                f"{SEAL} (1, 0, 0, now(), '', '', '')",
    "errand_kind_known":                    f"INSERT INTO audit_errand (kind, asked_by_id, cid, wanted, done, failed) SELECT 'tidy', id, '', '{{}}', 0, '' FROM {PERSON}",
}

#: Triggers that refuse without the name of a constraint: trigger to the statement and what it says.
REFUSED = {
    "groups_are_derived":       ("INSERT INTO access_person_groups (person_id, group_id) SELECT p.id, g.id FROM access_person p, auth_group g WHERE p.username = 'contractor' AND g.name = 'operator'", "groups follow"),
    "never_deleted":            (f"DELETE FROM {PERSON} WHERE {CONTRACTOR}", "never deleted"),
    "organization_kind_stays":  ("UPDATE customers_organization SET kind = 'network_operator' WHERE kind = 'affiliate_retailer'", "kind"),
    "never_emptied":            ("TRUNCATE access_grant", "never emptied"),
    "history_is_append_only":   ("UPDATE audit_logentry SET actor_name = 'x'", "append-only"),
    "history_is_never_emptied": ("TRUNCATE audit_logentry", "append-only"),
} | {
    f"{table}_is_never_emptied": (f"TRUNCATE audit_{table} CASCADE", "append-only") for table in ("sealedentry", "node", "seal", "head")
} | {
    "review_is_kept":           (f"{review()}; DELETE FROM {REVIEW}", "nothing is deleted"),
    "reviewedentry_is_kept":    (f"{judged()}; DELETE FROM {JUDGED}", "nothing is deleted"),
    "review_is_never_emptied":  (f"TRUNCATE {REVIEW} CASCADE", "nothing is deleted"),
    "reviewedentry_is_never_emptied": (f"TRUNCATE {JUDGED}", "nothing is deleted"),
    "sealedentry_is_append_only": ("INSERT INTO audit_sealedentry VALUES (0, 1, now(), '', ''); UPDATE audit_sealedentry SET digest = 'x'", "append-only"),
    "node_is_append_only":      ("INSERT INTO audit_node (width, start, digest) VALUES (256, 0, ''); DELETE FROM audit_node", "append-only"),
    "seal_is_append_only":      (f"{SEAL} (1, 0, 1, now(), '', '', ''); UPDATE audit_seal SET signature = 'x'", "append-only"),
    "head_is_append_only":      (f"{SEAL} (1, 0, 1, now(), '', '', ''); INSERT INTO audit_head (seal_id, destination) VALUES (1, 'x'); DELETE FROM audit_head", "append-only"),
}
# fmt: on
#: Triggers that act, or whose refusal carries the name of a constraint in BROKEN_BY.
OTHERS = {
    "groups_follow",
    "role_fits_organization",
    "roster_is_the_delegates",
    "grant_is_allowed",
    "off_the_roster_stays_off",
    "parties_stay",
    "emergency_stays_bounded",
    "areas_fit_emergency",
    "duties_stay_separate",
    "codes_stay",
    "username_is_nobody_elses",
    "usernames_stay",
    "answered_stays_answered",
    "leaving_leaves_the_roster",
    "mark_unreconciled",
    "emergency_stays_written",
    "grant_stays_written",
    "rosterentry_stays_written",
    "delegationcontract_stays_written",
    "inquiry_stays_written",
    "entries_are_sealed",
    "review_stays",
    "reviewed_entry_stays",
} | {name for name in BROKEN_BY if name.endswith("_one_line")}  # fmt: skip


@pytest.fixture
def told(world):
    """The world with an emergency, grants and an inquiry, so that every table has a row to break."""
    emergency = world.declare()
    Inquiry.objects.create(
        taken_by=world.contractor, emergency=emergency, caller_name="通報者", kind="outage"
    )
    return world


def run(statement: str) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        # else TRUNCATE is refused for a reason of its own: foreign keys still to be checked
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(statement)


def refusal(statement: str) -> tuple[str | None, str]:
    """The constraint that the database names when it refuses a statement, and its sentence; nothing of it stays."""
    try:
        with transaction.atomic():
            run(statement)
            transaction.set_rollback(True)
    except IntegrityError as error:
        return error.__cause__.diag.constraint_name, str(error)
    return None, ""


def test_a_constraint_refuses_what_must_never_be(told):
    named = {name: refusal(statement)[0] for name, statement in BROKEN_BY.items()}
    assert {name: constraint for name, constraint in named.items() if constraint != name} == {}


def test_a_trigger_refuses_what_must_never_be(told):
    sentences = {name: refusal(statement)[1] for name, (statement, _says) in REFUSED.items()}
    assert {name: said for name, said in sentences.items() if REFUSED[name][1] not in said} == {}


@pytest.mark.parametrize(
    "then",
    [
        f"UPDATE {REVIEW} SET figures = '[]'",
        f"UPDATE {REVIEW} SET due_at = due_at + interval '1 day'",
        f"UPDATE {REVIEW} SET signed_off_at = NULL, signed_off_by_id = NULL, conclusion = NULL",
        f"UPDATE {REVIEW} SET conclusion = 'y', reopened_at = now(), reopened_by_id = 1, reopened_because = 'x'",
        f"UPDATE {JUDGED} SET note = 'x'",
        f"INSERT INTO {JUDGED} (review_id, entry_id, \"timestamp\", why, note) SELECT id, 9, now(), 'random', '' FROM {REVIEW}",
    ],
)
def test_what_is_signed_off_stays_as_it_is(told, then):
    run(judged(mark="'justified'", marked_at="now()", marked_by_id="1"))
    run(SIGN_OFF)
    with pytest.raises(IntegrityError, match="stays"):
        run(then)


@pytest.mark.parametrize(
    "then",
    [
        "emergency_id = 2",
        "emergency_name = 'y'",
        "is_drill = true",
        "contract_id = 2",
        "contract_title = 'y'",
        "starts_at = starts_at - interval '1 day'",
        "ends_at = ends_at + interval '1 day'",
        "seed = 'another'",
        "figures = '[]'",
        "opened_at = opened_at - interval '1 day'",
    ],
)
def test_what_an_open_review_was_opened_with_stays(told, then):
    run(review())
    with pytest.raises(IntegrityError, match="stays as it was opened"):
        run(f"UPDATE {REVIEW} SET {then}")


def test_a_months_review_is_of_no_other_month(told):
    run(review(kind="'period'", emergency_id="NULL", period="'2026-10-01'"))
    with pytest.raises(IntegrityError, match="stays as it was opened"):
        run(f"UPDATE {REVIEW} SET period = '2026-11-01'")


@pytest.mark.parametrize(
    "then",
    [
        f"review_id = (SELECT id FROM {REVIEW} WHERE emergency_id = 2)",
        "entry_id = 2",
        '"timestamp" = "timestamp" + interval \'1 day\'',
        "why = 'outlier'",
        "why = 'added', added_by_id = 1",
        "mark = NULL, marked_at = NULL, marked_by_id = NULL",
    ],
)
def test_a_judged_entry_stays_the_one_that_it_is(told, then):
    run(f"{review(emergency_id='2')}; {judged(mark=JUSTIFIED, marked_at='now()', marked_by_id='1')}")
    with pytest.raises(IntegrityError, match="stays among those to judge"):
        run(f"UPDATE {JUDGED} SET {then}")


def test_who_added_an_entry_stays(told):
    run(judged(why="'added'", added_by_id="1", mark=JUSTIFIED, marked_at="now()", marked_by_id="1"))
    with pytest.raises(IntegrityError, match="stays among those to judge"):
        run(f"UPDATE {JUDGED} SET added_by_id = 2")


def test_no_review_with_an_open_question_is_signed_off(told):
    run(judged(mark="'ask'", note="'x'", marked_at="now()", marked_by_id="1"))
    with pytest.raises(IntegrityError, match="no question is open"):
        run(SIGN_OFF)


def test_a_review_does_not_come_signed_off(told):
    with pytest.raises(IntegrityError, match="before it is signed off"):
        run(review(signed_off_at="now()", signed_off_by_id="1", conclusion="'x'"))


def test_a_deadline_is_not_put_off(told):
    run(review())
    with pytest.raises(IntegrityError, match="stays"):
        run(f"UPDATE {REVIEW} SET due_at = due_at + interval '1 day'")


def test_contracts_are_never_deleted_and_history_neither(told):
    with pytest.raises(IntegrityError, match="never deleted"):
        run(f"DELETE FROM {CONTRACT}")
    with pytest.raises(IntegrityError, match="append-only"):
        run("DELETE FROM audit_logentry")
    assert LogEntry.objects.exists()


def test_a_supply_point_number_is_unique(told):
    with pytest.raises(IntegrityError, match="supply_point_number"):
        run("UPDATE customers_customer SET supply_point_number = '" + "1" * 22 + "'")


def test_a_contract_delegates_something(told):
    with pytest.raises(IntegrityError, match="delegated_items"):
        run(f"UPDATE {CONTRACT} SET delegated_items = '{{}}'")


def test_an_emergency_always_has_an_expiry(told):
    with pytest.raises(IntegrityError, match="expires_at"):
        run(f"UPDATE {EMERGENCY} SET expires_at = NULL")


def test_a_grant_needs_somebody_on_the_roster_now(told):
    grant = Grant.objects.first()
    columns = "roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id"
    run(f"UPDATE {GRANT} SET ends_at = starts_at + interval '1 hour'")
    again = (
        f"INSERT INTO {GRANT} ({columns}) SELECT roster_entry_id, emergency_id, "
        f"starts_at + interval '1 hour', starts_at + interval '2 hours', granted_by_id FROM {GRANT} "
        f"WHERE id = {grant.pk}"
    )
    run(again + " RETURNING id")
    run(REVOKE_IT)
    run(f"UPDATE {ROSTER} SET removed_at = now(), removed_by_id = added_by_id")
    with pytest.raises(IntegrityError, match="on the roster"):
        run(again)


@pytest.mark.parametrize(
    "spoil",
    [
        f"UPDATE {ROSTER} SET trained_on = NULL",
        f"UPDATE {ROSTER} SET trained_on = current_date - 400",
        f"UPDATE {ROSTER} SET trained_on = current_date + 2",
        f"UPDATE {CONTRACT} SET suspended_at = now(), suspended_by_id = 1, suspended_because = 'x'",
        END_IT,
        f"UPDATE {EMERGENCY} SET expires_at = now() + interval '1 hour'",
    ],
)
def test_a_grant_is_for_the_trained_under_a_contract_in_force_within_its_emergency(told, spoil):
    run(REVOKE_IT)
    run(spoil)
    columns = "roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id"
    with pytest.raises(IntegrityError, match="a grant is for somebody trained"):
        run(
            f"INSERT INTO {GRANT} ({columns}) SELECT roster_entry_id, emergency_id, now(), "
            f"now() + interval '2 hours', granted_by_id FROM {GRANT}"
        )


@pytest.mark.parametrize("how", ["organization_id", "department", "is_active"])
def test_who_leaves_is_off_the_roster_and_coming_back_brings_nothing_back(told, how):
    before = getattr(told.contractor, how)
    after = {"organization_id": told.organizations["other"].pk, "department": "別の部署", "is_active": False}
    for value in (after[how], before):
        setattr(told.contractor, how, value)
        told.contractor.save()
    assert not Grant.objects.live().filter(roster_entry__person=told.contractor).exists()
    assert Grant.objects.live().count() == 1, "nobody else's"


def test_the_list_is_complete():
    ours = "('access', 'customers', 'audit')"
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype IN ('c', 'x') AND conrelid IN (SELECT oid "
            f"FROM pg_class WHERE split_part(relname, '_', 1) IN {ours}) AND conname !~ '_check$'"
        )
        checks = {name for (name,) in cursor}
        cursor.execute(
            "SELECT DISTINCT tgname FROM pg_trigger WHERE NOT tgisinternal AND tgrelid IN (SELECT oid "
            f"FROM pg_class WHERE split_part(relname, '_', 1) IN {ours})"
        )
        triggers = {name for (name,) in cursor}
    assert checks - BROKEN_BY.keys() == set()
    assert triggers == REFUSED.keys() | OTHERS
