"""The tab that fills holes, enlarges, colours, paints drawings and repaints photographs, as its model can."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.helpers import Examples

from demo.arguments import listed, real_number, upload_path
from demo.canvas import PAPER, hexadecimal, read_painted, take_given
from demo.catalog import Catalog
from demo.composition import BASELINES
from demo.errors import NothingGivenError, RequestError
from demo.images import EXAMPLES, MAX_PIXELS, to_png, upright_size
from demo.names import named
from demo.scratch import save_result
from demo.tab import (
    EACH,
    LATEST,
    PRIVATE,
    QUIET,
    Say,
    Tab,
    asked_of,
    comparison,
    draw_examples,
    draw_share,
    number_of,
    told,
    wanted_of,
)
from demo.translate_endpoint import declare_translate
from demo.translation import (
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE,
    Translated,
    TranslationRequest,
    parse_hints,
    read_upload,
    translate,
)

TEXTS_EN = {
    "title": "Translate",
    "tour": "Fill holes, enlarge, colour or paint from a drawing, beside what a plain method makes of it.",
    "model": "Model",
    "picture": "Picture",
    "examples": "Examples",
    "editor": "Paint the mask",
    "canvas": "Drawing",
    "choice": "Choice",
    "colour": "Colour of the next hint",
    "forget": "Forget the hints",
    "size": "Longer side in pixels",
    "draw": "Translate",
    "download": "Download as PNG",
    "share": "Copy link",
    "inpaint": "Paint over what shall be filled, then press Translate. "
    "Drag to compare: the smoothest filling, then the model, which keeps every other pixel.",
    "superres": "Drag to compare: bicubic, then the model.",
    "colorize": "Click the picture for hints. Drag to compare: grey, then the model, which keeps the luma.",
    "sketch": "Draw dark lines, then press Translate. Drag to compare: the drawing, then the model.",
    "unpaired": "Drag to compare: the photograph, then the model.",
    "missing": "There is no model for this yet. Run `make zoo`, then `python -m demo --models zoo/models`.",
}
TEXTS_ZH = {
    "title": "图像转换",
    "tour": "填补缺口、放大、上色或由线稿成画，并与普通方法的结果并排。",
    "model": "模型",
    "picture": "图片",
    "examples": "示例",
    "editor": "涂抹遮罩",
    "canvas": "线稿",
    "choice": "选项",
    "colour": "下一个提示的颜色",
    "forget": "清除提示",
    "size": "长边像素",
    "draw": "转换",
    "download": "下载 PNG",
    "share": "复制链接",
    "inpaint": "涂抹要填补的部分，再按“转换”。拖动对比，左为最平滑的填补，右为模型，其余像素保持不变。",
    "superres": "拖动对比，左为双三次插值，右为模型。",
    "colorize": "点击图片给出颜色提示。拖动对比，左为灰度，右为模型，亮度保持不变。",
    "sketch": "请画深色线条，再按“转换”。拖动对比，左为线稿，右为模型。",
    "unpaired": "拖动对比，左为照片，右为模型。",
    "missing": "还没有可用于图像转换的模型。请运行 `make zoo`，然后 `python -m demo --models zoo/models`。",
}

_EDITOR: dict[str, Any] = {
    "type": "pil",
    "sources": ["upload", "clipboard"],
    "transforms": [],
    "layers": False,
    "buttons": [],
    "visible": False,
}

_FIRST = str(EXAMPLES[1])
"""What the page begins with: the smallest of the examples."""

_OF_PICTURES = {"superres", "colorize", "unpaired"}
"""Tasks that take a picture as it is, and nothing that is painted."""

_CANVAS, _CHOICE, _SIZE = 3, 4, 7
"""Places among what a task shows or hides."""


@dataclass(frozen=True, slots=True)
class _Controls:
    model: gr.Dropdown
    picture: gr.Image
    examples: Examples
    editor: gr.ImageEditor
    canvas: gr.ImageEditor
    choice: gr.Radio
    colour: gr.ColorPicker
    forget: gr.Button
    hints: gr.State
    before: gr.State
    size: gr.Slider
    draw: gr.Button
    download: gr.DownloadButton

    @property
    def inputs(self) -> dict[str, Component]:
        return {
            "model": self.model,
            "picture": self.picture,
            "editor": self.editor,
            "canvas": self.canvas,
            "choice": self.choice,
            "hints": self.hints,
            "size": self.size,
        }

    def reading(self, show: Callable[..., Any]) -> Callable[..., Any]:
        """Return what calls `show` with the pictures that were painted, where it is called with what came for them."""

        def read_and_show(**values: Any) -> Any:
            with told():
                painted = {
                    "editor": read_painted(values["editor"], self.editor.blob_storage),
                    "canvas": read_painted(values["canvas"], self.canvas.blob_storage),
                }
            return show(**values | painted)

        return read_and_show

    @property
    def by_task(self) -> list[Component]:
        """What a model's task shows or hides, in the order of `_Handlers.show_controls`."""
        shown = [self.editor, self.canvas, self.choice, self.colour, self.forget, self.size]
        return [self.picture, self.examples.dataset, *shown]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the page's events do."""

    catalog: Catalog
    cache: str

    def show(self, **values: Any) -> tuple[str, str]:
        with told():
            return self._show(**values)

    def reshow(self, **values: Any) -> tuple[str, str | None]:
        """Show what has changed; nothing where something has still to be given, drawn or painted."""
        if not values["model"]:
            return "", None
        with told():
            try:
                return self._show(**values)
            except NothingGivenError:
                return "", None

    def _show(
        self, *, model: str, picture: Any, editor: Any, canvas: Any, choice: str | None, hints: Any, size: float
    ) -> tuple[str, str]:
        opened = self.catalog.model(model, task="translate")
        request = TranslationRequest.parse(opened, choice=choice, size=size, hints=hints)
        given, mask, digest = take_given(opened, picture=picture, editor=editor, canvas=canvas)
        done = translate(opened, request, picture=given, mask=mask, digest=digest)
        before, after = self.save(done)
        state = {"model": model, "choice": choice or "", "size": size, "hints": json.dumps(done.recipe["hints"])}
        return comparison(before, after, state, size=done.image.size), after

    def save(self, done: Translated) -> tuple[str, str]:
        before = save_result(to_png(done.baseline, {}), "baseline.png", self.cache)
        return before, save_result(done.to_png(), done.file_name, self.cache)

    def task_of(self, model: str | None) -> str:
        opened = self.catalog.models("translate").get(model or "")
        return opened.card.translation if opened else ""

    def choose(self, model: str | None, before: str | None) -> list[Any]:
        """Return what `show_controls` returns for another model; what was drawn for the one before stays."""
        shown = list(self.show_controls(model))
        if self.task_of(model) == self.task_of(before) == "sketch":
            del shown[_CANVAS]["value"]
        return shown

    def show_controls(self, model: str | None) -> tuple[Any, ...]:
        """Return what the controls of `_Controls.by_task`, the captions and `_Controls.before` become for a model."""
        opened = self.catalog.models("translate").get(model or "")
        task = self.task_of(model)
        names = [choice.name for choice in opened.card.choices] if opened else []
        # A drawing is painted as large as the model was trained on; small strokes are all it knows.
        size = max(MIN_SIZE, opened.card.size) if opened and task == "sketch" else DEFAULT_SIZE
        return (
            gr.update(visible=task in _OF_PICTURES),
            gr.update(visible=task in _OF_PICTURES),
            gr.update(visible=task == "inpaint"),
            gr.update(visible=task == "sketch", value=PAPER),  # on an empty canvas no brush is taken up
            gr.update(
                choices=[(named(name), name) for name in names], value=names[0] if names else None, visible=bool(names)
            ),
            gr.update(visible=task == "colorize"),
            gr.update(visible=task == "colorize"),
            gr.update(value=size, visible=task != "superres"),
            *(gr.update(visible=task == known) for known in BASELINES),
            model,
        )

    def settings(self, wanted: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the model, the hints and what `show_controls` returns, for a state from an address or a history.

        What is not sound has its default.
        """
        models = self.catalog.models("translate")
        name = wanted.get("model") if wanted.get("model") in models else next(iter(models), None)
        shown = list(self.show_controls(name))
        if name:
            names = [choice.name for choice in models[name].card.choices]
            if wanted.get("choice") in names:
                shown[_CHOICE] |= {"value": wanted["choice"]}
            usual = shown[_SIZE]["value"]
            shown[_SIZE] |= {"value": number_of(wanted, "size", lowest=MIN_SIZE, highest=MAX_SIZE, otherwise=usual)}
        return gr.update(choices=list(models), value=name), _hints_of(wanted), *shown

    def restore(self, event: gr.EventData) -> tuple[Any, ...]:
        return self.settings(wanted_of(event))

    def refresh(self, request: gr.Request) -> tuple[Any, ...]:
        there = bool(self.catalog.models("translate"))
        return gr.update(visible=not there), gr.update(visible=there), *self.settings(asked_of(request, "translate"))


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; what it offers follows from the task of the model."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            compare = gr.HTML(
                elem_id="translate-compare",
                js_on_load='ganvas.mount("translate", element, (wanted) => trigger("restore", { wanted }));',
            )
            sentences = [say("inpaint"), say("superres"), say("colorize"), say("sketch"), say("unpaired")]
            captions = [gr.Markdown(sentence, visible=False, elem_classes="hint") for sentence in sentences]
        with gr.Column(scale=2, min_width=280, elem_classes="controls"):
            controls = _draw_controls(say)
    do = _Handlers(catalog, controls.picture.GRADIO_CACHE)
    drawn: dict[str, Any] = {
        "inputs_kwargs": controls.inputs,
        "outputs": [compare, controls.download],
        **PRIVATE,
    }
    by_task = [*controls.by_task, *captions, controls.before]
    settings = [controls.model, controls.hints, *by_task]
    show, reshow = controls.reading(do.show), controls.reading(do.reshow)
    page.load(do.refresh, None, [missing, studio, *settings], **QUIET).success(reshow, **drawn)
    compare.restore(do.restore, None, settings, **EACH).success(reshow, **drawn)
    controls.model.input(do.choose, [controls.model, controls.before], by_task, **LATEST).success(reshow, **drawn)
    forgetting: dict[str, Any] = {"fn": list, "inputs": None, "outputs": controls.hints, **LATEST}
    gr.on([controls.picture.upload, controls.picture.clear], **forgetting).success(reshow, **drawn)
    controls.examples.load_input_event.success(**forgetting).success(reshow, **drawn)
    controls.forget.click(**forgetting).success(reshow, **drawn)
    hinting = [controls.picture, controls.colour, controls.hints]
    controls.picture.select(_add_hint, hinting, controls.hints, preprocess=False, **EACH).success(reshow, **drawn)
    gr.on([controls.choice.input, controls.size.input], reshow, **drawn)
    controls.draw.click(show, **drawn)
    declare_translate(catalog, do.save)


def _draw_controls(say: Say) -> _Controls:
    model = gr.Dropdown(label=say("model"), choices=[], elem_id="translate-model")
    picture = gr.Image(
        _FIRST,
        label=say("picture"),
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        buttons=[],
        elem_id="translate-picture",
    )
    examples = draw_examples(picture, label=say("examples"), place="translate-examples")
    editor = gr.ImageEditor(
        _FIRST,
        label=say("editor"),
        brush=gr.Brush(default_size=24, colors=["#cf5232"], color_mode="fixed"),
        elem_id="translate-editor",
        **_EDITOR,
    )
    canvas = gr.ImageEditor(
        label=say("canvas"),
        brush=gr.Brush(default_size=8, colors=["#000000"], color_mode="fixed"),
        canvas_size=PAPER.size,
        elem_id="translate-canvas",
        **_EDITOR,
    )
    choice = gr.Radio(label=say("choice"), choices=[], elem_id="translate-choice", elem_classes="segments")
    colour = gr.ColorPicker("#cf5232", label=say("colour"), visible=False, elem_id="translate-colour")
    forget = gr.Button(say("forget"), visible=False, elem_id="translate-forget")
    size = gr.Slider(MIN_SIZE, MAX_SIZE, DEFAULT_SIZE, step=64, label=say("size"), buttons=[], elem_id="translate-size")
    draw = gr.Button(say("draw"), variant="primary", elem_id="translate-draw")
    download = gr.DownloadButton(str(say("download")), elem_id="translate-download")
    draw_share(say("share"))
    hints, before = gr.State([]), gr.State(None)
    return _Controls(
        model, picture, examples, editor, canvas, choice, colour, forget, hints, before, size, draw, download
    )


def _hints_of(wanted: Mapping[str, Any]) -> list[Any]:
    """Return the hints of a state, none where they are not sound."""
    try:
        hints = json.loads(str(wanted.get("hints", "[]")))
        return hints if parse_hints(hints) else []
    except (ValueError, RecursionError, RequestError):
        return []


def _add_hint(picture: Any, colour: str, hints: list[Any], event: gr.SelectData) -> list[Any]:
    """Return the hints with one more, where the picture was clicked."""
    with told():
        place = listed("the click", event.index, longest=2)
        column, row = (real_number("the click", at, lowest=0, highest=MAX_PIXELS) for at in place)
        content, _ = read_upload(upload_path(picture))
        width, height = upright_size(content)
    return [*hints, [min(column / width, 0.999), min(row / height, 0.999), hexadecimal(colour)]]


TAB = Tab(
    texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, build=build, serves=lambda catalog: bool(catalog.models("translate"))
)
