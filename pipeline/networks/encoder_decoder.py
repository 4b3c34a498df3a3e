"""A convolutional encoder and decoder: pictures to codes and back, for any power of two from 16 to 256 pixels.

The architecture behind `variational`, `autoencoding` and `vae_gan`; it follows Radford et al. 2015 (arXiv:1511.06434)
without batch norm, whose noise a code would have to fight.
"""

from typing import ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from demo.card import Port
from pipeline.autoencoders import Coding
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.coding import coding_graphs
from pipeline.networks.layers import doubling_stack, doublings_of, halving_stack
from pipeline.networks.mixture import Mixture


class EncoderDecoder(Network):
    """Strided convolutions to 4 x 4 features, a code of `code` numbers, and the way back.

    `width` is the number of channels beside the picture; it doubles with every halving of the side, up to `max_width`.
    With `components` above 0 codes are drawn from a mixture of so many normal distributions that is fitted to them when
    the training ends, else from the standard normal one. With `discriminator` there is one, which shows its features.
    """

    deployed: ClassVar[tuple[str, ...]] = ("autoencoder",)

    name: Literal["encoder_decoder"] = "encoder_decoder"
    code: int = Field(32, ge=1)
    width: int = Field(32, ge=1)
    max_width: int = Field(256, ge=1)
    components: int = Field(0, ge=0)
    discriminator: bool = False

    def build(self, image: Image) -> dict[str, nn.Module]:
        halvings = doublings_of(image, network=self.name, lowest=16, highest=256)
        widths = [min(self.width << halving, self.max_width) for halving in range(halvings)]
        modules: dict[str, nn.Module] = {"autoencoder": ConvolutionalAutoencoder(self, widths, image.channels)}
        if self.discriminator:
            modules["discriminator"] = ConvolutionalDiscriminator(widths, image.channels)
        return modules

    def graph(self, modules: Modules, image: Image) -> Graph:
        autoencoder = modules["autoencoder"]
        assert isinstance(autoencoder, ConvolutionalAutoencoder)
        picture = Port("picture", ("N", image.channels, image.size, image.size), "picture")
        latent, code = Port("latent", ("N", autoencoder.latent), "latent"), Port("code", ("N", self.code), "code")
        companions = coding_graphs(autoencoder, image)
        if self.components:
            decoder = Graph(_Decoder(autoencoder), "companion", (code,), (picture,))
            companions = {"encoder": companions["encoder"], "decoder": decoder}
        return Graph(_Sampler(autoencoder), "sample", (latent,), (picture,), companions=companions)


class ConvolutionalAutoencoder(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and noise (N, code) -> `Coding`; latents (N, latent) -> codes by `prior`.

    The latent is the code itself, or one number longer where there is a mixture.
    """

    def __init__(self, config: EncoderDecoder, widths: list[int], channels: int) -> None:
        super().__init__()
        self.code = config.code
        self.components = config.components
        self.latent = config.code + (1 if config.components else 0)
        self.encoder = nn.Sequential(
            halving_stack(channels, widths), nn.Flatten(), nn.Linear(widths[-1] * 16, 2 * config.code)
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.code, widths[-1] * 16),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (widths[-1], 4, 4)),
            doubling_stack(widths[::-1], channels),
            nn.Tanh(),
        )
        self.log_scale = nn.Parameter(torch.zeros(()))
        self.mixture = Mixture(config.components, config.code)

    def forward(self, images: Tensor, noise: Tensor) -> Coding:
        mean, log_variance = self.encoder(images).chunk(2, dim=1)
        decoded = self.decode(mean + (log_variance / 2).exp() * noise)
        return Coding(decoded, mean, log_variance, self.log_scale)

    def decode(self, code: Tensor) -> Tensor:
        pictures: Tensor = self.decoder(code)
        return pictures

    @property
    def fitted(self) -> bool:
        return self.mixture.fitted

    def fit(self, *, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        self.mixture.fit(weights=weights, means=means, factors=factors)

    def prior(self, latent: Tensor) -> Tensor:
        code: Tensor = self.mixture(latent) if self.components else latent
        return code


class ConvolutionalDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] -> logits (N,) and the features (N, F, 8, 8) before the last stage."""

    shows_features: Literal[True] = True

    def __init__(self, widths: list[int], channels: int) -> None:
        super().__init__()
        self.seeing = halving_stack(channels, widths[:-1])
        self.judging = nn.Sequential(
            halving_stack(widths[-2], widths[-1:]), nn.Flatten(), nn.Linear(widths[-1] * 16, 1), nn.Flatten(0)
        )

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.seeing(images)
        return self.judging(features), features


class _Sampler(nn.Module):
    def __init__(self, autoencoder: ConvolutionalAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, latent: Tensor) -> Tensor:
        return self.autoencoder.decode(self.autoencoder.prior(latent))


class _Decoder(nn.Module):
    def __init__(self, autoencoder: ConvolutionalAutoencoder) -> None:
        super().__init__()
        self.autoencoder = autoencoder

    def forward(self, code: Tensor) -> Tensor:
        return self.autoencoder.decode(code)
