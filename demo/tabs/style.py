"""The tab that paints a photograph in another style."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.helpers import Examples

from demo.catalog import Catalog
from demo.desk import Desk
from demo.fragments import draw_brush, draw_picker, in_every_language
from demo.images import EXAMPLES
from demo.masks import DEFAULT_FEATHER, MAX_FEATHER
from demo.stylist import Stylist
from demo.stylization import DEFAULT_SIZE, MAX_SIZE, MIN_SIZE
from demo.stylize_endpoint import declare_stylize
from demo.tab import EACH, LATEST, PRIVATE, Say, Tab, Texts, draw_examples, draw_share
from demo.theme import ASSETS

TEXTS_EN = {
    "title": "Style transfer",
    "tour": "Repaint a photograph in styles, their mixtures, or the manner of a picture of your own.",
    "photograph": "Photograph",
    "examples": "Examples",
    "model": "Model",
    "style": "Style",
    "mix": "Mix several",
    "preview": "Show the styles on my photograph",
    "own": "Style of your own",
    "own_name": "your picture",
    "style_picture": "A picture in that style",
    "refine": "Refine",
    "refine_info": "fits the style to your picture step by step; slower, once per picture",
    "strength": "Strength",
    "strength_info": "0 is the photograph itself",
    "colours": "Keep the photograph's colours",
    "more": "Size and variation",
    "variation": "Variation",
    "variation_info": "a number for another take, 0 for none",
    "size": "Longer side in pixels",
    "mask": "Paint only a part",
    "brush_hint": "Draw over what shall be painted. By keyboard: arrow keys move, space draws, Shift with arrows too.",
    "brush_size": "Brush",
    "brush_paint": "Draw",
    "brush_erase": "Erase",
    "brush_clear": "Clear",
    "feather": "Soft edge",
    "draw": "Paint",
    "download": "Download as PNG",
    "share": "Copy link",
    "choose": "Choose a photograph: upload one, or take an example.",
    "refused": "Nothing is painted: give another picture.",
    "compare": "Drag, or use the arrow keys, to compare",
    "fitting": "Studying your picture",
    "painting": "Painting",
    "unlinked": "The picture of this style is neither in a link nor in the history; give it under Style of your own.",
    "missing": "There is no model for style transfer yet. Make one with `make repro`, then reload this page.",
}
TEXTS_ZH = {
    "title": "风格迁移",
    "tour": "用一种风格、多种风格的混合或你自己图片的画法重绘照片。",
    "photograph": "照片",
    "examples": "示例",
    "model": "模型",
    "style": "风格",
    "mix": "混合多种",
    "preview": "在我的照片上展示各种风格",
    "own": "你自己的风格",
    "own_name": "你的图片",
    "style_picture": "具有该风格的图片",
    "refine": "细化",
    "refine_info": "逐步让风格贴近你的图片，较慢，每张图片只需一次",
    "strength": "强度",
    "strength_info": "0 即照片本身",
    "colours": "保留照片的颜色",
    "more": "尺寸与变体",
    "variation": "变体",
    "variation_info": "换一个数字得到另一种画法，0 为无",
    "size": "长边像素",
    "mask": "只画一部分",
    "brush_hint": "涂抹要作画的部分。键盘操作，方向键移动，空格涂抹，Shift 加方向键连续涂抹。",
    "brush_size": "画笔",
    "brush_paint": "涂抹",
    "brush_erase": "擦除",
    "brush_clear": "清空",
    "feather": "柔化边缘",
    "draw": "作画",
    "download": "下载 PNG",
    "share": "复制链接",
    "choose": "请选一张照片：上传，或用示例。",
    "refused": "没有作画，请换一张图片。",
    "compare": "拖动或用方向键对比",
    "fitting": "正在研究你的图片",
    "painting": "正在作画",
    "unlinked": "链接和历史中都没有这种风格的图片；请在“你自己的风格”中给出。",
    "missing": "还没有可用于风格迁移的模型。请运行 `make repro` 制作一个，然后刷新本页。",
}

TEXTS: Texts = {"en": TEXTS_EN, "zh-CN": TEXTS_ZH}


@dataclass(frozen=True, slots=True)
class _Controls:
    photograph: gr.Image
    examples: Examples
    model: gr.Dropdown
    picker: gr.HTML
    preview: gr.Checkbox
    style_picture: gr.Image
    refine: gr.Checkbox
    strength: gr.Slider
    colours: gr.Slider
    variation: gr.Number
    size: gr.Slider
    masking: gr.Checkbox
    brush: gr.HTML
    feather: gr.Slider
    draw: gr.Button
    download: gr.DownloadButton

    @property
    def inputs(self) -> dict[str, Component]:
        return {
            "photograph": self.photograph,
            "model": self.model,
            "mixture": self.picker,
            "style_picture": self.style_picture,
            "refine": self.refine,
            "strength": self.strength,
            "colours": self.colours,
            "variation": self.variation,
            "size": self.size,
            "masking": self.masking,
            "sketch": self.brush,
            "feather": self.feather,
        }

    @property
    def numbers(self) -> list[Component]:
        """What a link restores beside the model and its styles, in the order of `Desk.settings`."""
        return [self.strength, self.colours, self.variation, self.size]

    @property
    def triggers(self) -> list[Any]:
        sliders = [self.strength.change, self.colours.change, self.size.change, self.feather.change]
        return [self.picker.input, self.variation.submit, self.refine.input, self.brush.input, *sliders]


def build(catalog: Catalog, say: Say, page: gr.Blocks) -> None:
    """Draw the tab; every change of a control paints anew."""
    missing = gr.Markdown(say("missing"), visible=False, elem_classes="notice")
    with gr.Row(elem_classes="studio") as studio:
        with gr.Column(scale=5, min_width=320, elem_classes="result"):
            compare = gr.HTML(
                elem_id="compare",
                js_on_load='ganvas.mount("style", element, (wanted) => trigger("restore", { wanted }));',
            )
            progress = gr.HTML(elem_id="style-progress", js_on_load=None)
            gr.Markdown(say("compare"), elem_id="compare-hint", elem_classes="hint")
            gr.Markdown(say("choose"), elem_id="style-choose", elem_classes="hint")
        with gr.Column(scale=2, min_width=280, elem_classes="controls"):
            controls = _draw_controls(say)
    stylist = Stylist(catalog)
    words = {
        "fitting": _both("fitting"),
        "painting": _both("painting"),
        "own_name": _both("own_name"),
        "refused": _both("refused"),
    }
    do = Desk(stylist, controls.photograph.GRADIO_CACHE, words)
    drawn: dict[str, Any] = {
        "inputs_kwargs": controls.inputs,
        "outputs": [compare, controls.download, progress],
        **PRIVATE,
        "show_progress": "hidden",
    }
    raw: dict[str, Any] = {"preprocess": False, **LATEST}
    own = [controls.style_picture, controls.picker]
    picked = [controls.picker, controls.refine]
    settings = [controls.model, *picked, *controls.numbers]
    page.load(do.refresh, own, [missing, studio, *settings], **raw).success(do.repaint, **drawn)
    given = [controls.photograph, controls.style_picture, controls.masking, controls.brush, controls.feather]
    previewed: dict[str, Any] = {
        "inputs_kwargs": {
            "wanted": controls.preview,
            "model": controls.model,
            "style_picture": controls.style_picture,
            "photograph": controls.photograph,
        },
        "outputs": controls.picker,
        **PRIVATE,
        "show_progress": "hidden",
    }
    controls.preview.input(do.preview, **previewed)

    def paint_after(event: Any) -> None:
        event.success(do.repaint, **drawn).success(do.follow_preview, **previewed)

    paint_after(compare.restore(do.restore, own, [*settings, *given], preprocess=False, **EACH))
    paint_after(controls.model.input(do.styles, [controls.model, *own], picked, **raw))
    # Not `change`, which comes twice where a picture takes the place of another.
    styled = [controls.style_picture.upload, controls.style_picture.clear]
    paint_after(gr.on(styled, do.upload, [controls.model, *own], picked, **raw))
    sketched: dict[str, Any] = {
        "fn": do.sketch,
        "inputs": [controls.masking, controls.photograph],
        "outputs": [controls.brush, controls.feather],
        **raw,
    }
    controls.masking.input(**sketched).success(do.repaint, **drawn)
    paint_after(controls.photograph.upload(**sketched))
    # Painting nothing here would paint what has been uploaded meanwhile, and again after its upload.
    emptied = {**PRIVATE, "show_progress": "hidden", "outputs": [controls.brush, *drawn["outputs"]]}
    controls.photograph.clear(do.take_away, **emptied).success(do.follow_preview, **previewed)
    paint_after(controls.examples.load_input_event.success(**sketched))
    gr.on(controls.triggers, do.repaint, **drawn)
    controls.draw.click(do.show, **drawn)
    declare_stylize(stylist)


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
    examples = draw_examples(photograph, label=say("examples"), place="style-examples")
    model = gr.Dropdown(label=say("model"), choices=[], elem_id="style-model")
    picker = gr.HTML(
        "{}",
        html_template=draw_picker(legend=_both("style"), mix=_both("mix")),
        js_on_load=_script("picker"),
        styles=[],
        elem_id="style-choice",
    )
    preview = gr.Checkbox(label=say("preview"), value=False, elem_id="style-preview")
    with gr.Accordion(say("own"), open=False, elem_id="style-own"):
        style_picture = gr.Image(
            label=say("style_picture"),
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            height=160,
            buttons=[],
            elem_id="style-picture",
        )
        refine = gr.Checkbox(
            label=say("refine"), info=say("refine_info"), value=False, visible=False, elem_id="style-refine"
        )
    strength = gr.Slider(
        0, 1, value=1, step=0.05, label=say("strength"), info=say("strength_info"), buttons=[], elem_id="style-strength"
    )
    colours = gr.Slider(0, 1, value=0, step=0.05, label=say("colours"), buttons=[], elem_id="style-colours")
    masking = gr.Checkbox(label=say("mask"), value=False, elem_id="style-mask")
    tools = (_both("brush_paint"), _both("brush_erase"), _both("brush_clear"))
    brush = gr.HTML(
        "",
        html_template=draw_brush(hint=_both("brush_hint"), size=_both("brush_size"), tools=tools),
        js_on_load=_script("brush"),
        picture="",
        visible=False,
        elem_id="style-brush",
    )
    feather = gr.Slider(
        0,
        MAX_FEATHER,
        DEFAULT_FEATHER,
        step=0.005,
        label=say("feather"),
        buttons=[],
        visible=False,
        elem_id="style-feather",
    )
    with gr.Accordion(say("more"), open=False, elem_id="style-more"):
        size = gr.Slider(MIN_SIZE, MAX_SIZE, DEFAULT_SIZE, step=64, label=say("size"), buttons=[], elem_id="style-size")
        variation = gr.Number(
            0, label=say("variation"), info=say("variation_info"), precision=0, minimum=0, elem_id="style-variation"
        )
    draw = gr.Button(say("draw"), variant="primary", elem_id="style-draw")
    download = gr.DownloadButton(str(say("download")), elem_id="style-download")
    draw_share(say("share"))
    return _Controls(
        photograph,
        examples,
        model,
        picker,
        preview,
        style_picture,
        refine,
        strength,
        colours,
        variation,
        size,
        masking,
        brush,
        feather,
        draw,
        download,
    )


def _both(key: str) -> str:
    return in_every_language(TEXTS, key)


def _script(name: str) -> str:
    return (ASSETS / "style" / f"{name}.js").read_text(encoding="utf-8")


TAB = Tab(texts=TEXTS, build=build, serves=lambda catalog: bool(catalog.models("stylize")))
