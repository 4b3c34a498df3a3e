"""Whether translations as a set look like the pictures that are wanted, beside what the plain baseline gives."""

from typing import ClassVar

from pipeline.metrics.evidence import Result, TranslationEvidence, TranslationMetric
from pipeline.metrics.kernel import kernel_distance


class Realism(TranslationMetric):
    """`distance` is the kernel distance of the results' features to those of the pictures that are wanted.

    It is unbiased, so it means something for few pictures, and may fall below zero.
    """

    lower: ClassVar = ("distance",)

    def compute(self, evidence: TranslationEvidence) -> Result:
        return Result(
            {
                "distance": kernel_distance(evidence.wanted_features, evidence.result_features),
                "distance_baseline": kernel_distance(evidence.wanted_features, evidence.plain_features),
            }
        )
