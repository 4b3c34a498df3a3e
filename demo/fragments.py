"""Pieces of HTML of the style tab: before and after on one spot, progress, the gallery to pick from, the brush."""

import html
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL.Image import Image

from demo.images import fit_within, to_png
from demo.scratch import save_result
from demo.stylization import Stylized
from demo.tab import Texts, comparison

SHOWN_SIDE = 2048
"""The longer side of what the page shows; the file to download is whole."""


def save_painting(painted: Stylized, cache: str, state: Mapping[str, Any]) -> tuple[str, str]:
    """Save a painting for a page, and return the comparison that shows it and the path of its file.

    `state` is what the page's controls said.
    """
    after = save_result(painted.to_png(), painted.file_name, cache)
    shown = after
    if max(painted.image.size) > SHOWN_SIDE:
        shown = _save_preview(painted.image, f"preview-{Path(painted.file_name).name}", cache)
    before = _save_preview(painted.photograph, "photograph.png", cache)
    return comparison(before, shown, state, size=painted.image.size), after


def show_progress(share: float, words: str) -> str:
    """Return a bar for a share from 0 to 1 with `words` (HTML) beside it."""
    return (
        f'<label class="progress"><span>{words}</span>'
        f'<progress max="100" value="{round(100 * share)}"></progress></label>'
    )


def draw_picker(*, legend: str, mix: str) -> str:
    """Return what `assets/style/picker.js` fills: the words are HTML."""
    return f"""
    <div class="picker" role="group" aria-labelledby="style-legend">
      <div class="head">
        <span id="style-legend">{legend}</span>
        <label class="mixing"><input type="checkbox" role="switch"><span>{mix}</span></label>
      </div>
      <div class="tiles"></div>
      <div class="weights"></div>
    </div>
    """


def draw_brush(*, hint: str, size: str, tools: tuple[str, str, str]) -> str:
    """Return what `assets/style/brush.js` moves: a canvas and its tools, to draw, to erase and to clear."""
    paint, erase, clear = tools
    return f"""
    <div class="brush">
      <p id="brush-hint" class="hint">{hint}</p>
      <div class="board"><canvas tabindex="0" role="application" aria-labelledby="brush-hint"></canvas>
        <span class="cursor" aria-hidden="true"></span></div>
      <div class="tools">
        <button type="button" aria-pressed="true">{paint}</button>
        <button type="button" aria-pressed="false">{erase}</button>
        <button type="button">{clear}</button>
        <label><span>{size}</span><input type="range" min="1" max="25" value="7"></label>
      </div>
    </div>
    """


def in_every_language(texts: Texts, key: str) -> str:
    """Return a text as HTML in all languages, of which the page shows its own: for what Gradio does not translate."""
    spoken = (f'<span lang="{language}">{html.escape(words[key])}</span>' for language, words in texts.items())
    return f'<span class="spoken">{"".join(spoken)}</span>'


def _save_preview(image: Image, name: str, cache: str) -> str:
    return save_result(to_png(fit_within(image, SHOWN_SIDE), {}), name, cache)
