"""The manifests say what Kubernetes and KServe understand, their commands exist, and the launcher joins nodes."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from ranks import free_port
from recipes import PAINTER, write_params
from typer.testing import CliRunner

from pipeline.__main__ import app

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "deploy" / "k8s"
DOCUMENTS = [
    (path.name, document)
    for path in sorted(FOLDER.glob("*.yaml"))
    for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
]
JOBS = {name: document for name, document in DOCUMENTS if document["kind"] == "Job"}
(SERVICE,) = [document for _, document in DOCUMENTS if document["kind"] == "InferenceService"]
KSERVE_MODEL = {"modelFormat", "protocolVersion", "runtime", "runtimeVersion", "storage", "storageUri", "confidential"}
"""What `V1beta1ModelSpec` of kserve 0.21 has beside the fields of a container."""
KSERVE_PREDICTOR = {"minReplicas", "maxReplicas", "scaleMetric", "scaleMetricType", "scaleTarget", "model", "timeout"}
"""Of what `V1beta1PredictorSpec` has beside the fields of a pod, those that serve a model."""


@pytest.mark.parametrize("version", ["1.29", "1.37"])
@pytest.mark.parametrize(("name", "document"), [entry for entry in DOCUMENTS if entry[1] is not SERVICE])
def test_a_manifest_fits_the_schema(name, document, version):
    kubernetes_validate.validate(document, version, strict=True)


def test_a_wrong_manifest_does_not_fit():
    job = yaml.safe_load(yaml.safe_dump(JOBS["prepare.yaml"]))
    job["spec"]["completion"] = 3
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(job, "1.37", strict=True)


def test_the_inference_service_has_the_fields_of_kserve():
    assert (SERVICE["apiVersion"], set(SERVICE["spec"])) == ("serving.kserve.io/v1beta1", {"predictor"})
    predictor = SERVICE["spec"]["predictor"]
    assert set(predictor) <= KSERVE_PREDICTOR
    assert 1 <= predictor["minReplicas"] <= predictor["maxReplicas"]
    model = predictor["model"]
    assert (model["modelFormat"], model["protocolVersion"]) == ({"name": "triton"}, "v2")
    container = {key: value for key, value in model.items() if key not in KSERVE_MODEL}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": SERVICE["metadata"],
        "spec": {"containers": [{"name": "kserve-container", **container}]},
    }
    kubernetes_validate.validate(pod, "1.37", strict=True)


@pytest.mark.parametrize("name", ["prepare.yaml", "sample.yaml"])
def test_every_share_of_a_job_is_taken_once(name):
    spec = JOBS[name]["spec"]
    (script,) = spec["template"]["spec"]["containers"][0]["args"]
    assert spec["completionMode"] == "Indexed"
    taken = set()
    for index in range(spec["completions"]):
        said = subprocess.run(
            ["bash", "-euc", script.replace("exec .venv/bin/python", "echo")],
            env={**os.environ, "JOB_COMPLETION_INDEX": str(index)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        module, package, command, *arguments = shlex.split(said)
        assert (module, package) == ("-m", "pipeline")
        taken.add(arguments[arguments.index("--shard") + 1])
    assert taken == {f"{number}/{spec['completions']}" for number in range(1, spec["completions"] + 1)}
    told = CliRunner().invoke(app, [command, "--help"], terminal_width=200).output
    assert all(argument in told for argument in arguments if argument.startswith("--"))


def test_the_nodes_of_a_training_find_the_first_one():
    service = next(document for name, document in DOCUMENTS if document["kind"] == "Service" and name == "train.yaml")
    job = JOBS["train.yaml"]
    pod = job["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    variables = {entry["name"]: entry["value"] for entry in container["env"]}
    # The pods of an indexed Job are called by its name and their index, below the service's name.
    assert variables["HEAD"] == f"{job['metadata']['name']}-0.{service['metadata']['name']}"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert int(variables["NODES"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
    assert (ROOT / container["command"][0]).stat().st_mode & 0o111


LAUNCHER = ROOT / "tools" / "torchrun.sh"


def launch(*arguments, **variables):
    outer = {name: value for name, value in os.environ.items() if name not in {"NODES", "NODE", "HEAD", "RANKS"}}
    path = f"{Path(sys.executable).parent}:{outer['PATH']}"
    known = outer | {"PATH": path, "PYTHONPATH": str(ROOT), "GANVAS_TRACKING": "off", **variables}
    return subprocess.Popen([LAUNCHER, *arguments], env=known, stderr=subprocess.PIPE, text=True)


def test_the_launcher_wants_to_know_where_nodes_meet():
    process = launch("painter", NODES="2", NODE="1", RANKS="1")
    told = process.communicate(timeout=60)[1]
    assert process.returncode == 1
    assert told.strip().endswith("HEAD: name node 0, where all nodes meet")


@pytest.mark.slow
def test_two_nodes_train_one_model(tmp_path):
    params = write_params(tmp_path / "params.yaml", painter=PAINTER)
    prepare = [sys.executable, "-m", "pipeline", "prepare", "painter", "--params", params]
    subprocess.run(prepare, cwd=ROOT, check=True, capture_output=True)
    meeting = {"NODES": "2", "HEAD": "127.0.0.1", "PORT": str(free_port()), "RANKS": "1"}
    nodes = [
        launch("painter", "--params", str(params), **meeting, NODE="0"),
        launch("painter", "--params", str(params), **meeting, JOB_COMPLETION_INDEX="1"),
    ]
    told = [node.communicate(timeout=250)[1] for node in nodes]
    assert [node.returncode for node in nodes] == [0, 0], told
    assert (tmp_path / "checkpoints" / "painter.pt").is_file()
    assert "painter" not in told[1], "rank 0 alone tells"
