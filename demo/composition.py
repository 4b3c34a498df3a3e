"""What a translation was given, what its network made of it, and what is shown: exact to the last level of a pixel.

Pictures are (N, 3, H, W) float32 in [-1, 1] where they go through a network and uint8 where they are shown.
"""

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from demo.biharmonic import fill
from demo.card import Translation

Float32: TypeAlias = NDArray[np.float32]
Uint8: TypeAlias = NDArray[np.uint8]
Hint: TypeAlias = tuple[int, int, tuple[int, int, int]]
"""Column, row and the colour wanted there."""

BASELINES: dict[Translation, str] = {
    "inpaint": "biharmonic",
    "superres": "bicubic",
    "colorize": "grey",
    "sketch": "drawing",
    "unpaired": "photograph",
}
"""What each translation is always shown beside."""

_LUMA = np.array([19595, 38470, 7471], np.int64)  # of 65536, as Pillow rounds ITU-R BT.601
_SHARES = (1.0, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.0)


def compose(translation: Translation, painted: Float32, *, given: Float32, guide: Float32 | None) -> Uint8:
    """Return what is shown of what a network painted.

    Known pixels are those of `given` in `inpaint`, and the luma of `colorize` is that of `given` as Pillow computes it;
    both exactly.
    """
    levels = to_levels(painted)
    if translation == "inpaint" and guide is not None:
        return np.where(guide > 0.5, levels, to_levels(given))
    return keep_luma(levels, to_levels(given)) if translation == "colorize" else levels


def plain(translation: Translation, *, given: Float32, guide: Float32 | None) -> Uint8:
    """Return what a user would have without a network, as `BASELINES` names it."""
    if translation == "inpaint" and guide is not None:
        filled = [fill(picture, mask[0] > 0.5) for picture, mask in zip(given, guide, strict=True)]
        return compose(translation, np.stack(filled).astype(np.float32), given=given, guide=guide)
    return np.repeat(to_levels(given), 3 // given.shape[1], axis=1)


def keep_luma(pictures: Uint8, luma: Uint8) -> Uint8:
    """Return pictures (N, 3, H, W) whose luma, as Pillow's mode `L` has it, is `luma` (N, 1, H, W).

    The same amount is added to all three colours; where one of them would leave the range, the pixel is drawn towards
    grey, which can always keep its luma.
    """
    wanted, colours = luma.astype(np.int64), pictures.astype(np.float64)
    result = np.repeat(wanted, 3, axis=1)
    open_ = np.ones(luma.shape, bool)
    for share in _SHARES:
        tried = np.rint(wanted + share * (colours - wanted)).astype(np.int64)
        tried = np.clip(tried + wanted - _luma(tried), 0, 255)
        fits = open_ & (_luma(tried) == wanted)
        result = np.where(fits, tried, result)
        open_ &= ~fits
        if not open_.any():
            break
    return result.astype(np.uint8)


def chroma(colour: Sequence[int]) -> tuple[float, float]:
    """Return Cb and Cr in [-1, 1] of a colour of three levels (ITU-R BT.601)."""
    red, green, blue = (level / 127.5 - 1 for level in colour)
    brightness = 0.299 * red + 0.587 * green + 0.114 * blue
    return (blue - brightness) / 1.772, (red - brightness) / 1.402


def hint_planes(hints: Sequence[Hint], *, height: int, width: int, radius: int) -> Float32:
    """Return hints as a network takes them, (1, 3, height, width): a square of each colour's chroma, later ones on top.

    A square reaches `radius` pixels from its middle.
    """
    planes = np.zeros((1, 3, height, width), np.float32)
    for column, row, colour in hints:
        rows, columns = (slice(max(0, place - radius), place + radius + 1) for place in (row, column))
        planes[0, :, rows, columns] = np.array([*chroma(colour), 1], np.float32)[:, None, None]
    return planes


def to_levels(pictures: Float32) -> Uint8:
    """Return pictures in [-1, 1] as uint8; what came from uint8 comes back as it was."""
    levels: Uint8 = np.rint((np.clip(pictures, -1, 1) + 1) * 127.5).astype(np.uint8)
    return levels


def _luma(pictures: NDArray[np.int64]) -> NDArray[np.int64]:
    weighted = (pictures * _LUMA[:, None, None]).sum(axis=1, keepdims=True)
    luma: NDArray[np.int64] = (weighted + 0x8000) >> 16
    return luma
