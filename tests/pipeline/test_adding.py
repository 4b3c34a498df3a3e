"""`add-style`: a picture becomes a style of a model that stays as it is."""

import json
import shutil
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from recipes import STYLIST, write_params

from demo.engine import Model
from demo.gallery import open_gallery
from pipeline import __main__ as command_line
from pipeline.adding import add_style, fit_style, read_style
from pipeline.errors import CheckpointError, DataError, ExportError, RecipeError
from pipeline.recipe import Recipe, first_recipe, read_recipe
from pipeline.trained import load_trained
from pipeline.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def workplace(studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a tiny stylist is trained and exported."""
    return shutil.copytree(studio, tmp_path_factory.mktemp("adding") / "studio")


@pytest.fixture
def stripes(tmp_path: Path) -> Path:
    waves = np.sin(np.arange(90) / 2)[None, :, None] * np.array([100, 60, 10]) + 127
    path = tmp_path / "stripes.png"
    PIL.Image.fromarray(np.broadcast_to(waves, (70, 90, 3)).astype(np.uint8)).save(path)
    return path


def recipe_of(folder: Path) -> Recipe:
    return read_recipe(folder / "params.yaml", "stylist")


def test_an_added_style_stands_in_the_gallery_behind_the_model_s_own(workplace: Path, stripes: Path) -> None:
    workspace = Workspace("stylist", workplace)
    before = workspace.model.read_bytes()
    path = add_style(recipe_of(workplace), workspace, stripes, name="night stripes", steps=2)
    assert path == workplace / "models" / "_styles" / "stylist" / "night stripes.json"
    assert workspace.model.read_bytes() == before
    model = Model.open(workspace.model, device="cpu")
    gallery = open_gallery(model, workplace / "models")
    assert gallery.problems == ()
    assert gallery.names == (*(choice.name for choice in model.card.choices), "night stripes")
    fields = json.loads(path.read_text(encoding="utf-8"))
    assert fields["model"] == model.sha256
    assert fields["thumbnail"].startswith("data:image/png;base64,")
    assert len(fields["code"]) == 8


def test_fitting_brings_the_paintings_nearer_to_the_picture(workplace: Path, stripes: Path) -> None:
    recipe = recipe_of(workplace)
    trained = load_trained(recipe, Workspace("stylist", workplace))
    terms = recipe.objective.terms("cpu")
    style = read_style(stripes)
    fitted = fit_style(trained, terms, style, steps=25)
    again = fit_style(trained, terms, style, steps=25)
    assert fitted.distance < 0.99 * fitted.read
    assert fitted.code.tolist() == again.code.tolist()


def refusal(workplace: Path, picture: Path, *, name: str = "mine") -> str:
    with pytest.raises(DataError) as refused:
        add_style(recipe_of(workplace), Workspace("stylist", workplace), picture, name=name, steps=1)
    return str(refused.value)


def test_pictures_without_a_style_are_refused(workplace: Path, tmp_path: Path) -> None:
    sizes = {"flat": (64, 64), "line": (1, 300), "vast": (8000, 6250)}
    for kind, size in sizes.items():
        PIL.Image.new("RGB", size, "teal").save(tmp_path / f"{kind}.png", compress_level=1)
    assert "flat.png shows one colour and nothing else" in refusal(workplace, tmp_path / "flat.png")
    assert "line.png is 1 x 300 pixels, too small or too narrow" in refusal(workplace, tmp_path / "line.png")
    assert "vast.png has 8000 x 6250 pixels, more than the 16 megapixels" in refusal(workplace, tmp_path / "vast.png")
    assert not list(workplace.rglob("mine.json"))


def test_names_that_will_not_do_are_refused(workplace: Path, stripes: Path) -> None:
    assert "has a style 'waves' of its own" in refusal(workplace, stripes, name="waves")
    for name in ("", "../up", ".hidden", "x" * 61):
        assert "is no name for a style" in refusal(workplace, stripes, name=name)


def test_a_model_of_another_training_is_refused(workplace: Path, stripes: Path, tmp_path: Path) -> None:
    other = {**STYLIST, "objective": {"name": "stylization", "tone_weight": 0.5}}
    recipe = read_recipe(write_params(tmp_path / "params.yaml", stylist=other), "stylist")
    with pytest.raises(CheckpointError, match="another recipe"):
        add_style(recipe, Workspace("stylist", workplace), stripes, name="mine")
    workspace = Workspace("stylist", workplace)
    kept = workspace.model.read_bytes()
    digest = load_trained(recipe_of(workplace), workspace).dataset.digest.encode()
    workspace.model.write_bytes(kept.replace(digest, b"0" * len(digest)))
    try:
        with pytest.raises(ExportError, match="another training"):
            add_style(recipe_of(workplace), workspace, stripes, name="mine")
        workspace.model.unlink()
        with pytest.raises(ExportError, match="does not exist"):
            add_style(recipe_of(workplace), workspace, stripes, name="mine")
    finally:
        workspace.model.write_bytes(kept)


def test_the_first_recipe_that_stylizes_is_taken(tmp_path: Path) -> None:
    params = write_params(tmp_path / "params.yaml", painter={"objective": {"name": "adversarial"}}, second=STYLIST)
    assert first_recipe(params, objective="stylization") == "second"
    write_params(params, painter={"objective": {"name": "adversarial"}})
    with pytest.raises(RecipeError, match="no recipe has the objective 'stylization'"):
        first_recipe(params, objective="stylization")


def test_the_command_says_in_one_sentence_what_is_wrong(
    workplace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setattr("sys.argv", ["pipeline", "add-style", "gone.png", "--name", "mine"])
    with pytest.raises(SystemExit) as stop:
        command_line.main()
    assert stop.value.code == 1
    assert "gone.png" in capsys.readouterr().err
