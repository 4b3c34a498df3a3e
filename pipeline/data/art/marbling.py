"""Marbled paper: bands of ink on water, drawn out by combs, after "Mathematical Marbling" (Lu and others 2012)."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, finish, noise
from pipeline.data.art.palette import Float32, Palette, palettes, pick

_INK = palettes(
    "12355b 420039 d72638 f49d37 f6efe0",
    "0a2342 2ca58d 84bc9c fffdf7 f46197",
    "2d3047 6f9ca3 e0ca3c f1fffa a06cb4",
    "3b1f2b db162f f1e9c9 5f8ea8 383961",
    "08415c cc2936 f2c9b8 388697 f7f3e3",
)
_STEPS = 1024


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    paint = pick(random, _INK)
    turn = random.uniform(0, np.pi)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    along, across = x * cos + y * sin, y * cos - x * sin
    along = along + np.float32(0.3) * noise(random, side, cells=3)
    across = across + np.float32(random.uniform(0.35, 0.6)) * noise(random, side, cells=2)
    # Two combs over the bands, up and then down between the first one's tracks, and a last one along them.
    pitch, reach = random.uniform(0.45, 0.75), random.uniform(0.16, 0.34)
    across = across + reach * (_drag(along, pitch, 0) - _drag(along, pitch, 0.5))
    along = along + random.uniform(0.1, 0.25) * _drag(across, random.uniform(0.5, 0.9), random.uniform(0, 1))
    across = across + np.float32(0.12) * np.sin(along * np.float32(random.uniform(2, 4)))
    bands = _bands(random, paint)
    colours = bands.take(np.clip((across + 2) * (_STEPS / 4), 0, _STEPS - 1).astype(np.int64), axis=1)
    return finish(colours * (1 + np.float32(0.06) * noise(random, side, cells=16)))


def _drag(position: Float32, pitch: float, phase: float) -> Float32:
    """Return how far a comb with tines every `pitch` pulls the ink at `position`: 1 at a tine, less away from it."""
    tines = position / np.float32(pitch) + np.float32(phase)
    pull: Float32 = 1 / (1 + (tines - np.rint(tines)) ** 2 * np.float32(22))
    return pull


def _bands(random: np.random.Generator, paint: Palette) -> Float32:
    """Return (3, steps): colours of bands of random widths, wide ones of ink between thin ones."""
    count = 34
    widths = np.where(np.arange(count) % 2 == 0, random.uniform(0.6, 1.4, count), random.uniform(0.2, 0.7, count))
    ends = np.cumsum(widths) / widths.sum()
    inks = np.cumsum(random.integers(1, len(paint), count)) % len(paint)
    return np.ascontiguousarray(paint[inks[np.searchsorted(ends, (np.arange(_STEPS) + 0.5) / _STEPS)]].T)
