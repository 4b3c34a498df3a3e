"""What a metric is given, what it gives back, and what it must be able to do."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Generic, TypeAlias, TypeVar

import numpy as np
import PIL.Image
from numpy.typing import NDArray

Float64: TypeAlias = NDArray[np.float64]
Float32: TypeAlias = NDArray[np.float32]
Int64: TypeAlias = NDArray[np.int64]
Uint8: TypeAlias = NDArray[np.uint8]

Table: TypeAlias = Sequence[Mapping[str, str | float]]
EvidenceT = TypeVar("EvidenceT")


@dataclass(frozen=True, slots=True, eq=False)
class Gallery:
    """N pictures: their features (N, D), their labels (N,) and where they lie in `source` (M, C, H, W) uint8."""

    features: Float64
    labels: Int64
    source: Uint8
    places: Int64

    def __len__(self) -> int:
        return len(self.labels)

    def pictures(self, chosen: Int64) -> Uint8:
        """Return the pictures at `chosen`, indices of any shape, as (..., C, H, W)."""
        found: Uint8 = self.source[self.places[chosen]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class SamplingEvidence:
    """Real pictures that were trained on, real ones that were held back, and generated ones.

    Labels are indices into `classes`; those of the generated pictures are the classes that were asked for and mean
    nothing where the generator is not `conditional`. `seed` is for whatever a metric draws. Where the training mirrored
    its pictures at random, `mirrored` (M, D) are the features of their mirror images, else it is empty.
    """

    training: Gallery
    validation: Gallery
    generated: Gallery
    classes: tuple[str, ...]
    conditional: bool
    seed: int
    mirrored: Float64

    def shown(self) -> Float64:
        """Return the features of all that the generator could copy: the training pictures, then their mirror images."""
        return np.concatenate([self.training.features, self.mirrored])

    def pictures_shown(self, chosen: Int64) -> Uint8:
        """Return the pictures (N, C, H, W) whose rows in `shown` are `chosen` (N,)."""
        found = self.training.pictures(chosen % len(self.training))
        return np.where((chosen >= len(self.training))[:, None, None, None], found[..., ::-1], found)

    def real_halves(self) -> tuple[Float64, Float64]:
        """Return the features of two disjoint random sets of real pictures, of equal size.

        The first stands for the real pictures, the second shows what a perfect generator would reach with so many.
        """
        real = np.concatenate([self.training.features, self.validation.features])
        half = min(len(self.generated), len(real) // 2)
        order = np.random.default_rng(self.seed).permutation(len(real))
        return real[order[:half]], real[order[half : 2 * half]]


@dataclass(frozen=True, slots=True, eq=False)
class Style:
    """A style by name, with two or more real pictures of it (M, 3, H, W) float32 in [-1, 1]."""

    name: str
    examples: Float32


@dataclass(frozen=True, slots=True)
class Weights:
    """Files of weights that others publish; '' where they are not there."""

    alexnet: str = ""
    lpips: str = ""
    art_inception: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class StylizationEvidence:
    """P held-back photographs and what a model makes of them; all pictures are float32 in [-1, 1].

    `stylized` (S, P, 3, H, W) is every photograph in every style at full strength without noise. `graded`
    (L, P, 3, H, W) is every photograph at each of the increasing `strengths`, `varied` (V, P, 3, H, W) at full
    strength with V noises; V is 0 where the model takes no noise. `shifted` (2, P, 3, h, w) is one part of every
    photograph, `shared_parts` (P, 3, h, w), as painted within two cuts 8 px apart. In these three, photograph p has
    style p modulo S. `tiled` (2, T, 3, H', W') is larger pictures painted at once and in tiles; T is 0 where the model
    cannot do that.

    `training` and `validation` are real pictures of the styles and photographs, `results` is `stylized` in their
    feature space; labels are indices into `classes`, those of the results the styles that were asked for.
    `weights` is for metrics in the spaces of published networks.
    """

    photographs: Float32
    styles: tuple[Style, ...]
    stylized: Float32
    strengths: tuple[float, ...]
    graded: Float32
    varied: Float32
    shifted: Float32
    shared_parts: Float32
    tiled: Float32
    training: Gallery
    validation: Gallery
    results: Gallery
    classes: tuple[str, ...]
    weights: Weights = Weights()


@dataclass(frozen=True, slots=True, eq=False)
class CodingEvidence:
    """P held-back pictures (P, C, S, S) in [-1, 1] and what a model `decoded` of their most probable codes, likewise.

    `log_weights` (K, P) holds log p(x, z) - log q(z | x), in nats, for K codes z of each picture x, drawn from q; K is
    0 where the model gives pictures no probability.
    """

    pictures: Float32
    decoded: Float32
    log_weights: Float64


@dataclass(frozen=True, slots=True, eq=False)
class TranslationEvidence:
    """N held-back pictures that were taken apart, what a model made of them, and what one would have without it.

    All pictures are (N, 3, H, W) uint8: `given`, `results`, `plain` (made as `baseline` says) and `truths`, which are
    None where there are no pairs. `choices` (N,) names what was asked for, '' where there is nothing to choose. Of the
    three galleries of features (M, D) `wanted` is that of the truths or, without pairs, of other pictures of the wanted
    kind.
    """

    baseline: str
    given: Uint8
    results: Uint8
    plain: Uint8
    truths: Uint8 | None
    choices: tuple[str, ...]
    result_features: Float64
    plain_features: Float64
    wanted_features: Float64


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Figures by name, tables by file name (written as CSV) and sheets of pictures by file name (written as PNG).

    All three are empty where the metric has no meaning for the evidence.
    """

    scores: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    sheets: Mapping[str, PIL.Image.Image] = field(default_factory=dict)


class Metric(ABC, Generic[EvidenceT]):
    """A way to score a model."""

    @abstractmethod
    def compute(self, evidence: EvidenceT) -> Result:
        """Return the scores; equal evidence gives equal scores."""


class SamplingMetric(Metric[SamplingEvidence], ABC):
    """Scores a generator of pictures from noise."""


class StylizationMetric(Metric[StylizationEvidence], ABC):
    """Scores a network that paints photographs in styles."""


class CodingMetric(Metric[CodingEvidence], ABC):
    """Scores a network that brings pictures to codes and back."""


class TranslationMetric(Metric[TranslationEvidence], ABC):
    """Scores a network that translates pictures. A score `x` has the baseline's beside it, as `x_baseline`.

    `higher` and `lower` name the scores by which a model is compared with its baseline: the better way of each.
    """

    higher: ClassVar[tuple[str, ...]] = ()
    lower: ClassVar[tuple[str, ...]] = ()
