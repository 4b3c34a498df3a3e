"""The kernel distance (squared maximum mean discrepancy) between features of real and of generated pictures."""

import numpy as np

from pipeline.metrics.evidence import Float64, Result, SamplingEvidence, SamplingMetric

_RESAMPLES = 400
_INTERVAL = (5, 95)


class Kernel(SamplingMetric):
    """Gretton et al. 2012, equation 3, with the cubic kernel of Binkowski et al. 2018; unbiased, so 0 at best.

    `distance` lies in the 90 % bootstrap interval from `low` to `high`; `floor` lies between real and other real
    pictures, `pictures` of each.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        real, other = evidence.real_halves()
        generated = evidence.generated.features[: len(real)]
        low, high = kernel_interval(real, generated, seed=evidence.seed)
        return Result(
            {
                "distance": kernel_distance(real, generated),
                "low": low,
                "high": high,
                "floor": kernel_distance(real, other),
                "pictures": len(real),
            },
        )


def kernel_distance(first: Float64, second: Float64, *, counts: Float64 | None = None) -> float:
    """Return the unbiased estimate from features (N, D) and (M, D); it may fall below zero.

    `counts` (M,) says how often each row of the second counts, once each unless it is given.
    """
    drawn = np.ones(len(second)) if counts is None else counts
    return float(_weighted(first, second, np.ones((1, len(first))), drawn[None])[0])


def paired_kernel_distance(first: Float64, second: Float64) -> float:
    """Return the unbiased estimate from features (N, D) of pictures and, row by row, of what was made of each of them.

    Gretton et al. 2012, equation 4: a picture is not compared with what was made of it, which is close to it and no
    independent draw. Of equal features the distance is 0.
    """
    across = _cubic(first, second)
    apart = _cubic(first, first) + _cubic(second, second) - across - across.T
    np.fill_diagonal(apart, 0)
    return float(apart.sum()) / (len(first) * (len(first) - 1))


def kernel_interval(first: Float64, second: Float64, *, seed: int) -> tuple[float, float]:
    """Return the ends of the 90 % bootstrap interval; pictures are drawn again with replacement from both sides."""
    draw = np.random.default_rng(seed)
    counts = [
        draw.multinomial(len(side), np.full(len(side), 1 / len(side)), size=_RESAMPLES).astype(np.float64)
        for side in (first, second)
    ]
    low, high = np.percentile(_weighted(first, second, *counts), _INTERVAL)
    return float(low), float(high)


def _weighted(first: Float64, second: Float64, first_counts: Float64, second_counts: Float64) -> Float64:
    """Return one estimate for each row of counts (B, N) and (B, M): how often each picture was drawn.

    Pairs of a picture with itself are left out, also where it was drawn twice: they would bias the estimate.
    """
    within = []
    for features, counts in ((first, first_counts), (second, second_counts)):
        kernel = _cubic(features, features)
        np.fill_diagonal(kernel, 0)
        pairs = counts.sum(axis=1) ** 2 - np.square(counts).sum(axis=1)
        within.append(np.einsum("bn,bn->b", counts @ kernel, counts) / pairs)
    across = np.einsum("bm,bm->b", first_counts @ _cubic(first, second), second_counts)
    distance: Float64 = within[0] + within[1] - 2 * across / (first_counts.sum(axis=1) * second_counts.sum(axis=1))
    return distance


def _cubic(first: Float64, second: Float64) -> Float64:
    kernel: Float64 = (first @ second.T / first.shape[1] + 1) ** 3
    return kernel
