"""The endpoint `/studio/steps`: how a recurrent model paints one picture."""

import base64
from typing import Any

from fastapi import APIRouter, Request

from demo.arguments import only_keys
from demo.catalog import Catalog
from demo.images import to_png
from demo.places import ANY
from demo.sampling import SampleRequest, draw_steps
from demo.service import Turns, read_json, split_model


def steps_routes(catalog: Catalog, turns: Turns) -> APIRouter:
    """Return `POST /studio/steps`: for a model, a seed, a class and a truncation, the canvas after each step as PNG."""
    router = APIRouter()

    @router.post("/steps")
    async def steps(request: Request) -> dict[str, Any]:
        name, said = split_model(await read_json(request))
        said = dict(only_keys("a picture of steps", said, ("seed", "class", "truncation", "enlarge")))

        def draw() -> list[str]:
            model = catalog.model(name, task="sample")
            parsed = SampleRequest.parse(
                model,
                choice=said.get("class", ANY),
                seed=said.get("seed"),
                count=1,
                truncation=said.get("truncation", 1),
                enlarge=said.get("enlarge", 1),
            )
            return [base64.b64encode(to_png(image, {})).decode() for image in draw_steps(model, parsed)]

        return {"steps": await turns.take(draw)}

    return router
