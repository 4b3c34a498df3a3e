"""What the page costs a serving machine, and a page whose engine is another page, as processes of their own."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from demo.catalog import STARTER

STATUS = Path("/proc/self/status")
SCRIPT = """
import sys, threading
from pathlib import Path
import numpy as np
from demo.app import build_app
from demo.catalog import STARTER, Catalog
from demo.shelf import Shelf
from demo.sampling import SampleRequest, draw_samples

catalog = Catalog(Path(sys.argv[1]), Shelf("cpu"), starter=STARTER)
build_app(catalog, announce=lambda: None)
painter = next(iter(catalog.models("sample").values()))
request = SampleRequest.parse(painter, choice="any", seed=1, count=1, truncation=1, enlarge=1)
draw_samples(painter, request)
catalog.warm(threading.Event())
stylist = next(iter(catalog.models("stylize").values()))
feeds = {
    port.name: np.zeros([{"N": 1, "H": 512, "W": 512}.get(side, side) for side in port.shape], np.float32)
    for port in stylist.card.inputs
}
stylist.run(feeds)
status = Path("/proc/self/status").read_text().splitlines()
kilobytes = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
heavy = [name for name in ("torch", "mlflow", "dvc", "pipeline") if name in sys.modules]
print(len([entry for entry in catalog.entries() if entry.model]), kilobytes // 1024, heavy)
"""


@pytest.mark.skipif(not STATUS.exists(), reason="this system does not tell a process's memory")
def test_three_models_fit_into_600_mib_without_torch_and_mlflow(tmp_path):
    shipped = sorted(path for path in STARTER.iterdir() if path.is_dir())
    third = tmp_path / "another"
    third.mkdir()
    (third / "model.onnx").write_bytes((shipped[0] / "model.onnx").read_bytes())
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    models, mebibytes, *heavy = done.stdout.split()
    assert int(models) == len(shipped) + 1 >= 3
    assert int(mebibytes) < 600
    assert heavy == ["[]"]


def ask(url, body):
    content = json.dumps(body).encode()
    request = urllib.request.Request(f"{url}/studio/picture", content, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.read()


def test_a_page_whose_engine_is_another_page_makes_the_same_pictures(server, tmp_path):
    environment = os.environ | {"ENGINE_URL": server.url, "PYTHONUNBUFFERED": "1", "GRADIO_TEMP_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "demo", "--models", str(server.models), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            url = process.stdout.readline().split(" at ")[1].split()[0]
            for body in (
                {"model": "dabbler", "pins": [{"seed": 7, "class": "waves"}], "enlarge": 4},
                {"model": "guided", "pins": [{"seed": 7}, {"seed": 9}], "x": 0.25, "moves": [1.5]},
            ):
                assert ask(url, body) == ask(server.url, body)
            with urllib.request.urlopen(f"{url}/healthz", timeout=60) as answer:
                assert json.load(answer)["provider"] == "server"
        finally:
            process.terminate()


def test_cuda_that_is_insisted_on_and_not_there_is_one_sentence():
    environment = os.environ | {"GANVAS_DEVICE": "cuda", "CUDA_VISIBLE_DEVICES": ""}
    command = [sys.executable, "-m", "demo", "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, env=environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: no CUDA device answers here; install the NVIDIA driver, or start with --device cpu\n"
    )
