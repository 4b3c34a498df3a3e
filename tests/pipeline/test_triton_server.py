"""A real Triton server takes the repository up, warms the models, batches requests, and answers as the engine does."""

import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from recipes import PAINTER, write_params
from servers import free_port, wait_for

import demo
from demo.engine import Model
from demo.remote import RemoteEngine
from pipeline.gathering import sampling_feeds, stylization_feeds
from pipeline.triton import triton

STARTER = Path(demo.__file__).parent / "starter"
HOME = Path(os.environ.get("GANVAS_TRITON", Path(sys.prefix) / "triton"))
"""Where `pip install --no-deps --target .venv/triton nvidia-pytriton==0.7.0` puts Triton's own server."""
STUB = f"python_backend_stubs/{sys.version_info.major}.{sys.version_info.minor}/triton_python_backend_stub"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        platform.machine() != "x86_64" or not (HOME / "pytriton" / "tritonserver" / STUB).exists(),
        reason="no Triton server; get it with: pip install --no-deps --target .venv/triton nvidia-pytriton==0.7.0",
    ),
]


def _as_served(root):
    """Make the repository of the starters, and have Triton's Python backend run its graphs."""
    root.mkdir(parents=True, exist_ok=True)
    write_params(root / "params.yaml", atelier=PAINTER, salon=PAINTER)
    for name in ("atelier", "salon"):
        shutil.copytree(STARTER / name, root / "models" / name)
    triton(root / "params.yaml", root / "served")
    for config in (root / "served").glob("*/config.pbtxt"):
        text = config.read_text()
        assert 'backend: "onnxruntime"' in text
        config.write_text(text.replace('backend: "onnxruntime"', 'backend: "python"'))
        shutil.copyfile(Path(__file__).parent.parent / "triton_standin.py", config.parent / "1" / "model.py")
    return root / "served"


def _backends(root):
    """Copy the Python backend, which looks for the process of this Python's version beside itself."""
    source = HOME / "pytriton" / "tritonserver"
    shutil.copytree(source / "backends" / "python", root / "backends" / "python")
    stub = shutil.copy(source / STUB, root / "backends" / "python")
    Path(stub).chmod(0o755)
    return root / "backends"


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """The address of a Triton server over the repository of the models that ship."""
    root = tmp_path_factory.mktemp("triton")
    port = free_port()
    binary = HOME / "pytriton" / "tritonserver" / "bin" / "tritonserver"
    binary.chmod(0o755)
    command = [binary, f"--model-repository={_as_served(root)}", f"--backend-directory={_backends(root)}"]
    command += [f"--http-port={port}", "--http-address=127.0.0.1", "--allow-grpc=false", "--allow-metrics=false"]
    variables = {
        "LD_LIBRARY_PATH": str(HOME / "nvidia_pytriton.libs"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # where the stub looks for its Python
        "PYTHONPATH": sysconfig.get_path("purelib"),
        "OMP_NUM_THREADS": "1",
    }
    with (root / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            env=os.environ | variables,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            wait_for(f"http://127.0.0.1:{port}/v2/health/ready", process)
            assert process.poll() is None, (root / "log").read_text()[-2000:]
            yield f"http://127.0.0.1:{port}/v2"
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)


def ask(address, content=None):
    """Return the JSON of an answer to a GET, or to a POST of `content`."""
    request = urllib.request.Request(address, json.dumps(content).encode() if content else None)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.loads(answer.read())
    except urllib.error.HTTPError as error:
        error.add_note(error.read().decode())
        raise


def infer(address, name, feeds, output):
    """Return one output of a model for arrays by name."""
    inputs = [
        {"name": key, "shape": array.shape, "datatype": "FP32", "data": array.ravel().tolist()}
        for key, array in feeds.items()
    ]
    content = {"inputs": inputs, "outputs": [{"name": output}]}
    (made,) = ask(f"{address}/models/{name}/infer", content)["outputs"]
    return np.array(made["data"], np.float32).reshape(made["shape"])


def test_all_models_are_ready_and_warm(address):
    index = urllib.request.Request(f"{address}/repository/index", b"{}")
    with urllib.request.urlopen(index, timeout=60) as answer:
        states = {model["name"]: model["state"] for model in json.loads(answer.read())}
    assert states == dict.fromkeys(
        ("atelier", "salon", "salon.encoder", "salon.encoder_half", "salon.half", "salon.tile"), "READY"
    )
    config = ask(f"{address}/models/atelier/config")
    assert (config["max_batch_size"], [warm["batch_size"] for warm in config["model_warmup"]]) == (64, [1, 64])
    assert config["dynamic_batching"]["max_queue_delay_microseconds"] == 2000
    metadata = ask(f"{address}/models/atelier")
    assert [(port["name"], port["shape"]) for port in metadata["inputs"]] == [
        ("latent", [-1, 64]),
        ("classes", [-1, 10]),
    ]


def test_a_sampler_answers_as_the_engine_and_requests_share_batches(address):
    model = Model.open(STARTER / "atelier" / "model.onnx", device="cpu")
    feeds = [sampling_feeds(model.card, [seed], np.array([seed % 10])) for seed in range(24)]
    before = ask(f"{address}/models/atelier/stats")["model_stats"][0]
    with ThreadPoolExecutor(12) as pool:
        made = list(pool.map(lambda one: infer(address, "atelier", one, "picture"), feeds))
    for one, picture in zip(feeds, made, strict=True):
        np.testing.assert_allclose(picture, model.run(one), atol=1e-4)
    asked = run = 0
    ending = time.monotonic() + 30
    while asked < len(feeds) and time.monotonic() < ending:  # Triton answers first and counts then
        after = ask(f"{address}/models/atelier/stats")["model_stats"][0]
        asked, run = (after[count] - before[count] for count in ("inference_count", "execution_count"))
    assert asked == len(feeds)
    assert run < asked


def test_a_stylizer_answers_as_the_engine_for_pictures_of_any_size(address):
    model = Model.open(STARTER / "salon" / "model.onnx", device="cpu")
    photograph = np.random.default_rng(0).uniform(-1, 1, (1, 3, 48, 72)).astype(np.float32)
    feeds = stylization_feeds(
        model.card, photograph, styles=np.array([1]), strengths=np.ones(1, np.float32), seeds=[None]
    )
    made = infer(address, "salon", feeds, "picture")
    np.testing.assert_allclose(made, model.run(feeds), atol=1e-3)


def test_a_wrong_shape_is_refused(address):
    with pytest.raises(urllib.error.HTTPError, match="400"):
        infer(address, "atelier", {"latent": np.zeros((1, 3), np.float32)}, "picture")


def test_the_page_runs_its_models_there(address):
    url = address.removesuffix("/v2")
    there = Model.read(STARTER / "salon" / "model.onnx", engine=RemoteEngine(url))
    here = Model.open(STARTER / "salon" / "model.onnx", device="cpu")
    photograph = np.random.default_rng(1).uniform(-1, 1, (2, 3, 40, 48)).astype(np.float32)
    feeds = stylization_feeds(
        here.card, photograph, styles=np.array([0, 1]), strengths=np.ones(2, np.float32), seeds=[None, 7]
    )
    np.testing.assert_allclose(there.run(feeds), here.run(feeds), atol=1e-3)
    style = {"style": photograph}
    np.testing.assert_allclose(
        there.companion("encoder").run(style), here.companion("encoder").run(style), rtol=1e-3, atol=1e-3
    )
