import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import torch

from demo.images import from_array
from pipeline.contracts import Image, LatentGenerator
from pipeline.errors import DataError, RecipeError
from pipeline.networks.mlp import Mlp
from pipeline.prepare import prepare
from pipeline.projection import project, project_file
from pipeline.recipe import Recipe, read_recipe
from pipeline.train import train
from pipeline.trained import load_trained
from pipeline.workspace import Workspace

CLASSES = ("mondrian", "waves")


@pytest.fixture(scope="module")
def generator() -> LatentGenerator:
    """A perceptron of large weights: pictures that differ, and a class that matters."""
    torch.manual_seed(0)
    network = Mlp(latent=8, width=32, conditional=True).build(Image(3, 16, CLASSES))["generator"]
    for parameter in network.parameters():
        parameter.data.mul_(3).requires_grad_(requires_grad=False)
    assert isinstance(network, LatentGenerator)
    return network


def painted(generator: LatentGenerator, label: int) -> tuple[torch.Tensor, torch.Tensor]:
    latent = torch.randn(1, 8, generator=torch.Generator().manual_seed(77))
    with torch.no_grad():
        return latent[0], generator(latent, torch.eye(2)[[label]])[0]


@pytest.mark.parametrize("label", [0, 1])
def test_a_picture_of_its_own_is_found_with_its_latent_and_its_class(generator: LatentGenerator, label: int) -> None:
    latent, picture = painted(generator, label)
    found = project(generator, picture, labels=[0, 1], steps=150, seed=0)
    assert found.label == label
    assert found.difference < 0.1 * found.drawn
    assert (found.latent - latent).norm() < 0.5 * latent.norm()
    torch.testing.assert_close(found.picture, generator(found.latent[None], torch.eye(2)[[label]])[0])


def test_the_search_stays_in_the_classes_that_are_asked_for_and_where_latents_lie(generator: LatentGenerator) -> None:
    found = project(generator, torch.ones(3, 16, 16), labels=[1], steps=60, seed=0)
    assert found.label == 1
    assert found.difference <= found.drawn
    assert 1 < found.latent.norm() < 6


def test_equal_seeds_find_the_same_and_no_steps_the_nearest_drawn(generator: LatentGenerator) -> None:
    _, picture = painted(generator, 0)
    first, again = (project(generator, picture, labels=[0, 1], steps=3, seed=5) for _ in range(2))
    assert torch.equal(first.latent, again.latent)
    idle = project(generator, picture, labels=[0, 1], steps=0, seed=5)
    assert idle.difference == pytest.approx(idle.drawn, rel=1e-5)


@pytest.fixture
def painter(workplace: Path) -> tuple[Recipe, Workspace]:
    recipe, workspace = read_recipe(workplace / "params.yaml", "painter"), Workspace("painter")
    prepare(recipe, workspace)
    train(recipe, workspace)
    return recipe, workspace


def test_the_command_writes_a_sheet_and_a_report(painter: tuple[Recipe, Workspace]) -> None:
    recipe, workspace = painter
    generator = load_trained(recipe, workspace).generator()
    from_array(np.full((3, 20, 30), 0.5, np.float32)).save("mine.png")
    command = [sys.executable, "-m", "pipeline", "project", "painter", "mine.png", "--class", "waves", "--steps", "2"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (answer.returncode, answer.stdout) == (0, "")
    assert "the difference is" in answer.stderr
    report = json.loads((workspace.reports / "projection.json").read_text())
    assert {key: report[key] for key in ("picture", "class", "steps", "seed")} == {
        "picture": "mine.png",
        "class": "waves",
        "steps": 2,
        "seed": 0,
    }
    assert len(report["latent"]) == generator.latent
    assert 0 < report["difference"] < 2
    with PIL.Image.open(workspace.reports / "projection.png") as sheet:
        assert sheet.width > 2 * 64
    (workspace.root / "mine.png").write_bytes(b"no picture")
    for arguments, sentence in {
        (Path("mine.png"), None): "mine.png is not a readable",
        (Path("nowhere.png"), None): "nowhere.png cannot be read",
        (Path("mine.png"), "wave"): "knows no class 'wave'; did you mean 'waves'?",
    }.items():
        with pytest.raises(DataError, match=sentence.replace("?", r"\?")):
            project_file(recipe, workspace, arguments[0], class_name=arguments[1], steps=1, seed=0)


def test_a_recipe_without_a_latent_space_is_refused(workplace: Path) -> None:
    recipe, workspace = read_recipe(workplace / "params.yaml", "stylist"), Workspace("stylist")
    prepare(recipe, workspace)
    train(recipe, workspace)
    with pytest.raises(RecipeError, match=r"stylist.network.name: 'stylizer' paints from photographs"):
        project_file(recipe, workspace, Path("mine.png"), class_name=None, steps=1, seed=0)
