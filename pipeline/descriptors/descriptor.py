"""The promise of a descriptor: pictures -> weighted feature maps, whose statistics tell a style."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TypeAlias

from pydantic import Field
from torch import Tensor

from pipeline.contracts import Part
from pipeline.features.bank import pyramid

Maps: TypeAlias = list[tuple[Tensor, float]]
"""Feature maps (N, F, H', W') of N pictures, each with its weight."""

Describe: TypeAlias = Callable[[Tensor], Maps]
"""Maps pictures (N, 3, H, W) float32 in [-1, 1], sides of 32 px or more, to `Maps`; differentiable."""


class Descriptor(Part, ABC):
    """Frozen features of pictures. `weight` is its share among several descriptors."""

    weight: float = Field(1.0, gt=0)
    finest: float = Field(0.5, ge=0, description="weight of the finest level; 1 for the others; less broadens strokes")

    @abstractmethod
    def open(self, device: str) -> Describe:
        """Return what describes pictures on a device.

        Raises:
            DataError: weights are missing or damaged; the message says which file to put where.

        """


def describe_levels(
    net: Callable[[Tensor], Sequence[Tensor]], pictures: Tensor, *, levels: int, layers: int, finest: float
) -> Maps:
    """Return the first `layers` maps of a network at full, half, quarter ... size, `levels` of them where they fit."""
    return [
        (features, 1.0 if level else finest)
        for level, smaller in enumerate(pyramid(pictures, levels))
        for features in net(smaller)[:layers]
        if min(features.shape[2:]) > 1
    ]
