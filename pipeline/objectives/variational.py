"""The evidence lower bound of Kingma and Welling 2013 (arXiv:1312.6114), eq. 3."""

from collections.abc import Sequence
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor

from pipeline.contracts import Batch, Image, Loss, Modules, Objective, Phase, Step, likelihood_of
from pipeline.objectives.codes import autoencoder_of, check_prior, decode_noise, divergence, show_coding
from pipeline.schedules import Scheduled, constant


class Variational(Objective):
    """Pictures shall be probable after their codes, and the codes cheap: E_q[log p(x|z)] - KL(q(z|x) | p(z)).

    `beta` weighs the second term: above 1 for fewer, clearer factors (Higgins et al. 2017), rising from 0 to keep the
    codes alive. `free_bits` are nats of it that each number of the code has for nothing, in the mean of a batch, or of
    a rank's share of it (Kingma et al. 2016, arXiv:1606.04934, section C.8). With `beta` 1 and no free bits the loss is
    the negative bound in nats for each value of a picture. The figure `elbo`, in nats for a whole picture, is always
    the bound itself.
    """

    name: Literal["variational"] = "variational"
    beta: Scheduled = constant(1.0)
    free_bits: float = Field(0.0, ge=0, description="nats for each number of the code")

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        autoencoder = autoencoder_of(modules, objective=self.name)
        check_prior(autoencoder, objective=self.name)
        likelihood = likelihood_of(loss, objective=self.name)

        def autoencoder_loss(batch: Batch, step: Step) -> Tensor:
            noise = torch.randn(len(batch.images), autoencoder.code, device=batch.images.device)
            coding = autoencoder(batch.images, noise)
            fit = likelihood.log_likelihood(batch.images, coding.decoded, coding.log_scale).mean()
            rates = divergence(coding.mean, coding.log_variance).mean(dim=0)
            step.figures["elbo"] = (fit - rates.sum()).detach()
            step.figures["rate"] = rates.detach().sum()
            paid = rates.clamp_min(self.free_bits).sum()
            value: Tensor = (self.beta.at(step.progress, step.steps) * paid - fit) / batch.images[0].numel()
            return value

        return [("autoencoder", autoencoder_loss)]

    def draw(self, modules: Modules, labels: Tensor, *, seed: int) -> Tensor:
        return decode_noise(modules, labels, seed=seed)

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        return show_coding(modules, batch, drawn=decode_noise(modules, batch.labels, seed=0))
