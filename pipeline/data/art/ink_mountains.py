"""Ranges of mountains that fade into mist, in ink on paper, with a red sun: after the landscapes of the Song."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, edge, finish, noise
from pipeline.data.art.palette import Float32, blend, palettes, pick, plane

_PAPER_AND_INK = palettes(
    "f1e9d8 2b2a2c",
    "ece3cc 26323a",
    "f3ead9 22352f",
    "e9dfc7 3a2c28",
)
_VERMILION = np.array([0.76, 0.19, 0.14], np.float32)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    paper, ink = (plane(colour) for colour in pick(random, _PAPER_AND_INK))
    soft = 5 / side
    grain = noise(random, side, cells=20) * np.float32(0.03)
    colours = paper * (1 - np.float32(0.05) * np.clip(y, 0, 1) + grain)
    sun_x, sun_y = random.uniform(-0.65, 0.65), random.uniform(-0.72, -0.45)
    disc = random.uniform(0.11, 0.17) - np.hypot(x - np.float32(sun_x), y - np.float32(sun_y))
    colours = blend(colours, plane(_VERMILION), edge(disc, width=soft) * np.float32(0.92))
    wash = np.float32(0.8) + np.float32(0.2) * noise(random, side, cells=9, tall=5)
    ranges = int(random.integers(4, 6))
    for number in range(ranges):
        near = number / (ranges - 1)
        ridge = _ridge(random, side, height=0.5 - 0.18 * near) + np.float32(-0.28 + 1.0 * near)
        below = y - ridge
        mist = np.exp(-below / np.float32(0.26 + 0.2 * near))
        strength = np.float32(0.22 + 0.72 * near**1.2) * np.clip(mist, 0, 1) * wash
        colours = blend(colours, ink, edge(below, width=soft) * np.clip(strength, 0, 1))
    return finish(colours)


def _ridge(random: np.random.Generator, side: int, *, height: float) -> Float32:
    """Return (side,) heights of a range of peaks: one broad form and ever smaller ones upon it."""
    position = np.linspace(0, 1, side, dtype=np.float32)
    ridge = np.zeros(side, np.float32)
    for octave in range(5):
        knots = random.uniform(-1, 0.6, 3 * 2**octave + 1)
        ridge += np.interp(position, np.linspace(0, 1, len(knots)), knots * height * 0.5**octave).astype(np.float32)
    return ridge
