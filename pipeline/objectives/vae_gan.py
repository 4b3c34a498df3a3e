"""A variational autoencoder whose pictures are compared by what a discriminator sees in them.

Larsen et al. 2015 (arXiv:1512.09300).
"""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import mse_loss

from pipeline.autoencoders import FeatureDiscriminator
from pipeline.contracts import Batch, Image, Loss, Modules, Objective, Phase, Step, game_of
from pipeline.errors import RecipeError
from pipeline.objectives.codes import autoencoder_of, check_prior, decode_noise, divergence, show_coding
from pipeline.objectives.penalties import squared_slope


class VaeGan(Objective):
    """The encoder pays for its codes, the decoder plays the game, and both shall keep the discriminator's features.

    The autoencoder minimises `beta` KL(q(z|x) | p(z)) + |f(x) - f(decoded)|^2 + `adversarial_weight` times the game, in
    which the decoder alone takes part: what it decodes of given codes and of noise has to pass for real. Features are
    compared by their mean square, and the divergence is shared among them. `r1` is the weight of the zero-centred
    penalty on real pictures (Mescheder et al. 2018, arXiv:1801.04406). A `pixel_weight` above 0 adds the mean squared
    error of the pictures, which steadies the first steps.
    """

    name: Literal["vae_gan"] = "vae_gan"
    beta: float = Field(1.0, ge=0)
    adversarial_weight: float = Field(0.1, ge=0)
    pixel_weight: float = Field(0.0, ge=0)
    r1: float = Field(0.0, ge=0)

    @property
    def penalised(self) -> bool:
        return self.r1 > 0

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        autoencoder = autoencoder_of(modules, objective=self.name)
        check_prior(autoencoder, objective=self.name)
        game = game_of(loss, objective=self.name)
        if loss.name == "wasserstein" and not self.r1:
            raise RecipeError("objective", "nothing bounds the critic's slope", "set r1")
        discriminator: object = modules.get("discriminator")
        if not isinstance(discriminator, FeatureDiscriminator):
            raise RecipeError(
                "network", "'vae_gan' needs a discriminator that shows its features", "set discriminator: true"
            )

        def noise_for(images: Tensor) -> Tensor:
            return torch.randn(len(images), autoencoder.code, device=images.device)

        def discriminator_loss(batch: Batch, step: Step) -> Tensor:
            images = batch.images
            with torch.no_grad():
                coded = autoencoder(images, noise_for(images)).decoded
                drawn = autoencoder.decode(noise_for(images))
            reals = images.detach().requires_grad_(self.r1 > 0)
            real_logits = discriminator(reals)[0].float()
            fake_logits = discriminator(torch.cat([coded, drawn]))[0].float()
            step.figures["logit_gap"] = (real_logits.mean() - fake_logits.mean()).detach()
            value = game.discriminator(real_logits.repeat(2), fake_logits)
            if self.r1:
                value = value + 0.5 * step.strictness * self.r1 * squared_slope(real_logits, reals).mean()
            return value

        def autoencoder_loss(batch: Batch, step: Step) -> Tensor:
            images, noise = batch.images, noise_for(batch.images)
            coding = autoencoder(images, noise)
            with torch.no_grad():
                wanted = discriminator(images)[1]
            resemblance = mse_loss(discriminator(coding.decoded)[1], wanted)
            rate = divergence(coding.mean, coding.log_variance).sum(dim=1).mean()
            code = (coding.mean + (coding.log_variance / 2).exp() * noise).detach()
            judged = discriminator(autoencoder.decode(torch.cat([code, noise_for(images)])))[0]
            passing = game.generator(judged, lambda: discriminator(images)[0].repeat(2))
            step.figures["resemblance"], step.figures["rate"] = resemblance.detach(), rate.detach()
            value = resemblance + self.beta * rate / wanted[0].numel() + self.adversarial_weight * passing
            return value + self.pixel_weight * mse_loss(coding.decoded, images)

        return [("discriminator", discriminator_loss), ("autoencoder", autoencoder_loss)]

    def draw(self, modules: Modules, labels: Tensor, *, seed: int) -> Tensor:
        return decode_noise(modules, labels, seed=seed)

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        return show_coding(modules, batch, drawn=decode_noise(modules, batch.labels, seed=0))
