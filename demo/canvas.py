"""What people painted on a canvas of the page, as pictures that a translation takes."""

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL.Image import Image

from demo.engine import Model
from demo.errors import RequestError
from demo.translation import read_upload

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


def take_given(model: Model, *, picture: str | None, editor: Any, canvas: Any) -> tuple[Image, Image | None, str]:
    """Return the picture of the control that a model's task shows, the mask that was painted over it, and a digest.

    The digest is that of the upload's bytes; of what lay on a canvas, where they are not known, that of its pixels.

    Raises:
        RequestError: there is none.
        PictureError: it cannot be taken.

    """
    match model.card.translation:
        case "inpaint":
            background = editor["background"] if editor else None
            if background is None:
                raise RequestError("there is no picture; choose one first")
            under = background.convert("RGB")
            return under, mask_of(editor["layers"], background.size), hashlib.sha256(under.tobytes()).hexdigest()
        case "sketch":
            drawing = canvas["composite"] if canvas else None
            if drawing is None:
                raise RequestError("there is nothing on the drawing; draw some dark lines on it first")
            paper = on_paper(drawing)
            return paper, None, hashlib.sha256(paper.tobytes()).hexdigest()
        case _:
            content, given = read_upload(Path(picture) if picture else None)
            return given, None, hashlib.sha256(content).hexdigest()
