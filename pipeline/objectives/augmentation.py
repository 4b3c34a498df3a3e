"""Differentiable augmentation of what the discriminator sees, with a strength that may follow its overfitting.

Zhao et al. 2020 (DiffAugment, arXiv:2006.10738) and Karras et al. 2020 (adaptive augmentation, arXiv:2006.06676).
Nothing here rotates a picture or changes its hues: it is art.
"""

from typing import Literal

import torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn
from torch.nn.functional import pad

from pipeline.contracts import Step
from pipeline.schedules import Ramp, Scheduled, constant

_MEMORY = 0.9
"""How much of the running overfitting measure is kept at each step."""


class Augment(BaseModel):
    """What is done to each picture with the probability `strength`, real or fake, before the discriminator sees it.

    With `strength: adaptive` the probability rises while the discriminator ranks more than `target` of the pairs of a
    real and a fake picture rightly on balance (right minus wrong, 0 to 1), falls while fewer, and can go from 0 to 1 in
    the share `span` of the budget.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    strength: Scheduled | Literal["adaptive"] = constant(1.0)
    target: float = Field(0.6, ge=0, le=1)
    span: float = Field(0.1, gt=0, le=1)
    colour: bool = Field(default=True, description="brightness, saturation and contrast")
    translation: float = Field(0.125, ge=0, lt=1, description="largest shift, as a share of the side")
    cutout: float = Field(0.5, ge=0, lt=1, description="side of the square that is greyed, as a share of the picture's")


class Augmentation(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] -> the same shape, each transformed with the probability `strength`."""

    strength: Tensor
    ranked: Tensor
    seen: Tensor

    def __init__(self, config: Augment) -> None:
        super().__init__()
        self.config = config
        start = config.strength.start if isinstance(config.strength, Ramp) else 0.0
        self.register_buffer("strength", torch.tensor(start))
        self.register_buffer("ranked", torch.tensor(config.target))
        self.register_buffer("seen", torch.tensor(0.0))

    def forward(self, images: Tensor) -> Tensor:
        if self.config.colour:
            images = self._some(images, recolour(images))
        if self.config.translation:
            images = self._some(images, shift(images, self.config.translation))
        if self.config.cutout:
            images = self._some(images, cut_out(images, self.config.cutout))
        return images

    @torch.no_grad()
    def follow(self, step: Step, real_logits: Tensor, fake_logits: Tensor) -> None:
        """Set the strength for the next step from the schedule or from how well real and fake are told apart."""
        if isinstance(self.config.strength, Ramp):
            self.strength.fill_(self.config.strength.at(step.progress, step.steps))
            return
        self.ranked.lerp_((real_logits - fake_logits).sign().mean(), 1 - _MEMORY)
        change = (step.progress - self.seen) / self.config.span
        self.strength.add_((self.ranked - self.config.target).sign() * change).clamp_(0, 1)
        self.seen.fill_(step.progress)
        step.figures["augmentation"] = self.strength.clone()

    def _some(self, plain: Tensor, changed: Tensor) -> Tensor:
        chosen = torch.rand(len(plain), 1, 1, 1, device=plain.device) < self.strength
        return torch.where(chosen, changed, plain)


def recolour(images: Tensor) -> Tensor:
    """Shift brightness by up to 0.5, and scale saturation by 0 to 2 and contrast by 0.5 to 1.5, picture by picture."""
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = torch.lerp(grey, images, 2 * saturation)
    mean = images.mean(dim=(1, 2, 3), keepdim=True)
    return torch.lerp(mean, images, contrast + 0.5)


def shift(images: Tensor, share: float) -> Tensor:
    """Move each picture by up to `share` of its side, the rest grey."""
    count, _, height, width = images.shape
    reach = round(share * width)
    down, across = torch.randint(0, 2 * reach + 1, (2, count, 1), device=images.device)
    rows = down + torch.arange(height, device=images.device)
    columns = across + torch.arange(width, device=images.device)
    padded = pad(images, (reach, reach, reach, reach)).permute(0, 2, 3, 1)
    places = torch.arange(count, device=images.device)[:, None, None]
    return padded[places, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def cut_out(images: Tensor, share: float) -> Tensor:
    """Grey a square of `share` of the side at a random place of each picture, partly outside it perhaps."""
    count, side = len(images), images.shape[3]
    middle = torch.rand(2, count, 1, device=images.device) * side
    inside = (torch.arange(side, device=images.device) + 0.5 - middle).abs() < share * side / 2
    square = inside[0][:, :, None] & inside[1][:, None, :]
    return images * ~square[:, None]
