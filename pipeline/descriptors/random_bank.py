"""The random-feature bank: no trained weights at all."""

from typing import Literal

from pydantic import Field
from torch import Tensor

from pipeline.contracts import LARGEST_SEED
from pipeline.descriptors.descriptor import Describe, Descriptor, Maps
from pipeline.features.bank import MAPS_PER_LEVEL, RandomBank


class RandomBankDescriptor(Descriptor):
    """The maps of a `RandomBank` with `filters` of each size and `mixtures` of them."""

    name: Literal["random_bank"] = "random_bank"
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="of the filters")
    filters: int = Field(6, ge=1)
    mixtures: int = Field(16, ge=1)

    def open(self, device: str) -> Describe:
        bank = RandomBank(3, self.seed, filters=self.filters, mixtures=self.mixtures).to(device)

        def describe(pictures: Tensor) -> Maps:
            maps = bank(pictures)
            return [(features, self.finest if place < MAPS_PER_LEVEL else 1.0) for place, features in enumerate(maps)]

        return describe
