"""The tab that shows the latent space as a map under the pointer, and its endpoints `/studio/picture` and `/map`."""

import io
from typing import Any

import PIL.Image
from fastapi import APIRouter, Request
from fastapi.responses import Response

from demo.arguments import listed, whole_number
from demo.catalog import Catalog
from demo.errors import RequestError
from demo.places import Place, draw_map, draw_place
from demo.service import Turns, read_json, split_model
from demo.tab import Tab

TEXTS_EN = {
    "title": "Explore",
    "tour": "Glide over a map of everything a model can paint, and watch the picture follow.",
    "missing": "There is no model to explore yet. Make one with make repro, then reload this page.",
    "model": "Model",
    "corners": "Pictures at the corners",
    "corner0": "Upper left",
    "corner1": "Upper right",
    "corner2": "Lower left",
    "corner3": "Lower right",
    "seed": "seed",
    "class": "class",
    "any": "by the seed",
    "truncation": "Truncation",
    "directions": "Directions the model found",
    "direction": "Direction {n}",
    "strength": "strength {strength}: how much the picture changes along it",
    "across": "Across",
    "down": "Down",
    "hint": "Move over the map, drag on it, or use the arrow keys (with Shift for larger steps).",
    "rate": "{rate} pictures per second",
    "alt": "A picture by {model}, {x} percent across and {y} percent down the map",
    "atlas": "Map of pictures by {model} between the four corners",
    "save": "Save picture",
    "star": "Star",
    "kept": "Kept in the history.",
    "travel": "Travel round the corners",
    "shuffle": "New corners",
    "share": "Copy link",
}
TEXTS_ZH = {
    "title": "探索",
    "tour": "在模型所能描绘的一切组成的地图上滑行，画面随之而变。",
    "missing": "还没有可供探索的模型。请运行 make repro 制作一个，然后刷新本页。",
    "model": "模型",
    "corners": "四角的作品",
    "corner0": "左上",
    "corner1": "右上",
    "corner2": "左下",
    "corner3": "右下",
    "seed": "种子",
    "class": "类别",
    "any": "由种子决定",
    "truncation": "截断",
    "directions": "模型发现的方向",
    "direction": "方向 {n}",
    "strength": "强度 {strength}：画面沿此方向变化的程度",
    "across": "横向",
    "down": "纵向",
    "hint": "在地图上移动或拖动，也可用方向键（按住 Shift 步子更大）。",
    "rate": "每秒 {rate} 幅",
    "alt": "{model} 的作品，位于地图横向 {x}%、纵向 {y}%",
    "atlas": "{model} 在四角之间的作品地图",
    "save": "保存图片",
    "star": "收藏",
    "kept": "已存入历史。",
    "travel": "环游四角",
    "shuffle": "换一组四角",
    "share": "复制链接",
}

MAX_TILES = 9


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/picture`, one picture of a place as PNG, and `POST /studio/map`, many small ones."""
    router = APIRouter()

    @router.post("/picture")
    async def picture(request: Request) -> Response:
        name, said = split_model(await read_json(request))

        def draw() -> bytes:
            model = catalog.model(name, task="sample")
            return draw_place(model, Place.parse(model.card, said)).to_png()

        return Response(await turns.take(draw, light=True), media_type="image/png", headers=_FRESH)

    @router.post("/map")
    async def atlas(request: Request) -> Response:
        name, said = split_model(await read_json(request))
        return Response(await turns.take(lambda: _atlas(catalog, name, said)), media_type="image/png", headers=_FRESH)

    return router


def _atlas(catalog: Catalog, name: str, said: dict[str, Any]) -> bytes:
    """Return `tiles` x `tiles` pictures from corner to corner as one PNG."""
    model = catalog.model(name, task="sample")
    tiles = whole_number("tiles", said.pop("tiles", MAX_TILES), lowest=2, highest=MAX_TILES)
    if len(listed("pins", said.get("pins"), longest=4)) != 4 or not said.keys().isdisjoint({"x", "y", "enlarge"}):
        raise RequestError("a map has 4 pins, and neither x nor y nor enlarge")
    shares = [tile / (tiles - 1) for tile in range(tiles)]
    pictures = draw_map(model, [Place.parse(model.card, {**said, "x": x, "y": y}) for y in shares for x in shares])
    width, height = (min(side, _TILE) for side in pictures[0].size)
    sheet = PIL.Image.new(pictures[0].mode, (tiles * width, tiles * height))
    for place, image in enumerate(pictures):
        row, column = divmod(place, tiles)
        sheet.paste(image.resize((width, height), PIL.Image.Resampling.LANCZOS), (column * width, row * height))
    stream = io.BytesIO()
    sheet.save(stream, "PNG", compress_level=1)
    return stream.getvalue()


_TILE = 96
_FRESH = {"cache-control": "no-store"}

TAB = Tab(
    texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, routes=routes, serves=lambda catalog: bool(catalog.models("sample"))
)
