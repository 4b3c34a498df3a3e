"""The tab that checks a picture against its own recipe, and its endpoint `/studio/verify`."""

import base64
from typing import Any

from fastapi import APIRouter, Request

from demo.arguments import only_keys
from demo.catalog import Catalog
from demo.errors import RequestError
from demo.repainting import NAMES
from demo.service import Turns, read_body, read_json
from demo.tab import Tab
from demo.verification import Report, verify

TEXTS_EN = {
    "title": "Verify",
    "tour": "Drop a picture made here, and see it made again, bit for bit.",
    "lead": "A picture made here carries its recipe. Drop it, and it is painted anew and compared pixel by pixel.",
    "drop": "Drop a PNG here, or choose one",
    "busy": "Painting it anew ...",
    "yours": "Your picture",
    "anew": "Made again now",
    "is_same": "The same, bit for bit",
    "is_differs": "Not the same",
    "is_other_file": "Made with another version of the model",
    "is_no_model": "The model is not at hand",
    "is_no_recipe": "No recipe in this picture",
    "is_needs_picture": "Made from another picture",
    "is_not_followed": "The recipe cannot be followed",
    "why_same": "All {pixels} pixels are what the recipe makes.",
    "why_differs": "{differing} of {pixels} pixels differ, by at most {largest} of 255 levels. Small differences come "
    "from other processors or library versions, large ones from editing.",
    "why_other_file": "The recipe names another model file than the one that is served under this name. With this one, "
    "{differing} of {pixels} pixels differ, by at most {largest} of 255 levels.",
    "why_no_model": "This server has no model of that name; its recipe is below.",
    "why_no_recipe": "It was not made here, or a program that saved it again took the recipe out.",
    "why_needs_picture": "What it was made from does not travel with it. Give it here, and it is painted anew and "
    "compared; it is not kept.",
    "need_photograph": "Drop the photograph",
    "need_style_picture": "Drop the picture of the style",
    "need_picture": "Drop the picture or drawing it was made from",
    "need_mask": "Drop the mask, if it was a file; one drawn by hand is gone",
    "needed": "{name} is here",
    "check_recipe": "Recipe found",
    "check_model": "Model at hand",
    "check_hash": "Same model file",
    "check_pixels": "Same pixels",
    "recipe": "Recipe",
    "open": "Open in {tab}",
}
TEXTS_ZH = {
    "title": "验证",
    "tour": "放入一幅在此生成的图片，看它被逐位重新生成。",
    "lead": "在此生成的图片都带有配方。放入图片，它会被重新绘制并逐像素比较。",
    "drop": "把 PNG 拖到这里，或点击选择",
    "busy": "正在重新绘制……",
    "yours": "你的图片",
    "anew": "刚刚重新生成",
    "is_same": "逐位相同",
    "is_differs": "不相同",
    "is_other_file": "由模型的另一版本生成",
    "is_no_model": "此处没有该模型",
    "is_no_recipe": "这幅图片没有配方",
    "is_needs_picture": "由另一幅图片生成",
    "is_not_followed": "无法按配方重现",
    "why_same": "全部 {pixels} 个像素都与配方所得一致。",
    "why_differs": "{pixels} 个像素中有 {differing} 个不同，最多相差 {largest} 级（共 255 级）。"
    "微小差异来自不同的处理器或库版本，较大差异来自编辑。",
    "why_other_file": "配方所指的模型文件与此处同名的文件不同。用此处的文件，"
    "{pixels} 个像素中有 {differing} 个不同，最多相差 {largest} 级（共 255 级）。",
    "why_no_model": "此服务器没有这个名字的模型，配方见下。",
    "why_no_recipe": "它不是在此生成的，或者重新保存它的程序去掉了配方。",
    "why_needs_picture": "原图不随作品保存。在此提供原图，即可重新绘制并比较；原图不会被保留。",
    "need_photograph": "放入原照片",
    "need_style_picture": "放入风格图片",
    "need_picture": "放入原图或线稿",
    "need_mask": "放入遮罩文件；手绘的遮罩已不存在",
    "needed": "已有 {name}",
    "check_recipe": "找到配方",
    "check_model": "有该模型",
    "check_hash": "模型文件相同",
    "check_pixels": "像素相同",
    "recipe": "配方",
    "open": "在“{tab}”中打开",
}

_MAX_FILE = 32 * 2**20
_RESULT = "result"
_MAX_FILES = 96 * 2**20


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/verify`, a PNG as the body, the report as JSON, and `POST /studio/repaint`.

    `repaint` takes JSON of base64: the PNG under `result`, and under the names that the report's `needs` lists what it
    was made from; its answer is a report as well.
    """
    router = APIRouter()

    @router.post("/verify")
    async def check(request: Request) -> dict[str, Any]:
        content = await read_body(request, limit=_MAX_FILE)
        return await turns.take(lambda: _told(verify(catalog, content)))

    @router.post("/repaint")
    async def repaint(request: Request) -> dict[str, Any]:
        files = _files(await read_json(request, limit=_MAX_FILES))
        content = files.pop(_RESULT)
        return await turns.take(lambda: _told(verify(catalog, content, files)))

    return router


def _files(said: dict[str, Any]) -> dict[str, bytes]:
    only_keys("the request", said, (_RESULT, *NAMES))
    if _RESULT not in said:
        raise RequestError("the request must have the picture to check under 'result', as base64")
    try:
        return {name: base64.b64decode(text, validate=True) for name, text in said.items()}
    except (TypeError, ValueError) as error:
        raise RequestError("every file must be base64; encode it anew") from error


def _told(report: Report) -> dict[str, Any]:
    picture = report.regenerated
    return {
        "verdict": report.verdict,
        "recipe": report.recipe,
        "reason": report.reason,
        "needs": list(report.needs),
        "served_sha256": report.served_sha256,
        "pixels": report.pixels,
        "differing": report.differing,
        "largest": report.largest,
        "png": base64.b64encode(picture.to_png()).decode() if picture else None,
    }


TAB = Tab(texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, routes=routes)
