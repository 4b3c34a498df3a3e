"""The tab that travels from picture to picture, and its endpoint `/studio/journey`."""

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse

from demo.arguments import one_of
from demo.catalog import Catalog
from demo.engine import Model
from demo.errors import DemoError, GoneError
from demo.films import FORMATS, encode_film
from demo.journeys import Journey, travel
from demo.provenance import recipe_mark
from demo.service import Turns, read_json, split_model
from demo.tab import Tab

TEXTS_EN = {
    "title": "Journey",
    "tour": "Pin pictures on a string and film the way from each to the next.",
    "missing": "There is no model to travel through yet. Make one with make repro, then reload this page.",
    "model": "Model",
    "stops": "Stops on the way",
    "seed": "seed",
    "class": "class",
    "any": "by the seed",
    "stop": "Stop {n}",
    "stop_alt": "Stop {n}: picture of seed {seed} by {model}",
    "earlier": "Move stop {n} earlier",
    "later": "Move stop {n} later",
    "remove": "Remove stop {n}",
    "add": "Add a stop",
    "seconds": "Seconds from stop to stop",
    "rate": "Pictures per second",
    "easing": "Pace",
    "easing_linear": "even",
    "easing_smooth": "smooth",
    "easing_gentle": "gentle",
    "easing_sine": "swinging",
    "loop": "Come back to the first",
    "truncation": "Truncation",
    "enlarge": "Size of the film",
    "film": "Film",
    "halt": "Stop",
    "play": "Play or pause",
    "frame": "Frame of the film",
    "format": "Save as",
    "saving": "Drawing frame {frame} of {frames}",
    "encoding": "Putting {frames} frames into one file",
    "ready": "{frames} frames, {seconds} s",
    "stopped": "Stopped after {frames} frames.",
    "alt": "Frame {frame} of {frames} of a film by {model}",
    "share": "Copy link",
}
TEXTS_ZH = {
    "title": "旅程",
    "tour": "把作品串成一线，把从一幅到下一幅的路拍成影片。",
    "missing": "还没有可供旅行的模型。请运行 make repro 制作一个，然后刷新本页。",
    "model": "模型",
    "stops": "途中各站",
    "seed": "种子",
    "class": "类别",
    "any": "由种子决定",
    "stop": "第 {n} 站",
    "stop_alt": "第 {n} 站：{model} 种子 {seed} 的作品",
    "earlier": "把第 {n} 站前移",
    "later": "把第 {n} 站后移",
    "remove": "移除第 {n} 站",
    "add": "添加一站",
    "seconds": "每段秒数",
    "rate": "每秒画面数",
    "easing": "节奏",
    "easing_linear": "匀速",
    "easing_smooth": "平滑",
    "easing_gentle": "柔和",
    "easing_sine": "摇摆",
    "loop": "回到第一站",
    "truncation": "截断",
    "enlarge": "影片尺寸",
    "film": "拍摄",
    "halt": "停止",
    "play": "播放或暂停",
    "frame": "影片的帧",
    "format": "保存为",
    "saving": "正在绘制第 {frame} 帧，共 {frames} 帧",
    "encoding": "正在把 {frames} 帧合成一个文件",
    "ready": "{frames} 帧，{seconds} 秒",
    "stopped": "已在 {frames} 帧后停止。",
    "alt": "{model} 影片的第 {frame} 帧，共 {frames} 帧",
    "share": "复制链接",
}

FRAMES = "frames"
"""The format of a film that is watched and not saved: its pictures, one by one."""

_FILMS = 2
"""How many films are made at once: each holds all of its frames."""


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/journey`, which streams lines of JSON.

    With `format` `frames`, the default, one line per frame: `{"frame": 0, "frames": 41, "png": BASE64}`. With a format
    of `FORMATS`, lines of progress without `png`, and at the end `{"file": BASE64, "name": ..., "type": ...}`. A
    failure on the way is a last line `{"error": sentence}`. Whoever hangs up ends the work with the frame under way.
    """
    router = APIRouter()
    films = asyncio.Semaphore(_FILMS)

    @router.post("/journey")
    async def journey(request: Request) -> StreamingResponse:
        name, said = split_model(await read_json(request))
        kind = one_of("format", said.pop("format", FRAMES), [FRAMES, *FORMATS])
        model = await turns.take(lambda: catalog.model(name, task="sample"))
        parsed = Journey.parse(model.card, said)
        steps = _steps(model, parsed, kind)

        async def lines() -> AsyncIterator[str]:
            try:
                async with films if kind != FRAMES else contextlib.nullcontext():
                    while line := await turns.take(lambda: next(steps, None)):
                        yield json.dumps(line) + "\n"
            except GoneError:
                return
            except DemoError as error:
                yield json.dumps({"error": str(error)}) + "\n"

        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)

    return router


def _steps(model: Model, journey: Journey, kind: str) -> Iterator[dict[str, Any]]:
    images = []
    try:
        for frame, picture in enumerate(travel(model, journey)):
            line: dict[str, Any] = {"frame": frame, "frames": journey.frames}
            if kind == FRAMES:
                line["png"] = base64.b64encode(picture.to_png()).decode()
            else:
                images.append(picture.image)
            yield line
        if kind != FRAMES:
            title = f"{model.card.recipe}, a journey past {len(journey.pins)} pictures"
            recipe = journey.recipe(model)
            film = encode_film(images, kind=kind, rate=journey.rate, recipe=recipe, title=title)
            name = f"{model.card.recipe}-journey-{recipe_mark(recipe)}.{kind}"
            yield {"file": base64.b64encode(film).decode(), "name": name, "type": FORMATS[kind]}
    except DemoError as error:
        yield {"error": str(error)}


TAB = Tab(
    texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, routes=routes, serves=lambda catalog: bool(catalog.models("sample"))
)
