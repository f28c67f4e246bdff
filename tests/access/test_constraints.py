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


def forged(**columns) -> str:
    """An entry of the history like the last one, with these columns otherwise."""
    other = json.dumps(columns | {"id": 10**9})
    return (
        f"INSERT INTO audit_logentry SELECT (jsonb_populate_record(e, '{other}')).* "
        "FROM audit_logentry e ORDER BY id DESC LIMIT 1"
    )


#: Check and unique constraints, and what triggers say they are: name to the statement that breaks it.
# fmt: off
BROKEN_BY = {
    # contracts
    "contract_ends_after_it_starts":        f"UPDATE {CONTRACT} SET ends_at = starts_at",
    "delegator_and_delegate_differ":        f"UPDATE {CONTRACT} SET delegator_id = delegate_id",
    "delegated_items_are_of_the_first_five": f"UPDATE {CONTRACT} SET delegated_items = '{{name,monthly_usage}}'",
    "grant_ceiling_is_1_to_72_hours":       f"UPDATE {CONTRACT} SET max_grant_hours = 73",
    "contract_suspension_is_whole":         f"UPDATE {CONTRACT} SET suspended_at = now()",
    "contract_end_is_whole":                f"UPDATE {CONTRACT} SET ended_at = now()",
    # rosters
    "on_a_roster_once":                     f"INSERT INTO {ROSTER} (contract_id, person_id, trained_on, added_by_id) SELECT contract_id, person_id, trained_on, added_by_id FROM {ROSTER}",
    "roster_removal_is_whole":              f"UPDATE {ROSTER} SET removed_at = now()",
    "roster_is_the_delegates":              f"UPDATE {ROSTER} SET person_id = (SELECT id FROM {PERSON} WHERE username = 'retailer')",
    # emergencies
    "emergency_expires_within_72_hours":    f"UPDATE {EMERGENCY} SET expires_at = declared_at + interval '72 hours 1 second'",
    "emergency_end_is_whole":               f"UPDATE {EMERGENCY} SET ended_at = now()",
    "emergency_ends_between_declaration_and_expiry": f"UPDATE {EMERGENCY} SET ended_at = expires_at + interval '1 second', ended_by_id = declared_by_id",
    "emergency_kind_known":                 f"UPDATE {EMERGENCY} SET kind = 'weather'",
    # grants
    "grant_ends_after_it_starts":           f"UPDATE {GRANT} SET ends_at = starts_at",
    "grant_revocation_is_whole":            f"UPDATE {GRANT} SET revoked_at = now(), revoked_by_id = granted_by_id",
    "one_grant_a_person_an_emergency":      f"INSERT INTO {GRANT} (roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id) SELECT roster_entry_id, emergency_id, starts_at, ends_at, granted_by_id FROM {GRANT}",
    "grant_is_allowed":                     f"UPDATE {GRANT} SET ends_at = starts_at + interval '24 hours 1 second'",
    # people and organisations
    "person_role_known":                    f"UPDATE {PERSON} SET role = 'king', organization_id = organization_id WHERE {CONTRACTOR}",
    "person_belongs_to_an_organization_unless_the_system": f"UPDATE {PERSON} SET organization_id = 1 WHERE role = 'system'",
    "operator_has_an_office":               f"UPDATE {PERSON} SET office_id = NULL WHERE username = 'operator'",
    "one_system":                           f"INSERT INTO {PERSON} (username, name, email, password, is_active, role) VALUES ('x', 'x', '', '!', false, 'system')",
    "role_fits_organization":               f"UPDATE {PERSON} SET role = 'supervisor' WHERE {CONTRACTOR}",
    "organization_kind_known":              "INSERT INTO customers_organization (name, name_en, kind) VALUES ('x', '', 'company')",
    # inquiries
    "inquiry_closes_after_it_is_taken":     "UPDATE access_inquiry SET closed_at = taken_at - interval '1 second'",
    # customers
    "area_code_is_jis_x_0402":              "UPDATE customers_servicearea SET code = '3720a' WHERE code = '37201'",
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
}

#: Triggers that refuse without the name of a constraint: trigger to the statement and what it says.
REFUSED = {
    "groups_are_derived":       ("INSERT INTO access_person_groups (person_id, group_id) SELECT p.id, g.id FROM access_person p, auth_group g WHERE p.username = 'contractor' AND g.name = 'operator'", "groups follow"),
    "never_deleted":            (f"DELETE FROM {PERSON} WHERE {CONTRACTOR}", "never deleted"),
    "organization_kind_stays":  ("UPDATE customers_organization SET kind = 'network_operator' WHERE kind = 'affiliate_retailer'", "kind"),
    "history_is_append_only":   ("UPDATE audit_logentry SET actor_name = 'x'", "append-only"),
    "history_is_never_emptied": ("TRUNCATE audit_logentry", "append-only"),
}
# fmt: on
#: Triggers that act, or whose refusal carries the name of a constraint in BROKEN_BY.
OTHERS = {"groups_follow", "role_fits_organization", "roster_is_the_delegates", "grant_is_allowed"}


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


@pytest.mark.parametrize("name", BROKEN_BY)
def test_a_constraint_refuses_what_must_never_be(told, name):
    with pytest.raises(IntegrityError) as refused:
        run(BROKEN_BY[name])
    assert refused.value.__cause__.diag.constraint_name == name


@pytest.mark.parametrize("name", REFUSED)
def test_a_trigger_refuses_what_must_never_be(told, name):
    statement, says = REFUSED[name]
    with pytest.raises(IntegrityError, match=says):
        run(statement)


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
    run(f"UPDATE {ROSTER} SET removed_at = now(), removed_by_id = added_by_id")
    with pytest.raises(IntegrityError, match="on the roster"):
        run(f"UPDATE {GRANT} SET starts_at = starts_at + interval '1 second' WHERE id = {grant.pk}")


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
