"""The features of classic style transfer: VGG19, trained on ImageNet, at the first ReLU of each of its five stages.

Simonyan and Zisserman 2015, arXiv:1409.1556; as the space of style and content in Gatys et al. 2016, "Image style
transfer using convolutional neural networks". The weights, 575 MB, are torchvision's; nothing of torchvision is needed.
"""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.data.download import fetch
from pipeline.features.weights import read_weights

CHANNELS = (64, 128, 256, 512, 512)
"""Channels of relu1_1, relu2_1, relu3_1, relu4_1 and relu5_1, which lie at 1, 1/2, 1/4, 1/8 and 1/16 of the side."""

SMALLEST_SIDE = 16

_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
_CHECKSUM = "sha256:dcbb9e9d"  # torchvision's file names begin their checksums
_CONVOLUTIONS = (2, 2, 4, 4, 1)  # per stage; what follows relu5_1 is left out
_MEAN = (0.485, 0.456, 0.406)
_DEVIATION = (0.229, 0.224, 0.225)


class Vgg19(nn.Module):
    """Maps pictures to the maps of relu1_1 to relu5_1; gradients reach the pictures.

    `features` is torchvision's layer list up to relu5_1, so that its weights load by their names.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        taps, channels = [], 3
        for width, count in zip(CHANNELS, _CONVOLUTIONS, strict=True):
            if layers:
                layers.append(nn.MaxPool2d(2))
            taps.append(len(layers) + 1)
            for _ in range(count):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(_MEAN)[:, None, None], persistent=False)
        self.register_buffer("deviation", torch.tensor(_DEVIATION)[:, None, None], persistent=False)
        self._taps = frozenset(taps)

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures (N, 3, H, W) float32 in [-1, 1], H and W 16 or more, to five maps (N, `CHANNELS`, h, w)."""
        maps = []
        current = (pictures / 2 + 0.5 - self.mean) / self.deviation
        for place, layer in enumerate(self.features):
            current = layer(current)
            if place in self._taps:
                maps.append(current)
        return maps


def load_vgg19(path: str = "", *, url: str = _URL, checksum: str = _CHECKSUM) -> Vgg19:
    """Return the frozen network with the weights of the file at `path`, by default of a download kept in the cache.

    Raises:
        DataError: the weights are missing or damaged, cannot be downloaded, or belong to another network.

    """
    file = Path(path) if path else fetch(url, folder="vgg19", checksum=checksum)
    net = Vgg19()
    read_weights(net, file, what="weights of torchvision's VGG19", name=url.rsplit("/", 1)[-1])
    return net
