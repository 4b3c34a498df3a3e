"""Real processes, killed where it hurts most; a disk that is full or read-only; a server that dies; two at once.

Nothing is lost, nothing is half-written, and the next run goes on.
"""

import json
import logging
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import yaml
from clone import RECIPE, environment, succeed
from recipes import PAINTER
from servers import MlflowServer

from pipeline import tracking
from pipeline.evaluate import evaluate
from pipeline.export import export
from pipeline.outbox import deliver_ended
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.register import register
from pipeline.registry import CHALLENGER
from pipeline.store import connect
from pipeline.train import train
from pipeline.watch import Watch
from pipeline.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
KILLED = -signal.SIGKILL
DRIVER = """
import os, signal, sys
import pipeline.{module} as place
honest, left = place.{name}, [int(sys.argv.pop(1))]
def deadly(*arguments, **named):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)
    return honest(*arguments, **named)
place.{name} = deadly
from pipeline.__main__ import main
main()
"""
"""Runs the command line and dies by SIGKILL at the n-th call of a function."""


def _kill(stage, *, at, module="workspace", name="_flush"):
    """Run a stage of the painter until all of its n-th file is written and nothing is in its place yet."""
    driver = textwrap.dedent(DRIVER.format(module=module, name=name))
    command = [sys.executable, "-c", driver, str(at), stage, "painter"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == KILLED, result.stderr


def _content(folder):
    """Return all files below a folder, latencies and what is not kept apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"latency.json", "gate.json"} and path.suffix != ".yaml"
    }


@pytest.fixture
def undisturbed(workplace, tmp_path_factory):
    """The painter's recipe, its workspace in the working directory, and all files of a run that nobody disturbed."""
    recipe = read_recipe(Path("params.yaml"), "painter")
    root = tmp_path_factory.mktemp("undisturbed")
    for stage in (prepare, train, export, evaluate):
        stage(recipe, Workspace("painter", root))
    return recipe, Workspace("painter"), _content(root)


def test_a_kill_in_any_stage_leaves_nothing_half_and_the_next_run_ends_with_the_same_bytes(undisturbed):
    recipe, workspace, expected = undisturbed
    _kill("prepare", at=1)
    assert not workspace.prepared.exists()
    prepare(recipe, workspace)

    _kill("train", at=4)  # with the checkpoint of step 2 in place, and that of step 4 not yet
    _kill("train", at=3)  # which went on there, and has kept step 4
    (unfinished,) = workspace.progress.glob("*.pt")
    assert unfinished.stat().st_size
    assert not workspace.checkpoint.exists()
    train(recipe, workspace)

    _kill("export", at=1)
    assert not workspace.model.exists()
    export(recipe, workspace)
    before = workspace.model.read_bytes()
    _kill("export", at=1)
    assert workspace.model.read_bytes() == before, "what stood there stays"
    export(recipe, workspace)

    _kill("evaluate", at=2)
    assert not (workspace.reports / "metrics.json").exists()
    evaluate(recipe, workspace)
    made = _content(workspace.root)
    assert {name: made[name] for name in expected} == expected
    assert not [name for name in made if ".writing" in name]


def test_a_registration_that_was_killed_is_made_once_by_the_next(undisturbed, server, monkeypatch):
    recipe, workspace, _ = undisturbed
    for stage in (prepare, train, export, evaluate):
        stage(recipe, workspace)
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    _kill("register", at=1, module="registry", name="_create_version")
    client = connect()
    assert client.search_model_versions("name = 'painter'") == []
    register(recipe, workspace)
    register(recipe, workspace)
    (version,) = client.search_model_versions("name = 'painter'")
    assert client.get_model_version_by_alias("painter", CHALLENGER).version == version.version
    experiment = client.get_experiment_by_name("painter").experiment_id
    runs = client.search_runs([experiment], f"tags.`ganvas.model_sha256` = '{version.tags['ganvas.model_sha256']}'")
    assert sorted(run.info.status for run in runs) == ["FINISHED", "KILLED"]
    client.delete_registered_model("painter")


def _in_mount(options, script):
    """Run a script in a namespace of its own where `disk` is a file system with these mount options."""
    if subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let its users mount")
    Path("disk").mkdir(exist_ok=True)
    mount = f"mount -t tmpfs -o {options} tmpfs disk && cp params.yaml disk && cd disk && {script}"
    command = ["unshare", "-rm", "sh", "-c", mount]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def test_a_full_disk_is_one_sentence_and_leaves_nothing(workplace):
    python = f"{sys.executable} -m pipeline prepare painter"
    told = _in_mount("size=32k", f"{python}; echo $?; find data -type f")
    assert told.stdout == "1\n"
    assert (
        told.stderr.splitlines()[-1]
        == "cannot write data/painter: the disk is full; free some space and run the stage again"
    )


def test_a_read_only_store_is_one_sentence(workplace):
    environ = "env -u GANVAS_TRACKING DVC_ROOT=."
    script = f"mkdir .mlflow && mount -o remount,ro . && {environ} {sys.executable} -c "
    told = _in_mount("size=8m", script + "'from pipeline.store import connect; connect()'")
    assert "mlflow.db cannot be used ([Errno 30] Read-only file system" in told.stderr.splitlines()[-1]


def test_a_read_only_folder_is_one_sentence(workplace):
    told = _in_mount("size=8m", f"mount -o remount,ro . && {sys.executable} -m pipeline prepare painter")
    assert told.returncode == 1
    assert told.stderr.splitlines()[-1] == (
        "cannot write data/painter: the file system is read-only; choose another folder"
    )


def test_a_server_that_dies_in_mid_run_does_not_stop_the_training_and_hears_all_of_it_later(
    workplace, tmp_path, monkeypatch, caplog
):
    recipe = read_recipe(Path("params.yaml"), "painter")
    workspace = Workspace("painter")
    prepare(recipe, workspace)
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(tracking, "_PAUSE_SECONDS", 0.0)
    honest = Watch.take_snapshot
    with MlflowServer(tmp_path / "server") as server:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", server.address)

        def take_snapshot(watch):
            if watch._trainer.step >= 4:
                server.kill()
            honest(watch)

        monkeypatch.setattr(Watch, "take_snapshot", take_snapshot)
        with caplog.at_level(logging.WARNING, logger="pipeline"):
            train(recipe, workspace)
        assert workspace.checkpoint.is_file()
        assert sum("The training goes on" in message for message in caplog.messages) == 1
        server.start()
        client = connect()
        (run,) = client.search_runs([client.get_experiment_by_name("painter").experiment_id])
        assert run.info.status == "RUNNING"
        deliver_ended(client)
        assert client.get_run(run.info.run_id).info.status == "FINISHED"
        losses = client.get_metric_history(run.info.run_id, "generator_loss")
        assert sorted(metric.step for metric in losses) == [2, 4, 6]
        assert len(client.list_artifacts(run.info.run_id, "samples")) == PAINTER["train"]["snapshots"]


def test_two_pipelines_at_once_share_a_store_and_a_cache(finished, server, tmp_path):
    cache = tmp_path / "cache"
    roots = [shutil.copytree(finished, tmp_path / name / "ganvas", symlinks=True) for name in ("one", "two")]
    processes = []
    for root in roots:
        (root / "params.yaml").write_text(RECIPE.replace("steps: 3", "steps: 5").replace("ink:", "shared:"))
        succeed(root, "dvc", "cache", "dir", "--local", str(cache))
        variables = environment(MLFLOW_TRACKING_URI=server)
        command = [sys.executable, "-m", "dvc", "repro"]
        processes.append(
            subprocess.Popen(command, cwd=root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
    said = [process.communicate(timeout=600)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    first, second = ({**_content(root / "models"), **_content(root / "data")} for root in roots)
    assert first == second
    locks = [yaml.safe_load((root / "dvc.lock").read_text())["stages"]["export@shared"]["outs"] for root in roots]
    assert locks[0][0]["md5"] == locks[1][0]["md5"]
    for root in roots:
        told = succeed(root, "dvc", "status", "prepare@shared", "train@shared", "export@shared", "evaluate@shared")
        assert "changed outs" not in told
        assert json.loads((root / "reports" / "shared" / "metrics.json").read_text())["pictures"]["generated"] == 16
