"""How long an exported model takes to answer, and how much memory: figures that differ from machine to machine."""

import time
from collections.abc import Callable
from functools import partial
from itertools import zip_longest
from pathlib import Path

import numpy as np

from demo.card import ModelCard
from demo.engine import Model
from pipeline.gathering import sampling_feeds, stylization_feeds
from pipeline.memory import peak_memory
from pipeline.metrics.evidence import Float32
from pipeline.progress import tracked
from pipeline.translations import translation_feeds

BATCHES = (1, 16)
SIDES = (256, 512, 1024)
_WARM_UP = 3
_RUNS, _LEAST_RUNS, _SECONDS = 20, 5, 1.5


def measure_latency(model: Model, path: Path) -> dict[str, str | dict[str, float]]:
    """Return the provider, and median and 90th percentile in milliseconds for each of `workloads`.

    They are of 20 runs, or of as many as fit into 1.5 seconds, but of 5 at least. `path` is the model's file. For
    photographs also the peak of the memory that a process needs for one on the CPU.
    """
    feeds = workloads(model.card)
    sizes = tracked(feeds.items(), total=len(feeds), description=f"{model.card.recipe}: timing, sizes")
    taken = {name: _time(partial(model.run, arrays)) for name, arrays in sizes}
    peaks = peak_memory(path, list(feeds.values())) if model.card.task == "stylize" else []
    report: dict[str, str | dict[str, float]] = {"provider": model.provider}
    for name, times, peak in zip_longest(feeds, taken.values(), peaks):
        median, p90 = np.percentile(times, (50, 90))
        figures = {"median_ms": round(float(median), 3), "p90_ms": round(float(p90), 3)}
        report[name] = figures if peak is None else figures | {"peak_mib": peak}
    return report


def _time(run: Callable[[], object]) -> list[float]:
    """Return the milliseconds of each run, after some that warm up."""
    for _ in range(_WARM_UP):
        run()
    taken: list[float] = []
    while len(taken) < _RUNS and (len(taken) < _LEAST_RUNS or sum(taken) < 1000 * _SECONDS):
        started = time.perf_counter()
        run()
        taken.append(1000 * (time.perf_counter() - started))
    return taken


def workloads(card: ModelCard) -> dict[str, dict[str, Float32]]:
    """Return typical inputs of a model by name: batches of samples, or one photograph of a certain side in pixels."""
    if card.task == "sample":
        return {f"batch_{size}": sampling_feeds(card, range(size), np.zeros(size, np.int64)) for size in BATCHES}
    random = np.random.default_rng(0)
    if card.task == "translate":
        return {f"side_{side}": translation_feeds(card, side, random=random) for side in SIDES}
    return {
        f"side_{side}": stylization_feeds(
            card,
            random.uniform(-1, 1, (1, 3, side, side)).astype(np.float32),
            styles=np.zeros(1, np.int64),
            strengths=np.ones(1, np.float32),
            seeds=[None],
        )
        for side in SIDES
    }
