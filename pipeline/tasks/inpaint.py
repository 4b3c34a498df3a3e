"""Holes of any form are filled; what is known stays as it is given."""

from typing import ClassVar, Literal

import torch
from pydantic import Field, model_validator
from torch import Generator, Tensor

from demo.card import Port
from pipeline.contracts import Image, Pair, Translation

_MOST_MARKS = 32
_STROKES = 4  # that a pen draws before it is lifted


class Inpaint(Translation):
    """Strokes and boxes are cut out of a picture until a share from `least` to `most` of it is missing."""

    planes: ClassVar = 4
    painted: ClassVar = 3

    name: Literal["inpaint"] = "inpaint"
    least: float = Field(0.1, gt=0, le=0.5, description="smallest share that is missing, about")
    most: float = Field(0.4, gt=0, le=0.5, description="largest share that is missing, about")

    @model_validator(mode="after")
    def _in_order(self) -> "Inpaint":
        if self.least > self.most:
            raise ValueError("least must not be above most")
        return self

    def ports(self, image: Image) -> tuple[Port, Port]:
        return Port("picture", ("N", 3, "H", "W"), "picture"), Port("mask", ("N", 1, "H", "W"), "mask")

    def make(self, images: Tensor, labels: Tensor, *, classes: int, random: Generator) -> Pair:
        count, _, height, width = images.shape
        shares = self.least + (self.most - self.least) * torch.rand(count, generator=random)
        mask = holes(shares, height=height, width=width, random=random).to(images)
        return Pair(images * (1 - mask), mask)

    def see(self, pair: Pair) -> Tensor:
        return torch.cat([pair.given * (1 - pair.guide), pair.guide * 2 - 1], dim=1)

    def compose(self, painted: Tensor, pair: Pair) -> Tensor:
        # Chosen, not blended: what is known comes through to the last bit.
        return torch.where(pair.guide > 0.5, painted.float().tanh(), pair.given)


def holes(shares: Tensor, *, height: int, width: int, random: Generator) -> Tensor:
    """Return masks (N, 1, height, width), 1 where a picture is missing, about `shares` (N,) of each; never all of it.

    Each mark is a stroke with round ends or, in every fourth case, a box (free-form masks: Yu et al. 2019,
    arXiv:1806.03589).
    """
    count, side = len(shares), (height * width) ** 0.5
    down = torch.arange(height).float()[None, :, None]
    across = torch.arange(width).float()[None, None, :]
    mask = torch.zeros(count, height, width, dtype=torch.bool)
    extent = torch.tensor([height, width]).float()
    end = torch.zeros(count, 2)
    for place in range(_MOST_MARKS):
        start = end if place % _STROKES else torch.rand(count, 2, generator=random) * extent
        angle, length, thickness, kind = torch.rand(4, count, generator=random)
        reach = (0.1 + 0.3 * length) * side
        turn = 2 * torch.pi * angle
        end = start + reach[:, None] * torch.stack([turn.sin(), turn.cos()], dim=1)
        end = torch.minimum(end.clamp_min(0), extent)
        radius = (0.02 + 0.08 * thickness) * side
        low, high = torch.minimum(start, end)[:, :, None, None], torch.maximum(start, end)[:, :, None, None]
        box = (down >= low[:, 0]) & (down <= high[:, 0]) & (across >= low[:, 1]) & (across <= high[:, 1])
        stroke = _distance(down, across, start, end) <= radius.clamp_min(1)[:, None, None]
        mark = torch.where((kind < 0.25)[:, None, None], box | stroke, stroke)
        room = mask.float().mean(dim=(1, 2)) < shares
        fits = (mask | mark).float().mean(dim=(1, 2)) < 0.9
        mask |= mark & (room & fits)[:, None, None]
    return mask[:, None].float()


def _distance(down: Tensor, across: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return how far every pixel is from the line between two points (N, 2): (N, H, W)."""
    way = end - start
    offset = down - start[:, 0, None, None], across - start[:, 1, None, None]
    along = offset[0] * way[:, 0, None, None] + offset[1] * way[:, 1, None, None]
    share = (along / way.square().sum(dim=1).clamp_min(1e-6)[:, None, None]).clamp(0, 1)
    rest = offset[0] - share * way[:, 0, None, None], offset[1] - share * way[:, 1, None, None]
    return torch.hypot(*rest)
