"""Ribbons that follow an invisible current, after Tyler Hobbs's essays on flow fields."""

import numpy as np
import PIL.Image
import PIL.ImageDraw

from pipeline.data.art.canvas import noise
from pipeline.data.art.palette import Float32, Float64, bytes_of, palettes, pick

_SCALE = 3
_GROUND_FIRST = palettes(
    "f3ead7 d1495b edae49 00798c 30638e 003d5b",
    "10182b 3fc1c9 f5f0e1 ff6b6b fcbf49 7189bf",
    "faf3e3 e07a5f 3d405b 81b29a f2cc8f 9b5d73",
    "1d1a2f f2e9e4 c9ada7 9a8c98 ff9b71 e84855",
    "eef1e6 264653 2a9d8f e9c46a f4a261 e76f51",
)
_GRID = 48
_STEPS = 16


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * _SCALE
    paint = pick(random, _GROUND_FIRST)
    swirl = random.uniform(0.7, 1.25)
    angle = noise(random, _GRID, cells=2) * np.float32(swirl * np.pi) + np.float32(random.uniform(0, 2 * np.pi))
    ribbons = int(random.integers(130, 160))
    paths = _traced(random, angle, ribbons)
    widths = random.choice([0.03, 0.05, 0.075, 0.11], ribbons, p=[0.25, 0.35, 0.25, 0.15])
    gap = 0.035
    rims, bodies = (((_outlined(paths, wide) + 1) * (side / 2)).tolist() for wide in (widths + gap, widths))
    ground, *inks = (bytes_of(colour) for colour in paint)
    picture = PIL.Image.new("RGB", (side, side), ground)
    brush = PIL.ImageDraw.Draw(picture)
    for rim, body, ink in zip(rims, bodies, random.integers(0, len(inks), ribbons).tolist(), strict=True):
        brush.polygon(rim, ground)
        brush.polygon(body, inks[ink])
    return picture.reduce(_SCALE)


def _traced(random: np.random.Generator, angle: Float32, ribbons: int) -> Float64:
    """Return (ribbons, steps, 2) points in about [-1, 1], walked along the angles from random starts."""
    points = random.uniform(-1.25, 1.25, (ribbons, 2))
    step = random.uniform(0.035, 0.075, ribbons)[:, None]
    path = [points]
    for _ in range(_STEPS):
        cell = np.clip((points + 1) * (_GRID / 2), 0, _GRID - 1).astype(np.int64)
        heading = angle[cell[:, 1], cell[:, 0]]
        points = points + step * np.stack([np.cos(heading), np.sin(heading)], axis=1)
        path.append(points)
    return np.stack(path, axis=1)


def _outlined(paths: Float64, widths: Float64) -> Float64:
    """Return (ribbons, 4 * steps) coordinates of the polygons that lie `widths` wide around the paths."""
    tangent = np.gradient(paths, axis=1)
    tangent /= np.maximum(np.hypot(tangent[..., 0], tangent[..., 1]), 1e-9)[..., None]
    taper = np.minimum(1, np.linspace(0.25, 4, paths.shape[1]))[::-1, None]
    offset = np.stack([-tangent[..., 1], tangent[..., 0]], axis=2) * (widths[:, None, None] / 2) * taper
    outline: Float64 = np.concatenate([paths + offset, (paths - offset)[:, ::-1]], axis=1)
    return outline.reshape(len(paths), -1)
