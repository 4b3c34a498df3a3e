"""How near the results come to their style, and whether the styles can be told apart."""

import numpy as np
import PIL.Image
import torch
from torch import Tensor

from pipeline.features.bank import RandomBank
from pipeline.features.random_bank import SEED
from pipeline.features.similarity import centred_gram, gram_distance
from pipeline.metrics.evidence import Float32, Float64, Result, StylizationEvidence, StylizationMetric
from pipeline.pictures import PAPER, contact_sheet, to_uint8

_SHOWN = 6
_BATCH = 8


class StyleSimilarity(StylizationMetric):
    """Centred Gram distances (root of the relative square) to a style's pictures, on a bank that trained no model.

    `relative_distance` is the results' distance to their style divided by that of the photographs: below 1 is nearer.
    `real_distance` is the same for single pictures of the style against the others' mean, which is what painting in the
    style reaches. `identified` is the share of results that are nearest to the style they were asked for.
    """

    def compute(self, evidence: StylizationEvidence) -> Result:
        before, after, examples = _measure(evidence)
        own = _own(after)
        real = torch.stack([_distances(grams, _means_of_others(grams)).mean() for grams in examples])
        asked = torch.arange(len(examples))[:, None]
        names = [style.name for style in evidence.styles]
        return Result(
            {
                "relative_distance": float((own.mean(dim=1) / before.mean(dim=1)).mean()),
                "real_distance": float((real / before.mean(dim=1)).mean()),
                "identified": float((after.argmin(dim=1) == asked).double().mean()),
            },
            tables={
                "styles": [
                    {"style": name, "photographs": float(far), "results": float(near), "real": float(floor)}
                    for name, far, near, floor in zip(names, before.mean(dim=1), own.mean(dim=1), real, strict=True)
                ],
            },
            sheets={"styles": _sheet(evidence)},
        )


def style_distances(evidence: StylizationEvidence) -> tuple[Float64, Float64]:
    """Return the distances to each style (S, P) of the photographs and of their results in it."""
    before, after, _ = _measure(evidence)
    return before.numpy(), _own(after).numpy()


def _measure(evidence: StylizationEvidence) -> tuple[Tensor, Tensor, list[list[Tensor]]]:
    """Return the distances of photographs (S, P), and of results in each style (S, S, P), and the styles' Grams."""
    bank = RandomBank(evidence.photographs.shape[1], SEED)
    photographs = _grams(bank, evidence.photographs)
    examples = [_grams(bank, style.examples) for style in evidence.styles]
    targets = [[gram.mean(dim=0, keepdim=True) for gram in grams] for grams in examples]
    before = torch.stack([_distances(photographs, target) for target in targets])
    results = [_grams(bank, painted) for painted in evidence.stylized]
    after = torch.stack([torch.stack([_distances(grams, target) for target in targets]) for grams in results])
    return before, after, examples


def _own(after: Tensor) -> Tensor:
    return after.diagonal(dim1=0, dim2=1).T


def _grams(bank: RandomBank, pictures: Float32) -> list[Tensor]:
    with torch.inference_mode():
        batches = [centred_gram(bank(batch)) for batch in torch.split(torch.from_numpy(pictures), _BATCH)]
        return [torch.cat(grams) for grams in zip(*batches, strict=True)]


def _distances(grams: list[Tensor], target: list[Tensor]) -> Tensor:
    return gram_distance(grams, target).double().sqrt()


def _means_of_others(grams: list[Tensor]) -> list[Tensor]:
    return [(gram.sum(dim=0) - gram) / (len(gram) - 1) for gram in grams]


def _sheet(evidence: StylizationEvidence) -> PIL.Image.Image:
    """Show photographs (rows) in styles (columns), a real picture of each style above."""
    shown = min(_SHOWN, len(evidence.photographs))
    thumbnails = np.stack([style.examples[0] for style in evidence.styles])
    blank = np.broadcast_to(np.array(PAPER, np.uint8)[:, None, None], thumbnails.shape[1:])
    rows = np.concatenate([evidence.photographs[:shown, None], evidence.stylized[:, :shown].swapaxes(0, 1)], axis=1)
    cells = np.concatenate([blank[None], to_uint8(thumbnails), to_uint8(rows.reshape(-1, *rows.shape[2:]))])
    return contact_sheet(
        cells,
        columns=1 + len(evidence.styles),
        title="Photographs in every style, at full strength",
        headings=["", *(style.name for style in evidence.styles)],
    )
