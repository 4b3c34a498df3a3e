"""Whether translations as a set look like the pictures that are wanted, beside what the plain baseline gives."""

from typing import ClassVar

from pipeline.metrics.evidence import Result, TranslationEvidence, TranslationMetric
from pipeline.metrics.kernel import kernel_distance, paired_kernel_distance


class Realism(TranslationMetric):
    """`distance` is the kernel distance of the results' features to those of the pictures that are wanted.

    It is unbiased, so it means something for few pictures, and may fall below zero. Where what is wanted are the truths
    of the very pictures, each is left out of the comparison with its own.
    """

    lower: ClassVar = ("distance",)

    def compute(self, evidence: TranslationEvidence) -> Result:
        measure = kernel_distance if evidence.truths is None else paired_kernel_distance
        return Result(
            {
                "distance": measure(evidence.wanted_features, evidence.result_features),
                "distance_baseline": measure(evidence.wanted_features, evidence.plain_features),
            }
        )
