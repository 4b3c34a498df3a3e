"""How often results pass for their style, as a classifier of real pictures sees it."""

import numpy as np

from pipeline.contracts import PHOTOGRAPH
from pipeline.metrics.classifier import fit_classifier
from pipeline.metrics.evidence import Int64, Result, StylizationEvidence, StylizationMetric


class StyleRecognition(StylizationMetric):
    """A logistic regression on the features of real pictures of the styles and of photographs, asked about results.

    `real_accuracy` is the share of held-back real pictures of the styles that it names rightly, which is what painting
    in the style reaches. `recognised` is the share of results that it takes for the style they were asked for,
    `still_photographs` the share of those that it takes for photographs.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        if len(np.unique(evidence.training.labels)) < 2:
            return Result()
        classifier = fit_classifier(evidence.training.features, evidence.training.labels)
        photograph = evidence.classes.index(PHOTOGRAPH)
        held_back = evidence.validation
        real = held_back.labels != photograph
        scores = {}
        if real.any():
            seen: Int64 = classifier.predict(held_back.features[real])
            scores["real_accuracy"] = float((seen == held_back.labels[real]).mean())
        found: Int64 = classifier.predict(evidence.results.features)
        scores["recognised"] = float((found == evidence.results.labels).mean())
        scores["still_photographs"] = float((found == photograph).mean())
        pairs = zip(evidence.results.labels, found, strict=True)
        return Result(
            scores,
            tables={
                "style_confusion": [
                    {"asked": evidence.classes[asked], "found": evidence.classes[seen]} for asked, seen in pairs
                ],
            },
        )
