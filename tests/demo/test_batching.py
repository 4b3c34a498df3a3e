import itertools
import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from demo.batching import Batcher, Work
from demo.errors import GoneError
from demo.observing import Dropped, Ran, Watch
from demo.visitors import Visitor, serving


class Graph:
    """Doubles its rows; refuses batches with an odd number of its own in them; can be held up at its first run."""

    def __init__(self, *, change=0.0):
        self.change = change
        self.sizes = []
        self.entered, self.gate = threading.Event(), threading.Event()
        self.running = itertools.count()
        self.gate.set()

    def run(self, feeds):
        self.entered.set()
        assert self.gate.wait(30)
        rows = feeds["x"]
        self.sizes.append(len(rows))
        if (rows < 0).any():
            raise ValueError(f"{rows.min():g} is below zero")
        return 2 * rows + self.change * (len(rows) > 1)


def crowd(graph, numbers, *, sessions=None, batcher=None, most=16):
    """Let as many threads as numbers ask while the first run is held up, and return what each got."""
    batcher = batcher or Batcher("graph", Watch(), patience=0)
    work = Work(("y",), graph.run, most)

    def ask(place):
        with serving(sessions[place] if sessions else Visitor(str(place))):
            try:
                return batcher.run(work, {"x": np.full((1, 3), numbers[place], np.float32)})
            except (ValueError, GoneError) as error:
                return error

    with ThreadPoolExecutor(len(numbers)) as pool:
        graph.entered.clear()
        graph.gate.clear()
        first = pool.submit(ask, 0)
        assert graph.entered.wait(30)
        others = [pool.submit(ask, place) for place in range(1, len(numbers))]
        with batcher._arrived:
            assert batcher._arrived.wait_for(lambda: batcher.waiting == len(others), timeout=30)
        graph.gate.set()
        return [future.result(timeout=30) for future in (first, *others)]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(-3, 1000), min_size=2, max_size=24), st.sampled_from([1, 2, 5, 16]))
def test_each_gets_its_own_rows_and_an_error_reaches_its_own_alone(numbers, most):
    graph, watch, told = Graph(), Watch(), []
    watch.listen(told.append)
    batcher = Batcher("graph", watch, patience=0)
    for _ in range(2):  # the second time, what was proved is joined
        for number, result in zip(numbers, crowd(graph, numbers, batcher=batcher, most=most), strict=True):
            if number < 0:
                assert str(result) == f"{number} is below zero"
            else:
                assert np.array_equal(result, np.full((1, 3), 2 * number, np.float32))
    assert sum(event.requests for event in told) == 2 * len(numbers), "nothing is lost and nothing done twice"
    assert any(event.failed for event in told) == any(number < 0 for number in numbers)
    assert max(graph.sizes) <= most
    assert batcher.waiting == 0


def test_what_waits_is_joined_once_it_is_proved_that_no_bit_changes():
    graph = Graph()
    batcher = Batcher("graph", Watch(), patience=0)
    crowd(graph, range(9), batcher=batcher)
    assert graph.sizes == [1, 8, *[1] * 8], "the first time both ways"
    graph.sizes.clear()
    results = crowd(graph, range(9), batcher=batcher)
    assert graph.sizes == [1, 8]
    assert [float(result[0, 0]) for result in results] == [2 * number for number in range(9)]


def test_a_graph_that_rounds_differently_in_batches_is_never_joined():
    graph = Graph(change=1e-6)
    batcher = Batcher("graph", Watch(), patience=0)
    for _ in range(3):
        results = crowd(graph, range(5), batcher=batcher)
        assert [float(result[0, 0]) for result in results] == [0, 2, 4, 6, 8], "as if alone"
    joined = [size for size in graph.sizes if size > 1]
    assert joined == [4, 2], "tried once for each size"


def test_numbers_that_are_none_do_not_keep_a_graph_from_being_joined():
    graph, batcher = Graph(), Batcher("graph", Watch(), patience=0)
    for _ in range(2):
        crowd(graph, [1, np.nan, 3], batcher=batcher)
    assert graph.sizes == [1, 2, 1, 1, 1, 2]


def test_a_graph_that_makes_too_few_rows_of_a_batch_is_never_joined():
    class First(Graph):
        def run(self, feeds):
            return super().run(feeds)[:1]

    graph, batcher = First(), Batcher("graph", Watch(), patience=0)
    for _ in range(2):
        assert [float(result[0, 0]) for result in crowd(graph, range(3), batcher=batcher)] == [0, 2, 4]
    assert [size for size in graph.sizes if size > 1] == [2], "tried once"


def test_who_comes_alone_waits_for_nobody():
    batcher = Batcher("graph", Watch(), patience=60)
    with ThreadPoolExecutor(1) as pool:
        for _ in range(2):
            asked = pool.submit(batcher.run, Work(("y",), Graph().run, 16), {"x": np.ones((1, 3), np.float32)})
            assert asked.result(timeout=30).shape == (1, 3)


def test_after_company_a_request_waits_for_another_and_a_full_batch_for_nobody():
    graph, batcher = Graph(), Batcher("graph", Watch(), patience=60)
    crowd(graph, range(3), batcher=batcher, most=2)
    graph.sizes.clear()
    work = Work(("y",), graph.run, 2)
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(batcher.run, work, {"x": np.ones((1, 3), np.float32)})
        with batcher._arrived:
            assert batcher._arrived.wait_for(lambda: batcher.waiting == 1, timeout=30)
        second = pool.submit(batcher.run, work, {"x": np.ones((1, 3), np.float32)})
        assert np.array_equal(first.result(timeout=30), second.result(timeout=30))
    assert graph.sizes == [2]


def test_a_run_tells_how_long_the_first_of_its_requests_has_waited(monkeypatch):
    ticks, told, watch = itertools.count(), [], Watch()
    monkeypatch.setattr("demo.batching.time", SimpleNamespace(perf_counter=lambda: float(next(ticks))))
    watch.listen(told.append)
    crowd(Graph(), range(3), batcher=Batcher("graph", watch, patience=0))
    # The first comes at 0 and runs from 1 to 4, amid which the others come at 2 and 3; they run from 5 to 6.
    assert told == [Ran("graph", 1, 1, 1.0, 3.0), Ran("graph", 2, 2, 3.0, 1.0)]


def test_requests_of_other_shapes_wait_for_their_own_run():
    graph, batcher = Graph(), Batcher("graph", Watch(), patience=0)
    works = [Work((size,), graph.run, 16) for size in (3, 5)]

    def ask(place):
        size = (3, 5)[place % 2]
        return batcher.run(works[place % 2], {"x": np.full((1, size), place, np.float32)})

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(ask, range(32)))
    for place, result in enumerate(results):
        assert np.array_equal(result, np.full((1, (3, 5)[place % 2]), 2 * place, np.float32))


def test_one_who_asks_for_much_does_not_keep_the_others_waiting():
    order, lock = [], threading.Lock()

    class Slow(Graph):
        def run(self, feeds):
            result = super().run(feeds)
            with lock:
                order.append(int(feeds["x"][0, 0]))
            return result

    sessions = [Visitor("busy")] * 9 + [Visitor("other")]
    crowd(Slow(), range(10), sessions=sessions, most=1)
    assert order[0] == 0
    assert order.index(9) <= 2, "the other session waits for one of the busy one's"


def test_work_of_those_who_left_is_dropped():
    graph, watch, told = Graph(), Watch(), []
    watch.listen(told.append)
    sessions = [Visitor("first"), Visitor("left"), Visitor("stays")]
    sessions[1].gone = True
    results = crowd(graph, [1, 2, 3], sessions=sessions, batcher=Batcher("graph", watch, patience=0))
    assert isinstance(results[1], GoneError)
    assert [float(results[place][0, 0]) for place in (0, 2)] == [2, 6]
    assert sum(graph.sizes) == 2
    assert Dropped("graph", 1) in told
    assert [event.requests for event in told if isinstance(event, Ran)] == [1, 1]


def test_what_cannot_be_joined_is_run_one_by_one():
    graph, batcher = Graph(), Batcher("graph", Watch(), patience=0)
    work = Work(("alike by mistake",), graph.run, 16)

    def ask(place):
        return batcher.run(work, {"x": np.full((1, 2 + place), place, np.float32)})

    with ThreadPoolExecutor(8) as pool:
        for place, result in enumerate(pool.map(ask, range(8))):
            assert np.array_equal(result, np.full((1, 2 + place), 2 * place, np.float32))


def test_a_listener_that_fails_leaves_nobody_waiting():
    watch = Watch()

    def fail(_):
        raise RuntimeError("no figures")

    watch.listen(fail)
    batcher = Batcher("graph", watch, patience=0)
    left = Visitor("left", gone=True)
    for who in (left, Visitor("stays"), Visitor("stays")):
        with serving(who), pytest.raises(RuntimeError, match="no figures"):
            batcher.run(Work(("y",), Graph().run, 16), {"x": np.ones((1, 2), np.float32)})
    assert batcher.waiting == 0


@pytest.mark.parametrize("patience", [0, 0.001])
def test_many_threads_at_once_lose_nothing(patience):
    graph, batcher = Graph(), Batcher("graph", Watch(), patience=patience)
    work = Work(("y",), graph.run, 16)

    def ask(number):
        return float(batcher.run(work, {"x": np.full((1, 2), number, np.float32)})[0, 1])

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(500))) == [2 * number for number in range(500)]
