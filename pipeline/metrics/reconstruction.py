"""How much of a held-back picture survives the way to its code and back."""

import numpy as np

from pipeline.metrics.evidence import CodingEvidence, CodingMetric, Result
from pipeline.pictures import contact_sheet, to_uint8

_PEAK = 2.0
"""The span of a picture's values."""
_SHOWN = 16


class Reconstruction(CodingMetric):
    """`error` is the mean squared difference of values in [-1, 1]; `psnr`, in decibels, its ratio to the largest one.

    The mean is over all pictures, before the logarithm is taken.
    """

    def compute(self, evidence: CodingEvidence) -> Result:
        error = float(np.square(evidence.pictures - evidence.decoded, dtype=np.float64).mean())
        shown = min(_SHOWN, len(evidence.pictures))
        pairs = np.concatenate([evidence.pictures[:shown], evidence.decoded[:shown]])
        sheet = contact_sheet(
            to_uint8(pairs),
            columns=shown,
            title="Held-back pictures, and what was decoded of their codes",
            rows=["picture", "decoded"],
        )
        return Result(
            {"error": error, "psnr": float(10 * np.log10(_PEAK**2 / max(error, 1e-12)))},
            sheets={"reconstruction": sheet},
        )
