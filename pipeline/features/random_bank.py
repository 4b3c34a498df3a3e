"""A feature space without any training: moments of a seeded random bank's maps and a coarse layout of colours."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch.nn import functional

from pipeline.contracts import LARGEST_SEED
from pipeline.data.dataset import Dataset
from pipeline.features.bank import RandomBank
from pipeline.features.extractor import Extractor, FeatureSpace, Float64, Uint8

VERSION = 1
SEED = 20_260_101
"""Far from the seeds that banks are trained with: a model is not scored by what it was taught to please."""

LARGEST_SIDE = 128
FEATURES = 128
_FITTED = 2000
_FILTERS = 4
_MIXTURES = 16
_LAYOUT = 4


class RandomBankMoments(Extractor):
    """`Moments` of the pictures, brought to 128 features by a `Projection` that is fitted to the training pictures."""

    name: Literal["random_bank"] = "random_bank"
    seed: int = Field(SEED, ge=0, le=LARGEST_SEED, description="of the filters; another seed is another scale")

    def open(self, dataset: Dataset) -> FeatureSpace:
        measure = Moments(dataset.image.channels, self.seed)
        chosen = np.sort(np.random.default_rng(self.seed).permutation(dataset.training)[:_FITTED])
        project = Projection.fit(FeatureSpace(measure, {})(dataset.images, chosen), self.seed)
        facts = {"name": self.name, "version": VERSION, "seed": self.seed}
        return FeatureSpace(lambda pictures: project(measure(pictures)), facts)


class Moments:
    """Measures pictures: mean and standard deviation of each map of a `RandomBank`, and mean colours on a 4x4 grid."""

    def __init__(self, channels: int, seed: int = SEED) -> None:
        self._bank = RandomBank(channels, seed, filters=_FILTERS, mixtures=_MIXTURES)

    def __call__(self, pictures: Uint8) -> Float64:
        """Map pictures (N, C, H, W) uint8 to measurements (N, R); pictures over 128 px are shrunk to that first."""
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(pictures)).float() / 127.5 - 1
            if batch.shape[-1] > LARGEST_SIDE:
                size = (LARGEST_SIDE, LARGEST_SIDE)
                batch = functional.interpolate(batch, size, mode="bilinear", antialias=True, align_corners=False)
            parts = [functional.adaptive_avg_pool2d(batch, _LAYOUT).flatten(1)]
            for maps in self._bank(batch):
                deviation, mean = torch.std_mean(maps, dim=(2, 3))
                parts += [mean, deviation]
            measurements: Float64 = torch.cat(parts, dim=1).double().numpy()
        return measurements


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Brings measurements (N, R) to features (N, 128): standardised by the training pictures, then mixed at random.

    A random projection keeps distances (Johnson and Lindenstrauss 1984), and unlike principal components of real
    pictures it also keeps what only generated ones show.
    """

    mean: Float64
    scale: Float64
    mixing: Float64

    @classmethod
    def fit(cls, measurements: Float64, seed: int = SEED) -> "Projection":
        """Return the projection for the measurements (N, R) of training pictures; N is 2 or more."""
        count = measurements.shape[1]
        deviation = measurements.std(axis=0)
        # What hardly varies among the real pictures must not outweigh all else.
        scale = np.maximum(deviation, max(0.1 * float(np.median(deviation)), 1e-6))
        columns = np.random.default_rng(seed).standard_normal((count, min(FEATURES, count)))
        mixing = np.linalg.qr(columns).Q * np.sqrt(count / columns.shape[1])
        return cls(mean=measurements.mean(axis=0), scale=scale, mixing=mixing)

    def __call__(self, measurements: Float64) -> Float64:
        features: Float64 = (measurements - self.mean) / self.scale @ self.mixing
        return features
