"""The plain way to fill holes, which every inpainting model is compared with: the smoothest surface through the rest.

The filled values minimise the sum of the squared Laplacian, so they solve the biharmonic equation (Damelin and Hoang
2018, doi:10.1155/2018/3950312), by conjugate gradients from coarse to fine.
"""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float64: TypeAlias = NDArray[np.float64]
Mask: TypeAlias = NDArray[np.bool_]

_MARGIN = 8
_SMALLEST = 8
_STEPS = 300
_ENOUGH = 1e-4


def fill(picture: NDArray[np.floating], hole: Mask) -> Float64:
    """Return a picture (C, H, W) with the pixels of `hole` (H, W) filled, each channel in its range.

    Something must be known.
    """
    filled = np.where(hole, 0, picture).astype(np.float64)
    if hole.any():
        rows, columns = (_span(np.any(hole, axis=axis)) for axis in (1, 0))
        known = picture[:, ~hole][:, :, None]
        smooth = _filled(filled[:, rows, columns], hole[rows, columns])
        filled[:, rows, columns] = smooth.clip(known.min(axis=1, keepdims=True), known.max(axis=1, keepdims=True))
    return filled


def _filled(picture: Float64, hole: Mask) -> Float64:
    known = ~hole
    guess = np.where(hole, picture[:, known].mean(axis=1)[:, None, None] if known.any() else 0, picture)
    if min(hole.shape) >= 2 * _SMALLEST and known.any():
        guess = np.where(hole, _doubled(*_halved(picture, known), hole.shape), picture)
    return _smoothed(guess, hole)


def _halved(picture: Float64, known: Mask) -> tuple[Float64, Mask]:
    """Return the means of what is known in blocks of 2 x 2 pixels, and where nothing is."""
    even = [(0, 0), (0, known.shape[0] % 2), (0, known.shape[1] % 2)]
    values, weights = np.pad(picture * known, even), np.pad(known[None].astype(np.float64), even)
    sums, counts = (
        array.reshape(len(array), array.shape[1] // 2, 2, array.shape[2] // 2, 2).sum(axis=(2, 4))
        for array in (values, weights)
    )
    return sums / np.maximum(counts, 1), counts[0] == 0


def _doubled(picture: Float64, hole: Mask, shape: tuple[int, ...]) -> Float64:
    """Return a coarse picture, filled and enlarged to `shape` between the centres of its pixels."""
    coarse = _filled(picture, hole)
    for axis, length in ((1, shape[0]), (2, shape[1])):
        place = np.clip((np.arange(length) - 0.5) / 2, 0, coarse.shape[axis] - 1)
        below = np.minimum(place.astype(np.int64), max(coarse.shape[axis] - 2, 0))
        share = np.expand_dims(place - below, tuple({0, 1, 2} - {axis}))
        above = np.minimum(below + 1, coarse.shape[axis] - 1)
        coarse = (1 - share) * coarse.take(below, axis) + share * coarse.take(above, axis)
    return coarse


def _smoothed(guess: Float64, hole: Mask) -> Float64:
    """Return the solution by conjugate gradients that start at `guess`."""
    solution = guess.copy()
    rest = -_bilaplacian(solution) * hole
    direction, energy = rest.copy(), np.square(rest).sum(axis=(1, 2), keepdims=True)
    scale = max(float(np.ptp(guess)), 1e-9)
    for _ in range(_STEPS):
        if np.abs(rest).max() <= _ENOUGH * scale:
            break
        pushed = _bilaplacian(direction) * hole
        step = energy / np.maximum((direction * pushed).sum(axis=(1, 2), keepdims=True), 1e-30)
        solution += step * direction
        rest -= step * pushed
        before, energy = energy, np.square(rest).sum(axis=(1, 2), keepdims=True)
        direction = rest + energy / np.maximum(before, 1e-30) * direction
    return solution


def _bilaplacian(picture: Float64) -> Float64:
    return _laplacian(_laplacian(picture))


def _laplacian(picture: Float64) -> Float64:
    """Return the sum of the differences to the four neighbours; beyond the border there are none."""
    result = np.zeros_like(picture)
    down, across = np.diff(picture, axis=1), np.diff(picture, axis=2)
    result[:, :-1] += down
    result[:, 1:] -= down
    result[:, :, :-1] += across
    result[:, :, 1:] -= across
    return result


def _span(found: Mask) -> slice:
    places = np.flatnonzero(found)
    return slice(max(0, int(places[0]) - _MARGIN), int(places[-1]) + 1 + _MARGIN)
