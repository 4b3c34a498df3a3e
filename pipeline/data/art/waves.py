"""A sea of crested waves under a sun, in the flat colours and contour lines of the Japanese woodcut."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, edge, finish
from pipeline.data.art.palette import Float32, blend, palettes, pick, plane, ramp

_SKY_TO_SEA = palettes(  # two of the sky, the sun, the foam, three of the sea
    "f7e3c3 f2b880 d1462f f6f1e3 7fb2c6 2f6d9c 123a63",
    "fbe9d0 f4d6a8 e4572e fffaf0 8cc0b8 2b7a78 17404a",
    "22304f 6b5b7b f6d186 e9eef2 5d7fa8 2c4a7c 13254a",
    "f9d5c5 ee9f9f f5f0e6 fdf6ec 8d9fc9 4c5f9e 252f66",
)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    paint = pick(random, _SKY_TO_SEA)
    horizon = random.uniform(-0.35, -0.05)
    soft, foam = 4 / side, plane(paint[3])
    colours = ramp(paint[:2], np.clip((y + 1) / np.float32(horizon + 1.05), 0, 1))
    sun_x, sun_y, sun = random.uniform(-0.6, 0.6), horizon - random.uniform(0.1, 0.4), random.uniform(0.2, 0.34)
    colours = blend(
        colours, plane(paint[2]), edge(sun - np.hypot(x - np.float32(sun_x), y - np.float32(sun_y)), width=soft)
    )
    rows = int(random.integers(4, 6))
    for row in range(rows):
        near = row / (rows - 1)
        crest = _crest(random, x[0], length=0.75 + 0.75 * near, height=0.09 + 0.16 * near)
        depth = y - np.float32(horizon + (0.92 - horizon) * near**1.1 * 0.8) - crest
        spacing = np.float32(0.085 + 0.055 * near)
        body = ramp(paint[4:], np.clip(np.float32(0.25 + 0.6 * near) + depth * np.float32(0.55), 0, 1))
        lines = edge(np.abs((depth / spacing) % 1 - np.float32(0.5)) * spacing - spacing * np.float32(0.36), width=soft)
        lines *= np.float32(0.55) * (depth < spacing * np.float32(3.2))
        froth = 1 - edge(depth - np.float32(0.028 + 0.03 * near), width=soft)
        body = blend(body, foam, np.maximum(lines, froth))
        colours = blend(colours, body, edge(depth, width=soft))
    return finish(colours)


def _crest(random: np.random.Generator, x: Float32, *, length: float, height: float) -> Float32:
    """Return (side,) heights of a row of waves: round troughs and sharp crests, leaning to one side."""
    phase = (x / np.float32(length) + np.float32(random.uniform(0, 1))) * np.float32(np.pi)
    lean = np.float32(random.uniform(0.25, 0.55)) * np.sin(2 * phase)
    swell = np.sin(phase * np.float32(0.37) + np.float32(random.uniform(0, 6)))
    crest: Float32 = np.abs(np.sin(phase + lean)) * np.float32(1.5) + np.float32(0.5) * swell - 1
    return np.float32(height) * crest
