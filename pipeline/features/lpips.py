"""LPIPS: how different two pictures look to people, by learned weights on AlexNet's features.

Zhang et al. 2018, arXiv:1801.03924, version 0.1. Its weights are two files that others publish: torchvision's AlexNet,
and the paper's own five layers on it (`alex.pth`, 6 kB).
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.features.weights import read_weights

_CHANNELS = (64, 192, 384, 256, 256)
_TAPS = (1, 4, 7, 9, 11)
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)


class AlexNet(nn.Module):
    """Krizhevsky 2014, arXiv:1404.5997, up to its fifth ReLU, with the names of torchvision's weights."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth, fifth = _CHANNELS
        self.features = nn.Sequential(
            *(nn.Conv2d(3, first, 11, stride=4, padding=2), nn.ReLU()),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(first, second, 5, padding=2), nn.ReLU()),
            nn.MaxPool2d(3, stride=2),
            *(nn.Conv2d(second, third, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(third, fourth, 3, padding=1), nn.ReLU()),
            *(nn.Conv2d(fourth, fifth, 3, padding=1), nn.ReLU()),
        )

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures (N, 3, H, W), normalised, to the maps after each of the five ReLUs."""
        maps = []
        for place, layer in enumerate(self.features):
            pictures = layer(pictures)
            if place in _TAPS:
                maps.append(pictures)
        return maps


class Heads(nn.Module):
    """The learned weights (1, C, 1, 1) of the channels of each map, with the names of the published file."""

    def __init__(self) -> None:
        super().__init__()
        for place, channels in enumerate(_CHANNELS):
            # The published layers hold a dropout before the convolution, hence the 1.
            layer = nn.ModuleDict({"model": nn.ModuleDict({"1": nn.Conv2d(channels, 1, 1, bias=False)})})
            self.add_module(f"lin{place}", layer)

    def weights(self) -> list[Tensor]:
        return list(self.parameters())


class Lpips(nn.Module):
    """Maps two batches of pictures (N, 3, H, W) in [-1, 1], sides of 31 px or more, to distances (N,), 0 for equal."""

    shift: Tensor
    scale: Tensor

    def __init__(self, net: AlexNet, heads: Heads) -> None:
        super().__init__()
        self.net, self.heads = net, heads
        self.register_buffer("shift", torch.tensor(_SHIFT)[:, None, None], persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE)[:, None, None], persistent=False)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        maps = zip(*(self.net((pictures - self.shift) / self.scale) for pictures in (first, second)), strict=True)
        distances = [
            ((_directions(one) - _directions(other)).square() * weight).sum(dim=1).mean(dim=(1, 2))
            for (one, other), weight in zip(maps, self.heads.weights(), strict=True)
        ]
        return torch.stack(distances).sum(dim=0)


def load_lpips(alexnet: Path, heads: Path) -> Lpips:
    """Return the frozen distance with the weights of torchvision's AlexNet and of the published layers on it.

    Raises:
        DataError: a file is missing, damaged or holds other weights.

    """
    lpips = Lpips(AlexNet(), Heads())
    read_weights(lpips.net, alexnet, what="weights of torchvision's AlexNet", name="alexnet-owt-7be5be79.pth")
    read_weights(lpips.heads, heads, what="weights of LPIPS on AlexNet", name="alex.pth of LPIPS 0.1")
    return lpips.eval()


def _directions(maps: Tensor) -> Tensor:
    """Return features (N, C, h, w) of unit length at each place."""
    return maps / (maps.square().sum(dim=1, keepdim=True).sqrt() + 1e-10)
