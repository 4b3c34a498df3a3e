"""The engine elsewhere is a server of other people: MLServer 1.7.1 from PyPI, in an environment of its own.

Its pins do not go with ours, so GANVAS_MLSERVER names a Python that has `mlserver` and `onnxruntime`. The suite's own
real server is Triton's, in tests/pipeline/test_triton_server.py, which is one wheel.
"""

import contextlib
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from tiny_models import sampler_proto

from demo.engine import Model, draw_noise
from demo.errors import EngineError
from demo.remote import RemoteEngine

PYTHON = os.environ.get("GANVAS_MLSERVER")
HERE = Path(__file__).parent

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(not PYTHON, reason="GANVAS_MLSERVER names no Python with mlserver and onnxruntime"),
]


def free_ports(count):
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


def describe(ports):
    return [
        {"name": port.name, "datatype": "FP32", "shape": [side if isinstance(side, int) else -1 for side in port.shape]}
        for port in ports
    ]


@pytest.fixture(params=["same", "other"])
def served(request, save, tmp_path):
    """Yield a model here and the address of a server that says it has the same file, or another."""
    path = save(sampler_proto())
    model = Model.open(path, device="cpu")
    rest, grpc = free_ports(2)
    folder = tmp_path / "mlserver"
    folder.mkdir()
    server = {
        "host": "127.0.0.1",
        "http_port": rest,
        "grpc_port": grpc,
        "parallel_workers": 0,
        "metrics_endpoint": None,
    }
    (folder / "settings.json").write_text(json.dumps(server))
    settings = {
        "name": "dabbler",
        "implementation": "mlserver_runtime.OnnxModel",
        "parameters": {"uri": str(path), "version": model.sha256 if request.param == "same" else "0" * 64},
        "inputs": describe(model.card.inputs),
        "outputs": describe(model.card.outputs),
    }
    (folder / "model-settings.json").write_text(json.dumps(settings))
    log = tmp_path / "mlserver.log"
    environment = os.environ | {"PYTHONPATH": str(HERE)}
    code = "import sys; from mlserver.cli.main import main; sys.argv[0] = 'mlserver'; main()"
    command = [PYTHON, "-c", code, "start", folder]
    with log.open("w") as stream, subprocess.Popen(command, stdout=stream, stderr=stream, env=environment) as process:
        try:
            await_ready(f"http://127.0.0.1:{rest}/v2/models/dabbler/ready", process, log)
            yield request.param, model, f"http://127.0.0.1:{rest}"
        finally:
            process.terminate()


def await_ready(url, process, log):
    deadline = time.monotonic() + 120
    while True:
        try:
            with urllib.request.urlopen(url, timeout=20):
                return
        except urllib.error.URLError:
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"MLServer did not start:\n{log.read_text()}")
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=0.2)


def test_mlserver_makes_the_same_pictures(served):
    kind, model, url = served
    feeds = {"latent": draw_noise([5, 6], 192), "classes": np.eye(3, dtype=np.float32)[:2]}
    remote = Model.read(model.file.path, engine=RemoteEngine(url))
    if kind == "other":
        with pytest.raises(EngineError, match="runs another version of 'dabbler'"):
            remote.run(feeds)
    else:
        assert np.array_equal(remote.run(feeds), model.run(feeds))
