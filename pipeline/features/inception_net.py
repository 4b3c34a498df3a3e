"""Inception-v3 as FID uses it: Szegedy et al. 2016 in the form of TensorFlow's graph of December 2015.

The modules bear the names of the published PyTorch weights, so that those load as they are. That graph differs from
the paper's network in its poolings: averages leave the border out, and the last block takes the largest value.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 299
FEATURES = 2048
_LOGITS = 1008


class Convolution(nn.Module):
    """A convolution without bias, a batch norm with fixed statistics, and ReLU."""

    def __init__(
        self,
        channels: int,
        width: int,
        kernel: int | tuple[int, int],
        *,
        stride: int = 1,
        padding: int | tuple[int, int] = 0,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, width, kernel, stride=stride, padding=padding, bias=False)
        self.bn = nn.BatchNorm2d(width, eps=1e-3)

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = self.bn(self.conv(maps)).relu()
        return result


class Block5(nn.Module):
    """35 px: branches of 1x1, 5x5, twice 3x3, and a pooling."""

    def __init__(self, channels: int, pooled: int, *, border: bool) -> None:
        super().__init__()
        self.averaged = _averaging(border=border)
        self.branch1x1 = Convolution(channels, 64, 1)
        self.branch5x5_1 = Convolution(channels, 48, 1)
        self.branch5x5_2 = Convolution(48, 64, 5, padding=2)
        self.branch3x3dbl_1 = Convolution(channels, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, padding=1)
        self.branch_pool = Convolution(channels, pooled, 1)

    def forward(self, maps: Tensor) -> Tensor:
        five = self.branch5x5_2(self.branch5x5_1(maps))
        three = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        return torch.cat([self.branch1x1(maps), five, three, self.branch_pool(self.averaged(maps))], dim=1)


class Reduction6(nn.Module):
    """35 to 17 px."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3 = Convolution(288, 384, 3, stride=2)
        self.branch3x3dbl_1 = Convolution(288, 64, 1)
        self.branch3x3dbl_2 = Convolution(64, 96, 3, padding=1)
        self.branch3x3dbl_3 = Convolution(96, 96, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        twice = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(maps)))
        return torch.cat([self.branch3x3(maps), twice, functional.max_pool2d(maps, 3, stride=2)], dim=1)


class Block6(nn.Module):
    """17 px: 7x7 convolutions, taken apart into 1x7 and 7x1, of an inner `width`."""

    def __init__(self, width: int, *, border: bool) -> None:
        super().__init__()
        self.averaged = _averaging(border=border)
        across, down = {"kernel": (1, 7), "padding": (0, 3)}, {"kernel": (7, 1), "padding": (3, 0)}
        self.branch1x1 = Convolution(768, 192, 1)
        self.branch7x7_1 = Convolution(768, width, 1)
        self.branch7x7_2 = Convolution(width, width, **across)  # type: ignore[arg-type]
        self.branch7x7_3 = Convolution(width, 192, **down)  # type: ignore[arg-type]
        self.branch7x7dbl_1 = Convolution(768, width, 1)
        self.branch7x7dbl_2 = Convolution(width, width, **down)  # type: ignore[arg-type]
        self.branch7x7dbl_3 = Convolution(width, width, **across)  # type: ignore[arg-type]
        self.branch7x7dbl_4 = Convolution(width, width, **down)  # type: ignore[arg-type]
        self.branch7x7dbl_5 = Convolution(width, 192, **across)  # type: ignore[arg-type]
        self.branch_pool = Convolution(768, 192, 1)

    def forward(self, maps: Tensor) -> Tensor:
        once = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(maps)))
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(maps)))
        twice = self.branch7x7dbl_5(self.branch7x7dbl_4(twice))
        return torch.cat([self.branch1x1(maps), once, twice, self.branch_pool(self.averaged(maps))], dim=1)


class Reduction7(nn.Module):
    """17 to 8 px."""

    def __init__(self) -> None:
        super().__init__()
        self.branch3x3_1 = Convolution(768, 192, 1)
        self.branch3x3_2 = Convolution(192, 320, 3, stride=2)
        self.branch7x7x3_1 = Convolution(768, 192, 1)
        self.branch7x7x3_2 = Convolution(192, 192, (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Convolution(192, 192, (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Convolution(192, 192, 3, stride=2)

    def forward(self, maps: Tensor) -> Tensor:
        three = self.branch3x3_2(self.branch3x3_1(maps))
        seven = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(maps)))
        return torch.cat([three, self.branch7x7x3_4(seven), functional.max_pool2d(maps, 3, stride=2)], dim=1)


class Block7(nn.Module):
    """8 px: branches that fork into 1x3 and 3x1; the last block pools the `largest` value, not the mean."""

    def __init__(self, channels: int, *, largest: bool, border: bool) -> None:
        super().__init__()
        self.largest, self.averaged = largest, _averaging(border=border)
        self.branch1x1 = Convolution(channels, 320, 1)
        self.branch3x3_1 = Convolution(channels, 384, 1)
        self.branch3x3_2a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3_2b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Convolution(channels, 448, 1)
        self.branch3x3dbl_2 = Convolution(448, 384, 3, padding=1)
        self.branch3x3dbl_3a = Convolution(384, 384, (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Convolution(384, 384, (3, 1), padding=(1, 0))
        self.branch_pool = Convolution(channels, 192, 1)

    def forward(self, maps: Tensor) -> Tensor:
        once = self.branch3x3_1(maps)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(maps))
        pooled = functional.max_pool2d(maps, 3, stride=1, padding=1) if self.largest else self.averaged(maps)
        branches = [
            self.branch1x1(maps),
            *(self.branch3x3_2a(once), self.branch3x3_2b(once)),
            *(self.branch3x3dbl_3a(twice), self.branch3x3dbl_3b(twice)),
            self.branch_pool(pooled),
        ]
        return torch.cat(branches, dim=1)


class InceptionNet(nn.Module):
    """Maps pictures (N, 3, H, W) float32 to features (N, 2048).

    FID's net takes 299 x 299 px as (levels - 128) / 128. With `plain` it is the paper's network, which torchvision has:
    all its poolings but the reductions' are averages, and those count the border as zeros.
    """

    def __init__(self, *, plain: bool = False) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = Convolution(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = Convolution(32, 32, 3)
        self.Conv2d_2b_3x3 = Convolution(32, 64, 3, padding=1)
        self.Conv2d_3b_1x1 = Convolution(64, 80, 1)
        self.Conv2d_4a_3x3 = Convolution(80, 192, 3)
        self.Mixed_5b = Block5(192, 32, border=plain)
        self.Mixed_5c, self.Mixed_5d = Block5(256, 64, border=plain), Block5(288, 64, border=plain)
        self.Mixed_6a = Reduction6()
        self.Mixed_6b, self.Mixed_6c = Block6(128, border=plain), Block6(160, border=plain)
        self.Mixed_6d, self.Mixed_6e = Block6(160, border=plain), Block6(192, border=plain)
        self.Mixed_7a = Reduction7()
        self.Mixed_7b = Block7(1280, largest=False, border=plain)
        self.Mixed_7c = Block7(2048, largest=not plain, border=plain)
        if not plain:
            self.fc = nn.Linear(FEATURES, _LOGITS)
            """Unused by FID, kept so that the published file fits whole."""

    def forward(self, pictures: Tensor) -> Tensor:
        maps = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(pictures)))
        maps = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(functional.max_pool2d(maps, 3, stride=2)))
        maps = functional.max_pool2d(maps, 3, stride=2)
        maps = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(maps)))
        maps = self.Mixed_6e(self.Mixed_6d(self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(maps)))))
        features: Tensor = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(maps))).mean(dim=(2, 3))
        return features


def resize(pictures: Tensor, side: int = SIDE) -> Tensor:
    """Bring pictures (N, C, H, W) to `side` pixels as TensorFlow 1 did: bilinear, corner to corner, no antialiasing.

    Pixel i of the result lies at i * (old side / new side) of the source, without the half pixel that all later
    resizings add; FID's reference statistics were made so, and torch-fidelity does the same.
    """
    for axis in (2, 3):
        old = pictures.shape[axis]
        place = torch.arange(side, dtype=torch.float32, device=pictures.device) * (old / side)
        lower = place.long().clamp(max=old - 1)
        share = (place - lower).view([-1, 1] if axis == 2 else [-1])
        first, second = pictures.index_select(axis, lower), pictures.index_select(axis, (lower + 1).clamp(max=old - 1))
        pictures = first + (second - first) * share
    return pictures


def _averaging(*, border: bool) -> nn.AvgPool2d:
    """Return what takes the mean of 3x3 places, of which those beyond the `border` count as zeros or not at all."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=border)
