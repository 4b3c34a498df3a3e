"""Families of abstract art, by the label that their pictures bear.

Each paints one picture of `size` pixels a side, mode RGB, from a random generator. What it draws from the generator does
not depend on the size, so a larger picture is the same composition with finer detail.
"""

from collections.abc import Callable

import numpy as np
import PIL.Image

from pipeline.data.art import mondrian, op_art, rosette, stained_glass

FAMILIES: dict[str, Callable[[np.random.Generator, int], PIL.Image.Image]] = {
    "mondrian": mondrian.draw,
    "op_art": op_art.draw,
    "rosette": rosette.draw,
    "stained_glass": stained_glass.draw,
}
