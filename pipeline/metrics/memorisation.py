"""Whether a generator repeats its training pictures, with the nearest ones to look at."""

import numpy as np
import PIL.Image

from pipeline.metrics.evidence import Float64, Int64, Result, SamplingEvidence, SamplingMetric, Table
from pipeline.metrics.neighbours import nearest
from pipeline.pictures import contact_sheet

_PERCENTILE = 1
_SHOWN = 8
_NEAREST = 3
_BINS = 30


class Memorisation(SamplingMetric):
    """Distances of generated pictures to the training pictures beside those of held-back real ones.

    `copies` is the share of generated pictures that are nearer to a training picture than all but one in a hundred
    held-back ones (0.01 where nothing is memorised), `nearness` the median distance relative to theirs (1 where
    nothing is), `searched` the number of training pictures that were looked at. Mirror images of them count as well
    where the training mirrored its pictures.
    """

    def compute(self, evidence: SamplingEvidence) -> Result:
        training = evidence.shown()
        count = min(_NEAREST, len(training) - 1)
        distances, neighbours = nearest(evidence.generated.features, training, count)
        held_back = nearest(evidence.validation.features, training, 1)[0]
        usual = float(np.median(held_back))
        limit = float(np.percentile(held_back, _PERCENTILE))
        return Result(
            {
                "copies": float((distances[:, 0] < limit).mean()),
                "nearness": float(np.median(distances[:, 0])) / max(usual, 1e-12),
                "searched": len(evidence.training),
            },
            tables={"nearest": _histogram(distances[:, 0], held_back[:, 0])},
            sheets={"nearest": _sheet(evidence, distances / max(usual, 1e-12), neighbours)},
        )


def _histogram(generated: Float64, held_back: Float64) -> Table:
    """Return the share of pictures by distance, as rows of a curve."""
    edges = np.linspace(0, max(generated.max(), held_back.max()), _BINS + 1)
    shares = [np.histogram(distances, edges)[0] / len(distances) for distances in (generated, held_back)]
    rows = zip((edges[:-1] + edges[1:]) / 2, *shares, strict=True)
    return [
        {"distance": float(middle), "generated": float(share), "held back": float(real)} for middle, share, real in rows
    ]


def _sheet(evidence: SamplingEvidence, distances: Float64, neighbours: Int64) -> PIL.Image.Image:
    """Show generated pictures with their nearest training pictures: left the closest pairs, right from close to far.

    The figures are distances in units of the held-back pictures' median one.
    """
    order = np.argsort(distances[:, 0], kind="stable")
    shown = min(_SHOWN, len(order))
    usual = order[np.linspace(0, len(order) - 1, shown).astype(np.int64)]
    cells, captions = [], []
    for pair in zip(order[:shown], usual, strict=True):
        for sample in pair:
            cells += [evidence.generated.pictures(sample), *evidence.pictures_shown(neighbours[sample])]
            captions += ["", *(f"{distance:.2f}" for distance in distances[sample])]
    names = ["nearest", "second", "third"][: neighbours.shape[1]]
    return contact_sheet(
        np.stack(cells),
        columns=2 + 2 * len(names),
        title="Nearest training pictures: closest pairs, and close to far",
        headings=["closest", *names, "usual", *names],
        captions=captions,
    )
