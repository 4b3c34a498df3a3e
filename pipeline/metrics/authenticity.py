"""Whether generated pictures are new, or lie closer to a training picture than that one's own neighbours do."""

import numpy as np

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric
from pipeline.metrics.neighbours import nearest


class Authenticity(SamplingMetric):
    """Alaa et al. 2022, "How faithful is your synthetic data?" (arXiv:2102.08921), section 4.3.

    `authenticity` is the share of generated pictures that are farther from their nearest training picture than that one
    is from the rest; `real_authenticity` is that of held-back pictures, which copy nothing. Where the training mirrored
    its pictures, the mirror image of one counts as well, and is as far from the rest as the picture.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        training, shown = evidence.training.features, evidence.shown()
        spacing = np.resize(nearest(training, training, 2)[0][:, 1], len(shown))
        return Result(
            {
                "authenticity": authenticity(evidence.generated.features, shown, spacing),
                "real_authenticity": authenticity(evidence.validation.features, shown, spacing),
            },
        )


def authenticity(features: Float64, training: Float64, spacing: Float64) -> float:
    """Return the share of features (N, D) that are authentic.

    `spacing` (M,) is how far each of the training features (M, D) is from its nearest other one.
    """
    distances, neighbours = nearest(features, training, 1)
    return float((distances[:, 0] > spacing[neighbours[:, 0]]).mean())
