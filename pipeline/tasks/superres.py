"""A small picture is enlarged twice or four times with the detail that it may have lost."""

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Image, Pair, Translation
from pipeline.tasks.degradation import degrade, enlarge

FACTORS = (2, 4)


class Superres(Translation):
    """What is given is already enlarged, bicubic, so that one network serves all factors; it paints the difference.

    The factor is a choice, because a picture that was enlarged four times needs other strokes than one twice.
    """

    planes: ClassVar = 3
    painted: ClassVar = 3

    name: Literal["superres"] = "superres"

    def choices(self, image: Image) -> tuple[str, ...]:
        return tuple(f"x{factor}" for factor in FACTORS)

    def ports(self, image: Image) -> tuple[Port, Port]:
        return Port("picture", ("N", 3, "H", "W"), "picture"), Port("factor", ("N", len(FACTORS)), "weights")

    def make(self, images: Tensor, labels: Tensor, *, classes: int, random: Generator) -> Pair:
        chosen = torch.randint(len(FACTORS), (len(images),), generator=random).to(images.device)
        given = torch.empty_like(images)
        for place, factor in enumerate(FACTORS):
            those = torch.nonzero(chosen == place)[:, 0]
            if len(those):
                size = (images.shape[2], images.shape[3])
                given[those] = enlarge(degrade(images[those], factor, random=random), size)
        return Pair(given, functional.one_hot(chosen, len(FACTORS)).float())

    def see(self, pair: Pair) -> Tensor:
        return pair.given

    def compose(self, painted: Tensor, pair: Pair) -> Tensor:
        return pair.given + painted.float()
