"""What a picture is painted in: styles of the gallery and uploaded pictures, each with its share."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from demo.arguments import one_of
from demo.errors import RequestError
from demo.gallery import Gallery

UPLOADED = "picture"
"""What an uploaded style is called in a mixture."""


@dataclass(frozen=True, slots=True)
class Style:
    """One style: its name and code (K,); for an uploaded one the digest of its picture and the steps of refinement."""

    name: str
    code: NDArray[np.float32]
    picture: str = ""
    refined: int = 0


@dataclass(frozen=True, slots=True)
class Mixture:
    """Styles by name, and their shares, which are positive and sum to one."""

    styles: Mapping[str, Style]
    weights: Mapping[str, float]

    @property
    def code(self) -> NDArray[np.float32]:
        """The convex combination (1, K) of the codes; one style alone is itself."""
        mixed = sum(self.styles[name].code.astype(np.float64) * share for name, share in self.weights.items())
        return np.asarray(mixed, np.float32)[None]

    @property
    def title(self) -> str:
        return " + ".join(self.weights)

    def recipe(self) -> dict[str, object]:
        """Return what a picture's recipe tells of it."""
        uploaded = [style for name, style in self.styles.items() if style.picture and name in self.weights]
        return {
            "styles": dict(self.weights),
            "uploaded": {
                style.name: {
                    "picture": style.picture,
                    "refined": style.refined,
                    "code": hashlib.sha256(style.code.tobytes()).hexdigest(),
                }
                for style in uploaded
            },
        }


def parse_mixture(
    gallery: Gallery, *, style: object = "", mixture: object = "", uploaded: Mapping[str, Style] | None = None
) -> Mixture:
    """Check a choice of styles: one of `style` (a name), `mixture` (weights by name, or JSON of it) and uploaded ones.

    `uploaded` are styles from pictures; a mixture may name them beside those of the gallery, and without a mixture they
    share evenly.

    Raises:
        RequestError: a name is unknown, weights are negative or sum to zero, or none or several of the three are given.

    """
    own = dict(uploaded or {})
    names = [*gallery.names, *own]
    if mixture not in ("", None) and mixture != {}:
        if style:
            raise RequestError("give either a style or a mixture of styles, not both")
        weights = _weights(mixture, names)
    elif own:
        if style:
            raise RequestError(
                f"give either a style or a style picture; to mix both, name '{next(iter(own))}' in a mixture"
            )
        weights = dict.fromkeys(own, 1.0)
    else:
        weights = {one_of("style", style, names): 1.0}
    total = math.fsum(weights.values())
    shares = {name: weight / total for name, weight in weights.items() if weight > 0}
    return Mixture({name: own[name] if name in own else Style(name, gallery.code(name)) for name in shares}, shares)


def _weights(mixture: object, names: list[str]) -> dict[str, float]:
    if isinstance(mixture, str):
        try:
            mixture = json.loads(mixture)
        except (ValueError, RecursionError) as error:
            raise RequestError('mixture must be JSON like {"ink": 0.7, "waves": 0.3}') from error
    if not isinstance(mixture, dict) or not mixture:
        raise RequestError('mixture must be JSON like {"ink": 0.7, "waves": 0.3}')
    weights = {}
    for name, weight in mixture.items():
        one_of("a style of the mixture", name, names)
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < 1e6:
            raise RequestError(f"the weight of '{name}' must be a number from 0 up, not {json.dumps(weight)[:40]}")
        weights[name] = float(weight)
    if not sum(weights.values()) > 0:
        raise RequestError("the weights of the mixture sum to zero; give at least one style a weight above zero")
    return weights
