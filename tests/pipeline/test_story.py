"""The whole story in scratch clones: made, promoted, challenged, served, rolled back, cloned, rebuilt, and traced."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml
from clone import IDENTITY, RECIPE, commit, environment, git, succeed
from commands import call
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


class _Shell:
    """A clone with a registry, in which the command line is called in this process, and DVC in its own."""

    def __init__(self, root, registry, patch, told):
        patch.chdir(root)
        for name, value in {**IDENTITY, "MLFLOW_TRACKING_URI": registry}.items():
            patch.setenv(name, value)
        for name in ("GANVAS_TRACKING", "DVC_ROOT", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
            patch.delenv(name, raising=False)
        patch.setenv("PATH", str(Path(sys.executable).parent), prepend=":")
        self._root, self._told, self._registry = root, told, registry

    def pipeline(self, *arguments):
        """Return what a command says, which must succeed."""
        result = call(self._told, *arguments)
        assert result.returncode == 0, result.stderr
        return result.stdout + result.stderr

    def refused(self, *arguments):
        """Return the sentence of a command that must fail."""
        result = call(self._told, *arguments)
        assert result.returncode == 1, result.stderr
        return result.stderr.strip().splitlines()[-1]

    def dvc(self, *arguments):
        return succeed(self._root, "dvc", *arguments, MLFLOW_TRACKING_URI=self._registry)


def test_the_whole_story(clone, tmp_path, monkeypatch, capfd):
    with MlflowServer(tmp_path / "server") as server, _page(clone, server.address) as served:
        shell = _Shell(clone, server.address, monkeypatch, capfd)
        # A first champion.
        assert "is champion" in succeed(clone, "pipeline", "promote", "ink", MLFLOW_TRACKING_URI=server.address)
        first = _champions(clone)["champion"]["model"]
        shell.dvc("push", "--run-cache")
        _wait_for(lambda: served() == first)
        assert git(clone, "status", "--porcelain") == ""
        assert "up to date" in shell.dvc("repro")
        assert "is the champion already" in shell.refused("promote", "ink")

        # A challenger that is no better is refused, and that is all that happens.
        (clone / "params.yaml").write_text(RECIPE.replace("log_every: 1", "log_every: 1, seed: 5"))
        assert "the gate refuses it: frechet distance" in shell.dvc("repro")
        assert "uncommitted changes (dvc.lock, params.yaml)" in shell.refused("promote", "ink")
        commit(clone, "Another seed")
        refusal = shell.refused("promote", "ink")
        assert "the gate refuses ink (frechet distance" in refusal
        assert json.loads((clone / "reports" / "ink" / "gate.json").read_text())["passed"] is False
        assert _champions(clone)["champion"]["model"] == first

        # A better one is promoted, and the page serves it without being told.
        (clone / "params.yaml").write_text(BETTER)
        assert "refuses" not in shell.dvc("repro")
        made = commit(clone, "Train longer")
        shell.pipeline("promote", "ink")
        shell.dvc("push", "--run-cache")
        champions = _champions(clone)
        second = champions["champion"]["model"]
        assert champions["champion"]["commit"] == made
        assert [one["model"] for one in champions["before"]] == [first]
        _wait_for(lambda: served() == second)

        # A picture of it says where it comes from.
        picture = _paint(clone)
        told = shell.pipeline("lineage", str(picture))
        assert f"sha256 {second}" in told
        assert f"commit    {made}" in told
        assert 'recipes.ink.network = {"name": "mlp"}' in told
        assert "!" not in told
        assert shell.pipeline("lineage", "ink@champion").splitlines()[1:] == told.splitlines()[2:]

        # Back again: the page follows, and lineage says what no longer matches.
        assert "is champion again" in shell.pipeline("rollback", "ink")
        _wait_for(lambda: served() == first)
        assert f"! champions.yaml names {first[:12]}" in shell.pipeline("lineage", str(picture))
        assert "so there is none to go back to" in shell.refused("rollback", "ink")

    # A fresh clone runs nothing, finds an empty registry, and makes it again.
    fresh = tmp_path / "elsewhere" / "ganvas"
    fresh.parent.mkdir()
    (fresh.parent / "ganvas-storage").symlink_to(tmp_path / "ganvas-storage")
    git(tmp_path, "clone", "-q", str(clone), str(fresh))
    with MlflowServer(tmp_path / "new server") as server:
        shell = _Shell(fresh, server.address, monkeypatch, capfd)
        shell.dvc("pull", "--run-cache")
        assert "Running stage" not in shell.dvc("repro")
        assert "the registry knows no version of 'ink'" in shell.refused("lineage", str(picture))
        assert "1 of 1 versions made from git and DVC" in shell.pipeline("registry-sync")
        assert "version 1 is champion; all versions were there" in shell.pipeline("registry-sync")
        assert f"sha256 {first}" in shell.pipeline("lineage", "ink@champion")
