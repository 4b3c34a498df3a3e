"""A short training for each of several strengths of the penalties, from the same start; the best one's goes on."""

from collections.abc import Callable, Iterator
from copy import deepcopy
from math import inf

from pipeline.errors import RecipeError
from pipeline.recipe import Recipe
from pipeline.training import Row, Trainer

SWEPT = ("sweep_factor", "sweep_frechet")


def sweep_penalties(recipe: Recipe, trainer: Trainer, score: Callable[[], Row]) -> Iterator[None]:
    """Train from step 0 with each factor that `train.penalty_sweep` names; yield after each step.

    In the end the trainer stands at its start again, with the factor whose averaged weights had the lowest `frechet`
    in `score()`, and its history holds a row for each. Schedules go as in the whole training, whose beginning each is.

    Raises:
        RecipeError: the objective has no penalty, or snapshots are not scored.

    """
    config = recipe.train.penalty_sweep
    assert config is not None
    where = f"{recipe.name}.train.penalty_sweep"
    if not recipe.objective.penalised:
        remedy = "set objective.r1, r2 or gradient_penalty, or leave train.penalty_sweep out"
        raise RecipeError(where, "tries penalties, and the objective has none", remedy)
    if not recipe.train.watch.samples:
        remedy = "set that to 256, say, or leave train.penalty_sweep out"
        raise RecipeError(where, "compares scores of samples, and train.watch.samples is 0", remedy)
    start = deepcopy(trainer.state())
    distances: dict[float, float] = {}
    for factor in config.factors:
        trainer.restore(deepcopy(start))  # an optimiser goes on with the very tensors that it is given
        trainer.penalty_factor = factor
        run = trainer.run()
        for _ in range(config.steps_of(trainer.steps)):
            next(run)
            yield
        weights = (weight for module in trainer.state()["modules"].values() for weight in module.values())
        distances[factor] = score()["frechet"] if all(weight.isfinite().all() for weight in weights) else inf
    trainer.restore(start)
    trainer.penalty_factor = min(distances, key=distances.__getitem__)
    trainer.history = [{"step": 0, **dict(zip(SWEPT, candidate, strict=True))} for candidate in distances.items()]
