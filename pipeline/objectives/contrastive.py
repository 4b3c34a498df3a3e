"""Unpaired translation by contrast: every place of the result must be told apart by the place it was made of (CUT)."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from pipeline.contracts import Batch, Image, Loss, Modules, Objective, PatchGenerator, Phase, Step, game_of
from pipeline.errors import RecipeError
from pipeline.objectives.penalties import keep_bounded
from pipeline.objectives.unpaired import judge_loss, painter_loss, random_places, two_sides

PREVIEW_PHOTOGRAPHS = 8


class Contrastive(Objective):
    """Photographs shall become paintings, and each place shall still show the same.

    Park et al. 2020 (arXiv:2007.15651): the recipe's adversarial loss against paintings, PatchNCE (equation 3) of
    photographs and their results, and of paintings and what becomes of them, which teaches to leave paintings alone
    (equation 5).
    """

    name: Literal["contrastive"] = "contrastive"
    adversarial_weight: float = Field(1.0, ge=0)
    content_weight: float = Field(1.0, ge=0, description="of PatchNCE of photographs")
    identity_weight: float = Field(1.0, ge=0, description="of PatchNCE of paintings")
    places: int = Field(64, ge=2, description="places of a picture that are told apart")
    temperature: float = Field(0.07, gt=0, description="of PatchNCE; lower is stricter")

    def domains(self, image: Image) -> tuple[tuple[int, ...], ...]:
        return two_sides(image)

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        game = game_of(loss, objective=self.name)
        two_sides(image)
        generator, judge = modules["generator"], modules["discriminator"]
        keep_bounded(judge, loss)
        if not isinstance(generator, PatchGenerator):
            remedy = "choose the network 'unpaired' without both_ways"
            raise RecipeError("objective.name", "'contrastive' needs a generator that describes places", remedy)

        def discriminator_loss(batch: Batch, step: Step) -> Tensor:
            photographs, paintings = (part.images for part in batch.split(2))
            with torch.no_grad():
                fakes = generator(photographs)
            return judge_loss(judge, game, reals=paintings, fakes=fakes, step=step)

        def generator_loss(batch: Batch, step: Step) -> Tensor:
            photographs, paintings = (part.images for part in batch.split(2))
            fakes = generator(photographs)
            content = self._contrast(generator, photographs, fakes)
            value = self.content_weight * content
            value = value + self.adversarial_weight * painter_loss(judge, game, reals=paintings, fakes=fakes)
            if self.identity_weight:
                value = value + self.identity_weight * self._contrast(generator, paintings, generator(paintings))
            step.figures["contrast"] = content.detach()
            return value

        return [("discriminator", discriminator_loss), ("generator", generator_loss)]

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        photographs = batch.split(2)[0].images[:PREVIEW_PHOTOGRAPHS]
        return torch.cat([photographs, modules["generator"](photographs)]), len(photographs)

    def _contrast(self, generator: PatchGenerator, sources: Tensor, results: Tensor) -> Tensor:
        places = random_places(self.places, sources)
        queries, keys = generator.describe(results, places), generator.describe(sources, places)
        terms = [patch_nce(query, key, self.temperature) for query, key in zip(queries, keys, strict=True)]
        return torch.stack(terms).mean()


def patch_nce(queries: Tensor, keys: Tensor, temperature: float) -> Tensor:
    """Return how badly each query finds its own key: the mean cross entropy of their cosines over the temperature.

    Both (N, S, D), unit vectors; the S - 1 other places of the same picture are the wrong answers. The keys are not
    moved (as in the authors' code).
    """
    logits = queries @ keys.detach().transpose(1, 2) / temperature
    right = torch.arange(logits.shape[1], device=logits.device).expand(len(logits), -1)
    return functional.cross_entropy(logits.flatten(0, 1), right.flatten())
