import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import onnxruntime
import pytest
from tiny_models import sampler_proto, stylizer_proto

from demo import replay, runtime
from demo.engine import draw_noise
from demo.errors import ModelError
from demo.graphfile import GraphFile
from demo.replay import Replays, can_be_captured
from demo.runtime import Session
from demo.shelf import Shelf


def feeds(seed=1, count=1):
    return {"latent": draw_noise(range(seed, seed + count), 192), "classes": np.eye(3, dtype=np.float32)[[0] * count]}


def open_session(path):
    return onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])


class Plain:
    """What a graph gives without a binding, and how often it was asked."""

    def __init__(self, session):
        self.session, self.output, self.asked = session, session.get_outputs()[0].name, 0

    def __call__(self, arrays):
        self.asked += 1
        return self.session.run([self.output], arrays)[0]


@pytest.fixture
def session(save):
    return open_session(save(sampler_proto()))


@pytest.fixture
def plain(session):
    return Plain(session)


def replayed(replays, plain, arrays):
    return replays.run(arrays, plain.output, lambda: plain(arrays))


def test_from_the_second_run_on_a_shape_goes_through_its_bound_arrays_to_the_same_bits(session, plain):
    replays = Replays(session, "cpu")
    for seed, count in [(1, 1), (2, 1), (3, 4), (4, 4), (5, 1)]:
        arrays = feeds(seed, count)
        assert np.array_equal(replayed(replays, plain, arrays), session.run(None, arrays)[0])
    assert plain.asked == 2, "once for each shape"


def test_a_result_stays_when_the_next_run_writes_over_the_bound_array(session, plain):
    replays = Replays(session, "cpu")
    replayed(replays, plain, feeds(1))
    kept = replayed(replays, plain, feeds(2))
    replayed(replays, plain, feeds(3))
    assert np.array_equal(kept, session.run(None, feeds(2))[0])


def test_what_is_not_contiguous_is_copied_right(session, plain):
    replays = Replays(session, "cpu")
    replayed(replays, plain, feeds(1))
    arrays = {name: np.asfortranarray(np.repeat(array, 2, axis=1)[:, ::2]) for name, array in feeds(2).items()}
    assert np.array_equal(replayed(replays, plain, arrays), session.run(None, feeds(2))[0])


def test_no_more_shapes_are_bound_than_there_is_room_for(session, plain, monkeypatch):
    monkeypatch.setattr(replay, "SHAPES", 2)
    replays = Replays(session, "cpu")
    for count in (1, 2, 3, 3, 3, 1, 2):
        arrays = feeds(7, count)
        assert np.array_equal(replayed(replays, plain, arrays), session.run(None, arrays)[0])
    assert plain.asked == 5, "three rows have no arrays of their own"


def test_many_threads_get_each_its_own_pictures(session, plain):
    replays = Replays(session, "cpu")
    arrays = [feeds(seed) for seed in range(64)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda each: replayed(replays, plain, each), arrays))
    for each, result in zip(arrays, made, strict=True):
        assert np.array_equal(result, session.run(None, each)[0])


class Faulty:
    """A session of which a run through a binding goes wrong, once `after` of them were right."""

    def __init__(self, session, fault, *, after=0):
        self.session, self.fault, self.after, self.threads = session, fault, after, set()

    def io_binding(self):
        return self.session.io_binding()

    def run_with_iobinding(self, binding, options):
        self.threads.add(threading.current_thread().name)
        self.after -= 1
        if self.after >= 0 or not self.fault:
            self.session.run_with_iobinding(binding, options)
        elif isinstance(self.fault, Exception):
            raise self.fault


@pytest.mark.parametrize(
    ("faulty", "reason", "bound"),
    [
        (partial(Faulty, fault=RuntimeError("CUDA failure 900\nwhere it was"), after=0), "CUDA failure 900", 0),
        (partial(Faulty, fault="stale", after=0), "its pictures differ", 0),  # nothing is ever written
        (partial(Faulty, fault="stale", after=1), "its pictures differ", 0),  # the replay shows what the capture saw
        (partial(Faulty, fault=RuntimeError("CUDA failure 2"), after=3), "CUDA failure 2", 1),  # in service
    ],
)
def test_what_fails_or_differs_runs_plainly_from_there_on_and_is_told_once(plain, caplog, faulty, reason, bound):
    session, replays = plain.session, Replays(faulty(plain.session), "cpu")
    with caplog.at_level(logging.WARNING):
        for seed in range(1, 6):
            assert np.array_equal(replayed(replays, plain, feeds(seed)), session.run(None, feeds(seed))[0])
    assert plain.asked == 5 - bound
    (record,) = caplog.records
    assert reason in record.getMessage()
    assert "where it was" not in record.getMessage()


def test_what_the_plain_run_raises_reaches_who_asked_and_binds_nothing(session, plain):
    replays = Replays(session, "cpu")

    def fail():
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory"):
        replays.run(feeds(1), plain.output, fail)
    replayed(replays, plain, feeds(1))
    assert plain.asked == 1


def test_one_thread_has_all_runs_that_are_bound(session, plain):
    faulty = Faulty(session, None)
    replays = Replays(faulty, "cpu")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda count: replayed(replays, plain, feeds(1, count)), [1, 2, 3, 1, 2, 3, 1, 2, 3]))
    assert len(faulty.threads) == 1


def test_pictures_of_any_size_are_not_captured(save):
    assert can_be_captured(GraphFile.read(save(sampler_proto()), name="dabbler").card)
    assert not can_be_captured(GraphFile.read(save(stylizer_proto()), name="tinter").card)


class Device:
    """A session on the CPU that says that it is on CUDA."""

    def __init__(self, session):
        self.session = session

    def __getattr__(self, name):
        return getattr(self.session, name)

    def get_providers(self):
        return ["CUDAExecutionProvider", "CPUExecutionProvider"]


@pytest.fixture
def opened(monkeypatch):
    """Sessions that say they are on CUDA, and with which settings they were opened."""
    asked, real = [], onnxruntime.InferenceSession

    def open_one(content, options, providers):
        settings = providers[0][1]
        asked.append(settings["enable_cuda_graph"])
        if settings["enable_cuda_graph"] == "1" and opened_fails:
            raise RuntimeError("not all nodes are on CUDA")
        return Device(real(content, options, providers=["CPUExecutionProvider"]))

    opened_fails = []
    monkeypatch.setattr(runtime.onnxruntime, "InferenceSession", open_one)
    monkeypatch.setattr(runtime, "asks_for_cuda", lambda device: True)
    return asked, opened_fails


@pytest.mark.parametrize(
    ("proto", "capture", "settings"),
    [(sampler_proto, True, ["0", "1"]), (sampler_proto, False, ["0"]), (stylizer_proto, True, ["0"])],
)
def test_a_graph_of_fixed_shapes_is_opened_for_capture_where_one_asks(save, opened, proto, capture, settings):
    asked, _ = opened
    session = Session.open(GraphFile.read(save(proto()), name="model"), device="auto", capture=capture)
    assert asked == settings
    assert (session.replays is not None) == (settings == ["0", "1"])


def test_a_graph_that_cannot_be_captured_runs_without(save, opened, caplog):
    _, fails = opened
    fails.append(True)
    file = GraphFile.read(save(sampler_proto()), name="model")
    with caplog.at_level(logging.WARNING):
        session = Session.open(file, device="auto", capture=True)
    assert session.replays is None
    assert "not all nodes are on CUDA" in caplog.text
    assert session.run(feeds(), file.card.outputs[0].name).shape == (1, 3, 8, 8)


def test_the_shelf_hands_on_that_graphs_are_captured(save, opened):
    file = GraphFile.read(save(sampler_proto()), name="model")
    assert Shelf("auto", capture=True).open(file).session.replays
    assert not Shelf("auto").open(file).session.replays


def test_a_session_replays_what_it_captured_to_the_bits_of_a_plain_run(save, opened, monkeypatch):
    file = GraphFile.read(save(sampler_proto()), name="model")
    session = Session.open(file, device="auto", capture=True)
    monkeypatch.setattr(runtime, "_load", lambda *_, **__: pytest.fail("nothing is opened again"))
    replays = Replays(session.replays.session, "cpu")
    object.__setattr__(session, "replays", replays)
    for seed in (1, 2, 3):
        made = session.run(feeds(seed), file.card.outputs[0].name)
        assert np.array_equal(made, session.session.run(None, feeds(seed))[0])
    assert [bound is not None for bound in replays._bound.values()] == [True]


def test_a_failing_run_is_one_sentence_with_replays_too(save, opened):
    file = GraphFile.read(save(sampler_proto()), name="model")
    session = Session.open(file, device="auto", capture=True)
    with pytest.raises(ModelError, match="failed"):
        session.run({"latent": np.zeros((1, 5), np.float32)}, file.card.outputs[0].name)
