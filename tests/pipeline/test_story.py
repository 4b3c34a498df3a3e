"""The whole story in scratch clones: made, promoted, challenged, served, rolled back, cloned, rebuilt, and traced."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest
import yaml
from clone import RECIPE, commit, environment, fail, git, succeed
from servers import MlflowServer, free_port

from demo.engine import Model
from demo.sampling import SampleRequest, draw_samples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
BETTER = RECIPE.replace("steps: 3", "steps: 400").replace("log_every: 1", "log_every: 100")


@pytest.fixture
def clone(finished, tmp_path):
    """A clone that is finished and committed, with a registry server of its own."""
    root = shutil.copytree(finished, tmp_path / "ganvas", symlinks=True)
    commit(root, "The first model")
    return root


@contextmanager
def _page(root, registry):
    """The page of a clone, which follows a registry; yields a function that returns the digest it serves for `ink`."""
    port = free_port()
    command = [sys.executable, "-m", "demo", "--registry", registry, "--poll", "1", "--port", str(port)]
    with _running(command, environment(), subprocess.DEVNULL, cwd=root):

        def served():
            models = json.loads(_read(f"http://127.0.0.1:{port}/healthz") or "{}").get("models", ())
            return {model["name"]: model["sha256"] for model in models}.get("ink")

        _wait_for(lambda: _read(f"http://127.0.0.1:{port}/healthz"))
        yield served


@contextmanager
def _running(command, variables, output, cwd=None):
    process = subprocess.Popen(
        command, env=variables, cwd=cwd, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
    )
    try:
        yield
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def _wait_for(condition):
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def _read(address):
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.read()
    except OSError:
        return b""


def _champions(root):
    return yaml.safe_load((root / "champions.yaml").read_text())["ink"]


def _paint(root):
    """Return the file of a picture as the page paints it with the model that stands here."""
    model = Model.open(root / "models" / "ink" / "model.onnx", device="cpu")
    request = SampleRequest.parse(model, choice="any", seed=7, count=1, truncation=1, enlarge=1)
    path = root / "painted.png"
    path.write_bytes(draw_samples(model, request)[0].to_png())
    return path


def test_the_whole_story(clone, tmp_path):
    with MlflowServer(tmp_path / "server") as server, _page(clone, server.address) as served:
        here = {"MLFLOW_TRACKING_URI": server.address}
        # A first champion.
        assert "is champion" in succeed(clone, "pipeline", "promote", "ink", **here)
        first = _champions(clone)["champion"]["model"]
        succeed(clone, "dvc", "push", "--run-cache")
        _wait_for(lambda: served() == first)
        assert git(clone, "status", "--porcelain") == ""
        assert "up to date" in succeed(clone, "dvc", "repro", **here)
        assert "is the champion already" in fail(clone, "pipeline", "promote", "ink", **here)

        # A challenger that is no better is refused, and that is all that happens.
        (clone / "params.yaml").write_text(RECIPE.replace("log_every: 1", "log_every: 1, seed: 5"))
        assert "the gate refuses it: frechet distance" in succeed(clone, "dvc", "repro", **here)
        assert "uncommitted changes (dvc.lock, params.yaml)" in fail(clone, "pipeline", "promote", "ink", **here)
        commit(clone, "Another seed")
        refusal = fail(clone, "pipeline", "promote", "ink", **here)
        assert "the gate refuses ink (frechet distance" in refusal
        assert json.loads((clone / "reports" / "ink" / "gate.json").read_text())["passed"] is False
        assert _champions(clone)["champion"]["model"] == first

        # A better one is promoted, and the page serves it without being told.
        (clone / "params.yaml").write_text(BETTER)
        assert "refuses" not in succeed(clone, "dvc", "repro", **here)
        made = commit(clone, "Train longer")
        succeed(clone, "pipeline", "promote", "ink", **here)
        succeed(clone, "dvc", "push", "--run-cache")
        champions = _champions(clone)
        second = champions["champion"]["model"]
        assert champions["champion"]["commit"] == made
        assert [one["model"] for one in champions["before"]] == [first]
        _wait_for(lambda: served() == second)

        # A picture of it says where it comes from.
        picture = _paint(clone)
        told = succeed(clone, "pipeline", "lineage", str(picture), **here)
        assert f"sha256 {second}" in told
        assert f"commit    {made}" in told
        assert 'recipes.ink.network = {"name": "mlp"}' in told
        assert "!" not in told
        assert succeed(clone, "pipeline", "lineage", "ink@champion", **here).splitlines()[1:] == told.splitlines()[2:]

        # Back again: the page follows, and lineage says what no longer matches.
        assert "is champion again" in succeed(clone, "pipeline", "rollback", "ink", **here)
        _wait_for(lambda: served() == first)
        assert f"! champions.yaml names {first[:12]}" in succeed(clone, "pipeline", "lineage", str(picture), **here)
        assert "so there is none to go back to" in fail(clone, "pipeline", "rollback", "ink", **here)

    _clone_and_rebuild(clone, tmp_path, picture=picture, champion=first)


def _clone_and_rebuild(clone, tmp_path, *, picture, champion):
    """A fresh clone runs nothing, finds an empty registry, and makes it again."""
    fresh = tmp_path / "elsewhere" / "ganvas"
    fresh.parent.mkdir()
    (fresh.parent / "ganvas-storage").symlink_to(tmp_path / "ganvas-storage")
    git(tmp_path, "clone", "-q", str(clone), str(fresh))
    with MlflowServer(tmp_path / "new server") as server:
        here = {"MLFLOW_TRACKING_URI": server.address}
        succeed(fresh, "dvc", "pull", "--run-cache")
        assert "Running stage" not in succeed(fresh, "dvc", "repro", **here)
        assert "the registry knows no version of 'ink'" in fail(fresh, "pipeline", "lineage", str(picture), **here)
        assert "1 of 1 versions made from git and DVC" in succeed(fresh, "pipeline", "registry-sync", **here)
        assert "version 1 is champion; all versions were there" in succeed(fresh, "pipeline", "registry-sync", **here)
        assert f"sha256 {champion}" in succeed(fresh, "pipeline", "lineage", "ink@champion", **here)
