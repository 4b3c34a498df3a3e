"""The tab that fills holes, enlarges, colours, paints drawings and repaints photographs, as its model can."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.processing_utils import save_bytes_to_cache
from PIL.Image import Image

from demo.arguments import listed, real_number
from demo.canvas import PAPER, hexadecimal, mask_of, on_paper, read_painted
from demo.catalog import Catalog
from demo.composition import BASELINES
from demo.desk import upload_path
from demo.engine import Model
from demo.errors import RequestError
from demo.images import MAX_PIXELS, to_png, upright_size
from demo.tabs.tab import ENGINE_QUEUE, PRIVATE, QUIET, Say, Tab, comparison, spoken, told
from demo.translation import (
    DEFAULT_SIZE,
    MAX_SIZE,
    MIN_SIZE,
    Translated,
    TranslationRequest,
    read_upload,
    translate,
)

TEXTS_EN = {
    "title": "Translate",
    "tour": "Fill holes, enlarge, colour or paint from a drawing, beside what a plain method makes of it.",
    "model": "Model",
    "picture": "Picture",
    "editor": "Paint the mask",
    "canvas": "Drawing",
    "choice": "Choice",
    "colour": "Colour of the next hint",
    "forget": "Forget the hints",
    "size": "Longer side in pixels",
    "draw": "Translate",
    "download": "Download as PNG",
    "inpaint": "Drag to compare: the smoothest filling, then the model. Known pixels stay as they are.",
    "superres": "Drag to compare: bicubic, then the model.",
    "colorize": "Click the picture for hints. Drag to compare: grey, then the model, which keeps the luma.",
    "sketch": "Draw dark lines. Drag to compare: the drawing, then the model.",
    "unpaired": "Drag to compare: the photograph, then the model.",
    "missing": "There is no model for this yet. Run `make zoo`, then `python -m demo --models zoo/models`.",
}
TEXTS_ZH = {
    "title": "图像转换",
    "tour": "填补缺口、放大、上色或由线稿成画，并与普通方法的结果并排。",
    "model": "模型",
    "picture": "图片",
    "editor": "涂抹遮罩",
    "canvas": "线稿",
    "choice": "选项",
    "colour": "下一个提示的颜色",
    "forget": "清除提示",
    "size": "长边像素",
    "draw": "转换",
    "download": "下载 PNG",
    "inpaint": "拖动对比，左为最平滑的填补，右为模型。已知像素保持不变。",
    "superres": "拖动对比，左为双三次插值，右为模型。",
    "colorize": "点击图片给出颜色提示。拖动对比，左为灰度，右为模型，亮度保持不变。",
    "sketch": "请画深色线条。拖动对比，左为线稿，右为模型。",
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
_API_HELP = """Translate a picture by what its model does: inpaint, superres, colorize, sketch or unpaired.

picture: a PNG, JPEG or WEBP file, the drawing for sketch. model: name of one that serves translation (see /healthz).
choice: one of its choices (a factor, a class), "" where it has none. mask: for inpaint, a picture of the same size,
light where it is to be filled. hints: for colorize, a list of [x, y, "#rrggbb"], x and y as shares from 0 to below 1.
size: the longer side that is worked at, 64 to 2048 pixels. Returns the result and the plain baseline as PNG.
"""


@dataclass(frozen=True, slots=True)
class _Controls:
    model: gr.Dropdown
    picture: gr.Image
    editor: gr.ImageEditor
    canvas: gr.ImageEditor
    choice: gr.Radio
    colour: gr.ColorPicker
    forget: gr.Button
    hints: gr.State
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
        return [self.picture, self.editor, self.canvas, self.choice, self.colour, self.forget, self.size]


@dataclass(frozen=True, slots=True)
class _Handlers:
    """What the page's events do."""

    catalog: Catalog
    cache: str

    def show(
        self, *, model: str, picture: Any, editor: Any, canvas: Any, choice: str | None, hints: Any, size: float
    ) -> tuple[str, str]:
        with told():
            opened = self.catalog.model(model, task="translate")
            request = TranslationRequest.parse(opened, choice=choice, size=size, hints=hints)
            given, mask = _given(opened, picture=picture, editor=editor, canvas=canvas)
            digest = hashlib.sha256(given.tobytes()).hexdigest()
            done = translate(opened, request, picture=given, mask=mask, digest=digest)
        before, after = self.save(done)
        return comparison(before, after), after

    def save(self, done: Translated) -> tuple[str, str]:
        before = save_bytes_to_cache(to_png(done.baseline, {}), "baseline.png", self.cache)
        return before, save_bytes_to_cache(done.to_png(), done.file_name, self.cache)

    def reshow(self, **values: Any) -> Any:
        ready = values["model"] and (values["picture"] or values["editor"] or values["canvas"])
        return self.show(**values) if ready else [gr.skip(), gr.skip()]

    def show_controls(self, model: str | None) -> tuple[dict[str, Any], ...]:
        opened = self.catalog.models("translate").get(model or "")
        task = opened.card.translation if opened else ""
        names = [choice.name for choice in opened.card.choices] if opened else []
        # A drawing is painted as large as the model was trained on; small strokes are all it knows.
        size = max(MIN_SIZE, opened.card.size) if opened and task == "sketch" else DEFAULT_SIZE
        return (
            gr.update(visible=task in {"superres", "colorize", "unpaired"}),
            gr.update(visible=task == "inpaint"),
            gr.update(visible=task == "sketch", value=PAPER),  # on an empty canvas no brush is taken up
            gr.update(
                choices=[(spoken(name), name) for name in names], value=names[0] if names else None, visible=bool(names)
            ),
            gr.update(visible=task == "colorize"),
            gr.update(visible=task == "colorize"),
            gr.update(value=size, visible=task != "superres"),
            *(gr.update(visible=task == known) for known in BASELINES),
        )

    def refresh(self) -> tuple[dict[str, Any], ...]:
        names = list(self.catalog.models("translate"))
        first = names[0] if names else None
        shown = gr.update(visible=bool(names))
        return gr.update(visible=not names), shown, gr.update(choices=names, value=first), *self.show_controls(first)


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; what it offers follows from the task of the model."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            compare = gr.HTML(elem_id="translate-compare", js_on_load=None)
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
    by_task = [*controls.by_task, *captions]
    page.load(do.refresh, None, [missing, studio, controls.model, *by_task], **QUIET)
    controls.model.input(do.show_controls, controls.model, by_task, **QUIET)
    forgetting: dict[str, Any] = {"fn": list, "inputs": None, "outputs": controls.hints, **QUIET}
    show, reshow = controls.reading(do.show), controls.reading(do.reshow)
    controls.picture.upload(**forgetting).success(reshow, **drawn)
    controls.forget.click(**forgetting).success(reshow, **drawn)
    hinting = [controls.picture, controls.colour, controls.hints]
    controls.picture.select(_add_hint, hinting, controls.hints, preprocess=False, **QUIET).success(reshow, **drawn)
    controls.choice.input(reshow, **drawn)
    controls.draw.click(show, **drawn)
    _declare_endpoint(do)


def _draw_controls(say: Say) -> _Controls:
    model = gr.Dropdown(label=say("model"), choices=[], elem_id="translate-model")
    picture = gr.Image(
        label=say("picture"),
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        buttons=[],
        elem_id="translate-picture",
    )
    editor = gr.ImageEditor(
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
    return _Controls(model, picture, editor, canvas, choice, colour, forget, gr.State([]), size, draw, download)


def _declare_endpoint(do: _Handlers) -> None:
    inputs: dict[str, Component] = {
        "picture": gr.Image(label="picture", type="filepath", visible=False),
        "model": gr.Textbox(label="model", visible=False),
        "choice": gr.Textbox("", label="choice", visible=False),
        "mask": gr.Image(label="mask", type="filepath", visible=False),
        "hints": gr.JSON([], label="hints", visible=False),
        "size": gr.Number(DEFAULT_SIZE, label="size", visible=False),
    }
    outputs = [gr.Image(label=label, type="filepath", visible=False) for label in ("result", "baseline")]

    def translate_picture(
        *, picture: Any, model: str, choice: str, mask: Any = None, hints: Any = None, size: float
    ) -> list[str]:
        with told():
            opened = do.catalog.model(model, task="translate")
            request = TranslationRequest.parse(opened, choice=choice, size=size, hints=hints or ())
            content, given = read_upload(upload_path(picture))
            hole = read_upload(upload_path(mask), what="mask")[1] if mask else None
            done = translate(opened, request, picture=given, mask=hole, digest=hashlib.sha256(content).hexdigest())
        before, after = do.save(done)
        return [after, before]

    gr.on(
        gr.Button(visible=False).click,
        translate_picture,
        inputs_kwargs=inputs,
        outputs=outputs,
        api_name="translate",
        api_description=_API_HELP,
        preprocess=False,
        concurrency_id=ENGINE_QUEUE,
    )


def _given(model: Model, *, picture: Any, editor: Any, canvas: Any) -> tuple[Image, Image | None]:
    """Return the picture of the control that a model's task shows, and the mask that was painted over it."""
    match model.card.translation:
        case "inpaint":
            background = editor["background"] if editor else None
            if background is None:
                raise RequestError("there is no picture; choose one first")
            return background.convert("RGB"), mask_of(editor["layers"], background.size)
        case "sketch":
            drawing = canvas["composite"] if canvas else None
            if drawing is None:
                raise RequestError("there is nothing on the drawing; draw some dark lines on it first")
            return on_paper(drawing), None
        case _:
            return read_upload(upload_path(picture))[1], None


def _add_hint(picture: Any, colour: str, hints: list[Any], event: gr.SelectData) -> list[Any]:
    """Return the hints with one more, where the picture was clicked."""
    with told():
        place = listed("the click", event.index, longest=2)
        column, row = (real_number("the click", at, lowest=0, highest=MAX_PIXELS) for at in place)
        content, _ = read_upload(upload_path(picture))
        width, height = upright_size(content)
    return [*hints, [min(column / width, 0.999), min(row / height, 0.999), hexadecimal(colour)]]


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, build=build)
