"""Ways to measure pictures, by the name that `evaluate.extractor.name` uses in params.yaml."""

from pipeline.features.extractor import Extractor
from pipeline.features.ganvas_net import GanvasNet
from pipeline.features.inception import Inception
from pipeline.features.label_classifier import LabelClassifier
from pipeline.features.random_bank import RandomBankMoments

__all__ = ["EXTRACTORS", "Extractor", "GanvasNet"]

EXTRACTORS: dict[str, type[Extractor]] = {
    "ganvas_net": GanvasNet,
    "inception": Inception,
    "label_classifier": LabelClassifier,
    "random_bank": RandomBankMoments,
}
