"""The project's own shipped feature network, used as VGG19 is: at several layers and sizes of the picture."""

from copy import deepcopy
from functools import partial
from typing import Literal

from pydantic import Field

from pipeline.descriptors.descriptor import Describe, Descriptor, describe_levels
from pipeline.features.ganvas_net import shipped


class GanvasNetDescriptor(Descriptor):
    """The maps of the shipped network's first `layers` stages, at the picture's size and halves of it."""

    name: Literal["ganvas_net"] = "ganvas_net"
    levels: int = Field(2, ge=1, le=4, description="sizes of the picture: full, half, quarter ...")
    layers: int = Field(3, ge=1, le=4)

    def open(self, device: str) -> Describe:
        net = deepcopy(shipped()).to(device)
        return partial(describe_levels, net, levels=self.levels, layers=self.layers, finest=self.finest)
