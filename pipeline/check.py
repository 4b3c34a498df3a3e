"""Command: whether a recipe is right, before anything runs long. Nothing is written.

python -m pipeline check RECIPE [--params FILE]
"""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.assembly import assemble
from pipeline.contracts import PHOTOGRAPH, Image
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, memory_advice
from pipeline.errors import DataError, RecipeError
from pipeline.recipe import Recipe
from pipeline.workspace import Workspace

_STAND_INS = (PHOTOGRAPH, "style")
"""Classes of pictures that are not there yet, so that who asks for photographs and for styles finds both."""
_PLENTY = 1 << 20
"""So many pictures are taken to be there, each of the blank ones again and again."""


def check(recipe: Recipe, workspace: Workspace) -> None:
    """Put a training together, take the gradients of one step, and print what is known of it.

    Where the data are not prepared, blank pictures stand in. What was not checked is said.

    Raises:
        DataError: the data are too few for a batch.
        RecipeError: the parts of the recipe do not fit each other, the data or the machine, or a file is missing.
        TrainingError: the device's memory does not hold a batch.

    """
    _find_files(recipe)
    unchecked = []
    try:
        dataset = Dataset.open(workspace.prepared, source=recipe.data)
    except DataError as error:
        dataset = _blank(recipe)
        unchecked.append(f"the pictures, their number and classes; blank ones of two classes stood in ({error})")
    if recipe.train.compile:
        unchecked.append("train.compile, which takes minutes")
    config = recipe.train.model_copy(update={"compile": False})
    with memory_advice(config.batch):
        trainer, example = assemble(replace(recipe, train=config), dataset, device=choose_device())
        trainer.gradients()
    sizes = [
        f"{role} {sum(weight.numel() for weight in module.parameters()):,}"
        for role, module in recipe.network.build(dataset.image).items()
    ]
    pictures, channels, side, _ = example.images.shape
    steps = f"{config.budget.minutes:g} minutes" if config.budget.minutes else f"{trainer.steps:,} steps"
    lines = [
        f"{recipe.name}: its parts fit each other; one step was tried, nothing was written",
        f"weights    {', '.join(sizes)}",
        f"batch      {pictures} pictures of {side} x {side} px, {channels} channel{'s' if channels > 1 else ''}",
        f"budget     {steps}",
        *(f"unchecked  {what}" for what in unchecked),
    ]
    sys.stdout.write("\n".join(lines) + "\n")


def _find_files(recipe: Recipe) -> None:
    """Look for the files that only an evaluation reads, after hours of training it may be."""
    evaluation = recipe.evaluate
    named = {f"weights.{name}": path for name, path in evaluation.weights.model_dump().items()}
    named["extractor.path"] = evaluation.extractor.model_dump().get("path", "")
    for setting, path in named.items():
        if path and not Path(path).is_file():
            where = f"{recipe.name}.evaluate.{setting}"
            raise RecipeError(where, f"names {path}, where no file is", "correct it, or leave it out")


def _blank(recipe: Recipe) -> Dataset:
    """Return black pictures of the recipe's shape, a batch of each stand-in class."""
    source, places = recipe.data, np.arange(len(_STAND_INS) * recipe.train.batch)
    return Dataset(
        image=Image(source.channels, source.size, _STAND_INS),
        images=np.zeros((len(places), source.channels, source.size, source.size), np.uint8),
        labels=places % len(_STAND_INS),
        training=np.resize(places, max(len(places), _PLENTY)),
        validation=places[:0],
        manifest={},
        digest="",
    )
