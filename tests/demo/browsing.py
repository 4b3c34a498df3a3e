"""A real browser for the tests; any request beyond this machine and any complaint on the console is a failure."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlparse
from weakref import WeakKeyDictionary

import pytest
from playwright.sync_api import Browser, Page, Request, Route, expect, sync_playwright

STREAMS: WeakKeyDictionary[Page, set[Request]] = WeakKeyDictionary()
COMPLAINTS: WeakKeyDictionary[Page, list[str]] = WeakKeyDictionary()
CUT_OFF = ("console: AbortError: BodyStreamBuffer was aborted", "console: Unexpected error Connection errored out")
"""How Gradio's client complains of a stream that ends because its page is left."""
LONGEST_STREAM = 5.0
"""Seconds."""
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@pytest.fixture(scope="session")
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
    """Open the page as a visitor with a language and a window; afterwards nothing may have gone wrong unseen.

    The visitor has taken the tour before, unless `first` says otherwise. `query` is what follows the address.
    """
    strangers, complaints, contexts = [], [], []

    def note_request(request) -> None:
        address = urlparse(request.url)
        if address.scheme not in {"data", "blob"} and address.hostname not in LOOPBACK:
            strangers.append(request.url)

    def note_console(message) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    def open_page(
        locale: str = "en-US", width: int = 1280, *, theme: str = "light", query: str = "", first: bool = False
    ) -> Page:
        context = browser.new_context(locale=locale, viewport={"width": width, "height": 800}, color_scheme=theme)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(30_000)
        expect.set_options(timeout=30_000)
        page.on("request", note_request)
        page.on("websocket", note_request)
        watch_streams(page)
        COMPLAINTS[page] = complaints
        page.on("console", note_console)
        page.on("pageerror", lambda error: complaints.append(f"page: {error}"))
        if not first:
            page.add_init_script("localStorage.setItem('ganvas.toured', 'yes')")
        page.goto(server.url + query)
        expect(page.locator("#ganvas-device")).to_have_attribute("data-provider", "CPU")
        if not query:
            expect(page.locator("#samples img")).to_have_count(12)
        return page

    yield open_page
    settle(*(page for context in contexts for page in context.pages))
    before_leaving = list(complaints)
    for context in contexts:
        context.close()
    assert strangers == []
    assert not before_leaving, before_leaving


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


def leave(page: Page, how: Callable[[], object]) -> None:
    """Leave a page, as by reloading it; of what this makes the page complain of, a stream that is cut off is no fault.

    Pages of one test share their list of complaints.
    """
    settle(page)
    complaints = COMPLAINTS[page]
    before = len(complaints)
    how()
    complaints[before:] = [complaint for complaint in complaints[before:] if not complaint.startswith(CUT_OFF)]


def settle(*pages: Page) -> None:
    """Wait until no events stream any more: Gradio's client logs a stream that is cut off by leaving as an error.

    The browser does not tell the end of every stream, so the wait has one.
    """
    deadline = time.monotonic() + LONGEST_STREAM
    for page in pages:
        while STREAMS[page] and time.monotonic() < deadline:
            page.wait_for_timeout(50)
        STREAMS[page].clear()


def spoil_first(page: Page, path: str) -> None:
    """Let the next request to that path of the studio be answered by what is no answer, and each later one truly.

    The route stays: while one with `times=1` goes, a request that follows at once is now and then never answered.
    """
    spoiled = []

    def answer(route: Route) -> None:
        if spoiled:
            route.continue_()
        else:
            spoiled.append(route)
            route.fulfill(body="half an answer")

    page.route(f"**/studio/{path}", answer)
