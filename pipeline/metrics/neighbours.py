"""Distances to the nearest neighbours, which several metrics count in."""

import numpy as np
from scipy.spatial.distance import cdist

from pipeline.metrics.evidence import Float64, Int64

NEIGHBOURS = 5
_BLOCK = 512


def nearest(queries: Float64, references: Float64, count: int) -> tuple[Float64, Int64]:
    """Return distances (N, count), ascending, and indices (N, count) of the nearest of references (M, D) to each query.

    Euclidean; M is `count` or more.
    """
    distances, indices = np.empty((len(queries), count)), np.empty((len(queries), count), np.int64)
    for start in range(0, len(queries), _BLOCK):
        block = cdist(queries[start : start + _BLOCK], references)
        order = np.argsort(block, axis=1, kind="stable")[:, :count]
        indices[start : start + _BLOCK] = order
        distances[start : start + _BLOCK] = np.take_along_axis(block, order, axis=1)
    return distances, indices


def radii(features: Float64) -> Float64:
    """Return for each of features (N, D) how far its fifth nearest other one is: (N,); N is 6 or more."""
    return nearest(features, features, NEIGHBOURS + 1)[0][:, -1]


def within_reach(features: Float64, centres: Float64, reach: Float64) -> np.ndarray[tuple[int, int], np.dtype[np.bool]]:
    """Return (N, M): whether each of features (N, D) lies in the ball around each of centres (M, D) of radius (M,)."""
    return np.concatenate(
        [cdist(features[start : start + _BLOCK], centres) <= reach for start in range(0, len(features), _BLOCK)],
    )
