"""Ways to score a model, by the name that reports use."""

from typing import Any

from pipeline.metrics.authenticity import Authenticity
from pipeline.metrics.bound import Bound
from pipeline.metrics.colour_histogram import ColourHistogram
from pipeline.metrics.content_preservation import ContentPreservation
from pipeline.metrics.density_coverage import DensityCoverage
from pipeline.metrics.diversity import Diversity
from pipeline.metrics.evidence import Metric
from pipeline.metrics.frechet import Frechet
from pipeline.metrics.kernel import Kernel
from pipeline.metrics.label_agreement import LabelAgreement
from pipeline.metrics.memorisation import Memorisation
from pipeline.metrics.precision_recall import PrecisionRecall
from pipeline.metrics.reconstruction import Reconstruction
from pipeline.metrics.shift_stability import ShiftStability
from pipeline.metrics.sliced_wasserstein import SlicedWasserstein
from pipeline.metrics.strength_control import StrengthControl
from pipeline.metrics.style_recognition import StyleRecognition
from pipeline.metrics.style_similarity import StyleSimilarity
from pipeline.metrics.tile_agreement import TileAgreement

METRICS: dict[str, type[Metric[Any]]] = {
    "frechet": Frechet,
    "kernel": Kernel,
    "precision_recall": PrecisionRecall,
    "density_coverage": DensityCoverage,
    "memorisation": Memorisation,
    "authenticity": Authenticity,
    "label_agreement": LabelAgreement,
    "reconstruction": Reconstruction,
    "bound": Bound,
    "content_preservation": ContentPreservation,
    "style_similarity": StyleSimilarity,
    "sliced_wasserstein": SlicedWasserstein,
    "colour_histogram": ColourHistogram,
    "style_recognition": StyleRecognition,
    "strength_control": StrengthControl,
    "diversity": Diversity,
    "shift_stability": ShiftStability,
    "tile_agreement": TileAgreement,
}
