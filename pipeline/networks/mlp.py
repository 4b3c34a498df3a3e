"""The perceptrons of the first GAN, Goodfellow et al. 2014 (arXiv:1406.2661): 100 -> 128 -> 128 -> pixels."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.layers import ClassLogit, classes_of, sampling_graph


class Mlp(Network):
    """Two hidden layers of `width` on both sides; for small pictures such as MNIST's 28 x 28 = 784 pixels."""

    name: Literal["mlp"] = "mlp"
    latent: int = Field(100, ge=1, description="numbers that a picture is painted from")
    width: int = Field(128, ge=1)
    conditional: bool = Field(default=False, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": MlpGenerator(self, image, classes),
            "discriminator": MlpDiscriminator(self, image, classes),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        return sampling_graph(modules["generator"], image)


class MlpGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, H, W) in [-1, 1]."""

    def __init__(self, config: Mlp, image: Image, classes: int) -> None:
        super().__init__()
        self.latent = config.latent
        self.classes = classes
        self.layers = nn.Sequential(
            nn.Linear(config.latent + classes, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, image.channels * image.size**2),
            nn.Tanh(),
            nn.Unflatten(1, (image.channels, image.size, image.size)),
        )

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        pictures: Tensor = self.layers(torch.cat([latent, classes], dim=1) if self.classes else latent)
        return pictures


class MlpDiscriminator(nn.Module):
    """Pictures (N, C, H, W) in [-1, 1] and class weights (N, classes) -> logits (N,)."""

    def __init__(self, config: Mlp, image: Image, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),
            nn.Linear(image.channels * image.size**2, config.width),
            nn.LeakyReLU(0.2),
            nn.Linear(config.width, config.width),
            nn.LeakyReLU(0.2),
        )
        self.logit = ClassLogit(config.width, classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.logit(self.layers(images), classes)
        return logits
