"""Runs of few shapes on a CUDA device: their arrays keep their places, and the device replays what it captured.

Kernels that are launched one by one leave a device idle between them; captured, they are launched as one. A replay
reads and writes where the capture did, so each shape has arrays of its own that stay bound. ONNX Runtime keeps captures
by thread and wants a session's runs one after another, so one thread has them all
(https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html).
"""

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from demo.card import ModelCard

Array: TypeAlias = NDArray[np.float32]
_Shapes: TypeAlias = tuple[object, ...]

SHAPES = 16
"""How many shapes are captured for one graph; each has arrays on the device for as long as the graph is open."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Bound:
    """One shape's arrays on the device, and the binding that leads a session to them."""

    session: Any
    inputs: Mapping[str, Any]
    output: Any
    binding: Any
    options: Any

    def run(self, feeds: Mapping[str, Array]) -> Array:
        for name, array in feeds.items():
            self.inputs[name].update_inplace(np.ascontiguousarray(array))
        self.session.run_with_iobinding(self.binding, self.options)
        result: Array = np.array(self.output.numpy())
        return result


@dataclass(frozen=True, slots=True)
class Replays:
    """Runs a session that captures, beside one that does not. Safe to use from several threads.

    Nothing is taken on trust: a shape's first run is a plain one, its capture is made with other numbers, and only
    where the replay then gives the plain run's very bits is that shape replayed from there on. What fails or differs is
    logged once and runs plainly. `place` is where the arrays lie: `cpu` binds without capturing.
    """

    session: Any
    place: Literal["cuda", "cpu"] = "cuda"
    _bound: dict[_Shapes, _Bound | None] = field(default_factory=dict)
    _thread: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, "replay"))

    def run(self, feeds: Mapping[str, Array], output: str, plain: Callable[[], Array]) -> Array:
        """Return the output of that name, by a replay where its shapes have one, and else what `plain` returns.

        Raises:
            Exception: what the plain run raised.

        """
        shapes = (output, *sorted((name, array.shape) for name, array in feeds.items()))
        if self._bound.get(shapes):
            replayed = self._thread.submit(self._replay, shapes, feeds).result()
            return plain() if replayed is None else replayed
        made = plain()
        if shapes not in self._bound and len(self._bound) < SHAPES:
            self._thread.submit(self._prove, shapes, feeds, output, made).result()
        return made

    def _replay(self, shapes: _Shapes, feeds: Mapping[str, Array]) -> Array | None:
        bound = self._bound[shapes]
        try:
            return bound.run(feeds) if bound else None
        except Exception as error:  # noqa: BLE001 - ONNX Runtime has no public root of its errors
            self._give_up(shapes, str(error))
            return None

    def _prove(self, shapes: _Shapes, feeds: Mapping[str, Array], output: str, made: Array) -> None:
        if shapes in self._bound:  # by another thread, which came first
            return
        try:
            bound = self._bind(feeds, output, made)
            bound.run({name: np.flip(array) for name, array in feeds.items()})
            if np.array_equal(bound.run(feeds), made, equal_nan=True):
                self._bound[shapes] = bound
            else:
                self._give_up(shapes, "its pictures differ")
        except Exception as error:  # noqa: BLE001 - ONNX Runtime has no public root of its errors
            self._give_up(shapes, str(error))

    def _bind(self, feeds: Mapping[str, Array], output: str, made: Array) -> _Bound:
        def room_for(array: Array) -> Any:  # its own: a value made from an array may share the memory
            return onnxruntime.OrtValue.ortvalue_from_shape_and_type(array.shape, np.float32, self.place)

        inputs, result = {name: room_for(array) for name, array in feeds.items()}, room_for(made)
        binding = self.session.io_binding()
        for name, value in inputs.items():
            binding.bind_ortvalue_input(name, value)
        binding.bind_ortvalue_output(output, result)
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("gpu_graph_id", str(len(self._bound) + 1))
        return _Bound(self.session, inputs, result, binding, options)

    def _give_up(self, shapes: _Shapes, reason: str) -> None:
        self._bound[shapes] = None
        _log.warning("a captured graph is not replayed for %s (%s)", shapes, reason.strip().partition("\n")[0])


def can_be_captured(card: ModelCard) -> bool:
    """Return whether all sides but the batch's are fixed: pictures of any size would be captured for each anew."""
    return all(isinstance(side, int) for port in (*card.inputs, *card.outputs) for side in port.shape[1:])
