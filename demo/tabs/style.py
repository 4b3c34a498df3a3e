"""The tab that paints a photograph in another style."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache

from demo.catalog import Catalog
from demo.engine import Model
from demo.images import to_png
from demo.styles import parse_mixture
from demo.stylization import (
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE,
    StyleRequest,
    Stylized,
    read_photograph,
    stylize,
)
from demo.tabs.tab import ENGINE_QUEUE, PRIVATE, QUIET, Say, Tab, spoken, told

TEXTS_EN = {
    "title": "Style transfer",
    "photograph": "Photograph",
    "examples": "Examples",
    "model": "Model",
    "style": "Style",
    "strength": "Strength",
    "strength_info": "0 is the photograph itself",
    "variation": "Variation",
    "variation_info": "a number for another take, 0 for none",
    "size": "Longer side in pixels",
    "draw": "Paint",
    "download": "Download as PNG",
    "compare": "Drag, or use the arrow keys, to compare",
    "missing": "There is no model for style transfer yet. Make one with `make repro`, then reload this page.",
}
TEXTS_ZH = {
    "title": "风格迁移",
    "photograph": "照片",
    "examples": "示例",
    "model": "模型",
    "style": "风格",
    "strength": "强度",
    "strength_info": "0 即照片本身",
    "variation": "变体",
    "variation_info": "换一个数字得到另一种画法，0 为无",
    "size": "长边像素",
    "draw": "作画",
    "download": "下载 PNG",
    "compare": "拖动或用方向键对比",
    "missing": "还没有可用于风格迁移的模型。请运行 `make repro` 制作一个，然后刷新本页。",
}

EXAMPLES = tuple(sorted((Path(__file__).parent.parent / "assets" / "photographs").glob("*.jpg")))
_DATA_URI = re.compile("data:image/(png|jpeg|webp);base64,[A-Za-z0-9+/=]+")
_API_HELP = """Paint a photograph in another style.

photograph: a PNG, JPEG or WEBP file. model: name of a model that serves style transfer (see /healthz). style: one of
its styles. strength: 0 (the photograph itself) to 1. variation: 0 for none, any other whole number for another take.
size: the result's longer side at most, 128 to 2048 pixels. Returns the result as PNG.
"""


@dataclass(frozen=True, slots=True)
class _Controls:
    photograph: gr.Image
    model: gr.Dropdown
    style: gr.Radio
    strength: gr.Slider
    variation: gr.Number
    size: gr.Slider
    draw: gr.Button
    download: gr.DownloadButton
    thumbnails: gr.HTML

    @property
    def inputs(self) -> dict[str, Component]:
        return {
            "photograph": self.photograph,
            "model": self.model,
            "style": self.style,
            "strength": self.strength,
            "variation": self.variation,
            "size": self.size,
        }

    @property
    def triggers(self) -> list[Any]:
        sliders = [self.strength.change, self.size.change]
        return [self.photograph.change, self.style.input, self.variation.submit, *sliders]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the page's events do. Arguments of `paint` and `save` are those of the endpoint, in its order."""

    catalog: Catalog
    cache: str

    def paint(
        self, *, photograph: Any, model: str, style: str, strength: float, variation: float, size: float
    ) -> Stylized:
        with told():
            opened, gallery = self.catalog.gallery(model)
            mixture = parse_mixture(gallery, style=style)
            request = StyleRequest.parse(mixture, strength=strength, variation=variation, size=size)
            picture = read_photograph(_path(photograph), size=request.size)
            *_, last = stylize(opened, request, photograph=picture)
            assert last.result is not None
            return last.result

    def show(self, **values: Any) -> tuple[str, str]:
        painted = self.paint(**values)
        before = save_bytes_to_cache(to_png(painted.photograph, {}), "photograph.png", self.cache)
        after = save_bytes_to_cache(painted.to_png(), painted.file_name, self.cache)
        return _comparison(before, after), after

    def repaint(self, **values: Any) -> Any:
        return self.show(**values) if values["model"] and values["photograph"] else [gr.skip(), gr.skip()]

    def styles(self, model: str | None) -> tuple[dict[str, Any], str]:
        opened = self.catalog.models("stylize").get(model or "")
        names = [choice.name for choice in opened.card.choices] if opened else []
        choices = [(spoken(name), name) for name in names]
        return gr.update(choices=choices, value=names[0] if names else None), _thumbnail_rules(opened)

    def refresh(self) -> tuple[dict[str, Any] | str, ...]:
        models = self.catalog.models("stylize")
        first = next(iter(models), None)
        shown = gr.update(visible=bool(models))
        return gr.update(visible=not models), shown, gr.update(choices=list(models), value=first), *self.styles(first)


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; every change of a control paints anew."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            compare = gr.HTML(elem_id="compare", js_on_load=None)
            gr.Markdown(say("compare"), elem_id="compare-hint", elem_classes="hint")
        with gr.Column(scale=2, min_width=280, elem_classes="controls"):
            controls = _draw_controls(say)
    do = _Handlers(catalog, controls.photograph.GRADIO_CACHE)
    drawn: dict[str, Any] = {
        "inputs_kwargs": controls.inputs,
        "outputs": [compare, controls.download],
        **PRIVATE,
    }
    choosing = [controls.style, controls.thumbnails]
    page.load(do.refresh, None, [missing, studio, controls.model, *choosing], **QUIET).success(do.repaint, **drawn)
    controls.model.input(do.styles, controls.model, choosing, **QUIET).success(do.repaint, **drawn)
    gr.on(controls.triggers, do.repaint, **drawn)
    controls.draw.click(do.show, **drawn)
    _declare_endpoint(do)


def _draw_controls(say: Say) -> _Controls:
    photograph = gr.Image(
        str(EXAMPLES[0]),
        label=say("photograph"),
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=220,
        buttons=[],
        elem_id="style-photograph",
    )
    gr.Examples(
        [[str(path)] for path in EXAMPLES],
        photograph,
        label=say("examples"),
        cache_examples=False,
        api_visibility="private",
        elem_id="style-examples",
    )
    model = gr.Dropdown(label=say("model"), choices=[], elem_id="style-model")
    style = gr.Radio(label=say("style"), choices=[], elem_id="style-choice", elem_classes="thumbnails")
    thumbnails = gr.HTML(elem_classes="rules", js_on_load=None)
    strength = gr.Slider(
        0, 1, value=1, step=0.05, label=say("strength"), info=say("strength_info"), buttons=[], elem_id="style-strength"
    )
    variation = gr.Number(
        0, label=say("variation"), info=say("variation_info"), precision=0, minimum=0, elem_id="style-variation"
    )
    size = gr.Slider(MIN_SIZE, MAX_SIZE, DEFAULT_SIZE, step=64, label=say("size"), buttons=[], elem_id="style-size")
    draw = gr.Button(say("draw"), variant="primary", elem_id="style-draw")
    download = gr.DownloadButton(str(say("download")), elem_id="style-download")
    return _Controls(photograph, model, style, strength, variation, size, draw, download, thumbnails)


def _declare_endpoint(do: _Handlers) -> None:
    # Its own inputs, never shown: the page's choices are those of one visitor's moment.
    result = gr.Image(label="result", type="filepath", visible=False)
    inputs: dict[str, Component] = {
        "photograph": gr.Image(label="photograph", type="filepath", visible=False),
        "model": gr.Textbox(label="model", visible=False),
        "style": gr.Textbox(label="style", visible=False),
        "strength": gr.Number(1, label="strength", visible=False),
        "variation": gr.Number(0, label="variation", visible=False),
        "size": gr.Number(DEFAULT_SIZE, label="size", visible=False),
    }

    def stylize_photograph(
        *, photograph: Any, model: str, style: str, strength: float, variation: float, size: float
    ) -> str:
        painted = do.paint(
            photograph=photograph, model=model, style=style, strength=strength, variation=variation, size=size
        )
        return str(save_bytes_to_cache(painted.to_png(), painted.file_name, result.GRADIO_CACHE))

    gr.on(
        gr.Button(visible=False).click,
        stylize_photograph,
        inputs_kwargs=inputs,
        outputs=result,
        api_name="stylize",
        api_description=_API_HELP,
        preprocess=False,
        concurrency_id=ENGINE_QUEUE,
    )


def _path(upload: Mapping[str, Any] | None) -> Path | None:
    # Gradio has checked that the path is one of its own uploads.
    return Path(upload["path"]) if upload and upload.get("path") else None


def _thumbnail_rules(model: Model | None) -> str:
    """Return a style sheet that hangs each style's picture on its radio button, which keeps the keyboard's ways."""
    rules = [
        f"#style-choice label:nth-of-type({place})::before {{ background-image: url({choice.thumbnail}) }}"
        for place, choice in enumerate(model.card.choices if model else (), start=1)
        if _DATA_URI.fullmatch(choice.thumbnail)
    ]
    return f"<style>{' '.join(rules)}</style>"


def _comparison(before: str, after: str) -> str:
    """Return both pictures on top of each other and a range input that moves the line between them."""
    source = "gradio_api/file={}"
    return f"""
    <div class="compare" style="--split: 50%">
      <img class="before" src="{source.format(quote(before))}" alt="">
      <img class="after" src="{source.format(quote(after))}" alt="">
      <input type="range" min="0" max="100" value="50" aria-labelledby="compare-hint"
        oninput="this.parentNode.style.setProperty('--split', this.value + '%')">
      <span class="line" aria-hidden="true"></span>
    </div>
    """


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, build=build)
