"""A sheet of what the directions in a model's card do to a picture."""

import numpy as np
import PIL.Image

from demo.engine import Feeds, Model
from demo.latents import move
from pipeline.pictures import contact_sheet, to_uint8

_STEPS = (-3, -2, -1, 0, 1, 2, 3)


def traversal_sheet(model: Model, feeds: Feeds) -> PIL.Image.Image:
    """Return a sheet with a row for each direction of a model's card: left against it, right along it.

    `feeds` are the inputs of one picture, (1, ...) each; it stands in the middle of every row.

    Raises:
        ModelError: the model fails.

    """
    card = model.card
    name = next(port.name for port in card.inputs if port.kind == "latent")
    rows = []
    for direction in card.directions:
        repeated = {key: np.repeat(array, len(_STEPS), axis=0) for key, array in feeds.items()}
        moved = move(repeated[name], [direction], np.array(_STEPS)[:, None])
        rows.append(model.run(repeated | {name: moved}))
    return contact_sheet(
        to_uint8(np.concatenate(rows)),
        columns=len(_STEPS),
        title=f"{card.recipe}: the directions that change a picture most",
        headings=[f"{step:+d}" if step else "seed" for step in _STEPS],
        rows=[f"{number}: {strength:.2f}" for number, strength in enumerate(card.strengths, 1)],
    )
