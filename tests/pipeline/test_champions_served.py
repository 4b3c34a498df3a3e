"""The page's mirror of a registry, fed by a real MLflow server that the pipeline registered with."""

import base64
import datetime as dt
import hashlib
import http.server
import json
import logging
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager

import pytest
from test_register import METRICS, _card, _report, _write_model

from demo.catalog import Catalog
from demo.champions import Registry, _refresh
from demo.errors import RegistryError
from demo.identity import identify
from pipeline.register import register
from pipeline.registry import CHALLENGER, CHAMPION, alias
from pipeline.store import connect
from pipeline.workspace import Workspace


@pytest.fixture
def client(server, monkeypatch):
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    return connect()


def _register(client, recipe, root, *, scale):
    """Register a model, and return its version and its digest."""
    workspace = Workspace(recipe.name, root)
    _write_model(workspace.model, _card(recipe), scale=scale)
    _report(workspace)
    register(recipe, workspace)
    version = client.get_model_version_by_alias(recipe.name, CHALLENGER)
    return str(version.version), hashlib.sha256(workspace.model.read_bytes()).hexdigest()


def _mirror(server, recipe, tmp_path):
    return Registry(server, tmp_path / "mirror"), tmp_path / "mirror" / recipe.name / "model.onnx"


def test_a_promotion_and_a_rollback_are_taken_up_and_a_dropped_champion_goes(server, client, recipe, tmp_path):
    registry, file = _mirror(server, recipe, tmp_path)
    first, digest = _register(client, recipe, tmp_path, scale=1.0)
    registry.refresh()
    assert not file.exists()
    alias(client, recipe.name, as_=CHAMPION, version=first)
    assert f"{recipe.name}: version {first} of {server} is served now" in registry.refresh()
    catalog = Catalog(registry.folder, origin=registry.address)
    model = catalog.model(recipe.name, task="sample")
    assert model.sha256 == digest
    told = identify(model)
    assert (told["version"], told["alias"]) == (first, CHAMPION)
    assert told["date"] == dt.datetime.now(dt.UTC).date().isoformat()
    assert told["metrics"]["frechet.distance"] == pytest.approx(METRICS["frechet"]["distance"], rel=1e-5)
    assert not [sentence for sentence in registry.refresh() if recipe.name in sentence]

    second, other = _register(client, recipe, tmp_path, scale=2.0)
    alias(client, recipe.name, as_=CHAMPION, version=second)
    registry.refresh()
    assert catalog.model(recipe.name, task="sample").sha256 == other
    alias(client, recipe.name, as_=CHAMPION, version=first)
    file.write_bytes(b"damaged by somebody")
    registry.refresh()
    assert catalog.model(recipe.name, task="sample").sha256 == digest
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.onnx", "version.json"]
    assert identify(catalog.model(recipe.name, task="sample"))["version"] == first
    client.delete_registered_model_alias(recipe.name, CHAMPION)
    assert any("names no champion any more" in sentence for sentence in registry.refresh())
    assert not file.parent.exists()
    assert catalog.remedy() == f"promote a model in the registry {server} with `make promote`"


def test_what_is_not_the_promoted_file_is_refused_and_the_last_good_one_stays(server, client, recipe, tmp_path):
    registry, file = _mirror(server, recipe, tmp_path)
    first, _ = _register(client, recipe, tmp_path, scale=1.0)
    second, _ = _register(client, recipe, tmp_path, scale=2.0)
    alias(client, recipe.name, as_=CHAMPION, version=first)
    registry.refresh()
    good = file.read_bytes()
    client.set_model_version_tag(recipe.name, second, "ganvas.model_sha256", "0" * 64)
    alias(client, recipe.name, as_=CHAMPION, version=second)
    with pytest.raises(RegistryError, match=f"version {second} of '{recipe.name}' .* but 000000000000 was promoted"):
        registry.refresh()
    assert file.read_bytes() == good
    assert sorted(path.name for path in file.parent.iterdir()) == ["model.onnx", "version.json"]
    client.delete_model_version_tag(recipe.name, second, "ganvas.model_sha256")
    with pytest.raises(RegistryError, match=r"has no tag ganvas\.model_sha256"):
        registry.refresh()
    client.delete_registered_model_alias(recipe.name, CHAMPION)


@pytest.mark.parametrize("address", ["ftp://registry", "sqlite:///mlflow.db", "registry:5000", "", "http://[::1"])
def test_an_address_that_is_none_is_one_sentence(address, tmp_path):
    with pytest.raises(RegistryError, match="is no http or https address; correct it with --registry"):
        Registry(address, tmp_path)


def test_a_server_that_is_down_is_told_once_and_what_was_served_stays(tmp_path, caplog):
    port = _free_port()
    mirror = Registry(f"http://artist:secret@127.0.0.1:{port}/", tmp_path)
    (tmp_path / "ink").mkdir()
    (tmp_path / "ink" / "model.onnx").touch()
    with caplog.at_level(logging.WARNING):
        problem = ""
        for _ in range(3):
            problem = _refresh(mirror, problem)
    assert problem == f"no MLflow server answers at http://127.0.0.1:{port}; start it, or correct --registry"
    assert caplog.messages == [f"{problem}; what was served is served on"]
    assert (tmp_path / "ink" / "model.onnx").exists()


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b'{"registered_models": null}', "does not answer as MLflow does (TypeError)"),
        (200, b'{"registered_models": [{}]}', "does not answer as MLflow does (KeyError)"),
        (200, b'{"registered_models": [1]}', "does not answer as MLflow does (TypeError)"),
        (500, b"", "answers with status 500"),
    ],
)
def test_odd_answers_do_not_end_what_follows(status, content, words, *, tmp_path, caplog):
    with _answering(status, content) as (address, _), caplog.at_level(logging.WARNING):
        problem = _refresh(Registry(address, tmp_path), "")
    assert words in problem
    assert caplog.messages == [f"{problem}; what was served is served on"]


def _champion(**said):
    """What answers both of the page's questions: there is one model, and this version of it is champion."""
    return json.dumps({"registered_models": [{"name": "ink"}], "model_version": {"version": "1", **said}}).encode()


def _mirrored(recipe, tmp_path):
    """Put a model where a mirror has it, and return its folder and its version's tags."""
    place = tmp_path / "ink"
    _write_model(place / "model.onnx", _card(recipe), scale=1.0)
    digest = hashlib.sha256((place / "model.onnx").read_bytes()).hexdigest()
    return place, [{"key": "ganvas.model_sha256", "value": digest}]


@pytest.mark.parametrize("when", [1e30, float("inf")])
def test_a_version_of_no_time_does_not_end_what_follows(when, recipe, tmp_path):
    _, tags = _mirrored(recipe, tmp_path)
    with _answering(200, _champion(tags=tags, creation_timestamp=when)) as (address, _):
        problem = _refresh(Registry(address, tmp_path), "")
    assert "does not answer as MLflow does (OverflowError)" in problem


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"{", b""])
def test_a_damaged_note_is_written_anew(damage, recipe, tmp_path):
    place, tags = _mirrored(recipe, tmp_path)
    (place / "version.json").write_bytes(damage)
    with _answering(200, _champion(tags=tags)) as (address, _):
        assert Registry(address, tmp_path).refresh() == []
    assert json.loads((place / "version.json").read_bytes())["version"] == "1"


def test_a_note_that_cannot_be_written_is_told_of(recipe, tmp_path):
    place, tags = _mirrored(recipe, tmp_path)
    (place / "version.json").mkdir()
    with (
        _answering(200, _champion(tags=tags)) as (address, _),
        pytest.raises(RegistryError, match=r"cannot write .*version\.json: Is a directory"),
    ):
        Registry(address, tmp_path).refresh()


@pytest.mark.parametrize(
    ("status", "content", "words"),
    [
        (200, b"<html>", "does not answer as MLflow does"),
        (200, b"[]", "does not answer as MLflow does"),
        (200, b"[" * 100_000, "does not answer as MLflow does"),
        (401, b"who?", "wants a user who may read; set MLFLOW_TRACKING_USERNAME"),
        (302, b"", "answers with status 302"),
        (500, b"", "answers with status 500"),
    ],
)
def test_what_is_no_registry_is_said_in_one_sentence(status, content, words, *, tmp_path):
    with _answering(status, content) as (address, heard), pytest.raises(RegistryError, match=words):
        Registry(address.replace("//", "//artist:p%40ss@"), tmp_path).refresh()
    assert heard == [f"Basic {base64.b64encode(b'artist:p@ss').decode()}"]


def test_a_server_whose_pages_have_no_end_is_asked_twice(tmp_path):
    with (
        _answering(200, b'{"registered_models": [], "next_page_token": "more"}') as (address, heard),
        pytest.raises(RegistryError, match="does not answer as MLflow does; correct --registry"),
    ):
        Registry(address, tmp_path).refresh()
    assert len(heard) == 2


def test_what_does_not_speak_http_is_said_in_one_sentence(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            connection, _ = listener.accept()
            with connection:
                connection.sendall(b"SSH-2.0-OpenSSH_9\r\n")
                connection.recv(1024)

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(RegistryError, match="no MLflow server answers at"):
            Registry(f"http://127.0.0.1:{listener.getsockname()[1]}", tmp_path).refresh()
        thread.join()


@contextmanager
def _answering(status, content):
    """A server that always says the same; yields its address and the list of credentials that it heard."""
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.headers.get("Authorization"))
            self.send_response(status)
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_address[1]}", heard
        finally:
            listener.shutdown()
            thread.join()


@pytest.mark.slow
def test_the_page_takes_a_promotion_up_while_it_serves(server, client, recipe, tmp_path):
    first, digest = _register(client, recipe, tmp_path, scale=1.0)
    second, other = _register(client, recipe, tmp_path, scale=2.0)
    alias(client, recipe.name, as_=CHAMPION, version=first)
    port = _free_port()
    options = ["--registry", server, "--poll", "0.2", "--models", str(tmp_path / "models"), "--port", str(port)]
    process = subprocess.Popen([sys.executable, "-m", "demo", *options], env=os.environ | {"GRADIO_ANALYTICS": "0"})
    try:
        _until(port, recipe.name, digest)
        alias(client, recipe.name, as_=CHAMPION, version=second)
        _until(port, recipe.name, other)
    finally:
        process.terminate()
        process.wait(30)
        client.delete_registered_model_alias(recipe.name, CHAMPION)


def _until(port, name, digest):
    """Wait until the page serves a model by its digest."""
    deadline = time.monotonic() + 90
    served = None
    while time.monotonic() < deadline and served != digest:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
                served = {model["name"]: model["sha256"] for model in json.load(answer)["models"]}.get(name)
        except OSError:
            time.sleep(0.2)
        time.sleep(0.1)
    assert served == digest


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
