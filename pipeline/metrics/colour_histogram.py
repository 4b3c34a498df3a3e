"""How much of the style's palette the results have."""

import numpy as np

from pipeline.metrics.evidence import Float32, Float64, Result, StylizationEvidence, StylizationMetric
from pipeline.pictures import to_uint8

_BINS = 8


class ColourHistogram(StylizationMetric):
    """Distances between joint histograms of red, green and blue, 8 bins each, of all pixels of a set of pictures.

    A distance is the share of the pixels that would have to move to other bins (the total variation): 0 for equal
    palettes, 1 for disjoint ones. `distance` is between results and their style, `photographs` between photographs and
    styles, `real` between one half of a style's pictures and the other, which is what painting in the style reaches.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        photographs = histogram(evidence.photographs)
        rows = []
        for style, results in zip(evidence.styles, evidence.stylized, strict=True):
            palette = histogram(style.examples)
            halves = histogram(style.examples[::2]), histogram(style.examples[1::2])
            rows.append(
                {
                    "distance": total_variation(histogram(results), palette),
                    "photographs": total_variation(photographs, palette),
                    "real": total_variation(*halves),
                }
            )
        return Result({name: float(np.mean([row[name] for row in rows])) for name in rows[0]})


def histogram(pictures: Float32) -> Float64:
    """Return the shares (512,) of the pixels of pictures (M, 3, H, W) in [-1, 1] by the bin of their colour."""
    red, green, blue = np.moveaxis(to_uint8(pictures).astype(np.int64) * _BINS // 256, 1, 0)
    counts = np.bincount(((red * _BINS + green) * _BINS + blue).ravel(), minlength=_BINS**3)
    shares: Float64 = counts / counts.sum()
    return shares


def total_variation(first: Float64, second: Float64) -> float:
    """Return half the sum of the absolute differences of two histograms."""
    return float(np.abs(first - second).sum() / 2)
