"""How much of the photograph is still there at full strength."""

import numpy as np
import torch
from scipy.ndimage import binary_dilation

from pipeline.features.bank import pyramid
from pipeline.features.similarity import luma, ms_ssim, ssim
from pipeline.metrics.evidence import Float32, Result, StylizationEvidence, StylizationMetric

_SMALLEST_SIDE = 16


class ContentPreservation(StylizationMetric):
    """Compares the brightness of photographs and results.

    `ssim` is the structural similarity (Wang et al. 2004) at full size, where brush strokes must lower it,
    `coarse_ssim` the same at a quarter of the size, `ms_ssim` that of several scales together (Wang et al. 2003),
    `edge_f1` the agreement of edges within a pixel; 1 is the photograph itself.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        results = evidence.stylized.reshape(-1, *evidence.stylized.shape[2:])
        photographs = np.tile(evidence.photographs, (len(evidence.styles), 1, 1, 1))
        # In [0, 1], because SSIM compares means by their ratio.
        full, other = (luma(torch.from_numpy(pictures) / 2 + 0.5) for pictures in (photographs, results))
        coarse, other_coarse = (
            [level for level in pyramid(brightness, 3) if min(level.shape[2:]) >= _SMALLEST_SIDE][-1]
            for brightness in (full, other)
        )
        return Result(
            {
                "ssim": float(ssim(full, other, data_range=1).mean()),
                "coarse_ssim": float(ssim(coarse, other_coarse, data_range=1).mean()),
                "ms_ssim": float(ms_ssim(full, other, data_range=1).mean()),
                "edge_f1": edge_f1(full.numpy()[:, 0], other.numpy()[:, 0]),
            },
        )


def edge_f1(first: Float32, second: Float32) -> float:
    """Return how far the edges of brightness maps (N, H, W) agree: the harmonic mean of precision and recall.

    Edges are Canny's (1986) at a scale of one pixel, and an edge is found again within one pixel of its place. Two maps
    without edges agree.
    """
    from skimage.feature import canny  # noqa: PLC0415 - takes half a second, which stages that train do without

    found, edges = np.zeros(2), np.zeros(2)
    for one, two in zip(first, second, strict=True):
        pair = canny(one), canny(two)
        for place, (own, partner) in enumerate((pair, pair[::-1])):
            found[place] += (own & binary_dilation(partner, np.ones((3, 3), bool))).sum()
            edges[place] += own.sum()
    if not edges.any():
        return 1.0
    recall, precision = found / np.maximum(edges, 1)
    return float(2 * precision * recall / max(precision + recall, 1e-12))
