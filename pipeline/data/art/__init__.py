"""Families of abstract art, by the label that their pictures bear.

Each paints one picture of `size` pixels a side, mode RGB, from a random generator. What it draws from the generator
does not depend on the size, so a larger picture is the same composition with finer detail.
"""

from collections.abc import Callable

import numpy as np
import PIL.Image

from pipeline.data.art import (
    brush_strokes,
    concentric,
    flow_field,
    ink_mountains,
    marbling,
    mondrian,
    op_art,
    rosette,
    stained_glass,
    waves,
)

FAMILIES: dict[str, Callable[[np.random.Generator, int], PIL.Image.Image]] = {
    "brush_strokes": brush_strokes.draw,
    "concentric": concentric.draw,
    "flow_field": flow_field.draw,
    "ink_mountains": ink_mountains.draw,
    "marbling": marbling.draw,
    "mondrian": mondrian.draw,
    "op_art": op_art.draw,
    "rosette": rosette.draw,
    "stained_glass": stained_glass.draw,
    "waves": waves.draw,
}
