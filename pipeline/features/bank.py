"""A frozen bank of random filters over a pyramid: features of texture and colour that need no trained weights.

Random filters describe textures nearly as well as learned ones: Ustyuzhaninov et al. 2016, "Texture synthesis using
shallow convolutional networks with random filters"; He et al. 2016, "A powerful generative model using random weights".
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 4
MAPS_PER_LEVEL = 2
SIDES = (3, 5, 7)
FILTERS = 16
MIXTURES = 48
SMALLEST_SIDE = 8


class RandomBank(nn.Module):
    """Maps pictures to feature maps: two for each level of a pyramid, finest level first.

    The first map of a level holds the blurred picture itself and rectified responses of zero-mean filters of 3, 5 and
    7 px, `filters` of each; the second holds `mixtures` rectified zero-mean mixtures of the first. Nothing in it is
    trained. Equal seeds give equal banks; score a model with another seed than it was trained on.
    """

    def __init__(self, channels: int, seed: int, *, filters: int = FILTERS, mixtures: int = MIXTURES) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.filters = nn.ParameterList(_filters(filters, channels, side, generator) for side in SIDES)
        self.mixtures = nn.Parameter(_filters(mixtures, channels + filters * len(SIDES), 3, generator))
        self.requires_grad_(False)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures (N, C, H, W) float32 in [-1, 1] to maps (N, F, H / 2^level, W / 2^level), level by level.

        The pyramid has four levels, fewer where a side would fall below 8 px.
        """
        maps: list[Tensor] = []
        for level in pyramid(pictures, LEVELS):
            responses = [functional.conv2d(_reflect(level, kernel.shape[-1] // 2), kernel) for kernel in self.filters]
            first = torch.cat([level, torch.cat(responses, dim=1).relu()], dim=1)
            maps += [first, functional.conv2d(_reflect(first, 1), self.mixtures).relu()]
        return maps


def pyramid(pictures: Tensor, levels: int) -> list[Tensor]:
    """Return pictures (N, C, H, W) at full, half, quarter ... size: at most `levels`, none with a side under 8 px.

    Each is blurred with the binomial [1, 3, 3, 1] before it is halved.
    """
    channels = pictures.shape[1]
    row = torch.tensor([1.0, 3.0, 3.0, 1.0], dtype=pictures.dtype, device=pictures.device) / 8
    kernel = torch.outer(row, row).expand(channels, 1, 4, 4)
    result = [pictures]
    while len(result) < levels and min(result[-1].shape[-2:]) >= 2 * SMALLEST_SIDE:
        result.append(functional.conv2d(_reflect(result[-1], 1), kernel, stride=2, groups=channels))
    return result


def _reflect(maps: Tensor, border: int) -> Tensor:
    return functional.pad(maps, [border] * 4, mode="reflect")


def _filters(count: int, channels: int, side: int, generator: torch.Generator) -> Tensor:
    """Return random filters (count, channels, side, side): fading to the edge, of zero mean and unit norm."""
    place = torch.arange(side) - side // 2
    window = torch.exp(-((place[:, None] ** 2 + place[None, :] ** 2) / (2 * (side / 4) ** 2)))
    kernel = torch.randn(count, channels, side, side, generator=generator) * window
    kernel = kernel - window * kernel.sum((1, 2, 3), keepdim=True) / (channels * window.sum())
    return functional.normalize(kernel.flatten(1)).view_as(kernel)
