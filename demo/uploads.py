"""A style from any picture: its code by the encoder at once, and fitted to the picture step by step when asked."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.engine import Model
from demo.errors import PictureError
from demo.images import fit_within, pad_to_multiple, read_picture, to_array
from demo.refinement import refine
from demo.styles import Style
from demo.tiling import MULTIPLE

STYLE_SIDE = 256
"""The longer side at which a style is looked at, about that of the pictures that the networks were trained on."""

MIN_STYLE_SIDE = 32
_FLAT = 1.0
"""Levels of 255 that a picture of one colour may still vary by: JPEG does."""


@dataclass(frozen=True, slots=True)
class Fitting:
    """How far the fitting of a style is, from 0 to 1, and the style as it is by then."""

    share: float
    style: Style


def can_fit(model: Model) -> bool:
    """Tell whether a model takes styles from pictures."""
    return "encoder" in [companion.name for companion in model.card.companions]


def fit_style(model: Model, content: bytes, *, name: str, steps: int = 0) -> Iterator[Fitting]:
    """Yield the style of a picture file called `name`: as the encoder sees it, then ever better in `steps` steps.

    Raises:
        ModelError: the model has no encoder, or it fails.
        PictureError: the picture cannot be taken.

    """
    picture = read_style_picture(content, name=name)
    digest = hashlib.sha256(content).hexdigest()
    code = model.quickest("encoder").run({"style": picture})[0]
    yield Fitting(0 if steps else 1, Style(name, code, digest, steps))
    for refined in refine(model, code, style=picture, steps=steps) if steps else ():
        yield Fitting(refined.share, Style(name, refined.code, digest, steps))


def read_style_picture(content: bytes, *, name: str) -> NDArray[np.float32]:
    """Return the picture of a style, (1, 3, H, W) in [-1, 1], H and W multiples of 8 and about `STYLE_SIDE` at most.

    `name` is what errors call it.

    Raises:
        PictureError: it is damaged, too large, too narrow, of one colour, or of a format that is not taken.

    """
    called = f"the style picture '{name}'"
    stored = read_picture(content, name=called, shrink_to=STYLE_SIDE).convert("RGB")
    picture = fit_within(stored, STYLE_SIDE)
    if min(picture.size) < MIN_STYLE_SIDE:
        raise PictureError(
            f"{called} is {stored.width} x {stored.height} pixels, too small or too narrow; choose one that keeps "
            f"{MIN_STYLE_SIDE} pixels on its shorter side when its longer side is {STYLE_SIDE}"
        )
    if np.asarray(picture, np.float32).std(axis=(0, 1)).max() < _FLAT:
        raise PictureError(f"{called} is of one colour; choose one with strokes, texture or several colours")
    return pad_to_multiple(to_array(picture), MULTIPLE)
