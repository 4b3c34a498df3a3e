"""VGG19, as style transfer has known it since Gatys et al. 2016; its weights come from a file or a download."""

from functools import partial
from typing import Literal

from pydantic import Field

from pipeline.descriptors.descriptor import Describe, Descriptor, describe_levels
from pipeline.features.vgg19 import load_vgg19


class Vgg19Descriptor(Descriptor):
    """The maps of relu1_1 to relu4_1. The weights, 575 MB, are downloaded once unless `path` names their file."""

    name: Literal["vgg19"] = "vgg19"
    path: str = Field("", description="the weights' file on this machine; '' downloads it")
    levels: int = Field(1, ge=1, le=3, description="sizes of the picture: full, half, quarter ...")
    layers: int = Field(4, ge=1, le=5, description="how many of its maps, from the first on")

    def open(self, device: str) -> Describe:
        net = load_vgg19(self.path).to(device)
        return partial(describe_levels, net, levels=self.levels, layers=self.layers, finest=self.finest)
