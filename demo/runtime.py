"""ONNX Runtime in this process: this file and `replay.py` alone know it."""

import contextlib
import ctypes
import functools
import io
import logging
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from demo.errors import FailedRunError, ModelError
from demo.graphfile import GraphFile
from demo.replay import Replays, can_be_captured
from demo.subgraph import cut_down
from demo.watchdog import Watchdog

Device = Literal["auto", "cpu", "cuda"]
Provider = Literal["CPU", "CUDA", "server"]
"""Where graphs run: in this process on one of two devices, or on a server that does not tell."""

TIME_LIMIT = 120.0
"""Seconds after which a run is ended: a model file is input too, and a few bytes can ask for hours of work."""

LARGE = "tile"
"""The companion graph that paints large pictures, part by part."""

PARTS = 2
"""Parts of a large graph that are kept, some 25 MiB each: pictures painted at the same time are at different ones."""

_log = logging.getLogger(__name__)
_WATCHDOG = Watchdog()


@dataclass(frozen=True, slots=True)
class Session:
    """One graph in memory, ready to run. Safe to use from several threads."""

    file: GraphFile
    provider: Provider
    session: Any
    large: bool
    replays: Replays | None = None
    _parts: dict[str, Any] = field(default_factory=dict, repr=False)
    _cutting: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @classmethod
    def open(cls, file: GraphFile, *, device: Device, capture: bool = False) -> "Session":
        """Load a graph; `auto` takes CUDA where a device answers, and `cuda` insists on it.

        With `capture`, graphs of fixed shapes are captured there and replayed, where they can be.

        Raises:
            ModelError: the graph does not load, is not what its card says, or cannot run on the CUDA insisted on.

        """
        large = file.name.rpartition(".")[2] == LARGE
        session = _load(file, file.content(), ask_cuda=asks_for_cuda(device), large=large)
        provider: Provider = "CUDA" if session.get_providers()[0] == "CUDAExecutionProvider" else "CPU"
        if device == "cuda" and provider != "CUDA":
            raise ModelError(
                f"{file.path} cannot run on CUDA here; install the NVIDIA driver and CUDA, or choose the CPU"
            )
        for kind, ports, nodes in (
            ("input", file.card.inputs, session.get_inputs()),
            ("output", file.card.outputs, session.get_outputs()),
        ):
            said, found = [port.name for port in ports], [node.name for node in nodes]
            if said != found or any(node.type != "tensor(float)" for node in nodes):
                raise ModelError(f"{file.path} has the {kind}s {found}, but its card says {said}; export it again")
        captures = capture and provider == "CUDA" and can_be_captured(file.card)
        return cls(file, provider, session, large, _load_capturing(file) if captures else None)

    def run(self, feeds: Mapping[str, NDArray[np.float32]], output: str) -> NDArray[np.float32]:
        """Return one output of the graph; for those behind the first of a large one, other nodes are not run.

        Raises:
            ModelError: the graph fails, takes longer than `TIME_LIMIT`, or its file was overwritten in place.

        """
        cut = self.large and output != self.file.card.outputs[0].name
        session = self._session_for(output) if cut else self.session
        options = onnxruntime.RunOptions()
        if self.provider == "CPU" and not self.large:
            # Pictures of many sizes would otherwise leave the arena as large as their sum.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        expired = threading.Event()

        def end() -> None:
            expired.set()
            options.terminate = True

        try:
            with _WATCHDOG.watch(TIME_LIMIT, end):
                result = self._execute(session, feeds, output, options)
        except Exception as error:  # ONNX Runtime has no public root of its errors
            recipe, reason = self.file.card.recipe, _first_line(error)
            if expired.is_set():
                raise ModelError(f"'{recipe}' took longer than {TIME_LIMIT:g} s; ask for a smaller picture") from error
            raise FailedRunError(f"the model '{recipe}' failed ({reason}); export it again") from error
        return result

    def _execute(
        self, session: Any, feeds: Mapping[str, NDArray[np.float32]], output: str, options: Any
    ) -> NDArray[np.float32]:
        def plain() -> NDArray[np.float32]:
            result: NDArray[np.float32] = session.run([output], dict(feeds), options)[0]
            return result

        return self.replays.run(feeds, output, plain) if self.replays else plain()

    def _session_for(self, output: str) -> Any:
        """Return what runs the part of the graph that an output needs; the last ones are kept, for tile after tile."""
        with self._cutting:
            part = self._parts.pop(output, None)
            if part is None:
                content = cut_down(self.file.content(), output)
                part = _load(self.file, content, ask_cuda=self.provider == "CUDA", large=True)
            self._parts[output] = part
            while len(self._parts) > PARTS:
                del self._parts[next(iter(self._parts))]
            return part


def asks_for_cuda(device: Device) -> bool:
    """Return whether a session is asked for CUDA: where one insists on it, or a device and its libraries are there."""
    return device == "cuda" or (device == "auto" and cuda_devices() > 0 and _preload_cuda())


@functools.cache
def cuda_devices() -> int:
    """Return how many CUDA devices the driver counts, 0 where there is no driver.

    ONNX Runtime names CUDA as available wherever it was built in and prints errors when asked for it in vain.
    """
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    return count.value if driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 else 0


@functools.cache
def _preload_cuda() -> bool:
    """Load CUDA's libraries ahead of the session, and tell whether they are all there."""
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return False
    told = io.StringIO()
    with contextlib.redirect_stdout(told):
        onnxruntime.preload_dlls()
    return "Failed to load" not in told.getvalue()


def _load_capturing(file: GraphFile) -> Replays | None:
    try:
        return Replays(_load(file, file.content(), ask_cuda=True, large=False, capture=True))
    except ModelError as error:  # a node that runs on the CPU, for instance
        _log.warning("%s is not captured: %s", file.path, error)
        return None


def _load(file: GraphFile, content: bytes, *, ask_cuda: bool, large: bool, capture: bool = False) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # An arena keeps about what the largest run took, and large pictures gain nothing from it.
    options.enable_cpu_mem_arena = not large
    # Threads that spin while they wait slow down the other sessions of this process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # HEURISTIC, because a new picture size would start an EXHAUSTIVE search anew, which may choose otherwise each time.
    settings = {"cudnn_conv_algo_search": "HEURISTIC", "enable_cuda_graph": str(int(capture))}
    cuda = [("CUDAExecutionProvider", settings)] if ask_cuda else []
    try:
        return onnxruntime.InferenceSession(content, options, providers=[*cuda, "CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no public root of its errors
        raise ModelError(f"{file.path} cannot be loaded ({_first_line(error)}); export it again") from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
