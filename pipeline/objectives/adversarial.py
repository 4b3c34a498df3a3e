"""Generator against discriminator, with the penalties that keep their game steady."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn.functional import one_hot

from pipeline.contracts import Batch, Image, LatentGenerator, Loss, Modules, Objective, Phase
from pipeline.errors import RecipeError

PREVIEW_ROWS = 8


class Adversarial(Objective):
    """`critic_steps` steps of the discriminator, each on a fresh batch, then one of the generator.

    `r1` is the weight gamma of the zero-centred penalty on real pictures (Mescheder et al. 2018, arXiv:1801.04406),
    `gradient_penalty` the weight lambda of the one-centred penalty between real and fake (Gulrajani et al. 2017,
    arXiv:1704.00028), `weight_clip` the bound on the critic's weights (Arjovsky et al. 2017, arXiv:1701.07875).
    """

    name: Literal["adversarial"] = "adversarial"
    critic_steps: int = Field(1, ge=1)
    r1: float = Field(0.0, ge=0)
    gradient_penalty: float = Field(0.0, ge=0)
    weight_clip: float | None = Field(None, gt=0)

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        generator, discriminator = modules["generator"], modules["discriminator"]
        if not isinstance(generator, LatentGenerator):
            raise RecipeError("objective.name", "'adversarial' needs a generator of latents", "choose another network")
        if loss.name == "wasserstein" and self.weight_clip is None and not self.gradient_penalty:
            raise RecipeError("objective", "nothing bounds the critic's slope", "set weight_clip or gradient_penalty")

        def fake(batch: Batch, classes: Tensor) -> Tensor:
            latent = torch.randn(len(batch.labels), generator.latent, device=batch.images.device)
            pictures: Tensor = generator(latent, classes)
            return pictures

        def discriminator_loss(batch: Batch) -> Tensor:
            classes = class_weights(batch.labels, generator.classes)
            with torch.no_grad():
                fakes = fake(batch, classes)
            reals = batch.images.requires_grad_(self.r1 > 0)
            self._clip(discriminator)
            real_logits = discriminator(reals, classes)
            value = loss.discriminator(real_logits, discriminator(fakes, classes))
            if self.r1:
                value = value + 0.5 * self.r1 * squared_slope(real_logits, reals).mean()
            if self.gradient_penalty:
                value = value + self.gradient_penalty * interpolated_penalty(discriminator, reals, fakes, classes)
            return value

        def generator_loss(batch: Batch) -> Tensor:
            classes = class_weights(batch.labels, generator.classes)
            self._clip(discriminator)
            return loss.generator(discriminator(fake(batch, classes), classes))

        return [("discriminator", discriminator_loss)] * self.critic_steps + [("generator", generator_loss)]

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        generator = modules["generator"]
        assert isinstance(generator, LatentGenerator)
        columns = generator.classes or PREVIEW_ROWS
        latent = torch.randn(PREVIEW_ROWS * columns, generator.latent, generator=torch.Generator().manual_seed(0))
        labels = torch.arange(columns).repeat(PREVIEW_ROWS)
        device = batch.images.device
        return generator(latent.to(device), class_weights(labels.to(device), generator.classes)), columns

    def _clip(self, critic: nn.Module) -> None:
        if self.weight_clip is not None:
            for parameter in critic.parameters():
                parameter.data.clamp_(-self.weight_clip, self.weight_clip)


def class_weights(labels: Tensor, classes: int) -> Tensor:
    """Return labels (N,) int64 as one-hot weights (N, classes) float32; (N, 0) where there are no classes."""
    return one_hot(labels, classes).float() if classes else torch.zeros(len(labels), 0, device=labels.device)


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """Return |d logit / d image|^2 for each picture (N,), differentiable, squares summed over channels and pixels."""
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3))


def interpolated_penalty(critic: nn.Module, reals: Tensor, fakes: Tensor, classes: Tensor) -> Tensor:
    """Return the mean of (|slope| - 1)^2 at random points between real and fake pictures (N, C, H, W)."""
    share = torch.rand(len(reals), 1, 1, 1, device=reals.device)
    between = torch.lerp(fakes, reals.detach(), share).requires_grad_()
    slope = squared_slope(critic(between, classes), between).add(1e-12).sqrt()
    return (slope - 1).square().mean()
