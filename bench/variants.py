"""Variants of a stylizing recipe, each run through the pipeline's own stages with the same data, budget and seed."""

import copy
import json
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import PIL.Image
import typer
import yaml

from demo.engine import Model
from demo.errors import DemoError
from pipeline.contracts import PHOTOGRAPH
from pipeline.data.dataset import Dataset
from pipeline.errors import PipelineError
from pipeline.evaluate import evaluate
from pipeline.export import export
from pipeline.gathering import stylization_feeds
from pipeline.metrics.evidence import Float32, Uint8
from pipeline.pictures import contact_sheet, from_uint8, to_uint8
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.train import train
from pipeline.workspace import Workspace, writing

VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "whole": {},
    "no adversary": {"objective.adversarial_weight": 0.0, "objective.resemblance_weight": 0.0},
    "no patches": {"objective.patches_weight": 0.0},
    "uncentred Gram": {"objective.centred": False},
    "no identity": {"objective.identity_weight": 0.0},
}
FIGURES = {
    "Gram distance": ("style_similarity", "relative_distance"),
    "sliced Wasserstein": ("sliced_wasserstein", "relative_distance"),
    "recognised": ("style_recognition", "recognised"),
    "MS-SSIM": ("content_preservation", "ms_ssim"),
    "halfway": ("strength_control", "halfway"),
}
ROWS = 6
ROWS_AT_HALF = 2
SIDE = 160


def main(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A recipe whose objective is a stylization.")] = (
        "stylist"
    ),
    *,
    steps: Annotated[int, typer.Option(min=1, help="How long each variant is trained.")] = 400,
    params: Annotated[Path, typer.Option(metavar="FILE", help="The file that holds the recipes.")] = Path(
        "params.yaml"
    ),
    folder: Annotated[Path, typer.Option(metavar="FOLDER", help="Where everything goes.")] = Path("reports/ablations"),
) -> None:
    """Train a recipe without one of its terms at a time, and show them side by side."""
    os.environ.setdefault("GANVAS_TRACKING", "off")
    try:
        write_variants(params, recipe, steps=steps, target=folder / "params.yaml")
        for name in VARIANTS:
            run(name, folder)
        figures = {
            name: json.loads((workspace_of(name, folder).reports / "metrics.json").read_text()) for name in VARIANTS
        }
        with writing(folder / "figures.json") as scratch:
            scratch.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
        with writing(folder / "sheet.png") as scratch:
            sheet(figures, folder, title=f"{recipe} after {steps:,} steps, and without one term each").save(scratch)
    except (PipelineError, DemoError) as error:
        sys.exit(str(error))
    print(f"{folder}: sheet.png and figures.json")


def write_variants(params: Path, recipe: str, *, steps: int, target: Path) -> None:
    """Write a params file in which each variant is a recipe."""
    read_recipe(params, recipe)  # says what is wrong with it
    section = yaml.safe_load(params.read_text(encoding="utf-8"))["recipes"][recipe]
    common = {"train.budget": {"steps": steps}}
    recipes = {slug(name): overridden(section, {**common, **changes}) for name, changes in VARIANTS.items()}
    with writing(target) as scratch:
        scratch.write_text(yaml.safe_dump({"recipes": recipes}), encoding="utf-8")


def overridden(section: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recipe's section with other values at dotted keys."""
    result = copy.deepcopy(dict(section))
    for key, value in changes.items():
        *path, last = key.split(".")
        part = result
        for step in path:
            part = part.setdefault(step, {})
        part[last] = value
    return result


def run(name: str, folder: Path) -> None:
    """Train, export and evaluate a variant on the data of the first, unless that is done."""
    recipe, workspace = read_recipe(folder / "params.yaml", slug(name)), workspace_of(name, folder)
    done = workspace.reports / "digest"
    if done.exists() and done.read_text() == recipe.digest:
        return
    shared = workspace_of(next(iter(VARIANTS)), folder).prepared
    if workspace.prepared == shared:
        prepare(recipe, workspace)
    else:
        shutil.copytree(shared, workspace.prepared, dirs_exist_ok=True)
    train(recipe, workspace)
    export(recipe, workspace)
    evaluate(recipe, workspace)
    with writing(done) as scratch:
        scratch.write_text(recipe.digest)


def sheet(figures: Mapping[str, Any], folder: Path, *, title: str) -> PIL.Image.Image:
    """Return the sheet: held-back photographs by all variants, at full strength, then at half."""
    dataset = Dataset.open(workspace_of(next(iter(VARIANTS)), folder).prepared)
    names = dataset.image.styles
    photographs, shown = chosen_photographs(dataset)
    styles = np.arange(len(photographs)) % len(names)
    strengths = np.repeat(np.float32([1, 0.5]), [len(photographs) - ROWS_AT_HALF, ROWS_AT_HALF])
    examples = np.stack([dataset.images[np.argmax(dataset.labels == dataset.image.classes.index(n))] for n in names])
    columns = [shown, examples[styles]]
    for variant in VARIANTS:
        model = Model.open(workspace_of(variant, folder).model)
        columns.append(to_uint8(painted(model, photographs, styles=styles, strengths=strengths)))
    cells = np.stack(columns, axis=1).reshape(-1, *shown.shape[1:])
    factor = -(-SIDE // shown.shape[2])
    return contact_sheet(
        cells.repeat(factor, axis=2).repeat(factor, axis=3),
        columns=len(columns),
        title=title,
        headings=["photograph", "style", *VARIANTS],
        rows=[
            names[style] if strength == 1 else f"{names[style]}, half"
            for style, strength in zip(styles, strengths, strict=True)
        ],
        figures={
            label: ["", "", *(f"{figures[name][metric][score]:.3g}" for name in VARIANTS)]
            for label, (metric, score) in FIGURES.items()
        },
    )


def chosen_photographs(dataset: Dataset) -> tuple[Float32, Uint8]:
    """Return the first held-back photographs, for the network and to look at."""
    photograph = dataset.image.classes.index(PHOTOGRAPH)
    held_back = dataset.validation[dataset.labels[dataset.validation] == photograph]
    shown = dataset.images[held_back[np.arange(ROWS + ROWS_AT_HALF) % len(held_back)]]
    return from_uint8(shown), shown


def painted(model: Model, photographs: Float32, *, styles: np.ndarray, strengths: Float32) -> Float32:
    """Return the photographs without noise, each in its style and strength."""
    seeds = [None] * len(photographs)
    return model.run(stylization_feeds(model.card, photographs, styles=styles, strengths=strengths, seeds=seeds))


def workspace_of(name: str, folder: Path) -> Workspace:
    """Return where the files of a variant lie."""
    return Workspace(slug(name), folder)


def slug(name: str) -> str:
    """Return a variant's name as a recipe's."""
    return name.replace(" ", "-").lower()
