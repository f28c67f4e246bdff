"""Every page in a real browser: it fits its window, keeps its own security policy, works by keyboard.

The README's pictures are taken here, so that they cannot lie: SCREENSHOTS=docs/images writes them
(`make screenshots`); otherwise they go to build/.
"""

import os
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat

from access import accounts, inquiries, lifecycle
from access.models import DelegationContract, Emergency, Inquiry, Office, Person, RosterEntry
from audit import errands, exporting, review, sealing
from audit.models import Errand, LogEntry, Review
from customers import keys, reading
from customers.models import Organization, ServiceArea
from tests.world import HANAKO, JIRO

pytestmark = pytest.mark.journey

PICTURES = Path(os.environ.get("SCREENSHOTS", "build/screenshots"))


@pytest.fixture
def processes() -> tuple[str, ...]:
    """Pages are served without a worker."""
    return ("web",)


@pytest.fixture
def addresses(portal) -> dict[str, list[str]]:
    """What each role may open, in an emergency with an inquiry taken and a customer seen."""
    world = portal.world
    over = world.declare(name="前線による大雨")
    call = inquiries.take(world.contractor, Inquiry(emergency=over, caller_name="丸亀", kind="danger"))
    reading.open_customer(world.contractor, world.customers[JIRO].pk, call)
    lifecycle.end(over, world.supervisor)
    review.open_what_is_due()
    reviewed = Review.objects.get(emergency_id=over.pk).pk
    emergency = world.declare()
    RosterEntry.objects.filter(person__username="contractor02").update(trained_on=None)
    lifecycle.extend(world.supervisor02, emergency, emergency.expires_at + timedelta(hours=2), "まだ停電中")
    DelegationContract.objects.update(dual_control=True)
    lifecycle.extend(world.supervisor02, emergency, emergency.expires_at + timedelta(hours=9), "長引く見込み")
    accounts.change_right(
        world.administrator02, "grant", world.contract.pk, world.operator.office.group, give=True
    )
    inquiry = inquiries.take(
        world.contractor,
        Inquiry(
            emergency=emergency,
            caller_name="香川",
            caller_phone="087-821-0001",
            kind="outage",
            note="昨夜から停電しており、復旧の見込みを知りたいとのこと。",
        ),
    )
    hanako = world.customers[HANAKO].pk
    reading.look_up(world.contractor, reading.Terms(phone="087-821-0001"), inquiry)
    reading.open_customer(world.contractor, hanako, inquiry)

    def opened(person, inquiry_id=None) -> str:
        return f"/customers/{keys.make(person, hanako, inquiry_id)}/"

    sealing.seal_what_waits()
    verified = errands.ask(Errand.Kind.VERIFY, world.auditor, {})
    errands.do_what_waits()
    wanted = exporting.begin(world.auditor, {"kind": "denial"}, exporting.Format.XLSX).as_json()
    errand = errands.ask(Errand.Kind.EXPORT, world.auditor, wanted)
    contract = world.contract.pk
    return {
        "contractor": ["/", "/inquiries/", "/inquiries/new/", f"/inquiries/{inquiry.pk}/", "/items/"]
        + [opened(world.contractor, inquiry.pk), "/lookup/", "/password/"],
        "operator": ["/", "/inquiries/", "/inquiries/new/", "/lookup/", "/emergencies/"]
        + [opened(world.operator), f"/emergencies/{emergency.pk}/", "/history/"],
        "supervisor": ["/", "/emergencies/", "/emergencies/declare/", f"/emergencies/{emergency.pk}/"]
        + [f"/emergencies/{emergency.pk}/{what}/" for what in ("extend", "areas", "grant", "end")]
        + ["/registers/delegationcontract/", "/registers/delegationcontract/add/"]
        + [f"/registers/delegationcontract/{contract}/change/", f"/contracts/{contract}/roster/"]
        + [f"/contracts/{contract}/suspend/", f"/contracts/{contract}/roster/import/"]
        + [f"/contracts/{contract}/roster/{world.entry().pk}/train/", "/requests/", "/notices/"]
        + ["/board/", "/board/grants/", "/board/lookups/", "/board/inquiries/"]
        + [f"/people/{world.contractor.pk}/revoke/", f"/emergencies/{over.pk}/summary/"],
        "auditor": [
            "/",
            "/history/",
            "/history/?kind=disclosure",
            f"/history/?emergency={emergency.pk}&role=contractor&order=oldest",
            f"/history/{LogEntry.objects.filter(event='grant.given').latest('pk').pk}/",
            "/seals/",
            "/errands/",
            f"/errands/{verified.pk}/",
            f"/errands/{errand.pk}/",
            f"/history/{LogEntry.objects.latest('pk').pk}/",
            "/emergencies/",
            *(f"/history/timeline/?zoom={zoom}" for zoom in ("day", "week", "month", "year")),
            "/history/timeline/?by=person",
            "/history/timeline/?zoom=day&day=2020-01-01",
            f"/history/people/{world.contractor.pk}/",
            f"/history/emergencies/{over.pk}/",
            f"/history/grants/{world.grant().pk}/",
            "/history/customer/",
            "/notices/",
            "/reviews/",
            *(f"/reviews/{reviewed}/{what}" for what in ("", "sign-off/", "reopen/")),
        ],
        "retailer": ["/", "/lookup/", "/exports/", opened(world.retailer)],
        "administrator": ["/", "/customers/import/"]
        + [f"/registers/{name}/" for name in ("person", "office", "organization", "servicearea")]
        + ["/registers/person/add/", f"/registers/person/{world.operator.pk}/change/"]
        + [f"/registers/person/{world.operator.pk}/password/", "/registers/organization/add/"]
        + [f"/rights/contract/{contract}/", f"/rights/area/{world.areas['37201'].pk}/", "/requests/"],
    }


def give_long_names() -> None:
    """Everybody and everything is called by as many letters as there may be, without a space to break at."""
    Person.objects.exclude(role="system").update(name="W" * 150)
    # A contractor who changes departments leaves the roster
    Person.objects.exclude(role__in=["system", "contractor"]).update(department="W" * 100)
    Organization.objects.update(name=Concat(Value("W" * 90), Cast("pk", CharField())), name_en="W" * 100)
    Office.objects.update(name_en="W" * 100)
    ServiceArea.objects.update(name_en="W" * 100)
    DelegationContract.objects.update(title="W" * 100)


#: Ids that two things of a page have, and texts under 12 pixels.
OF_ITS_OWN = """() => {
  const ids = [...document.querySelectorAll("[id]")].map((one) => one.id), small = [];
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const around = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() && around.checkVisibility() && !around.closest("svg")
        && parseFloat(getComputedStyle(around).fontSize) < 12) small.push(texts.currentNode.data.trim());
  }
  return {twice: ids.filter((one, at) => ids.indexOf(one) !== at), small};
}"""


@pytest.mark.parametrize(("width", "language", "scheme"), [(390, "en", "dark"), (1440, "ja", "light")])
def test_every_page_fits_and_obeys_its_policy(addresses, visit, width, language, scheme):
    if width == 390:
        give_long_names()
    for role, paths in addresses.items():
        page = visit(role, width=width, language=language, color_scheme=scheme)
        titles: dict[str, str] = {}
        for path in paths:
            page.goto(path)
            found = page.evaluate(OF_ITS_OWN)
            assert not found["twice"], f"{path}: {found['twice']} are ids of two things"
            assert not found["small"], f"{path}: too small to read: {found['small']}"
            subject = path.split("?")[0]
            assert titles.setdefault(page.title(), subject) == subject, f"{page.title()}: two pages"
            assert page.locator("main h1").count() == 1, path
            assert page.locator(".band").is_visible(), path
            wider = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wider <= 0, f"{path} is {wider} px wider than a window of {width}"


def test_where_the_system_chooses_the_colours_every_mark_of_the_key_is_seen_and_so_is_the_current_tab(
    addresses, visit
):
    page = visit("auditor", forced_colors="active")
    page.goto("/history/timeline/?zoom=day")
    seen = page.evaluate(
        """() => [...document.querySelectorAll(".swatch")].map(one => {
          const style = getComputedStyle(one);
          return [style.backgroundColor, parseFloat(style.borderWidth)];
        })"""
    )
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert len(seen) == 4
    assert all(border or background != paper for background, border in seen), seen
    assert len({background for background, _border in seen}) == 4, "each has its own"
    page.goto("/history/")
    for current in (".tabs a[aria-current]", ".side a[aria-current]"):
        style = page.locator(current).first.evaluate("one => getComputedStyle(one).outlineStyle")
        assert style == "solid", current


def test_a_caller_is_helped_by_keyboard_alone(addresses, visit):
    page = visit("contractor", java_script_enabled=False)
    page.goto(addresses["contractor"][3])
    page.keyboard.press("Tab")
    assert page.locator(":focus").get_attribute("href") == "#content"
    page.focus("[name=words]")
    page.keyboard.type("087-821-0001")
    page.keyboard.press("Enter")
    page.wait_for_selector("table.results")
    page.focus("table.results a.button")
    page.keyboard.press("Enter")
    page.wait_for_selector("dl.customer")
    assert "香川 花子" in page.content()


def test_results_come_as_the_person_types(addresses, visit):
    page = visit("contractor")
    page.goto(addresses["contractor"][3])
    page.locator("[name=words]").press_sequentially("かがわ 0001")
    page.wait_for_selector("table.results")
    assert "香川 花子" in page.locator("#results").inner_text()
    assert page.locator(":focus").get_attribute("name") == "words", "the typing goes on"
    page.locator("[name=words]").fill("かがわ")
    page.wait_for_selector("table.results", state="detached")
    assert "香川" not in page.locator("#results").inner_text(), "a surname alone lists nobody"


def test_going_back_brings_no_customer_back(addresses, portal, visit):
    page = visit("contractor")
    page.goto(addresses["contractor"][5])
    assert "香川 花子" in page.content()
    page.goto("/items/")
    lifecycle.end(Emergency.objects.open().get(), portal.world.supervisor)
    page.go_back()
    assert "香川 花子" not in page.content()


def test_the_readmes_pictures(addresses, visit):
    PICTURES.mkdir(parents=True, exist_ok=True)
    contractor = visit("contractor", width=1200)
    contractor.goto(addresses["contractor"][5])
    assert "087-821-0001" in contractor.content()
    contractor.screenshot(
        path=PICTURES / "contractor.png", clip={"x": 0, "y": 0, "width": 1200, "height": 460}
    )
    operator = visit("operator", width=1200)
    operator.goto(addresses["operator"][5])
    operator.screenshot(path=PICTURES / "operator.png", clip={"x": 0, "y": 0, "width": 1200, "height": 860})
    supervisor = visit("supervisor", width=1200)
    supervisor.goto("/board/")
    supervisor.screenshot(path=PICTURES / "board.png", clip={"x": 0, "y": 0, "width": 1200, "height": 760})
    auditor = visit("auditor", width=1200)
    auditor.goto("/history/")
    auditor.screenshot(path=PICTURES / "history.png", clip={"x": 0, "y": 0, "width": 1200, "height": 860})
    auditor.goto("/history/timeline/?zoom=day")
    auditor.screenshot(path=PICTURES / "timeline.png", clip={"x": 0, "y": 0, "width": 1200, "height": 640})


@pytest.mark.parametrize("processes", [("web", "worker", "beat")])
def test_a_sheet_of_the_history_is_asked_for_made_by_a_worker_and_downloaded(addresses, visit):
    page = visit("auditor", language="en")
    page.goto("/history/?kind=disclosure")
    page.click("button[value=xlsx]")
    page.wait_for_selector("text=Download")  # the page asked by itself
    with page.expect_download() as download:
        page.click("text=Download")
    assert download.value.suggested_filename.endswith(".xlsx")
    assert page.locator("#errand").get_attribute("hx-get") is None


def test_a_mark_of_the_timeline_opens_its_entries_by_mouse_and_by_keyboard(addresses, visit):
    page = visit("auditor")
    for press in (lambda: page.click("a.mark"), lambda: page.keyboard.press("Enter")):
        page.goto("/history/timeline/?zoom=day")
        page.focus("a.mark")
        press()
        page.wait_for_url("**/history/?kind=disclosure**")
        lines = page.locator("ol.lines li")
        assert lines.count() == page.locator("li.kind-disclosure").count() >= 2


def test_an_auditor_answers_a_customer(addresses, visit):
    page = visit("auditor", language="en")
    page.goto("/history/customer/")
    page.fill("[name=number]", f"{HANAKO[:11]} {HANAKO[11:]}")
    page.click("main form button[type=submit]")
    page.wait_for_selector("table.results")
    assert HANAKO not in page.url
    with page.expect_download() as download:
        page.click("#answer button[formaction]")
    assert download.value.suggested_filename.startswith("disclosures-")
    page.click("#answer button.primary")
    page.wait_for_selector("article")
    assert page.locator("html").get_attribute("lang") == "ja"
    page.emulate_media(media="print")
    assert page.locator("article h1").is_visible()
    assert not any(page.locator(around).is_visible() for around in (".top", ".band", ".side", ".on-screen"))
