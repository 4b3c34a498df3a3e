"""How much memory an exported model takes, told by processes that do nothing else."""

import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from demo.engine import Feeds, Model

_STATUS = Path("/proc/self/status")


def peak_memory(path: Path, workloads: Sequence[Feeds]) -> list[float]:
    """Return the most MiB in main memory that a process ever had which opened a model and ran each of the workloads.

    Workloads go from small to large, because a process remembers its largest alone. The interpreter and ONNX Runtime
    are counted too. Empty where the system does not tell.

    Raises:
        ModelError: the model cannot be opened or fails.

    """
    if not _STATUS.exists():
        return []
    # A spawned process begins with nothing of this one's memory; this file imports little, so that it stays small.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return [pool.submit(_run, path, feeds).result() for feeds in workloads]


def _run(path: Path, feeds: Feeds) -> float:
    """Return this process's peak so far in MiB after a run."""
    Model.open(path, device="cpu").run(feeds)
    line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024, 1)
