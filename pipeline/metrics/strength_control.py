"""Whether the strength slider does what it says: nothing at 0, and more the farther it is moved."""

import numpy as np

from pipeline.metrics.evidence import Result, StylizationEvidence, StylizationMetric
from pipeline.pictures import contact_sheet, to_uint8

_SHOWN = 5
_HIGHEST_PSNR = 100.0


class StrengthControl(StylizationMetric):
    """The distance (root mean square, in levels of 255) between photograph and result, by strength.

    `monotone` is the share of photographs whose distance never falls from one strength to the next, `identity_psnr`
    the peak signal-to-noise ratio at strength 0 in dB (100 where nothing differs), `span` the distance gained from the
    lowest strength to the highest, `halfway` the share of it that is gained at strength 0.5: 0.5 for an even slider.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        errors = evidence.graded.astype(np.float64) - evidence.photographs
        distances = 127.5 * np.sqrt(np.square(errors).mean(axis=(2, 3, 4)))
        means = distances.mean(axis=1)
        rest = float(np.sqrt(np.square(distances[0]).mean()))
        shown = min(_SHOWN, len(evidence.photographs))
        cells = np.concatenate([evidence.photographs[None, :shown], evidence.graded[:, :shown]]).swapaxes(0, 1)
        return Result(
            {
                "monotone": float((np.diff(distances, axis=0) >= 0).all(axis=0).mean()),
                "identity_psnr": min(_HIGHEST_PSNR, 20 * float(np.log10(255 / max(rest, 1e-6)))),
                "span": float(means[-1] - means[0]),
                "halfway": float(
                    (np.interp(0.5, evidence.strengths, means) - means[0]) / max(means[-1] - means[0], 1e-12)
                ),
            },
            tables={
                "strength": [
                    {"strength": strength, "distance": float(mean)}
                    for strength, mean in zip(evidence.strengths, means, strict=True)
                ],
            },
            sheets={
                "strength": contact_sheet(
                    to_uint8(cells.reshape(-1, *cells.shape[2:])),
                    columns=len(cells[0]),
                    title="The same photograph at growing strength",
                    headings=["photograph", *(f"{strength:g}" for strength in evidence.strengths)],
                    rows=[evidence.styles[place % len(evidence.styles)].name for place in range(shown)],
                ),
            },
        )
