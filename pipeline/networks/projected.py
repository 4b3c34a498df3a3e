"""Projected GAN, Sauer et al. 2021 (arXiv:2111.01007), for a few hundred pictures of 32 to 256 pixels.

The discriminator looks through a network that has already learned to see, so the game begins where others only get to.
That is the feature network which ships with the project: a Frechet distance that is measured with the same network
flatters what was trained against it, so evaluate with another extractor.
"""

from copy import deepcopy
from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.features.ganvas_net import shipped
from pipeline.networks.dcgan_generator import DcganGenerator
from pipeline.networks.layers import classes_of, doublings_of, sampling_graph

_EYE = (32, 64, 128, 256)
"""Channels of the feature network's maps, from fine to coarse; sides are a half, a quarter, ... of the picture's."""
_MIXED = (64, 64, 128, 128)


class Projected(Network):
    """DCGAN's generator, its pictures resampled bilinearly, against small judges of frozen features.

    `width` and `max_width` are the generator's, see `dcgan`; `judge` is the number of channels of each judge.
    """

    name: Literal["projected"] = "projected"
    latent: int = Field(64, ge=1, description="numbers that a picture is painted from")
    width: int = Field(24, ge=1)
    max_width: int = Field(256, ge=1)
    judge: int = Field(64, ge=1)
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        doublings = doublings_of(image, network=self.name, lowest=32, highest=256)
        widths = [min(self.width << halvings, self.max_width) for halvings in range(doublings)]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": DcganGenerator(self.latent, classes, widths, image.channels, upsampling="bilinear"),
            "discriminator": ProjectedDiscriminator(classes, self.judge),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


class ProjectedDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N, places), all scales in a row."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.projection = Projection()
        self.judges = nn.ModuleList(
            Judge(channels, width, classes, halvings=len(_MIXED) - 1 - scale) for scale, channels in enumerate(_MIXED)
        )

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        maps = self.projection(images)
        return torch.cat([judge(seen, classes) for judge, seen in zip(self.judges, maps, strict=True)], dim=1)


class Projection(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] -> four maps (N, 64 | 64 | 128 | 128, s, s) that are never trained.

    The feature network's maps, their channels mixed at random, then the coarse ones added to the finer (section 3.2 of
    the paper): so no part of what the network sees can be overlooked.
    """

    def __init__(self) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(0)
        self.eye = deepcopy(shipped())
        self.channels = nn.ModuleList(
            _mixer(seen, mixed, gain=2, random=random) for seen, mixed in zip(_EYE, _MIXED, strict=True)
        )
        self.scales = nn.ModuleList(_mixer(coarse, fine, gain=1, random=random) for fine, coarse in pairwise(_MIXED))
        _freeze(self)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        seen = self.eye(images.expand(-1, 3, -1, -1))
        maps = [mix(features) for mix, features in zip(self.channels, seen, strict=True)]
        for scale in reversed(range(len(self.scales))):
            coarse = functional.interpolate(self.scales[scale](maps[scale + 1]), scale_factor=2.0, mode="bilinear")
            maps[scale] = (maps[scale] + coarse) * sqrt(0.5)
        return tuple(maps)


class Judge(nn.Module):
    """Maps (N, C, s, s) and class weights (N, classes) -> logits (N, places), with `halvings` halvings of the side.

    The class enters by projection (Miyato and Koyama 2018, arXiv:1802.05637); spectral norm bounds every slope.
    """

    def __init__(self, channels: int, width: int, classes: int, *, halvings: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before in [channels, *[width] * (halvings - 1)][:halvings]:
            layers += [spectral_norm(nn.Conv2d(before, width, 4, 2, 1)), nn.LeakyReLU(0.2)]
        if not halvings:
            layers = [spectral_norm(nn.Conv2d(channels, width, 3, 1, 1)), nn.LeakyReLU(0.2)]
        self.stages = nn.Sequential(*layers)
        self.logit = nn.Conv2d(width, 1, 1)
        self.embedding = nn.Linear(classes, width, bias=False) if classes else None

    def forward(self, maps: Tensor, classes: Tensor) -> Tensor:
        features = self.stages(maps)
        logits: Tensor = self.logit(features)[:, 0]
        if self.embedding is not None:
            logits = logits + (features * self.embedding(classes)[:, :, None, None]).sum(dim=1)
        return logits.flatten(1)


def _mixer(before: int, after: int, *, gain: float, random: torch.Generator) -> nn.Conv2d:
    mixer = nn.Conv2d(before, after, 1, bias=False)
    with torch.no_grad():
        mixer.weight.copy_(torch.randn(mixer.weight.shape, generator=random) * sqrt(gain / before))
    return mixer


def _freeze(module: nn.Module) -> None:
    """Make all that a module holds follow the device, unknown to optimisers and checkpoints."""
    for part in module.modules():
        for name, value in [*part.named_parameters(recurse=False), *part.named_buffers(recurse=False)]:
            delattr(part, name)
            part.register_buffer(name, value.detach(), persistent=False)
