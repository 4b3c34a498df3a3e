"""Unpaired translation by consistency: what was painted must lead back to the photograph (CycleGAN)."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from pipeline.contracts import Batch, Image, Loss, Modules, Objective, Phase, Step, TwoWayGenerator, game_of
from pipeline.errors import RecipeError
from pipeline.objectives.penalties import keep_bounded
from pipeline.objectives.unpaired import judge_loss, painter_loss, two_sides

PREVIEW_PHOTOGRAPHS = 8


class Cycle(Objective):
    """Photographs shall become paintings and paintings photographs, and back again.

    Zhu et al. 2017 (arXiv:1703.10593): the recipe's adversarial loss on both sides, the mean absolute difference after
    a round in both directions (equation 2), and that of pictures that are already on the side they are sent to
    (section 5.2, `identity_weight`).
    """

    name: Literal["cycle"] = "cycle"
    adversarial_weight: float = Field(1.0, ge=0)
    cycle_weight: float = Field(10.0, ge=0, description="of the difference after a round")
    identity_weight: float = Field(5.0, ge=0)

    def domains(self, image: Image) -> tuple[tuple[int, ...], ...]:
        return two_sides(image)

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        game = game_of(loss, objective=self.name)
        two_sides(image)
        generator = modules["generator"]
        if not isinstance(generator, TwoWayGenerator) or "inverse_discriminator" not in modules:
            remedy = "choose the network 'unpaired' with both_ways: true"
            raise RecipeError("objective.name", "'cycle' needs a generator that also leads back", remedy)
        judge, inverse_judge = modules["discriminator"], modules["inverse_discriminator"]
        for critic in (judge, inverse_judge):
            keep_bounded(critic, loss)

        def discriminator_loss(batch: Batch, step: Step) -> Tensor:
            photographs, paintings = (part.images for part in batch.split(2))
            with torch.no_grad():
                fakes = generator(photographs)
            return judge_loss(judge, game, reals=paintings, fakes=fakes, step=step)

        def inverse_discriminator_loss(batch: Batch, step: Step) -> Tensor:
            photographs, paintings = (part.images for part in batch.split(2))
            with torch.no_grad():
                fakes = generator.inverse(paintings)
            return judge_loss(inverse_judge, game, reals=photographs, fakes=fakes, step=step)

        def generator_loss(batch: Batch, step: Step) -> Tensor:
            photographs, paintings = (part.images for part in batch.split(2))
            painted, photographed = generator(photographs), generator.inverse(paintings)
            fooled = painter_loss(judge, game, reals=paintings, fakes=painted)
            fooled = fooled + painter_loss(inverse_judge, game, reals=photographs, fakes=photographed)
            rounds = difference(generator.inverse(painted), photographs)
            rounds = rounds + difference(generator(photographed), paintings)
            value = self.adversarial_weight * fooled + self.cycle_weight * rounds
            if self.identity_weight:
                same = difference(generator(paintings), paintings)
                same = same + difference(generator.inverse(photographs), photographs)
                value = value + self.identity_weight * same
            step.figures["cycle"] = rounds.detach()
            return value

        return [
            ("discriminator", discriminator_loss),
            ("inverse_discriminator", inverse_discriminator_loss),
            ("generator", generator_loss),
        ]

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, TwoWayGenerator)
        photographs = batch.split(2)[0].images[:PREVIEW_PHOTOGRAPHS]
        painted = generator(photographs)
        return torch.cat([photographs, painted, generator.inverse(painted)]), len(photographs)


def difference(first: Tensor, second: Tensor) -> Tensor:
    """Return the mean absolute difference of pictures."""
    return (first - second).abs().mean()
