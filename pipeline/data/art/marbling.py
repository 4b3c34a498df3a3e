"""Ink dropped on water and combed, by the maps of "Mathematical Marbling" (Lu, Jaffer, Jin, Zhao and Mao 2012)."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, finish, noise
from pipeline.data.art.palette import palettes, pick

_INK = palettes(
    "12355b 420039 d72638 f49d37 f6efe0",
    "0a2342 2ca58d 84bc9c fffdf7 f46197",
    "2d3047 93b7be e0ca3c f1fffa a799b7",
    "3b1f2b db162f dbdfac 5f758e 383961",
    "08415c cc2936 ebbab9 388697 f7f3e3",
)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = (axis.copy() for axis in coordinates(side))
    paint = pick(random, _INK)
    drift = np.float32(random.uniform(0.06, 0.14))
    x += drift * noise(random, side, cells=4)
    y += drift * noise(random, side, cells=4)
    turn = random.uniform(0, np.pi)
    for comb in range(2):
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        offset, pitch = random.uniform(-1, 1), random.uniform(0.32, 0.6)
        pull = np.float32(random.uniform(0.16, 0.34) * (1 if comb else -1))
        # The distance from the nearest tine of an endless comb; the pull of a tine fades with it.
        across = (x * -sin + y * cos - np.float32(offset)) / np.float32(pitch)
        away = np.abs(across - np.rint(across)) * np.float32(pitch)
        drag = pull / (1 + away * 22)
        x, y = x + drag * cos, y + drag * sin
        turn += np.pi / 2
    ink = np.full((side, side), -1, np.int32)
    drops = int(random.integers(16, 24))
    centres, radii = random.uniform(-0.9, 0.9, (drops, 2)), random.uniform(0.2, 0.5, drops)
    inks = random.integers(0, len(paint), drops + 1)
    for index in range(drops):
        # The last drop lies on top; going back in time, it gives its place back to what it pushed away.
        dx, dy = x - np.float32(centres[index, 0]), y - np.float32(centres[index, 1])
        squared = dx * dx + dy * dy
        area = np.float32(radii[index] ** 2)
        ink[(squared < area) & (ink < 0)] = inks[index]
        shrink = np.sqrt(np.maximum(1 - area / np.maximum(squared, 1e-6), 0))
        x, y = np.float32(centres[index, 0]) + dx * shrink, np.float32(centres[index, 1]) + dy * shrink
    colours = paint[np.where(ink < 0, inks[-1], ink)]
    return finish(colours * (1 + np.float32(0.05) * noise(random, side, cells=16))[..., None])
