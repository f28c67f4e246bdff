"""Pages speak to people: no name of a constraint, a column or a role that is nobody's stands on one."""

import re

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse

from access.people import Role
from customers.disclosure import TABLE

pytestmark = pytest.mark.django_db

NAMES_OF_CONSTRAINTS = {
    constraint.name
    for label in ("access", "customers", "audit")
    for model in apps.get_app_config(label).get_models()
    for constraint in model._meta.constraints
}


def bad_forms(world) -> list[tuple[str, str, dict]]:
    """Who sends what to which page: each breaks a constraint, or leaves everything out."""
    person = {
        "username": "friend", "name": "友人", "email": "friend@example.jp", "role": "supervisor",
        "organization": world.operator.organization_id,
    }  # fmt: skip
    contract = {
        "title": "別の契約", "delegator": world.contract.delegator_id, "delegate": world.contract.delegate_id,
        "starts_at_0": "2026-01-01", "starts_at_1": "00:00", "ends_at_0": "2027-01-01", "ends_at_1": "00:00",
        "delegated_items": ["name"], "max_grant_hours": "24", "training_valid_days": "366",
        "max_results": "10", "slow_after": "20", "stop_after": "40",
    }  # fmt: skip
    people, contracts = "/registers/person/", "/registers/delegationcontract/"
    own = [f"{people}add/", f"{people}{world.contractor.pk}/change/"]
    terms = [f"{contracts}add/", f"{contracts}{world.contract.pk}/change/"]
    return [
        *(("administrator", page, person | wrong) for page in own for wrong in (
            {"role": "system"}, {"role": "system", "organization": ""}, {"role": "operator"}, {"role": ""},
            {"role": "contractor"}, {"organization": ""}, {"username": "auditor"}, {"email": "", "name": ""},
        )),
        *(("supervisor", page, contract | wrong) for page in terms for wrong in (
            {"max_grant_hours": "73"}, {"max_grant_hours": "0"}, {"ends_at_0": "2025-01-01"}, {"delegated_items": []},
            {"delegate": world.contract.delegator_id}, {"slow_after": "40"}, {"stop_after": "401"},
            {"training_valid_days": "0"}, {"max_results": "11"}, {"delegated_items": ["monthly_usage"]},
        )),
        ("administrator", "/registers/organization/add/", {"name": "別", "code": "a b", "kind": "retailer"}),
        ("administrator", "/registers/organization/add/", {"name": "別", "kind": "network_operator"}),
        ("administrator", "/registers/organization/add/", {"name": "別", "code": "Z9001", "kind": "retailer"}),
        *((who, page, {}) for who, page in (
            ("administrator", own[0]), ("administrator", own[1]), ("supervisor", terms[0]), ("supervisor", terms[1]),
            ("administrator", f"/registers/servicearea/{world.areas['37201'].pk}/change/"),
            ("administrator", f"/registers/office/{world.operator.office_id}/change/"),
        )),
    ]  # fmt: skip


def test_no_form_shows_the_name_of_a_constraint(world, client_of):
    clients = {who: client_of(world.people[who]) for who in ("administrator", "supervisor")}
    for who, page, form in bad_forms(world):
        shown = clients[who].post(page, form)
        if shown.status_code == 302:  # a contractor's page with a supervisor's role is asked for, and waits
            continue
        text = shown.content.decode()
        assert not {name for name in NAMES_OF_CONSTRAINTS if name in text}, (page, form)
        assert "errorlist" in text, (page, form)


def test_no_form_offers_the_role_of_the_system(world, client_of):
    client = client_of(world.administrator)
    for page in ("/registers/person/add/", f"/registers/person/{world.operator.pk}/change/"):
        assert f'value="{Role.SYSTEM}"' not in client.get(page).content.decode()


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_wrong_password_speaks_of_no_staff(world, language):
    client = Client()
    client.cookies["portal_language"] = language
    for username in ("operator", "nobody"):
        page = client.post(reverse("portal:login"), {"username": username, "password": "wrong"})
        text = page.content.decode()
        assert "errorlist" in text
        assert not any(word in text for word in ("staff", "スタッフ"))


@pytest.mark.parametrize("who", ["auditor", "supervisor-ehime"])
def test_who_may_only_read_a_contract_reads_its_items_in_words(world, client_of, who):
    world.contract.contractgrouppermission_set.filter(permission__codename="grant_under_contract").delete()
    text = client_of(world.people[who]).get(f"/registers/delegationcontract/{world.contract.pk}/change/")
    shown = text.content.decode().split("<main", 1)[1]
    items = [item for item in TABLE if item.code in world.contract.delegated_items]
    assert all(str(item.label) in shown for item in items)
    assert not [item.code for item in items if f"'{item.code}'" in shown or f">{item.code}" in shown]


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_field_of_a_register_has_a_label_of_its_own(world, client_of, language):
    for who, path in (
        ("supervisor", "/registers/delegationcontract/add/"),
        ("supervisor", f"/registers/delegationcontract/{world.contract.pk}/change/"),
        ("administrator", "/registers/person/add/"),
        ("administrator", "/registers/organization/add/"),
        ("administrator", f"/registers/servicearea/{world.areas['37201'].pk}/change/"),
    ):
        client = client_of(world.people[who])
        client.cookies["portal_language"] = language
        page = client.get(path).content.decode().split("<main", 1)[1]
        labels = dict(re.findall(r'<label[^>]* for="([^"]+)"[^>]*>(.*?)</label>', page, re.DOTALL))
        called = []
        for field in re.findall(r"<(?:input|select|textarea)\b[^>]*>", page):
            if not re.search(r'type="(?:hidden|submit|checkbox)"', field):
                own = re.search(r'aria-label="([^"]+)"', field)
                called.append(own[1] if own else labels.get(re.search(r'id="([^"]+)"', field)[1]))
        assert called, path
        assert all(called), (path, called)
        assert len(set(called)) == len(called), (path, called)
