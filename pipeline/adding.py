"""Command: a picture -> a further style of a trained and exported model, without training or exporting anything anew.

python -m pipeline add-style PICTURE --name NAME [--recipe RECIPE]
"""

import base64
import hashlib
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, cos, pi
from pathlib import Path

import numpy as np
import PIL.Image
import torch
from PIL.Image import Resampling
from torch import Tensor

from demo.engine import Model
from demo.errors import ModelError, PictureError
from demo.gallery import ADDED
from demo.images import fit_within, read_picture
from pipeline.contracts import PHOTOGRAPH
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError, ExportError, RecipeError
from pipeline.objectives.repainting import Terms
from pipeline.objectives.stylization import Stylization
from pipeline.pictures import from_uint8
from pipeline.progress import console, tracked
from pipeline.recipe import Recipe
from pipeline.trained import Trained, load_trained
from pipeline.workspace import Workspace, writing

STEPS = 60
_CROPS = 4
_RATE = 0.05
_LARGEST_SIDE = 256
_SMALLEST_SIDE = 32
_FLAT = 2.0
"""Levels of 255: a picture that varies by less has no texture to paint with."""

_THUMBNAIL = 96
_NAME = re.compile(r"[\w][\w .-]{0,59}")


@dataclass(frozen=True, slots=True)
class Fitted:
    """A style's code (K,), and how far its paintings are from the style: as the encoder read it, and as fitted."""

    code: Tensor
    read: float
    distance: float


def add_style(recipe: Recipe, workspace: Workspace, picture: Path, *, name: str, steps: int = STEPS) -> Path:
    """Write `models/_styles/<recipe>/<name>.json`, which the page offers beside the model's own styles.

    A style of that name that was added before is replaced. Returns the file's path.

    Raises:
        DataError: the picture cannot be read, is flat, too narrow or too large, or the name will not do.
        RecipeError: the recipe does not repaint photographs.
        CheckpointError: there is no finished training of this recipe.
        ExportError: the model is not exported, or from another training.

    """
    if not isinstance(recipe.objective, Stylization):
        raise RecipeError(
            f"{recipe.name}.objective.name", f"'{recipe.objective.name}' knows no styles", "name one of 'stylization'"
        )
    if not _NAME.fullmatch(name):
        raise DataError(
            f"'{name[:60]}' is no name for a style; take 1 to 60 letters, digits, spaces, dots, hyphens or underscores"
        )
    style = read_style(picture)
    trained = load_trained(recipe, workspace)
    model = _exported(recipe, workspace, trained.dataset)
    if name in trained.graph.choices:
        raise DataError(f"{recipe.name} has a style '{name}' of its own; choose another name")
    fitted = fit_style(trained, recipe.objective.terms("cpu"), style, steps=steps)
    path = workspace.model.parent.parent / ADDED / recipe.name / f"{name}.json"
    fields = {
        "name": name,
        "code": [float(f"{value:.6g}") for value in fitted.code.tolist()],
        "thumbnail": _thumbnail(style),
        "model": model.sha256,
    }
    with writing(path) as scratch:
        scratch.write_text(json.dumps(fields, ensure_ascii=False) + "\n", encoding="utf-8")
    console.print(
        f"{path}: '{name}' of {hashlib.sha256(picture.read_bytes()).hexdigest()[:12]}; its distance to the picture is "
        f"{fitted.distance:.3f}, {fitted.read:.3f} as the encoder read it"
    )
    return path


def read_style(path: Path) -> PIL.Image.Image:
    """Return a picture of a style in RGB, its longer side at most 256 px, which is what the networks learn styles at.

    Raises:
        DataError: it cannot be read, is flat, too narrow or too large.

    """
    try:
        picture = read_picture(path, shrink_to=2 * _LARGEST_SIDE).convert("RGB")
    except PictureError as error:
        raise DataError(str(error)) from error
    fitted = fit_within(picture, _LARGEST_SIDE)
    if min(fitted.size) < _SMALLEST_SIDE:
        raise DataError(
            f"{path.name} is {picture.width} x {picture.height} pixels, too small or too narrow to read a style off; "
            f"choose one that keeps {_SMALLEST_SIDE} pixels on its shorter side when the longer has {_LARGEST_SIDE}"
        )
    if np.asarray(fitted, np.float32).std(axis=(0, 1)).max() < _FLAT:
        raise DataError(f"{path.name} shows one colour and nothing else; choose a picture that has a texture")
    return fitted


def fit_style(trained: Trained, terms: Terms, style: PIL.Image.Image, *, steps: int) -> Fitted:
    """Return the code that paints photographs most like a picture, from what the encoder reads off it on.

    Only the code moves (Adam, Kingma and Ba 2015, arXiv:1412.6980), towards crops of the picture.
    """
    torch.manual_seed(0)
    painter, encoder = trained.graph.module, trained.graph.companions["encoder"].module
    side = trained.dataset.image.size
    contents = _contents(trained.dataset)
    whole, shown = _tensor(style, multiple=8), _at_least(style, side)
    with torch.no_grad():
        code = encoder(whole)[0]
    start = code.clone()
    code.requires_grad_()

    def distance(moving: Tensor, crops: Tensor) -> Tensor:
        full, plain = torch.ones(_CROPS, 1), torch.zeros(_CROPS, _noise(trained))
        pictures = painter(contents, moving.expand(_CROPS, -1), full, plain)
        return terms(pictures, contents=contents, styles=crops, strength=full[:, 0]).mean()

    optimizer = torch.optim.Adam([code], lr=_RATE)
    for step in tracked(range(steps), total=steps, description="fitting the style, steps"):
        optimizer.param_groups[0]["lr"] = _RATE * (1 + cos(pi * step / steps)) / 2
        optimizer.zero_grad(set_to_none=True)
        distance(code, _crops(shown, side)).backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        optimizer.step()
    with torch.no_grad():
        crops = _crops(shown, side)
        read, found = (float(_repeatable(distance, tried, crops)) for tried in (start, code))
    return Fitted(code.detach() if found < read else start, read, min(found, read))


def _repeatable(distance: Callable[[Tensor, Tensor], Tensor], code: Tensor, crops: Tensor) -> Tensor:
    torch.manual_seed(1)  # the patches are compared along random directions
    return distance(code, crops)


def _exported(recipe: Recipe, workspace: Workspace, dataset: Dataset) -> Model:
    try:
        model = Model.open(workspace.model, device="cpu")
    except ModelError as error:
        raise ExportError(str(error)) from error
    made = model.card.provenance
    if (made.get("recipe_digest"), made.get("data_md5")) != (recipe.digest, dataset.digest):
        raise ExportError(
            f"{workspace.model} is from another training than the checkpoint; run `python -m pipeline export "
            f"{recipe.name}` first"
        )
    return model


def _contents(dataset: Dataset) -> Tensor:
    label = dataset.image.classes.index(PHOTOGRAPH)
    photographs = dataset.training[dataset.labels[dataset.training] == label]
    chosen = photographs[np.linspace(0, len(photographs) - 1, _CROPS).astype(np.int64)]
    return torch.from_numpy(from_uint8(dataset.images[chosen]))


def _noise(trained: Trained) -> int:
    return next(int(port.shape[1]) for port in trained.graph.inputs if port.kind == "noise")


def _at_least(picture: PIL.Image.Image, side: int) -> Tensor:
    """Return a picture as (1, 3, H, W), enlarged where its shorter side has fewer pixels than `side`."""
    scale = max(1.0, side / min(picture.size))
    width, height = (max(side, ceil(scale * length)) for length in picture.size)
    return _tensor(picture if scale == 1 else picture.resize((width, height), Resampling.LANCZOS), multiple=1)


def _tensor(picture: PIL.Image.Image, *, multiple: int) -> Tensor:
    width, height = (length // multiple * multiple for length in picture.size)
    pixels = np.asarray(picture.crop((0, 0, width, height)), np.uint8).transpose(2, 0, 1)
    return torch.from_numpy(from_uint8(np.ascontiguousarray(pixels[None])))


def _crops(picture: Tensor, side: int) -> Tensor:
    """Return squares (4, 3, side, side) at random places of a picture (1, 3, H, W)."""
    places = [[int(torch.randint(length - side + 1, ())) for length in picture.shape[2:]] for _ in range(_CROPS)]
    return torch.cat([picture[..., top : top + side, left : left + side] for top, left in places])


def _thumbnail(picture: PIL.Image.Image) -> str:
    side = min(picture.size)
    left, top = (picture.width - side) // 2, (picture.height - side) // 2
    square = picture.crop((left, top, left + side, top + side)).resize((_THUMBNAIL, _THUMBNAIL), Resampling.LANCZOS)
    stream = io.BytesIO()
    square.save(stream, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()
