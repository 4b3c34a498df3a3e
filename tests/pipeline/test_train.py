import copy
import csv
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import torch
from commands import struck
from recipes import PAINTER, UNPAIRED, write_params
from states import finished_state

from pipeline import checkpoint
from pipeline.errors import CheckpointError, DataError, RecipeError, StorageError, TrainingError
from pipeline.prepare import prepare
from pipeline.recipe import Recipe, parse_recipe, read_recipe
from pipeline.train import _start, train
from pipeline.trained import load_trained
from pipeline.workspace import Workspace


def painter(**train_settings: object) -> Recipe:
    section = copy.deepcopy(PAINTER)
    section["train"] |= train_settings
    return read_recipe(write_params(Path("params.yaml"), painter=section), "painter")


@pytest.fixture
def prepared(workplace: Path) -> Workspace:
    workspace = Workspace("painter")
    prepare(painter(), workspace)
    return workspace


def test_training_leaves_weights_curves_and_a_sheet_and_nothing_else(prepared: Workspace) -> None:
    recipe = painter()
    train(recipe, prepared)
    state = finished_state(recipe, prepared)
    assert state["steps"] == 6
    assert set(state["averaged"]) == {"generator"}
    with (prepared.reports / "training.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == [2, 4, 6]
    assert set(rows[0]) == {
        "step",
        "logit_gap",
        *(f"{role}_{figure}" for role in ("generator", "discriminator") for figure in ("loss", "gradient")),
    }
    with (prepared.reports / "snapshots.csv").open() as stream:
        assert stream.readline() == "step,frechet,recall,diversity,class_coverage\n"
        assert [line.split(",")[0] for line in stream] == ["2", "4", "6"]
    with PIL.Image.open(prepared.reports / "training.png") as sheet:
        assert np.asarray(sheet.convert("RGB")).std() > 1
    assert not prepared.progress.exists()


def test_data_of_other_settings_are_refused_and_a_training_that_is_given_up_is_told_of(
    prepared: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    section = copy.deepcopy(PAINTER)
    section["data"]["size"] = 32
    other = parse_recipe("painter", section)
    with pytest.raises(DataError, match="prepared with other settings than the recipe has; run `python -m"):
        train(other, prepared)
    checkpoint.save(prepared.progress / "0123.pt", {}, digest="of another code")
    train(painter(), prepared)
    assert "an unfinished training of other settings, data or code lies in" in " ".join(capsys.readouterr().err.split())
    prepare(other, prepared)
    with pytest.raises(CheckpointError, match="belongs to another recipe or other data"):
        load_trained(other, prepared)


def test_a_budget_in_images_is_so_many_batches_and_one_in_minutes_as_many_steps_as_fit(
    prepared: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    train(painter(budget={"images": 41}), prepared)
    assert finished_state(painter(budget={"images": 41}), prepared)["steps"] == 6
    recipe = painter(budget={"minutes": 0.01})
    train(recipe, prepared)
    steps = finished_state(recipe, prepared)["steps"]
    assert f"0.01 minutes are {steps:,} steps here" in capsys.readouterr().err
    with (prepared.reports / "training.csv").open() as stream:
        assert int(list(csv.DictReader(stream))[-1]["step"]) == steps


def test_training_again_gives_the_same_bytes(prepared: Workspace) -> None:
    def trained() -> tuple[bytes, ...]:
        train(painter(), prepared)
        files = prepared.checkpoint, prepared.reports / "training.csv", prepared.reports / "training.png"
        return tuple(file.read_bytes() for file in files)

    assert trained() == trained()


def test_fewer_pictures_than_a_batch(prepared: Workspace) -> None:
    with pytest.raises(DataError, match=r"training pictures are fewer than a batch; set train\.batch to \d+ or less"):
        train(painter(batch=64), prepared)


def test_missing_data_names_the_command(workplace: Path) -> None:
    with pytest.raises(DataError, match="python -m pipeline prepare painter"):
        train(painter(), Workspace("painter"))


def test_a_loss_that_explodes_ends_in_one_sentence(prepared: Workspace) -> None:
    with pytest.raises(TrainingError, match="is not finite after step"):
        train(painter(budget={"steps": 40}, learning_rates={"generator": 1e18, "discriminator": 1e18}), prepared)
    assert not prepared.checkpoint.exists()


def test_a_checkpoint_folder_that_cannot_be_written(prepared: Workspace) -> None:
    prepared.progress.parent.write_text("a file stands where the folder should be")
    with pytest.raises(StorageError, match="cannot write"):
        train(painter(), prepared)


def test_two_trainings_of_a_recipe_at_once_are_refused_and_the_lock_goes_with_its_process(prepared: Workspace) -> None:
    held = "lock = FileLock(sys.argv[1]); lock.acquire(); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", f"import sys; from filelock import FileLock; {held}", str(prepared.training)]
    prepared.training.parent.mkdir()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(
            TrainingError, match=r"^another training of 'painter' is running here; wait for it, or stop it$"
        ):
            train(painter(), prepared)
        assert not prepared.progress.exists()
        other.kill()
    train(painter(), prepared)
    assert prepared.checkpoint.exists()


def test_a_picture_size_that_the_network_cannot_make(workplace: Path) -> None:
    section = copy.deepcopy(PAINTER)
    section["data"]["size"] = 24
    recipe = read_recipe(write_params(Path("params.yaml"), painter=section), "painter")
    prepare(recipe, Workspace("painter"))
    with pytest.raises(RecipeError, match="makes no pictures of 24 pixels"):
        train(recipe, Workspace("painter"))


def test_ranks_that_do_not_train_the_same_are_refused(prepared: Workspace) -> None:
    unfinished = prepared.progress / "one.pt"
    world = SimpleNamespace(leads=True, gather=lambda name: [name, "another.pt"])
    with pytest.raises(TrainingError, match=r"^painter: the ranks differ in recipe, data, code or torch; give each"):
        _start(painter(), SimpleNamespace(world=world), unfinished=unfinished)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_stopped_training_goes_on_and_ends_as_if_never_stopped(
    prepared: Workspace, number: signal.Signals, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = painter(budget={"steps": 8}, checkpoint_every=1)
    train(recipe, prepared)
    straight = torch.load(prepared.checkpoint, weights_only=True)
    prepared.checkpoint.unlink()

    command = [sys.executable, *struck(number, "pipeline.checkpoint.save", at=3), "train", "painter"]
    stopped = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, timeout=120)
    if number == signal.SIGKILL:
        assert stopped.returncode == -number
        kept = 2
    else:
        assert stopped.returncode == 128 + number
        kept = 4
        assert f"stopped after step {kept} of 8; the same command goes on there" in stopped.stderr
        assert "Traceback" not in stopped.stderr
    assert not prepared.checkpoint.exists()

    capsys.readouterr()
    train(recipe, prepared)
    assert f"training goes on after step {kept} of 8" in capsys.readouterr().err
    resumed = torch.load(prepared.checkpoint, weights_only=True)
    for name, tensor in straight["state"]["averaged"]["generator"].items():
        assert torch.equal(tensor, resumed["state"]["averaged"]["generator"][name])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"network": {"name": "draw"}, "objective": {"name": "adversarial", "augment": {}}},
            "painter.objective.name: 'adversarial' needs a network with a generator, and 'draw' has autoencoder; ",
        ),
        (
            {
                "network": {"name": "encoder_decoder", "width": 4},
                "objective": {"name": "cycle"},
                "data": UNPAIRED["data"] | {"size": 32},
            },
            "painter.objective.name: 'cycle' needs a network with a generator, and 'encoder_decoder' has autoencoder",
        ),
        (
            {"train": PAINTER["train"] | {"learning_rates": {"generator": 1e-3}}},
            "painter.train.learning_rates: names generator; it must name discriminator, generator",
        ),
        (
            {
                "network": {"name": "encoder_decoder", "width": 4, "components": 44},
                "objective": {"name": "autoencoding"},
                "loss": {"name": "gaussian"},
                "train": PAINTER["train"] | {"learning_rates": {"autoencoder": 1e-3}},
            },
            "painter.network.components: is 44, more than the 43 training pictures that it is fitted to; set it to 43",
        ),
        (
            {"data": PAINTER["data"] | {"size": 17}},
            "painter.network.name: 'dcgan' makes no pictures of 17 pixels",
        ),
    ],
)
def test_parts_that_do_not_fit_each_other_are_told_with_the_name_of_the_recipe(
    changes: dict[str, Any], sentence: str, *, workplace: Path
) -> None:
    recipe = read_recipe(write_params(Path("params.yaml"), painter=PAINTER | changes), "painter")
    prepare(recipe, Workspace("painter"))
    with pytest.raises(RecipeError) as caught:
        train(recipe, Workspace("painter"))
    assert str(caught.value).startswith(sentence)
