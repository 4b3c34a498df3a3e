"""The sweep of penalties: short trainings before the whole one, of which the best decides how it goes on."""

import copy
import csv
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import struck
from recipes import PAINTER, STYLIST, write_params
from states import finished_state

from pipeline.assembly import assemble
from pipeline.data.dataset import Dataset
from pipeline.errors import RecipeError
from pipeline.penalty_sweep import sweep_penalties
from pipeline.prepare import prepare
from pipeline.recipe import PenaltySweep, Recipe, read_recipe
from pipeline.train import train
from pipeline.workspace import Workspace

ABSURD = 1e9
"""Nothing but the penalty is left for the discriminator, so the generator learns from noise."""


def painter(objective: dict | None = None, **train_settings: object) -> Recipe:
    section = copy.deepcopy(PAINTER)
    section["objective"] |= objective or {}
    section["train"] |= {"budget": {"steps": 30}, "learning_rates": {"generator": 2e-3, "discriminator": 2e-3}}
    section["train"] |= {"penalty_sweep": {"factors": [ABSURD, 1.0], "share": 0.5}, "log_every": 20, **train_settings}
    return read_recipe(write_params(Path("params.yaml"), painter=section), "painter")


@pytest.fixture
def prepared(workplace: Path) -> Workspace:
    workspace = Workspace("painter")
    prepare(painter(), workspace)
    return workspace


def test_an_absurd_penalty_loses_and_the_curves_and_the_checkpoint_say_so(
    prepared: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = painter()
    train(recipe, prepared)
    with (prepared.reports / "sweep.csv").open() as stream:
        first, second = csv.DictReader(stream)
    assert (float(first["sweep_factor"]), float(second["sweep_factor"])) == (ABSURD, 1.0)
    assert float(first["sweep_frechet"]) > float(second["sweep_frechet"])
    assert finished_state(recipe, prepared)["penalty_factor"] == 1.0
    told = " ".join(capsys.readouterr().err.split())
    assert "painter: the training takes its penalties 1 times as strong; the sweep's distances were" in told


def test_after_the_sweep_all_is_as_without_one_but_for_the_factor(prepared: Workspace) -> None:
    swept, plain = painter(), painter(penalty_sweep=None)
    train(swept, prepared)
    found = finished_state(swept, prepared)["averaged"]["generator"]
    train(plain, prepared)
    expected = finished_state(plain, prepared)["averaged"]["generator"]
    assert not (prepared.reports / "sweep.csv").exists()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_the_factor_that_won_multiplies_the_penalties(prepared: Workspace) -> None:
    swept = painter(penalty_sweep={"factors": [8.0, 8.0], "share": 0.1})
    train(swept, prepared)
    found = finished_state(swept, prepared)["averaged"]["generator"]
    strong = painter({"r1": 0.8}, penalty_sweep=None)
    train(strong, prepared)
    expected = finished_state(strong, prepared)["averaged"]["generator"]
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor)


def test_the_lowest_distance_wins_and_each_candidate_begins_at_the_same_start(prepared: Workspace) -> None:
    recipe = painter(penalty_sweep={"factors": [0.5, 1.0, 2.0], "share": 0.05})
    trainer, _ = assemble(recipe, Dataset.open(prepared.prepared), device=torch.device("cpu"))
    start = next(trainer.averaged["generator"].parameters()).clone()
    scores, seen = iter([3.0, 1.0, 2.0]), []

    def score() -> dict[str, float]:
        seen.append((trainer.step, trainer.penalty_factor))
        return {"frechet": next(scores)}

    assert len(list(sweep_penalties(recipe, trainer, score))) == 6
    assert seen == [(2, 0.5), (2, 1.0), (2, 2.0)]
    assert (trainer.step, trainer.penalty_factor) == (0, 1.0)
    assert torch.equal(next(trainer.averaged["generator"].parameters()), start)


def test_a_candidate_that_explodes_loses(prepared: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = painter(penalty_sweep={"factors": [1e42, 1.0], "share": 0.1}, budget={"steps": 20})
    train(recipe, prepared)
    assert finished_state(recipe, prepared)["penalty_factor"] == 1.0
    assert "distances were inf with 1e+42, " in " ".join(capsys.readouterr().err.split())


def test_the_sweep_is_part_of_a_budget_in_minutes() -> None:
    sweep = PenaltySweep()
    assert sweep.cost == pytest.approx(0.2)
    assert sweep.steps_of(1000) == 50
    assert sweep.steps_of(3) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"objective": {"r1": 0.0}}, "tries penalties, and the objective has none; set objective.r1"),
        ({"watch": {"samples": 0}}, r"compares scores of samples, and train.watch.samples is 0; set that"),
    ],
)
def test_a_sweep_with_nothing_to_try_or_to_compare_is_refused(prepared: Workspace, changes: dict, words: str) -> None:
    with pytest.raises(RecipeError, match=rf"^painter\.train\.penalty_sweep: {words}"):
        train(painter(**changes), prepared)


def test_a_stylization_has_no_penalty_to_sweep(workplace: Path) -> None:
    section = copy.deepcopy(STYLIST)
    section["train"]["penalty_sweep"] = {}
    recipe = read_recipe(write_params(Path("params.yaml"), stylist=section), "stylist")
    prepare(recipe, Workspace("stylist"))
    with pytest.raises(RecipeError, match="the objective has none"):
        train(recipe, Workspace("stylist"))


def test_penalties_are_known_from_the_objective(workplace: Path) -> None:
    def penalised(**settings: object) -> bool:
        return painter(settings).objective.penalised

    assert penalised()
    assert penalised(r1="auto")
    assert penalised(r1=0.0, gradient_penalty=10.0)
    assert penalised(r1=0.0, r2={"start": 0.0, "end": 1.0})
    assert not penalised(r1=0.0)


@pytest.mark.slow
@pytest.mark.parametrize("within", [True, False], ids=["within the sweep", "after it"])
def test_a_killed_sweep_begins_anew_and_a_finished_one_is_not_made_again(
    prepared: Workspace, within: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    sweep = {"factors": [ABSURD, 2.0], "share": 1.0}
    recipe = painter(penalty_sweep=sweep, budget={"steps": 8}, checkpoint_every=1)
    train(recipe, prepared)
    straight = finished_state(recipe, prepared)
    assert straight["penalty_factor"] == 2.0
    prepared.checkpoint.unlink()

    if within:
        options = struck(signal.SIGTERM, "pipeline.watch.Watch.score", at=1)
    else:
        options = struck(signal.SIGKILL, "pipeline.checkpoint.save", at=2)
    command = [sys.executable, *options, "train", "painter"]
    stopped = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    assert "sweep of penalties" in stopped.stderr.splitlines()[0]
    if within:
        assert "stopped in its sweep; the same command begins it anew" in stopped.stderr
        assert stopped.returncode == 128 + signal.SIGTERM
        assert not list(prepared.progress.glob("*.pt"))
    else:
        assert stopped.returncode == -signal.SIGKILL

    capsys.readouterr()
    train(recipe, prepared)
    told = capsys.readouterr().err
    assert ("training goes on after step 0 of 8" in told) is not within
    assert ("sweep of penalties" in told) is within
    resumed = finished_state(recipe, prepared)
    assert resumed["penalty_factor"] == straight["penalty_factor"]
    for name, tensor in straight["averaged"]["generator"].items():
        assert torch.equal(tensor, resumed["averaged"]["generator"][name])
