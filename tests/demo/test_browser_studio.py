"""Walks through the tabs that draw themselves, as a visitor would."""

import io
import json
import re
from pathlib import Path

import PIL.Image
import pytest
from axe_playwright_python.sync_playwright import Axe
from browsing import leave, settle, spoil_first
from playwright.sync_api import Page, Route, expect

from demo.snippets import JAVASCRIPT, fill_in
from demo.tabs import TABS

pytestmark = pytest.mark.browser


# Without an autoencoder and a translator their tabs are not there; test_browser_zoo.py looks at them.
SERVED = [key for key in TABS if key not in {"translate", "codes"}]


def go(page: Page, tab: str) -> None:
    page.locator(f'[role="tab"][data-tab-id="{tab}"]').click()


def downloaded(page: Page, button: str) -> Path:
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path())


def test_the_map_follows_pointer_keys_and_sliders(visit):
    page = visit(query="/?tab=explore&model=dabbler&pins=1:dots,2:lines,3:waves,4:dots")
    picture = page.locator("#explore-picture")
    expect(picture).to_have_attribute("alt", "A picture by dabbler, 50 percent across and 50 percent down the map")
    expect(page.locator(".map .atlas")).to_have_js_property("naturalWidth", 56)
    box = page.locator("#explore-map").bounding_box()

    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] * 0.75)
    expect(picture).to_have_attribute("alt", "A picture by dabbler, 25 percent across and 75 percent down the map")
    page.mouse.move(1, 1)
    expect(picture).to_have_attribute("alt", "A picture by dabbler, 50 percent across and 50 percent down the map")

    page.locator("#explore-x").focus()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    expect(picture).to_have_attribute("alt", "A picture by dabbler, 60 percent across and 48 percent down the map")
    page.locator("#explore-truncation").fill("0.5")
    page.wait_for_url("**/?tab=explore&model=dabbler&pins=*&x=0.6&y=0.48&truncation=0.5&moves=")

    with PIL.Image.open(downloaded(page, "#explore-save")) as image:
        recipe = json.loads(image.text["ganvas.recipe"])
    assert (recipe["x"], recipe["y"], recipe["truncation"], image.size) == (0.6, 0.48, 0.5, (32, 32))
    assert [pin["class"] for pin in recipe["pins"]] == ["dots", "lines", "waves", "dots"]


def test_directions_of_the_card_are_sliders(visit):
    page = visit(query="/?tab=explore&model=guided&moves=0,2,0")
    sliders = page.locator(".moves input")
    expect(sliders).to_have_count(3)
    assert sliders.nth(1).input_value() == "2"
    with page.expect_request("**/studio/picture") as request:
        sliders.nth(2).fill("-1.5")
    assert request.value.post_data_json["moves"] == [0, 2, -1.5]


HALT_AT_THE_FIRST_FRAME = """(progress, frames) => new MutationObserver((_, watching) => {
  const halt = document.querySelector("#journey-halt");
  if (halt.hidden || !progress.value.endsWith(` of ${frames}`)) return;
  watching.disconnect();
  halt.scrollIntoView({ block: "center" });
  const { left, top, width, height } = halt.getBoundingClientRect();
  if (halt.contains(document.elementFromPoint(left + width / 2, top + height / 2))) halt.click();
}).observe(progress, { childList: true, characterData: true, subtree: true })"""
"""A click from here may come when the film is whole; as for one, the button must be visible and uncovered."""


def test_a_journey_streams_stops_and_saves(visit):
    page = visit(query="/?tab=journey&model=dabbler&pins=1:dots,2:waves&seconds=0.5&rate=20&loop=0&enlarge=2")
    expect(page.locator("#journey-progress")).to_have_text("11 frames, 0.6 s")
    page.locator("#journey-frame").fill("7")
    expect(page.locator("#journey-canvas")).to_have_attribute("aria-label", "Frame 8 of 11 of a film by dabbler")
    with PIL.Image.open(downloaded(page, '[data-format="webp"]')) as film:
        assert (film.n_frames, film.size) == (11, (16, 16))

    expect(page.locator(".stop .remove").first).to_be_disabled()
    page.locator(".stop.add button").click()
    expect(page.locator(".stop input")).to_have_count(3)
    page.locator(".stop .earlier").last.click()
    page.wait_for_url("**pins=1%3Adots%2C*%3Awaves%2C2%3Awaves*")
    page.locator("#journey-progress").evaluate(HALT_AT_THE_FIRST_FRAME, 241)
    page.locator("#journey-seconds").fill("6")  # which films it in a moment, and with a click twice
    expect(page.locator("#journey-progress")).to_contain_text("Stopped after")
    page.locator("#journey-film").click()
    expect(page.locator("#journey-progress")).to_have_text("241 frames, 12.1 s")


def test_a_film_that_takes_the_place_of_another_keeps_its_frames_apart(visit):
    page = visit(query="/?tab=journey&model=dabbler&pins=1:dots,2:waves&seconds=4&rate=30&loop=0&enlarge=2")
    expect(page.locator("#journey-progress")).to_have_text("81 frames, 4.0 s")
    page.route("**/studio/journey", lambda route: route.fulfill(response=route.fetch()))  # many frames in each piece
    count = page.evaluate(
        """async () => {
          const { mountedTab } = await import(new URL("studio/core.js", document.baseURI.split("?")[0]));
          const journey = mountedTab("journey");
          const films = [];
          for (let turn = 0; turn < 2; turn += 1) {
            films.push(journey.film());
            while (journey.player.frames.length < 3) await new Promise((done) => setTimeout(done));
          }
          await Promise.all(films);
          return journey.player.frames.length;
        }"""
    )
    assert count == 81
    expect(page.locator("#journey-progress")).to_have_text("81 frames, 4.0 s")


def test_a_picture_is_remixed_starred_sent_and_found_again(visit):
    page = visit()
    figure = page.locator("#samples figure").nth(4)
    figure.locator('[data-deed="star"]').click()
    expect(page.get_by_text("Kept in the history.")).to_be_visible()
    figure.locator('[data-deed="recall"]').click()
    expect(page.locator("#samples img")).to_have_count(1)
    expect(page.locator("#samples .caption-label")).to_have_text("5 · waves")
    page.wait_for_url("**/?tab=sample&model=dabbler&class=waves&seed=5&count=1*")
    page.locator('[data-deed="remix"]').click()
    expect(page.locator("#samples .caption-label")).not_to_have_text("5 · waves")
    expect(page.locator("#samples .caption-label")).to_contain_text("waves")
    page.locator('[data-deed="explore"]').click()
    expect(page.locator("#explore-picture")).to_have_attribute(
        "alt", "A picture by dabbler, 0 percent across and 0 percent down the map"
    )

    go(page, "history")
    entries = page.locator("#history-entries li")
    expect(entries).to_have_count(2)
    content = downloaded(page, "#history-export").read_bytes()
    page.locator("#history-show").select_option("starred")
    expect(entries).to_have_count(1)
    entries.locator(".restore").click()
    expect(page.locator("#samples .caption-label")).to_have_text("5 · waves")

    go(page, "history")
    page.once("dialog", lambda dialog: dialog.dismiss())
    entries.locator(".remove").click()
    expect(entries).to_have_count(1)
    page.once("dialog", lambda dialog: dialog.accept())
    entries.locator(".remove").click()
    expect(entries).to_have_count(0)
    page.locator("#history-file").set_input_files({"name": "h.json", "mimeType": "application/json", "buffer": content})
    expect(entries).to_have_count(1)
    expect(page.get_by_text("1 entries imported.")).to_be_visible()
    hostile = {"ganvas": "history", "entries": [{"tab": "x", "thumbnail": "javascript:1", "state": {}, "time": 1}, 7]}
    page.locator("#history-file").set_input_files(
        {"name": "h.json", "mimeType": "application/json", "buffer": json.dumps(hostile).encode()}
    )
    expect(page.get_by_text("0 entries imported.")).to_be_visible()


def test_back_returns_to_the_tab_and_the_sheet_before(visit):
    page = visit()
    tiles = page.locator("#samples img")
    page.locator("#samples figure").nth(4).locator('[data-deed="recall"]').click()
    expect(tiles).to_have_count(1)
    go(page, "explore")
    page.wait_for_url("**/?tab=explore*")
    page.go_back()
    expect(page.locator('[data-tab-id="sample"]')).to_have_attribute("aria-selected", "true")
    page.wait_for_url("**/?tab=sample*seed=5&count=1*")
    expect(tiles).to_have_count(1)
    page.go_back()
    expect(tiles).to_have_count(12)
    page.go_forward()
    expect(tiles).to_have_count(1)


def test_of_a_slider_that_moves_the_history_keeps_where_it_rests(visit):
    page = visit()
    truncation = page.locator("#sample-truncation input[type=range]")
    truncation.focus()
    sheet = page.locator("#samples .contact")
    for value in ("0.95", "0.9", "0.85"):
        page.keyboard.press("ArrowLeft")
        expect(sheet).to_have_attribute("data-state", re.compile(f'"truncation": {value}'))
    page.wait_for_url("**truncation=0.85*")
    go(page, "history")
    entries = page.locator("#history-entries li")
    expect(entries).to_have_count(1)
    entries.locator(".restore").click()
    expect(page.locator("#sample-truncation input[type=number]")).to_have_value("0.85")


def test_a_large_picture_turns_to_its_neighbours(visit):
    page = visit()
    page.locator("#samples .zoom").nth(4).click()
    dialog = page.locator("dialog.zoomed")
    caption = dialog.locator("p")
    expect(caption).to_have_text("5 · waves")
    page.keyboard.press("ArrowRight")
    expect(caption).to_have_text("6 · dots")
    dialog.locator(".earlier").click()
    expect(caption).to_have_text("5 · waves")
    dialog.locator('[data-deed="star"]').click()
    star = page.locator("#samples figure").nth(4).locator('[data-deed="star"]')
    expect(star).to_have_attribute("aria-pressed", "true")
    for _ in range(8):
        page.keyboard.press("ArrowLeft")
    expect(caption).to_have_text("1 · lines")
    expect(dialog.locator(".earlier")).to_be_disabled()
    dialog.locator('[data-deed="recall"]').click()
    expect(page.locator("#samples img")).to_have_count(1)
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("role", ["photograph", "style"])
def test_a_sample_is_painted_over_or_becomes_a_style(visit, role):
    page = visit()
    page.locator("#samples .zoom").nth(4).click()
    page.locator(f'dialog.zoomed [data-as="{role}"]').click()
    expect(page.locator('[data-tab-id="style"]')).to_have_attribute("aria-selected", "true")
    before, after = (page.locator(f"#compare img.{name}") for name in ("before", "after"))
    if role == "photograph":
        expect(before).to_have_js_property("naturalWidth", 64)  # eight times the model's eight
    else:
        expect(after).to_have_attribute("src", re.compile("tinter-picture"))
        expect(page.locator("#style-choice").get_by_label("your picture")).to_be_checked()


def test_a_saved_picture_verifies_and_another_does_not(visit, tmp_path):
    page = visit()
    path = downloaded(page, '#samples figure:nth-child(3) [data-deed="save"]')
    picture = {"name": "three.png", "mimeType": "image/png", "buffer": path.read_bytes()}
    go(page, "verify")
    page.locator("#verify-file").set_input_files(picture)
    expect(page.locator("#verify-report h2")).to_have_text("The same, bit for bit")
    expect(page.locator('.checks [data-good="true"]')).to_have_count(4)
    page.get_by_role("button", name="Open in Sample").click()
    expect(page.locator("#samples .caption-label")).to_have_text(["3 · dots"])

    go(page, "verify")
    stream = io.BytesIO()
    PIL.Image.new("RGB", (9, 9)).save(stream, "PNG")
    page.locator("#verify-file").set_input_files(picture | {"buffer": stream.getvalue()})
    expect(page.locator("#verify-report h2")).to_have_text("No recipe in this picture")


def test_of_two_files_in_quick_succession_the_last_is_told_of(visit):
    page = visit()
    path = downloaded(page, '#samples figure:nth-child(3) [data-deed="save"]')
    stream = io.BytesIO()
    PIL.Image.new("RGB", (9, 9)).save(stream, "PNG")
    go(page, "verify")
    held = []
    page.route("**/studio/verify", lambda route: route.continue_() if held else held.append(route))
    for content in (path.read_bytes(), stream.getvalue()):
        page.locator("#verify-file").set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": content})
    expect(page.locator("#verify-report h2")).to_have_text("No recipe in this picture")
    with page.expect_response("**/studio/verify"):
        held[0].continue_()
    page.wait_for_timeout(300)
    expect(page.locator("#verify-report h2")).to_have_text("No recipe in this picture")


def test_share_links_restore_the_sample_tab(visit):
    page = visit(query="/?tab=sample&model=dabbler&class=lines&seed=77&count=3&truncation=0.5&enlarge=2")
    expect(page.locator("#samples .caption-label")).to_have_text(["77 · lines", "78 · lines", "79 · lines"])
    assert page.locator("#sample-seed input").input_value() == "77"


@pytest.mark.parametrize("query", ["", "/?tab=sample&model=guided"])
def test_explore_and_journey_begin_with_the_model_of_the_sheet(visit, query):
    page = visit(query=query)
    if not query:
        page.locator("#sample-model input").click()
        page.get_by_role("option", name="guided", exact=True).click()
    expect(page.locator("#samples .contact")).to_have_attribute("data-state", re.compile('"model": "guided"'))
    for tab in ("explore", "journey"):
        go(page, tab)
        expect(page.locator(f"#{tab}-model")).to_have_value("guided")


def test_the_history_of_a_phone_shows_entries_side_by_side(visit):
    page = visit(width=390)
    entries = page.locator("#history-entries li")
    for place in (1, 2):
        page.locator("#samples figure").nth(place).locator('[data-deed="star"]').click()
        expect(page.get_by_text("Kept in the history.")).to_be_visible()
    go(page, "history")
    expect(entries).to_have_count(2)
    assert entries.first.bounding_box()["y"] == entries.last.bounding_box()["y"]


def test_the_history_lays_what_is_transparent_on_white(visit):
    page = visit(query="/?tab=history")
    expect(page.locator("#history-clear")).to_be_visible()
    pixel = page.evaluate(
        """async () => {
          const { add } = await import(new URL("studio/history.js", document.baseURI.split("?")[0]));
          const canvas = new OffscreenCanvas(8, 8);
          const pen = canvas.getContext("2d");
          await add("style", {}, await canvas.convertToBlob());
          const image = document.querySelector("#history-entries img");
          await image.decode();
          pen.drawImage(image, 0, 0);
          return [...pen.getImageData(4, 4, 1, 1).data];
        }"""
    )
    assert pixel == [255, 255, 255, 255]


def test_a_link_is_followed_and_not_overwritten_where_the_list_of_models_is_late(visit):
    page = visit()
    waiting = []

    def hold(route: Route) -> None:
        waiting.append(route)

    page.route("**/studio/models", hold)
    link = "/?tab=journey&model=dabbler&pins=1:dots,2:waves&seconds=0.5&rate=20&loop=0&enlarge=2"
    leave(page, lambda: page.goto(f"{page.url.split('?')[0].rstrip('/')}{link}"))
    expect(page.locator("#samples [data-dressed] figure")).to_have_count(12)
    assert page.url.endswith(link)

    for route in waiting:
        route.continue_()
    expect(page.locator("#journey-progress")).to_have_text("11 frames, 0.6 s")
    page.wait_for_url("**/?tab=journey&model=dabbler&seconds=0.5*")


def test_the_address_follows_the_tab_that_is_shown(visit):
    page = visit()
    go(page, "explore")
    page.wait_for_url("**/?tab=explore&model=dabbler&pins=*")
    go(page, "about")
    page.wait_for_url("**/?tab=about")
    go(page, "sample")
    page.wait_for_url("**/?tab=sample&model=dabbler&class=any&seed=1&count=12&*")
    page.get_by_role("button", name="Travel from seed 2").click()
    page.wait_for_url("**/?tab=journey&model=dabbler&*pins=2%3Awaves%2C*")
    go(page, "explore")
    go(page, "journey")
    page.wait_for_url("**/?tab=journey&model=dabbler&*pins=2%3Awaves%2C*")

    leave(page, page.reload)
    expect(page.locator('[role="tab"][aria-selected="true"]')).to_have_text("Journey")
    expect(page.locator(".stop input").first).to_have_value("2")


def test_hostile_links_fall_back_to_what_is_sound(visit):
    page = visit(query="/?tab=sample&model=../x&class=%3Cimg%20src=x%3E&seed=1e308&count=nan&truncation=-1&enlarge=3")
    expect(page.locator("#samples img")).to_have_count(12)
    settle(page)
    page = visit(query="/?tab=journey&model=%3Cb%3E&pins=a:b,-1:c,99999999999:d&rate=7&seconds=1e9&easing=__proto__")
    expect(page.locator("#journey-progress")).to_have_text("120 frames, 6.0 s")


def test_about_tells_the_models_and_its_javascript_runs(visit, server):
    page = visit(query="/?tab=about")
    expect(page.locator("#about-models article h3")).to_contain_text(["dabbler", "guided", "tinter"])
    expect(page.locator("#about-models article").nth(1)).to_contain_text("3 · champion")
    expect(page.locator("#about-models article").nth(1)).to_contain_text("fid 12.5")
    program = fill_in(JAVASCRIPT, origin=server.url, model="dabbler")
    assert program in page.locator(".snippets pre").all_text_contents()
    assert page.evaluate(f"(async () => {{ {program} return picture.type; }})()") == "image/png"


def test_a_tab_that_could_not_be_drawn_can_be_tried_again(visit):
    page = visit()
    spoil_first(page, "snippets")
    go(page, "about")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("button", name="Try again")).to_have_count(0)
    expect(page.locator("#about-models h3").first).to_be_visible()


def test_hotkeys_work_outside_text_fields_alone(visit):
    page = visit()
    page.locator("#sample-seed input").focus()
    page.keyboard.press("t")
    expect(page.locator("body")).not_to_have_class("dark")
    page.locator("h1").click()
    page.keyboard.press("t")
    expect(page.locator("body")).to_have_class("dark")
    page.keyboard.press("?")
    sheet = page.locator("dialog.ganvas")
    expect(sheet.locator("dt")).to_have_count(9)
    sheet.get_by_role("checkbox").uncheck()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("2")
    expect(page.get_by_role("tab", name="Sample")).to_have_attribute("aria-selected", "true")
    page.evaluate("localStorage.removeItem('ganvas.hotkeys')")
    page.keyboard.press(str(SERVED.index("about") + 1))
    expect(page.get_by_role("tab", name="About")).to_have_attribute("aria-selected", "true")
    page.keyboard.press("l")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    leave(page, page.reload)
    expect(page.locator("body")).to_have_class("dark")


def test_the_first_visit_is_shown_round(visit):
    page = visit(first=True)
    tour = page.locator(".tour")
    for key in SERVED:
        expect(tour.locator("p")).to_have_text(TABS[key].texts["en"]["tour"])
        expect(page.locator(f'[data-tab-id="{key}"]')).to_have_attribute("aria-selected", "true")
        tour.locator(".main").click()
    expect(tour).to_have_count(0)
    leave(page, page.reload)
    expect(page.locator("#samples img")).to_have_count(12)
    expect(tour).to_have_count(0)


@pytest.mark.parametrize(("theme", "locale", "width"), [("light", "en-US", 1280), ("dark", "zh-CN", 390)])
def test_no_tab_has_a_serious_fault_of_accessibility(visit, theme, locale, width):
    page = visit(theme=theme, locale=locale, width=width)
    faults = []
    for key in SERVED:
        go(page, key)
        if TABS[key].build:
            settle(page)
        else:
            expect(page.locator(f"#tab-{key} > *")).to_be_visible()
        found = Axe().run(page).response["violations"]
        serious = [fault for fault in found if fault["impact"] in {"serious", "critical"}]
        faults += [
            (key, fault["id"], node["target"], node["html"][:120]) for fault in serious for node in fault["nodes"]
        ]
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        without = page.locator(".scripted img:not([alt]), #samples img:not([alt]), .scripted img[alt='']")
        assert without.filter(visible=True).count() == 0
    assert faults == []


def test_tabs_without_a_model_are_hidden_with_their_reason(visit):
    page = visit(query="/?tab=translate")
    reason = TABS["translate"].texts["en"]["missing"].replace("`", "")
    expect(page.locator("#ganvas-notices")).to_have_text(reason)
    for key in ("translate", "codes"):
        expect(page.locator(f'[role="tab"][data-tab-id="{key}"]').filter(visible=True)).to_have_count(0)
    page.locator(".masthead .pick").click()
    expect(page.locator("#ganvas-models .absent strong")).to_have_text(["Translate", "Reconstruct"])
    expect(page.locator("#ganvas-models .absent li").first).to_contain_text(reason)
