"""The engine of the page: sessions in this process, opened when needed, and left by least recent use."""

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from demo.batching import SIZES, Batcher, Work
from demo.engine import Feeds, pixels_per_row
from demo.graphfile import GraphFile
from demo.observing import Found, Left, Ran, Watch
from demo.runtime import Device, Provider, Session, asks_for_cuda

MEMORY = 512 * 2**20
"""Bytes of model files whose graphs are in memory at once. Files are counted, because what a graph takes cannot be
known before it is there, and the process's own figure does not fall with it: the allocator keeps what it got back."""

PIXELS_PER_RUN = 2**17
"""Larger pictures gain nothing from being joined on a CPU, and take their memory once for each."""


@dataclass(frozen=True, slots=True)
class Shelf:
    """Keeps the graphs that were used last, up to `memory` bytes of files, and joins requests for one of them.

    They are joined where `batching` says so, and where it says nothing on CUDA: there a run of many costs little more
    than a run of one. On a CPU it costs nearly as much as its parts (nine tenths for 16 pictures of 64 px), and parts
    have the processors side by side: 16 clients get nearly a fifth more pictures (`bench/serve.py`).

    With `capture`, what has fixed shapes is captured and replayed on CUDA (`replay.py`).
    """

    device: Device = "auto"
    memory: int = MEMORY
    watch: Watch = field(default_factory=Watch)
    batching: bool | None = None
    capture: bool = False
    _open: OrderedDict[str, "_Shelved"] = field(default_factory=OrderedDict)
    _providers: dict[str, Provider] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _opening: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.watch.measure("engine_waiting", self._count_waiting)
        self.watch.measure("engine_open_graphs", lambda: len(self._open))
        self.watch.measure("engine_open_bytes", self._size)

    def provider(self, file: GraphFile) -> Provider:
        if not asks_for_cuda(self.device):
            return "CPU"
        # Only a session knows, and it need not stay open to have told.
        return self._providers.get(file.sha256) or self.open(file).session.provider

    def open(self, file: GraphFile) -> "_Shelved":
        """Return the graph, which counts as used last; where it is not in memory, others may have to leave for it.

        A run that is under way keeps its graph until it is done.

        Raises:
            ModelError: the graph does not load, or CUDA was insisted on and does not serve.

        """
        found = self._find(file)
        if found is None:
            with self._opening:
                found = self._find(file) or self._load(file)
        return found

    def _find(self, file: GraphFile) -> "_Shelved | None":
        with self._lock:
            found = self._open.get(file.sha256)
            if found:
                self._open.move_to_end(file.sha256)
        if found:
            self.watch.tell(Found(file.name, open=True))
        return found

    def _load(self, file: GraphFile) -> "_Shelved":
        begun = time.perf_counter()
        session = Session.open(file, device=self.device, capture=self.capture)
        self.watch.tell(Found(file.name, open=False, seconds=time.perf_counter() - begun))
        joins = session.provider == "CUDA" if self.batching is None else self.batching
        batcher = Batcher(file.name, self.watch) if joins else None
        shelved = _Shelved(file, session, self.watch, batcher)
        with self._lock:
            self._open[file.sha256] = shelved
            self._providers[file.sha256] = session.provider
            leaving = []
            while len(self._open) > 1 and sum(other.file.size for other in self._open.values()) > self.memory:
                leaving.append(self._open.popitem(last=False)[1])
        for other in leaving:
            self.watch.tell(Left(other.file.name, other.file.size))
        return shelved

    def _count_waiting(self) -> int:
        with self._lock:
            return sum(shelved.batcher.waiting for shelved in self._open.values() if shelved.batcher)

    def _size(self) -> int:
        with self._lock:
            return sum(shelved.file.size for shelved in self._open.values())


@dataclass(frozen=True, slots=True)
class _Shelved:
    file: GraphFile
    session: Session
    watch: Watch
    batcher: Batcher | None

    def run(self, feeds: Feeds, output: str) -> NDArray[np.float32]:
        most = self._most_together(feeds, output) if self.batcher else 1
        if self.batcher and most > 1:
            shapes = tuple(sorted((name, array.shape) for name, array in feeds.items()))
            work = Work(
                key=(output, shapes),
                run=lambda arrays: self.session.run(arrays, output),
                most=most,
            )
            return self.batcher.run(work, dict(feeds))
        begun = time.perf_counter()
        rows = len(next(iter(feeds.values())))
        failed = True
        try:
            result = self.session.run(feeds, output)
            failed = False
        finally:
            self.watch.tell(Ran(self.file.name, 1, rows, 0.0, time.perf_counter() - begun, failed))
        return result

    def _most_together(self, feeds: Feeds, output: str) -> int:
        """Return how many such requests fit into one run: 1 for large pictures and for what is a batch already."""
        card = self.file.card
        made = next(port for port in card.outputs if port.name == output)
        if any(port.shape[0] != "N" for port in (*card.inputs, made)) or any(
            len(array) > 1 for array in feeds.values()
        ):
            return 1
        return min(max(SIZES), PIXELS_PER_RUN // pixels_per_row(card, feeds, output))
