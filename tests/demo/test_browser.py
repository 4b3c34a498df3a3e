"""Drives both tabs in a real browser; any request beyond this machine and any complaint on the console is a failure."""

import io
import json
import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

import numpy as np
import PIL.Image
import pytest
from playwright.sync_api import Browser, Page, Request, expect, sync_playwright
from tiny_models import TINTS

from demo.tabs import TABS

pytestmark = pytest.mark.browser
STREAMS: WeakKeyDictionary[Page, set[Request]] = WeakKeyDictionary()
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    executable = os.environ.get("GANVAS_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if not executable:
        reason = "there is no Chromium; install it, or name it in GANVAS_CHROMIUM"
        if os.environ.get("GANVAS_REQUIRE_BROWSER") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as playwright:
        # As root, as in most containers, Chromium starts without its sandbox alone.
        browser = playwright.chromium.launch(executable_path=executable, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visit(browser, server):
    """Open the page as a visitor with a language and a window; afterwards nothing may have gone wrong unseen."""
    strangers, complaints, contexts = [], [], []

    def note_request(request) -> None:
        address = urlparse(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname not in LOOPBACK:
            strangers.append(request.url)

    def note_console(message) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    def open_page(locale: str = "en-US", width: int = 1280) -> Page:
        context = browser.new_context(locale=locale, viewport={"width": width, "height": 800})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        page.on("request", note_request)
        page.on("websocket", note_request)
        watch_streams(page)
        page.on("console", note_console)
        page.on("pageerror", lambda error: complaints.append(f"page: {error}"))
        page.goto(server.url)
        expect(page.locator("#samples img")).to_have_count(12)
        return page

    yield open_page
    for context in contexts:
        for page in context.pages:
            settle(page)
        context.close()
    assert strangers == []
    assert complaints == []


def watch_streams(page: Page) -> None:
    streams = STREAMS[page] = set()

    def note(request: Request) -> None:
        if urlparse(request.url).path.endswith("/queue/data"):
            streams.add(request)

    def forget(request: Request) -> None:
        streams.discard(request)

    page.on("request", note)
    page.on("requestfinished", forget)
    page.on("requestfailed", forget)


def settle(page: Page) -> None:
    """Wait until no events stream any more: Gradio's client logs a stream that is cut off by leaving as an error."""
    while STREAMS[page]:
        page.wait_for_timeout(50)


def captions(page: Page) -> list[str]:
    return page.locator("#samples .caption-label").all_inner_texts()


def downloaded(page: Page, button: str) -> bytes:
    with page.expect_download() as download:
        page.locator(button).click()
    return Path(download.value.path()).read_bytes()


def choose(page: Page, dropdown: str, option: str) -> None:
    page.locator(f"{dropdown} input").click()
    page.get_by_role("option", name=option, exact=True).click()


def test_sampling(visit, server):
    page = visit()
    assert captions(page)[:4] == ["1 · lines", "2 · waves", "3 · dots", "4 · lines"]
    assert page.locator(".badge").get_attribute("data-provider") == server.health()["provider"]

    choose(page, "#sample-class", "waves")
    expect(page.locator("#samples .caption-label").first).to_have_text("1 · waves")
    page.locator("#sample-seed input").fill("40")
    page.locator("#sample-draw").click()
    expect(page.locator("#samples .caption-label").last).to_have_text("51 · waves")

    with zipfile.ZipFile(io.BytesIO(downloaded(page, "#sample-download"))) as archive:
        manifest = json.loads(archive.read("manifest.json"))
        assert [entry["seed"] for entry in manifest["pictures"]] == list(range(40, 52))
        assert {entry["class"] for entry in manifest["pictures"]} == {"waves"}

    page.locator("#sample-surprise").click()
    expect(page.locator("#samples .caption-label").first).not_to_have_text("40 · waves")
    assert captions(page)[0] == f"{page.locator('#sample-seed input').input_value()} · waves"


def test_stylizing(visit):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()

    page.locator("#style-examples button").nth(1).click()
    expect(page.locator("#compare img.after")).to_have_js_property("naturalWidth", 451)
    page.locator("#style-choice").get_by_label("moss").check(force=True)
    expect(page.locator("#compare img.after")).to_have_attribute("src", re.compile("tinter-moss"))

    with PIL.Image.open(io.BytesIO(downloaded(page, "#style-download"))) as image:
        assert json.loads(image.text["ganvas.recipe"])["styles"] == {"moss": 1}
        assert image.size == (451, 300)
        np.testing.assert_allclose(np.asarray(image)[0, 0], (np.tanh(TINTS[1]) + 1) * 127.5, atol=0.51)

    divider = page.locator("#compare input[type=range]")
    divider.focus()
    page.keyboard.press("Home")
    assert page.locator(".compare").evaluate("element => element.style.getPropertyValue('--split')") == "0%"


def test_a_bad_upload_is_one_sentence(visit, tmp_path):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()
    path = tmp_path / "narrow.png"
    PIL.Image.new("RGB", (900, 9)).save(path)
    page.locator("#style-photograph button[aria-label='Remove Image']").click()
    page.locator("#style-photograph input[type=file]").set_input_files(path)
    expect(page.get_by_text("too small or too narrow to paint at size 1024")).to_be_visible()


def test_broken_models_are_shown(visit):
    page = visit()
    page.get_by_text("Some models cannot be used").click()
    expect(page.get_by_text("make it anew with python -m pipeline export torn")).to_be_visible()
    expect(page.get_by_text("make it with make repro")).to_be_visible()


def test_a_tab_without_a_model_says_so_and_the_other_serves(visit, server, tmp_path):
    parked = (server.models / "tinter").rename(tmp_path / "tinter")
    try:
        page = visit()
        page.get_by_role("tab", name="Style transfer").click()
        expect(page.get_by_text("There is no model for style transfer yet. Make one with make repro")).to_be_visible()
        expect(page.locator("#style-draw")).to_be_hidden()
        expect(page.get_by_test_id("toast-body")).to_have_count(0)
    finally:
        parked.rename(server.models / "tinter")
    settle(page)
    page.reload()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()


def test_painting_without_a_photograph_says_so(visit):
    page = visit()
    page.get_by_role("tab", name="Style transfer").click()
    expect(page.locator("#compare img.after")).to_be_visible()
    remove = page.locator("#style-photograph button[aria-label='Remove Image']")
    remove.click()
    expect(remove).to_have_count(0)
    page.locator("#style-draw").click()
    expect(page.get_by_test_id("toast-body")).to_contain_text("choose a photograph first")


def test_chinese_by_the_browser_and_by_choice(visit):
    def expect_language(language: str) -> None:
        texts = {key: tab.texts[language] for key, tab in TABS.items()}
        expect(page.locator("#sample-draw")).to_have_text(texts["sample"]["draw"])
        expect(page.get_by_role("tab")).to_have_text([texts[key]["title"] for key in TABS])
        expect(page.locator("html")).to_have_attribute("lang", language)

    page = visit(locale="zh")
    expect_language("zh-CN")
    page.get_by_role("button", name="EN", exact=True).click()
    expect_language("en")
    settle(page)
    page.reload()
    expect_language("en")
    page.get_by_role("button", name="中文").click()
    expect_language("zh-CN")


def test_on_a_phone_the_result_stands_above_the_controls(visit):
    page = visit(width=390)
    gallery, controls = (page.locator(part).bounding_box() for part in ("#samples", "#sample-model"))
    assert gallery["y"] + gallery["height"] <= controls["y"]
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
