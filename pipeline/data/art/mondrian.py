"""Rectangles in primary colours between black bars, after Piet Mondrian."""

import numpy as np
import PIL.Image
import PIL.ImageDraw

from pipeline.data.art.palette import bytes_of, palettes, pick

_SCALE = 4
_PAINT = palettes(
    "d8232a 1b4fa0 f6c916",
    "d8232a 1b4fa0 f6c916",
    "c8202f 14387f f2b90f",
    "e0362c 2a62b8 f8d648",
)
_CANVAS = np.array([0.957, 0.945, 0.914], np.float32)
_BLACK = (18, 17, 20)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * _SCALE
    bar = side * random.uniform(0.035, 0.05)
    fields = _divided(random, (0.0, 0.0, 1.0, 1.0), depth=0)
    paint = pick(random, _PAINT)
    picture = PIL.Image.new("RGB", (side, side), _BLACK)
    brush = PIL.ImageDraw.Draw(picture)
    painted = set(random.permutation(len(fields))[: max(3, len(fields) * 2 // 5)].tolist())
    colour = int(random.integers(3))
    for index, (left, top, right, bottom) in enumerate(fields):
        shade = _CANVAS * np.float32(random.uniform(0.97, 1.02))
        if index in painted:
            shade, colour = paint[colour], (colour + 1) % 3
        box = (
            0 if left == 0 else left * side + bar / 2,
            0 if top == 0 else top * side + bar / 2,
            side if right == 1 else right * side - bar / 2,
            side if bottom == 1 else bottom * side - bar / 2,
        )
        brush.rectangle(box, bytes_of(shade))
    return picture.reduce(_SCALE)


def _divided(
    random: np.random.Generator,
    field: tuple[float, float, float, float],
    *,
    depth: int,
) -> list[tuple[float, float, float, float]]:
    left, top, right, bottom = field
    width, height = right - left, bottom - top
    if max(width, height) < 0.36 or (depth > 2 and random.random() < 0.35):
        return [field]
    share = float(random.choice([0.3, 0.38, 0.5, 0.62, 0.7]))
    if width > height * random.uniform(0.75, 1.35):
        cut = left + width * share
        halves = ((left, top, cut, bottom), (cut, top, right, bottom))
    else:
        cut = top + height * share
        halves = ((left, top, right, cut), (left, cut, right, bottom))
    return [part for half in halves for part in _divided(random, half, depth=depth + 1)]
