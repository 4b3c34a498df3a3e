"""What every tab of the page is, and what tabs share."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import quote

import gradio as gr
from fastapi import APIRouter
from gradio.i18n import I18nData

from demo.catalog import Catalog
from demo.errors import DemoError
from demo.service import Turns

Language = Literal["en", "zh-CN"]
LANGUAGES: tuple[Language, ...] = get_args(Language)
Texts = Mapping[Language, Mapping[str, str]]
Say = Callable[[str], I18nData]
"""Takes a key of the tab's texts; what it returns is shown in the language of the browser."""

ENGINE_QUEUE = "engine"
"""Events that run a model wait for each other: two at once would only share the same processor."""

QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
"""Settings of an event that only rearranges the page."""

PRIVATE: dict[str, Any] = {
    "api_visibility": "private",
    "preprocess": False,
    "trigger_mode": "always_last",
    "show_progress": "minimal",
    "concurrency_id": ENGINE_QUEUE,
}
"""Settings of an event that runs a model. Arguments arrive raw, because the tabs check them themselves."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab: its texts in every language under the same keys, and how its content is built.

    `texts` holds at least `title`. `build` is called inside the tab; it draws the content and declares its events and
    its named endpoint. A tab without it is drawn by its script, `assets/studio/<key>.js`. `routes` gives the endpoints
    under `/studio` that scripts call.
    """

    texts: Texts
    build: Callable[[Catalog, Say, gr.Blocks], None] | None = None
    routes: Callable[[Catalog, Turns], APIRouter] | None = None


def draw_script(key: str) -> None:
    """Draw the place that `assets/studio/<key>.js` fills when the tab is first opened."""
    gr.HTML(
        f'<div class="scripted" id="tab-{key}"></div>',
        js_on_load=f'ganvas.mount("{key}", element.querySelector(".scripted"));',
    )


def spoken(name: str) -> str:
    """Return the name of a class or style as people write it: `ink_mountains` as `ink mountains`."""
    return name.replace("_", " ")


@contextmanager
def told() -> Iterator[None]:
    """Turn an expected failure into the one sentence that the page and the endpoints show.

    Raises:
        gradio.Error: with the sentence.

    """
    try:
        yield
    except DemoError as error:
        raise gr.Error(str(error), print_exception=False) from error


def comparison(before: str, after: str) -> str:
    """Return the HTML of two pictures on top of each other and a range input that moves the line between them.

    Both are paths that Gradio serves.
    """
    source = "gradio_api/file={}"
    return f"""
    <div class="compare" style="--split: 50%">
      <img class="before" src="{source.format(quote(before))}" alt="" data-say-alt="page_before">
      <img class="after" src="{source.format(quote(after))}" alt="" data-say-alt="page_after">
      <input type="range" min="0" max="100" value="50" data-say-label="page_divide"
        oninput="this.parentNode.style.setProperty('--split', this.value + '%')">
      <span class="line" aria-hidden="true"></span>
    </div>
    """
