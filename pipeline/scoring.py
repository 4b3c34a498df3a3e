"""A quick score of generated pictures, for the snapshots of a training: what real pictures need is measured once."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from pipeline.data.dataset import Dataset
from pipeline.features.extractor import Extractor, Float64
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.neighbours import NEIGHBOURS, nearest
from pipeline.metrics.precision_recall import precision_recall

SCORES = ("frechet", "recall", "diversity", "class_coverage")


class Scorer:
    """Scores pictures against `samples` training pictures, chosen with `seed`; fewer where there are not so many.

    Equal pictures get equal scores. Nothing of the global random state is touched.

    Raises:
        DataError: the extractor lacks its weights.

    """

    def __init__(self, extractor: Extractor, dataset: Dataset, *, samples: int, seed: int) -> None:
        chosen = np.sort(np.random.default_rng(seed).permutation(dataset.training)[:samples])
        self._space = extractor.open(dataset)
        self._real = self._space(dataset.images, chosen)
        self._labels = dataset.labels[chosen]
        self._spread = _spread(self._real)

    def score(self, pictures: NDArray[np.uint8]) -> dict[str, float]:
        """Return the scores of generated pictures (N, C, H, W) uint8, N preferably the scorer's `samples`.

        `frechet` is the Frechet distance to the real pictures, `recall` the share of those that lie among the generated
        ones (Kynkaanniemi et al. 2019; absent under 6 pictures), `diversity` the mean distance of two generated
        pictures relative to that of two real ones, `class_coverage` the share of the classes that the nearest real
        pictures show.
        """
        features = self._space(pictures)
        scores = {
            "frechet": frechet_distance(self._real, features),
            "diversity": _spread(features) / max(self._spread, 1e-12),
            "class_coverage": self._class_coverage(features),
        }
        if min(len(features), len(self._real)) > NEIGHBOURS:
            scores["recall"] = precision_recall(self._real, features)[1]
        return scores

    def _class_coverage(self, features: Float64) -> float:
        hit = self._labels[nearest(features, self._real, 1)[1][:, 0]]
        return len(np.unique(hit)) / len(np.unique(self._labels))


def _spread(features: Float64) -> float:
    """Return the mean distance between two of features (N, D), N being 2 or more."""
    return float(pdist(features).mean())
