"""A search for better settings of a recipe: an Optuna study of short trainings.

python -m pipeline sweep RECIPE

`recipes.RECIPE.sweep` says what may change. The study is `.sweeps/RECIPE.db`, so a stopped sweep goes on where it was;
every training is a child run in MLflow. What was found best is written into params.yaml, to be looked at and committed.
"""

import copy
import hashlib
import itertools
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from pipeline.assembly import assemble
from pipeline.contracts import LARGEST_SEED
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, memory_advice
from pipeline.errors import RecipeError, TrainingError
from pipeline.paramsfile import place_value, set_values
from pipeline.progress import console
from pipeline.recipe import Recipe, Span, Sweep, parse_recipe, read_section
from pipeline.tracking import Tracker
from pipeline.train import settings_of
from pipeline.trials import child_run, parent_run
from pipeline.watch import Watch
from pipeline.workspace import Workspace, alone

_INSTEAD, _DIVERGED, _KNOWN = "instead_of", "diverged", "known_from"
_STARTUP_TRIALS = 4
_DIGITS = 3


def sweep(name: str, params: Path, workspace: Workspace) -> None:
    """Run the trials that the study of a recipe lacks, and write the best settings into `params`.

    Raises:
        RecipeError: the recipe has no `sweep`, or something in it is wrong.
        DataError: the data are missing or too few for a batch.
        TrainingError: another sweep of the recipe is running, or no trial came to an end.
        TrackingError: the tracking store cannot be opened.
        StorageError: the params file cannot be written.

    """
    section = read_section(params, name)
    recipe = parse_recipe(name, section)
    settings = recipe.sweep
    if settings is None:
        raise RecipeError(
            f"{name}.sweep", "missing", "say under sweep.space what may change, as docs/operations.md shows"
        )
    if recipe.train.penalty_sweep or any(key.startswith("train.penalty_sweep") for key in settings.space):
        remedy = "leave it out, and out of sweep.space, and put it back when the sweep is done"
        raise RecipeError(f"{name}.train.penalty_sweep", "no trial of a sweep tries penalties", remedy)
    _check_values(name, section, settings)
    dataset = Dataset.open(workspace.prepared, source=recipe.data)
    folder = workspace.root / ".sweeps"
    with alone(folder / f"{name}.lock", f"sweep of '{name}'"):
        study = _open_study(folder / f"{name}.db", recipe, _as_it_is(section, settings), dataset)
        with parent_run(recipe, study.study_name, data_digest=dataset.digest) as parent:

            def objective(trial: Trial) -> float:
                values = {key: _suggest(trial, key, allowed) for key, allowed in settings.space.items()}
                variant = _variant(name, section, settings, values)
                for known in study.get_trials(states=(TrialState.COMPLETE,)):
                    if known.params == trial.params:
                        assert known.value is not None
                        trial.set_user_attr(_KNOWN, known.number)
                        return known.value
                with child_run(variant, parent, data_digest=dataset.digest, number=trial.number) as tracker:
                    tracker.log_params(settings_of(variant))
                    try:
                        return _train(variant, dataset, trial=trial, tracker=tracker, metric=settings.metric)
                    except TrainingError as error:
                        trial.set_user_attr(_DIVERGED, str(error))
                        raise

            _run(study, objective, settings)
    _write_best(study, params, name, as_it_is=_as_it_is(section, settings))


def _open_study(database: Path, recipe: Recipe, first: dict[str, Any], dataset: Dataset) -> optuna.Study:
    """Open the study of these settings and data; trials that were interrupted are run again.

    What a sampler draws follows from its seed and from how many trials there are, so a study that goes on does not
    draw the same again.
    """
    assert recipe.sweep is not None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    searched = recipe.sweep.model_dump(mode="json", exclude={"trials"})
    told = json.dumps([searched, recipe.digest, dataset.digest], sort_keys=True)
    study = optuna.create_study(
        study_name=f"{recipe.name}-{hashlib.sha256(told.encode()).hexdigest()[:8]}",
        storage=f"sqlite:///{database.absolute().as_posix()}",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(n_startup_trials=_STARTUP_TRIALS),
    )
    study.sampler = optuna.samplers.TPESampler(
        seed=(recipe.sweep.seed + len(study.trials)) % (LARGEST_SEED + 1), n_startup_trials=_STARTUP_TRIALS
    )
    again = {trial.user_attrs.get(_INSTEAD) for trial in study.trials}
    for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.FAIL)):
        if trial.state == TrialState.RUNNING:  # the process was killed
            study.tell(trial.number, state=TrialState.FAIL)
        if trial.number not in again and _DIVERGED not in trial.user_attrs:
            study.enqueue_trial(trial.params, user_attrs={_INSTEAD: trial.number})
    combinations = _combinations(recipe.sweep)
    if combinations:
        for settings in sorted(combinations, key=lambda settings: not first.items() <= settings.items()):
            study.enqueue_trial(settings, skip_if_exists=True)
    elif not study.trials:
        study.enqueue_trial(first)
    return study


def _combinations(settings: Sweep) -> list[dict[str, Any]]:
    """Return all that may be tried, where the space is a list of values for each key and the trials suffice for it."""
    lists = [allowed for allowed in settings.space.values() if not isinstance(allowed, Span)]
    if len(lists) < len(settings.space) or math.prod(map(len, lists)) > settings.trials:
        return []
    return [dict(zip(settings.space, values, strict=True)) for values in itertools.product(*lists)]


def _as_it_is(section: Mapping[str, Any], space: Sweep) -> dict[str, Any]:
    """Return the recipe's own settings as far as they lie in the space, for the first trial."""
    found = {}
    for key, allowed in space.space.items():
        value: Any = section
        for part in key.split("."):
            if isinstance(value, Mapping):
                value = value.get(part)
            elif part not in {"start", "end"}:  # a number is a schedule that starts and ends there
                value = None
        inside = (
            isinstance(value, int | float) and allowed.low <= value <= allowed.high
            if isinstance(allowed, Span)
            else value in allowed
        )
        if inside:
            found[key] = value
    return found


def _run(study: optuna.Study, objective: Callable[[Trial], float], settings: Sweep) -> None:
    done = len(study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED)))
    waiting = len(study.get_trials(states=(TrialState.WAITING,)))
    due = waiting if _combinations(settings) else max(0, settings.trials - done)
    if done:
        console.print(f"{study.study_name}: {done} trials are known")

    def tell(_: optuna.Study, trial: FrozenTrial) -> None:
        value = f"{settings.metric} {trial.value:.4g}" if trial.state == TrialState.COMPLETE else "given up early"
        chosen = ", ".join(
            f"{key} {_round(value) if isinstance(value, float) else value}" for key, value in trial.params.items()
        )
        known = f", known from trial {trial.user_attrs[_KNOWN]}" if _KNOWN in trial.user_attrs else ""
        console.print(f"trial {trial.number}: {value} with {chosen}{known}")

    study.optimize(objective, n_trials=due, callbacks=[tell], catch=(TrainingError,))


def _check_values(name: str, section: Mapping[str, Any], settings: Sweep) -> None:
    """Read the recipe with every value that may be tried, so that none is refused after others were trained."""
    ends = {
        key: [allowed.low, allowed.high] if isinstance(allowed, Span) else allowed
        for key, allowed in settings.space.items()
    }
    for turn in range(max(map(len, ends.values()))):
        _variant(name, section, settings, {key: values[turn % len(values)] for key, values in ends.items()})


def _variant(name: str, section: Mapping[str, Any], settings: Sweep, values: Mapping[str, Any]) -> Recipe:
    changed = copy.deepcopy(dict(section))
    for key, value in values.items():
        place_value(changed, key, value)
    if settings.steps:
        place_value(changed, "train.budget", {"steps": settings.steps})
    if changed["train"].get("watch", {}).get("response") == "roll_back":  # a trial keeps no state to go back to
        place_value(changed, "train.watch.response", "stop")
    return parse_recipe(name, changed)


def _suggest(trial: Trial, key: str, allowed: Span | list[Any]) -> Any:
    if not isinstance(allowed, Span):
        return trial.suggest_categorical(key, allowed)
    if isinstance(allowed.low, int) and isinstance(allowed.high, int):
        return trial.suggest_int(key, allowed.low, allowed.high, log=allowed.log)
    return _round(trial.suggest_float(key, float(allowed.low), float(allowed.high), log=allowed.log))


def _round(value: float) -> float:
    """Return a number as it is written back."""
    return float(f"{value:.{_DIGITS}g}")


def _train(recipe: Recipe, dataset: Dataset, *, trial: Trial, tracker: Tracker, metric: str) -> float:
    """Return the lowest value of the metric in a training, which ends early where it falls behind the others."""
    trainer, _ = assemble(recipe, dataset, device=choose_device())
    if recipe.train.budget.minutes:
        with memory_advice(recipe.train.batch):
            trainer.fit_into(recipe.train.budget.minutes, period=recipe.objective.period)
    watch = Watch(recipe, dataset, trainer=trainer, tracker=tracker, good=Path())
    pause = -(-trainer.steps // recipe.train.snapshots)
    lowest, reported = math.inf, 0
    with memory_advice(recipe.train.batch):
        for step, figures in trainer.run():
            tracker.log_metrics(step, figures)
            shown = step % pause == 0 or step == trainer.steps
            if shown:
                watch.take_snapshot()
            for row in trainer.history[reported:]:
                if metric in row and math.isfinite(row[metric]):
                    lowest = min(lowest, row[metric])
                    trial.report(row[metric], int(row["step"]))
            reported = len(trainer.history)
            known = dict.fromkeys(name for row in trainer.history for name in row if name != "step")
            told = step >= recipe.train.log_every or step == trainer.steps  # the losses, beside the snapshot's scores
            if shown and told and metric not in known:
                raise RecipeError(f"{recipe.name}.sweep.metric", f"is '{metric}'", f"choose from {', '.join(known)}")
            if figures or shown:
                watch.examine()
            if trial.should_prune():
                raise optuna.TrialPruned
    return lowest


def _write_best(study: optuna.Study, params: Path, name: str, *, as_it_is: Mapping[str, Any]) -> None:
    if not study.get_trials(states=(TrialState.COMPLETE,)):
        raise TrainingError(f"no trial of {study.study_name} came to an end; look at what they said above")
    best = study.best_trial
    if best.params == as_it_is:
        console.print(f"{study.study_name}: nothing was better than {params} as it is ({best.value:.4g})")
        return
    values = {key: _round(value) if isinstance(value, float) else value for key, value in best.params.items()}
    set_values(params, name, values)
    first = study.trials[0]
    before = f" instead of {first.value:.4g}" if first.state == TrialState.COMPLETE else ""
    console.print(
        f"{study.study_name}: trial {best.number} is the best, {best.value:.4g}{before}; {params} holds it now: see "
        "`git diff`, run `dvc repro`, and commit both"
    )
