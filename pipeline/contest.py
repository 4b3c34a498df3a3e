"""Challenger against champion: both scored by one evaluator on the same real pictures, seeds and noise."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from demo.engine import Model
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError
from pipeline.gathering import gather_sampling, gather_stylization
from pipeline.metrics.evidence import Float64, Int64
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.kernel import kernel_distance
from pipeline.metrics.style_similarity import style_distances
from pipeline.recipe import Recipe
from pipeline.translations import gather_translation

_RESAMPLES = 40
_REACH = 1.645
"""Standard deviations of a normal distribution that leave out 5 % on either side."""

_Pair = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A score of both models, lower is better, and the 90 % bootstrap interval of how much lower the challenger's is.

    Both are resampled together, the same pictures, seeds and photographs for each, so what they share does not widen
    the interval.
    """

    score: str
    challenger: float
    champion: float
    low: float
    high: float


def contest(challenger: Model, champion: Model, dataset: Dataset, recipe: Recipe) -> Outcome:
    """Return how the models compare; equal models tie exactly.

    Raises:
        EvaluationError: a model was made for other data or does something else, or there are too few pictures.
        ModelError: a model fails, or makes numbers that are not finite.

    """
    task = challenger.card.task
    if champion.card.task != task or task not in _CONTESTS:
        raise EvaluationError(f"a model that can {champion.card.task} and one that can {task} are not comparable")
    name, score, count = _CONTESTS[task]((challenger, champion), dataset, recipe)
    draw = np.random.default_rng(recipe.evaluate.seed)
    gains = [_gain(score(draw.integers(count, size=count))) for _ in range(_RESAMPLES)]
    all_of_it = score(np.arange(count))
    gain, reach = _gain(all_of_it), _REACH * float(np.std(gains, ddof=1))
    return Outcome(name, *all_of_it, low=gain - reach, high=gain + reach)


def _gain(pair: _Pair) -> float:
    return pair[1] - pair[0]


_Scored = tuple[str, Callable[[Int64], _Pair], int]
"""What is measured, how it is measured on chosen places, and how many places there are."""


def _frechet(models: tuple[Model, Model], dataset: Dataset, recipe: Recipe) -> _Scored:
    space = recipe.evaluate.extractor.open(dataset)
    evidence = [gather_sampling(model, dataset, recipe, space) for model in models]
    real = evidence[0].real_halves()[0]
    first, second = (one.generated.features[: len(real)] for one in evidence)

    def score(chosen: Int64) -> _Pair:
        return frechet_distance(real[chosen], first[chosen]), frechet_distance(real[chosen], second[chosen])

    return "frechet distance", score, len(real)


def _style(models: tuple[Model, Model], dataset: Dataset, recipe: Recipe) -> _Scored:
    space = recipe.evaluate.extractor.open(dataset)
    distances = [style_distances(gather_stylization(model, dataset, recipe, space)) for model in models]

    def relative(before: Float64, after: Float64, chosen: Int64) -> float:
        return float((after[:, chosen].mean(axis=1) / before[:, chosen].mean(axis=1)).mean())

    def score(chosen: Int64) -> _Pair:
        first, second = (relative(*pair, chosen) for pair in distances)
        return first, second

    return "relative distance to the style", score, distances[0][0].shape[1]


def _translation(models: tuple[Model, Model], dataset: Dataset, recipe: Recipe) -> _Scored:
    space = recipe.evaluate.extractor.open(dataset)
    evidence = [gather_translation(model, dataset, recipe, space) for model in models]
    truths = evidence[0].truths
    if truths is None:
        wanted = evidence[0].wanted_features
        first, second = (one.result_features for one in evidence)

        def likeness(chosen: Int64) -> _Pair:
            counts = np.bincount(chosen, minlength=len(first)).astype(np.float64)
            return kernel_distance(wanted, first, counts=counts), kernel_distance(wanted, second, counts=counts)

        return "kernel distance to what is wanted", likeness, len(first)
    errors = [np.square(one.results.astype(np.float64) - truths).mean(axis=(1, 2, 3)) for one in evidence]

    def error(chosen: Int64) -> _Pair:
        first, second = (float(np.sqrt(one[chosen]).mean()) for one in errors)
        return first, second

    return "root mean square error in levels", error, len(truths)


_CONTESTS = {"sample": _frechet, "stylize": _style, "translate": _translation}
