"""How near a translation is to the truth that it was made from, beside how near the plain baseline is."""

from typing import ClassVar

import numpy as np
import torch

from pipeline.features.similarity import ms_ssim, ssim
from pipeline.metrics.evidence import Float64, Result, TranslationEvidence, TranslationMetric, Uint8

_HIGHEST_PSNR = 100.0
_BATCH = 32


class Fidelity(TranslationMetric):
    """Means over the pictures, in RGB.

    `psnr` is the peak signal-to-noise ratio in dB (at most 100, where nothing differs), `ssim` the structural
    similarity (Wang et al. 2004), `ms_ssim` the same over several scales (Wang et al. 2003). The table has them for
    each choice.
    """

    higher: ClassVar = ("psnr", "ssim", "ms_ssim")

    def compute(self, evidence: TranslationEvidence) -> Result:
        if evidence.truths is None:
            return Result()
        own, plain = (fidelities(pictures, evidence.truths) for pictures in (evidence.results, evidence.plain))
        rows = {name: np.array([choice == name for choice in evidence.choices]) for name in evidence.choices}
        columns = {**own, **{f"{name}_baseline": values for name, values in plain.items()}}
        return Result(
            {name: float(values.mean()) for name, values in columns.items()},
            tables={
                "fidelity": [
                    {"choice": choice, **{name: float(values[those].mean()) for name, values in columns.items()}}
                    for choice, those in rows.items()
                ]
            },
        )


def fidelities(pictures: Uint8, truths: Uint8) -> dict[str, Float64]:
    """Return the fidelities (N,) of pictures (N, C, H, W) uint8, sides of at least 11 px, by name."""
    errors = np.square(pictures.astype(np.float64) - truths).mean(axis=(1, 2, 3))
    measured: dict[str, Float64] = {
        "psnr": np.minimum(_HIGHEST_PSNR, 10 * np.log10(255**2 / np.maximum(errors, 1e-12)))
    }
    batches = [
        [torch.from_numpy(side[start : start + _BATCH]).double() / 255 for side in (pictures, truths)]
        for start in range(0, len(pictures), _BATCH)
    ]
    for name, likeness in (("ssim", ssim), ("ms_ssim", ms_ssim)):
        measured[name] = torch.cat([likeness(*batch, data_range=1) for batch in batches]).numpy()
    return measured
