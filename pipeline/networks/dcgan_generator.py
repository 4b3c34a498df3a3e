"""DCGAN's generator, which the projected GAN takes over (Radford et al. 2015, arXiv:1511.06434)."""

from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

Upsampling = Literal["transposed", "nearest", "bilinear"]


class DcganGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S) in [-1, 1]."""

    def __init__(
        self, latent: int, classes: int, widths: list[int], channels: int, *, upsampling: Upsampling = "transposed"
    ) -> None:
        super().__init__()
        self.latent = latent
        self.classes = classes
        coarse_to_fine = widths[::-1]
        self.stem = nn.Sequential(
            nn.Linear(latent + classes, coarse_to_fine[0] * 16), nn.Unflatten(1, (coarse_to_fine[0], 4, 4))
        )
        self.norms = nn.ModuleList(ClassBatchNorm(width, classes) for width in coarse_to_fine)
        self.stages = nn.ModuleList(
            _upsample(before, after, upsampling) for before, after in pairwise([*coarse_to_fine, channels])
        )
        initialize(self)

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        features: Tensor = self.stem(torch.cat([latent, classes], dim=1) if self.classes else latent)
        for norm, stage in zip(self.norms, self.stages, strict=True):
            features = stage(norm(features, classes).relu_())
        pictures: Tensor = features.tanh()
        return pictures


class ClassBatchNorm(nn.Module):
    """Batch norm whose scale and shift are the class's own (de Vries et al. 2017, arXiv:1707.00683).

    Features (N, C, H, W) and class weights (N, classes) -> features (N, C, H, W); plain batch norm without classes.
    """

    def __init__(self, channels: int, classes: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.modulation = nn.Linear(classes, 2 * channels, bias=False) if classes else None

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        normed: Tensor = self.norm(features)
        if self.modulation is None:
            return normed
        scale, shift = self.modulation(classes)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = normed * (1 + scale) + shift
        return modulated


class NearestConvolution(nn.ConvTranspose2d):
    """Features (N, B, S, S) -> (N, A, 2S, 2S): doubled by nearest neighbour, and a 3 x 3 convolution of that.

    Both are one transposed convolution, whose 4 x 4 kernel is the 3 x 3 one summed over four shifts: it takes the time
    of a transposed convolution and makes even ground of even ground (Odena et al. 2016, doi:10.23915/distill.00003).
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, kernel_size=3, stride=2, padding=1)

    def forward(self, features: Tensor, output_size: list[int] | None = None) -> Tensor:
        shifted = [functional.pad(self.weight, (x, 1 - x, y, 1 - y)) for x in (0, 1) for y in (0, 1)]
        return functional.conv_transpose2d(features, torch.stack(shifted).sum(0), self.bias, stride=2, padding=1)


def initialize(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02^2), as the paper does; batch norm makes the scale harmless."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, std=0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, mean=1.0, std=0.02)


def _upsample(before: int, after: int, upsampling: Upsampling) -> nn.Module:
    if upsampling == "transposed":
        return nn.ConvTranspose2d(before, after, 4, 2, 1)
    if upsampling == "nearest":
        return NearestConvolution(before, after)
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(before, after, 3, 1, 1))
