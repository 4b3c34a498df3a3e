"""Joins small requests of several visitors for one graph into one run, without changing a bit of their results.

A picture's recipe promises that the picture can be made again bit for bit, and kernels may round differently in batches
of different sizes. So the first batch of each size is run both ways, joined and one by one; where a single bit differs,
this graph is not joined to that size again. Which kernels run depends on shapes and not on values, so that what holds
for one batch holds for the next.
"""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from demo.errors import GoneError
from demo.fairness import RoundRobin
from demo.observing import Dropped, Ran, Watch
from demo.visitors import Visitor, visitor

Arrays: TypeAlias = dict[str, NDArray[np.float32]]
Run: TypeAlias = Callable[[Arrays], NDArray[np.float32]]

SIZES = (16, 8, 4, 2)
"""How many requests are joined, at most and else: few sizes, because each has to be proved."""

PATIENCE = 0.002
"""Seconds for which a batch may wait for more, where the last one was not alone."""


@dataclass(frozen=True, slots=True)
class Work:
    """Requests of equal `key` may share a run, up to `most` of them: the same output, for arrays of the same shapes."""

    key: tuple[object, ...]
    run: Run
    most: int


@dataclass(eq=False, slots=True)
class _Ticket:
    work: Work
    feeds: Arrays
    visitor: Visitor
    arrived: float
    called: SimpleQueue[None] = field(default_factory=SimpleQueue)
    result: NDArray[np.float32] | None = None
    error: Exception | None = None

    @property
    def done(self) -> bool:
        return self.result is not None or self.error is not None


@dataclass(eq=False, slots=True)
class Batcher:
    """Runs the requests of many threads for one graph: a run at a time, what can be joined together, sessions by turns.

    One at a time, because what comes meanwhile gathers for the next. It has no thread of its own: one of those who wait
    leads, and hands on to another once it has its result. A thread is called only when its result is there or it is
    to lead: woken all after each batch, sixteen took a tenth of the processor for that alone.
    """

    graph: str
    watch: Watch
    patience: float = PATIENCE
    _arrived: threading.Condition = field(default_factory=threading.Condition)
    _waiting: RoundRobin[_Ticket] = field(default_factory=RoundRobin)
    _led: bool = False
    _company: bool = False
    _proved: dict[tuple[tuple[object, ...], int], bool] = field(default_factory=dict)

    @property
    def waiting(self) -> int:
        """How many requests wait for a run now."""
        return len(self._waiting)

    def run(self, work: Work, feeds: Arrays) -> NDArray[np.float32]:
        """Return what `work.run(feeds)` returns, for arrays of one row each.

        Raises:
            GoneError: who asked left while the request waited.
            Exception: what the run raised.

        """
        ticket = _Ticket(work, feeds, visitor(), time.perf_counter())
        with self._arrived:
            self._waiting.push(ticket.visitor.session, ticket)
            self._arrived.notify_all()
            leads, self._led = not self._led, True
        if not leads:
            ticket.called.get()
        if not ticket.done:
            self._lead(ticket)
        if ticket.error:
            raise ticket.error
        assert ticket.result is not None
        return ticket.result

    def _lead(self, own: _Ticket) -> None:
        """Run batches until one's own request is done, then call the next to lead."""
        try:
            while not own.done:
                with self._arrived:
                    if self._company:
                        self._arrived.wait_for(self._is_full, timeout=self.patience)
                    batch = self._collect()
                if batch:
                    self._serve(batch)
                    self._company = len(batch) > 1 or len(self._waiting) > 0
        finally:
            with self._arrived:
                if not own.done:  # something unforeseen was raised, and nobody waits for it any more
                    with suppress(KeyError, ValueError):
                        self._waiting.remove(own.visitor.session, own)
                heir = next(iter(self._waiting), None)
                self._led = heir is not None
            if heir:
                heir.called.put(None)

    def _is_full(self) -> bool:
        first = next(iter(self._waiting), None)
        return first is None or sum(first.work.key == other.work.key for other in self._waiting) >= first.work.most

    def _collect(self) -> list[_Ticket]:
        """Take the request whose turn it is and those that can join it; what nobody waits for any more is dropped."""
        for ticket in [ticket for ticket in self._waiting if ticket.visitor.gone]:
            self._waiting.remove(ticket.visitor.session, ticket)
            ticket.error = GoneError("who asked has left, so the picture was not made")
            ticket.called.put(None)
            self.watch.tell(Dropped(self.graph, 1))
        if not self._waiting:
            return []
        work = next(iter(self._waiting)).work
        alike = [ticket for ticket in self._waiting if ticket.work.key == work.key]
        sizes = [size for size in SIZES if size <= min(len(alike), work.most)]
        size = next((size for size in sizes if self._proved.get((work.key, size), True)), 1)
        for ticket in alike[:size]:
            self._waiting.remove(ticket.visitor.session, ticket)
        return alike[:size]

    def _serve(self, batch: list[_Ticket]) -> None:
        """Run a batch and call those who wait for it."""
        begun = time.perf_counter()
        place = (batch[0].work.key, len(batch))
        joined = _try_join(batch) if len(batch) > 1 else None
        if joined is None or place not in self._proved:
            for ticket in batch:
                _serve_alone(ticket)
            if joined is not None:
                self._proved[place] = all(
                    ticket.result is not None and np.array_equal(joined[row : row + 1], ticket.result, equal_nan=True)
                    for row, ticket in enumerate(batch)
                )
        else:
            for row, ticket in enumerate(batch):
                ticket.result = joined[row : row + 1]
        for ticket in batch:
            ticket.called.put(None)
        waited = begun - min(ticket.arrived for ticket in batch)
        failed = any(ticket.error for ticket in batch)
        took = time.perf_counter() - begun
        self.watch.tell(Ran(self.graph, len(batch), len(batch), max(waited, 0.0), took, failed))


def _try_join(batch: list[_Ticket]) -> NDArray[np.float32] | None:
    """Return the rows of one run for all, None where it fails: then each runs alone, and an error reaches its own."""
    try:
        feeds = {name: np.concatenate([ticket.feeds[name] for ticket in batch]) for name in batch[0].feeds}
        return batch[0].work.run(feeds)
    except Exception:  # noqa: BLE001 - whatever it is, it happens again where it belongs
        return None


def _serve_alone(ticket: _Ticket) -> None:
    try:
        ticket.result = ticket.work.run(ticket.feeds)
    except Exception as error:  # noqa: BLE001 - handed to the thread that waits for it
        ticket.error = error
