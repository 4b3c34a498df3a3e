"""Stage: trained networks -> ONNX files with their cards inside, compared with torch on fresh inputs.

python -m pipeline export RECIPE
"""

import base64
import hashlib
import io
import json
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import torch
from numpy.typing import NDArray

from demo import __version__
from demo.card import METADATA_KEY, Choice, Companion, ModelCard, Port
from demo.engine import Model
from pipeline.contracts import Graph
from pipeline.data.dataset import Dataset
from pipeline.directions import Directions, find_directions
from pipeline.errors import ExportError
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.trained import Trained, load_trained
from pipeline.workspace import Workspace, writing

OPSET = 18
BATCHES = (1, 2, 5)
SIDE_STEP = 8
"""Free heights and widths are compared at multiples of this many pixels, which every stylizing network takes."""


def export(recipe: Recipe, workspace: Workspace) -> None:
    """Write the folder of `workspace.model` and the report of its comparison with torch, `export.json`.

    Raises:
        DataError: the prepared data, which name classes and sizes, are missing.
        CheckpointError: there is no finished training of this recipe.
        ExportError: a graph is invalid, or differs from torch by more than the recipe's tolerance; an older model
            stays in place.

    """
    trained = load_trained(recipe, workspace)
    graph = trained.graph if recipe.export.half else _without_half(trained.graph)
    with writing(workspace.model.parent) as folder:
        folder.mkdir()
        main = folder / workspace.model.name
        write_model(graph, _card(recipe, trained), main)
        model = Model.open(main, device="cpu")
        full = _compare_within(graph, model, limit=recipe.export.tolerance)
        half: dict[str, float] = {}
        for name, companion in graph.companions.items():
            found = _compare_within(companion, model.companion(name), limit=recipe.export.tolerance)
            (half if companion.tolerance else full).update({f"{name}, {case}": off for case, off in found.items()})
    size = sum(path.stat().st_size for path in workspace.model.parent.iterdir())
    worst = max(full.values())
    report = {"opset": OPSET, "bytes": size, "largest_difference": worst} | full | half
    with writing(workspace.reports / "export.json") as scratch:
        scratch.write_text(json.dumps(report, indent=2) + "\n")
    console.print(f"{workspace.model.parent}: {size:,} bytes, within {worst:.1g} of torch")


def _without_half(graph: Graph) -> Graph:
    return replace(graph, companions={name: one for name, one in graph.companions.items() if one.tolerance is None})


def _compare_within(graph: Graph, model: Model, *, limit: float) -> dict[str, float]:
    differences = compare(graph, model)
    worst = max(differences.values())
    allowed = graph.tolerance or limit
    if not worst <= allowed:
        what = "more than what half precision rounds" if graph.tolerance else "more than export.tolerance"
        raise ExportError(
            f"{model.card.recipe}: ONNX differs from torch by {worst:.2g}, {what} {allowed:g}; the file is not written"
        )
    return differences


def compare(graph: Graph, model: Model) -> dict[str, float]:
    """Return the largest difference between torch and ONNX Runtime for several batch and picture sizes."""
    random = np.random.default_rng(0)
    free = any("H" in port.shape for port in graph.inputs)
    sides = [(SIDE_STEP * 8, SIDE_STEP * 8), (SIDE_STEP * 6, SIDE_STEP * 11)] if free else [(0, 0)]
    differences = {}
    for height, width in sides:
        for batch in BATCHES:
            feeds = draw_feeds(graph, {"N": batch, "H": height, "W": width}, random=random)
            with torch.no_grad():
                made = graph.module(*(torch.from_numpy(array) for array in feeds.values()))
            expected = dict(zip(graph.outputs, (made,) if isinstance(made, torch.Tensor) else made, strict=True))
            named = f"batch {batch}" + (f", {height} x {width}" if free else "")
            difference = max(
                _difference(port, model.run(feeds, port.name), tensor.numpy()) for port, tensor in expected.items()
            )
            differences[named] = float(f"{difference:.2g}")
    return differences


def _difference(port: Port, found: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    # Codes are numbers of any size, whose digits count and not their distance.
    scale = max(1.0, float(np.abs(expected).max())) if port.kind == "code" else 1.0
    return float(np.abs(found - expected).max()) / scale


def draw_feeds(graph: Graph, sizes: dict[str, int], *, random: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Return random arrays for all inputs of a graph, typical ones where it names them."""
    feeds = {port.name: draw(port, sizes, random=random) for port in graph.inputs}
    rows = {name: np.tile(row.numpy(), (sizes["N"], 1)) for name, row in graph.typical.items()}
    return feeds | rows


def draw(port: Port, sizes: dict[str, int], *, random: np.random.Generator) -> NDArray[np.float32]:
    """Return a random array that fits a port, its free dimensions given by `sizes`."""
    shape = tuple(sizes[length] if isinstance(length, str) else length for length in port.shape)
    if port.kind in {"latent", "noise", "code"}:
        return random.standard_normal(shape, dtype=np.float32)
    values = random.random(shape, dtype=np.float32)
    if port.kind in {"picture", "hints"}:
        return values * 2 - 1
    if port.kind == "mask":
        return np.rint(values)
    return values / values.sum(axis=1, keepdims=True) if port.kind == "weights" else values


def write_model(graph: Graph, card: ModelCard, path: Path) -> None:
    """Write a graph and, beside it, its companions, whose digests its card names.

    Raises:
        ExportError: torch could not export one of them, or it is not valid ONNX.

    """
    companions = []
    for name, companion in graph.companions.items():
        file = path.with_name(f"{name}.onnx")
        write_model(companion, _companion_card(card, companion), file)
        companions.append(Companion(name, hashlib.sha256(file.read_bytes()).hexdigest()))
    _write(graph, replace(card, companions=tuple(companions)), path)


def _companion_card(card: ModelCard, graph: Graph) -> ModelCard:
    bare = replace(card, task="companion", translation="", choices=(), directions=(), strengths=())
    return replace(bare, inputs=graph.inputs, outputs=graph.outputs)


def _write(graph: Graph, card: ModelCard, path: Path) -> None:
    sizes = {"N": 2, "H": SIDE_STEP * 8, "W": SIDE_STEP * 10}
    random = np.random.default_rng(0)
    inputs = tuple(torch.from_numpy(array) for array in draw_feeds(graph, sizes, random=random).values())
    with warnings.catch_warnings(), _quiet_logger():
        warnings.simplefilter("ignore")  # torch.onnx talks about its own deprecations
        program = torch.onnx.export(
            graph.module,
            inputs,
            dynamo=True,
            opset_version=OPSET,
            input_names=[port.name for port in graph.inputs],
            output_names=[port.name for port in graph.outputs],
            dynamic_shapes=tuple(_free_dimensions(port) for port in graph.inputs),
            verbose=False,
        )
    if program is None:
        raise ExportError(f"{card.recipe}: torch could not export the graph")
    model = program.model_proto
    for part in (model.graph, *model.graph.node, *model.graph.value_info, *model.graph.input, *model.graph.output):
        del part.metadata_props[:]  # traces of source lines and folders of this machine
    model.producer_name, model.producer_version = "ganvas", __version__
    onnx.helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    try:
        onnx.checker.check_model(model, full_check=True)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"{card.recipe}: the exported graph is not valid ONNX ({error})") from error
    path.write_bytes(model.SerializeToString(deterministic=True))


def _free_dimensions(port: Port) -> dict[int, str]:
    return {axis: length for axis, length in enumerate(port.shape) if isinstance(length, str)}


def _card(recipe: Recipe, trained: Trained) -> ModelCard:
    graph, dataset = trained.graph, trained.dataset
    found = find_directions(trained.generator()) if graph.task == "sample" else Directions((), ())
    return ModelCard(
        recipe=recipe.name,
        task=graph.task,
        channels=dataset.image.channels,
        size=dataset.image.size,
        inputs=graph.inputs,
        outputs=graph.outputs,
        choices=_choices(graph, dataset),
        directions=found.vectors,
        strengths=found.strengths,
        translation=graph.translation,
        description=recipe.description,
        provenance={
            "ganvas": __version__,
            "torch": torch.__version__,
            "data": recipe.data.name,
            "data_md5": dataset.digest,
            "recipe_digest": recipe.digest,
            "seed": recipe.train.seed,
            "steps": trained.steps,
        },
    )


def _choices(graph: Graph, dataset: Dataset) -> tuple[Choice, ...]:
    if graph.task != "stylize":
        return tuple(Choice(name) for name in graph.choices)
    named = zip(graph.choices, graph.codes, strict=True)
    return tuple(Choice(name, _thumbnail(dataset, name), code) for name, code in named)


def _thumbnail(dataset: Dataset, name: str) -> str:
    """Return the first training picture of a style as a PNG data URI: the user picks styles by their looks."""
    label = dataset.image.classes.index(name)
    first = next(index for index in dataset.training if dataset.labels[index] == label)
    stream = io.BytesIO()
    PIL.Image.fromarray(dataset.images[first].transpose(1, 2, 0)).save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


@contextmanager
def _quiet_logger() -> Iterator[None]:
    """Silence torch's exporter: what goes wrong is raised as well."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
