"""Whether a picture that is painted in tiles is the picture that is painted at once."""

import numpy as np

from pipeline.metrics.evidence import Result, StylizationEvidence, StylizationMetric


class TileAgreement(StylizationMetric):
    """The differences between pictures painted at once and in tiles, on the networks' scale of 2.

    `largest` is that of the worst value, `mean` the mean absolute one, `side` the pictures' longer side in pixels.
    Models that are not painted in tiles have none of this.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        if not evidence.tiled.size:
            return Result()
        whole, tiled = evidence.tiled.astype(np.float64)
        differences = np.abs(whole - tiled)
        return Result(
            {
                "largest": float(differences.max()),
                "mean": float(differences.mean()),
                "side": int(max(evidence.tiled.shape[-2:])),
            }
        )
