"""One server of the load test: the endpoints under `/v2` as the page has them, with one of three engines behind.

python bench/serving.py ENGINE FOLDER

FOLDER is what `write_models` wrote. Prints its port once it listens.
"""

import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray

from demo import openinference
from demo.card import Choice, ModelCard
from demo.catalog import Catalog
from demo.engine import Engine, Feeds
from demo.graphfile import GraphFile
from demo.runtime import Provider
from demo.service import Turns, answer_errors
from demo.shelf import Shelf
from demo.visitors import Visitors
from pipeline.contracts import Graph, Image
from pipeline.export import write_model
from pipeline.recipe import Recipe, read_recipe

PARAMS = Path(__file__).parent.parent / "zoo" / "starter.yaml"
RECIPE = "atelier"
FAMILIES = 10


def build_graph() -> tuple[Recipe, Graph]:
    """Return the graph of the painter that ships, with the same random weights each time: time does not depend on them.

    They are random because a training's state is not at hand wherever this runs, and both sides must have the same.
    """
    recipe = read_recipe(PARAMS, RECIPE)
    image = Image(3, 64, tuple(f"family {place}" for place in range(FAMILIES)))
    torch.manual_seed(0)
    modules = recipe.network.build(image)
    deployed = {role: modules[role].eval().requires_grad_(requires_grad=False) for role in recipe.network.deployed}
    return recipe, recipe.network.graph(deployed, image)


def write_models(folder: Path) -> Path:
    """Export the graph to where a catalogue of `folder` finds it, and return the file."""
    recipe, graph = build_graph()
    path = folder / RECIPE / "model.onnx"
    path.parent.mkdir(parents=True)
    card = ModelCard(
        recipe=recipe.name,
        task="sample",
        channels=3,
        size=64,
        inputs=graph.inputs,
        outputs=graph.outputs,
        choices=tuple(Choice(name) for name in graph.choices),
    )
    write_model(graph, card, path)
    return path


@dataclass(frozen=True, slots=True)
class Eager:
    """Torch's eager module as an engine: every request by itself, as many at once as come."""

    graph: Graph

    def provider(self, file: GraphFile) -> Provider:
        return "CPU"

    def open(self, file: GraphFile) -> "Eager":
        return self

    def run(self, feeds: Feeds, output: str) -> NDArray[np.float32]:
        with torch.inference_mode():
            pictures: torch.Tensor = self.graph.module(
                *(torch.from_numpy(feeds[port.name]) for port in self.graph.inputs)
            )
        return pictures.numpy()


ENGINES: dict[str, Callable[[], Engine]] = {
    "joined": lambda: Shelf("cpu", batching=True),
    "single": lambda: Shelf("cpu"),
    "torch": lambda: Eager(build_graph()[1]),
}


def serve(engine: str, folder: Path) -> None:
    """Serve until the process is ended."""
    app = FastAPI()
    answer_errors(app)
    app.include_router(openinference.routes(Catalog(folder, ENGINES[engine]()), Turns()))
    app.add_middleware(Visitors, prefixes=("/v2/",))
    listener = socket.socket(proto=socket.IPPROTO_TCP)  # as in `demo.__main__`: else small answers wait 40 ms
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    print(listener.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level="warning")).run(sockets=[listener])


if __name__ == "__main__":
    serve(sys.argv[1], Path(sys.argv[2]))
