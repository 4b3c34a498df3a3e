"""Where tests put their models, and one running server for the whole session."""

import hashlib
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import PIL.Image
import pytest
from browsing import browser, visit
from tiny_models import (
    coder_encoder_proto,
    coder_proto,
    directed_proto,
    sampler_proto,
    stepping_proto,
    stylizer_proto,
    translator_proto,
    with_companions,
)
from tiny_stylizers import encoder_proto

__all__ = ["browser", "visit"]


@pytest.fixture
def save(tmp_path: Path) -> Callable[..., Path]:
    """Write a model, and its companions by name, where a catalogue of `tmp_path` finds it."""

    def write(proto: onnx.ModelProto, companions: dict[str, onnx.ModelProto] | None = None) -> Path:
        path = tmp_path / proto.graph.name / "model.onnx"
        path.parent.mkdir(exist_ok=True)
        for name, other in (companions or {}).items():
            (path.parent / f"{name}.onnx").write_bytes(other.SerializeToString())
        path.write_bytes((with_companions(proto, companions) if companions else proto).SerializeToString())
        return path

    return write


@pytest.fixture
def photograph() -> bytes:
    """A JPEG of 100 x 75 pixels, which are no multiples of 8."""
    ramp = np.linspace(0, 255, 100 * 75 * 3).reshape(75, 100, 3).astype(np.uint8)
    stream = io.BytesIO()
    PIL.Image.fromarray(ramp).save(stream, "JPEG", quality=95)
    return stream.getvalue()


@dataclass(frozen=True)
class Server:
    url: str
    models: Path

    def health(self) -> dict:
        with urllib.request.urlopen(f"{self.url}/healthz", timeout=20) as answer:
            return json.load(answer)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The page as people start it, with two samplers, a stylizer, a truncated model and an empty folder."""
    models = tmp_path_factory.mktemp("models")
    companions = {"encoder": encoder_proto()}
    tinter = with_companions(stylizer_proto(), companions)
    protos = {
        "dabbler": sampler_proto(),
        "guided": directed_proto(),
        "tinter": tinter,
        "torn": sampler_proto("torn"),
    }
    for name, proto in protos.items():
        content = proto.SerializeToString()
        (models / name).mkdir()
        (models / name / "model.onnx").write_bytes(content[: len(content) // 2] if name == "torn" else content)
    for name, companion in companions.items():
        (models / "tinter" / f"{name}.onnx").write_bytes(companion.SerializeToString())
    (models / "unfinished").mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "GRADIO_TEMP_DIR": str(tmp_path_factory.mktemp("cache")), "PYTHONWARNINGS": "default"}
    log = tmp_path_factory.mktemp("log") / "server.log"
    command = [sys.executable, "-m", "demo", "--models", str(models), "--port", str(port)]
    with (
        log.open("w") as stream,
        subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment) as process,
    ):
        try:
            server = Server(f"http://127.0.0.1:{port}", models)
            _await(server, process, log)
            yield server
        finally:
            process.terminate()


ZOO_ROW = {
    "recipe": "dabbler",
    "version": 4,
    "task": "sample",
    "translation": "",
    "data": "digits",
    "extractor": "ganvas_net",
    "quality": 12.5,
    "diversity": 0.5,
    "bound": None,
    "error": None,
    "kilobytes": 3.4,
    "minutes": 1.5,
    "milliseconds": 0.25,
    "description": "A dabbler.",
}


@pytest.fixture(scope="module")
def zoo(server: Server) -> Iterator[Server]:
    """The server while it also has an autoencoder, a model that paints in steps, translators and a ranking."""
    protos = {
        "coder": with_companions(coder_proto(), {"encoder": coder_encoder_proto()}),
        "stepper": stepping_proto(),
        **{f"{task}er": translator_proto(task) for task in ("superres", "colorize", "sketch")},
    }
    for name, proto in protos.items():
        (server.models / name).mkdir()
        (server.models / name / "model.onnx").write_bytes(proto.SerializeToString())
    (server.models / "coder" / "encoder.onnx").write_bytes(coder_encoder_proto().SerializeToString())
    digest = hashlib.sha256((server.models / "dabbler" / "model.onnx").read_bytes()).hexdigest()
    table = server.models.parent / "reports" / "zoo.json"
    table.parent.mkdir()
    rows = [{**ZOO_ROW, "sha256": digest}, {**ZOO_ROW, "recipe": "guided", "quality": 20.0, "sha256": "0"}]
    elsewhere = {**ZOO_ROW, "task": "translate", "data": "contents_and_styles", "extractor": "inception", "sha256": "0"}
    rows += [{**elsewhere, "recipe": name, "translation": name} for name in ("superres", "unpaired")]
    table.write_text(json.dumps([*rows, {**rows[-1], "recipe": "unpaired_cycle"}]))
    yield server
    shutil.rmtree(table.parent)
    for name in protos:
        shutil.rmtree(server.models / name)


def _await(server: Server, process: subprocess.Popen, log: Path) -> None:
    """Wait for the answer itself: the port is taken before the page is built, so the request simply takes that long."""
    deadline = time.monotonic() + 90
    while True:
        try:
            server.health()
        except (urllib.error.URLError, TimeoutError):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"the server did not start:\n{log.read_text()}")
        else:
            return
