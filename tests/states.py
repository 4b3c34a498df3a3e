"""What trainings of the tests left."""

from pipeline import checkpoint
from pipeline.data.dataset import Dataset
from pipeline.recipe import Recipe
from pipeline.workspace import Workspace


def finished_state(recipe: Recipe, workspace: Workspace) -> checkpoint.State:
    """Return what a finished training of a recipe left."""
    origin = checkpoint.origin(recipe, Dataset.open(workspace.prepared))
    return checkpoint.load(workspace.checkpoint, digest=origin)
