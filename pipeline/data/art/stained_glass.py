"""Voronoi panes of glowing glass between dark leads."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, edge, finish, noise
from pipeline.data.art.palette import Float32, blend, palettes, pick, plane

_GLASS = palettes(
    "0b3c8c 1f6fd1 37a9e0 f2b632 d7263d 8b1e5c f4e4a1",
    "7a1030 c81d35 f0592a f7a823 ffd86b 22457a 7fb7d6",
    "0d5c46 1d9a6c 7ccf7a f3e37c f29f3d 22437d 7b4fa3",
    "3b1c71 6a3fb5 b06ad9 f08cc0 ffd3a1 2a7fb8 46c9c5",
)
_LEAD = np.array([0.05, 0.045, 0.06], np.float32)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    points = _spread(random, int(random.integers(13, 20)))
    nearest = np.full((side, side), np.inf, np.float32)
    second = nearest.copy()
    pane = np.zeros((side, side), np.int64)
    for index, (px, py) in enumerate(points):
        distance = (x - px) ** 2 + (y - py) ** 2
        pane[distance < nearest] = index
        second = np.minimum(second, np.maximum(nearest, distance))
        nearest = np.minimum(nearest, distance)
    glass = pick(random, _GLASS)[random.integers(0, len(_GLASS[0]), len(points))]
    brightness = random.uniform(0.85, 1.1, len(points)).astype(np.float32)
    light_x, light_y = random.uniform(-0.5, 0.5, 2)
    glow = 1.12 - 0.22 * ((x - np.float32(light_x)) ** 2 + (y - np.float32(light_y)) ** 2)
    texture = 1 + 0.09 * noise(random, side, cells=24, tall=12)
    panes = np.ascontiguousarray((glass * brightness[:, None]).T)
    rim: Float32 = np.sqrt(second) - np.sqrt(nearest)
    shade = 0.78 + 0.22 * edge(rim - np.float32(0.13), width=0.2)
    return finish(
        blend(
            plane(_LEAD), panes.take(pane, axis=1) * (glow * texture * shade), edge(rim - np.float32(0.065), width=0.04)
        )
    )


def _spread(random: np.random.Generator, count: int) -> Float32:
    """Return (count, 2) points that keep their distance: each the best of a few candidates (Mitchell 1991)."""
    points = random.uniform(-1.1, 1.1, (1, 2))
    for _ in range(count - 1):
        candidates = random.uniform(-1.1, 1.1, (5, 2))
        gaps = ((candidates[:, None] - points[None]) ** 2).sum(axis=2).min(axis=1)
        points = np.concatenate([points, candidates[gaps.argmax()][None]])
    return points.astype(np.float32)
