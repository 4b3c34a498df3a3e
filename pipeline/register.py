"""Stage: exported and evaluated model -> a version in MLflow's registry, under the alias `challenger`.

python -m pipeline register RECIPE

It has no output file: the registry is the result, and it differs from machine to machine.
"""

import hashlib
import importlib
import importlib.metadata
import json
import logging
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from demo.card import ModelCard, Port
from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.errors import EvaluationError, ExportError
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.store import connect, experiment_id, load_mlflow, reporting, without_warnings
from pipeline.tracking import lineage, revision, tracking_is_off
from pipeline.workspace import Workspace

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

ALIAS = "challenger"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A model file, its card, its figures by name, and the tags that tell it from others."""

    path: Path
    card: ModelCard
    metrics: dict[str, float]
    tags: dict[str, str]


def register(recipe: Recipe, workspace: Workspace) -> None:
    """Make the model of `recipe` a registered version and the challenger; a known model with known metrics is found.

    Raises:
        ExportError: there is no model file, it is damaged, or it was made from another recipe.
        EvaluationError: the model was not scored.
        TrackingError: the registry does not answer or refuses.

    """
    if tracking_is_off():
        _log.warning("GANVAS_TRACKING is off, so %s is not registered", recipe.name)
        return
    candidate = _read_candidate(recipe, workspace)
    client = connect()
    experiment = experiment_id(client, recipe.name)
    with reporting():
        version = _find_version(client, recipe.name, candidate)
        found = version is not None
        if version is None:
            version = _make_version(client, experiment, candidate, recipe=recipe, workspace=workspace)
        client.set_registered_model_alias(recipe.name, ALIAS, version)
    console.print(f"{recipe.name}: version {version} {'was known' if found else 'is registered'} and is the {ALIAS}")


def markdown(card: ModelCard, metrics: Mapping[str, float]) -> str:
    """Return the model card as people read it."""
    ports = [("in", port) for port in card.inputs] + [("out", port) for port in card.outputs]
    lines = [
        f"# {card.recipe}",
        "",
        card.description or "A model without a description.",
        "",
        f"Task: {card.task}. Pictures: {'RGB' if card.channels == 3 else 'grey'}, {card.size} pixels a side.",
        *(["", "Choices: " + ", ".join(choice.name for choice in card.choices) + "."] if card.choices else []),
        *["", "| | name | shape | kind |", "|---|---|---|---|"],
        *(f"| {way} | {port.name} | {' x '.join(map(str, port.shape))} | {port.kind} |" for way, port in ports),
        *["", "| metric | value |", "|---|---|"],
        *(f"| {name} | {value:.6g} |" for name, value in metrics.items()),
        *["", "| made from | |", "|---|---|"],
        *(f"| {name} | {value} |" for name, value in card.provenance.items()),
    ]
    return "\n".join(lines) + "\n"


def _read_candidate(recipe: Recipe, workspace: Workspace) -> _Candidate:
    try:
        file = ModelFile.read(workspace.model)
    except ModelError as error:
        raise ExportError(str(error)) from error
    provenance = file.card.provenance
    if provenance.get("recipe_digest") != recipe.digest:
        raise ExportError(
            f"{workspace.model} was made from another recipe; run `python -m pipeline export {recipe.name}`"
        )
    report = workspace.reports / "metrics.json"
    try:
        content = report.read_bytes()
        metrics = dict(_figures(json.loads(content)))
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{report} cannot be read; run `python -m pipeline evaluate {recipe.name}`") from error
    tags = {
        **lineage(recipe, str(provenance["data_md5"])),
        "ganvas.model_sha256": file.sha256,
        "ganvas.model_md5": hashlib.md5(file.content, usedforsecurity=False).hexdigest(),  # DVC's name for the file
        "ganvas.metrics_sha256": hashlib.sha256(content).hexdigest(),
    }
    return _Candidate(workspace.model, file.card, metrics, tags)


def _figures(content: Any, prefix: str = "") -> Iterator[tuple[str, float]]:
    """Yield the numbers of nested mappings under dotted names; texts and lists are left to the report."""
    for name, value in content.items():
        if isinstance(value, Mapping):
            yield from _figures(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            yield f"{prefix}{name}", float(value)


def _find_version(client: "MlflowClient", name: str, candidate: _Candidate) -> str | None:
    clauses = [f"tags.`{tag}` = '{value}'" for tag, value in candidate.tags.items()]
    versions = client.search_model_versions(" and ".join([f"name = '{name}'", *clauses]))
    return str(versions[0].version) if versions else None


def _make_version(
    client: "MlflowClient", experiment: str, candidate: _Candidate, *, recipe: Recipe, workspace: Workspace
) -> str:
    """Register by a run of its own, beside the run of the training where that is known."""
    tags = {**candidate.tags, **revision()}
    described = {"ganvas.stage": "register", **tags, **_parent(client, experiment, candidate)}
    run_id = client.create_run(experiment, tags=described, run_name=f"{recipe.name} registered").info.run_id
    status = "FAILED"
    try:
        text = markdown(candidate.card, candidate.metrics)
        client.log_text(run_id, text, "card.md")
        client.log_text(run_id, candidate.card.to_json(), "card.json")
        parts = {"data": recipe.data, "network": recipe.network, "objective": recipe.objective, "loss": recipe.loss}
        sections = {**parts, "train": recipe.train, "export": recipe.export, "evaluate": recipe.evaluate}
        settings = {name: section.model_dump(mode="json") for name, section in sections.items()}
        client.log_dict(run_id, settings, "recipe.json")
        client.log_artifacts(run_id, str(workspace.reports), "reports")
        if (lock := workspace.root / "dvc.lock").exists():
            client.log_artifact(run_id, str(lock))
        model = _log_model(client, experiment, candidate, run_id=run_id)
        version = _create_version(client, candidate, tags=tags, model=model)
        client.update_model_version(recipe.name, version, text)
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return version


def _parent(client: "MlflowClient", experiment: str, candidate: _Candidate) -> dict[str, str]:
    wanted = ("ganvas.recipe_digest", "ganvas.data_digest")
    clauses = [f"tags.`{name}` = '{candidate.tags[name]}'" for name in wanted]
    query = " and ".join(["tags.`ganvas.stage` = 'train'", "attributes.status = 'FINISHED'", *clauses])
    trainings = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return {"mlflow.parentRunId": trainings[0].info.run_id} if trainings else {}


def _log_model(client: "MlflowClient", experiment: str, candidate: _Candidate, *, run_id: str) -> "LoggedModel":
    """Keep the model file with the run, in MLflow's own format, and return what MLflow knows of it."""
    mlflow = load_mlflow()
    types = importlib.import_module("mlflow.types.schema")
    signature = mlflow.models.ModelSignature(
        *(
            types.Schema([_tensor(types, port) for port in ports])
            for ports in (candidate.card.inputs, candidate.card.outputs)
        )
    )
    model = client.create_logged_model(experiment, candidate.card.recipe, run_id, candidate.tags)
    with tempfile.TemporaryDirectory() as folder, without_warnings():
        saved = Path(folder) / "model"
        mlflow.onnx.save_model(
            onnx.load(candidate.path),
            saved,
            mlflow_model=mlflow.models.Model(run_id=run_id, model_id=model.model_id),
            signature=signature,
            pip_requirements=_requirements(),
            save_as_external_data=False,
        )
        shutil.copyfile(candidate.path, saved / "model.onnx")  # byte for byte the file that its tags name
        for companion in candidate.card.companions:
            file = f"{companion.name}.onnx"
            shutil.copyfile(candidate.path.with_name(file), saved / file)
        client.log_model_artifacts(model.model_id, str(saved))
    client.finalize_logged_model(model.model_id, "READY")
    client.log_outputs(run_id, [mlflow.entities.LoggedModelOutput(model.model_id, step=0)])
    now = int(time.time() * 1000)
    metrics = [
        mlflow.entities.Metric(name, value, now, 0, model_id=model.model_id, run_id=run_id)
        for name, value in candidate.metrics.items()
    ]
    client.log_batch(run_id, metrics=metrics)
    return model


def _create_version(
    client: "MlflowClient", candidate: _Candidate, *, tags: Mapping[str, str], model: "LoggedModel"
) -> str:
    name = candidate.card.recipe
    try:
        client.create_registered_model(name, description=candidate.card.description)
    except load_mlflow().exceptions.MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    # A version shows no metrics of its own, so they are tags.
    figures = {f"metric.{metric}": f"{value:.6g}" for metric, value in candidate.metrics.items()}
    # The place of the files is said in full, because MLflow would look for the id in the store of the environment.
    version = client.create_model_version(
        name, model.artifact_location, model.source_run_id, tags={**tags, **figures}, model_id=model.model_id
    )
    return str(version.version)


def _tensor(types: Any, port: Port) -> Any:
    shape = tuple(length if isinstance(length, int) else -1 for length in port.shape)
    return types.TensorSpec(np.dtype(np.float32), shape, port.name)


def _requirements() -> list[str]:
    """Return what runs the model; the build of ONNX Runtime is the user's choice, its version is not."""
    installed = {distribution.name: distribution.version for distribution in importlib.metadata.distributions()}
    runtime = installed.get("onnxruntime") or installed["onnxruntime-gpu"]
    return [f"onnxruntime=={runtime}", *(f"{name}=={installed[name]}" for name in ("onnx", "numpy"))]
