"""The painting part of the stylizer: photographs and codes of styles -> pictures, whole or tile by tile."""

from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional

Normalization: TypeAlias = Callable[[Tensor], Tensor]
"""Features (N, C, H, W) -> the same, of mean 0 and variance 1 in each channel of each picture."""

EPSILON = 1e-5
_TYPICAL_SIDE = 64


class Painter(nn.Module):
    """Photographs, codes of styles, strengths and noise -> pictures; shapes and ranges as `forward` says.

    `normalized` tells the channels of each normalisation, in the order in which they run.
    """

    def __init__(self, width: int, *, blocks: int, code: int, noise: int) -> None:
        super().__init__()
        self.code, self.noise = code, noise
        quarter, half, full = width // 2, width // 4, width // 8
        self.normalized = (half, quarter, width, *[width] * (2 * blocks), quarter, half, full)
        self.photograph_code = nn.Parameter(torch.randn(code))
        self.variation = nn.Linear(noise, code, bias=False)
        self.variation_scale = nn.Parameter(torch.zeros(code))
        self.unshuffle = nn.PixelUnshuffle(2)
        self.to_half = _ModulatedConvolution(12, half, code=code)
        self.to_quarter = _ModulatedConvolution(half, quarter, code=code, stride=2)
        self.to_eighth = _ModulatedConvolution(quarter, width, code=code, stride=2)
        self.blocks = nn.ModuleList(_ResidualBlock(width, code) for _ in range(blocks))
        self.skip = nn.Conv2d(quarter, quarter, 1, bias=False)
        self.back_to_quarter = _ModulatedConvolution(width, quarter, code=code)
        self.back_to_half = _ModulatedConvolution(quarter, half, code=code)
        self.back_to_full = _ModulatedConvolution(half, full, code=code)
        self.to_picture = _convolution(full, 3)

    def forward(self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
        """Repaint photographs.

        Args:
            content: (N, 3, H, W) in [-1, 1], H and W multiples of 8 and at least 16.
            code: (N, code), a style's.
            strength: (N, 1) in [0, 1]; 0 gives the photograph back.
            noise: (N, noise) standard normal; zeros for the style's plainest version.

        Returns:
            (N, 3, H, W) in [-1, 1].

        """
        return self.paint(content, code, strength, noise, normalize=_over_the_picture)

    def paint(
        self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor, *, normalize: Normalization
    ) -> Tensor:
        """Repaint as `forward` does, with another way to normalise."""
        painted = code + self.variation_scale * self.variation(noise)
        code = torch.lerp(self.photograph_code.expand_as(painted), painted, strength.to(painted.dtype))
        features = self.to_half(self.unshuffle(content), code, normalize).relu()
        early = self.to_quarter(features, code, normalize).relu()
        features = self.to_eighth(early, code, normalize).relu()
        for block in self.blocks:
            features = block(features, code, normalize)
        features = self.back_to_quarter(_double(features), code, normalize)
        features = (features + self.skip(early)).relu()
        features = self.back_to_half(_double(features), code, normalize).relu()
        features = self.back_to_full(_double(features), code, normalize).relu()
        picture = self.to_picture(features).float().tanh()
        # The photograph fades out early, so that what changes with the strength is the painting; where it fades out
        # earlier still, a painting of full strength may be nearer to it than one of three quarters.
        share = 1 - (1 - strength.float()[:, :, None, None]) ** 2
        return torch.lerp(content.float(), picture, share)


class MeasuredPainter(nn.Module):
    """A painter that is told what to normalise by, and tells what it normalises: for pictures painted tile by tile.

    Statistics (N, S) are, for each normalisation in the order in which they run, the means and then the variances of
    all its channels. Returned are the picture and the features (N, C, H', W') that go into each normalisation.
    """

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.painter = painter

    def forward(
        self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor, statistics: Tensor
    ) -> tuple[Tensor, ...]:
        given = GivenStatistics(statistics)
        picture = self.painter.paint(content, code, strength, noise, normalize=given)
        return picture, *given.features

    def statistics_of_noise(self) -> Tensor:
        """Return statistics (S,) as they come up in a picture of noise."""
        random = torch.Generator().manual_seed(0)
        content = torch.rand(1, 3, _TYPICAL_SIDE, _TYPICAL_SIDE, generator=random) * 2 - 1
        code = torch.randn(1, self.painter.code, generator=random)
        noise = torch.zeros(1, self.painter.noise)
        measured: list[Tensor] = []

        def measure(features: Tensor) -> Tensor:
            variance, mean = torch.var_mean(features, dim=(2, 3), correction=0)
            measured.extend([mean[0], variance[0]])
            return _over_the_picture(features)

        self.painter.paint(content, code, torch.ones(1, 1), noise, normalize=measure)
        return torch.cat(measured)


class GivenStatistics:
    """Normalises by statistics (N, S) that were measured elsewhere, and keeps what it is given."""

    def __init__(self, statistics: Tensor) -> None:
        self._rest = statistics[:, :, None, None]
        self.features: list[Tensor] = []

    def __call__(self, features: Tensor) -> Tensor:
        self.features.append(features)
        channels = features.shape[1]
        mean, variance = self._rest[:, :channels], self._rest[:, channels : 2 * channels]
        self._rest = self._rest[:, 2 * channels :]
        return (features - mean) * (variance + EPSILON).rsqrt()


class _ModulatedConvolution(nn.Module):
    """A 3 x 3 convolution whose output is normalised per picture and channel, then scaled and shifted by the code."""

    def __init__(self, before: int, after: int, *, code: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = _convolution(before, after, stride)
        self.modulation = nn.Linear(code, 2 * after)
        nn.init.normal_(self.modulation.weight, std=0.1 / code**0.5)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, features: Tensor, code: Tensor, normalize: Normalization) -> Tensor:
        features = self.convolution(features)
        # Variances of whole pictures overflow half precision, so the norm works in single.
        normal = normalize(features.float()).to(features.dtype)
        scale, shift = self.modulation(code)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = normal * (1 + scale) + shift
        return modulated


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.first = _ModulatedConvolution(channels, channels, code=code)
        self.second = _ModulatedConvolution(channels, channels, code=code)

    def forward(self, features: Tensor, code: Tensor, normalize: Normalization) -> Tensor:
        refined: Tensor = self.second(self.first(features, code, normalize).relu(), code, normalize)
        return features + refined


def _over_the_picture(features: Tensor) -> Tensor:
    return functional.instance_norm(features, eps=EPSILON)


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    # Zero padding would tell the network where the border is, and a frame appears there.
    return nn.Conv2d(before, after, 3, stride, 1, padding_mode="reflect")


def _double(features: Tensor) -> Tensor:
    # Transposed convolutions leave a checkerboard (Odena et al. 2016), repeated pixels textures that cling to the grid.
    return functional.interpolate(features, scale_factor=2.0, mode="bilinear", align_corners=False)
