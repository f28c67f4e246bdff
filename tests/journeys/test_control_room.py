"""The night in a real browser: pages that move by themselves, and leave when they must."""

import contextlib

import pytest
from playwright.sync_api import Error

from access import lifecycle
from access.models import Emergency, Grant, Inquiry, Request
from customers import keys
from tests.journeys.conftest import wait_for
from tests.journeys.test_story import look_up, open_customer, take_inquiry
from tests.world import HANAKO, TAKAMATSU

pytestmark = pytest.mark.journey


def customer_page(portal, page) -> str:
    """Takes an inquiry, looks the caller up and opens the customer; returns the lookup page's address."""
    take_inquiry(page)
    inquiry = page.url
    look_up(page, phone="087-821-0001")
    open_customer(page)
    return inquiry


def shows_a_customer(page) -> bool:
    while True:
        try:
            content = page.content()
        except Error:  # it is on its way elsewhere
            page.wait_for_load_state()
            continue
        return "香川 花子" in content or HANAKO in content


@pytest.mark.parametrize("worker", ["at work", "dead"])
def test_an_open_page_is_empty_within_five_seconds_of_the_end(portal, visit, worker):
    emergency = portal.world.declare()
    customer, results = visit("contractor"), visit("contractor02")
    customer_page(portal, customer)
    take_inquiry(results)
    look_up(results, phone="087-821-0001")
    results.wait_for_selector("table.results")
    if worker == "dead":
        portal.kill("worker", "beat")
    lifecycle.end(emergency, portal.world.supervisor)
    for page in (customer, results):
        wait_for(lambda page=page: not shows_a_customer(page), "the customer to leave the screen", 5)
        page.wait_for_load_state()
        with contextlib.suppress(Error):  # a list of results is not to be had again at all
            page.go_back()
        assert not shows_a_customer(page)


def test_an_open_page_that_cannot_ask_hides_what_it_shows(portal, visit):
    portal.world.declare()
    page = visit("contractor")
    customer_page(portal, page)
    portal.kill("web")
    wait_for(lambda: not shows_a_customer(page), "the customer to be hidden", 9)
    assert page.locator("main .refused").is_visible()


def test_without_javascript_the_page_asks_again_by_itself(portal, visit):
    emergency = portal.world.declare()
    page = visit("contractor", java_script_enabled=False)
    customer_page(portal, page)
    lifecycle.end(emergency, portal.world.supervisor)
    wait_for(lambda: not shows_a_customer(page), "the page to ask again", 8)


def test_without_javascript_a_list_stays_while_it_may_and_leaves_when_it_must(portal, visit):
    emergency = portal.world.declare()
    page = visit("contractor", java_script_enabled=False)
    take_inquiry(page)
    look_up(page, phone="087-821-0001")
    page.wait_for_url("**/?again=*")
    assert shows_a_customer(page)
    lifecycle.end(emergency, portal.world.supervisor)
    wait_for(lambda: not shows_a_customer(page), "the list to leave the screen", 8)


def test_the_board_moves_by_itself_and_opens_what_is_behind_a_number(portal, visit):
    board = visit("supervisor02")
    board.goto("/board/")
    assert board.locator("#board .empty").count() >= 3
    portal.world.declare(TAKAMATSU)
    board.wait_for_selector("#board a.figure[href*='contract=']", timeout=8000)
    assert board.locator("a.figure[href*='contract=']").inner_text() == "2"
    board.click("a.figure[href*='contract=']")
    board.wait_for_url("**contract=*")
    assert board.locator("table.list tbody tr").count() == 2


def test_a_second_supervisor_agrees_in_the_browser(portal, visit):
    portal.world.ask_under_dual_control()
    first, second = visit("supervisor"), visit("supervisor02")
    for page in (first, second):
        page.goto("/requests/")
    assert first.locator("button[value=agree]").count() == 0
    second.click("button[value=agree]")
    second.wait_for_url("**/requests/")
    assert Grant.objects.live().count() == 2
    assert not Request.objects.waiting().exists()


def test_a_drill_through_the_form_says_drill_on_every_page(portal, visit):
    supervisor = visit("supervisor")
    supervisor.goto("/emergencies/declare/")
    supervisor.fill("[name=name]", "総合防災訓練")
    supervisor.check("[name=is_drill]")
    supervisor.check(f"[name=areas][value='{portal.world.areas['99001'].pk}']")
    supervisor.click("main button[type=submit]")
    supervisor.wait_for_selector(".band.drill")
    assert Emergency.objects.get().is_drill
    contractor = visit("contractor")
    assert contractor.locator(".band.drill").inner_text().startswith("訓練")
    take_inquiry(contractor)
    look_up(contractor, address="訓練市演習町1-1-1")
    open_customer(contractor)
    assert "訓練 一郎" in contractor.content()
    look_up_real = keys.make(
        portal.world.contractor, portal.world.customers[HANAKO].pk, Inquiry.objects.get().pk
    )
    assert contractor.goto(f"/customers/{look_up_real}/").status == 404
