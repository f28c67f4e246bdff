"""At the desk, in a real browser: an input method that composes, the way back, a browser without JavaScript, print."""

import re

import pytest

from access import inquiries, lifecycle
from access.models import Inquiry, Session
from audit.models import LogEntry
from customers import reading
from customers.models import Customer
from tests.world import HANAKO, MARUGAME, PASSWORD

pytestmark = pytest.mark.journey


@pytest.fixture
def processes() -> tuple[str, ...]:
    return ("web",)


@pytest.fixture
def call(portal) -> str:
    """The address of a contractor's inquiry in an open emergency, where a neighbour lives in Hanako's street."""
    world = portal.world
    hanako = Customer.objects.get(supply_point_number=HANAKO)
    hanako.pk, hanako.supply_point_number, hanako.phone_key = None, f"0807{1:018}", "0878210099"
    hanako.save(force_insert=True)
    emergency = world.declare(name="台風第14号")
    taken = inquiries.take(world.contractor, Inquiry(emergency=emergency, caller_name="香川", kind="outage"))
    return f"/inquiries/{taken.pk}/"


def searches() -> int:
    return LogEntry.objects.filter(kind__in=["disclosure", "lookup"]).count()


def test_what_an_input_method_composes_is_not_looked_up(call, visit):
    page = visit("operator")
    page.goto("/lookup/")
    asked = []
    page.on(
        "request", lambda request: asked.append(request.method) if request.url.endswith("/lookup/") else None
    )
    page.focus("[name=words]")
    keyboard = page.context.new_cdp_session(page)
    for so_far in ("k", "か", "かg", "かが", "かがw", "かがわ", "香川"):
        keyboard.send("Input.imeSetComposition", {"text": so_far, "selectionStart": 1, "selectionEnd": 1})
        page.wait_for_timeout(600)  # longer than the typing's pause
    assert asked == []
    keyboard.send("Input.insertText", {"text": "香川"})
    page.wait_for_selector("#results .muted")
    assert asked == ["POST"]
    assert page.locator("table.results").count() == 0
    assert searches() == 0, "a surname may be many people's, so nothing was asked"
    page.keyboard.press("Enter")
    page.wait_for_selector("table.results")
    assert page.locator("table.results tbody tr").count() == 2
    assert LogEntry.objects.disclosures().count() == 2


@pytest.mark.parametrize("javascript", [True, False])
def test_back_from_a_customer_is_the_result_asked_and_written_again(call, visit, javascript):
    page = visit("contractor", java_script_enabled=javascript)
    page.goto(call)
    page.fill("[name=words]", "087-821-0001")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.results")
    listed = LogEntry.objects.filter(event="customer.listed")
    before = listed.count()
    page.click("table.results a.button")
    page.wait_for_selector("dl.customer")
    page.go_back()
    page.wait_for_selector("table.results")
    assert "香川 花子" in page.locator("table.results").inner_text()
    assert "0001" not in page.url
    assert listed.count() > before
    assert (page.locator("[name=words]").count() == 0) is not javascript, "a page that moves has no form"
    if not javascript:
        page.click("main .actions a.button:not(.primary)")
        assert page.input_value("[name=words]") == "087-821-0001"


def test_back_from_a_customer_who_was_found_as_one_typed(call, visit):
    page = visit("contractor")
    page.goto(call)
    page.locator("[name=words]").press_sequentially("087-821-0001")
    page.click("table.results a.button")
    page.wait_for_selector("dl.customer")
    page.go_back()
    page.wait_for_selector("table.results")
    assert page.input_value("[name=words]") == "087-821-0001"


def test_back_from_the_letter_is_what_it_was_written_from(call, portal, visit):
    reading.look_up(portal.world.operator, reading.Terms(phone="087-821-0001"))
    for javascript in (True, False):
        page = visit("auditor", java_script_enabled=javascript)
        page.goto("/history/customer/")
        page.fill("[name=number]", HANAKO)
        page.click("main form button[type=submit]")
        page.click("#answer button.primary")
        page.wait_for_selector("article")
        page.goto("/history/")
        page.go_back()
        page.wait_for_selector("article")
        page.go_back()
        page.wait_for_selector("#answer")
        assert HANAKO not in page.url
    assert LogEntry.objects.filter(event="history.customer_answered").count() == 4


def test_a_customer_leaves_the_screen_with_its_own_emergency(call, portal, visit):
    portal.world.declare(MARUGAME, name="前線による大雨")
    page = visit("contractor")
    page.goto(call)
    page.locator("[name=words]").press_sequentially("087-821-0001")
    page.click("table.results a.button")
    page.wait_for_selector("dl.customer")
    lifecycle.end(portal.world.supervisor and Inquiry.objects.get().emergency, portal.world.supervisor)
    page.wait_for_selector("dl.customer", state="detached", timeout=6000)
    assert "香川 花子" not in page.content()
    assert "前線による大雨" in page.locator(".band").inner_text()
    assert "台風第14号" not in page.locator(".band").inner_text()


def test_the_boards_band_loses_what_has_ended(call, portal, visit):
    page = visit("supervisor")
    page.goto("/board/")
    assert "台風第14号" in page.locator(".band").inner_text()
    lifecycle.end(Inquiry.objects.get().emergency, portal.world.supervisor)
    page.wait_for_selector(".band.peace")


def test_words_that_are_typed_when_the_session_ends_come_back(call, visit):
    page = visit("contractor")
    page.goto(call)
    Session.objects.all().delete()
    page.fill("[name=words]", "かがわ")  # the page asks by itself, and is sent away
    page.wait_for_url("**/login/**")
    page.fill("[name=username]", "contractor")
    page.fill("[name=password]", PASSWORD)
    page.click("main button[type=submit]")
    page.wait_for_url(f"**{call}")
    assert page.input_value("[name=words]") == "かがわ"


def luminance(colour: str) -> float:
    channels = [int(one) / 255 for one in re.findall(r"\d+", colour)[:3]]
    linear = [one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Of two colours as CSS says them: WCAG 2.2, relative luminance."""
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


#: Of each thing that is used by keyboard: its ring, its border if it is a field, and what is behind them.
RINGS = """() => [...document.querySelectorAll('main a, main button, main input, main select, .top a, .top button, .side a')]
  .filter((one) => one.checkVisibility() && !one.disabled).map((one) => {
    one.focus({focusVisible: true});
    let behind = one.parentElement;
    while (behind && getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;
    const style = getComputedStyle(one);
    return {what: one.outerHTML.slice(0, 90), ring: style.outlineColor, width: style.outlineWidth,
      border: one.matches('.field input:not([type=checkbox], [type=radio]), .field select') ? style.borderTopColor : '',
      behind: getComputedStyle(behind).backgroundColor};
  })"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_and_the_fields_are_seen(call, visit, scheme):
    for person, path in (
        ("contractor", call),
        ("supervisor", "/emergencies/declare/"),
        ("administrator", "/customers/import/"),
    ):
        page = visit(person, color_scheme=scheme)
        page.goto(path)
        seen = page.evaluate(RINGS)
        assert any(one["border"] for one in seen)
        for one in seen:
            assert one["width"] == "3px", one
            assert contrast(one["ring"], one["behind"]) >= 3, one
            assert not one["border"] or contrast(one["border"], one["behind"]) >= 3, one


def test_an_emergency_is_printed_with_its_grants(call, portal, visit):
    page = visit("supervisor")
    page.goto(f"/emergencies/{Inquiry.objects.get().emergency_id}/")
    page.emulate_media(media="print")
    assert page.locator("main td", has_text=portal.world.contractor.name).is_visible()
    assert not any(
        one.is_visible() for one in page.locator("main form button, main form input, #revoke").all()
    )
