"""Distances to the nearest neighbours, and the balls around features that several metrics count in."""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist

from pipeline.metrics.evidence import Float64, Int64, Result, SamplingEvidence

NEIGHBOURS = 5
_BLOCK = 512
_SPARE = 8

Shares: TypeAlias = Callable[[Float64, Float64], tuple[float, float]]


def beside_real(evidence: SamplingEvidence, shares: Shares, names: tuple[str, str]) -> Result:
    """Return two shares of real and generated features, and as `real_...` those of real and other real ones."""
    real, other = evidence.real_halves()
    reached = shares(real, evidence.generated.features[: len(real)])
    possible = shares(real, other)
    return Result(dict(zip([*names, *(f"real_{name}" for name in names)], [*reached, *possible], strict=True)))


def nearest(queries: Float64, references: Float64, count: int) -> tuple[Float64, Int64]:
    """Return distances (N, count), ascending, and indices (N, count) of the nearest of references (M, D) to each query.

    Euclidean; M is `count` or more.
    """
    found = [_nearest(queries[start : start + _BLOCK], references, count) for start in range(0, len(queries), _BLOCK)]
    distances, indices = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return distances, indices


def _nearest(queries: Float64, references: Float64, count: int) -> tuple[Float64, Int64]:
    """Find candidates by |r|^2 - 2 q r, which is fast but loses small distances, and measure those again, exactly."""
    candidates = np.broadcast_to(np.arange(len(references)), (len(queries), len(references)))
    if len(references) > count + _SPARE:
        rough = np.square(references).sum(axis=1) - 2 * queries @ references.T
        candidates = np.sort(np.argpartition(rough, count + _SPARE, axis=1)[:, : count + _SPARE], axis=1)
    exact = np.stack([cdist(query[None], references[row])[0] for query, row in zip(queries, candidates, strict=True)])
    order = np.argsort(exact, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(exact, order, axis=1), np.take_along_axis(candidates, order, axis=1)


def radii(features: Float64) -> Float64:
    """Return for each of features (N, D) how far its fifth nearest other one is: (N,); N is 6 or more."""
    return nearest(features, features, NEIGHBOURS + 1)[0][:, -1]


def within_reach(features: Float64, centres: Float64, reach: Float64) -> NDArray[np.bool_]:
    """Return (N, M): whether each of features (N, D) lies in the ball around each of centres (M, D) of radius (M,)."""
    return np.concatenate(
        [cdist(features[start : start + _BLOCK], centres) <= reach for start in range(0, len(features), _BLOCK)],
    )
