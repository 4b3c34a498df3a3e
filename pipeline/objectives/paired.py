"""Paired translation: a picture is taken apart by its task, and the network learns to put it back together."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.contracts import Batch, Image, Loss, Modules, Objective, Pair, PairedGenerator, Phase, Step, game_of
from pipeline.errors import RecipeError
from pipeline.features.bank import RandomBank
from pipeline.objectives.penalties import keep_bounded

PREVIEW_PICTURES = 8
_SMOOTHING = 1e-3


class Paired(Objective):
    """Learn to put back together what a task took apart.

    The generator minimises the weighted sum of

    - reconstruction: the mean absolute difference to the truth, or Charbonnier's smooth form of it;
    - features: that of the maps of a frozen random bank, which see texture where pixels do not agree;
    - matching: that of the discriminator's own maps (Wang et al. 2018, arXiv:1711.11585, equation 3);
    - adversarial: the recipe's loss over patches, the discriminator being shown what the generator sees as well
      (Isola et al. 2017, arXiv:1611.07004).

    The last two begin after the share `warm_up` of the budget: before, the discriminator has nothing to teach.
    """

    name: Literal["paired"] = "paired"
    reconstruction: Literal["charbonnier", "l1"] = "charbonnier"
    reconstruction_weight: float = Field(10.0, ge=0)
    feature_weight: float = Field(1.0, ge=0, description="of the features' difference")
    matching_weight: float = Field(10.0, ge=0)
    adversarial_weight: float = Field(1.0, ge=0)
    warm_up: float = Field(0.25, ge=0, le=1)
    bank_seed: int = Field(0, ge=0, description="seed of the random bank")
    bank_filters: int = Field(4, ge=1, description="filters of each size in the bank")
    bank_mixtures: int = Field(8, ge=1, description="mixtures of them")

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        game = game_of(loss, objective=self.name)
        generator, judge = modules["generator"], modules["discriminator"]
        keep_bounded(judge, loss)
        if not isinstance(generator, PairedGenerator):
            raise RecipeError("objective.name", "'paired' needs a network with a translation", "choose 'unet'")
        task = generator.translation
        bank = RandomBank(image.channels, self.bank_seed, filters=self.bank_filters, mixtures=self.bank_mixtures).to(
            next(modules["generator"].parameters()).device
        )

        def seen_by_judge(pictures: Tensor, pair: Pair) -> tuple[Tensor, Tensor]:
            weights = pair.guide if task.choices(image) else pictures.new_zeros(len(pictures), 0)
            return torch.cat([task.see(pair), pictures], dim=1), weights

        def make(batch: Batch) -> Pair:
            # Pictures are taken apart in full precision, as they are where the model will be used.
            with torch.no_grad(), torch.autocast(batch.images.device.type, enabled=False):
                return task.make(batch.images, batch.labels, classes=len(image.classes), random=torch.default_generator)

        def discriminator_loss(batch: Batch, step: Step) -> Tensor:
            if not self._plays(step):
                # No gradient rather than zeros: Adam's averages begin when the game does.
                return torch.zeros((), device=batch.images.device)
            pair = make(batch)
            with torch.no_grad():
                fakes = generator(pair.given, pair.guide)
            real_logits, fake_logits = (
                judge(*seen_by_judge(pictures, pair))[-1].float().flatten() for pictures in (batch.images, fakes)
            )
            step.figures["logit_gap"] = (real_logits.mean() - fake_logits.mean()).detach()
            return game.discriminator(real_logits, fake_logits)

        def generator_loss(batch: Batch, step: Step) -> Tensor:
            pair = make(batch)
            pictures = generator(pair.given, pair.guide).float()
            value = self.reconstruction_weight * self._difference(pictures, batch.images)
            step.figures["reconstruction"] = (pictures - batch.images).abs().mean().detach()
            if self.feature_weight:
                value = value + self.feature_weight * map_difference(bank(pictures), _frozen(bank, batch.images))
            if not self._plays(step):
                return value
            *maps, logits = judge(*seen_by_judge(pictures, pair))
            with torch.no_grad():
                *real_maps, real_logits = judge(*seen_by_judge(batch.images, pair))
            value = value + self.matching_weight * map_difference(maps, real_maps)
            fooled = game.generator(logits.float().flatten(), lambda: real_logits.float().flatten())
            return value + self.adversarial_weight * fooled

        return [("discriminator", discriminator_loss), ("generator", generator_loss)]

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, PairedGenerator)
        truths, labels = batch.images[:PREVIEW_PICTURES], batch.labels[:PREVIEW_PICTURES]
        random = torch.Generator().manual_seed(0)
        pair = generator.translation.make(truths, labels, classes=generator.classes, random=random)
        pictures = generator(pair.given, pair.guide)
        seen = generator.translation.show(pair).expand_as(truths)
        return torch.cat([seen, pictures, truths]), len(truths)

    def _plays(self, step: Step) -> bool:
        wanted = self.adversarial_weight > 0 or self.matching_weight > 0
        return wanted and step.progress >= self.warm_up

    def _difference(self, first: Tensor, second: Tensor) -> Tensor:
        if self.reconstruction == "l1":
            return (first - second).abs().mean()
        return ((first - second).square() + _SMOOTHING**2).sqrt().mean()  # Lai et al. 2017, arXiv:1704.03915


def map_difference(first: Sequence[Tensor], second: Sequence[Tensor]) -> Tensor:
    """Return the mean absolute difference of feature maps, every map counting the same."""
    return torch.stack([(one - other).abs().mean() for one, other in zip(first, second, strict=True)]).mean()


def _frozen(bank: nn.Module, images: Tensor) -> list[Tensor]:
    with torch.no_grad():
        maps: list[Tensor] = bank(images)
    return maps
