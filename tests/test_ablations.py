"""The ablations of a tiny recipe: which variants there are, and two of them through all stages."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
import yaml
from recipes import STYLIST, write_params

# One picture in four is painted at a strength below one, where alone the identity counts.
RECIPE = {
    **STYLIST,
    "network": {**STYLIST["network"], "blocks": 0},
    "train": {**STYLIST["train"], "batch": 4},
}
BENCH = Path(__file__).parent.parent / "bench"


@pytest.fixture
def variants(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(BENCH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    write_params(tmp_path / "params.yaml", stylist=RECIPE)
    yield importlib.import_module("variants")
    sys.modules.pop("variants")


def test_variants_lack_one_term_each(variants):
    variants.write_variants(Path("params.yaml"), "stylist", steps=7, target=Path("all.yaml"))
    recipes = yaml.safe_load(Path("all.yaml").read_text())["recipes"]
    whole = RECIPE["objective"]
    assert {name: recipe["objective"] for name, recipe in recipes.items()} == {
        "whole": whole,
        "no-adversary": {**whole, "adversarial_weight": 0, "resemblance_weight": 0},
        "no-patches": {**whole, "patches_weight": 0},
        "uncentred-gram": {**whole, "centred": False},
        "no-identity": {**whole, "identity_weight": 0},
    }
    for name, recipe in recipes.items():
        assert recipe["train"] == RECIPE["train"] | {"budget": {"steps": 7}}
        assert recipe["data"] == RECIPE["data"]
        variants.read_recipe(Path("all.yaml"), name)


@pytest.mark.slow
def test_each_variant_is_trained_scored_and_shown_once(variants, monkeypatch):
    chosen = ("whole", "no identity")
    monkeypatch.setattr(variants, "VARIANTS", {name: variants.VARIANTS[name] for name in chosen})
    for constant, runs in (("_WARM_UP", 0), ("_LEAST_RUNS", 1), ("_RUNS", 1)):
        monkeypatch.setattr(f"pipeline.latency.{constant}", runs)
    monkeypatch.setattr("pipeline.latency.peak_memory", lambda path, workloads: [])
    folder = Path("out")
    variants.main("stylist", steps=2, params=Path("params.yaml"), folder=folder)
    figures = json.loads((folder / "figures.json").read_text())
    assert tuple(figures) == chosen
    assert figures["whole"] != figures["no identity"]
    with PIL.Image.open(folder / "sheet.png") as sheet:
        pixels = np.asarray(sheet)
    # Eight rows of four pictures of 160 px, 4 px apart, and margins, a title, headings and five lines of figures.
    assert pixels.shape[0] == 14 + 29 + 19 + 8 * 164 - 4 + 5 * 19 + 14
    assert pixels.shape[1] > 4 * 164
    trained = {path: path.stat().st_mtime_ns for path in folder.glob("checkpoints/*.pt")}
    variants.main("stylist", steps=2, params=Path("params.yaml"), folder=folder)
    assert {path: path.stat().st_mtime_ns for path in trained} == trained
    assert len(trained) == 2


def test_a_recipe_that_is_not_there_is_named(variants):
    with pytest.raises(SystemExit, match="there is no recipe 'stylists'; did you mean 'stylist'"):
        variants.main("stylists", steps=2, params=Path("params.yaml"), folder=Path("out"))
    assert not Path("out").exists()
