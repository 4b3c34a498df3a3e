"""Black and white that seems to move: bulging boards, rippling stripes and turning rays, after Vasarely and Riley."""

import numpy as np
import PIL.Image

from pipeline.data.art.canvas import OVERSAMPLING, coordinates, finish
from pipeline.data.art.palette import Float32

_BLACK, _WHITE = np.float32(0.04), np.float32(0.97)


def draw(random: np.random.Generator, size: int) -> PIL.Image.Image:
    side = size * OVERSAMPLING
    x, y = coordinates(side)
    centre_x, centre_y = (np.float32(offset) for offset in random.uniform(-0.35, 0.35, 2))
    dx, dy = x - centre_x, y - centre_y
    radius = np.sqrt(dx * dx + dy * dy)
    pattern = (_board, _ripples, _rays)[int(random.integers(3))]
    wave = pattern(random, dx, dy, radius)
    # The wave is turned into black and white over about one pixel, whatever its slope.
    slope = np.abs(np.gradient(wave, axis=0)) + np.abs(np.gradient(wave, axis=1)) + np.float32(1e-4)
    light = np.clip(wave / slope + np.float32(0.5), 0, 1)
    return finish(np.repeat((_BLACK + (_WHITE - _BLACK) * light)[None], 3, axis=0))


def _board(random: np.random.Generator, dx: Float32, dy: Float32, radius: Float32) -> Float32:
    bulge = 1 / (1 + np.float32(random.uniform(0.9, 1.6)) * np.exp(-((radius / np.float32(0.55)) ** 2)))
    turn = random.uniform(0, np.pi / 2)
    cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
    count = np.float32(np.pi * random.uniform(2.6, 3.6))
    board: Float32 = np.sin(count * bulge * (cos * dx + sin * dy)) * np.sin(count * bulge * (cos * dy - sin * dx))
    return board


def _ripples(random: np.random.Generator, dx: Float32, dy: Float32, _: Float32) -> Float32:
    turn = random.uniform(0, np.pi)
    along = np.float32(np.cos(turn)) * dx + np.float32(np.sin(turn)) * dy
    across = np.float32(np.cos(turn)) * dy - np.float32(np.sin(turn)) * dx
    swell = np.float32(random.uniform(0.18, 0.3)) * np.exp(-((across / np.float32(0.7)) ** 2))
    bend = swell * np.sin(np.float32(random.uniform(3, 5)) * across + np.float32(2.2) * along)
    stripes: Float32 = np.sin(np.float32(np.pi * random.uniform(4.5, 6)) * (along + bend))
    return stripes


def _rays(random: np.random.Generator, dx: Float32, dy: Float32, radius: Float32) -> Float32:
    count = int(random.integers(7, 12))
    twist = np.float32(random.uniform(2.5, 5) * random.choice([-1, 1]))
    rays: Float32 = np.sin(count * np.arctan2(dy, dx) + twist * np.log(radius + np.float32(0.12)))
    rings: Float32 = np.sin(np.float32(np.pi * random.uniform(2.2, 3.2)) * np.sqrt(radius + np.float32(0.02)) * 2)
    return rays * rings
