"""One network that repaints a photograph in any of its styles, in mixtures of them and in any strength.

A feed-forward stylizer (Johnson et al. 2016, arXiv:1603.08155) whose instance norms are scaled and shifted by the style
(Dumoulin et al. 2017, arXiv:1610.07629).
"""

from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.errors import RecipeError
from pipeline.networks.layers import ClassLogit


class Stylizer(Network):
    """A conditional stylizer and a patch discriminator that knows the styles.

    `width` is the number of channels at a quarter of the picture's side, where `blocks` residual blocks work; `code` is
    the size of a style's code, `noise` that of the vector that varies the result, `patch_width` the discriminator's
    width at half the side.
    """

    name: Literal["stylizer"] = "stylizer"
    width: int = Field(64, ge=8, multiple_of=4)
    blocks: int = Field(4, ge=0)
    code: int = Field(64, ge=1)
    noise: int = Field(8, ge=1)
    patch_width: int = Field(32, ge=1)

    def build(self, image: Image) -> dict[str, nn.Module]:
        if image.channels != 3:
            raise RecipeError("data.channels", "'stylizer' repaints colour photographs", "set it to 3")
        if image.size % 8:
            raise RecipeError(
                "data.size", f"'stylizer' cannot halve {image.size} px three times", "use a multiple of 8"
            )
        styles = len(image.styles)
        return {
            "generator": StylizerGenerator(self, styles),
            "discriminator": PatchDiscriminator(image.channels, self.patch_width, styles),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return Graph(
            module=modules["generator"],
            task="stylize",
            inputs=(
                Port("content", ("N", 3, "H", "W"), "picture"),
                Port("style", ("N", len(image.styles)), "weights"),
                Port("strength", ("N", 1), "degree"),
                Port("noise", ("N", self.noise), "noise"),
            ),
            outputs=(Port("picture", ("N", 3, "H", "W"), "picture"),),
            choices=image.styles,
        )


class StylizerGenerator(nn.Module):
    """Photographs, style weights, strengths and noise -> pictures; shapes and ranges as `forward` says."""

    def __init__(self, settings: Stylizer, styles: int) -> None:
        super().__init__()
        self.styles = styles
        self.noise = settings.noise
        quarter = settings.width
        half, full = quarter // 2, quarter // 4
        self.photograph_code = nn.Parameter(torch.randn(settings.code))
        self.style_codes = nn.Parameter(torch.randn(styles, settings.code))
        self.variation = nn.Linear(settings.noise, settings.code, bias=False)
        self.variation_scale = nn.Parameter(torch.zeros(settings.code))
        self.unshuffle = nn.PixelUnshuffle(2)
        self.to_half = _ModulatedConvolution(12, half, code=settings.code)
        self.to_quarter = _ModulatedConvolution(half, quarter, code=settings.code, stride=2)
        self.blocks = nn.ModuleList(_ResidualBlock(quarter, settings.code) for _ in range(settings.blocks))
        self.back_to_half = _ModulatedConvolution(quarter, half, code=settings.code)
        self.back_to_full = _ModulatedConvolution(half, full, code=settings.code)
        self.to_picture = _convolution(full, 3)

    def forward(self, content: Tensor, style: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
        """Repaint photographs.

        Args:
            content: (N, 3, H, W) in [-1, 1], H and W multiples of 8.
            style: (N, styles) convex weights.
            strength: (N, 1) in [0, 1]; 0 gives the photograph back.
            noise: (N, noise) standard normal; zeros for the style's plainest version.

        Returns:
            (N, 3, H, W) in [-1, 1].

        """
        painted = style @ self.style_codes + self.variation_scale * self.variation(noise)
        code = torch.lerp(self.photograph_code.expand_as(painted), painted, strength)
        features = functional.relu(self.to_half(self.unshuffle(content), code))
        features = functional.relu(self.to_quarter(features, code))
        for block in self.blocks:
            features = block(features, code)
        features = functional.relu(self.back_to_half(_double(features), code))
        features = functional.relu(self.back_to_full(_double(features), code))
        picture = self.to_picture(features).float().tanh()
        # The photograph itself fades out early, so that what changes with the strength is the painting.
        share = 1 - (1 - strength[:, :, None, None]) ** 4
        return torch.lerp(content, picture, share)


class PatchDiscriminator(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1], sides of at least 8 px, and class weights (N, K) -> logits (N,).

    Isola et al. 2017 (arXiv:1611.07004), section 3.2.2: the logit of a picture is the mean over its patches of 22 px.
    Spectral norm (Miyato et al. 2018, arXiv:1802.05957) bounds the slope of every layer.
    """

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        widths = [channels, width, 2 * width, 4 * width]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(spectral_norm(nn.Conv2d(before, after, 4, 2, 1)), nn.LeakyReLU(0.2))
                for before, after in pairwise(widths)
            )
        )
        self.logit = ClassLogit(widths[-1], classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        # The head is linear, so the mean of the patches' logits is the logit of their mean features.
        logits: Tensor = self.logit(self.stages(images).mean(dim=(2, 3)), classes)
        return logits


class _ModulatedConvolution(nn.Module):
    """A 3 x 3 convolution whose output is normalised per picture and channel, then scaled and shifted by the code."""

    def __init__(self, before: int, after: int, *, code: int, stride: int = 1) -> None:
        super().__init__()
        self.convolution = _convolution(before, after, stride)
        self.modulation = nn.Linear(code, 2 * after)
        nn.init.normal_(self.modulation.weight, std=0.1 / code**0.5)
        nn.init.zeros_(self.modulation.bias)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        features = self.convolution(features)
        # Variances of whole pictures overflow half precision, so the norm works in single.
        normal = functional.instance_norm(features.float()).to(features.dtype)
        scale, shift = self.modulation(code)[:, :, None, None].chunk(2, dim=1)
        modulated: Tensor = normal * (1 + scale) + shift
        return modulated


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, code: int) -> None:
        super().__init__()
        self.first = _ModulatedConvolution(channels, channels, code=code)
        self.second = _ModulatedConvolution(channels, channels, code=code)

    def forward(self, features: Tensor, code: Tensor) -> Tensor:
        refined: Tensor = self.second(functional.relu(self.first(features, code)), code)
        return features + refined


def _convolution(before: int, after: int, stride: int = 1) -> nn.Conv2d:
    # Zero padding would tell the network where the border is, and a frame appears there.
    return nn.Conv2d(before, after, 3, stride, 1, padding_mode="reflect")


def _double(features: Tensor) -> Tensor:
    # Transposed convolutions leave a checkerboard (Odena et al. 2016).
    return functional.interpolate(features, scale_factor=2.0, mode="nearest")
