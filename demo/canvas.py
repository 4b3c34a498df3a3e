"""What people painted on a canvas of the page, as pictures that a translation takes."""

import re
from collections.abc import Sequence

import numpy as np
import PIL.Image
from PIL.Image import Image

_FAINT = 8
"""Levels of opacity up to which a mark is the rim of a soft brush, not meant."""

PAPER = PIL.Image.new("RGB", (512, 512), "white")
"""What a drawing begins on."""

_RGBA = re.compile(r"rgba?\(\s*([\d.]+)\s*,\s*([\d.]+)\s*,\s*([\d.]+)")


def mask_of(layers: Sequence[Image], size: tuple[int, int]) -> Image:
    """Return a mask of a size, mode `L`, white where any layer was painted on."""
    marks = [np.asarray(layer.convert("RGBA").getchannel("A").resize(size)) > _FAINT for layer in layers]
    hole = np.logical_or.reduce(marks) if marks else np.zeros(size[::-1], bool)
    return PIL.Image.fromarray(np.where(hole, np.uint8(255), np.uint8(0)))


def on_paper(drawing: Image) -> Image:
    """Return a drawing, perhaps transparent, on white paper, mode `L`."""
    paper = PIL.Image.new("RGBA", drawing.size, "white")
    paper.alpha_composite(drawing.convert("RGBA"))
    return paper.convert("L")


def hexadecimal(colour: str) -> str:
    """Return a colour as `#rrggbb`; a picker gives that or `rgba(...)`."""
    found = _RGBA.match(colour)
    return "#{:02x}{:02x}{:02x}".format(*(int(float(level)) for level in found.groups())) if found else colour[:7]
