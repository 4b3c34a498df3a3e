"""What a server that went away in mid-run missed, and when it gets to know."""

import logging
import socket

import pytest

from pipeline import tracking
from pipeline.outbox import Outbox, deliver_ended
from pipeline.store import connect, load_mlflow
from pipeline.tracking import open_tracker


@pytest.fixture
def place(server, tmp_path, monkeypatch):
    """A folder of its own for what cannot be sent, and a server."""
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    monkeypatch.setattr(tracking, "_PAUSE_SECONDS", 0.0)
    return tmp_path


def _open(recipe, place, *, resume=False):
    return open_tracker(recipe, data_digest="d1", memory=place / "progress" / "run.json", resume=resume)


def _take_away(tracker):
    """Let the tracker's server be one that does not answer, and return the one that does."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    client, tracker._client = tracker._client, load_mlflow().MlflowClient(address)
    return client


def _losses(client, run_id):
    return sorted((metric.step, metric.value) for metric in client.get_metric_history(run_id, "loss"))


def _tell(tracker, steps):
    for step in steps:
        tracker.log_metrics(step, {"loss": float(step)})
    tracker.flush()


def test_a_training_that_ends_while_the_server_is_away_is_told_by_the_next_one(recipe, place, caplog):
    tracker = _open(recipe, place)
    _tell(tracker, range(1, 4))
    client = _take_away(tracker)
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        _tell(tracker, range(4, 7))
        tracker.log_params({"late": 1})
        tracker.tag("ganvas.diagnosis", "mode_collapse")
        (place / "sheet.png").write_bytes(b"picture")
        tracker.log_picture(place / "sheet.png")
        tracker.finish("FINISHED")
        (place / "sheet.png").unlink()
    assert len(caplog.messages) == 1
    assert "The training goes on, and its figures are kept" in caplog.messages[0]
    assert client.get_run(tracker.run_id).info.status == "RUNNING"

    _open(recipe, place).finish("FINISHED")
    run = client.get_run(tracker.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"late": "1"}
    assert run.data.tags["ganvas.diagnosis"] == "mode_collapse"
    assert _losses(client, tracker.run_id) == [(step, float(step)) for step in range(1, 7)]
    assert client.list_artifacts(tracker.run_id, "samples")[0].path == "samples/sheet.png"
    assert list((place / ".mlflow" / "unsent").glob("*/*")) == []


def test_what_a_killed_training_could_not_send_is_told_when_it_goes_on(recipe, place):
    killed = _open(recipe, place)
    client = _take_away(killed)
    _tell(killed, range(1, 5))
    with (place / ".mlflow" / "unsent" / killed.run_id / "told.jsonl").open("a") as stream:
        stream.write('{"figures": [["loss", 5.0')  # where kill -9 struck
    deliver_ended(client)
    assert _losses(client, killed.run_id) == [], "it may still be running"

    again = _open(recipe, place, resume=True)
    assert again.run_id == killed.run_id
    _tell(again, range(3, 8))
    again.finish("FINISHED")
    assert _losses(client, killed.run_id) == [(step, float(step)) for step in range(1, 8)]


def test_a_server_that_comes_back_hears_everything_once_and_in_order(recipe, place):
    tracker = _open(recipe, place)
    client = _take_away(tracker)
    _tell(tracker, range(1, 4))
    tracker._client = client
    _tell(tracker, range(4, 6))
    tracker.finish("FINISHED")
    assert _losses(client, tracker.run_id) == [(step, float(step)) for step in range(1, 6)]


def test_nobody_waits_for_a_run_that_was_deleted(recipe, place):
    tracker = _open(recipe, place)
    client = _take_away(tracker)
    _tell(tracker, [1])
    tracker.finish("FAILED")
    client.delete_run(tracker.run_id)
    deliver_ended(connect())
    _open(recipe, place).finish("FINISHED")
    assert list((place / ".mlflow" / "unsent").glob("*/*")) == []


class _StoreError(Exception):
    """What a library of an artifact store raises on its own."""


def test_whatever_a_store_raises_the_training_goes_on(recipe, place, monkeypatch, caplog):
    tracker = _open(recipe, place)
    client = tracker._client

    def fail(*_):
        raise _StoreError("no credentials")

    monkeypatch.setattr(client, "log_artifact", fail)
    picture = place / "sheet.png"
    picture.touch()
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        tracker.log_picture(picture)
        (place / ".mlflow" / "unsent" / tracker.run_id).rename(place / "aside")
        (place / ".mlflow" / "unsent" / tracker.run_id).touch()  # so that nothing can be kept either
        tracker.log_picture(picture)
    assert "The training goes on, and its figures are kept until they can be tracked: no credentials" in caplog.text
    assert "The training goes on, but some of its figures are lost" in caplog.text


def test_what_cannot_be_delivered_stops_no_later_training(recipe, place, monkeypatch, caplog):
    tracker = _open(recipe, place)
    _tell(tracker, [1])
    client = _take_away(tracker)
    _tell(tracker, [2])
    tracker.finish("FINISHED")
    monkeypatch.setattr("pipeline.outbox.send", lambda *_: 1 / 0)
    with caplog.at_level(logging.WARNING, logger="pipeline"):
        deliver_ended(client)
    left = place / ".mlflow" / "unsent" / tracker.run_id
    assert f"What is left in {left} cannot be delivered, and is kept: division by zero" in caplog.text
    monkeypatch.undo()
    monkeypatch.setenv("DVC_ROOT", str(place))
    deliver_ended(client)
    assert _losses(client, tracker.run_id) == [(1, 1.0), (2, 2.0)]


def test_what_a_full_disk_cut_short_keeps_nothing_else_back(server, place):
    client = connect()
    outbox = Outbox(client.tracking_uri, client.create_run("0").info.run_id)
    outbox.add_tag("first", "1")
    with next(place.rglob("told.jsonl")).open("ab") as stream:
        stream.write('{"store": "x", "tag": ["lost", "海'.encode()[:-1])
    outbox.add_tag("second", "2")
    outbox.add_end("FINISHED")
    assert outbox.ended
    outbox.deliver(client)
    run = client.get_run(outbox.run_id)
    assert {name: run.data.tags.get(name) for name in ("first", "lost", "second")} == {
        "first": "1",
        "lost": None,
        "second": "2",
    }
    assert run.info.status == "FINISHED"
    assert not outbox.pending


def test_a_copy_of_a_file_that_was_not_finished_keeps_nothing_back(server, place):
    client = connect()
    outbox = Outbox(client.tracking_uri, client.create_run("0").info.run_id)
    with pytest.raises(FileNotFoundError):
        outbox.add_file(place / "nowhere.png", "samples")
    assert not outbox.ended
    outbox.deliver(client)
    assert not outbox.pending
