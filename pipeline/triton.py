"""Command: exported models -> a model repository for Triton, NVIDIA's inference server.

python -m pipeline triton OUT [--params FILE]

A model becomes `OUT/NAME/VERSION/model.onnx` beside `OUT/NAME/config.pbtxt`, its companions models of their own,
`NAME.COMPANION`. Running it again adds a version where the file has changed, so a server that polls the folder takes it
up; the version before is served on. Layout and settings: Triton's `model_repository.md` and `model_configuration.md`.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from demo.card import ModelCard, Port, Task
from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.errors import ExportError
from pipeline.progress import console
from pipeline.recipe import read_names
from pipeline.workspace import Workspace, writing

LARGEST_BATCH: dict[Task, int] = {"sample": 64}
_LARGEST_BATCH_OF_OTHERS = 8
_QUEUE_DELAY = 2000
"""Microseconds for which a request waits for others to share its batch."""
_VERSIONS = 2
_SIDE_STEP = 8


def triton(params: Path, out: Path) -> None:
    """Bring the repository `out` up to date with the exported models of a params file's recipes.

    Raises:
        RecipeError: the params file cannot be read.
        ExportError: no recipe has a model, or one is damaged.
        StorageError: the repository cannot be written.

    """
    names = read_names(params)
    paths = [path for path in (Workspace(name, params.parent).model for name in names) if path.exists()]
    if not paths:
        raise ExportError(f"none of {', '.join(names)} has a model yet; run `dvc repro` first")
    for path in paths:
        # All files of a model are read before any is written.
        for name, file in list(_graphs(path)):
            version, fresh = _place(file, out / name)
            with writing(out / name / "config.pbtxt") as scratch:
                scratch.write_text(config(name, file.card), encoding="utf-8")
            console.print(f"{out / name}: version {version}" + ("" if fresh else " as it was"))


def config(name: str, card: ModelCard) -> str:
    """Return the configuration of a graph, as text of the protobuf message `inference.ModelConfig`."""
    largest = LARGEST_BATCH.get(card.task, _LARGEST_BATCH_OF_OTHERS)
    lines = [
        f"name: {json.dumps(name)}",
        'backend: "onnxruntime"',
        f"max_batch_size: {largest}",
        *(f"input {_tensor(port)}" for port in card.inputs),
        *(f"output {_tensor(port)}" for port in card.outputs),
        f"version_policy {{ latest {{ num_versions: {_VERSIONS} }} }}",
        f"dynamic_batching {{ max_queue_delay_microseconds: {_QUEUE_DELAY} }}",
        "instance_group { count: 1 kind: KIND_AUTO }",
        *(_warm_up(card, batch) for batch in (1, largest)),
    ]
    return "\n".join(lines) + "\n"


def _graphs(path: Path) -> Iterator[tuple[str, ModelFile]]:
    """Yield a model and its companions, each with its name in the repository."""
    try:
        model = ModelFile.read(path)
        yield model.card.recipe, model
        for companion in model.card.companions:
            file = ModelFile.read(path.with_name(f"{companion.name}.onnx"))
            if file.sha256 != companion.sha256:
                raise ExportError(
                    f"{file.path} does not belong to the model beside it; export both again with `python -m pipeline "
                    f"export {model.card.recipe}`"
                )
            yield f"{model.card.recipe}.{companion.name}", file
    except ModelError as error:
        raise ExportError(str(error)) from error


def _place(file: ModelFile, folder: Path) -> tuple[int, bool]:
    """Return the version that holds a file, and whether it had to be made."""
    found = folder.iterdir() if folder.is_dir() else ()
    newest = max((int(path.name) for path in found if path.name.isdecimal()), default=0)
    if newest and (folder / str(newest) / "model.onnx").read_bytes() == file.content:
        return newest, False
    with writing(folder / str(newest + 1)) as scratch:
        scratch.mkdir()
        (scratch / "model.onnx").write_bytes(file.content)
    return newest + 1, True


def _tensor(port: Port) -> str:
    # The batch is Triton's own business: dims are those of one row.
    dims = ", ".join(str(length) if isinstance(length, int) else "-1" for length in port.shape[1:])
    return f"{{ name: {json.dumps(port.name)} data_type: TYPE_FP32 dims: [ {dims} ] }}"


def _warm_up(card: ModelCard, batch: int) -> str:
    side = -(-card.size // _SIDE_STEP) * _SIDE_STEP
    inputs = []
    for port in card.inputs:
        dims = ", ".join(str(length if isinstance(length, int) else side) for length in port.shape[1:])
        value = f"{{ data_type: TYPE_FP32 dims: [ {dims} ] zero_data: true }}"
        inputs.append(f"inputs {{ key: {json.dumps(port.name)} value {value} }}")
    return f'model_warmup {{ name: "batch of {batch}" batch_size: {batch} {" ".join(inputs)} }}'
