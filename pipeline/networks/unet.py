"""The pix2pix family: one U-Net for every task of paired translation, and a judge of patches.

Isola et al. 2017 (arXiv:1611.07004).
"""

from typing import Any, Literal

import torch
from pydantic import Field, SerializeAsAny, ValidationInfo, field_validator
from torch import Tensor, nn

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network, Pair, Translation
from pipeline.networks.patch import PatchJudge
from pipeline.networks.ushape import UShape, check_picture
from pipeline.sections import Place, parse_part
from pipeline.tasks import TASKS


class Unet(Network):
    """`width` channels at half the side, `blocks` residual blocks at an eighth of it, `patch_width` of the judge."""

    name: Literal["unet"] = "unet"
    translation: SerializeAsAny[Translation] = Field(description="the task")
    width: int = Field(32, ge=8, multiple_of=2)
    blocks: int = Field(4, ge=0)
    patch_width: int = Field(32, ge=1)

    @field_validator("translation", mode="before")
    @classmethod
    def _registered(cls, content: Any, info: ValidationInfo) -> Translation:
        if isinstance(content, Translation):
            return content
        where = info.context.where if isinstance(info.context, Place) else "network"
        translation: Translation = parse_part(TASKS, content, f"{where}.translation")
        return translation

    def build(self, image: Image) -> dict[str, nn.Module]:
        check_picture(image, network=self.name)
        choices = len(self.translation.choices(image))
        return {
            "generator": Translator(self, image),
            "discriminator": PatchJudge(self.translation.planes + image.channels, self.patch_width, choices),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return Graph(
            module=_Served(modules["generator"]),
            task="translate",
            inputs=self.translation.ports(image),
            outputs=(Port("translated", ("N", 3, "H", "W"), "picture"),),
            choices=self.translation.choices(image),
            translation=self.translation.name,
        )


class Translator(nn.Module):
    """What is given and what guides it -> pictures (N, 3, H, W), as `Pair` has them; about in [-1, 1]."""

    def __init__(self, settings: Unet, image: Image) -> None:
        super().__init__()
        self.translation = settings.translation
        self.classes = len(image.classes)
        self.choices = len(self.translation.choices(image))
        planes, painted = self.translation.planes, self.translation.painted
        self.body = UShape(planes, painted, width=settings.width, blocks=settings.blocks, choices=self.choices)

    def forward(self, given: Tensor, guide: Tensor) -> Tensor:
        pair = Pair(given, guide)
        weights = guide if self.choices else given.new_zeros(len(given), 0)
        return self.translation.compose(self.body(self.translation.see(pair), weights), pair)


class _Served(nn.Module):
    """A translator as it is exported: nothing leaves [-1, 1]."""

    def __init__(self, translator: nn.Module) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, given: Tensor, guide: Tensor) -> Tensor:
        return torch.clamp(self.translator(given, guide), -1, 1)
