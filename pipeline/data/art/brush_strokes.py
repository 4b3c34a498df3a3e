"""Thick short strokes that swirl around a light in the sky, after the late landscapes of Vincent van Gogh."""

from collections.abc import Iterator

import numpy as np
import PIL.Image
import PIL.ImageDraw

from pipeline.data.art.canvas import noise
from pipeline.data.art.palette import Float32, Float64, bytes_of, palettes, pick, ramp

_SCALE = 3
_GRID = 48
_DAY_AND_NIGHT = palettes(  # sky from the top down, the land, and last the light
    "14254f 23509a 4f8fc0 9cc3c4 3d6b3a 1f3b2a ffe27a",
    "2f7fb5 79b8cf d9e2c4 f0d27a d9a233 8a6a22 fff4c2",
    "4a2a5e a2476f e8766a f7b267 6b4a6e 2e2440 ffe9a8",
    "1b4d5c 3f8f8b a4c9a1 e9dfa8 5f8f3e 2e5a2c fff0b3",
)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * _SCALE
    paint = pick(random, _DAY_AND_NIGHT)
    horizon = random.uniform(0.15, 0.45)
    light = np.array([random.uniform(-0.6, 0.6), random.uniform(-0.7, -0.2)])
    bend = noise(random, _GRID, cells=2) * np.float32(0.9)
    hue = noise(random, _GRID, cells=3)
    count = 340
    where = random.permuted(_lattice(random, count), axis=0)
    cell = np.clip((where + 1) * (_GRID / 2), 0, _GRID - 1).astype(np.int64)
    bend, hue = bend[cell[:, 1], cell[:, 0]], hue[cell[:, 1], cell[:, 0]]
    away = where - light
    distance = np.hypot(away[:, 0], away[:, 1])
    sky = where[:, 1] < horizon + 0.12 * bend
    swirl = np.arctan2(away[:, 1], away[:, 0]) + np.pi / 2
    heading = np.where(sky & (distance < 0.62), swirl, bend * np.where(sky, 0.9, 0.5))
    height = np.where(sky, (where[:, 1] + 1) / (horizon + 1) * 0.58, 0.68 + 0.32 * (where[:, 1] - horizon))
    colours = ramp(paint[:6], np.clip(height + 0.09 * hue, 0, 1).astype(np.float32)).T
    glow = np.where(sky, np.exp(-((distance / 0.27) ** 2)), 0)[:, None].astype(np.float32)
    colours = colours + (paint[6] - colours) * glow
    colours = colours * random.uniform(0.8, 1.22, (count, 1)).astype(np.float32)
    picture = PIL.Image.new("RGB", (side, side), bytes_of(paint[1] * np.float32(0.85)))
    brush = PIL.ImageDraw.Draw(picture)
    brush.rectangle((0, side * (horizon + 1) / 2, side, side), bytes_of(paint[4] * np.float32(0.8)))
    brush.circle(((light + 1) * side / 2).tolist(), side * 0.09, bytes_of(paint[6] * np.float32(0.93)))
    for line, width, colour in _strokes((where + 1) * side / 2, heading, colours, side=side):
        brush.line(line, colour, width)
    return picture.reduce(_SCALE)


def _lattice(random: np.random.Generator, count: int) -> Float64:
    """Return (count, 2) points that cover the square evenly: the golden-ratio lattice, jittered."""
    index = np.arange(count)
    points = np.stack([(index + 0.5) / count, (index * 0.618034) % 1], axis=1) * 2.16 - 1.08
    return points + random.uniform(-0.05, 0.05, (count, 2))


def _strokes(
    where: Float64,
    heading: Float64,
    colours: Float32,
    *,
    side: int,
) -> Iterator[tuple[tuple[float, ...], int, tuple[int, ...]]]:
    """Yield line, width and colour of every stroke: its body, and the furrow and the ridge that the bristles left."""
    length, width = side * 0.078, side * 0.046
    along = np.stack([np.cos(heading), np.sin(heading)], axis=1) * length
    across = np.stack([-np.sin(heading), np.cos(heading)], axis=1) * width
    bristles = ((0.0, 1.0, 1.0), (0.3, 0.8, 0.26), (-0.28, 1.2, 0.26))
    layers = []
    for shift, shade, share in bristles:
        middle = where + across * shift
        lines = np.concatenate([middle - along, middle + along], axis=1).tolist()
        inks = np.clip(colours * (255 * shade), 0, 255).astype(np.int64).tolist()
        layers.append(
            [(tuple(line), max(1, round(width * share)), tuple(ink)) for line, ink in zip(lines, inks, strict=True)]
        )
    for layered in zip(*layers, strict=True):
        yield from layered
