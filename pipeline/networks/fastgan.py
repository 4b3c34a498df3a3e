"""FastGAN, Liu et al. 2021 (arXiv:2101.04775), for a few hundred pictures of a power of two from 32 to 256 pixels.

Left out: noise maps, which a seed would have to carry, and batch norm where the discriminator scores pictures, which
makes gradient penalties slow. Reconstructions are compared by the pixel at three scales, not by LPIPS, whose weights
would have to be downloaded.
"""

from itertools import pairwise
from math import log2
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.layers import ClassLogit, classes_of, doublings_of, leaky_convolution, sampling_graph

_PART, _WHOLE = 16, 8
"""Sides of the discriminator's features that a part and the whole of the picture are reconstructed from."""
_LARGEST = 128
"""Side of the largest reconstruction: what matters is layout and colour."""


class Fastgan(Network):
    """A generator of one convolution per resolution, and a discriminator that must remember what it saw.

    `width` is the number of channels at the picture's own side; it doubles with every halving, up to `max_width`.
    `spectral` bounds the slope of the discriminator (Miyato et al. 2018, arXiv:1802.05957) as published; a recipe with
    a gradient penalty does without.
    """

    name: Literal["fastgan"] = "fastgan"
    latent: int = Field(128, ge=1, description="numbers that a picture is painted from")
    width: int = Field(32, ge=1)
    max_width: int = Field(256, ge=1)
    spectral: bool = True
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        doublings = doublings_of(image, network=self.name, lowest=32, highest=256)
        widths = [min(self.width << halvings, self.max_width) for halvings in range(doublings + 1)]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": FastganGenerator(self.latent, classes, widths, image.channels),
            "discriminator": FastganDiscriminator(classes, widths, image, spectral=self.spectral),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


class SkipLayerExcitation(nn.Module):
    """Coarse features (N, `coarse`, side, side) open and close the channels of fine ones (N, `fine`, S, S).

    `side` is a multiple of 4. The gates lie in (0, 1), one for each channel: equation 1 of the paper.
    """

    def __init__(self, coarse: int, fine: int, *, side: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AvgPool2d(side // 4),
            nn.Conv2d(coarse, fine, 4),
            nn.LeakyReLU(0.1),
            nn.Conv2d(fine, fine, 1),
            nn.Sigmoid(),
        )

    def forward(self, coarse: Tensor, fine: Tensor) -> Tensor:
        gated: Tensor = fine * self.gate(coarse)
        return gated


class FastganGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S) in [-1, 1].

    `widths` counts channels from the picture's side down to 4 x 4.
    """

    def __init__(self, latent: int, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.latent = latent
        self.classes = classes
        coarse_to_fine = widths[::-1]
        stem = 2 * coarse_to_fine[0]
        self.stem = nn.Sequential(
            nn.Linear(latent + classes, 16 * stem, bias=False),
            nn.Unflatten(1, (stem, 4, 4)),
            nn.BatchNorm2d(stem),
            nn.GLU(dim=1),
        )
        self.stages = nn.ModuleList(_double(before, after) for before, after in pairwise(coarse_to_fine))
        # The paper excites sides sixteen times as large; 32 px get theirs from 4 px as well.
        self.sources = [max(place - 4, 0) if place >= 3 else None for place in range(1, len(widths))]
        self.excitations = nn.ModuleList(
            nn.Identity()
            if source is None
            else SkipLayerExcitation(coarse_to_fine[source], coarse_to_fine[place], side=4 << source)
            for place, source in enumerate(self.sources, start=1)
        )
        self.to_picture = nn.Conv2d(coarse_to_fine[-1], channels, 3, 1, 1)

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        pyramid: list[Tensor] = [self.stem(torch.cat([latent, classes], dim=1) if self.classes else latent)]
        for stage, source, excitation in zip(self.stages, self.sources, self.excitations, strict=True):
            features = stage(pyramid[-1])
            pyramid.append(features if source is None else excitation(pyramid[source], features))
        pictures: Tensor = self.to_picture(pyramid[-1]).float().tanh()
        return pictures


class FastganDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N,), the mean over patches.

    `self_supervision` makes two small decoders paint the picture from the features that the logit rests on, so that
    they must hold what there is to see (section 3.2 of the paper).
    """

    def __init__(self, classes: int, widths: list[int], image: Image, *, spectral: bool) -> None:
        super().__init__()
        halvings = int(log2(image.size // _WHOLE))
        self.stem = nn.Sequential(_convolution(image.channels, widths[1], 4, 2, 1, spectral=spectral), _leaky())
        self.to_part = nn.Sequential(
            *(_Halving(before, after, spectral=spectral) for before, after in pairwise(widths[1:halvings]))
        )
        self.to_whole = _Halving(widths[halvings - 1], widths[halvings], spectral=spectral)
        self.patches = nn.Sequential(
            _convolution(widths[halvings], widths[halvings], 4, 1, 0, spectral=spectral), _leaky()
        )
        self.logit = ClassLogit(widths[halvings], classes)
        self.decode_part = _decoder(widths[halvings - 1], min(image.size // 2, _LARGEST), image.channels)
        self.decode_whole = _decoder(widths[halvings], min(image.size, _LARGEST), image.channels)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        features = self.patches(self.to_whole(self.to_part(self.stem(images))))
        # The head is linear, so the mean of the patches' logits is the logit of their mean features.
        logits: Tensor = self.logit(features.mean(dim=(2, 3)), classes)
        return logits

    def self_supervision(self, images: Tensor) -> Tensor:
        """Return how far the decoders are from pictures (N, C, S, S), and from one part of them that is drawn anew.

        The part has half the side and the same place in all pictures; torch's default generator chooses it.
        """
        detailed = self.to_part(self.stem(images))
        whole = self.decode_whole(self.to_whole(detailed))
        side = _PART // 2
        top, left = torch.randint(_PART - side + 1, (2,)).tolist()
        part = self.decode_part(detailed[:, :, top : top + side, left : left + side])
        scale = images.shape[-1] // _PART
        rows, columns = (slice(start * scale, (start + side) * scale) for start in (top, left))
        return pyramid_distance(whole, images) + pyramid_distance(part, images[:, :, rows, columns])


def pyramid_distance(painted: Tensor, images: Tensor) -> Tensor:
    """Return the mean absolute difference of (N, C, s, s) and (N, C, S, S), averaged over the sides s, s/2 and s/4.

    S is s or a multiple of it. The coarse scales keep small shifts of detail from counting as much as wrong colours.
    """
    goal = functional.avg_pool2d(images, images.shape[-1] // painted.shape[-1])
    return torch.stack([functional.avg_pool2d(painted - goal, side).abs().mean() for side in (1, 2, 4)]).mean()


class _Halving(nn.Module):
    """The mean of a path that looks closely and one that averages."""

    def __init__(self, before: int, after: int, *, spectral: bool) -> None:
        super().__init__()
        self.close = nn.Sequential(
            _convolution(before, after, 4, 2, 1, spectral=spectral),
            _leaky(),
            _convolution(after, after, 3, 1, 1, spectral=spectral),
            _leaky(),
        )
        self.average = nn.Sequential(nn.AvgPool2d(2), _convolution(before, after, 1, 1, 0, spectral=spectral), _leaky())

    def forward(self, features: Tensor) -> Tensor:
        halved: Tensor = (self.close(features) + self.average(features)) / 2
        return halved


def _double(before: int, after: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Upsample(scale_factor=2.0, mode="nearest"),
        nn.Conv2d(before, 2 * after, 3, 1, 1, bias=False),
        nn.BatchNorm2d(2 * after),
        nn.GLU(dim=1),
    )


def _decoder(width: int, side: int, channels: int) -> nn.Sequential:
    """Return what paints (N, channels, side, side) in [-1, 1] from features (N, width, 8, 8)."""
    widths = [max(width >> doublings, 8) for doublings in range(int(log2(side // 8)) + 1)]
    stages = [_double(before, after) for before, after in pairwise(widths)]
    return nn.Sequential(*stages, nn.Conv2d(widths[-1], channels, 3, 1, 1), nn.Tanh())


def _convolution(before: int, after: int, kernel: int, stride: int, padding: int, *, spectral: bool) -> nn.Module:
    convolution = leaky_convolution(before, after, kernel, stride=stride, padding=padding)
    return spectral_norm(convolution) if spectral else convolution


def _leaky() -> nn.LeakyReLU:
    return nn.LeakyReLU(0.2)
