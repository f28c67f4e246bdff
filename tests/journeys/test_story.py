"""The story of the product, in a real browser against real processes."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from access import clock, lifecycle
from access.models import AreaUserPermission, Emergency, Session
from audit.models import LogEntry
from tests.journeys.conftest import wait_for
from tests.world import HANAKO, HANAKO_VALUES, MARUGAME, OTHER_RETAILER, TAKAMATSU, TARO, USAGE_KWH

pytestmark = pytest.mark.journey

#: What a contractor must see not one byte of.
FORBIDDEN = [
    OTHER_RETAILER, "Setouchi", "電灯標準接続送電サービス", "61.7", "43.3", "2013", "5.9", str(USAGE_KWH + 1),
    "自由", "規制",
]  # fmt: skip


def declare_through_the_form(page, world) -> None:
    page.goto("/emergencies/declare/")
    page.select_option("[name=kind]", "typhoon")
    page.fill("[name=name]", "台風第14号")
    in_six_hours = timezone.localtime() + timedelta(hours=6)
    page.fill("[name=expires_at]", in_six_hours.strftime("%Y-%m-%dT%H:%M"))
    for code in (TAKAMATSU, MARUGAME):
        page.check(f"[name=areas][value='{world.areas[code].pk}']")
    page.click("main button[type=submit]")
    page.wait_for_url("**/emergencies/*/")


def take_inquiry(page) -> None:
    page.goto("/inquiries/new/")
    page.fill("[name=caller_name]", "香川")
    page.fill("[name=caller_phone]", "087-821-0001")
    page.select_option("[name=kind]", "outage")
    page.fill("[name=note]", "停電している")
    page.click("main button[type=submit]")
    page.wait_for_url("**/inquiries/*/")


def look_up(page, **terms: str) -> None:
    anew = page.locator(f"a.primary[href='{urlsplit(page.url).path}']")
    if anew.count():  # without JavaScript a list has no form beside it
        anew.click()
    if page.locator("details.each").get_attribute("open") != "":
        page.click("details.each summary")
    for name in ("supply_point_number", "phone", "name", "address"):
        page.fill(f"[name={name}]", terms.get(name, ""))
    # Without JavaScript the answer is the address of the results
    with page.expect_response(lambda one: one.request.is_navigation_request() and one.status != 302):
        page.click("form.lookup button[type=submit]")
    page.wait_for_load_state()


def open_customer(page) -> None:
    """Opens the first customer of the results, and waits for the page: a click does not."""
    page.click("table.results a.button")
    page.wait_for_selector("dl.customer")


def test_from_peacetime_to_the_history(portal, visit):
    world = portal.world
    # 1. Peacetime
    contractor = visit("contractor", java_script_enabled=False)
    assert contractor.locator(".band.peace").is_visible()
    assert "検索できません" in contractor.content() or "照会できません" in contractor.content()
    for path in ("/customers/1/", "/inquiries/", "/inquiries/new/", "/inquiries/1/", "/lookup/"):
        assert contractor.goto(path).status == 403
    assert LogEntry.objects.denials().filter(reason="no_emergency").count() == 5

    # 2. Declared and granted in one step
    supervisor = visit("supervisor")
    declare_through_the_form(supervisor, world)
    assert supervisor.locator(".band.emergency").is_visible()

    # 3. The contractor helps a caller
    take_inquiry(contractor)
    inquiry = contractor.url
    for terms in (
        {"phone": "087-821-0001"},
        {"name": "かがわ", "address": "番町"},
        {"address": "高松市番町1丁目8-15"},
        {"supply_point_number": HANAKO},
    ):
        look_up(contractor, **terms)
        assert contractor.locator("table.results tbody tr").count() == 1
        assert not any(word in contractor.content() for word in FORBIDDEN)
    open_customer(contractor)
    customer, page = contractor.url, contractor.content()
    for field in ("supply_point_number", "name", "name_kana", "address", "phone"):
        assert HANAKO_VALUES[field] in page
    assert "低圧" in page
    assert not any(word in page for word in FORBIDDEN)
    contractor.goto(inquiry)
    look_up(contractor, supply_point_number=TARO)
    assert contractor.locator("table.results").count() == 0

    # 4. The operator sees all eleven items of the same customer, and nobody of another office
    operator = visit("operator")
    operator.goto("/lookup/")
    look_up(operator, phone="087-821-0001")
    open_customer(operator)
    assert operator.locator("dl.customer dt").count() == 14
    assert operator.locator("svg rect").count() == 12
    assert OTHER_RETAILER in operator.content()
    ehime = visit("operator-ehime")
    ehime.goto("/lookup/")
    look_up(ehime, phone="087-821-0001")
    assert ehime.locator("table.results").count() == 0
    assert ehime.goto(customer).status == 404

    # 5. The end: refused at the next click; permissions gone and sessions closed within 5 seconds
    emergency = Emergency.objects.get()
    supervisor.goto(f"/emergencies/{emergency.pk}/end/")
    supervisor.click("main button.danger")
    supervisor.wait_for_url(f"**/emergencies/{emergency.pk}/")
    answer = contractor.goto(customer)
    assert answer.status == 403 or "/login/" in contractor.url
    assert "香川 花子" not in contractor.content()
    wait_for(lambda: not AreaUserPermission.objects.exists(), "the permissions to go", 5)
    wait_for(lambda: not Session.objects.filter(person=world.contractor).exists(), "the session", 5)
    contractor.goto("/")
    assert "/login/" in contractor.url

    # 8. The retailer's column
    retailer = visit("retailer")
    retailer.goto("/lookup/")
    for address, own in (("高松市番町", True), ("丸亀市大手町", False)):
        look_up(retailer, address=address)
        (row,) = retailer.locator("table.results tbody tr").all_inner_texts()
        assert (HANAKO_VALUES["name"] in row) is own

    # 7. The auditor reads all of it, in order
    auditor = visit("auditor")
    auditor.goto("/history/?order=oldest")
    read = []
    while True:
        read += auditor.locator(".line .what").all_inner_texts()
        if not auditor.locator("a[rel=next]").count():
            break
        with auditor.expect_navigation():
            auditor.click("a[rel=next]")
    *events, last = LogEntry.objects.order_by("pk").values_list("event", flat=True)
    assert last == "history.read", "the reading of the last piece, which came after it"
    assert len(read) == len(events)
    story = [event for event in events if event and not event.startswith("changed")]
    order = [
        "session.signed_in", "denied", "emergency.declared", "grant.given", "inquiry.taken",
        "customer.listed", "customer.opened", "emergency.ended", "permissions.reconciled",
        "session.closed",
    ]  # fmt: skip
    firsts = [story.index(event) for event in order[:8]]
    assert firsts == sorted(firsts)
    assert set(order) <= set(story)
    opened = next(line for line in read if "契約名義" in line and "供給電圧" in line)
    assert HANAKO in opened


def test_the_end_holds_while_the_worker_is_stopped(portal, visit):
    emergency = portal.world.declare()
    contractor = visit("contractor")
    take_inquiry(contractor)
    inquiry = contractor.url
    portal.kill("worker", "beat")
    lifecycle.end(emergency, portal.world.supervisor)
    assert contractor.goto(inquiry).status == 403
    assert AreaUserPermission.objects.exists(), "nobody has reconciled"
    assert LogEntry.objects.denials().newest_first()[0].reason == "no_emergency"
    portal.start("worker", "beat")
    wait_for(lambda: not AreaUserPermission.objects.exists(), "the permissions to go")


def test_an_expiry_is_written_by_beat_and_the_system(portal):
    emergency = portal.world.declare(hours=2 / 3600)
    wait_for(lambda: Emergency.objects.filter(pk=emergency.pk, ended_at__isnull=False).exists(), "the end")
    entry = LogEntry.objects.get(event="emergency.expired")
    assert (entry.actor_username, entry.emergency_id) == ("system", emergency.pk)


def test_an_expiry_discloses_nothing_though_beat_is_dead(portal, visit):
    portal.kill("beat", "worker")
    emergency = portal.world.declare()
    contractor = visit("contractor")
    take_inquiry(contractor)
    inquiry = contractor.url
    Emergency.objects.update(expires_at=clock.database_now() + timedelta(seconds=1))
    wait_for(lambda: not Emergency.objects.open().exists(), "the expiry")
    assert contractor.goto(inquiry).status == 403
    emergency.refresh_from_db()
    assert emergency.ended_at is None
    assert portal.answers("/healthz") == 200


def test_readyz_says_when_no_worker_is_heard_from(portal):
    portal.kill("worker", "beat")
    wait_for(lambda: portal.answers("/readyz") == 503, "the silence to be noticed", 40)
