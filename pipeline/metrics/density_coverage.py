"""Density and coverage: precision and recall that a few outliers cannot flatter."""

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric
from pipeline.metrics.neighbours import NEIGHBOURS, beside_real, radii, within_reach


class DensityCoverage(SamplingMetric):
    """Naeem et al. 2020, "Reliable fidelity and diversity metrics", with five neighbours.

    `real_density` and `real_coverage` are what other real pictures reach in place of generated ones.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        return beside_real(evidence, density_coverage, ("density", "coverage"))


def density_coverage(real: Float64, generated: Float64) -> tuple[float, float]:
    """Return the number of real balls around a generated picture, over five, and the share of balls that hold any.

    A real feature's ball reaches to its fifth neighbour; real (N, D), generated (M, D), N is 6 or more.
    """
    inside = within_reach(generated, real, radii(real))
    return float(inside.sum(axis=1).mean() / NEIGHBOURS), float(inside.any(axis=0).mean())
