"""The Frechet distance between Gaussians fitted to the features of real and of generated pictures."""

import numpy as np

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric

_RESAMPLES = 40
_REACH = 1.645
"""Standard deviations of a normal distribution that leave out 5 % on either side."""

_LARGEST = 1024
"""Side of the matrix above which forty distances would take minutes; the interval is left out."""


class Frechet(SamplingMetric):
    """Dowson and Landau 1982; for generators Heusel et al. 2017. Small samples make it larger: read it beside `floor`.

    `distance` lies between generated and real pictures, in a 90 % bootstrap interval from `low` to `high` (not for over
    1024 pictures of as many features), `floor` between real and other real ones, `pictures` of each.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        real, other = evidence.real_halves()
        generated = evidence.generated.features[: len(real)]
        scores: dict[str, float] = {"distance": frechet_distance(real, generated)}
        if min(real.shape) <= _LARGEST:
            scores["low"], scores["high"] = frechet_interval(real, generated, seed=evidence.seed)
        return Result(scores | {"floor": frechet_distance(real, other), "pictures": len(real)})


def frechet_distance(first: Float64, second: Float64) -> float:
    """Return the squared distance between Gaussians fitted to features (N, D) and (M, D); N and M are 2 or more."""
    if max(len(first), len(second)) < first.shape[1]:
        return _narrow_distance(first, second)
    return gaussian_distance(
        first.mean(axis=0),
        np.atleast_2d(np.cov(first, rowvar=False)),
        second.mean(axis=0),
        np.atleast_2d(np.cov(second, rowvar=False)),
    )


def _narrow_distance(first: Float64, second: Float64) -> float:
    """Return the same for fewer pictures than features, without a matrix of the features' side.

    With centred A and B, the eigenvalues of A'A B'B are the squares of the singular values of A B'.
    """
    means = first.mean(axis=0), second.mean(axis=0)
    a, b = ((side - mean) / np.sqrt(len(side) - 1) for side, mean in zip((first, second), means, strict=True))
    shared = np.linalg.svd(a @ b.T, compute_uv=False).sum()
    apart = np.square(means[0] - means[1]).sum()
    return max(0.0, float(apart + np.square(a).sum() + np.square(b).sum() - 2 * shared))


def frechet_interval(first: Float64, second: Float64, *, seed: int) -> tuple[float, float]:
    """Return the ends of the 90 % interval; pictures are drawn again with replacement from both sides.

    Drawing pictures twice makes every distance larger, so only its spread is taken from the resamples.
    """
    draw = np.random.default_rng(seed)
    resampled = [
        frechet_distance(*(side[draw.integers(len(side), size=len(side))] for side in (first, second)))
        for _ in range(_RESAMPLES)
    ]
    distance, reach = frechet_distance(first, second), _REACH * float(np.std(resampled, ddof=1))
    return max(0.0, distance - reach), distance + reach


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
