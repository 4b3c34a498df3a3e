"""Kaleidoscopes: one petal, mirrored around the centre."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, edge, finish
from pipeline.data.art.palette import Float32, blend, palettes, pick, plane

_ENAMEL = palettes(
    "2b0a3d 8e2657 e4572e f3a712 fbe8c8",
    "06283d 1363a3 47b5d1 f7d08a fff4e0",
    "12372a 2f7d5b 9cc69b f2d0a4 c8553d",
    "3a0ca3 7209b7 f72585 ff9f6b fff0d4",
    "1b263b 415a77 c9ada7 e07a5f f4f1de",
)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    folds = int(random.choice([6, 8, 10, 12]))
    turn = random.uniform(0, 2 * np.pi)
    radius = np.sqrt(x * x + y * y)
    angle = np.arctan2(y, x) + np.float32(turn)
    sector = np.float32(2 * np.pi / folds)
    folded = np.abs((angle % sector) / sector - 0.5) * 2
    paint = pick(random, _ENAMEL)
    paint = paint if random.random() < 0.5 else paint[::-1]
    soft = 4 / side
    colours = ground = plane(paint[0])
    rings = int(random.integers(4, 6))
    reach = 1.28
    for ring in range(rings):
        outer = reach * (rings - ring) / rings
        depth, sharp = random.uniform(0.12, 0.42), random.uniform(0.6, 1.8)
        phase = folded if ring % 2 == 0 else 1 - folded
        rim = outer * (1 - depth * phase ** np.float32(sharp))
        body = plane(paint[1 + (ring + 1) % (len(paint) - 1)])
        light: Float32 = (radius / np.float32(outer)).clip(0, 1)
        shaded = body * (np.float32(0.82) + np.float32(0.3) * light)
        colours = blend(colours, ground, edge(rim + 0.035 - radius, width=soft))
        colours = blend(colours, shaded, edge(rim - radius, width=soft))
        bead_radius, bead_size = outer * random.uniform(0.66, 0.8), random.uniform(0.045, 0.075)
        along = (1 - phase) * sector / 2 * bead_radius
        bead = np.sqrt((radius - np.float32(bead_radius)) ** 2 + along**2)
        colours = blend(colours, plane(paint[(2 + ring) % len(paint)]), edge(bead_size - bead, width=soft))
    return finish(blend(colours, plane(paint[-1]), edge(np.float32(0.1) - radius, width=soft)))
