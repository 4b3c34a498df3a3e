"""Training states on disk: written whole or not at all, read back without running code from the file."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from pipeline.data.dataset import Dataset
from pipeline.errors import CheckpointError
from pipeline.recipe import Recipe
from pipeline.workspace import writing

State = dict[str, Any]

_DAMAGED = (
    *(OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError),
    *(pickle.UnpicklingError, zipfile.BadZipFile),
)


def origin(recipe: Recipe, dataset: Dataset) -> str:
    """Return the digest of a finished training: what its weights come from."""
    return f"{recipe.digest} {dataset.digest}"


def save(path: Path, state: State, *, digest: str) -> None:
    """Write a state of tensors, numbers, texts, lists and dicts; `digest` says what training it belongs to.

    Raises:
        StorageError: the file cannot be written; an older one stays as it was.

    """
    with writing(path) as scratch:
        torch.save({"digest": digest, "state": state}, scratch)


def load(path: Path, *, digest: str) -> State:
    """Read a state.

    Raises:
        CheckpointError: the file is missing, damaged, or belongs to another training.

    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        found, state = content["digest"], content["state"]
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing; run `python -m pipeline train {path.stem}` first") from error
    except _DAMAGED as error:
        raise CheckpointError(f"{path} is damaged; delete it and train again") from error
    if found != digest:
        raise CheckpointError(f"{path} belongs to another recipe or other data; delete it and train again")
    return dict(state)
