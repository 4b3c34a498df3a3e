"""How far results are from their photographs to people's eyes; needs published weights."""

from pathlib import Path

import numpy as np
import torch

from pipeline.features.lpips import load_lpips
from pipeline.metrics.evidence import Result, StylizationEvidence, StylizationMetric

_BATCH = 8


class LearnedSimilarity(StylizationMetric):
    """LPIPS on AlexNet (Zhang et al. 2018) between results and photographs: 0 for equal pictures.

    There is none where the weights are not named.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        if not (evidence.weights.alexnet and evidence.weights.lpips):
            return Result()
        return Result({"distance": mean_lpips(evidence)})


def mean_lpips(evidence: StylizationEvidence) -> float:
    """Return the mean over all results.

    Raises:
        DataError: the weights are missing or damaged.

    """
    distance = load_lpips(Path(evidence.weights.alexnet), Path(evidence.weights.lpips))
    photographs = torch.split(torch.from_numpy(evidence.photographs), _BATCH)
    found = []
    with torch.inference_mode():
        for results in evidence.stylized:
            batches = torch.split(torch.from_numpy(results), _BATCH)
            found += [distance(*pair) for pair in zip(batches, photographs, strict=True)]
    return float(np.mean(torch.cat(found).double().numpy()))
