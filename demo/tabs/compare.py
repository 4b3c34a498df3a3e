"""The tab that puts models side by side on the same seeds and ranks them, and `/studio/compare` and `/studio/zoo`."""

import base64
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request

from demo.arguments import listed, only_keys
from demo.catalog import Catalog
from demo.comparison import MAX_MODELS, Side, read_table, side_by_side
from demo.errors import RequestError
from demo.service import Turns, read_json
from demo.tab import Tab

TEXTS_EN = {
    "title": "Compare",
    "tour": "Give several models the same seeds, and see which paints best, fastest and smallest.",
    "missing": "There is no model to compare yet. Make some with make repro or make zoo, then reload this page.",
    "models": "Models",
    "most": "{chosen} of at most {most}",
    "seed": "First seed",
    "count": "Pictures of each",
    "go": "Compare",
    "shuffle": "New seeds",
    "share": "Copy link",
    "seed_n": "seed {seed}",
    "alt": "Picture of seed {seed} by {model}",
    "busy": "painting ...",
    "failed": "not painted",
    "size": "{size} kB",
    "time": "{time} ms a picture",
    "pixels": "{size} px",
    "unmeasured": "quality not measured",
    "hint": "Each column is one seed. Times are medians on this server, one picture at a time, as it is loaded "
    "now; sizes are those of all graphs of a model together.",
    "table": "Ranking",
    "table_why": "Generated from the registry of runs by “make zoo”; nobody writes it by hand. Among models that do "
    "the same on pictures of one source, the best stands first. Times and sizes are those that the pipeline measured.",
    "table_none": "There is no ranking here yet: “make zoo” trains every model, registers it and writes one.",
    "task_sample": "Painting from noise",
    "task_translate": "Image to image",
    "task_stylize": "Style transfer",
    "measured": "measured with {extractor}",
    "quality_sample": "Fréchet distance, lower is better",
    "quality_translate": "Kernel distance, lower is better",
    "quality_stylize": "Quality",
    "recipe": "Model",
    "diversity": "Recall, higher is more diverse",
    "bound": "Bound on the likelihood, nats",
    "error": "Error of reconstruction",
    "kilobytes": "Size, kB",
    "minutes": "Training, min",
    "milliseconds": "One picture, ms",
    "description": "What it is",
    "served": "served here",
    "other": "another version is served here",
}
TEXTS_ZH = {
    "title": "比较",
    "tour": "给几个模型同样的种子，看谁画得最好、最快、最小。",
    "missing": "还没有可供比较的模型。请用 make repro 或 make zoo 制作，然后刷新本页。",
    "models": "模型",
    "most": "已选 {chosen} 个，最多 {most} 个",
    "seed": "第一个种子",
    "count": "每个模型的张数",
    "go": "比较",
    "shuffle": "换种子",
    "share": "复制链接",
    "seed_n": "种子 {seed}",
    "alt": "{model} 种子 {seed} 的作品",
    "busy": "正在作画……",
    "failed": "未能作画",
    "size": "{size} kB",
    "time": "每幅 {time} 毫秒",
    "pixels": "{size} 像素",
    "unmeasured": "未测质量",
    "hint": "每一列是同一个种子。时间是此服务器在当前负载下逐幅作画的中位数；大小是模型全部计算图之和。",
    "table": "排名",
    "table_why": "由 “make zoo” 根据运行登记自动生成，无人手写。"
    "任务与图片来源相同者之中，质量最好者居首。时间与大小由流水线测得。",
    "table_none": "这里还没有排名：“make zoo” 会训练并登记每个模型，然后生成排名。",
    "task_sample": "由噪声作画",
    "task_translate": "图像到图像",
    "task_stylize": "风格迁移",
    "measured": "以 {extractor} 测得",
    "quality_sample": "Fréchet 距离，越低越好",
    "quality_translate": "核距离，越低越好",
    "quality_stylize": "质量",
    "recipe": "模型",
    "diversity": "召回率，越高越多样",
    "bound": "似然下界（奈特）",
    "error": "重建误差",
    "kilobytes": "大小（kB）",
    "minutes": "训练（分钟）",
    "milliseconds": "一幅（毫秒）",
    "description": "说明",
    "served": "此处可用",
    "other": "此处是另一版本",
}

TABLE = Path("reports") / "zoo.json"
"""What `make zoo` writes, below the folder that it runs in; the models stand in that folder or in a folder of it."""


def routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/compare`, models on the same seeds, and `GET /studio/zoo`, the ranking."""
    router = APIRouter()

    @router.post("/compare")
    async def compare(request: Request) -> dict[str, Any]:
        said = only_keys("a comparison", await read_json(request), ("models", "seed", "count", "enlarge"))
        names = listed("models", said.get("models"), longest=MAX_MODELS)
        if not all(isinstance(name, str) for name in names):
            raise RequestError("models must be a list of names; /healthz lists them")

        def draw() -> list[dict[str, Any]]:
            models = {str(name): catalog.model(str(name), task="sample") for name in names}
            sides = side_by_side(
                models, seed=said.get("seed", 1), count=said.get("count", 4), enlarge=said.get("enlarge", 1)
            )
            return [_told(side) for side in sides]

        return {"sides": await turns.take(draw)}

    @router.get("/zoo")
    async def zoo() -> dict[str, Any]:
        return {"rows": await turns.take(lambda: read_ranking(catalog.folder))}

    return router


def read_ranking(models: Path) -> list[dict[str, Any]]:
    """Return the rows of the table nearest to the folder of models, none where there is none.

    Raises:
        ModelError: the table is damaged.

    """
    folder = models.absolute()
    tables = (read_table(above / TABLE) for above in (folder.parent, folder.parent.parent))
    return next(filter(None, tables), [])


def _told(side: Side) -> dict[str, Any]:
    pictures = [
        {
            "seed": sample.recipe["seed"],
            "class": sample.recipe["class"],
            "png": base64.b64encode(sample.to_png()).decode(),
        }
        for sample in side.samples
    ]
    return {
        "name": side.name,
        "kilobytes": side.kilobytes,
        "milliseconds": side.milliseconds,
        "pictures": pictures,
    }


TAB = Tab(
    texts={"en": TEXTS_EN, "zh-CN": TEXTS_ZH}, routes=routes, serves=lambda catalog: bool(catalog.models("sample"))
)
