"""What turns pictures into features: the part of an evaluation on which all of its distances rest."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Part
from pipeline.data.dataset import Dataset
from pipeline.progress import tracked

Uint8: TypeAlias = NDArray[np.uint8]
Int64: TypeAlias = NDArray[np.int64]
Float64: TypeAlias = NDArray[np.float64]

_BATCH = 64


@dataclass(frozen=True, slots=True, eq=False)
class FeatureSpace:
    """`measure` maps a batch of pictures (N, C, H, W) uint8 to features (N, F) float64.

    `facts` goes into the report: name and version, and what a reader must know to compare figures.
    """

    measure: Callable[[Uint8], Float64]
    facts: Mapping[str, Any]

    def __call__(self, source: Uint8, places: Int64 | None = None, *, what: str = "") -> Float64:
        """Return the features (P, F) of the pictures at `places` (P,) in `source`, all of them where none are named.

        With `what`, progress is shown under that text.
        """
        if places is None:
            places = np.arange(len(source))
        blocks = np.array_split(places, -(-len(places) // _BATCH))
        passing = tracked(blocks, total=len(blocks), description=f"{what}, batches") if what else blocks
        return np.concatenate([self.measure(source[block]) for block in passing])


class Extractor(Part, ABC):
    """A way to measure pictures, chosen in a recipe by `evaluate: {extractor: {name: ...}}`."""

    published_names: ClassVar[Mapping[str, str]] = {}
    """What a report calls a metric in this space, where the world has a name for it: FID, KID."""

    @abstractmethod
    def open(self, dataset: Dataset) -> FeatureSpace:
        """Return the feature space for a data set. Equal parts and equal data give equal spaces.

        Raises:
            DataError: weights are missing or damaged; the message says which file to put where.

        """
