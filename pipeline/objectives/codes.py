"""What all objectives of autoencoders do with codes."""

import torch
from torch import Tensor

from pipeline.autoencoders import Autoencoder, MixedPrior
from pipeline.contracts import Batch, Modules
from pipeline.errors import RecipeError

PREVIEW_PICTURES = 8


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return KL(N(mean, e^log_variance) | N(0, 1)) for each number of the codes, in nats: (N, code) float32."""
    mean, log_variance = mean.float(), log_variance.float()  # differences of near numbers lose half precision's digits
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def autoencoder_of(modules: Modules, *, objective: str) -> Autoencoder:
    """Return the role `autoencoder`.

    Raises:
        RecipeError: the network has none.

    """
    autoencoder: object = modules.get("autoencoder")
    if not isinstance(autoencoder, Autoencoder):
        remedy = "choose 'encoder_decoder' or 'draw'"
        raise RecipeError("network.name", f"'{objective}' needs an autoencoder, which this network is not", remedy)
    return autoencoder


def check_prior(autoencoder: Autoencoder, *, objective: str) -> None:
    """Refuse a mixture to draw codes from where the objective draws them from the normal distribution.

    Raises:
        RecipeError: the network has one, which nothing would fit.

    """
    if isinstance(autoencoder, MixedPrior) and autoencoder.components:
        raise RecipeError(
            "network.components",
            f"'{objective}' draws codes from the normal distribution",
            "leave it out",
        )


def decode_noise(modules: Modules, labels: Tensor, *, seed: int) -> Tensor:
    """Return a picture of a standard normal code for each of labels (N,), whatever the label."""
    autoencoder = modules["autoencoder"]
    assert isinstance(autoencoder, Autoencoder)
    code = torch.randn(len(labels), autoencoder.code, generator=torch.Generator().manual_seed(seed))
    return autoencoder.decode(code.to(labels.device))


def show_coding(modules: Modules, batch: Batch, *, drawn: Tensor) -> tuple[Tensor, int]:
    """Return rows of pictures of a batch, of what is decoded of their codes, and of pictures `drawn` from noise."""
    autoencoder = modules["autoencoder"]
    assert isinstance(autoencoder, Autoencoder)
    images = batch.images[:PREVIEW_PICTURES]
    noise = torch.zeros(len(images), autoencoder.code, device=images.device)
    return torch.cat([images, autoencoder(images, noise).decoded, drawn[: 6 * len(images)]]), len(images)
