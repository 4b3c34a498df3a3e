"""MLflow's registry: a version for each model, made once, and the aliases `challenger` and `champion`."""

import importlib
import importlib.metadata
import shutil
import tempfile
import time
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from filelock import FileLock

from demo.card import Port
from pipeline.candidate import COMMIT, DIRTY, GATE, SHA256, Candidate
from pipeline.gate import REPORT
from pipeline.modelcard import description, markdown
from pipeline.store import embedded_database, experiment_id, load_mlflow, reporting, without_warnings

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel
    from mlflow.entities.model_registry import ModelVersion

CHALLENGER = "challenger"
CHAMPION = "champion"
_PARAMS_AT_ONCE = 100
_LONGEST_PARAM = 6000


def keep(client: "MlflowClient", candidate: Candidate) -> tuple[str, bool]:
    """Return the version of a model and whether it was known; an unknown one is made, a known one brought up to date.

    Raises:
        TrackingError: the registry does not answer or refuses.

    """
    name = candidate.card.recipe
    experiment = experiment_id(client, name)
    folder = embedded_database().parent
    with reporting():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "register.lock"):  # two that look at once would both find none
            known = _search(client, name, candidate.identity)
            if known is None:
                return _make_version(client, experiment, candidate), False
            _bring_up_to_date(client, known, candidate)
            return str(known.version), True


def find_model(client: "MlflowClient", name: str, sha256: str) -> "ModelVersion | None":
    """Return the newest version of a model by the digest of its file.

    Raises:
        TrackingError: the registry does not answer or refuses.

    """
    with reporting():
        return _search(client, name, {SHA256: sha256})


def alias(client: "MlflowClient", name: str, *, as_: str, version: str) -> bool:
    """Point an alias at a version, and return whether it pointed elsewhere before.

    Raises:
        TrackingError: the registry does not answer or refuses.

    """
    with reporting():
        if str(client.get_registered_model(name).aliases.get(as_, "")) == version:
            return False
        client.set_registered_model_alias(name, as_, version)
        return True


def drop_champions(client: "MlflowClient", names: Collection[str]) -> list[str]:
    """Take the alias `champion` from the models of Ganvas of these names, and return those that had it.

    Raises:
        TrackingError: the registry does not answer or refuses.

    """
    with reporting():
        crowned = [
            model.name
            for model in _pages(client)
            if CHAMPION in model.aliases
            and model.name in names
            and SHA256 in client.get_model_version(model.name, str(model.aliases[CHAMPION])).tags
        ]
        for name in crowned:
            client.delete_registered_model_alias(name, CHAMPION)
    return crowned


def _pages(client: "MlflowClient") -> Iterator[Any]:
    token = None
    while True:
        page = client.search_registered_models(max_results=100, page_token=token)
        for found in page:
            yield client.get_registered_model(found.name)
        token = page.token
        if not token:
            return


def _search(client: "MlflowClient", name: str, tags: Mapping[str, str]) -> "ModelVersion | None":
    clauses = [f"tags.`{tag}` = '{value}'" for tag, value in tags.items()]
    versions = client.search_model_versions(" and ".join([f"name = '{name}'", *clauses]))
    return max(versions, key=lambda version: int(version.version), default=None)


def _bring_up_to_date(client: "MlflowClient", version: "ModelVersion", candidate: Candidate) -> None:
    """Stamp what may change: the commit, once the changes that it was made from are committed, and the verdict."""
    name, number = version.name, str(version.version)
    committed = version.tags.get(DIRTY) == "false" and COMMIT in version.tags
    run_is_there = client.get_run(version.run_id).info.lifecycle_stage == "active"
    fresh = {GATE: candidate.origin[GATE]} if committed else dict(candidate.origin)
    for tag, value in fresh.items():
        if version.tags.get(tag) != value:
            client.set_model_version_tag(name, number, tag, value)
            if run_is_there:
                client.set_tag(version.run_id, tag, value)
    text = description(candidate.card, candidate.metrics, candidate.reasons)
    if version.description != text:
        client.update_model_version(name, number, text)
        if run_is_there and (report := candidate.workspace.reports / REPORT).exists():
            client.log_artifact(version.run_id, str(report), "reports")


def _make_version(client: "MlflowClient", experiment: str, candidate: Candidate) -> str:
    """Register by a run of its own, beside the run of the training where that is known."""
    _end_left_alone(client, experiment, candidate)
    name, tags = candidate.card.recipe, {**candidate.identity, **candidate.origin, "ganvas.stage": "register"}
    parent = _parent(client, experiment, candidate)
    run_id = client.create_run(experiment, tags={**tags, **parent}, run_name=f"{name} registered").info.run_id
    status = "FAILED"
    try:
        text = markdown(candidate.card, candidate.metrics, candidate.reasons)
        client.log_text(run_id, text, "card.md")
        client.log_text(run_id, candidate.card.to_json(), "card.json")
        client.log_dict(run_id, dict(candidate.settings), "recipe.json")
        client.log_artifacts(run_id, str(candidate.workspace.reports), "reports")
        for path in candidate.attachments:
            client.log_artifact(run_id, str(path))
        _log_params(client, run_id, candidate.settings)
        model = _log_model(client, experiment, candidate, run_id=run_id)
        version = _create_version(client, candidate, tags=tags, model=model)
        client.update_model_version(name, version, description(candidate.card, candidate.metrics, candidate.reasons))
        status = "FINISHED"
    finally:
        client.set_terminated(run_id, status)
    return version


def _end_left_alone(client: "MlflowClient", experiment: str, candidate: Candidate) -> None:
    """End the runs of registrations of this model that were killed."""
    query = f"tags.`{SHA256}` = '{candidate.sha256}' and attributes.status = 'RUNNING'"
    for run in client.search_runs([experiment], query):
        client.set_terminated(run.info.run_id, "KILLED")


def _log_params(client: "MlflowClient", run_id: str, settings: Mapping[str, Any]) -> None:
    sections = {name: content for name, content in settings.items() if isinstance(content, Mapping)}
    params = [
        load_mlflow().entities.Param(f"{section}.{key}", str(value)[:_LONGEST_PARAM])
        for section, content in sections.items()
        for key, value in content.items()
    ]
    for start in range(0, len(params), _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _PARAMS_AT_ONCE])


def _parent(client: "MlflowClient", experiment: str, candidate: Candidate) -> dict[str, str]:
    wanted = ("ganvas.recipe_digest", "ganvas.data_digest")
    clauses = [f"tags.`{name}` = '{candidate.identity[name]}'" for name in wanted]
    query = " and ".join(["tags.`ganvas.stage` = 'train'", "attributes.status = 'FINISHED'", *clauses])
    trainings = client.search_runs([experiment], query, max_results=1, order_by=["attributes.start_time DESC"])
    return {"mlflow.parentRunId": trainings[0].info.run_id} if trainings else {}


def _log_model(client: "MlflowClient", experiment: str, candidate: Candidate, *, run_id: str) -> "LoggedModel":
    """Keep the model's files with the run, in MLflow's own format, and return what MLflow knows of them."""
    mlflow = load_mlflow()
    types = importlib.import_module("mlflow.types.schema")
    signature = mlflow.models.ModelSignature(
        *(
            types.Schema([_tensor(types, port) for port in ports])
            for ports in (candidate.card.inputs, candidate.card.outputs)
        )
    )
    model = client.create_logged_model(experiment, candidate.card.recipe, run_id, dict(candidate.identity))
    with tempfile.TemporaryDirectory() as folder, without_warnings():
        saved = Path(folder) / "model"
        mlflow.onnx.save_model(
            onnx.load(candidate.workspace.model),
            saved,
            mlflow_model=mlflow.models.Model(run_id=run_id, model_id=model.model_id),
            signature=signature,
            pip_requirements=_requirements(),
            save_as_external_data=False,
        )
        for file in candidate.files:
            shutil.copyfile(file, saved / file.name)  # byte for byte the files that its tags and its card name
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
    client: "MlflowClient", candidate: Candidate, *, tags: Mapping[str, str], model: "LoggedModel"
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
