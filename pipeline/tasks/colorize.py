"""A grey picture gets colours, with hints where the user clicked; its luma stays."""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Image, Pair, Translation
from pipeline.features.similarity import luma

_SMALLEST_HINT, _LARGEST_HINT = 1, 4
_LONGEST = 1.1
"""A little more than the chroma of pure red, whose length no colour of RGB exceeds: 1.06."""


class Colorize(Translation):
    """Chroma is painted and joined to the luma that is given; up to `hints` squares of the true chroma are shown.

    Half of the pictures get no hint at all, because that is how most are used (Zhang et al. 2017, arXiv:1705.02999,
    who draw the number from a geometric distribution).
    """

    planes: ClassVar = 4
    painted: ClassVar = 2

    name: Literal["colorize"] = "colorize"
    hints: int = Field(12, ge=0, description="hints at most")

    def ports(self, image: Image) -> tuple[Port, Port]:
        return Port("grey", ("N", 1, "H", "W"), "picture"), Port("hints", ("N", 3, "H", "W"), "hints")

    def make(self, images: Tensor, labels: Tensor, *, classes: int, random: Generator) -> Pair:
        count, _, height, width = images.shape
        smooth = functional.avg_pool2d(chroma(images), 3, 1, 1, count_include_pad=False)
        hints = images.new_zeros(count, 3, height, width)
        wanted = torch.randint(1, self.hints + 1, (count,), generator=random) if self.hints else torch.zeros(count)
        wanted = torch.where(torch.rand(count, generator=random) < 0.5, 0, wanted)
        rows, columns = (torch.randint(side, (self.hints, count), generator=random) for side in (height, width))
        radii = torch.randint(_SMALLEST_HINT, _LARGEST_HINT, (self.hints, count), generator=random)
        down, across = torch.arange(height)[None, :, None], torch.arange(width)[None, None, :]
        everyone = torch.arange(count)
        for place, (row, column, radius) in enumerate(zip(rows, columns, radii, strict=True)):
            away = torch.maximum((down - row[:, None, None]).abs(), (across - column[:, None, None]).abs())
            inside = (away <= radius[:, None, None]) & (place < wanted)[:, None, None]
            colour = functional.pad(smooth[everyone, :, row, column], (0, 1), value=1.0)
            hints = torch.where(inside[:, None].to(images.device), colour[:, :, None, None], hints)
        return Pair(luma(images), hints)

    def see(self, pair: Pair) -> Tensor:
        return torch.cat([pair.given, pair.guide], dim=1)

    def compose(self, painted: Tensor, pair: Pair) -> Tensor:
        return with_chroma(pair.given, _bounded(painted.float()))

    def show(self, pair: Pair) -> Tensor:
        return with_chroma(pair.given, pair.guide[:, :2])


def chroma(pictures: Tensor) -> Tensor:
    """Return the chroma (N, 2, H, W) of pictures (N, 3, H, W) in [-1, 1]: Cb and Cr in [-1, 1] (ITU-R BT.601)."""
    brightness = luma(pictures)
    return torch.cat([(pictures[:, 2:] - brightness) / 1.772, (pictures[:, :1] - brightness) / 1.402], dim=1)


def with_chroma(brightness: Tensor, colours: Tensor) -> Tensor:
    """Return pictures (N, 3, H, W) in [-1, 1] of luma (N, 1, H, W) and chroma (N, 2, H, W) in [-1, 1].

    A colour that lies outside what RGB can show is drawn towards grey until it fits, so that the luma is kept. How far
    counts as given for the gradient: else a colour that is too strong would have none towards grey.
    """
    blue, red = 1.772 * colours[:, :1], 1.402 * colours[:, 1:]
    green = -(0.299 * red + 0.114 * blue) / 0.587
    offset = torch.cat([red, green, blue], dim=1)
    room = torch.where(offset > 0, 1 - brightness, 1 + brightness)
    share = (room.clamp_min(0) / offset.abs().clamp_min(1e-6)).amin(dim=1, keepdim=True).clamp_max(1)
    return brightness + share.detach() * offset


def _bounded(colours: Tensor) -> Tensor:
    """Return colours (N, 2, H, W) shorter than `_LONGEST`, each in its own direction.

    Bounded one by one, both coordinates end in a corner that has no gradient, and hues can no longer change.
    """
    length = (colours.square().sum(dim=1, keepdim=True) + 1e-8).sqrt() / _LONGEST
    return colours * (length.tanh() / length)
