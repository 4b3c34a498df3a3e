"""The tab that samples pictures from seeds."""

import html
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import gradio as gr
from gradio.components import Component

from demo.catalog import Catalog
from demo.names import named, spoken
from demo.places import ANY, ENLARGEMENTS, MAX_SEED, MAX_TRUNCATION, Picture
from demo.sampling import MAX_COUNT, SampleRequest, draw_samples, draws_steps, file_name, pack_samples
from demo.scratch import save_result
from demo.steps_endpoint import steps_routes
from demo.tab import (
    EACH,
    LATEST,
    PRIVATE,
    QUIET,
    Say,
    Tab,
    asked_of,
    declare_endpoint,
    number_of,
    told,
    wanted_of,
)

TEXTS_EN = {
    "title": "Sample",
    "tour": "Paint pictures from numbers: the same seed always gives the same picture.",
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
    "share": "Copy link",
    "missing": "There is no model for sampling yet. Make one with `make repro`, then reload this page.",
    "alt": "Picture of seed {seed} by {model}{class}",
    "zoom": "Show large: seed {seed}",
    "recall": "Take seed {seed} and all its settings",
    "remix": "Same settings as seed {seed}, other seeds",
    "star": "Star seed {seed}",
    "starred": "Kept in the history.",
    "explore": "Explore around seed {seed}",
    "journey": "Travel from seed {seed}",
    "steps": "Watch how seed {seed} is painted",
    "step": "Step {step} of {steps} of the picture of seed {seed}",
    "play": "Play or pause",
    "which": "Step of the picture",
    "save": "Save seed {seed}",
    "close": "Close",
    "earlier": "Picture before",
    "later": "Next picture",
    "paint_over": "Repaint it in Style transfer",
    "as_style": "Use it as a style",
}
TEXTS_ZH = {
    "title": "生成",
    "tour": "由数字作画：同一个种子总得到同一幅作品。",
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
    "share": "复制链接",
    "missing": "还没有可用于生成的模型。请运行 `make repro` 制作一个，然后刷新本页。",
    "alt": "{model} 种子 {seed} 的作品{class}",
    "zoom": "放大查看：种子 {seed}",
    "recall": "取用种子 {seed} 及其全部设置",
    "remix": "与种子 {seed} 设置相同，换种子",
    "star": "收藏种子 {seed}",
    "starred": "已存入历史。",
    "explore": "在种子 {seed} 周围探索",
    "journey": "从种子 {seed} 出发旅行",
    "steps": "看种子 {seed} 如何一步步画成",
    "step": "种子 {seed} 作品的第 {step} 步，共 {steps} 步",
    "play": "播放或暂停",
    "which": "作画的步骤",
    "save": "保存种子 {seed}",
    "close": "关闭",
    "earlier": "上一幅",
    "later": "下一幅",
    "paint_over": "在风格迁移中重绘",
    "as_style": "用作一种风格",
}

_SURPRISES = 10**6
_START = {"seed": 1.0, "count": 12.0, "truncation": 1.0, "enlarge": 4.0}
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
        # Not `release`, which no key sends; nor a seed's `input`, which would paint for each digit.
        chosen = [self.choice.input, self.count.input, self.truncation.input, self.enlarge.input]
        return [self.draw.click, self.seed.submit, self.seed.blur, *chosen]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the page's events do. Arguments of `paint` are those of the endpoint, in its order."""

    catalog: Catalog
    say: Say
    cache: Path

    def draw(
        self, *, model: str, class_name: str, seed: float, count: float, truncation: float, enlarge: float
    ) -> list[Picture]:
        with told():
            opened = self.catalog.model(model, task="sample")
            request = SampleRequest.parse(
                opened, choice=class_name, seed=seed, count=count, truncation=truncation, enlarge=enlarge
            )
            return draw_samples(opened, request)

    def paint(
        self, *, model: str, class_name: str, seed: float, count: float, truncation: float, enlarge: float
    ) -> tuple[list[tuple[str, str]], str]:
        pictures = self.draw(
            model=model, class_name=class_name, seed=seed, count=count, truncation=truncation, enlarge=enlarge
        )
        return [(self._save(picture), _caption(picture)) for picture in pictures], self._pack(pictures)

    def repaint(self, **values: Any) -> Any:
        if not values["model"]:
            return [gr.skip(), gr.skip()]
        pictures = self.draw(**values)
        state = {"class" if name == "class_name" else name: value for name, value in values.items()}
        sheet = [(picture, self._save(picture)) for picture in pictures]
        steps = draws_steps(self.catalog.model(values["model"], task="sample").card)
        return _sheet(sheet, state, steps=steps), self._pack(pictures)

    def restore(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.settings(wanted_of(event))

    def settings(self, wanted: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return what the controls show for a state from an address or a history; what is not sound has its default."""
        models = self.catalog.models("sample")
        name = wanted.get("model") if wanted.get("model") in models else next(iter(models), None)
        names = [choice.name for choice in models[name].card.choices] if name else []
        choice = wanted.get("class")
        choices = [(self.say("any"), ANY), *((named(known), known) for known in names)]
        enlarge = number_of(wanted, "enlarge", lowest=0, highest=max(ENLARGEMENTS), otherwise=_START["enlarge"])
        return (
            gr.update(choices=list(models), value=name),
            gr.update(choices=choices, value=choice if choice in names else ANY, visible=bool(names)),
            int(number_of(wanted, "seed", lowest=0, highest=MAX_SEED, otherwise=_START["seed"])),
            int(number_of(wanted, "count", lowest=0, highest=MAX_COUNT, otherwise=_START["count"])) or 1,
            number_of(wanted, "truncation", lowest=0, highest=MAX_TRUNCATION, otherwise=_START["truncation"]),
            enlarge if enlarge in ENLARGEMENTS else _START["enlarge"],
        )

    def refresh(self, request: gr.Request) -> tuple[Any, ...]:
        there = bool(self.catalog.models("sample"))
        return gr.update(visible=not there), gr.update(visible=there), *self.settings(asked_of(request, "sample"))

    def _save(self, picture: Picture) -> str:
        return save_result(picture.to_png(), file_name(picture), str(self.cache))

    def _pack(self, pictures: list[Picture]) -> str:
        first = pictures[0].recipe
        name = f"{first['model']}-{first['seed']}-{len(pictures)}.zip"
        return save_result(pack_samples(pictures), name, str(self.cache))


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; every change of a control paints anew, because a picture takes milliseconds."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            sheet = gr.HTML(
                elem_id="samples",
                js_on_load='ganvas.mount("sample", element, (wanted) => trigger("restore", { wanted }));',
            )
        with gr.Column(scale=2, min_width=280, elem_classes="controls"):
            controls = _draw_controls(say)
    do = _Handlers(catalog, say, Path(sheet.GRADIO_CACHE))
    drawn: dict[str, Any] = {
        "fn": do.repaint,
        "inputs_kwargs": controls.inputs,
        "outputs": [sheet, controls.download],
        **PRIVATE,
    }
    settings = list(controls.inputs.values())
    page.load(do.refresh, None, [missing, studio, *settings], **QUIET).success(**drawn)
    sheet.restore(do.restore, None, settings, **EACH).success(**drawn)
    controls.model.input(
        lambda name: do.settings({"model": name})[1], controls.model, controls.choice, **LATEST
    ).success(**drawn)
    controls.surprise.click(lambda: secrets.randbelow(_SURPRISES), None, controls.seed, **QUIET).success(**drawn)
    gr.on(controls.triggers, **drawn)
    _declare_endpoint(do)


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
    enlarge = gr.Radio(
        factors, value=_START["enlarge"], label=say("enlarge"), elem_id="sample-enlarge", elem_classes="segments"
    )
    draw = gr.Button(say("draw"), variant="primary", elem_id="sample-draw")
    download = gr.DownloadButton(str(say("download")), elem_id="sample-download")
    gr.Button(say("share"), elem_id="sample-share").click(
        None, None, None, js="() => ganvas.share()", api_visibility="private"
    )
    return _Controls(model, choice, seed, surprise, count, truncation, enlarge, draw, download)


def _declare_endpoint(do: _Handlers) -> None:
    inputs: dict[str, Component] = {
        "model": gr.Textbox(label="model", visible=False),
        "class_name": gr.Textbox(ANY, label="class_name", visible=False),
        "seed": gr.Number(1, label="seed", visible=False),
        "count": gr.Number(4, label="count", visible=False),
        "truncation": gr.Number(1, label="truncation", visible=False),
        "enlarge": gr.Number(1, label="enlarge", visible=False),
    }
    outputs = [gr.Gallery(label="pictures", visible=False), gr.File(label="zip", visible=False)]
    declare_endpoint("sample", do.paint, inputs=inputs, outputs=outputs, description=_API_HELP)


def _caption(picture: Picture) -> str:
    return " · ".join(filter(None, [str(picture.recipe["seed"]), spoken(str(picture.recipe["class"]))]))


def _sheet(pictures: list[tuple[Picture, str]], state: Mapping[str, Any], *, steps: bool) -> str:
    """Return a contact sheet; `assets/studio/sample.js` adds what can be done with each picture."""
    figures = [
        f'<figure data-recipe="{html.escape(json.dumps(picture.recipe))}">'
        f'<img src="gradio_api/file={quote(path)}" alt="">'
        f'<figcaption class="caption-label">{html.escape(_caption(picture))}</figcaption></figure>'
        for picture, path in pictures
    ]
    told = f'data-state="{html.escape(json.dumps(state))}" data-steps="{"yes" if steps else "no"}"'
    return f'<div class="contact" {told}>{"".join(figures)}</div>'


TAB = Tab(
    texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH},
    build=build,
    routes=steps_routes,
    serves=lambda catalog: bool(catalog.models("sample")),
)
