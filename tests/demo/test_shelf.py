import os
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import pytest
from onnx import helper
from tiny_models import directed_proto, sampler_proto, stylizer_proto
from tiny_stylizers import encoder_proto

from demo.catalog import Catalog
from demo.engine import Model, draw_noise
from demo.errors import ModelError
from demo.observing import Found, Left, Ran, Watch
from demo.runtime import Session
from demo.shelf import Shelf

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture
def told():
    return []


@pytest.fixture
def watch(told):
    watch = Watch()
    watch.listen(told.append)
    return watch


def feeds(seed=1, count=1):
    return {"latent": draw_noise(range(seed, seed + count), 192), "classes": np.eye(3, dtype=np.float32)[[0] * count]}


def test_a_card_is_read_without_its_graph_and_the_first_run_opens_it(save, watch, told):
    model = Model.read(save(sampler_proto()), engine=Shelf("cpu", watch=watch))
    assert model.card.recipe == "dabbler"
    assert model.provider == "CPU"
    assert told == []
    assert watch.gauges() == {"engine_waiting": 0, "engine_open_graphs": 0, "engine_open_bytes": 0}
    model.run(feeds())
    model.run(feeds(count=3))
    opened, ran, found, again = told
    assert (opened.graph, opened.open) == ("dabbler", False)
    assert (ran.requests, ran.rows, ran.failed) == (1, 1, False)
    assert found == Found("dabbler", open=True)
    assert (again.requests, again.rows) == (1, 3)
    assert watch.gauges()["engine_open_bytes"] == model.file.size


def test_what_was_not_used_for_longest_leaves_for_what_comes(save, watch, told):
    paths = [save(proto) for proto in (sampler_proto("a"), sampler_proto("b"), sampler_proto("c"))]
    shelf = Shelf("cpu", memory=2 * paths[0].stat().st_size + 10, watch=watch)
    first, second, third = (Model.read(path, engine=shelf) for path in paths)
    for model in (first, second, first, third):
        model.run(feeds())
    assert [event for event in told if isinstance(event, Left)] == [Left("b", second.file.size)]
    expected = first.run(feeds())
    second.run(feeds())
    assert np.array_equal(second.run(feeds()), expected), "what left comes back"
    assert [event.graph for event in told if isinstance(event, Left)] == ["b", "c"]


def test_a_graph_larger_than_the_limit_is_run_all_the_same_and_stays_until_another_comes(save, watch, told):
    shelf = Shelf("cpu", memory=1, watch=watch)
    for _ in range(2):
        for proto in (sampler_proto("a"), sampler_proto("b")):
            model = Model.read(save(proto), engine=shelf)
            for _ in range(2):
                assert model.run(feeds()).shape == (1, 3, 8, 8)
    found = [(event.graph, event.open) for event in told if isinstance(event, Found)]
    assert found == 2 * [("a", False), ("a", True), ("b", False), ("b", True)]


def test_graphs_that_fit_exactly_all_stay(save, watch, told):
    paths = [save(sampler_proto(name)) for name in ("a", "b")]
    shelf = Shelf("cpu", memory=sum(path.stat().st_size for path in paths), watch=watch)
    for path in paths:
        Model.read(path, engine=shelf).run(feeds())
    assert not [event for event in told if isinstance(event, Left)]


def test_a_graph_that_two_ask_for_at_once_is_opened_once(save, watch, told):
    class Door:
        """A lock that whoever opens graphs passes one by one, the first only when the second has come."""

        def __init__(self):
            self.lock, self.both = threading.Lock(), threading.Barrier(2)

        def __enter__(self):
            self.both.wait(30)
            self.lock.acquire()

        def __exit__(self, *_):
            self.lock.release()

    file = Model.read(save(sampler_proto()), engine=Shelf("cpu")).file
    shelf = Shelf("cpu", watch=watch, _opening=Door())
    with ThreadPoolExecutor(2) as pool:
        assert len({id(shelved) for shelved in pool.map(shelf.open, [file, file])}) == 1
    assert [event.open for event in told] == [False, True]


def test_pictures_are_the_same_alone_and_in_company(save):
    path = save(sampler_proto())
    alone = Model.read(path, engine=Shelf("cpu"))
    shelf = Shelf("cpu", batching=True)
    model = Model.read(path, engine=shelf)
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(lambda seed: model.run(feeds(seed)), range(200)))
    for seed, picture in enumerate(together):
        assert np.array_equal(picture, alone.run(feeds(seed)))


@pytest.mark.parametrize(
    ("provider", "batching", "joins"),
    [("CPU", None, False), ("CUDA", None, True), ("CPU", True, True), ("CUDA", False, False)],
)
def test_requests_are_joined_on_cuda_where_nothing_else_is_said(save, monkeypatch, provider, batching, joins):
    file = Model.read(save(sampler_proto()), engine=Shelf("cpu")).file
    session = replace(Session.open(file, device="cpu"), provider=provider)
    monkeypatch.setattr("demo.shelf.Session", SimpleNamespace(open=lambda file, *, device, capture: session))
    assert bool(Shelf("cpu", batching=batching).open(file).batcher) == joins


def test_a_graph_whose_rows_depend_on_each_other_is_never_joined(save):
    """Such a graph is wrong, and yet a picture must not depend on who else asks."""
    proto = directed_proto("clique")
    proto.graph.node[0].input[0] = "rest"
    mean = helper.make_node("ReduceMean", ["latent", "axis"], ["mean"], keepdims=1)
    proto.graph.node.insert(0, helper.make_node("Sub", ["latent", "mean"], ["rest"]))
    proto.graph.node.insert(0, mean)
    proto.graph.initializer.append(onnx.numpy_helper.from_array(np.array([0]), "axis"))
    model = Model.read(save(proto), engine=Shelf("cpu", batching=True))
    with ThreadPoolExecutor(8) as pool:
        pictures = list(pool.map(lambda seed: model.run({"latent": draw_noise([seed], 192)}), range(64)))
    assert all(not picture.any() for picture in pictures), "of one row, the mean is the row itself"


def test_large_pictures_and_batches_are_run_as_they_are(save, watch, told):
    model = Model.read(save(stylizer_proto()), engine=Shelf("cpu", batching=True, watch=watch))
    for rows, side in ((1, 8), (1, 256), (1, 264), (4, 8)):
        model.run(
            {
                "content": np.zeros((rows, 3, side, side), np.float32),
                "code": np.zeros((rows, 3), np.float32),
                "strength": np.ones((rows, 1), np.float32),
                "noise": np.zeros((rows, 3), np.float32),
            }
        )
    runs = [event for event in told if isinstance(event, Ran)]
    assert [(event.requests, event.rows) for event in runs] == [(1, 1), (1, 1), (1, 1), (1, 4)]
    assert [event.waited > 0 for event in runs] == [True, True, False, False], "two of 256 pixels a side share a run"


@pytest.mark.parametrize("batching", [False, True])
def test_a_champion_is_swapped_under_load_without_a_failed_request(save, tmp_path, batching):
    """Both makes of a model are told apart by their pictures, and each picture is one of theirs, whole."""
    companions = {"encoder": encoder_proto()}
    save(sampler_proto(), companions)
    shelf = Shelf("cpu", memory=1, batching=batching)  # each graph leaves for the next, and has to come back
    catalog = Catalog(tmp_path, shelf)
    old = catalog.model("dabbler", task="sample")
    expected = {old.sha256: old.run(feeds())}
    changed = sampler_proto(metadata={"make": "second"})
    changed.graph.node[2].op_type = "Sin"
    path = tmp_path / "dabbler" / "model.onnx"
    stop, served = threading.Event(), []

    def visit():
        while not stop.is_set():
            model = catalog.model("dabbler", task="sample")
            served.append((model.sha256, model.run(feeds())))

    with ThreadPoolExecutor(4) as pool:
        visits = [pool.submit(visit) for _ in range(4)]
        try:
            while len(served) < 20:
                assert not any(visit.done() for visit in visits)
            scratch = path.with_name(".model.onnx")
            scratch.write_bytes(changed.SerializeToString())
            scratch.replace(path)
            new = catalog.model("dabbler", task="sample")
            expected[new.sha256] = new.run(feeds())
            count = len(served)
            while len(served) < count + 20:
                assert not any(visit.done() for visit in visits)
        finally:
            stop.set()
        for visited in visits:
            visited.result(timeout=30)
    assert {sha256 for sha256, _ in served} == set(expected) == {old.sha256, new.sha256}
    for sha256, picture in served:
        assert np.array_equal(picture, expected[sha256])
    assert np.array_equal(old.run(feeds()), expected[old.sha256]), "a long job ends with the model it began with"
    assert old.companion("encoder").card.task == "companion"


def test_a_file_overwritten_in_place_is_told_of(save):
    path = save(sampler_proto())
    model = Model.read(path, engine=Shelf("cpu"))
    path.write_bytes(sampler_proto("other").SerializeToString())
    with pytest.raises(ModelError, match="was overwritten while it was in use; ask again"):
        model.run(feeds())


def test_warming_up_opens_every_graph_and_finds_those_that_do_not_open(save, tmp_path, watch, told):
    save(sampler_proto())
    save(sampler_proto("loose", before=[helper.make_node("Relu", ["nowhere"], ["x"])]))
    catalog = Catalog(tmp_path, Shelf("cpu", watch=watch))
    assert catalog.problems() == []
    catalog.warm(threading.Event())
    assert [event.graph for event in told if isinstance(event, Found)] == ["dabbler"]
    assert len(catalog.problems()) == 1
    assert "cannot be loaded" in catalog.problems()[0]
    assert [entry.name for entry in catalog.entries() if entry.model] == ["dabbler"]
    save(sampler_proto("loose"))
    os.utime(tmp_path / "loose" / "model.onnx", ns=(1, 1))
    assert catalog.problems() == [], "a file that is made anew is tried anew"


@pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="this system does not list a process's open files")
def test_files_are_let_go_when_nobody_needs_them(save):
    path = save(sampler_proto(), {"encoder": encoder_proto()})
    before = len(list(OPEN_FILES.iterdir()))
    for _ in range(50):
        Model.read(path, engine=Shelf("cpu")).companion("encoder")
    assert len(list(OPEN_FILES.iterdir())) - before < 10


def test_a_graph_that_failed_once_is_tried_again_after_a_while(save, tmp_path, monkeypatch):
    save(sampler_proto())
    catalog = Catalog(tmp_path, Shelf("cpu"))
    tried = []

    def refuse(file, *, device, capture):
        tried.append(file.name)
        raise ModelError("there is no memory")

    with monkeypatch.context() as patch:
        patch.setattr("demo.shelf.Session", SimpleNamespace(open=refuse))
        with pytest.raises(ModelError, match="no memory"):
            catalog.model("dabbler", task="sample").run(feeds())
        for _ in range(3):
            with pytest.raises(ModelError, match="no memory"):
                catalog.model("dabbler", task="sample")
    assert tried == ["dabbler"]
    monkeypatch.setattr("demo.engine.RETRY", 0.0)
    assert catalog.problems() == []
    assert catalog.model("dabbler", task="sample").run(feeds()).shape == (1, 3, 8, 8)


def test_where_a_graph_runs_is_known_without_opening_it_again(save, monkeypatch):
    monkeypatch.setattr("demo.shelf.asks_for_cuda", lambda device: True)
    monkeypatch.setattr("demo.runtime.asks_for_cuda", lambda device: False)
    opened = []
    shelf = Shelf("auto", memory=1)
    shelf.watch.listen(opened.append)
    files = [Model.read(save(sampler_proto(name)), engine=shelf).file for name in ("a", "b")]
    for _ in range(3):
        assert [shelf.provider(file) for file in files] == ["CPU", "CPU"]
    assert [event.graph for event in opened if isinstance(event, Found)] == ["a", "b"]
