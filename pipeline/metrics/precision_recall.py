"""Precision and recall: how much of what is generated could be real, and how much of what is real is generated."""

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric
from pipeline.metrics.neighbours import beside_real, radii, within_reach


class PrecisionRecall(SamplingMetric):
    """Kynkaanniemi et al. 2019, "Improved precision and recall", with five neighbours.

    `real_precision` and `real_recall` are what other real pictures reach in place of generated ones.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        return beside_real(evidence, precision_recall, ("precision", "recall"))


def precision_recall(real: Float64, generated: Float64) -> tuple[float, float]:
    """Return the share of each side's features (N, D) and (M, D) that lies within the other side's estimated manifold.

    The manifold is the union of balls around the points that reach to their fifth neighbour.
    """
    precision = within_reach(generated, real, radii(real)).any(axis=1).mean()
    recall = within_reach(real, generated, radii(generated)).any(axis=1).mean()
    return float(precision), float(recall)
