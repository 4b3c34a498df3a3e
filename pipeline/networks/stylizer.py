"""One network that repaints a photograph in any style: a gallery's, their mixtures, or that of another picture.

A feed-forward stylizer (Johnson et al. 2016, arXiv:1603.08155) whose instance norms are scaled and shifted by a style's
code (Dumoulin et al. 2017, arXiv:1610.07629), which an encoder reads off a picture (Ghiasi et al. 2017,
arXiv:1705.06830).
"""

from copy import deepcopy
from itertools import pairwise
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.errors import RecipeError
from pipeline.networks.layers import ClassLogit
from pipeline.networks.painter import MeasuredPainter, Painter

STAGES = 5
"""How often the encoder halves a picture."""

HALF_TOLERANCE = 0.05
"""How far pictures and codes of half precision may be from one another in two runtimes, on a scale of 2."""


class Stylizer(Network):
    """A conditional painter with an encoder of styles, and a patch discriminator that knows the gallery's styles.

    `width` is the number of channels at an eighth of the picture's side, where `blocks` residual blocks work; `code` is
    the size of a style's code, `noise` that of the vector that varies the result, `encoder_width` the encoder's width
    at half the side, `patch_width` the discriminator's.
    """

    name: Literal["stylizer"] = "stylizer"
    width: int = Field(128, ge=16, multiple_of=8)
    blocks: int = Field(4, ge=0)
    code: int = Field(64, ge=1)
    noise: int = Field(8, ge=1)
    encoder_width: int = Field(24, ge=1)
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
        generator = modules["generator"]
        assert isinstance(generator, StylizerGenerator)
        content, style = (Port(name, ("N", 3, "H", "W"), "picture") for name in ("content", "style"))
        code = Port("code", ("N", self.code), "code")
        inputs = (
            content,
            code,
            Port("strength", ("N", 1), "degree"),
            Port("noise", ("N", self.noise), "noise"),
        )
        picture = Port("picture", ("N", 3, "H", "W"), "picture")
        with torch.no_grad():
            measured = MeasuredPainter(generator.painter)
            typical = measured.statistics_of_noise()
        statistics = Port("statistics", ("N", len(typical)), "code")
        features = tuple(
            Port(f"features_{place}", ("N", channels, f"H{place}", f"W{place}"), "code")
            for place, channels in enumerate(generator.painter.normalized)
        )
        return Graph(
            module=generator.painter,
            task="stylize",
            inputs=inputs,
            outputs=(picture,),
            choices=image.styles,
            codes=tuple(tuple(row) for row in generator.style_codes.tolist()),
            companions={
                "encoder": Graph(generator.encoder, "companion", (style,), (code,)),
                "tile": Graph(
                    measured,
                    "companion",
                    (*inputs, statistics),
                    (picture, *features),
                    typical={"statistics": typical},
                ),
                "half": Graph(
                    HalfPainter(generator.painter), "companion", inputs, (picture,), tolerance=HALF_TOLERANCE
                ),
                "encoder_half": Graph(
                    HalfEncoder(generator.encoder), "companion", (style,), (code,), tolerance=HALF_TOLERANCE
                ),
            },
        )


class StylizerGenerator(nn.Module):
    """A painter, the codes of its gallery, and the encoder that reads further codes off pictures."""

    def __init__(self, settings: Stylizer, styles: int) -> None:
        super().__init__()
        self.styles = styles
        self.noise = settings.noise
        self.painter = Painter(settings.width, blocks=settings.blocks, code=settings.code, noise=settings.noise)
        self.encoder = StyleEncoder(settings.encoder_width, settings.code)
        self.style_codes = nn.Parameter(torch.randn(styles, settings.code))

    def forward(self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
        """Repaint photographs, as `Painter.forward` says."""
        picture: Tensor = self.painter(content, code, strength, noise)
        return picture

    def gallery(self, weights: Tensor) -> Tensor:
        """Return the codes (N, code) of convex mixtures (N, styles) of the gallery's styles."""
        return weights @ self.style_codes

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the codes (N, code) of the styles of pictures (N, 3, H, W) in [-1, 1]."""
        code: Tensor = self.encoder(pictures)
        return code


class StyleEncoder(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1], sides of 17 px or more -> codes (N, code) of their styles.

    Means and standard deviations of strided convolutions' maps, which tell colours and textures and nothing of places.
    Nothing here is normalised: that would take the style away.
    """

    def __init__(self, width: int, code: int) -> None:
        super().__init__()
        widths = [3, *(width * min(2**stage, 4) for stage in range(STAGES))]
        self.stages = nn.ModuleList(
            nn.Conv2d(before, after, 3, 2, 1, padding_mode="reflect") for before, after in pairwise(widths)
        )
        self.hidden = nn.Linear(2 * sum(widths[1:]), 4 * code)
        self.to_code = nn.Linear(4 * code, code)
        for stage in self.stages:
            assert isinstance(stage, nn.Conv2d)
            nn.init.kaiming_normal_(stage.weight, a=0.2)

    def forward(self, pictures: Tensor) -> Tensor:
        features, moments = pictures, []
        for stage in self.stages:
            features = nn.functional.leaky_relu(stage(features), 0.2)
            # Sums over a whole picture lose their digits in half precision.
            wide = features.float()
            mean = wide.mean(dim=(2, 3))
            variance = (wide - mean[:, :, None, None]).square().mean(dim=(2, 3))
            moments += [mean, (variance + 1e-5).sqrt()]
        hidden = nn.functional.leaky_relu(self.hidden(torch.cat(moments, dim=1).to(features.dtype)), 0.2)
        code: Tensor = self.to_code(hidden).float()
        return code


class PatchDiscriminator(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1], sides of at least 8 px, and class weights (N, K) -> logits (N,).

    Isola et al. 2017 (arXiv:1611.07004), section 3.2.2: the logit of a picture is the mean over its patches of 22 px.
    Spectral norm (Miyato et al. 2018, arXiv:1802.05957) bounds the slope of every layer but the last.
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

    def maps(self, images: Tensor) -> list[Tensor]:
        """Return the maps (N, F, H, W) of every stage."""
        maps = [images]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps[1:]

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        # The head is linear, so the mean of the patches' logits is the logit of their mean features.
        logits: Tensor = self.logit(self.stages(images).mean(dim=(2, 3)), classes)
        return logits

    def bound(self) -> None:
        """Let logits change by at most 1 where the last features do."""
        self.logit.bound()


class HalfPainter(nn.Module):
    """A copy of a painter with weights of half precision, whose inputs and outputs stay single."""

    def __init__(self, painter: Painter) -> None:
        super().__init__()
        self.painter = deepcopy(painter).half()

    def forward(self, content: Tensor, code: Tensor, strength: Tensor, noise: Tensor) -> Tensor:
        picture: Tensor = self.painter(content.half(), code.half(), strength.half(), noise.half())
        return picture.float()


class HalfEncoder(nn.Module):
    """A copy of an encoder with weights of half precision, whose inputs and outputs stay single."""

    def __init__(self, encoder: StyleEncoder) -> None:
        super().__init__()
        self.encoder = deepcopy(encoder).half()

    def forward(self, style: Tensor) -> Tensor:
        code: Tensor = self.encoder(style.half())
        return code.float()
