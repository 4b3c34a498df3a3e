"""Deep convolutional GAN, Radford et al. 2015 (arXiv:1511.06434), for any power of two from 16 to 256 pixels."""

from itertools import pairwise
from math import log2
from typing import Literal

from pydantic import Field
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.errors import RecipeError
from pipeline.networks.dcgan_generator import DcganGenerator, Upsampling, initialize
from pipeline.networks.layers import ClassLogit, classes_of, sampling_graph

Normalization = Literal["batch", "spectral", "none"]


class Dcgan(Network):
    """Strided 4 x 4 convolutions between 4 x 4 features and the picture.

    `width` is the number of channels beside the picture; it doubles with every halving of the side, up to `max_width`.
    The generator has batch norm, conditioned on the class; `normalization` is the discriminator's: `batch` as
    published, `spectral` (Miyato et al. 2018, arXiv:1802.05957) or `none`, which a gradient penalty wants. `upsampling`
    is the generator's: `transposed` convolutions as published, which weave checkerboards, or resampling before a 3 x 3
    convolution, which leaves none (Odena et al. 2016, doi:10.23915/distill.00003), `nearest` at the price of a
    transposed convolution, `bilinear` at a higher one.
    """

    name: Literal["dcgan"] = "dcgan"
    latent: int = Field(100, ge=1, description="numbers that a picture is painted from")
    width: int = Field(64, ge=1)
    max_width: int = Field(512, ge=1)
    normalization: Normalization = "batch"
    upsampling: Upsampling = "transposed"
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        if image.size not in (16, 32, 64, 128, 256):
            raise RecipeError("network.name", f"'dcgan' makes no pictures of {image.size} pixels", "set data.size to a "
                              "power of two from 16 to 256")  # fmt: skip
        stages = int(log2(image.size)) - 2
        widths = [min(self.width * 2**stage, self.max_width) for stage in range(stages)]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": DcganGenerator(self.latent, classes, widths, image.channels, upsampling=self.upsampling),
            "discriminator": DcganDiscriminator(self, classes, widths, image.channels),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


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
            initialize(self)
        elif config.normalization == "none":
            for part in self.stages.modules():
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, a=0.2)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.logit(self.stages(images), classes)
        return logits


def _downsample(before: int, after: int, normalization: Normalization) -> nn.Sequential:
    convolution = nn.Conv2d(before, after, 4, 2, 1, bias=normalization != "batch")
    layers: list[nn.Module] = [spectral_norm(convolution) if normalization == "spectral" else convolution]
    if normalization == "batch":
        layers.append(nn.BatchNorm2d(after))
    return nn.Sequential(*layers, nn.LeakyReLU(0.2, inplace=True))
