"""Colours that go together: curated palettes, and the ways a painter lays them on."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Float32: TypeAlias = NDArray[np.float32]
Float64: TypeAlias = NDArray[np.float64]
Palette: TypeAlias = Float32  # (colours, 3) in [0, 1]


def palettes(*texts: str) -> tuple[Palette, ...]:
    """Return one palette per text of hexadecimal colours, `"1d3557 f1faee"`."""
    return tuple(
        np.array([list(bytes.fromhex(colour)) for colour in text.split()], np.float32) / np.float32(255)
        for text in texts
    )


def pick(random: np.random.Generator, choices: tuple[Palette, ...]) -> Palette:
    """Return one of several palettes."""
    return choices[int(random.integers(len(choices)))]


def plane(colour: Float32) -> Float32:
    """Return a colour (3,) as (3, 1, 1), to be laid over a canvas."""
    return colour[:, None, None]


def ramp(palette: Palette, positions: Float32) -> Float32:
    """Return (3, ...) colours for positions (...) in [0, 1] along a palette, blended smoothly from end to end."""
    knots, steps = np.linspace(0, 1, len(palette)), np.linspace(0, 1, 512)
    table = np.stack([np.interp(steps, knots, channel) for channel in palette.T]).astype(np.float32)
    return table.take(np.clip(positions * 511, 0, 511).astype(np.int64), axis=1)


def blend(below: Float32, above: Float32, cover: Float32) -> Float32:
    """Return `above` laid over `below`, both (3, H, W) or (3, 1, 1), where `cover` (H, W) says how much it hides."""
    return below + (above - below) * cover


def bytes_of(colour: Float32) -> tuple[int, int, int]:
    """Return a colour (3,) in [0, 1] as Pillow takes it."""
    red, green, blue = (int(level) for level in np.clip(np.rint(colour * 255), 0, 255))
    return red, green, blue
