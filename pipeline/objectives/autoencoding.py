"""Autoencoders without a prior of their own: what samples need is fitted to the codes when the training ends."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from pipeline.autoencoders import Autoencoder, MixedPrior
from pipeline.contracts import Batch, Image, Loss, Modules, Objective, Phase, Step, likelihood_of
from pipeline.errors import RecipeError
from pipeline.objectives.codes import autoencoder_of, show_coding

_LEAST_VARIANCE = 1e-4


class Autoencoding(Objective):
    """Pictures shall be probable after their codes, which are not drawn but exact.

    With a `corruption` above 0 the code is that of the picture with so much normal noise on it, and the picture without
    it is wanted back (denoising, Vincent et al. 2010). The codes lie anywhere; `finish` fits the network's mixture of
    normal distributions to them, by expectation maximisation.
    """

    name: Literal["autoencoding"] = "autoencoding"
    corruption: float = Field(0.0, ge=0, le=2, description="standard deviation of the noise on what is encoded")

    def phases(self, modules: Modules, loss: Loss, image: Image) -> Sequence[Phase]:
        autoencoder = autoencoder_of(modules, objective=self.name)
        likelihood = likelihood_of(loss, objective=self.name)
        if not isinstance(autoencoder, MixedPrior) or not autoencoder.components:
            raise RecipeError(
                "network", "nothing is there to draw codes from", "choose 'encoder_decoder' and set its components"
            )

        def autoencoder_loss(batch: Batch, step: Step) -> Tensor:
            images = batch.images
            seen = images + self.corruption * torch.randn_like(images) if self.corruption else images
            coding = autoencoder(seen, torch.zeros(len(images), autoencoder.code, device=images.device))
            fit = likelihood.log_likelihood(images, coding.decoded, coding.log_scale).mean()
            step.figures["error"] = (images - coding.decoded).detach().square().mean()
            return -fit / images[0].numel()

        return [("autoencoder", autoencoder_loss)]

    def check_count(self, modules: Modules, pictures: int) -> None:
        autoencoder = modules["autoencoder"]
        assert isinstance(autoencoder, MixedPrior)
        if pictures < autoencoder.components:
            problem = f"is {autoencoder.components}, more than the {pictures} training pictures that it is fitted to"
            raise RecipeError("network.components", problem, f"set it to {pictures} or less, or add pictures")

    def finish(self, modules: Modules, batches: Iterable[Batch]) -> None:
        # scikit-learn takes seconds to import, and only this needs it.
        from sklearn.mixture import GaussianMixture  # noqa: PLC0415

        autoencoder = modules["autoencoder"]
        assert isinstance(autoencoder, Autoencoder)
        assert isinstance(autoencoder, MixedPrior)
        codes = []
        for batch in batches:
            noise = torch.zeros(len(batch.images), autoencoder.code, device=batch.images.device)
            codes.append(autoencoder(batch.images, noise).mean.double().cpu().numpy())
        mixture = GaussianMixture(autoencoder.components, reg_covar=_LEAST_VARIANCE, random_state=0)
        mixture.fit(np.concatenate(codes))
        autoencoder.fit(
            weights=torch.from_numpy(mixture.weights_),
            means=torch.from_numpy(mixture.means_),
            factors=torch.from_numpy(np.linalg.cholesky(mixture.covariances_)),
        )

    def draw(self, modules: Modules, labels: Tensor, *, seed: int) -> Tensor | None:
        autoencoder = modules["autoencoder"]
        assert isinstance(autoencoder, Autoencoder)
        assert isinstance(autoencoder, MixedPrior)
        if not autoencoder.fitted:
            return None
        latent = torch.randn(len(labels), autoencoder.code + 1, generator=torch.Generator().manual_seed(seed))
        return autoencoder.decode(autoencoder.prior(latent.to(labels.device)))

    def preview(self, modules: Modules, batch: Batch) -> tuple[Tensor, int]:
        return show_coding(modules, batch, drawn=batch.images[:0])
