"""A seeded generator of abstract art in labelled families: the data set that needs no data."""

from collections.abc import Iterator
from functools import partial
from typing import Literal

import numpy as np
import PIL.Image
from pydantic import Field, field_validator

from pipeline.contracts import Item, Source
from pipeline.data.art import FAMILIES


class Procedural(Source):
    """`count` pictures, shared out evenly among `families`; all of them where none are named."""

    name: Literal["procedural"] = "procedural"
    count: int = Field(4000, ge=1, description="pictures in all")
    families: tuple[str, ...] = Field(tuple(FAMILIES), min_length=1, description="which families to paint")
    seed: int = Field(0, ge=0, description="another seed gives other pictures")

    @field_validator("families")
    @classmethod
    def _known(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        for family in families:
            if family not in FAMILIES:
                raise ValueError(f"there is no family '{family}', choose from {', '.join(FAMILIES)}")
        if len(set(families)) < len(families):
            raise ValueError("name each family once")
        return families

    def total(self) -> int:
        return self.count

    def items(self) -> Iterator[Item]:
        for position in range(self.count):
            family = self.families[position % len(self.families)]
            index = position // len(self.families)
            yield Item(
                origin=f"{family} {index}",
                label=family,
                load=partial(paint, family, seed=self.seed, index=index, size=self.size),
            )


def paint(family: str, *, seed: int, index: int, size: int) -> PIL.Image.Image:
    """Return picture `index` of a family, mode RGB, `size` pixels a side. Equal arguments give equal pictures."""
    random = np.random.default_rng([seed, index, *family.encode()])
    return FAMILIES[family](random, size)
