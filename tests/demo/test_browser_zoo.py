"""Walks through Compare, Reconstruct and what links, history and Verify do with paintings, as a visitor would."""

import io
import json
import re
from pathlib import Path

import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import leave, settle, spoil_first
from conftest import ZOO_ROW
from playwright.sync_api import Page, expect

from demo.images import EXAMPLES
from demo.tabs import TABS

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("zoo")]


def go(page: Page, tab: str) -> None:
    page.locator(f'[role="tab"][data-tab-id="{tab}"]').click()


def downloaded(page: Page, button: str) -> dict[str, object]:
    with page.expect_download() as download:
        page.locator(button).click()
    return {"name": "saved.png", "mimeType": "image/png", "buffer": Path(download.value.path()).read_bytes()}


def grey(level: int) -> dict[str, object]:
    stream = io.BytesIO()
    PIL.Image.new("L", (20, 20), level).save(stream, "PNG")
    return {"name": "grey.png", "mimeType": "image/png", "buffer": stream.getvalue()}


def test_models_stand_side_by_side_and_a_link_brings_them_back(visit):
    page = visit(query="/?tab=compare&models=dabbler,guided&seed=5&count=3")
    rows = page.locator("#compare-rows article")
    expect(rows.locator("h3")).to_have_text(["dabbler", "guided"])
    expect(rows.locator("img")).to_have_count(6)
    expect(rows.first.locator("img").first).to_have_attribute("alt", "Picture of seed 5 by dabbler")
    expect(rows.nth(1).locator("li").first).to_have_text("fid 12.5")
    expect(rows.first.locator("li").last).to_contain_text("ms a picture")

    page.locator('#compare-models input[value="stepper"]').check()
    expect(rows.locator("img")).to_have_count(9)
    page.wait_for_url("**/?tab=compare&models=dabbler%2Cguided%2Cstepper&seed=5&count=3")
    page.locator("#compare-count").select_option("1")
    expect(rows.locator("img")).to_have_count(3)
    rows.first.locator("button").click()
    expect(page.locator("#samples .caption-label")).to_have_text(["5 · waves"])


def test_the_ranking_says_which_rows_are_about_what_is_served(visit):
    page = visit(query="/?tab=compare")
    tables = page.locator(".ranking table")
    expect(tables.locator("caption")).to_have_text(
        ["Painting from noise · digits · measured with ganvas_net", "Image to image · measured with inception"]
    )
    expect(tables.nth(1).locator("th.contest")).to_have_text(
        ["superres · contents and styles", "unpaired · contents and styles"]
    )
    expect(tables.nth(1).locator("td.place")).to_have_text(["1", "1", "2"])
    first = tables.first.locator("tbody tr").first
    expect(first.locator("th")).to_contain_text("dabblerserved here")
    expect(first.locator("td.quality")).to_have_text(f"{ZOO_ROW['quality']}")
    expect(tables.first.locator("tbody tr").nth(1).locator("th")).to_contain_text("another version is served here")
    page.evaluate("ganvas.choose('zh-CN')")
    expect(tables.locator("caption")).to_have_text(
        ["由噪声作画 · digits · 以 ganvas_net 测得", "图像到图像 · 以 inception 测得"]
    )


def test_a_model_that_fails_does_not_keep_the_others_from_painting(visit):
    page = visit(query="/?tab=compare&models=dabbler,guided&seed=5&count=3")
    rows = page.locator("#compare-rows article")
    expect(rows.locator("img")).to_have_count(6)
    spoil_first(page, "compare")
    page.locator("#compare-go").click()
    expect(rows.nth(0).locator("figcaption")).to_have_text(["not painted"] * 3)
    expect(rows.nth(1).locator("img")).to_have_count(3)


def test_hostile_links_to_compare_fall_back(visit):
    page = visit(query="/?tab=compare&models=../x,%3Cb%3E,coder&seed=1e308&count=-1")
    expect(page.locator("#compare-rows h3")).to_have_text(["coder"])
    expect(page.locator("#compare-rows img")).to_have_count(6)


def test_pictures_are_reconstructed_walked_between_and_changed(visit):
    page = visit(query="/?tab=codes&model=coder")
    picture = page.locator("#codes-picture")
    expect(picture).to_have_attribute("alt", "Picture by coder, 0 percent of the way from A to B")
    expect(page.locator("#codes-way img")).to_have_count(7)
    for side, level in (("a", 60), ("b", 220)):
        page.locator(f'.side[data-side="{side}"] input').set_input_files(grey(level))
    expect(page.locator("#codes-source")).to_have_value("dabbler")
    with page.expect_request(lambda found: '"share":0.5' in (found.post_data or "")):
        page.locator("#codes-share").fill("0.5")
    expect(picture).to_have_attribute("alt", "Picture by coder, 50 percent of the way from A to B")

    page.locator("#codes-plus").select_option("lines")
    with page.expect_request(lambda found: '"amount":1.5' in (found.post_data or "")) as request:
        page.locator("#codes-amount").fill("1.5")
    assert len(request.value.post_data_json["direction"]) == 64
    page.wait_for_url("**/?tab=codes&model=coder&a=&b=&share=0.5&source=dabbler&plus=lines&minus=dots&amount=1.5")

    page.locator("#codes-source").select_option("*")
    expect(page.locator("#codes-amount")).to_be_disabled()
    page.locator("#codes-with").set_input_files([grey(200), grey(240)])
    page.locator("#codes-without").set_input_files(grey(20))
    expect(page.locator("#codes-amount")).to_be_enabled()
    saved = downloaded(page, "#codes-save")
    page.locator("#codes-star").click()
    expect(page.get_by_text("Kept in the history.")).to_be_visible()
    go(page, "verify")
    page.locator("#verify-file").set_input_files(saved)
    expect(page.locator("#verify-report h2")).to_have_text("The same, bit for bit")
    page.get_by_role("button", name="Open in Reconstruct").click()
    expect(page.get_by_role("tab", name="Reconstruct")).to_have_attribute("aria-selected", "true")


def test_ones_own_picture_stays_where_the_model_changes_and_is_missed_after_a_reload(visit):
    page = visit(query="/?tab=codes&model=coder")
    seen = page.locator('.side[data-side="a"] .seen')
    expect(page.locator("#codes-way img")).to_have_count(7)
    painted = seen.get_attribute("src")
    page.locator('.side[data-side="a"] input').set_input_files(grey(60))
    expect(seen).not_to_have_attribute("src", painted)
    page.wait_for_url("**&a=&b=8&**")
    given = seen.get_attribute("src")
    with page.expect_response("**/studio/attribute"):  # comes after the pictures
        page.locator("#codes-model").dispatch_event("change")
    expect(seen).to_have_attribute("src", given)
    page.wait_for_url("**&a=&b=8&**")
    expect(page.locator("#ganvas-notices")).to_have_count(0)
    leave(page, page.reload)
    expect(page.locator("#ganvas-notices")).to_have_text(TABS["codes"].texts["en"]["unlinked"])
    expect(seen).to_have_attribute("src", painted)


def test_a_picture_is_seen_being_painted(visit):
    page = visit(query="/?tab=sample&model=stepper&seed=4&count=2")
    expect(page.locator("#samples img")).to_have_count(2)
    page.locator('#samples figure:first-child [data-deed="steps"]').click()
    dialog = page.locator("dialog.steps")
    expect(dialog.locator(".frame")).to_have_js_property("max", "1")
    dialog.locator(".frame").fill("0")
    expect(dialog.locator("p")).to_have_text("Step 1 of 2 of the picture of seed 4")
    expect(dialog.locator("canvas")).to_have_attribute("aria-label", "Step 1 of 2 of the picture of seed 4")
    page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)


def test_a_painting_is_linked_kept_and_verified_with_its_photograph(visit):
    page = visit(query="/?tab=style&model=tinter&mixture=%7B%22moss%22%3A1%7D&strength=0.5&size=256")
    shown = page.locator("#compare .compare")
    expect(shown).to_be_visible()
    page.wait_for_url("**/?tab=style&mixture=*moss*&model=tinter&strength=0.5&colours=0&variation=0&size=256")
    expect(page.locator('#style-choice input[value="moss"]')).to_be_checked()
    page.locator("#style-strength input[type=range]").fill("0.8")
    page.wait_for_url("**strength=0.8&**")
    saved = downloaded(page, "#style-download")

    go(page, "history")
    entries = page.locator("#history-entries li")
    expect(entries).to_have_count(1)
    leave(page, lambda: page.goto(page.url.split("?")[0]))
    expect(page.locator("#samples img")).to_have_count(12)
    go(page, "history")
    entries.locator(".restore").click()
    page.wait_for_url("**/?tab=style&**strength=0.8&**")

    go(page, "verify")
    page.locator("#verify-file").set_input_files(saved)
    expect(page.locator("#verify-report h2")).to_have_text("Made from another picture")
    page.locator('[data-need="photograph"]').set_input_files(EXAMPLES[1])
    expect(page.locator(".why")).to_contain_text("this is another photograph than the recipe names")
    page.locator('[data-need="photograph"]').set_input_files(EXAMPLES[0])
    expect(page.locator("#verify-report h2")).to_have_text("The same, bit for bit")
    page.get_by_role("button", name="Open in Style transfer").click()
    expect(page.get_by_role("tab", name="Style transfer")).to_have_attribute("aria-selected", "true")
    settle(page)


def test_a_translation_is_linked_kept_and_verified(visit):
    page = visit(query="/?tab=translate&model=superreser&choice=x4")
    expect(page.locator('#translate-choice input[value="x4"]')).to_be_checked()
    picture = grey(90)
    painted = page.locator("#translate-compare .after")
    expect(painted).to_be_visible()  # of the example that the tab begins with, which the history does not keep
    example = painted.get_attribute("src")
    page.locator("#translate-picture input[type=file]").set_input_files(picture)
    expect(painted).not_to_have_attribute("src", example)
    page.wait_for_url("**/?tab=translate&model=superreser&choice=x4&**")
    saved = downloaded(page, "#translate-download")
    recipe = json.loads(PIL.Image.open(io.BytesIO(saved["buffer"])).text["ganvas.recipe"])
    assert recipe["choice"] == "x4"
    go(page, "history")
    expect(page.locator("#history-entries li")).to_have_count(1)
    go(page, "verify")
    page.locator("#verify-file").set_input_files(saved)
    page.locator('[data-need="picture"]').set_input_files(picture)
    expect(page.locator("#verify-report h2")).to_have_text("The same, bit for bit")
    settle(page)


def test_translate_begins_with_an_example_and_asks_for_what_it_lacks(visit):
    page = visit(query="/?tab=translate&model=superreser")
    painted = page.locator("#translate-compare .after")
    expect(painted).to_be_visible()
    first = painted.get_attribute("src")
    page.locator("#translate-examples button").first.click()
    expect(painted).not_to_have_attribute("src", first)

    page.locator("#translate-model input").click()
    page.get_by_role("option", name="sketcher", exact=True).click()
    expect(painted).to_have_count(0)
    expect(page.get_by_text("Draw dark lines, then press Translate")).to_be_visible()
    expect(page.locator("#translate-examples")).to_be_hidden()
    page.locator("#translate-draw").click()
    expect(page.get_by_text("there is nothing on the drawing")).to_be_visible()


def test_hints_in_quick_succession_are_all_taken(visit):
    page = visit(query="/?tab=translate&model=colorizeer")
    painted = page.locator("#translate-compare .compare")
    expect(painted).to_be_visible()
    picture = page.locator("#translate-picture img")
    picture.scroll_into_view_if_needed()
    box = picture.bounding_box()
    for share in (0.25, 0.5, 0.75):
        page.mouse.click(box["x"] + share * box["width"], box["y"] + share * box["height"])
    expect(painted).to_have_attribute("data-state", re.compile(r"(#cf5232.*){3}"))
    settle(page)


def test_hostile_links_to_paintings_fall_back(visit):
    page = visit(query="/?tab=style&model=x&mixture=%5B&strength=9&colours=nan&variation=-1&size=1e308")
    expect(page.locator("#compare .compare")).to_be_visible()
    assert page.locator("#style-strength input[type=number]").input_value() == "1"
    settle(page)
    page = visit(query="/?tab=translate&model=sketcher&choice=%3Cimg%3E&size=7&hints=%7B%7D")
    expect(page.locator("#translate-canvas")).to_be_visible()
    settle(page)


def test_models_tell_version_alias_and_quality_in_the_header(visit):
    page = visit()
    page.locator(".masthead .pick").click()
    guided = page.locator("#ganvas-models .model", has=page.get_by_text("guided", exact=True))
    expect(guided).to_contain_text("v3 · champion · ")
    expect(guided).to_contain_text("fid 12.5")
    atelier = page.locator("#ganvas-models .model", has=page.get_by_text("atelier", exact=True))
    expect(atelier).to_contain_text("Fréchet distance 10.8 · precision 0.81 · recall 0.72")
    expect(page.locator("#ganvas-models .absent")).to_have_count(0)


@pytest.mark.parametrize(("theme", "locale", "width"), [("light", "en-US", 1280), ("dark", "zh-CN", 390)])
def test_the_new_tabs_have_no_serious_fault_of_accessibility(visit, theme, locale, width):
    page = visit(theme=theme, locale=locale, width=width, query="/?tab=compare")
    faults = []
    waits = {
        "compare": "#compare-rows img",
        "codes": "#codes-way img",
        "translate": "#translate-model",
        "about": ".cards",
    }
    for key, awaited in waits.items():
        page.evaluate(f"import('/studio/core.js').then((core) => core.open('{key}'))")
        expect(page.locator(awaited).first).to_be_visible()
        settle(page)
        found = Axe().run(page).response["violations"]
        serious = [fault for fault in found if fault["impact"] in {"serious", "critical"}]
        faults += [
            (key, fault["id"], node["target"], node["html"][:120]) for fault in serious for node in fault["nodes"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        without = page.locator(".scripted img:not([alt]), .scripted img[alt='']")
        assert without.filter(visible=True).count() == 0
    assert faults == []


def test_all_tabs_are_there(visit):
    page = visit()
    for key in TABS:
        expect(page.locator(f'[role="tab"][data-tab-id="{key}"]').first).to_be_attached()


def test_a_phone_shows_what_to_draw_on_below_how_to(visit):
    page = visit(width=390, query="/?tab=translate&model=sketcher")
    hint = page.get_by_text(TABS["translate"].texts["en"]["sketch"])
    expect(hint).to_be_visible()
    assert hint.bounding_box()["height"] < 150
    tools = page.locator("#translate-canvas .toolbar-wrap")
    expect(tools).not_to_have_css("background-color", "rgba(0, 0, 0, 0)")
