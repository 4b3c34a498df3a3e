"""What the objectives of unpaired translation share: which pictures are the two sides, and the game over patches."""

import torch
from torch import Tensor, nn

from pipeline.contracts import PHOTOGRAPH, Game, Image, Step
from pipeline.errors import RecipeError


def two_sides(image: Image) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the labels of the photographs, then those of the paintings.

    Raises:
        RecipeError: there are no photographs, or nothing else.

    """
    found = ", ".join(image.classes) or "none"
    if PHOTOGRAPH not in image.classes:
        raise RecipeError("data", f"no class '{PHOTOGRAPH}' among {found}", "choose the source 'contents_and_styles'")
    if not image.styles:
        raise RecipeError("data", f"no pictures beside those of '{PHOTOGRAPH}'", "add paintings to `data.styles`")
    photograph = image.classes.index(PHOTOGRAPH)
    return (photograph,), tuple(label for label in range(len(image.classes)) if label != photograph)


def judge_loss(judge: nn.Module, game: Game, *, reals: Tensor, fakes: Tensor, step: Step) -> Tensor:
    """Return what a judge of patches minimises on pictures (N, 3, H, W), some real, some painted."""
    real_logits, fake_logits = (patch_logits(judge, pictures) for pictures in (reals, fakes))
    step.figures["logit_gap"] = (real_logits.mean() - fake_logits.mean()).detach()
    return game.discriminator(real_logits, fake_logits)


def painter_loss(judge: nn.Module, game: Game, *, reals: Tensor, fakes: Tensor) -> Tensor:
    """Return what whoever painted `fakes` minimises, to pass for one of `reals`."""

    def score_reals() -> Tensor:
        return patch_logits(judge, reals)

    return game.generator(patch_logits(judge, fakes), score_reals)


def patch_logits(judge: nn.Module, pictures: Tensor) -> Tensor:
    """Return the logits of all patches of all pictures (N, 3, H, W) as one row."""
    logits: Tensor = judge(pictures, pictures.new_zeros(len(pictures), 0))[-1]
    return logits.float().flatten()


def random_places(count: int, like: Tensor) -> Tensor:
    """Return random places (count, 2) in [0, 1) on the device of a picture."""
    return torch.rand(count, 2).to(like.device)
