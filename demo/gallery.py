"""The styles that a model offers: those of its card, then those that `python -m pipeline add-style` fitted to it."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from demo.arguments import is_number
from demo.card import Choice
from demo.engine import Model
from demo.errors import ModelError

ADDED = "_styles"
"""Folder of the added styles beside the models: `_styles/<recipe>/<style>.json`."""

MAX_SIDECAR_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Gallery:
    """Styles with their codes in the order to show them, and a sentence for each added one that cannot be used."""

    styles: tuple[Choice, ...]
    problems: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(style.name for style in self.styles)

    def code(self, name: str) -> NDArray[np.float32]:
        """Return the code (K,) of the style of that name, which the gallery has."""
        return np.array(self.styles[self.names.index(name)].code, dtype=np.float32)


def open_gallery(model: Model, models: Path) -> Gallery:
    """Return the styles of a model's card and the added ones in the folder of all models.

    Raises:
        ModelError: the model takes no codes.

    """
    width = code_width(model)
    styles, problems = list(model.card.choices), []
    for path in sorted((models / ADDED / model.card.recipe).glob("*.json")):
        try:
            styles.append(_read_sidecar(path, sha256=model.sha256, width=width, taken=[style.name for style in styles]))
        except (OSError, ValueError) as error:
            problems.append(f"{path} is not shown: {error}")
    return Gallery(tuple(styles), tuple(problems))


def code_width(model: Model) -> int:
    """Return how many numbers a code of this model has.

    Raises:
        ModelError: it is no model of the kind that takes codes.

    """
    expected = [("content", "picture"), ("code", "code"), ("strength", "degree"), ("noise", "noise")]
    if [(port.name, port.kind) for port in model.card.inputs] != expected:
        raise ModelError(f"the model '{model.card.recipe}' is of an older make; export it again")
    return int(model.card.inputs[1].shape[1])


def _read_sidecar(path: Path, *, sha256: str, width: int, taken: list[str]) -> Choice:
    if path.stat().st_size > MAX_SIDECAR_BYTES:
        raise ValueError("it is larger than 1 MiB; add the style again")
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        name, code, thumbnail, model = (fields[key] for key in ("name", "code", "thumbnail", "model"))
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise ValueError("it is damaged; add the style again") from error
    if model != sha256:
        raise ValueError("it was made for another state of the model; add the style again")
    if not (isinstance(name, str) and name and isinstance(thumbnail, str) and _is_code(code, width)):
        raise ValueError("it is damaged; add the style again")
    if name in taken:
        raise ValueError(f"there is another style '{name}'; add it again under another name")
    return Choice(name, thumbnail, tuple(map(float, code)))


def _is_code(code: object, width: int) -> bool:
    return isinstance(code, list) and len(code) == width and all(map(is_number, code))
