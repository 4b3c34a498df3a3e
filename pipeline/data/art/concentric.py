"""Rings within rings in a chequer of colours, after Kandinsky's "Squares with Concentric Circles" (1913)."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, finish, noise
from pipeline.data.art.palette import palettes, pick

_WATERCOLOUR = palettes(
    "c8323c f28c28 f6d54a 3c8d5a 2a5fa5 6b3e8f f3e9d8 1f2a44 e58fb0",
    "e2574c f0a04b fbe3a3 5fa78b 2d6e8e 223a5e fdf3e1 a04668 8fc1d4",
    "d94f30 f3c045 efe6d0 7fa650 1d7874 123c69 ac3b61 eab8a0 4b3b6b",
)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    cells = int(random.choice([2, 3, 3, 4]))
    rings = 6 - cells // 2
    paint = pick(random, _WATERCOLOUR)
    # One row of colours per cell, ring 0 the background; neighbours in a row always differ.
    steps = random.integers(1, len(paint), (cells * cells, rings + 1))
    inks = np.cumsum(steps, axis=1) % len(paint)
    wobble = np.float32(0.05)
    across = (x + wobble * noise(random, side, cells=5)) * np.float32(cells / 2) + np.float32(cells / 2)
    down = (y + wobble * noise(random, side, cells=5)) * np.float32(cells / 2) + np.float32(cells / 2)
    column, row = (np.clip(np.floor(axis), 0, cells - 1) for axis in (across, down))
    cell = (row * cells + column).astype(np.int64)
    middles = (0.5 + random.uniform(-0.06, 0.06, (cells * cells, 2))).astype(np.float32)
    reach = random.uniform(0.44, 0.5, cells * cells).astype(np.float32)
    radius = np.hypot(across - column - middles[cell, 0], down - row - middles[cell, 1])
    ring = np.clip(rings + 1 - np.ceil(radius / reach[cell] * rings), 0, rings).astype(np.int64)
    colours = paint.T.take(inks[cell, ring], axis=1)
    return finish(colours * (1 + np.float32(0.1) * noise(random, side, cells=14)))
