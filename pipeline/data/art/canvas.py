"""Ground that every family paints on: coordinates, smooth noise, soft edges, and the way from floats to a picture."""

from functools import lru_cache

import numpy as np
import PIL.Image

from pipeline.data.art.palette import Float32

OVERSAMPLING = 2


@lru_cache(maxsize=8)
def coordinates(side: int) -> tuple[Float32, Float32]:
    """Return x and y of all pixel centres of a square canvas, (side, side) each, in [-1, 1], y downwards. Read-only."""
    axis = ((np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1).astype(np.float32)
    x, y = np.meshgrid(axis, axis)
    x.flags.writeable = y.flags.writeable = False
    return x, y


@lru_cache(maxsize=64)
def _spline(side: int, cells: int) -> Float32:
    """Return (side, cells + 3): weights of a uniform cubic B-spline over `cells` equal spans."""
    position = (np.arange(side) + 0.5) / side * cells
    span = np.minimum(position.astype(np.int64), cells - 1)
    t = position - span
    weights = np.stack([(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3], axis=1) / 6
    matrix = np.zeros((side, cells + 3), np.float32)
    np.put_along_axis(matrix, span[:, None] + np.arange(4), weights.astype(np.float32), axis=1)
    matrix.flags.writeable = False
    return matrix


def noise(random: np.random.Generator, side: int, *, cells: int, tall: int | None = None) -> Float32:
    """Return smooth noise (side, side), about uniform in [-1, 1], with `cells` bumps across and `tall` down."""
    tall = cells if tall is None else tall
    knots = random.uniform(-1, 1, (tall + 3, cells + 3)).astype(np.float32)
    # A cubic B-spline averages its knots, so their spread is given back.
    rows: Float32 = _spline(side, tall) @ (knots * np.float32(1.9))
    smooth: Float32 = rows @ _spline(side, cells).T
    return smooth.clip(-1, 1)


def edge(distance: Float32, *, width: float) -> Float32:
    """Return 0 where `distance` is below -width / 2, 1 above width / 2, and a smooth step between."""
    t: Float32 = np.clip(distance / np.float32(width) + np.float32(0.5), 0, 1)
    return t * t * (3 - 2 * t)


def finish(colours: Float32) -> PIL.Image.Image:
    """Return an oversampled canvas (3, 2 S, 2 S) in [0, 1] as a picture of S x S pixels."""
    rows = colours[:, ::2] + colours[:, 1::2]
    coarse = (rows[:, :, ::2] + rows[:, :, 1::2]) * np.float32(255 / OVERSAMPLING**2)
    levels = np.clip(coarse + np.float32(0.5), 0, 255).astype(np.uint8)
    return PIL.Image.fromarray(np.ascontiguousarray(levels.transpose(1, 2, 0)))
