"""What every tab of the page is, and what tabs share."""

import html
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, get_args
from urllib.parse import quote

import gradio as gr
from fastapi import APIRouter
from gradio.components import Component
from gradio.helpers import Examples
from gradio.i18n import I18nData

from demo.catalog import Catalog
from demo.errors import DemoError, sentence_of
from demo.images import EXAMPLES
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

LATEST: dict[str, Any] = {**QUIET, "trigger_mode": "always_last"}
"""Settings of one that may come again before it is answered: Gradio would drop what was chosen meanwhile."""

EACH: dict[str, Any] = {**QUIET, "trigger_mode": "multiple"}
"""Settings of one that brings data of its own, such as a place that was clicked: none of them may be dropped."""

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
    under `/studio` that scripts call. `serves` tells whether the models at hand can do what the tab does; where they
    cannot, the tab is hidden, and its text `missing` says why among the models.
    """

    texts: Texts
    build: Callable[[Catalog, Say, gr.Blocks], None] | None = None
    routes: Callable[[Catalog, Turns], APIRouter] | None = None
    serves: Callable[[Catalog], bool] = lambda _: True


def draw_script(key: str) -> None:
    """Draw the place that `assets/studio/<key>.js` fills when the tab is first opened."""
    gr.HTML(
        f'<div class="scripted" id="tab-{key}"></div>',
        js_on_load=f'ganvas.mount("{key}", element.querySelector(".scripted"));',
    )


def draw_examples(picture: gr.Image, *, label: I18nData, place: str) -> Examples:
    """Draw the photographs that ship, each of which goes into `picture` by a click. `place` is the element's id."""
    photographs = [[str(path)] for path in EXAMPLES]
    drawn: Examples = gr.Examples(
        photographs, picture, label=label, cache_examples=False, api_visibility="private", elem_id=place
    )
    return drawn


def draw_share(text: I18nData) -> None:
    """Draw the button that copies the address, which carries the state of the tab."""
    gr.Button(text).click(None, None, None, js="() => ganvas.share()", api_visibility="private")


def declare_endpoint(
    name: str,
    answer: Callable[..., Any],
    *,
    inputs: Mapping[str, Component],
    outputs: Sequence[Component],
    description: str,
) -> None:
    """Declare the named endpoint of a tab, which runs a model and takes its arguments raw.

    `inputs` and `outputs` are components of its own that are never shown: the page's choices are those of one
    visitor's moment. `answer` is called by keywords.
    """
    gr.on(
        gr.Button(visible=False).click,
        answer,
        inputs_kwargs=dict(inputs),
        outputs=list(outputs),
        api_name=name,
        api_description=description,
        preprocess=False,
        concurrency_id=ENGINE_QUEUE,
    )


def wanted_of(event: gr.EventData) -> Mapping[str, Any]:
    """Return the state that a script asks to restore; nothing sound is nothing."""
    try:
        wanted = event.wanted
    except (AttributeError, TypeError):  # the latter where a client sent no event at all
        return {}
    return wanted if isinstance(wanted, dict) else {}


def asked_of(request: gr.Request, key: str) -> Mapping[str, Any]:
    """Return the state of the tab `key` that stands in the address of the page."""
    query = dict(request.query_params)
    return query if query.get("tab") == key else {}


def number_of(wanted: Mapping[str, Any], name: str, *, lowest: float, highest: float, otherwise: float) -> float:
    """Return a number of a state from an address or a history, `otherwise` where it is none or out of range."""
    try:
        number = float(wanted[name])
    except (KeyError, TypeError, ValueError, OverflowError):
        return otherwise
    return number if lowest <= number <= highest else otherwise


@contextmanager
def told() -> Iterator[None]:
    """Turn an expected failure into the one sentence that the page and the endpoints show.

    Raises:
        gradio.Error: with the sentence.

    """
    try:
        yield
    except DemoError as error:
        raise gr.Error(sentence_of(error), print_exception=False) from error


def comparison(before: str, after: str, state: Mapping[str, Any], *, size: tuple[int, int]) -> str:
    """Return the HTML of two pictures on top of each other and a range input that moves the line between them.

    Both are paths that Gradio serves, of pictures of one `size`. `state` is what the controls said, for links and the
    history.
    """
    source, (width, height) = "gradio_api/file={}", size
    shape = f"--split: 50%; --width: {width}px; --ratio: {width / height:.4f}"
    return f"""
    <div class="compare" style="{shape}" data-state="{html.escape(json.dumps(state))}">
      <img class="before" src="{source.format(quote(before))}" alt="" data-say-alt="page_before">
      <img class="after" src="{source.format(quote(after))}" alt="" data-say-alt="page_after">
      <input type="range" min="0" max="100" value="50" data-say-label="page_divide"
        oninput="this.parentNode.style.setProperty('--split', this.value + '%')">
      <span class="line" aria-hidden="true"></span>
    </div>
    """
