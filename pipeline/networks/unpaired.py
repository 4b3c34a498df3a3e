"""Photographs into paintings without pairs: the U-Net from RGB to RGB, with what either objective asks of it."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.patch import PatchJudge
from pipeline.networks.ushape import UShape, check_picture

_ALMOST = 0.97


class Unpaired(Network):
    """`width` and `blocks` are the U-Net's, `patch_width` the judges'.

    With `both_ways` a second U-Net leads back to photographs and a second judge looks at those (for the objective
    `cycle`); without it the generator has heads of `code` numbers that describe places (for `contrastive`).
    """

    name: Literal["unpaired"] = "unpaired"
    width: int = Field(32, ge=8, multiple_of=2)
    blocks: int = Field(4, ge=0)
    patch_width: int = Field(32, ge=1)
    both_ways: bool = False
    code: int = Field(64, ge=1)

    def build(self, image: Image) -> dict[str, nn.Module]:
        check_picture(image, network=self.name)
        judge = PatchJudge(image.channels, self.patch_width, 0)
        if not self.both_ways:
            return {"generator": DescribingTranslator(self), "discriminator": judge}
        judges = {"discriminator": judge, "inverse_discriminator": PatchJudge(image.channels, self.patch_width, 0)}
        return {"generator": InvertibleTranslator(self), **judges}

    def graph(self, modules: Modules, image: Image) -> Graph:
        return Graph(
            module=modules["generator"],
            task="translate",
            inputs=(Port("photograph", ("N", 3, "H", "W"), "picture"),),
            outputs=(Port("translated", ("N", 3, "H", "W"), "picture"),),
            translation="unpaired",
        )


class PictureTranslator(nn.Module):
    """Pictures (N, 3, H, W) in [-1, 1] -> pictures of the same shape in (-1, 1). Fresh, it changes almost nothing."""

    def __init__(self, settings: Unpaired) -> None:
        super().__init__()
        self.body = UShape(3, 3, width=settings.width, blocks=settings.blocks)

    def forward(self, content: Tensor) -> Tensor:
        painted = self.body(content, content.new_zeros(len(content), 0))
        return torch.tanh(torch.atanh(_ALMOST * content.clamp(-1, 1)) + painted.float())


class InvertibleTranslator(PictureTranslator):
    """A translator with another one that leads back."""

    def __init__(self, settings: Unpaired) -> None:
        super().__init__(settings)
        self.inverse = PictureTranslator(settings)


class DescribingTranslator(PictureTranslator):
    """A translator whose encoder describes places of a picture (Park et al. 2020, arXiv:2007.15651, section 3)."""

    def __init__(self, settings: Unpaired) -> None:
        super().__init__(settings)
        widths = (3, *self.body.widths)
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(width, settings.code), nn.ReLU(), nn.Linear(settings.code, settings.code))
            for width in widths
        )

    def describe(self, content: Tensor, places: Tensor) -> list[Tensor]:
        maps = [content, *self.body.encode(content, content.new_zeros(len(content), 0))]
        described = []
        for head, features in zip(self.heads, maps, strict=True):
            height, width = features.shape[2:]
            rows, columns = (places * places.new_tensor([height, width])).long().T
            chosen = features[:, :, rows, columns].transpose(1, 2)
            described.append(functional.normalize(head(chosen).float(), dim=2))
        return described
