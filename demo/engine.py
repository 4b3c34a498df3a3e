"""Runs exported models: the only file that knows ONNX Runtime."""

import contextlib
import ctypes
import functools
import io
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from demo.card import ModelCard, Port
from demo.errors import ModelError, RequestError
from demo.modelfile import ModelFile

Device = Literal["auto", "cpu", "cuda"]
Provider = Literal["CPU", "CUDA"]
Feeds = Mapping[str, NDArray[np.float32]]

TIME_LIMIT = 120.0
"""Seconds after which a run is ended: a model file is input too, and a few bytes can ask for hours of work."""

_TOLERANCE = 1e-4
_RANGES = {"picture": (-1, 1), "degree": (0, 1), "weights": (0, 1), "mask": (0, 1)}


@dataclass(frozen=True, slots=True)
class Model:
    """One model, ready to run. Safe to use from several threads."""

    card: ModelCard
    sha256: str
    provider: Provider
    session: Any
    folder: Path
    _companions: dict[str, "Model"] = field(default_factory=dict, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    @classmethod
    def open(cls, path: Path, *, device: Device = "auto") -> "Model":
        """Open a model file; `auto` takes CUDA where a device answers, and `cuda` insists on it.

        Raises:
            ModelError: the file is missing, damaged or not ours, or CUDA was insisted on and does not serve.

        """
        file = ModelFile.read(path)
        ask_cuda = device == "cuda" or (device == "auto" and cuda_devices() > 0 and _preload_cuda())
        session = _open_session(file, ask_cuda=ask_cuda)
        provider: Provider = "CUDA" if session.get_providers()[0] == "CUDAExecutionProvider" else "CPU"
        if device == "cuda" and provider != "CUDA":
            raise ModelError(f"{path} cannot run on CUDA here; install the NVIDIA driver and CUDA, or choose the CPU")
        for kind, ports, nodes in (
            ("input", file.card.inputs, session.get_inputs()),
            ("output", file.card.outputs, session.get_outputs()),
        ):
            said, found = [port.name for port in ports], [node.name for node in nodes]
            if said != found or any(node.type != "tensor(float)" for node in nodes):
                raise ModelError(f"{path} has the {kind}s {found}, but its card says {said}; export it again")
        return cls(card=file.card, sha256=file.sha256, provider=provider, session=session, folder=path.parent)

    def companion(self, name: str) -> "Model":
        """Return the graph `<name>.onnx` that belongs to this one, opened once and on the same device.

        Raises:
            ModelError: there is none of that name, or its file is missing, damaged or another model's.

        """
        digests = {companion.name: companion.sha256 for companion in self.card.companions}
        if name not in digests:
            raise ModelError(f"the model '{self.card.recipe}' has no graph '{name}'; export it again")
        with self._lock:
            if name not in self._companions:
                path = self.folder / f"{name}.onnx"
                opened = Model.open(path, device="cuda" if self.provider == "CUDA" else "cpu")
                if opened.sha256 != digests[name]:
                    raise ModelError(f"{path} does not belong to the model beside it; export both again")
                self._companions[name] = opened
            return self._companions[name]

    def quickest(self, name: str = "") -> "Model":
        """Return the graph to run for this model, or for its companion `name`.

        On CUDA that is the one of half precision, `half` or `<name>_half`, where there is one; a CPU is slower with it.

        Raises:
            ModelError: the companion is missing or damaged.

        """
        half = f"{name}_half" if name else "half"
        if self.provider == "CUDA" and half in {companion.name for companion in self.card.companions}:
            return self.companion(half)
        return self.companion(name) if name else self

    def run(self, feeds: Feeds, output: str | None = None) -> NDArray[np.float32]:
        """Return one output of the graph, by default its first, for one array per input port of the card.

        Nodes that the output does not need are not run.

        Raises:
            RequestError: an array is missing, of another shape or type, not finite or outside its port's range.
            ModelError: the graph fails, takes longer than `TIME_LIMIT`, or makes numbers that are not finite.

        """
        self._check(feeds)
        options = onnxruntime.RunOptions()
        options.only_execute_path_to_fetches = True
        if self.provider == "CPU":
            # Pictures of many sizes would otherwise leave the arena as large as their sum.
            options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        expired = threading.Event()

        def end() -> None:
            expired.set()
            options.terminate = True

        watchdog = threading.Timer(TIME_LIMIT, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            name = output or self.card.outputs[0].name
            result: NDArray[np.float32] = self.session.run([name], dict(feeds), options)[0]
        except Exception as error:  # ONNX Runtime has no public root of its errors
            recipe, reason = self.card.recipe, _first_line(error)
            if expired.is_set():
                raise ModelError(f"'{recipe}' took longer than {TIME_LIMIT:g} s; ask for a smaller picture") from error
            raise ModelError(f"the model '{recipe}' failed ({reason}); export it again") from error
        finally:
            watchdog.cancel()
        if not np.isfinite(result).all():
            raise ModelError(f"the model '{self.card.recipe}' made numbers that are not finite; train it again")
        return result

    def _check(self, feeds: Feeds) -> None:
        expected = [port.name for port in self.card.inputs]
        if sorted(feeds) != sorted(expected):
            raise RequestError(f"the model '{self.card.recipe}' takes {expected}, not {sorted(feeds)}")
        free: dict[str, int] = {}
        for port in self.card.inputs:
            _check_shape(port, feeds[port.name], free)
            _check_values(port, feeds[port.name])


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


def _open_session(file: ModelFile, *, ask_cuda: bool) -> Any:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    # Threads that spin while they wait slow down the other sessions of this process.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # HEURISTIC, because a new picture size would start an EXHAUSTIVE search anew.
    cuda = [("CUDAExecutionProvider", {"cudnn_conv_algo_search": "HEURISTIC"})] if ask_cuda else []
    try:
        return onnxruntime.InferenceSession(file.content, options, providers=[*cuda, "CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime has no public root of its errors
        raise ModelError(f"{file.path} cannot be loaded ({_first_line(error)}); export it again") from error


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


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
