"""The modernised residual GAN without normalisation, Huang et al. 2024 (R3GAN, arXiv:2501.05441), section 4."""

from itertools import pairwise
from math import log2, sqrt
from typing import Literal, Self, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, leaky_relu

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.errors import RecipeError
from pipeline.networks.layers import classes_of, sampling_graph

_SLOPE = 0.2
LayerT = TypeVar("LayerT", nn.Conv2d, nn.Linear)

_BASE = 4
"""Side of the coarsest features."""


class Resnet(Network):
    """Residual stages of 1 x 1, grouped 3 x 3 and 1 x 1 convolutions between 4 x 4 features and the picture.

    `width` is the number of channels of the finest stage; it doubles with every halving of the side, up to `max_width`.
    Inside a block there are `expansion` times as many, in groups of `group`. `patch` is the side in pixels of what one
    place of the finest features stands for: 1 as published, 2 or 4 where the finest stages would cost too much.
    """

    name: Literal["resnet"] = "resnet"
    latent: int = Field(64, ge=1, description="numbers that a picture is painted from")
    width: int = Field(32, ge=1)
    max_width: int = Field(256, ge=1)
    blocks: int = Field(2, ge=1, description="residual blocks a stage")
    expansion: int = Field(2, ge=1)
    group: int = Field(16, ge=1)
    patch: Literal[1, 2, 4] = 1
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    @model_validator(mode="after")
    def _divides(self) -> Self:
        for width in (self.width, self.max_width):
            if width * self.expansion % self.group:
                raise ValueError(f"{width} x {self.expansion} channels fall into no groups of {self.group}")
        return self

    def build(self, image: Image) -> dict[str, nn.Module]:
        stages = log2(image.size / self.patch / _BASE) + 1
        if stages < 2 or not stages.is_integer():
            remedy = f"set data.size to a power of two from {2 * _BASE * self.patch}"
            raise RecipeError("network.name", f"'resnet' makes no pictures of {image.size} pixels", remedy)
        widths = [min(self.width * 2**stage, self.max_width) for stage in range(int(stages))]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": ResnetGenerator(self, classes, widths[::-1], image.channels),
            "discriminator": ResnetDiscriminator(self, classes, widths, image.channels),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


class ResnetGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S), about [-1, 1]."""

    def __init__(self, config: Resnet, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.latent = config.latent
        self.classes = classes
        self.embedding = nn.Linear(classes, config.latent, bias=False) if classes else None
        self.basis = nn.Parameter(torch.randn(widths[0], _BASE, _BASE))
        joined = config.latent * (2 if classes else 1)
        self.mixing = _initialized(nn.Linear(joined, widths[0], bias=False))
        self.stages = nn.ModuleList(_stage(config, width, len(widths)) for width in widths)
        self.widenings = nn.ModuleList(_pointwise(before, after) for before, after in pairwise(widths))
        self.to_pixels = _pointwise(widths[-1], channels * config.patch**2, gain=0.1)
        self.shuffle = nn.PixelShuffle(config.patch)

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        given = latent if self.embedding is None else torch.cat([latent, self.embedding(classes)], dim=1)
        features = self.basis * self.mixing(given)[:, :, None, None]
        features = self.stages[0](features)
        for widening, stage in zip(self.widenings, list(self.stages)[1:], strict=True):
            features = stage(interpolate(widening(features), scale_factor=2, mode="bilinear"))
        pictures: Tensor = self.shuffle(self.to_pixels(features))
        return pictures


class ResnetDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N,)."""

    def __init__(self, config: Resnet, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.shuffle = nn.PixelUnshuffle(config.patch)
        self.from_pixels = _pointwise(channels * config.patch**2, widths[0])
        self.stages = nn.ModuleList(_stage(config, width, len(widths)) for width in widths)
        self.widenings = nn.ModuleList(_pointwise(before, after) for before, after in pairwise(widths))
        features = widths[-1]
        self.basis = _initialized(nn.Conv2d(features, features, _BASE, groups=features, bias=False))
        self.embedding = nn.Linear(classes, config.latent, bias=False) if classes else None
        self.head = _initialized(nn.Linear(features, config.latent if classes else 1, bias=False))

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        features = self.stages[0](self.from_pixels(self.shuffle(images)))
        for widening, stage in zip(self.widenings, list(self.stages)[1:], strict=True):
            features = stage(avg_pool2d(widening(features), 2))
        scores: Tensor = self.head(self.basis(features).flatten(1))
        if self.embedding is None:
            return scores.squeeze(1)
        embedded: Tensor = self.embedding(classes)
        return (scores * embedded).sum(dim=1) / sqrt(embedded.shape[1])


class ResidualBlock(nn.Module):
    """Features (N, C, H, W) -> the same shape; the identity at first, because the last convolution starts at zero."""

    def __init__(self, config: Resnet, width: int, gain: float) -> None:
        super().__init__()
        inner = width * config.expansion
        self.before = _pointwise(width, inner, gain=gain)
        self.first_bias = nn.Parameter(torch.zeros(inner, 1, 1))
        grouped = nn.Conv2d(inner, inner, 3, 1, 1, groups=inner // config.group, bias=False)
        self.grouped = _initialized(grouped, gain=gain)
        self.second_bias = nn.Parameter(torch.zeros(inner, 1, 1))
        self.after = _pointwise(inner, width, gain=0.0)

    def forward(self, features: Tensor) -> Tensor:
        inner = leaky_relu(self.before(features) + self.first_bias, _SLOPE)
        inner = leaky_relu(self.grouped(inner) + self.second_bias, _SLOPE)
        out: Tensor = features + self.after(inner)
        return out


def _stage(config: Resnet, width: int, stages: int) -> nn.Sequential:
    blocks = config.blocks * stages
    gain = sqrt(2 / (1 + _SLOPE**2)) * blocks**-0.25  # Zhang et al. 2019 (Fixup, arXiv:1901.09321)
    return nn.Sequential(*(ResidualBlock(config, width, gain) for _ in range(config.blocks)))


def _pointwise(before: int, after: int, gain: float = 1.0) -> nn.Conv2d:
    return _initialized(nn.Conv2d(before, after, 1, bias=False), gain=gain)


def _initialized(module: LayerT, gain: float = 1.0) -> LayerT:
    """Draw the weights so that the output's variance is `gain` squared times the input's."""
    fan_in = module.weight[0].numel()
    nn.init.normal_(module.weight, std=gain / sqrt(fan_in))
    return module
