"""Random squares of another source's pictures: textures at more than one scale, and many pictures from few."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Literal, Self

import numpy as np
import PIL.Image
from pydantic import Field, model_validator

from pipeline.contracts import Item, Source
from pipeline.data.nested import Nested


class Crops(Source):
    """`count` squares of each picture, at random places, their sides from `smallest` to `largest` of its shorter side.

    Nothing within `margin` of the edge, as a share of the shorter side, is taken: scans show frames there.
    """

    name: Literal["crops"] = "crops"
    of: Nested = Field(description="the other source")
    count: int = Field(8, ge=1, description="squares of each picture")
    smallest: float = Field(0.5, gt=0, le=1)
    largest: float = Field(1.0, gt=0, le=1)
    margin: float = Field(0.0, ge=0, lt=0.4)
    seed: int = Field(0, ge=0, description="another seed gives other pictures")

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.smallest > self.largest:
            raise ValueError("smallest must not be above largest")
        return self

    def total(self) -> int:
        return self.count * self._whole().total()

    def items(self) -> Iterator[Item]:
        for index, item in enumerate(self._whole().items()):
            for number in range(self.count):
                load = partial(self._crop, item.load, (self.seed, index, number))
                yield replace(item, origin=f"{item.origin} crop {number}", load=load, parent=item.parent or item.origin)

    def _whole(self) -> Source:
        # A picture may be decoded smaller than it is, but not below what its smallest square needs.
        return self.of.model_copy(
            update={"size": min(1024, math.ceil(self.size / self.smallest)), "channels": self.channels}
        )

    def _crop(self, load: Callable[[], PIL.Image.Image], seed: tuple[int, ...]) -> PIL.Image.Image:
        picture, random = load(), np.random.default_rng(seed)
        edge = round(self.margin * min(picture.size))
        inner = [length - 2 * edge for length in picture.size]
        side = max(1, round(random.uniform(self.smallest, self.largest) * min(inner)))
        left, top = (edge + int(random.integers(0, length - side + 1)) for length in inner)
        return picture.crop((left, top, left + side, top + side))
