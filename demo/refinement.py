"""Fits the code of an uploaded style to its picture: the networks stay as they are, the code alone moves.

Its gradient comes from the companion graph `gradient`, which was exported with the networks: nothing here trains.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.engine import Model
from demo.errors import RequestError
from demo.images import EXAMPLES, fit_within, read_picture, to_array

STEPS, MAX_STEPS = 60, 400
_SIDE = 192
_RATE = 0.05
_DECAY = (0.9, 0.99)
_TINY = 1e-8


def can_refine(model: Model) -> bool:
    return "gradient" in [companion.name for companion in model.card.companions]


def refine(
    model: Model, code: NDArray[np.float32], *, style: NDArray[np.float32], steps: int
) -> Iterator[NDArray[np.float32]]:
    """Yield the code (K,) after every one of `steps` steps of Adam (Kingma and Ba 2015, arXiv:1412.6980) from `code`.

    `style` is a picture (1, 3, H, W): the code is fitted so that photographs painted with it have its style. They are
    the page's examples, in turn, so that the code does not depend on what it is made for. The rate falls to zero along
    a cosine.

    Raises:
        RequestError: the model has no graph for it.
        ModelError: the graph fails.

    """
    if not can_refine(model):
        raise RequestError(
            f"the model '{model.card.recipe}' cannot refine a style, because it has no graph for it; take the style as "
            "it is, or export the model again"
        )
    network = model.companion("gradient")
    contents = [_crop(path) for path in EXAMPLES]
    moving = code.astype(np.float64)
    mean, square = np.zeros_like(moving), np.zeros_like(moving)
    for step in range(1, steps + 1):
        feeds = {"content": contents[step % len(contents)], "code": moving.astype(np.float32)[None], "style": style}
        gradient = network.run(feeds, "gradient")[0].astype(np.float64)
        mean = _DECAY[0] * mean + (1 - _DECAY[0]) * gradient
        square = _DECAY[1] * square + (1 - _DECAY[1]) * gradient**2
        ahead = (mean / (1 - _DECAY[0] ** step)) / (np.sqrt(square / (1 - _DECAY[1] ** step)) + _TINY)
        moving -= _RATE * (1 + np.cos(np.pi * (step - 1) / steps)) / 2 * ahead
        yield moving.astype(np.float32)


def _crop(path: Path) -> NDArray[np.float32]:
    picture = fit_within(read_picture(path).convert("RGB"), 2 * _SIDE)
    left, top = (picture.width - _SIDE) // 2, (picture.height - _SIDE) // 2
    return to_array(picture.crop((left, top, left + _SIDE, top + _SIDE)))
