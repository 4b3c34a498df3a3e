"""StyleGAN, Karras et al. 2019 and 2020 (arXiv:1812.04948, arXiv:1912.04958), for powers of two from 8 to 512 pixels.

Reimplemented from the papers. Every layer's weights are scaled by the style and brought back to unit norm. Instead of
kernels of their own for each picture, which no graph with a free batch can hold, the features are scaled before one
convolution and after it, which comes to the same.

Left out: path length regularisation, which costs a second backward pass through the generator. Convolutions carry their
scale in their weights, not in a factor at run time (equalised learning rate): the papers' rate of 0.002 for millions of
steps moves a weight by 0.2 % a step, and recipes of minutes want the 1 to 2 % that 0.001 makes of plain weights. The
mapping network, which all layers hang on, keeps a slower pace as in the papers, and so does the strength of noise: at
the full rate it soon drowned the styles. A rate of 0.002 is less steady than 0.001.
"""

from itertools import pairwise
from math import sqrt
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.layers import ClassLogit, ResidualHalving, classes_of, deviation, doublings_of, leaky_convolution

_SLOW = 0.1
"""What the mapping network and the strengths of noise keep of Adam's rate."""
_MEMORY = 0.999
"""What is left of the mean style after one more picture of its class."""


class Stylegan(Network):
    """A mapping network whose styles modulate every layer, and a residual discriminator without normalisation.

    `width` is the number of channels beside the picture; it doubles with every halving of the side, up to `max_width`.
    `style` is the size of the intermediate latent w, which `depth` layers make of the `latent` numbers z. `mixing` is
    the share of the pictures that take their fine layers from another w in training. `minibatch_statistics` tells the
    discriminator how much the pictures of a batch differ (Karras et al. 2018, arXiv:1710.10196).
    """

    name: Literal["stylegan"] = "stylegan"
    latent: int = Field(128, ge=1)
    style: int = Field(128, ge=1)
    depth: int = Field(2, ge=1)
    width: int = Field(32, ge=1)
    max_width: int = Field(256, ge=1)
    mixing: float = Field(0.9, ge=0, le=1)
    minibatch_statistics: bool = False
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        doublings = doublings_of(image, network=self.name, lowest=8, highest=512)
        widths = [min(self.width << halvings, self.max_width) for halvings in range(doublings + 1)]
        classes = classes_of(image, conditional=self.conditional)
        statistics = self.minibatch_statistics
        return {
            "generator": StyleganGenerator(self, classes, widths, image.channels),
            "discriminator": StyleganDiscriminator(classes, widths, image.channels, statistics=statistics),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        generator = modules["generator"]
        assert isinstance(generator, StyleganGenerator)
        inputs = (
            Port("latent", ("N", self.latent), "latent"),
            Port("noise", ("N", generator.latent - self.latent), "noise"),
            Port("truncation", ("N", 1), "degree"),
            *([Port("classes", ("N", generator.classes), "weights")] if generator.classes else []),
        )
        picture = Port("picture", ("N", image.channels, image.size, image.size), "picture")
        choices = image.classes if generator.classes else ()
        return Graph(_Sampling(generator), "sample", inputs, (picture,), choices)


class StyleganGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S), cut to [-1, 1] but in training.

    The first numbers of a latent are z, the others the noise of all layers, coarse to fine. z is not normalised, so
    that a longer one makes a bolder picture. `widths` counts channels from the picture's side down to 4 x 4.
    """

    means: Tensor

    def __init__(self, config: Stylegan, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.classes = classes
        self.mixing = config.mixing
        self.mapping = Mapping(config, classes)
        self.register_buffer("means", torch.zeros(max(classes, 1), config.style))
        coarse_to_fine = widths[::-1]
        self.start = nn.Parameter(torch.randn(1, coarse_to_fine[0], 4, 4))
        self.layers = nn.ModuleList([StyledLayer(coarse_to_fine[0], coarse_to_fine[0], config.style)])
        for before, after in pairwise(coarse_to_fine):
            self.layers.append(StyledLayer(before, after, config.style, upsample=True))
            self.layers.append(StyledLayer(after, after, config.style))
        self.pictures = nn.ModuleList(_ToPicture(width, channels, config.style) for width in coarse_to_fine)
        self.sizes = [16, *(side * side for doublings in range(1, len(widths)) for side in [4 << doublings] * 2)]
        self.latent = config.latent + sum(self.sizes)

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        z, maps = torch.split(latent, [self.latent - sum(self.sizes), sum(self.sizes)], dim=1)
        codes = self.mapping(z, classes)
        if self.training:
            self._follow(codes, classes)
        styles = self.every_layer(codes)
        if self.training and self.mixing:
            others = self.every_layer(self.mapping(torch.randn_like(z), classes))
            styles = mix_styles(styles, others, self._draw_crossovers(styles))
        return self.paint(styles, maps)

    def every_layer(self, codes: Tensor) -> Tensor:
        """Return w (N, style) as (N, layers, style): one for each convolution, and one for the last picture layer."""
        return codes[:, None].expand(-1, len(self.layers) + 1, -1)

    def truncate(self, codes: Tensor, classes: Tensor, truncation: Tensor) -> Tensor:
        """Return w (N, style), moved to the mean of its class: all the way at `truncation` (N, 1) 0, not at all at 1.

        Section B of the first paper. One mean for all classes would turn every class into the same picture.
        """
        means = classes @ self.means if self.classes else self.means.expand_as(codes)
        return torch.lerp(means, codes, truncation)

    def paint(self, styles: Tensor, noise: Tensor) -> Tensor:
        """Return pictures (N, C, S, S) for styles (N, layers, style) and noise (N, sum of the layers' pixels).

        Each resolution adds its own picture to the one before (output skips, section 4 of the second paper).
        """
        maps = torch.split(noise, self.sizes, dim=1)
        features = self.layers[0](self.start.expand(len(styles), -1, -1, -1), styles[:, 0], maps[0])
        picture: Tensor = self.pictures[0](features, styles[:, 1])
        for place, to_picture in zip(range(1, len(self.layers), 2), self.pictures[1:], strict=True):
            features = self.layers[place](features, styles[:, place], maps[place])
            features = self.layers[place + 1](features, styles[:, place + 1], maps[place + 1])
            doubled = functional.interpolate(picture, scale_factor=2.0, mode="bilinear")
            picture = doubled + to_picture(features, styles[:, place + 2])
        # A bound in training would take the slope from what lies beyond it.
        return picture.float() if self.training else picture.float().clamp(-1, 1)

    @torch.no_grad()
    def _follow(self, codes: Tensor, classes: Tensor) -> None:
        """Move the mean w of every class towards those of a batch, the faster the more pictures it holds.

        Of several ranks each moves it by its own share of the batch, and the mean over them is kept: together they move
        it no faster than one such share does.
        """
        codes = codes.float()
        shares = classes if self.classes else torch.ones_like(codes[:, :1])
        counts = shares.sum(dim=0)[:, None]
        sums = (shares[:, :, None] * codes[:, None]).sum(dim=0)
        self.means.lerp_(torch.where(counts > 0, sums / counts.clamp(min=1e-6), self.means), 1 - _MEMORY**counts)

    def _draw_crossovers(self, styles: Tensor) -> Tensor:
        """Return, for each picture, the layer (N,) from which on it takes the other w; past the last for never."""
        pictures, layers = styles.shape[:2]
        drawn = torch.randint(1, layers, (pictures,), device=styles.device)
        mixed = torch.rand(pictures, device=styles.device) < self.mixing
        return torch.where(mixed, drawn, layers)


class Mapping(nn.Module):
    """z (N, latent) and class weights (N, classes) -> w (N, style). A class is a direction that z is joined to."""

    def __init__(self, config: Stylegan, classes: int) -> None:
        super().__init__()
        self.embedding = nn.Linear(classes, config.latent, bias=False) if classes else None
        if self.embedding is not None:
            nn.init.normal_(self.embedding.weight)
        widths = [config.latent * (2 if classes else 1), *[config.style] * config.depth]
        self.layers = nn.Sequential(*(SlowLayer(before, after) for before, after in pairwise(widths)))

    def forward(self, z: Tensor, classes: Tensor) -> Tensor:
        codes: Tensor = self.layers(z if self.embedding is None else torch.cat([z, self.embedding(classes)], dim=1))
        return codes


class SlowLayer(nn.Module):
    """A linear layer and its rectifier that Adam moves at a fraction of its rate: weights are larger than they act."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(after, before) / before**0.5 / _SLOW)
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, features: Tensor) -> Tensor:
        return _activate(functional.linear(features, self.weight * _SLOW, self.bias * _SLOW))


class StyledLayer(nn.Module):
    """Features (N, `before`, s, s), a style (N, style) and noise (N, S^2) -> features (N, `after`, S, S).

    S is 2 s with `upsample`, else s. Noise counts for nothing until its strength is learned.
    """

    blur: Tensor

    def __init__(self, before: int, after: int, style: int, *, upsample: bool = False) -> None:
        super().__init__()
        self.scale = _scale(style, before)
        self.weight = nn.Parameter(torch.randn(after, before, 3, 3) / (9 * before) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(after))
        self.strength = nn.Parameter(torch.zeros(()))
        self.upsample = upsample
        taps = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 4
        self.register_buffer("blur", torch.outer(taps, taps).repeat(after, 1, 1, 1), persistent=False)

    def forward(self, features: Tensor, style: Tensor, noise: Tensor) -> Tensor:
        scale = self.scale(style)
        features = features * scale[:, :, None, None]
        if self.upsample:
            # But for the outer two pixels the same as a convolution after a bilinear doubling, for a third of the time.
            spread = functional.conv_transpose2d(features, self.weight.transpose(0, 1), stride=2)
            features = functional.conv2d(spread, self.blur, padding=1, groups=len(self.blur))
        else:
            features = functional.conv2d(features, self.weight, padding=1)
        features = features * demodulation(self.weight, scale)[:, :, None, None]
        grain = noise.reshape(-1, 1, *features.shape[2:]) * self.strength * _SLOW
        return _activate(features + grain + self.bias[:, None, None])


def demodulation(weight: Tensor, scale: Tensor) -> Tensor:
    """Return what brings weights (O, I, k, k), scaled by (N, I), to unit norm for each picture and output: (N, O).

    Equation 3 of the second paper.
    """
    energy = weight.square().sum(dim=(2, 3))
    return (scale.square() @ energy.T + 1e-8).rsqrt()


def mix_styles(coarse: Tensor, fine: Tensor, crossovers: Tensor) -> Tensor:
    """Return styles (N, layers, style) that are `coarse` before layer `crossovers` (N,) and `fine` from there on.

    Section 3.1 of the first paper.
    """
    layers = torch.arange(coarse.shape[1], device=coarse.device)
    return torch.where((layers < crossovers[:, None])[:, :, None], coarse, fine)


class StyleganDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N,)."""

    def __init__(self, classes: int, widths: list[int], channels: int, *, statistics: bool) -> None:
        super().__init__()
        self.statistics = statistics
        deepest = widths[-1]
        self.stages = nn.Sequential(
            leaky_convolution(channels, widths[0], 1),
            nn.LeakyReLU(0.2),
            *(ResidualHalving(before, after) for before, after in pairwise(widths)),
        )
        self.patch = nn.Sequential(
            leaky_convolution(deepest + statistics, deepest, 3), nn.LeakyReLU(0.2), nn.Flatten(),
            nn.Linear(16 * deepest, deepest), nn.LeakyReLU(0.2),
        )  # fmt: skip
        self.logit = ClassLogit(deepest, classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        features = self.stages(images)
        if self.statistics:
            features = torch.cat([features, deviation(features)], dim=1)
        logits: Tensor = self.logit(self.patch(features), classes)
        return logits


class _ToPicture(nn.Module):
    """Features (N, F, s, s) and a style -> a picture (N, C, s, s) without bounds."""

    def __init__(self, width: int, channels: int, style: int) -> None:
        super().__init__()
        self.scale = _scale(style, width)
        self.convolution = nn.Conv2d(width, channels, 1)
        # Resolutions are added up, so each begins small.
        nn.init.normal_(self.convolution.weight, std=0.2 * width**-0.5)

    def forward(self, features: Tensor, style: Tensor) -> Tensor:
        picture: Tensor = self.convolution(features * self.scale(style)[:, :, None, None])
        return picture


class _Sampling(nn.Module):
    """A generator as a graph of separate inputs, in the order of its ports."""

    def __init__(self, generator: StyleganGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, noise: Tensor, truncation: Tensor, classes: Tensor | None = None) -> Tensor:
        known = latent[:, :0] if classes is None else classes
        codes = self.generator.truncate(self.generator.mapping(latent, known), known, truncation)
        return self.generator.paint(self.generator.every_layer(codes), noise)


def _scale(style: int, channels: int) -> nn.Linear:
    """Return what turns a style into the scales of channels, which lie around one at first."""
    layer = nn.Linear(style, channels)
    nn.init.normal_(layer.weight, std=style**-0.5)
    nn.init.ones_(layer.bias)
    return layer


def _activate(features: Tensor) -> Tensor:
    """Leaky rectifier that keeps the second moment of normal features."""
    return functional.leaky_relu(features, 0.2) * sqrt(2 / 1.04)
