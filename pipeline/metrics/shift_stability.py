"""Whether a result stays with its photograph when that is moved: else edges crawl in videos and tiles do not meet."""

import numpy as np

from pipeline.metrics.evidence import Result, StylizationEvidence, StylizationMetric


class ShiftStability(StylizationMetric):
    """The distance (root mean square) between paintings of one part of a photograph in two cuts, 8 px apart.

    `levels` counts it in levels of 255, `relative` in units of the distance between that part's painting and the
    photograph: 0 where the surroundings of a place decide nothing about it.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        first, second = evidence.shifted.astype(np.float64)
        difference = 127.5 * np.sqrt(np.square(first - second).mean(axis=(1, 2, 3)))
        moved = 127.5 * np.sqrt(np.square(first - evidence.shared_parts).mean(axis=(1, 2, 3)))
        return Result(
            {"levels": float(difference.mean()), "relative": float(difference.mean() / max(moved.mean(), 1e-12))}
        )
