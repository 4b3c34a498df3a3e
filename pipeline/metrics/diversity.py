"""How much the noise changes a result: a network that ignores it has one answer to every photograph."""

from itertools import combinations
from statistics import mean

import numpy as np

from pipeline.metrics.evidence import Float32, Result, StylizationEvidence, StylizationMetric


class Diversity(StylizationMetric):
    """The mean distance (root mean square) between results of one photograph and style with different noise.

    `levels` counts it in levels of 255, `relative` in units of the mean distance between photograph and result.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        if len(evidence.varied) < 2:
            return Result()
        between = mean(_distance(one, two) for one, two in combinations(evidence.varied, 2))
        moved = mean(_distance(one, evidence.photographs) for one in evidence.varied)
        return Result({"levels": between, "relative": between / max(moved, 1e-12)})


def _distance(first: Float32, second: Float32) -> float:
    """Return the distance between pictures (P, C, H, W) in [-1, 1], in levels of 255, on average over P."""
    difference = first.astype(np.float64) - second
    return float(127.5 * np.sqrt(np.square(difference).mean(axis=(1, 2, 3))).mean())
