import hashlib
import json
import logging

import numpy as np
import onnx
import PIL.Image
import pytest

from demo.card import METADATA_KEY, Choice, ModelCard, Port
from pipeline.errors import EvaluationError, ExportError
from pipeline.modelcard import LONGEST_DESCRIPTION, description, markdown
from pipeline.register import register
from pipeline.store import load_mlflow
from pipeline.tracking import open_tracker
from pipeline.workspace import Workspace

EXPORT = {"largest_difference": 1e-6}
LATENCY = {"provider": "CPU", "batch_1": {"median_ms": 1.5, "p90_ms": 2.0}}
METRICS = {"frechet": {"distance": 12.5, "interval": [12.0, 13.0]}, "recall": 0.5, "extractor": "random bank"}


def _card(recipe):
    return ModelCard(
        recipe=recipe.name,
        task="sample",
        channels=1,
        size=2,
        inputs=(Port("latent", ("N", 4), "latent"),),
        outputs=(Port("picture", ("N", 1, 2, 2), "picture"),),
        description=recipe.description,
        provenance={"recipe_digest": recipe.digest, "data_md5": "d1", "steps": 4},
    )


def _write_model(path, card, *, scale=1.0):
    helper, tensor = onnx.helper, onnx.TensorProto.FLOAT
    nodes = [
        helper.make_node("Mul", ["latent", "scale"], ["scaled"]),
        helper.make_node("Tanh", ["scaled"], ["small"]),
        helper.make_node("Reshape", ["small", "shape"], ["picture"]),
    ]
    constants = [
        onnx.numpy_helper.from_array(np.float32([scale]), "scale"),
        onnx.numpy_helper.from_array(np.int64([-1, 1, 2, 2]), "shape"),
    ]
    inputs = [helper.make_tensor_value_info("latent", tensor, ["N", 4])]
    outputs = [helper.make_tensor_value_info("picture", tensor, ["N", 1, 2, 2])]
    graph = helper.make_graph(nodes, "graph", inputs, outputs, constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(model.SerializeToString(deterministic=True))


def _report(workspace, metrics=METRICS):
    """Write the reports of a model, whose digest `evaluate` puts into its figures."""
    scored = {"model": hashlib.sha256(workspace.model.read_bytes()).hexdigest(), **metrics}
    workspace.reports.mkdir(parents=True, exist_ok=True)
    for name, report in (("metrics", scored), ("export", EXPORT), ("latency", LATENCY)):
        (workspace.reports / f"{name}.json").write_text(json.dumps(report))


@pytest.fixture
def workspace(recipe, tmp_path):
    """What `export` and `evaluate` leave behind."""
    workspace = Workspace(recipe.name, tmp_path)
    _write_model(workspace.model, _card(recipe))
    (workspace.reports / "evaluation").mkdir(parents=True)
    _report(workspace)
    PIL.Image.new("L", (4, 4)).save(workspace.reports / "evaluation" / "samples.png")
    return workspace


def _challenger(store, recipe):
    return store.get_model_version_by_alias(recipe.name, "challenger")


def _challenging_version(store, recipe):
    return int(_challenger(store, recipe).version)


def test_a_model_becomes_a_version_that_mlflow_can_load_and_run(store, recipe, workspace, tmp_path, monkeypatch):
    training = open_tracker(recipe, data_digest="d1", memory=tmp_path / "run.json", resume=False)
    training.finish("FINISHED")
    register(recipe, workspace)
    version = _challenger(store, recipe)
    content = workspace.model.read_bytes()
    assert version.tags["ganvas.model_sha256"] == hashlib.sha256(content).hexdigest()
    assert version.tags["ganvas.model_md5"] == hashlib.md5(content).hexdigest()
    assert version.tags["ganvas.recipe_digest"] == recipe.digest
    assert version.tags["ganvas.data_digest"] == "d1"
    assert version.tags["metric.frechet.distance"] == "12.5"
    assert version.description.startswith(f"# {recipe.name}\n")

    run = store.get_run(version.run_id)
    assert run.data.metrics == {"frechet.distance": 12.5, "recall": 0.5}
    assert run.data.tags["mlflow.parentRunId"] == training.run_id
    assert run.info.status == "FINISHED"
    stored = {
        file.path
        for folder in ("", "reports", "reports/evaluation")
        for file in store.list_artifacts(run.info.run_id, folder)
    }
    assert {"card.json", "card.md", "recipe.json", "params.yaml", "reports/gate.json", "reports/metrics.json"} <= stored
    assert "reports/evaluation/samples.png" in stored
    assert run.data.params["train.batch"] == "4"
    assert version.tags["ganvas.gate"] == "passed"
    assert "passed: there is no champion yet" in version.description

    mlflow = load_mlflow()
    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", store.tracking_uri)
    monkeypatch.setattr(mlflow.tracking._model_registry.utils, "_registry_uri", store.tracking_uri)
    loaded = mlflow.pyfunc.load_model(f"models:/{recipe.name}@challenger", dst_path=str(tmp_path))
    latent = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)
    assert loaded.metadata.signature.inputs.inputs[0].shape == (-1, 4)
    assert loaded.metadata.signature.outputs.inputs[0].shape == (-1, 1, 2, 2)
    np.testing.assert_allclose(loaded.predict({"latent": latent})["picture"].reshape(3, 4), np.tanh(latent), atol=1e-6)
    assert [path.read_bytes() for path in tmp_path.rglob("model.onnx") if path != workspace.model] == [content]


def test_the_same_model_with_the_same_figures_is_registered_once(store, recipe, workspace):
    register(recipe, workspace)
    register(recipe, workspace)
    assert _challenging_version(store, recipe) == 1
    assert len(store.search_model_versions(f"name = '{recipe.name}'")) == 1

    first = workspace.model.read_bytes()
    _write_model(workspace.model, _card(recipe), scale=2.0)
    with pytest.raises(EvaluationError, match=r"is about another model than .* run `python -m pipeline evaluate"):
        register(recipe, workspace)
    _report(workspace)
    register(recipe, workspace)
    assert _challenging_version(store, recipe) == 2

    workspace.model.write_bytes(first)
    _report(workspace)
    register(recipe, workspace)
    assert _challenging_version(store, recipe) == 1
    _report(workspace, METRICS | {"recall": 0.6})
    register(recipe, workspace)
    assert _challenging_version(store, recipe) == 3
    assert len(store.search_model_versions(f"name = '{recipe.name}'")) == 3


def _forget_model(workspace, recipe):
    workspace.model.unlink()


def _truncate_model(workspace, recipe):
    workspace.model.write_bytes(workspace.model.read_bytes()[:40])


def _change_recipe(workspace, recipe):
    card = _card(recipe)
    card.provenance["recipe_digest"] = "another"
    _write_model(workspace.model, card)


def _forget_metrics(workspace, recipe):
    (workspace.reports / "metrics.json").unlink()


def _damage_metrics(workspace, recipe):
    (workspace.reports / "metrics.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "error", "words"),
    [
        (_forget_model, ExportError, "model.onnx"),
        (_truncate_model, ExportError, "model.onnx"),
        (_change_recipe, ExportError, "pipeline export"),
        (_forget_metrics, EvaluationError, "pipeline evaluate"),
        (_damage_metrics, EvaluationError, "pipeline evaluate"),
    ],
)
def test_what_cannot_be_registered_is_said_before_any_store_is_opened(
    spoil, error, words, *, recipe, workspace, tmp_path, monkeypatch
):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    spoil(workspace, recipe)
    with pytest.raises(error, match=words) as caught:
        register(recipe, workspace)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / ".mlflow").exists()


def test_with_tracking_off_nothing_is_registered_and_one_line_says_so(recipe, workspace, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        register(recipe, workspace)
    assert "is not registered" in caplog.text
    assert not (tmp_path / ".mlflow").exists()


def test_the_card_reads_well(recipe):
    card = ModelCard(**{**_fields(_card(recipe)), "choices": (Choice("waves"), Choice("grids"))})
    text = markdown(card, {"recall": 0.5})
    assert text.splitlines()[0] == f"# {recipe.name}"
    assert "Choices: waves, grids." in text
    assert "| in | latent | N x 4 | latent |" in text
    assert "| recall | 0.5 |" in text
    assert "| data_md5 | d1 |" in text


def test_a_long_card_is_cut_at_the_end_of_a_line_to_fit_into_a_version(recipe):
    text = description(_card(recipe), {f"figure {number}": 1.0 for number in range(1000)}, ["passed: all is well"])
    assert LONGEST_DESCRIPTION - 40 < len(text) <= LONGEST_DESCRIPTION
    assert text.endswith(" | 1 |\n…\n")
    assert "- passed: all is well" in text


def _fields(card):
    return {name: getattr(card, name) for name in card.__dataclass_fields__}
