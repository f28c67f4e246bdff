"""Switching the language in a real browser loses nothing that was typed, or asks."""

import pytest

from tests.world import HANAKO_VALUES

pytestmark = pytest.mark.journey


@pytest.fixture
def processes() -> tuple[str, ...]:
    return ("web",)


def switch(page, language: str) -> None:
    page.click("form.language button")
    page.locator(f"html[lang={language}]").wait_for(state="attached")


def test_what_was_typed_is_still_there_in_the_other_language(portal, visit):
    emergency = portal.world.declare()
    page = visit("contractor")
    page.goto("/inquiries/new/")
    page.fill("[name=caller_name]", "香川 花子")
    page.fill("[name=note]", "玄関の灯り\n二行目")
    page.select_option("[name=kind]", "danger")
    for language in ("en", "ja"):
        switch(page, language)
        assert page.input_value("[name=caller_name]") == "香川 花子"
        assert page.input_value("[name=note]") == "玄関の灯り\n二行目"
    kept, *others = page.evaluate("[{...sessionStorage}, {...localStorage}, window.name]")
    kept.pop("htmx-current-path-for-history", None)  # the page's address, in which nothing is that was typed
    assert [kept, *others] == [{}, {}, ""]
    page.click("main form[method=post] button[type=submit]")  # it is the form of this session still
    page.wait_for_url("**/inquiries/*/")
    assert page.url != portal.url("/inquiries/new/")

    # The page that moves by itself moves on
    page.fill("[name=words]", HANAKO_VALUES["phone"])
    page.locator("#results .button").first.wait_for()
    switch(page, "en")
    assert page.input_value("[name=words]") == HANAKO_VALUES["phone"]
    page.fill("[name=words]", HANAKO_VALUES["phone"] + " ")
    page.locator("#results .button").first.wait_for()

    # An error of a form that has an address of its own, with marks
    supervisor = visit("supervisor")
    supervisor.goto(f"/emergencies/{emergency.pk}/")
    supervisor.click("form[action$='/revoke/'] button[type=submit]")
    supervisor.wait_for_url("**/revoke/")
    supervisor.check("[name=grants] >> nth=0")
    supervisor.fill("[name=because]", "交代のため")
    switch(supervisor, "en")
    assert supervisor.url == portal.url(f"/emergencies/{emergency.pk}/")
    assert supervisor.input_value("[name=because]") == "交代のため"
    assert supervisor.locator("[name=grants]:checked").count() == 1


def test_a_page_with_scripts_of_its_own_asks_before_it_empties_a_form(portal, visit):
    page = visit("administrator")
    page.goto("/registers/person/add/")
    page.fill("[name=username]", "shinjin")
    asked = []

    def answer(dialog):
        asked.append(dialog.message)
        dialog.dismiss() if len(asked) == 1 else dialog.accept()

    page.on("dialog", answer)
    page.click("form.language button")
    assert page.input_value("[name=username]") == "shinjin"
    assert page.get_attribute("html", "lang") == "ja"
    switch(page, "en")
    assert len(asked) == 2
    switch(page, "ja")  # nothing is typed: nothing is asked
    assert len(asked) == 2


def test_without_javascript_it_says_beforehand_what_it_does(portal, visit):
    page = visit("operator", java_script_enabled=False)
    page.goto("/inquiries/new/")
    assert page.locator("form.language small").inner_text() == "（入力中の内容は消えます）"
