"""Every page for every role: opened by whose work it is, refused and written down for everybody else."""

import pytest
from django.urls import reverse

from access.pages import ANYBODY, PAGES, SHOWN, SIGNED_IN, Page
from access.people import Role
from access.roles import ROLES
from audit.models import LogEntry
from config.checks import every_permission_exists, every_url_has_its_permission, url_names

pytestmark = pytest.mark.django_db
ROLE_NAMES = [role.role.value for role in ROLES]


def address(name: str, world) -> str:
    """Some address of the page; its objects need not exist where the page is refused."""
    kept = {
        "access_person": world.operator.pk,
        "access_office": world.operator.office_id,
        "access_delegationcontract": world.contract.pk,
        "customers_organization": world.organizations["other"].pk,
        "customers_servicearea": next(iter(world.areas.values())).pk,
        "auth_user": world.operator.pk,
    }
    for args in ([], [1], ["x"], [1, 1], ["contract", world.contract.pk]):
        for prefix, pk in kept.items():
            if name.startswith(f"portal:{prefix}_") and args:
                args = [pk]
        if name in ("portal:roster", "portal:add_to_roster") and args:
            args = [world.contract.pk]
        try:
            return reverse(name, args=args)
        except Exception:  # noqa: BLE001, S112
            continue
    raise AssertionError(f"no address for {name}")


def test_every_url_has_its_permission():
    assert not every_url_has_its_permission(None)
    assert not every_permission_exists(None)


def test_a_forgotten_url_is_found(monkeypatch):
    monkeypatch.delitem(PAGES, "portal:lookup")
    assert [error.id for error in every_url_has_its_permission(None)] == ["portal.E001"]


def test_a_line_without_a_url_is_found(monkeypatch):
    monkeypatch.setitem(PAGES, "portal:gone", Page(SIGNED_IN, SHOWN))
    assert [error.id for error in every_url_has_its_permission(None)] == ["portal.E002"]


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_a_role_opens_its_pages_and_no_other(world, client_of, role):
    person = world.people[role]
    client = client_of(person)
    held = next(r for r in ROLES if r.role == role).permissions
    for name in url_names():
        if PAGES[name].needs in (ANYBODY, SIGNED_IN):
            continue
        before = LogEntry.objects.denials().count()
        response = client.get(address(name, world))
        refused_for_role = (
            response.status_code == 403
            and LogEntry.objects.denials().count() == before + 1
            and LogEntry.objects.denials().newest_first().first().reason == "role"
        )
        assert refused_for_role == (PAGES[name].needs not in held), (role, name, response.status_code)


def test_without_signing_in_every_page_asks_for_it(world, client):
    for name in url_names():
        if PAGES[name].needs is ANYBODY:
            continue
        response = client.get(address(name, world))
        assert response.status_code == 302, name
        assert response["Location"].startswith("/login/"), name


@pytest.mark.parametrize("role", ROLE_NAMES)
def test_everybody_has_a_first_page(world, client_of, role):
    response = client_of(world.people[role]).get("/")
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store, private"


def test_there_is_a_role_for_everybody_and_a_description_for_every_role():
    assert {role.role for role in ROLES} == set(Role) - {Role.SYSTEM}
