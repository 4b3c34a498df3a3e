"""Command: a picture -> the point of a recipe's latent space whose picture comes nearest to it.

python -m pipeline project RECIPE PICTURE
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from demo.errors import PictureError
from demo.images import read_picture
from pipeline.contracts import LatentGenerator
from pipeline.data.decoding import square
from pipeline.errors import DataError, RecipeError
from pipeline.features.bank import pyramid
from pipeline.objectives.adversarial import class_weights
from pipeline.pictures import Uint8, contact_sheet, from_uint8, to_uint8
from pipeline.progress import console, tracked
from pipeline.recipe import Recipe
from pipeline.sections import choices
from pipeline.trained import load_trained
from pipeline.workspace import Workspace, writing

_DRAWN = 256
_PURSUED = 8
_RATE = 0.1
_PRIOR = 0.02
_LEVELS = 4
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Projection:
    """Where a search ended: the latent (latent,), the class's index, and the picture (C, S, S) that they give.

    `difference` to the picture that was searched, in [0, 2], is the mean absolute difference of their values in
    [-1, 1], at full, half, quarter and eighth size (none under 8 pixels) alike; `drawn` is the least one of the latents
    drawn at random.
    """

    latent: Tensor
    label: int
    picture: Tensor
    difference: float
    drawn: float


def project_file(
    recipe: Recipe, workspace: Workspace, path: Path, *, class_name: str | None, steps: int, seed: int
) -> None:
    """Write `projection.png`, a picture's central square beside what was found, and `projection.json` to the reports.

    Raises:
        DataError: the picture cannot be read, there is no such class, or the prepared data are missing.
        RecipeError: the recipe's network has no latent space.
        CheckpointError: there is no finished training of this recipe.
        StorageError: the reports cannot be written.

    """
    trained = load_trained(recipe, workspace)
    image = trained.dataset.image
    if trained.graph.task != "sample":
        raise RecipeError(f"{recipe.name}.network.name", f"'{recipe.network.name}' paints from photographs and has no "
                          "latent space", "choose a recipe that paints from latents")  # fmt: skip
    known = trained.graph.choices
    if class_name is not None and class_name not in known:
        raise DataError(f"{recipe.name} knows no class '{class_name}'; {choices(class_name, known or ['none'])}")
    try:
        wanted = square(read_picture(path), size=image.size, channels=1 if image.channels == 1 else 3)
    except PictureError as error:
        raise DataError(str(error)) from error
    labels = range(len(known) or 1) if class_name is None else [known.index(class_name)]
    target = torch.from_numpy(from_uint8(wanted))
    found = project(trained.generator(), target, labels=labels, steps=steps, seed=seed)
    name = known[found.label] if known else ""
    facts = {"picture": path.name, "class": name, "difference": found.difference, "nearest_drawn": found.drawn}
    _report(workspace.reports, wanted, found, facts=facts | {"steps": steps, "seed": seed})


def project(generator: LatentGenerator, picture: Tensor, *, labels: Sequence[int], steps: int, seed: int) -> Projection:
    """Search the latent of a generator in evaluation mode whose picture comes nearest to one (C, S, S) in [-1, 1].

    The nearest of some random latents are pursued by gradients, each in its class, one of `labels`, and the best of
    them is kept. A latent that leaves the distance from the mean where normal latents lie would leave what the
    generator knows as well, and pays for it (PULSE, Menon et al. 2020, arXiv:2003.03808, allows no other distance).
    """
    levels = pyramid(picture[None], _LEVELS)
    latent, weights, drawn = _nearest_drawn(generator, levels, labels=labels, seed=seed)
    latent.requires_grad_()
    optimizer = torch.optim.Adam([latent], _RATE)
    for step in tracked(range(steps), total=steps, description="projecting, steps"):
        optimizer.param_groups[0]["lr"] = _RATE * 0.5 * (1 + cos(pi * step / steps))
        too_far = latent.square().mean(dim=1) - 1
        loss = (_differences(generator(latent, weights), levels) + _PRIOR * too_far.square()).sum()
        latent.grad = torch.autograd.grad(loss, latent)[0]
        optimizer.step()
    with torch.no_grad():
        pictures = generator(latent, weights)
        differences = _differences(pictures, levels)
    best = int(differences.argmin())
    label = int(weights[best].argmax()) if generator.classes else 0
    return Projection(latent[best].detach(), label, pictures[best], round(float(differences[best]), _DIGITS), drawn)


@torch.no_grad()
def _nearest_drawn(
    generator: LatentGenerator, levels: Sequence[Tensor], *, labels: Sequence[int], seed: int
) -> tuple[Tensor, Tensor, float]:
    """Return the latents (K, latent) and class weights (K, classes) that come nearest, and how near the first is."""
    latents = torch.randn(_DRAWN, generator.latent, generator=torch.Generator().manual_seed(seed))
    turns = [labels[place % len(labels)] for place in range(_DRAWN)]
    weights = class_weights(torch.tensor(turns), generator.classes)
    batches = zip(torch.split(latents, _PURSUED), torch.split(weights, _PURSUED), strict=True)
    differences = torch.cat([_differences(generator(*batch), levels) for batch in batches])
    # The nearest of each class go first: what is nearest by chance is seldom of the right class.
    ranked, seen = [], Counter[int]()
    for place in differences.argsort().tolist():
        ranked.append((seen[turns[place]], place))
        seen[turns[place]] += 1
    nearest = [place for _, place in sorted(ranked, key=itemgetter(0))[:_PURSUED]]
    return latents[nearest], weights[nearest], round(float(differences.min()), _DIGITS)


def _differences(pictures: Tensor, levels: Sequence[Tensor]) -> Tensor:
    """Return how far pictures (N, C, S, S) are from one whose pyramid is given, (N,)."""
    pairs = zip(pyramid(pictures, _LEVELS), levels, strict=True)
    return torch.stack([(ours - theirs).abs().mean(dim=(1, 2, 3)) for ours, theirs in pairs]).mean(dim=0)


def _report(folder: Path, wanted: Uint8, found: Projection, *, facts: dict[str, object]) -> None:
    pictures = np.stack([wanted, to_uint8(found.picture.numpy())])
    with writing(folder / "projection.png") as scratch:
        contact_sheet(pictures, columns=2, headings=["picture", "projection"]).save(scratch)
    report = facts | {"latent": [round(value, _DIGITS) for value in found.latent.tolist()]}
    with writing(folder / "projection.json") as scratch:
        scratch.write_text(json.dumps(report, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    console.print(
        f"{folder}: projection.png and projection.json; the difference is {found.difference:.3f}, that of the nearest "
        f"of {_DRAWN} random latents {found.drawn:.3f}"
    )
