"""The tab that samples pictures from seeds."""

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache

from demo.catalog import Catalog
from demo.places import ANY, ENLARGEMENTS, MAX_TRUNCATION, Picture
from demo.sampling import MAX_COUNT, SampleRequest, draw_samples, file_name, pack_samples
from demo.tabs.tab import ENGINE_QUEUE, PRIVATE, QUIET, Say, Tab, spoken, told

TEXTS_EN = {
    "title": "Sample",
    "pictures": "Pictures",
    "model": "Model",
    "class": "Class",
    "any": "any",
    "seed": "Seed",
    "count": "How many",
    "truncation": "Truncation",
    "truncation_info": "lower is calmer and more typical, higher is bolder",
    "enlarge": "Enlarge downloads",
    "draw": "Paint",
    "surprise": "Surprise me",
    "download": "Download all as zip",
    "missing": "There is no model for sampling yet. Make one with `make repro`, then reload this page.",
}
TEXTS_ZH = {
    "title": "生成",
    "pictures": "作品",
    "model": "模型",
    "class": "类别",
    "any": "任意",
    "seed": "种子",
    "count": "数量",
    "truncation": "截断",
    "truncation_info": "越低越平和、越典型，越高越大胆",
    "enlarge": "下载放大倍数",
    "draw": "作画",
    "surprise": "给我惊喜",
    "download": "全部下载（zip）",
    "missing": "还没有可用于生成的模型。请运行 `make repro` 制作一个，然后刷新本页。",
}

_Painted = tuple[list[tuple[str, str]], str]
_SURPRISES = 10**6
_API_HELP = """Draw pictures from a sampling model.

model: name of a model that serves sampling (see /healthz). class_name: one of its classes, or "any". seed: of the first
picture; the others count up. count: 1 to 16 pictures. truncation: 0 to 1.5. enlarge: 1, 2, 4 or 8 times the size.
Returns the pictures, captioned with their seeds, and a zip of them with a manifest.
"""


@dataclass(frozen=True, slots=True)
class _Controls:
    model: gr.Dropdown
    choice: gr.Dropdown
    seed: gr.Number
    surprise: gr.Button
    count: gr.Slider
    truncation: gr.Slider
    enlarge: gr.Radio
    draw: gr.Button
    download: gr.DownloadButton

    @property
    def inputs(self) -> dict[str, Component]:
        return {
            "model": self.model,
            "class_name": self.choice,
            "seed": self.seed,
            "count": self.count,
            "truncation": self.truncation,
            "enlarge": self.enlarge,
        }

    @property
    def triggers(self) -> list[Any]:
        sliders = [self.count.change, self.truncation.change]
        return [self.draw.click, self.choice.input, self.seed.submit, self.enlarge.input, *sliders]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the page's events do. Arguments of `paint` are those of the endpoint, in its order."""

    catalog: Catalog
    say: Say
    cache: Path

    def paint(
        self, *, model: str, class_name: str, seed: float, count: float, truncation: float, enlarge: float
    ) -> _Painted:
        with told():
            opened = self.catalog.model(model, task="sample")
            request = SampleRequest.parse(
                opened, choice=class_name, seed=seed, count=count, truncation=truncation, enlarge=enlarge
            )
            return _saved(draw_samples(opened, request), self.cache)

    def repaint(self, **values: Any) -> Any:
        return self.paint(**values) if values["model"] else [gr.skip(), gr.skip()]

    def classes(self, model: str | None) -> dict[str, Any]:
        opened = self.catalog.models("sample").get(model or "")
        names = [choice.name for choice in opened.card.choices] if opened else []
        choices = [(self.say("any"), ANY), *((spoken(name), name) for name in names)]
        return gr.update(choices=choices, value=ANY, visible=bool(names))

    def refresh(self) -> tuple[dict[str, Any], ...]:
        names = list(self.catalog.models("sample"))
        first = names[0] if names else None
        shown = gr.update(visible=bool(names))
        return gr.update(visible=not names), shown, gr.update(choices=names, value=first), self.classes(first)


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; every change of a control paints anew, because a picture takes milliseconds."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            gallery = gr.Gallery(
                label=say("pictures"),
                show_label=False,
                columns=4,
                height="auto",
                object_fit="contain",
                interactive=False,
                buttons=["download", "fullscreen"],
                elem_id="samples",
            )
        with gr.Column(scale=2, min_width=280, elem_classes="controls"):
            controls = _draw_controls(say)
    do = _Handlers(catalog, say, Path(gallery.GRADIO_CACHE))
    drawn: dict[str, Any] = {
        "fn": do.repaint,
        "inputs_kwargs": controls.inputs,
        "outputs": [gallery, controls.download],
        **PRIVATE,
    }
    page.load(do.refresh, None, [missing, studio, controls.model, controls.choice], **QUIET).success(**drawn)
    controls.model.input(do.classes, controls.model, controls.choice, **QUIET).success(**drawn)
    controls.surprise.click(lambda: secrets.randbelow(_SURPRISES), None, controls.seed, **QUIET).success(**drawn)
    gr.on(controls.triggers, **drawn)
    _declare_endpoint(do, gallery=gallery, download=controls.download)


def _draw_controls(say: Say) -> _Controls:
    model = gr.Dropdown(label=say("model"), choices=[], elem_id="sample-model")
    choice = gr.Dropdown(label=say("class"), choices=[], elem_id="sample-class")
    with gr.Row(elem_classes="seed"):
        seed = gr.Number(label=say("seed"), value=1, precision=0, minimum=0, min_width=100, elem_id="sample-seed")
        surprise = gr.Button(say("surprise"), min_width=100, elem_id="sample-surprise")
    count = gr.Slider(1, MAX_COUNT, value=12, step=1, label=say("count"), buttons=[], elem_id="sample-count")
    truncation = gr.Slider(
        0,
        MAX_TRUNCATION,
        value=1,
        step=0.05,
        label=say("truncation"),
        info=say("truncation_info"),
        buttons=[],
        elem_id="sample-truncation",
    )
    factors = [(f"{factor}x", factor) for factor in ENLARGEMENTS]
    enlarge = gr.Radio(factors, value=1, label=say("enlarge"), elem_id="sample-enlarge", elem_classes="segments")
    draw = gr.Button(say("draw"), variant="primary", elem_id="sample-draw")
    download = gr.DownloadButton(str(say("download")), elem_id="sample-download")
    return _Controls(model, choice, seed, surprise, count, truncation, enlarge, draw, download)


def _declare_endpoint(do: _Handlers, *, gallery: gr.Gallery, download: gr.DownloadButton) -> None:
    # Its own inputs, never shown: the page's dropdowns know only the choices of one visitor's moment.
    inputs: dict[str, Component] = {
        "model": gr.Textbox(label="model", visible=False),
        "class_name": gr.Textbox(ANY, label="class_name", visible=False),
        "seed": gr.Number(1, label="seed", visible=False),
        "count": gr.Number(4, label="count", visible=False),
        "truncation": gr.Number(1, label="truncation", visible=False),
        "enlarge": gr.Number(1, label="enlarge", visible=False),
    }
    gr.on(
        gr.Button(visible=False).click,
        do.paint,
        inputs_kwargs=inputs,
        outputs=[gallery, download],
        api_name="sample",
        api_description=_API_HELP,
        preprocess=False,
        concurrency_id=ENGINE_QUEUE,
    )


def _saved(samples: list[Picture], cache: Path) -> _Painted:
    shown = []
    for sample in samples:
        caption = " · ".join(filter(None, [str(sample.recipe["seed"]), spoken(str(sample.recipe["class"]))]))
        shown.append((save_bytes_to_cache(sample.to_png(), file_name(sample), str(cache)), caption))
    first = samples[0].recipe
    name = f"{first['model']}-{first['seed']}-{len(samples)}.zip"
    return shown, save_bytes_to_cache(pack_samples(samples), name, str(cache))


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, build=build)
