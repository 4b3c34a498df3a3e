"""Pictures that codes name: where the Reconstruct tab stands between two pictures and beside them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL.Image import Image

from demo.arguments import listed, one_of, only_keys, real_number, whole_number
from demo.codes import attribute, between, code_size, decode, encode, prepare
from demo.engine import Model
from demo.errors import RequestError
from demo.images import from_array
from demo.latents import Float32
from demo.places import Picture, enlarged, parse_enlargement
from demo.sampling import MAX_COUNT, SampleRequest, draw_samples

MAX_CODE = 1e4
"""How large a number of a code may be; trained encoders stay far below."""
MAX_AMOUNT = 4.0
"""How much of an attribute may be added or taken away."""

Numbers = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Likeness:
    """A code, perhaps part of the way `to` another one, with some `amount` of a `direction` added."""

    code: Numbers
    to: Numbers = ()
    share: float = 0
    direction: Numbers = ()
    amount: float = 0
    enlarge: int = 1

    @classmethod
    def parse(cls, model: Model, said: Mapping[str, Any]) -> "Likeness":
        """Check a likeness as it came from the network; what is not said has its default.

        Raises:
            RequestError: an argument is unknown, missing or out of range, or the model does not encode.
            ModelError: its encoder is missing.

        """
        fields = only_keys("a likeness", said, ("code", "to", "share", "direction", "amount", "enlarge"))
        size = code_size(model)
        return cls(
            code=_parse_code("code", fields.get("code"), size=size),
            to=_parse_code("to", fields["to"], size=size) if fields.get("to") else (),
            share=real_number("share", fields.get("share", 0), lowest=0, highest=1),
            direction=_parse_code("direction", fields["direction"], size=size) if fields.get("direction") else (),
            amount=real_number("amount", fields.get("amount", 0), lowest=-MAX_AMOUNT, highest=MAX_AMOUNT),
            enlarge=parse_enlargement(fields.get("enlarge", 1)),
        )

    def resolve(self, model: Model) -> Float32:
        """Return the one code (1, code) that all of this comes to."""
        code = _row(self.code)
        if self.to:
            code = between(model, code, _row(self.to), np.full((1, 1), self.share, np.float32))
        return code + np.float32(self.amount) * _row(self.direction) if self.direction else code


def draw_likeness(model: Model, likeness: Likeness) -> Picture:
    """Return the picture of a likeness; its recipe holds the one code that it comes to.

    Raises:
        RequestError: the model does not encode, or the picture would be too large.
        ModelError: the model fails.

    """
    code = likeness.resolve(model)
    recipe = {
        "model": model.card.recipe,
        "sha256": model.sha256,
        "code": [float(number) for number in code[0]],
        "enlarge": likeness.enlarge,
    }
    image = enlarged(from_array(decode(model, code)[0]), likeness.enlarge)
    return Picture(image, recipe, f"{model.card.recipe}, from a code")


def read_likeness(model: Model, image: Image) -> tuple[Image, Likeness]:
    """Return what a model sees of a picture, and the likeness that it finds in it.

    Raises:
        RequestError: the model does not encode, or the picture is too small.
        ModelError: its encoder fails.

    """
    seen = prepare(model, image)
    return from_array(seen[0]), Likeness(tuple(float(number) for number in encode(model, seen)[0]))


def class_attribute(model: Model, source: Model, *, plus: object, minus: object, count: object) -> Numbers:
    """Return what sets the codes of one class apart from those of another, as `source` paints them.

    Both means are over the pictures of the seeds 0 to `count` - 1.

    Raises:
        RequestError: the model does not encode, the source has no such classes, or the count is out of range.
        ModelError: a model fails.

    """
    names = [choice.name for choice in source.card.choices]
    if not names:
        raise RequestError(f"the model '{source.card.recipe}' has no classes; choose a source that has")
    pictures = whole_number("count", count, lowest=1, highest=MAX_COUNT)
    sides = [
        _paint_class(source, one_of(name, choice, names), pictures)
        for name, choice in (("plus", plus), ("minus", minus))
    ]
    return tuple(float(number) for number in attribute(model, *sides)[0])


def _paint_class(source: Model, choice: str, count: int) -> list[Image]:
    request = SampleRequest.parse(source, choice=choice, seed=0, count=count, truncation=1, enlarge=1)
    return [picture.image for picture in draw_samples(source, request)]


def _parse_code(name: str, value: object, *, size: int) -> Numbers:
    numbers = listed(name, value, longest=size)
    if len(numbers) != size:
        raise RequestError(f"{name} must hold the {size} numbers of this model's codes, not {len(numbers)}")
    return tuple(real_number(f"a number of {name}", number, lowest=-MAX_CODE, highest=MAX_CODE) for number in numbers)


def _row(numbers: Sequence[float]) -> Float32:
    return np.array([numbers], np.float32)
