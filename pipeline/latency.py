"""How long an exported model takes to answer. These figures differ from run to run and from machine to machine."""

import time

import numpy as np

from demo.card import ModelCard
from demo.engine import Model
from pipeline.gathering import sampling_feeds, stylization_feeds
from pipeline.metrics.evidence import Float32
from pipeline.progress import tracked
from pipeline.translations import translation_feeds

BATCHES = (1, 16)
SIDES = (256, 512)
_WARM_UP = 3
_RUNS = 20


def measure_latency(model: Model) -> dict[str, str | dict[str, float]]:
    """Return the provider, and median and 90th percentile of 20 runs in milliseconds for each of `workloads`."""
    feeds = workloads(model.card)
    taken: dict[str, list[float]] = {name: [] for name in feeds}
    jobs = [name for name in feeds for _ in range(_WARM_UP + _RUNS)]
    for name in tracked(jobs, total=len(jobs), description=f"{model.card.recipe}: timing, runs"):
        started = time.perf_counter()
        model.run(feeds[name])
        taken[name].append(1000 * (time.perf_counter() - started))
    report: dict[str, str | dict[str, float]] = {"provider": model.provider}
    for name, times in taken.items():
        median, p90 = np.percentile(times[_WARM_UP:], (50, 90))
        report[name] = {"median_ms": round(float(median), 3), "p90_ms": round(float(p90), 3)}
    return report


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
