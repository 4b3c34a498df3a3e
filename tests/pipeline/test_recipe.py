import copy
from pathlib import Path
from typing import Any

import pytest
import yaml
from recipes import PAINTER, write_params

from demo.catalog import STARTER
from demo.engine import Model
from demo.gallery import ADDED
from pipeline.contracts import Image
from pipeline.errors import RecipeError
from pipeline.networks.dcgan import Dcgan
from pipeline.recipe import read_names, read_recipe
from pipeline.schedules import constant

ROOT = Path(__file__).parents[2]


def painter_with(path: Path, dotted: str, value: Any) -> Path:
    section = copy.deepcopy(PAINTER)
    *parents, key = dotted.split(".")
    target = section
    for parent in parents:
        target = target[parent]
    target[key] = value
    return write_params(path / "params.yaml", painter=section)


def test_a_recipe_is_typed_and_frozen(workplace: Path) -> None:
    recipe = read_recipe(Path("params.yaml"), "painter")
    assert isinstance(recipe.network, Dcgan)
    assert recipe.network.width == 4
    assert recipe.train.betas == (0.0, constant(0.99))
    with pytest.raises(ValueError, match="frozen"):
        recipe.network.width = 5


def test_the_digest_follows_what_is_trained_and_nothing_else(tmp_path: Path) -> None:
    def digest(dotted: str, value: Any) -> str:
        return read_recipe(painter_with(tmp_path, dotted, value), "painter").digest

    same = digest("description", "another text")
    assert digest("evaluate.samples", 64) == same
    assert digest("train.seed", 1) != same
    assert digest("network.width", 8) != same


@pytest.mark.parametrize(
    ("dotted", "value", "sentence"),
    [
        ("network.widht", 8, "painter.network.widht: unknown key; did you mean 'width'? choose from name, latent"),
        ("network.name", "dcgn", "painter.network.name: is 'dcgn'; did you mean 'dcgan'? choose from dcgan"),
        ("network.name", None, "painter.network.name: is None; choose from dcgan"),
        ("network.normalization", "layer", "painter.network.normalization: is 'layer'; input should be 'batch'"),
        ("network.width", 0, "painter.network.width: is 0; input should be greater than or equal to 1"),
        ("network.width", "8", "painter.network.width: is '8'; input should be a valid integer"),
        ("network", "dcgan", "painter.network: is 'dcgan'; it must be a mapping of keys to values"),
        (
            "loss.name",
            "cross_entropy",
            "painter.loss.name: is 'cross_entropy'; choose from gaussian, hinge, least",
        ),
        ("objective.r1", "1e-1", "painter.objective.r1: is '1e-1'; write a number with a point (2.0e-4)"),
        (
            "objective.r1",
            "aut",
            "to change it on the way; or input should be 'auto'",
        ),
        ("train.learning_rates.generator", float("inf"), "painter.train.learning_rates.generator"),
        ("train.budget.steps", 0, "painter.train.budget.steps: is 0"),
        ("train.budget", {"steps": 5, "minutes": 1.0}, "name one of steps, images and minutes"),
        ("train.learning_rates.generator", 0.0, "must start above 0"),
        (
            "train.budget",
            {"step": 5},
            "train.budget.step: unknown key; did you mean 'steps'? choose from steps",
        ),
        ("train.watch", {"sample": 5}, "train.watch.sample: unknown key; did you mean 'samples'?"),
        (
            "train.watch.samples",
            100_000,
            "painter.train.watch.samples: is 100000; input should be less than or equal to",
        ),
        ("train.seed", 2**32, "painter.train.seed: is 4294967296; input should be less than or equal to 4294967295"),
        ("evaluate.seed", 2**70, "painter.evaluate.seed: is 1180591620717411303424; input should be"),
        ("sweep", {"space": {"loss.name": ["hinge"]}, "seed": 2**32}, "painter.sweep.seed: is 4294967296"),
        ("evaluate.extractor", {"name": "random_bank", "seed": 2**64}, "painter.evaluate.extractor.seed: is 18446744"),
        ("train.watch.samples", 1, "one picture has nothing to differ from"),
        ("train.betas", [1.0, 0.99], "input should be less than 1"),
        ("train.betas", [0.0, {"start": 0.9, "end": 1.0}], "must be below 1"),
        ("train.ema_half_life", {"start": 0.1, "end": 0.2, "since": 0.8, "until": 0.5}, "since must not lie behind"),
        ("train.ema_half_life", {"start": 0.1}, "painter.train.ema_half_life.end: missing"),
        ("data.families", ["mondriaan"], "there is no family 'mondriaan'"),
        ("evaluate.extractor", {"name": "inceptoin"}, "painter.evaluate.extractor.name: is 'inceptoin'; did you mean"),
        ("evaluate.extractor", {"name": "inception", "wieghts": ""}, "painter.evaluate.extractor.wieghts: unknown key"),
        ("trian", {}, "painter.trian: unknown key; did you mean 'train'?"),
    ],
)
def test_a_wrong_key_value_or_name_gets_one_line_that_helps(
    tmp_path: Path, dotted: str, value: Any, sentence: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        read_recipe(painter_with(tmp_path, dotted, value), "painter")
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_section_or_key_is_named(tmp_path: Path) -> None:
    section = copy.deepcopy(PAINTER)
    del section["train"]["budget"]
    with pytest.raises(RecipeError, match=r"^painter.train.budget: missing"):
        read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")
    del section["train"]
    with pytest.raises(RecipeError, match=r"^painter.train: missing"):
        read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")


@pytest.mark.parametrize("section", ["export", "evaluate", "gate"])
def test_a_section_that_dvc_names_is_required_and_may_be_empty(tmp_path, section):
    params = write_params(tmp_path / "params.yaml", painter=PAINTER | {section: {}})
    assert read_recipe(params, "painter").name == "painter"
    params = write_params(tmp_path / "params.yaml", painter={key: PAINTER[key] for key in PAINTER if key != section})
    with pytest.raises(RecipeError, match=rf"^painter\.{section}: missing; every recipe needs this section"):
        read_recipe(params, "painter")


@pytest.mark.parametrize(
    ("changes", "words"), [({}, "missing"), ({"description": None}, "is None"), ({"description": 3}, "is 3")]
)
def test_a_description_is_a_text(tmp_path, changes, words):
    section = {key: PAINTER[key] for key in PAINTER if key != "description"} | changes
    with pytest.raises(RecipeError, match=rf"^painter\.description: {words}; say in a text what the model does"):
        read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")


@pytest.mark.parametrize("file", ["params.yaml", "zoo/params.yaml", "zoo/starter.yaml"])
def test_every_recipe_of_the_repository_can_be_read(file):
    for name in read_names(ROOT / file):
        assert read_recipe(ROOT / file, name).description


@pytest.mark.parametrize("name", [2024, 0])
def test_a_name_that_yaml_reads_as_a_number_is_refused(tmp_path, name):
    (tmp_path / "params.yaml").write_text(f"recipes: {{{name}: {{}}}}")
    with pytest.raises(RecipeError, match=f"has the name {name}, which YAML reads as no text; put it in quotes"):
        read_recipe(tmp_path / "params.yaml", str(name))


@pytest.mark.parametrize("name", [".", "..", "../evil", "a b", "", "-x", "a/b", "v1.2", "a\n"])
def test_a_name_that_is_none_of_a_folder_and_a_stage_is_refused(tmp_path, name):
    params = write_params(tmp_path / "params.yaml", painter=PAINTER, **{name: PAINTER})
    with pytest.raises(RecipeError) as caught:
        read_recipe(params, "painter")
    assert f"recipes: has the name {name!r}; begin with a letter, a digit or '_'" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_recipe_cannot_take_the_place_of_the_added_styles(tmp_path):
    params = write_params(tmp_path / "params.yaml", painter=PAINTER, **{ADDED: PAINTER})
    with pytest.raises(RecipeError, match="has the name '_styles', which is that of the folder of added styles"):
        read_recipe(params, "painter")


def test_a_name_of_letters_digits_and_dashes_is_taken(tmp_path):
    names = ["ink-2_b", "2nd", "_own", "山水"]
    assert read_names(write_params(tmp_path / "params.yaml", **dict.fromkeys(names, PAINTER))) == sorted(names)


def test_an_unknown_recipe_names_the_known_ones(workplace: Path) -> None:
    with pytest.raises(RecipeError, match="there is no recipe 'paintr'; did you mean 'painter'"):
        read_recipe(Path("params.yaml"), "paintr")


@pytest.mark.parametrize("content", ["recipes: [", "- a", "", "recipes: 3"])
def test_a_params_file_that_holds_no_recipes(tmp_path: Path, content: str) -> None:
    params = tmp_path / "params.yaml"
    params.write_text(content)
    with pytest.raises(RecipeError, match=r"params\.yaml") as caught:
        read_recipe(params, "painter")
    assert "\n" not in str(caught.value)


def test_a_params_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe(tmp_path / "params.yaml", "painter")


@pytest.mark.parametrize(
    ("folder", "known"),
    [(ROOT, {"painter", "stylist"}), (ROOT / "zoo", {"mlp_gan", "dcgan", "wgan", "wgan_gp", "cgan"})],
)
def test_the_recipes_that_ship_are_valid(folder: Path, known: set[str]) -> None:
    params = folder / "params.yaml"
    names = yaml.safe_load(params.read_text(encoding="utf-8"))["recipes"]
    assert known <= set(names)
    for name in names:
        recipe = read_recipe(params, name)
        assert recipe.description
        image = Image(recipe.data.channels, recipe.data.size, ("photograph", "one", "two"))
        modules = recipe.network.build(image) | recipe.objective.modules(image)
        roles = {role for role, _ in recipe.objective.phases(modules, recipe.loss, image)}
        assert roles == set(recipe.train.learning_rates)


@pytest.mark.parametrize("name", sorted(path.name for path in STARTER.iterdir() if path.is_dir()))
def test_the_recipe_of_a_model_that_ships_stands_in_the_zoo(name: str) -> None:
    recipe = read_recipe(ROOT / "zoo" / "starter.yaml", name)
    provenance = Model.open(STARTER / name / "model.onnx").card.provenance
    assert provenance["recipe_digest"] == recipe.digest
    assert provenance["steps"] == recipe.train.budget.steps
