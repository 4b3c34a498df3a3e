"""Ways to score a model, by the name that reports use."""

from pipeline.metrics.authenticity import Authenticity
from pipeline.metrics.bound import Bound
from pipeline.metrics.content_preservation import ContentPreservation
from pipeline.metrics.density_coverage import DensityCoverage
from pipeline.metrics.diversity import Diversity
from pipeline.metrics.evidence import CodingMetric, SamplingMetric, StylizationMetric, TranslationMetric
from pipeline.metrics.fidelity import Fidelity
from pipeline.metrics.frechet import Frechet
from pipeline.metrics.kernel import Kernel
from pipeline.metrics.label_agreement import LabelAgreement
from pipeline.metrics.memorisation import Memorisation
from pipeline.metrics.precision_recall import PrecisionRecall
from pipeline.metrics.realism import Realism
from pipeline.metrics.reconstruction import Reconstruction
from pipeline.metrics.strength_control import StrengthControl
from pipeline.metrics.style_similarity import StyleSimilarity

METRICS: dict[str, type[SamplingMetric] | type[StylizationMetric] | type[CodingMetric] | type[TranslationMetric]] = {
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
    "strength_control": StrengthControl,
    "diversity": Diversity,
    "fidelity": Fidelity,
    "realism": Realism,
}
