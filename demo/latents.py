"""Ways through a latent space whose points are standard normal: between two points, towards the mean, along directions.

Latents are arrays (N, latent) float32; every function works row by row.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float32: TypeAlias = NDArray[np.float32]

_NEARLY_STRAIGHT = 1e-6


def slerp(start: Float32, end: Float32, share: ArrayLike) -> Float32:
    """Return the points (N, latent) at `share` of the way along the great circles from `start` to `end`, (N, latent).

    `share` in [0, 1] is one number or (N, 1). A straight line would cut through the inside of the sphere near which
    normal latents lie, where the generator was never trained (White 2016, arXiv:1609.04468); so the direction turns
    evenly while the length goes evenly from the one to the other. Between opposite points there are many such ways: one
    is taken, the same each time. A point at the mean has no direction, and there the way is straight.
    """
    a, b, share = np.asarray(start, np.float64), np.asarray(end, np.float64), np.asarray(share, np.float64)
    lengths = [np.linalg.norm(point, axis=-1, keepdims=True) for point in (a, b)]
    ahead, target = (point / np.where(length > 0, length, 1) for point, length in zip((a, b), lengths, strict=True))
    aside = _perpendicular(ahead, target)
    # Of the two parts of `target`, unlike of its cosine alone, the angle is exact near 0 and pi as well.
    angle = np.arctan2(_dot(aside, target), _dot(ahead, target))
    turned = np.cos(share * angle) * ahead + np.sin(share * angle) * aside
    curved = ((1 - share) * lengths[0] + share * lengths[1]) * turned
    with_direction = (lengths[0] > 0) & (lengths[1] > 0)
    return np.where(with_direction, curved, (1 - share) * a + share * b).astype(np.float32)


def truncate(latents: Float32, degree: ArrayLike) -> Float32:
    """Return latents (N, latent) drawn towards their mean: a `degree` of 1 leaves them, 0 gives the mean.

    `degree` is one number or (N, 1). Nearer to the mean pictures are more typical and less diverse (Brock et al. 2018,
    arXiv:1809.11096, section 3.1, which draws anew what lies outside; scaling keeps what a seed shows).
    """
    return np.asarray(latents * np.asarray(degree, np.float32), np.float32)


def move(latents: Float32, directions: ArrayLike, amounts: ArrayLike) -> Float32:
    """Return latents (N, latent) after steps along directions (K, latent), `amounts` (K,) or (N, K) of each.

    `directions` are what a card's `directions` holds: unit vectors, so an amount of 1 is one standard deviation.
    """
    steps = np.asarray(amounts, np.float32) @ np.asarray(directions, np.float32)
    return np.asarray(latents + steps, np.float32)


def _perpendicular(ahead: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return unit vectors (N, latent) at right angles to `ahead`, on the side where `target` lies."""
    aside = target - _dot(ahead, target) * ahead
    straight = np.linalg.norm(aside, axis=-1, keepdims=True) < _NEARLY_STRAIGHT
    # Equal or opposite: no side is nearer, so the axis is taken that is farthest from `ahead`.
    axis = np.eye(ahead.shape[-1])[np.abs(ahead).argmin(axis=-1)]
    aside = np.where(straight, axis - _dot(ahead, axis) * ahead, aside)
    length = np.linalg.norm(aside, axis=-1, keepdims=True)
    perpendicular: NDArray[np.float64] = aside / np.where(length > 0, length, 1)
    return perpendicular


def _dot(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = (one * other).sum(axis=-1, keepdims=True)
    return product
