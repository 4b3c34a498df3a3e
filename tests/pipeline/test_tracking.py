import logging
import math
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import tracking
from pipeline.errors import TrackingError
from pipeline.store import connect, embedded_database, experiment_id, load_mlflow, reporting
from pipeline.tracking import MlflowTracker, NullTracker, open_tracker, revision_tags


def _open(recipe, tmp_path, *, resume=False, data_digest="d1"):
    tracker = open_tracker(recipe, data_digest=data_digest, memory=tmp_path / "progress" / "run.json", resume=resume)
    assert isinstance(tracker, MlflowTracker)
    return tracker


def _steps(client, run_id, name):
    return sorted(metric.step for metric in client.get_metric_history(run_id, name))


def test_all_that_is_told_arrives(store, recipe, tmp_path):
    tracker = _open(recipe, tmp_path)
    tracker.log_params({"network.name": "mlp", "train.steps": 1300})
    for step in range(1, 1301):
        tracker.log_metrics(step, {"generator_loss": step / 2, "odd": math.nan if step == 7 else math.inf})
    (tmp_path / "sheet.png").write_bytes(b"picture")
    (tmp_path / "curves.csv").write_text("step\n")
    tracker.log_picture(tmp_path / "sheet.png")
    tracker.log_file(tmp_path / "curves.csv")
    tracker.tag("ganvas.diagnosis", "mode_collapse")
    tracker.finish("FINISHED")
    run = store.get_run(tracker.run_id)
    history = store.get_metric_history(tracker.run_id, "generator_loss")
    assert sorted((metric.step, metric.value) for metric in history) == [(step, step / 2) for step in range(1, 1301)]
    assert [metric.step for metric in store.get_metric_history(tracker.run_id, "odd") if math.isnan(metric.value)] == [
        7
    ]
    assert run.data.params == {"network.name": "mlp", "train.steps": "1300"}
    assert run.info.status == "FINISHED"
    assert run.data.tags["ganvas.diagnosis"] == "mode_collapse"
    artifacts = Path(store.download_artifacts(tracker.run_id, "", str(tmp_path)))
    assert (artifacts / "samples" / "sheet.png").read_bytes() == b"picture"
    assert (artifacts / "curves.csv").is_file()


def test_metrics_are_sent_in_batches(store, recipe, tmp_path):
    tracker = _open(recipe, tmp_path)
    tracker.log_metrics(1, {"loss": 1.0})
    assert _steps(store, tracker.run_id, "loss") == []
    tracker.flush()
    assert _steps(store, tracker.run_id, "loss") == [1]
    tracker.finish("FAILED")
    assert store.get_run(tracker.run_id).info.status == "FAILED"


def test_a_resumed_training_goes_on_with_its_run_and_tells_no_step_twice(store, recipe, tmp_path):
    first = _open(recipe, tmp_path)
    first.log_params({"train.steps": 30})
    for step in range(1, 21):
        first.log_metrics(step, {"loss": float(step)})
    first.finish("KILLED")
    assert store.get_run(first.run_id).info.status == "KILLED"

    second = _open(recipe, tmp_path, resume=True)
    assert second.run_id == first.run_id
    assert store.get_run(first.run_id).info.status == "RUNNING"
    second.log_params({"train.steps": 30})
    for step in range(11, 31):
        second.log_metrics(step, {"loss": float(step)})
    second.finish("FINISHED")
    assert _steps(store, first.run_id, "loss") == list(range(1, 31))
    assert not (tmp_path / "progress" / "run.json").exists()
    assert _open(recipe, tmp_path, resume=True).run_id != first.run_id


def test_a_training_from_the_start_ends_the_run_that_was_left_alone(store, recipe, tmp_path):
    left_alone = _open(recipe, tmp_path)
    fresh = _open(recipe, tmp_path)
    assert fresh.run_id != left_alone.run_id
    assert store.get_run(left_alone.run_id).info.status == "KILLED"
    assert _open(recipe, tmp_path, resume=True).run_id == fresh.run_id
    assert _open(recipe, tmp_path, resume=True, data_digest="d2").run_id != fresh.run_id


def test_a_run_says_what_it_was_made_from(store, recipe, tmp_path):
    tags = store.get_run(_open(recipe, tmp_path).run_id).data.tags
    assert tags["ganvas.recipe"] == recipe.name
    assert tags["ganvas.recipe_digest"] == recipe.digest
    assert tags["ganvas.data_digest"] == "d1"
    assert tags["ganvas.stage"] == "train"


def test_a_server_that_goes_away_is_mentioned_once_and_hears_all_when_it_is_back(
    server, recipe, tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    tracker = _open(recipe, tmp_path)
    client = tracker._client
    tracker._client = load_mlflow().MlflowClient(f"http://127.0.0.1:{_closed_port()}")
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        for step in range(1, 1201):
            tracker.log_metrics(step, {"loss": float(step)})
        tracker.flush()
        tracker.log_picture(tmp_path / "params.yaml")
    assert len(caplog.messages) == 1
    assert "The training goes on" in caplog.messages[0]
    tracker._client = client
    tracker.finish("FINISHED")
    assert _steps(client, tracker.run_id, "loss") == list(range(1, 1201))


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("http://artist:secret@127.0.0.1:{port}", "no MLflow server answers at http://127.0.0.1:{port}"),
        ("gopher://127.0.0.1", "gopher://127.0.0.1"),
        ("http://[::1:5000", "MLFLOW_TRACKING_URI is no address"),
    ],
)
def test_a_wrong_address_is_said_in_one_sentence(address, sentence, recipe, tmp_path, monkeypatch):
    port = _closed_port()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address.format(port=port))
    with pytest.raises(TrackingError) as caught:
        open_tracker(recipe, data_digest="d1", memory=tmp_path / "run.json", resume=False)
    text = str(caught.value)
    assert sentence.format(port=port) in text
    assert "MLFLOW_TRACKING_URI" in text
    assert "secret" not in text
    assert "\n" not in text


def test_tracking_can_be_switched_off(recipe, tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    tracker = open_tracker(recipe, data_digest="d1", memory=tmp_path / "run.json", resume=False)
    assert isinstance(tracker, NullTracker)
    tracker.log_params({"a": 1})
    tracker.log_metrics(1, {"loss": 1.0})
    tracker.log_picture(tmp_path / "missing.png")
    tracker.log_file(tmp_path / "missing.csv")
    tracker.flush()
    tracker.finish("FINISHED")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["params.yaml"]


def test_without_mlflow_one_line_says_so(recipe, tmp_path, monkeypatch, caplog):
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setattr(tracking.importlib.util, "find_spec", lambda _: None)
    tracker = open_tracker(recipe, data_digest="d1", memory=tmp_path / "run.json", resume=False)
    assert isinstance(tracker, NullTracker)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "mlflow is not installed" in caplog.text


def test_the_embedded_store_stands_in_the_root_of_the_repository(tmp_path, monkeypatch):
    (tmp_path / "repository" / ".dvc").mkdir(parents=True)
    inside = tmp_path / "repository" / "deep" / "inside"
    inside.mkdir(parents=True)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.chdir(inside)
    assert embedded_database() == tmp_path / "repository" / ".mlflow" / "mlflow.db"
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    assert embedded_database() == tmp_path / ".mlflow" / "mlflow.db"


def test_a_damaged_store_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "mlflow.db").write_bytes(b"This is no database. " * 100)
    with pytest.raises(TrackingError, match=r"mlflow\.db cannot be used"):
        connect()


@pytest.mark.slow
def test_processes_that_start_at_once_share_one_embedded_store(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "new.db").write_bytes(b"left by a process that was killed while it made the store")
    script = "import sys; from pipeline.store import *; client = connect(); name = sys.argv[1]\n"
    script += "print(client.create_run(experiment_id(client, name)).info.run_id)"
    names = ["first", "second", "second"]
    processes = [subprocess.Popen([sys.executable, "-c", script, name], stdout=subprocess.PIPE) for name in names]
    made = [process.communicate(timeout=200)[0].decode().strip() for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    client = connect()
    assert {client.get_run(run).info.status for run in made} == {"RUNNING"}
    assert {client.get_run(run).info.experiment_id for run in made} == {experiment_id(client, name) for name in names}
    with sqlite3.connect(tmp_path / ".mlflow" / "mlflow.db") as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    database.close()


def test_the_revision_tells_the_commit_and_whether_files_differ_from_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert revision_tags() == {}
    for name in ("dvc.lock", "code.py"):
        (tmp_path / name).write_text("1\n")
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "first"]):
        subprocess.run(["git", *command], check=True)
    commit = subprocess.run(["git", "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    (tmp_path / "dvc.lock").write_text("2\n")
    assert revision_tags() == {"mlflow.source.git.commit": commit, "ganvas.dirty": "false"}
    (tmp_path / "code.py").write_text("2\n")
    assert revision_tags()["ganvas.dirty"] == "true"


def _closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_an_experiment_that_was_deleted_comes_back(store, recipe, tmp_path):
    tracker = _open(recipe, tmp_path)
    tracker.finish("FINISHED")
    experiment = store.get_run(tracker.run_id).info.experiment_id
    store.delete_experiment(experiment)
    again = _open(recipe, tmp_path)
    again.finish("FINISHED")
    assert store.get_run(again.run_id).info.experiment_id == experiment


def test_a_failure_here_is_not_blamed_on_the_server(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    with pytest.raises(TrackingError, match="No space left on device"), reporting():
        raise OSError(28, "No space left on device")
