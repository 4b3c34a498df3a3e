"""Real processes, killed where it hurts most; a disk that is full or read-only; a server that dies; two at once.

Nothing is lost, nothing is half-written, and the next run goes on.
"""

import hashlib
import json
import logging
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from clone import RECIPE, environment
from commands import struck
from recipes import PAINTER, write_params
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
STAGES = (prepare, train, export, evaluate)


def _kill(stage, *, at, function="pipeline.workspace._flush"):
    """Run a stage of the painter until all of its n-th file is written and nothing is in its place yet."""
    command = [sys.executable, *struck(signal.SIGKILL, function, at=at), stage, "painter"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == -signal.SIGKILL, result.stderr


def _content(folder):
    """Return all files below a folder, latencies and what is not kept apart."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in {"latency.json", "gate.json"} and path.suffix != ".yaml"
    }


def _dvc_digest(path):
    """Return what DVC's lock file says of a file, or of a folder with all its files."""
    if path.is_file():
        return hashlib.md5(path.read_bytes()).hexdigest()
    names = sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
    listing = [{"md5": _dvc_digest(path / name), "relpath": name} for name in names]
    return hashlib.md5(json.dumps(listing).encode()).hexdigest() + ".dir"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """The painter's recipe, and the folder of a run that nobody disturbed; not to be changed."""
    root = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("GANVAS_TRACKING", "off")
        recipe = read_recipe(write_params(Path("params.yaml"), painter=PAINTER), "painter")
        for stage in STAGES:
            stage(recipe, Workspace("painter", root))
    return recipe, root


def test_a_kill_in_any_stage_leaves_nothing_half_and_the_next_run_ends_with_the_same_bytes(undisturbed, workplace):
    recipe, expected = undisturbed[0], _content(undisturbed[1])
    workspace = Workspace("painter")
    _kill("prepare", at=1)
    assert not workspace.prepared.exists()
    prepare(recipe, workspace)

    _kill("train", at=4)  # with the checkpoint of step 2 in place, and that of step 4 not yet
    _kill("train", at=3)  # which went on there, and has kept step 4
    (unfinished,) = workspace.progress.glob("*.pt")
    assert unfinished.stat().st_size
    assert not workspace.checkpoint.exists()
    train(recipe, workspace)

    workspace.model.parent.mkdir(parents=True)
    workspace.model.write_bytes(b"an older model")
    _kill("export", at=1)
    assert workspace.model.read_bytes() == b"an older model", "what stood there stays"
    export(recipe, workspace)

    _kill("evaluate", at=2)
    assert not (workspace.reports / "metrics.json").exists()
    evaluate(recipe, workspace)
    made = _content(workspace.root)
    assert {name: made[name] for name in expected} == expected
    assert not [name for name in made if ".writing" in name]


def test_a_registration_that_was_killed_is_made_once_by_the_next(undisturbed, workplace, server, monkeypatch):
    recipe, workspace = undisturbed[0], Workspace("painter")
    shutil.copytree(undisturbed[1], workplace, dirs_exist_ok=True)
    monkeypatch.delenv("GANVAS_TRACKING")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    _kill("register", at=1, function="pipeline.registry._create_version")
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
        (root / ".dvc" / "config.local").write_text(f"[cache]\n    dir = {cache}\n")
        variables = environment(MLFLOW_TRACKING_URI=server)
        command = [sys.executable, "-m", "dvc", "repro"]
        processes.append(
            subprocess.Popen(command, cwd=root, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        )
    said = [process.communicate(timeout=600)[0].decode() for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    first, second = ({**_content(root / "models"), **_content(root / "data")} for root in roots)
    assert first == second
    locks = [yaml.safe_load((root / "dvc.lock").read_text())["stages"] for root in roots]
    for root, lock in zip(roots, locks, strict=True):
        for out in (out for stage in STAGES for out in lock[f"{stage.__name__}@shared"]["outs"]):
            assert out["md5"] == _dvc_digest(root / out["path"]), out["path"]
        assert json.loads((root / "reports" / "shared" / "metrics.json").read_text())["pictures"]["generated"] == 16
    assert locks[0]["export@shared"]["outs"][0]["md5"] == locks[1]["export@shared"]["outs"][0]["md5"]
