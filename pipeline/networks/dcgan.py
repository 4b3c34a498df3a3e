"""Deep convolutional GAN, Radford et al. 2015 (arXiv:1511.06434), for any power of two from 16 to 256 pixels."""

from itertools import pairwise
from math import log2
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.errors import RecipeError
from pipeline.networks.layers import ClassLogit, classes_of, sampling_graph

Normalization = Literal["batch", "spectral", "none"]
Upsampling = Literal["transposed", "bilinear"]


class Dcgan(Network):
    """Strided 4 x 4 convolutions between 4 x 4 features and the picture.

    `width` is the number of channels beside the picture; it doubles with every halving of the side, up to `max_width`.
    The generator has batch norm, conditioned on the class; `normalization` is the discriminator's: `batch` as
    published, `spectral` (Miyato et al. 2018, arXiv:1802.05957) or `none`, which a gradient penalty wants. `upsampling`
    is the generator's: `transposed` convolutions as published, or `bilinear` resampling before a 3 x 3 convolution,
    which cost more and leave no checkerboard (Odena et al. 2016, doi:10.23915/distill.00003).
    """

    name: Literal["dcgan"] = "dcgan"
    latent: int = Field(100, ge=1)
    width: int = Field(64, ge=1)
    max_width: int = Field(512, ge=1)
    normalization: Normalization = "batch"
    upsampling: Upsampling = "transposed"
    conditional: bool = True

    def build(self, image: Image) -> dict[str, nn.Module]:
        if image.size not in (16, 32, 64, 128, 256):
            raise RecipeError("network.name", f"'dcgan' makes no pictures of {image.size} pixels", "set data.size to a "
                              "power of two from 16 to 256")  # fmt: skip
        stages = int(log2(image.size)) - 2
        widths = [min(self.width * 2**stage, self.max_width) for stage in range(stages)]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": DcganGenerator(self, classes, widths, image.channels),
            "discriminator": DcganDiscriminator(self, classes, widths, image.channels),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


class DcganGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S) in [-1, 1]."""

    def __init__(self, config: Dcgan, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.latent = config.latent
        self.classes = classes
        coarse_to_fine = widths[::-1]
        self.stem = nn.Sequential(
            nn.Linear(config.latent + classes, coarse_to_fine[0] * 16), nn.Unflatten(1, (coarse_to_fine[0], 4, 4))
        )
        self.norms = nn.ModuleList(ClassBatchNorm(width, classes) for width in coarse_to_fine)
        self.stages = nn.ModuleList(
            _upsample(before, after, config.upsampling) for before, after in pairwise([*coarse_to_fine, channels])
        )
        _initialize(self)

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


class DcganDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N,)."""

    def __init__(self, config: Dcgan, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(
            *(
                _downsample(before, after, config.normalization if stage else "none")
                for stage, (before, after) in enumerate(pairwise([channels, *widths]))
            ),
            nn.Flatten(),
        )
        self.logit = ClassLogit(widths[-1] * 16, classes)
        if config.normalization == "batch":
            _initialize(self)
        elif config.normalization == "none":
            for part in self.stages.modules():
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, a=0.2)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.logit(self.stages(images), classes)
        return logits


def _upsample(before: int, after: int, upsampling: Upsampling) -> nn.Module:
    if upsampling == "transposed":
        return nn.ConvTranspose2d(before, after, 4, 2, 1)
    return nn.Sequential(nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(before, after, 3, 1, 1))


def _downsample(before: int, after: int, normalization: Normalization) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 4, 2, 1, bias=normalization != "batch")
    layers: list[nn.Module] = [spectral_norm(convolution) if normalization == "spectral" else convolution]
    if normalization == "batch":
        layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))


def _initialize(module: nn.Module) -> None:
    """Draw weights from N(0, 0.02^2), as the paper does; batch norm makes the scale harmless."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.normal_(part.weight, std=0.02)
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.normal_(part.weight, mean=1.0, std=0.02)
