"""The U-Net that all translations share: it halves a picture three times and goes back over the same sizes.

Ronneberger et al. 2015 (arXiv:1505.04597), without norms: instance norm would lose the absolute colours, so weights are
demodulated instead (Karras et al. 2020, arXiv:1912.04958, section 2.2).
"""

from math import sqrt

import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.contracts import Image
from pipeline.errors import RecipeError

MULTIPLE = 8
"""The sides of what it sees are multiples of this."""

SMALLEST_SIDE = 16
"""The side of the smallest pictures that a translation can be trained and scored on."""


class UShape(nn.Module):
    """Planes (N, `planes`, H, W) and weights over choices (N, `choices`) -> (N, `painted`, H, W), any real numbers.

    `width` channels work at half the side, twice as many at each further halving, `blocks` residual blocks in the
    middle. Fresh, it paints zeros.
    """

    def __init__(self, planes: int, painted: int, *, width: int, blocks: int, choices: int = 0) -> None:
        super().__init__()
        half, quarter, eighth = width, 2 * width, 4 * width
        self.widths = (half, quarter, eighth, eighth)
        self.unshuffle = nn.PixelUnshuffle(2)
        self.to_half = DemodulatedConvolution(4 * planes, half, choices=choices)
        self.to_quarter = DemodulatedConvolution(half, quarter, choices=choices, stride=2)
        self.to_eighth = DemodulatedConvolution(quarter, eighth, choices=choices, stride=2)
        self.blocks = nn.ModuleList(_ResidualBlock(eighth, choices) for _ in range(blocks))
        self.back_to_quarter = DemodulatedConvolution(eighth + quarter, quarter, choices=choices)
        self.back_to_half = DemodulatedConvolution(quarter + half, half, choices=choices)
        self.back_to_full = DemodulatedConvolution(half + planes, half // 2, choices=choices)
        self.to_planes = nn.Conv2d(half // 2, painted, 3, padding=1, padding_mode="replicate")
        for parameter in self.to_planes.parameters():
            nn.init.zeros_(parameter)

    def forward(self, planes: Tensor, weights: Tensor) -> Tensor:
        half, quarter, _, features = self.encode(planes, weights)
        features = _active(self.back_to_quarter(torch.cat([_double(features), quarter], dim=1), weights))
        features = _active(self.back_to_half(torch.cat([_double(features), half], dim=1), weights))
        features = _active(self.back_to_full(torch.cat([_double(features), planes], dim=1), weights))
        painted: Tensor = self.to_planes(features)
        return painted

    def encode(self, planes: Tensor, weights: Tensor) -> list[Tensor]:
        """Return the maps at a half, a quarter and an eighth of the side, and the last after all blocks."""
        half = _active(self.to_half(self.unshuffle(planes), weights))
        quarter = _active(self.to_quarter(half, weights))
        eighth = _active(self.to_eighth(quarter, weights))
        features = eighth
        for block in self.blocks:
            features = block(features, weights)
        return [half, quarter, eighth, features]


class DemodulatedConvolution(nn.Module):
    """A 3 x 3 convolution whose filters have unit norm after the choice has scaled what they read."""

    def __init__(self, before: int, after: int, *, choices: int, stride: int = 1) -> None:
        super().__init__()
        self.stride = stride
        # Only the direction of a filter counts, and Adam turns a short one faster.
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3) / sqrt(9 * before))
        self.bias = nn.Parameter(torch.zeros(after))
        self.modulation = nn.Linear(choices, before) if choices else None
        if self.modulation is not None:
            nn.init.normal_(self.modulation.weight, std=0.3)
            nn.init.ones_(self.modulation.bias)

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        energy = self.weight.square().sum(dim=(2, 3))
        scale = features.new_ones(1, len(energy[0])) if self.modulation is None else self.modulation(weights)
        norm = torch.rsqrt(scale.square() @ energy.T + 1e-8)
        # Zero padding would tell the network where the border is, and a frame appears there.
        padded = functional.pad(features * scale[:, :, None, None], [1] * 4, mode="replicate")
        convolved = functional.conv2d(padded, self.weight, stride=self.stride)
        return convolved * norm[:, :, None, None] + self.bias[:, None, None]


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, choices: int) -> None:
        super().__init__()
        self.first = DemodulatedConvolution(channels, channels, choices=choices)
        self.second = DemodulatedConvolution(channels, channels, choices=choices)
        self.gain = nn.Parameter(torch.full((1,), 0.2))

    def forward(self, features: Tensor, weights: Tensor) -> Tensor:
        refined: Tensor = self.second(_active(self.first(features, weights)), weights)
        return features + self.gain * refined


def _active(features: Tensor) -> Tensor:
    # The factor keeps the variance that the slopes take.
    return functional.leaky_relu(features, 0.2) * sqrt(2)


def _double(features: Tensor) -> Tensor:
    # Transposed convolutions leave a checkerboard (Odena et al. 2016).
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")


def check_picture(image: Image, *, network: str) -> None:
    """Raise where a translating network cannot work on the pictures of a data set.

    Raises:
        RecipeError: they are grey or too small, or a side is no multiple of the network's stride.

    """
    if image.channels != 3:
        raise RecipeError("data.channels", f"'{network}' translates colour pictures", "set it to 3")
    if image.size < SMALLEST_SIDE:
        raise RecipeError("data.size", f"{image.size} px show '{network}' too little", f"set it to {SMALLEST_SIDE}")
    if image.size % MULTIPLE:
        raise RecipeError(
            "data.size", f"'{network}' cannot halve {image.size} px three times", f"use a multiple of {MULTIPLE}"
        )
