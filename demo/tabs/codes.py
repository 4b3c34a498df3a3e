"""The tab that finds pictures again in a model's own language, its endpoints under `/studio`, and `/reconstruct`."""

import base64
from typing import Any

import gradio as gr
from fastapi import APIRouter, Request
from fastapi.responses import Response
from gradio.components import Component

from demo.arguments import only_keys, upload_path
from demo.catalog import Catalog
from demo.codes import encodes
from demo.errors import RequestError
from demo.images import WEB_FORMATS, read_picture, to_png
from demo.likenesses import Likeness, class_attribute, draw_likeness, read_likeness
from demo.sampling import MAX_COUNT
from demo.scratch import save_result
from demo.service import Turns, read_body, read_json, split_model
from demo.tab import Say, Tab, declare_endpoint, draw_script, told
from demo.translation import MAX_FILE_BYTES, read_upload

TEXTS_EN = {
    "title": "Reconstruct",
    "tour": "See what a model makes of your picture, walk to another one, and add what sets classes apart.",
    "missing": "There is no autoencoding model yet. Run make zoo, then python -m demo --models zoo/models.",
    "model": "Model",
    "picture_a": "Picture A",
    "picture_b": "Picture B",
    "seen": "as the model sees it",
    "made": "as the model says it",
    "choose": "Choose or drop a picture",
    "seed": "Another by {model}",
    "share_hint": "From A to B",
    "way": "Step {n} of {count} on the way from A to B",
    "result": "Picture by {model}, {percent} percent of the way from A to B",
    "attribute": "Attribute",
    "source": "Classes as painted by",
    "plus": "Add",
    "minus": "Take away",
    "own": "pictures of your own",
    "with": "Pictures that have it",
    "without": "Pictures without it",
    "given": "{n} chosen",
    "amount": "How much",
    "attribute_hint": "The mean code of the one minus the mean code of the other, times so much.",
    "save": "Save picture",
    "star": "Star",
    "kept": "Kept in the history.",
    "share": "Copy link",
    "unlinked": "A picture of your own is neither in a link nor in the history; choose it again.",
}
TEXTS_ZH = {
    "title": "重建",
    "tour": "看模型如何理解你的图片，走向另一幅，并加上类别之间的差别。",
    "missing": "还没有自编码模型。请运行 make zoo，然后 python -m demo --models zoo/models。",
    "model": "模型",
    "picture_a": "图片 A",
    "picture_b": "图片 B",
    "seen": "模型所见",
    "made": "模型重建",
    "choose": "选择或拖入图片",
    "seed": "换一幅 {model} 的作品",
    "share_hint": "从 A 到 B",
    "way": "从 A 到 B 的第 {n} 步，共 {count} 步",
    "result": "{model} 的作品，位于 A 到 B 的 {percent}%",
    "attribute": "属性",
    "source": "类别由谁所画",
    "plus": "加上",
    "minus": "减去",
    "own": "你自己的图片",
    "with": "具有该属性的图片",
    "without": "不具有该属性的图片",
    "given": "已选 {n} 张",
    "amount": "程度",
    "attribute_hint": "前者编码的均值减去后者编码的均值，再乘以程度。",
    "save": "保存图片",
    "star": "收藏",
    "kept": "已存入历史。",
    "share": "复制链接",
    "unlinked": "你自己的图片既不在链接中，也不在历史中；请重新选择。",
}

_FRESH = {"cache-control": "no-store"}
_API_HELP = """Reconstruct a picture by way of its code in an autoencoding model.

picture: a PNG, JPEG or WEBP file, of which the model sees the central square. model: name of a model with an encoder
(see /studio/models, where `encodes` is true). Returns the reconstruction and what the model saw, both as PNG.
"""


def build(catalog: Catalog, _: Say, page: gr.Blocks) -> None:
    """Draw the place that the script fills, and declare the endpoint."""
    draw_script("codes")
    picture = gr.Image(label="picture", type="filepath", visible=False)
    inputs: dict[str, Component] = {"picture": picture, "model": gr.Textbox(label="model", visible=False)}
    outputs = [gr.Image(label=label, type="filepath", visible=False) for label in ("result", "seen")]

    def reconstruct_picture(*, picture: Any, model: str) -> list[str]:
        with told():
            opened = catalog.model(model, task="sample")
            seen, likeness = read_likeness(opened, read_upload(upload_path(picture), halve=True)[1])
            made = draw_likeness(opened, likeness)
        cache = page.GRADIO_CACHE
        return [
            save_result(made.to_png(), f"{model}-reconstruction.png", cache),
            save_result(to_png(seen, {}), f"{model}-seen.png", cache),
        ]

    declare_endpoint("reconstruct", reconstruct_picture, inputs=inputs, outputs=outputs, description=_API_HELP)


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/encode?model=NAME`, `POST /studio/decode` and `POST /studio/attribute`.

    `encode` takes a picture file as its body and answers with its code, what the model sees and what it makes of it.
    `decode` draws a likeness as PNG. `attribute` answers with a direction between two classes that a model paints.
    """
    router = APIRouter()

    @router.post("/encode")
    async def encode(request: Request, model: str = "") -> dict[str, Any]:
        content = await read_body(request, limit=MAX_FILE_BYTES)
        return await turns.take(lambda: _encoded(catalog, model, content))

    @router.post("/decode")
    async def decode(request: Request) -> Response:
        name, said = split_model(await read_json(request))

        def draw() -> bytes:
            model = catalog.model(name, task="sample")
            return draw_likeness(model, Likeness.parse(model, said)).to_png()

        return Response(await turns.take(draw), media_type="image/png", headers=_FRESH)

    @router.post("/attribute")
    async def direction(request: Request) -> dict[str, Any]:
        name, said = split_model(await read_json(request))
        said = dict(only_keys("an attribute", said, ("source", "plus", "minus", "count")))
        source = said.get("source")
        if not isinstance(source, str):
            raise RequestError("source must be the name of a model with classes; /healthz lists them")

        def find() -> tuple[float, ...]:
            models = [catalog.model(known, task="sample") for known in (name, source)]
            return class_attribute(
                *models, plus=said.get("plus"), minus=said.get("minus"), count=said.get("count", MAX_COUNT)
            )

        return {"direction": await turns.take(find)}

    return router


def _encoded(catalog: Catalog, name: str, content: bytes) -> dict[str, Any]:
    model = catalog.model(name, task="sample")
    image = read_picture(content, formats=WEB_FORMATS, halve=True)
    seen, likeness = read_likeness(model, image)
    made = draw_likeness(model, likeness)
    return {
        "code": likeness.code,
        "seen": base64.b64encode(to_png(seen, {})).decode(),
        "made": base64.b64encode(made.to_png()).decode(),
    }


def _serves(catalog: Catalog) -> bool:
    return any(encodes(model.card) for model in catalog.models("sample").values())


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, build=build, routes=routes, serves=_serves)
