import copy
import csv
from pathlib import Path

import pytest
import torch
from recipes import PAINTER, write_params
from states import finished_state

from pipeline.assembly import assemble
from pipeline.data.dataset import Dataset
from pipeline.errors import TrainingError
from pipeline.prepare import prepare
from pipeline.recipe import Recipe, read_recipe
from pipeline.tracking import NullTracker
from pipeline.train import train
from pipeline.watch import Watch
from pipeline.workspace import Workspace

STILL = 1e-12
"""A learning rate at which a network stays as it was drawn."""


def painter(*, objective: dict | None = None, loss: str = "nonsaturating", **train_settings: object) -> Recipe:
    section = copy.deepcopy(PAINTER)
    section["objective"] |= objective or {}
    section["loss"] = {"name": loss}
    section["train"] |= {"log_every": 1} | train_settings
    return read_recipe(write_params(Path("params.yaml"), painter=section), "painter")


def rates(generator: float, discriminator: float) -> dict[str, float]:
    return {"generator": generator, "discriminator": discriminator}


@pytest.fixture
def prepared(workplace: Path) -> Workspace:
    workspace = Workspace("painter")
    prepare(painter(), workspace)
    return workspace


def curves(workspace: Workspace) -> list[dict[str, str]]:
    with (workspace.reports / "snapshots.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_snapshots_are_scored_and_the_best_is_exported(prepared: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = painter(budget={"steps": 6}, snapshots=3, watch={"samples": 32})
    train(recipe, prepared)
    rows = curves(prepared)
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert all(0 <= float(row["class_coverage"]) <= 1 for row in rows)
    best = min(rows, key=lambda row: float(row["frechet"]))
    assert finished_state(recipe, prepared)["steps"] == int(best["step"])
    said = " ".join(capsys.readouterr().err.split())
    distance = f"{float(best['frechet']):.3g}"
    assert f"kept the networks of step {best['step']}, the best of its snapshots, Fréchet distance {distance};" in said
    last = painter(budget={"steps": 6}, snapshots=3, watch={"samples": 32, "keep": "last"})
    train(last, prepared)
    assert finished_state(last, prepared)["steps"] == 6


def test_without_samples_nothing_is_scored(prepared: Workspace) -> None:
    train(painter(watch={"samples": 0}), prepared)
    assert curves(prepared) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"learning_rates": rates(STILL, STILL), "snapshots": 2}, "the generator repeats itself at step 8 (mode coll"),
        (
            {"loss": "minimax", "objective": {"r1": 0.0}, "learning_rates": rates(STILL, 0.3)},
            "the discriminator has won at step",
        ),
        (
            {"loss": "wasserstein", "objective": {"weight_clip": 1e-9}, "learning_rates": rates(1e-3, 1e-3)},
            "the discriminator has collapsed at step",
        ),
    ],
)
def test_each_trouble_is_told_and_the_training_goes_on(
    prepared: Workspace, capsys: pytest.CaptureFixture[str], changes: dict, words: str
) -> None:
    train(painter(**{"budget": {"steps": 8}, "watch": {"samples": 32}, **changes}), prepared)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count(words) == 1
    assert prepared.checkpoint.exists()


def test_a_recipe_may_stop_at_trouble(prepared: Workspace) -> None:
    watch = {"samples": 32, "response": "stop"}
    with pytest.raises(TrainingError, match=r"^painter: the generator repeats itself"):
        train(painter(learning_rates=rates(STILL, STILL), snapshots=2, watch=watch), prepared)
    assert not prepared.checkpoint.exists()


def test_a_training_falls_back_until_its_rates_are_low_enough(
    prepared: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = painter(
        budget={"steps": 6}, learning_rates=rates(1e-3, 2e19), watch={"samples": 0, "response": "roll_back"}
    )
    with pytest.raises(TrainingError, match=r"is not finite after step .*; it fell back 3 times, which did not help"):
        train(recipe, prepared)
    told = " ".join(capsys.readouterr().err.split())
    for fallback, share in enumerate(("0.5", "0.25", "0.125"), 1):
        assert f"back to step 0, with {share} times the learning rates and {2**fallback} times the penalties" in told


def test_a_state_with_broken_weights_is_no_good_one(prepared: Workspace, tmp_path: Path) -> None:
    recipe = painter(watch={"samples": 0, "response": "roll_back"})
    dataset = Dataset.open(prepared.prepared)
    trainer, _ = assemble(recipe, dataset, device=torch.device("cpu"))
    watch = Watch(recipe, dataset, trainer=trainer, tracker=NullTracker(), good=tmp_path / "good.pt")
    watch.keep_good()
    kept = (tmp_path / "good.pt").read_bytes()
    next(trainer.averaged["generator"].parameters())[0] = torch.nan
    watch.keep_good()
    assert not trainer.is_finite
    assert (tmp_path / "good.pt").read_bytes() == kept


def test_a_fall_back_that_helps_ends_in_a_model(prepared: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    """Adam's first step is the rate itself, so float32 overflows in the logits at one rate and not at half of it."""
    recipe = painter(
        budget={"steps": 4}, learning_rates=rates(1e-3, 1e5), objective={"r1": 0.0},
        watch={"samples": 0, "response": "roll_back"},
    )  # fmt: skip
    train(recipe, prepared)
    told = " ".join(capsys.readouterr().err.split())
    assert prepared.checkpoint.exists()
    assert "is not finite after step" in told
    assert "with 0.5 times the learning rates and 2 times the penalties" in told


def test_a_penalty_beyond_all_measure_ends_in_one_sentence(prepared: Workspace) -> None:
    with pytest.raises(
        TrainingError, match=r"^painter: .* is not finite after step .*, or change the objective's penalty"
    ):
        train(painter(objective={"r1": 1e30}), prepared)
