"""A drawing becomes a picture of the class or style that is chosen."""

from typing import ClassVar, Literal

import torch
from torch import Generator, Tensor
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Image, Pair, Translation
from pipeline.features.similarity import luma

SIGMAS = (0.6, 1.0, 1.6)
TAU = 0.98
LEAST, MOST = 0.01, 0.06
SLOPE = 30.0
_REACH = 4


class Sketch(Translation):
    """Lines are drawn where a difference of Gaussians is low, each time with another width and threshold.

    Winnemoeller et al. 2012 ("XDoG: an eXtended difference-of-Gaussians compendium"), equations 4 and 5. Because no
    two drawings of one picture are the same, the network learns to take those of people, too.
    """

    planes: ClassVar = 1
    painted: ClassVar = 3

    name: Literal["sketch"] = "sketch"

    def choices(self, image: Image) -> tuple[str, ...]:
        return image.classes

    def ports(self, image: Image) -> tuple[Port, Port]:
        return Port("drawing", ("N", 1, "H", "W"), "picture"), Port("choice", ("N", len(image.classes)), "weights")

    def make(self, images: Tensor, labels: Tensor, *, classes: int, random: Generator) -> Pair:
        width, threshold, inked = torch.rand(3, len(images), generator=random)[:, :, None, None, None].to(images.device)
        blurs = [_blurred(luma(images), sigma) for sigma in SIGMAS]
        # Between two widths of the pen lie the mixtures of what they draw.
        fine, middle, coarse = blurs
        difference = torch.lerp(fine - TAU * middle, middle - TAU * coarse, width) - (1 - TAU)
        drawing = 1 + torch.tanh(SLOPE * (difference + LEAST + (MOST - LEAST) * threshold).clamp_max(0))
        drawing = torch.where(inked < 0.5, torch.where(drawing < 0.5, 0.0, 1.0), drawing)
        return Pair(drawing * 2 - 1, functional.one_hot(labels, classes).float())

    def see(self, pair: Pair) -> Tensor:
        return pair.given

    def compose(self, painted: Tensor, pair: Pair) -> Tensor:
        return painted.float().tanh()


def _blurred(brightness: Tensor, sigma: float) -> Tensor:
    """Return brightness (N, 1, H, W) after a Gaussian of `sigma` pixels, mirrored at the border."""
    place = torch.arange(-_REACH, _REACH + 1, device=brightness.device).float()
    row = torch.exp(-(place**2) / (2 * sigma**2))
    row = (row / row.sum())[None, None, None]
    padded = functional.pad(brightness, [_REACH] * 4, mode="reflect")
    return functional.conv2d(functional.conv2d(padded, row), row.mT)
