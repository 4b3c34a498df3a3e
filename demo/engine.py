"""A model as the rest of the page sees it: a card, and arrays in and out, whatever executes its graphs."""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from demo.card import ModelCard, Port
from demo.errors import EngineError, ModelError, RequestError
from demo.graphfile import GraphFile, Handle
from demo.modelfile import ModelFile
from demo.runtime import Device, Provider, Session, asks_for_cuda

Feeds: TypeAlias = Mapping[str, NDArray[np.float32]]

RETRY = 30.0
"""Seconds after which a graph that could not be opened is tried again when somebody asks for it."""

_TOLERANCE = 1e-4
_RANGES = {"picture": (-1, 1), "degree": (0, 1), "weights": (0, 1), "mask": (0, 1), "hints": (-1, 1)}


class Runner(Protocol):
    """A graph that is ready to run."""

    def run(self, feeds: Feeds, output: str) -> NDArray[np.float32]:
        """Return the output of that name for checked arrays, one per input port.

        Raises:
            ModelError: the graph fails.
            EngineError: the server that runs it does not answer as it should.
            GoneError: who asked has left.

        """


class Engine(Protocol):
    """What executes graphs: ONNX Runtime in this process, or a server elsewhere."""

    def provider(self, file: GraphFile) -> Provider:
        """Return where a graph runs."""

    def open(self, file: GraphFile) -> Runner:
        """Return a graph, ready to run; one that is ready already costs nothing.

        Raises:
            ModelError: the graph cannot be run, now or later.
            EngineError: the server that would run it does not answer as it should.

        """


@dataclass(frozen=True, slots=True)
class InProcess:
    """Opens each graph once and keeps it: an engine for those who know how few they need."""

    device: Device = "auto"
    _sessions: dict[str, Session] = field(default_factory=dict)

    def provider(self, file: GraphFile) -> Provider:
        return self.open(file).provider if asks_for_cuda(self.device) else "CPU"

    def open(self, file: GraphFile) -> Session:
        if file.sha256 not in self._sessions:
            self._sessions[file.sha256] = Session.open(file, device=self.device)
        return self._sessions[file.sha256]


@dataclass(frozen=True, slots=True)
class Model:
    """One model. Its card is read; its graph is opened by the engine when it first runs. Safe to use from threads."""

    file: GraphFile
    engine: Engine
    _handles: Mapping[str, Handle] = field(default_factory=dict, repr=False)
    _companions: dict[str, "Model"] = field(default_factory=dict, repr=False, compare=False)
    _problems: list[tuple[float, str]] = field(default_factory=list, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def read(cls, path: Path, *, engine: Engine) -> "Model":
        """Read a model's card, and leave its graph to be opened by the engine when it first runs.

        The files of its companion graphs are held from now on, so that what is read now can be run later, although
        another model has taken their places since.

        Raises:
            ModelError: the file is missing, damaged or not ours.

        """
        file = GraphFile.read(path, name=path.parent.name if path.name == "model.onnx" else path.stem)
        names = [companion.name for companion in file.card.companions]
        return cls(file, engine, {name: Handle(path.parent / f"{name}.onnx") for name in names})

    @classmethod
    def open(cls, path: Path, *, device: Device = "auto") -> "Model":
        """Open a model file in this process; `auto` takes CUDA where a device answers, and `cuda` insists on it.

        Raises:
            ModelError: the file is missing, damaged or not ours, or CUDA was insisted on and does not serve.

        """
        model = cls.read(path, engine=InProcess(device))
        model.open_graph()
        return model

    @property
    def card(self) -> ModelCard:
        return self.file.card

    @property
    def sha256(self) -> str:
        return self.file.sha256

    @property
    def folder(self) -> Path:
        return self.file.path.parent

    @property
    def provider(self) -> Provider:
        """Where the graph runs. With a CUDA device about, this opens it: only a session knows whether it got there."""
        try:
            return self.engine.provider(self.file)
        except ModelError as error:
            self._note(str(error))
            return "CPU"

    @property
    def problem(self) -> str:
        """Why the graph could not be opened when it was last tried, '' where it could or nobody tried.

        What failed is tried again after a while, because it may have been for want of memory.
        """
        for noted, problem in tuple(self._problems):
            if time.monotonic() - noted < RETRY:
                return problem
            self._note(problem)
            with suppress(ModelError, EngineError):
                self.open_graph()
        return next((problem for _, problem in tuple(self._problems)), "")

    def open_graph(self) -> Runner:
        """Let the engine open the graph, if it is not open.

        Raises:
            ModelError: it cannot be run; `problem` says so until it can.
            EngineError: the server that would run it does not answer as it should.

        """
        try:
            runner = self.engine.open(self.file)
        except ModelError as error:
            self._note(str(error))
            raise
        self._problems.clear()
        return runner

    def _note(self, problem: str) -> None:
        self._problems[:] = [(time.monotonic(), problem)]

    def companion(self, name: str) -> "Model":
        """Return the graph `<name>.onnx` that belongs to this one, which the same engine runs.

        Raises:
            ModelError: there is none of that name, or its file is missing, damaged or another model's.

        """
        digests = {companion.name: companion.sha256 for companion in self.card.companions}
        if name not in digests:
            raise ModelError(f"the model '{self.card.recipe}' has no graph '{name}'; export it again")
        with self._lock:
            if name not in self._companions:
                self._companions[name] = self._read_companion(name, digests[name])
            return self._companions[name]

    def _read_companion(self, name: str, sha256: str) -> "Model":
        handle = self._handles[name]
        content = handle.read(sha256=sha256)
        if content is None:
            ModelFile.read(handle.path)  # says what is wrong with it, if something is
            raise ModelError(f"{handle.path} does not belong to the model beside it; export both again")
        card = ModelFile.parse(handle.path, content).card
        return Model(GraphFile(f"{self.file.name}.{name}", sha256, card, len(content), handle), self.engine)

    def quickest(self, name: str = "") -> "Model":
        """Return the graph to run for this model, or for its companion `name`.

        On CUDA that is the one of half precision, `half` or `<name>_half`, where there is one; a CPU is slower with it.

        Raises:
            ModelError: the companion is missing or damaged.

        """
        half = f"{name}_half" if name else "half"
        if half in {companion.name for companion in self.card.companions} and self.provider == "CUDA":
            return self.companion(half)
        return self.companion(name) if name else self

    def run(self, feeds: Feeds, output: str | None = None) -> NDArray[np.float32]:
        """Return one output of the graph, by default its first, for one array per input port of the card.

        Raises:
            RequestError: an array is missing, of another shape or type, not finite or outside its port's range.
            ModelError: the graph cannot be opened, fails, or makes numbers that are not finite.
            EngineError: the server that runs it does not answer as it should.
            GoneError: who asked has left.

        """
        self.check(feeds)
        result = self.open_graph().run(feeds, output or self.card.outputs[0].name)
        if not np.isfinite(result).all():
            raise ModelError(f"the model '{self.card.recipe}' made numbers that are not finite; train it again")
        return result

    def check(self, feeds: Feeds) -> None:
        """Check arrays as they came from the network.

        Raises:
            RequestError: one is missing, of another shape or type, not finite or outside its port's range.

        """
        expected = [port.name for port in self.card.inputs]
        if sorted(feeds) != sorted(expected):
            raise RequestError(f"the model '{self.card.recipe}' takes {expected}, not {sorted(feeds)}")
        free: dict[str, int] = {}
        for port in self.card.inputs:
            _check_shape(port, feeds[port.name], free)
            _check_values(port, feeds[port.name])


def pixels_per_row(card: ModelCard, feeds: Feeds, output: str) -> int:
    """Return how many pixels the largest picture of one row has, in or out; 1 where there is no picture.

    `feeds` fit the card, and `output` is one of its outputs.
    """
    made = next(port for port in card.outputs if port.name == output)
    sides = [side for side in made.shape[2:] if isinstance(side, int)]
    return max(math.prod(sides), *(math.prod(array.shape[2:]) for array in feeds.values()))


def draw_noise(seeds: Sequence[int], size: int) -> NDArray[np.float32]:
    """Return (len(seeds), size) standard normal: a row depends on its own seed alone, not on the rows beside it."""
    rows = [np.random.Generator(np.random.PCG64(seed)).standard_normal(size, dtype=np.float32) for seed in seeds]
    return np.stack(rows)


def draw_inputs(card: ModelCard, seeds: Sequence[int]) -> dict[str, NDArray[np.float32]]:
    """Return what is drawn for a card's inputs of kind `latent` and `noise`, as arrays (len(seeds), size) by name.

    They are pieces of one row per seed, cut in the card's order, so no two inputs hold the same numbers, and the first
    is what `draw_noise` gives for it alone.
    """
    sizes = {port.name: int(port.shape[1]) for port in card.inputs if port.kind in {"latent", "noise"}}
    ends = np.cumsum(list(sizes.values()), dtype=np.int64)
    rows = draw_noise(seeds, int(ends[-1])) if sizes else np.zeros((len(seeds), 0), np.float32)
    pieces = np.split(rows, ends[:-1], axis=1)
    return {name: np.ascontiguousarray(piece) for name, piece in zip(sizes, pieces, strict=False)}


def _check_shape(port: Port, array: NDArray[np.float32], free: dict[str, int]) -> None:
    fits = array.dtype == np.float32 and array.ndim == len(port.shape) and array.size > 0
    if fits:
        for said, found in zip(port.shape, array.shape, strict=True):
            fits &= found == (said if isinstance(said, int) else free.setdefault(said, found))
    if not fits:
        said = ", ".join(map(str, port.shape))
        raise RequestError(f"'{port.name}' must be float32 of shape ({said}), not {array.dtype} of shape {array.shape}")


def _check_values(port: Port, array: NDArray[np.float32]) -> None:
    if not np.isfinite(array).all():
        raise RequestError(f"'{port.name}' holds numbers that are not finite")
    lowest, highest = _RANGES.get(port.kind, (-np.inf, np.inf))
    if array.min() < lowest - _TOLERANCE or array.max() > highest + _TOLERANCE:
        raise RequestError(f"'{port.name}' must lie in [{lowest}, {highest}], not [{array.min():g}, {array.max():g}]")
    if port.kind == "weights" and np.abs(array.sum(axis=1) - 1).max() > _TOLERANCE:
        raise RequestError(f"'{port.name}' must have rows that sum to one")
