"""Whether generated pictures belong to the classes that were asked for, as a classifier of the real ones sees it."""

import numpy as np

from pipeline.metrics.classifier import fit_classifier
from pipeline.metrics.evidence import Int64, Result, SamplingEvidence, SamplingMetric, Table


class LabelAgreement(SamplingMetric):
    """A logistic regression on the features of training pictures, asked about held-back and generated ones.

    `real_accuracy` is the share of held-back pictures that it puts into their class: no generator can be expected to
    do better. `agreement` is the share of generated pictures found in the class that was asked for (only where the
    generator is conditional), `class_coverage` how far the found classes overlap with those found in held-back
    pictures: 1 for equal shares, less by the share of each class that is missing.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        if len(np.unique(evidence.training.labels)) < 2:
            return Result()
        classifier = fit_classifier(evidence.training.features, evidence.training.labels)
        held_back: Int64 = classifier.predict(evidence.validation.features)
        found: Int64 = classifier.predict(evidence.generated.features)
        real_shares, shares = (
            np.bincount(labels, minlength=len(evidence.classes)) / len(labels) for labels in (held_back, found)
        )
        scores = {
            "real_accuracy": float((held_back == evidence.validation.labels).mean()),
            "class_coverage": float(np.minimum(real_shares, shares).sum()),
        }
        tables: dict[str, Table] = {
            "classes": [
                {"class": name, "held back": float(real), "generated": float(share)}
                for name, real, share in zip(evidence.classes, real_shares, shares, strict=True)
            ],
        }
        if evidence.conditional:
            asked = evidence.generated.labels
            scores["agreement"] = float((found == asked).mean())
            tables["confusion"] = [
                {"asked": evidence.classes[wanted], "found": evidence.classes[seen]}
                for wanted, seen in zip(asked, found, strict=True)
            ]
        return Result(scores, tables=tables)
