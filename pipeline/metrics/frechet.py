"""The Frechet distance between Gaussians fitted to the features of real and of generated pictures."""

import numpy as np

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric


class Frechet(SamplingMetric):
    """Dowson and Landau 1982; for generators Heusel et al. 2017. Small samples make it larger: read it beside `floor`.

    `distance` lies between generated and real pictures, `floor` between real and other real ones, `pictures` of each.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        real, other = evidence.real_halves()
        generated = evidence.generated.features[: len(real)]
        return Result(
            {
                "distance": frechet_distance(real, generated),
                "floor": frechet_distance(real, other),
                "pictures": len(real),
            },
        )


def frechet_distance(first: Float64, second: Float64) -> float:
    """Return the squared distance between Gaussians fitted to features (N, D) and (M, D); N and M are 2 or more."""
    return gaussian_distance(
        first.mean(axis=0),
        np.atleast_2d(np.cov(first, rowvar=False)),
        second.mean(axis=0),
        np.atleast_2d(np.cov(second, rowvar=False)),
    )


def gaussian_distance(mean: Float64, covariance: Float64, other_mean: Float64, other_covariance: Float64) -> float:
    """Return |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) for means (D,) and covariances (D, D).

    C1 C2 has the eigenvalues of the symmetric C1^(1/2) C2 C1^(1/2), so no root of an unsymmetric matrix is needed, and
    matrices of deficient rank do no harm.
    """
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(values.clip(min=0)) @ vectors.T
    shared = np.sqrt(np.linalg.eigvalsh(root @ other_covariance @ root).clip(min=0)).sum()
    apart = np.square(mean - other_mean).sum()
    return max(0.0, float(apart + np.trace(covariance) + np.trace(other_covariance) - 2 * shared))
