"""A generative recurrent adversarial network, Im et al. 2016 (arXiv:1602.05110): the canvas is painted in steps."""

from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from demo.card import Port
from pipeline.contracts import Graph, Image, Modules, Network
from pipeline.networks.layers import ClassLogit, classes_of, doubling_stack, doublings_of, halving_stack


class Gran(Network):
    """A generator that sees what it painted last, and adds to the canvas `steps` times; and a discriminator.

    `width` is the number of channels beside the picture; it doubles with every halving of the side, up to `max_width`.
    `memory` is the length of what the generator keeps of its last layer of paint.
    """

    name: Literal["gran"] = "gran"
    latent: int = Field(64, ge=1, description="numbers that a picture is painted from")
    memory: int = Field(64, ge=1)
    steps: int = Field(4, ge=1, le=32)
    width: int = Field(24, ge=1)
    max_width: int = Field(256, ge=1)
    conditional: bool = Field(default=True, description="whether classes, where there are several, can be asked for")

    def build(self, image: Image) -> dict[str, nn.Module]:
        halvings = doublings_of(image, network=self.name, lowest=16, highest=256)
        widths = [min(self.width << halving, self.max_width) for halving in range(halvings)]
        classes = classes_of(image, conditional=self.conditional)
        return {
            "generator": GranGenerator(self, classes, widths, image.channels),
            "discriminator": GranDiscriminator(classes, widths, image.channels),
        }

    def graph(self, modules: Modules, image: Image) -> Graph:
        generator = modules["generator"]
        assert isinstance(generator, GranGenerator)
        inputs: tuple[Port, ...] = (Port("latent", ("N", self.latent), "latent"),)
        if generator.classes:
            inputs += (Port("classes", ("N", generator.classes), "weights"),)
        shape = (image.channels, image.size, image.size)
        outputs = Port("picture", ("N", *shape), "picture"), Port("steps", ("N", self.steps, *shape), "picture")
        return Graph(_Painting(generator), "sample", inputs, outputs, image.classes if generator.classes else ())


class GranGenerator(nn.Module):
    """Latents (N, latent) and class weights (N, classes) -> pictures (N, C, S, S) in [-1, 1]; section 3.

    At each step the decoder paints a layer of what the latent and the memory say, and the encoder makes the next memory
    of that layer. The canvas is the hyperbolic tangent of the layers' sum.
    """

    def __init__(self, config: Gran, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.latent, self.classes = config.latent, classes
        self.memory, self.steps = config.memory, config.steps
        self.stem = nn.Sequential(nn.Linear(config.latent + classes, config.latent), nn.LeakyReLU(0.2))
        self.encoder = nn.Sequential(
            halving_stack(channels, widths), nn.Flatten(), nn.Linear(widths[-1] * 16, config.memory), nn.Tanh()
        )
        self.decoder = nn.Sequential(
            nn.Linear(config.latent + config.memory, widths[-1] * 16),
            nn.LeakyReLU(0.2),
            nn.Unflatten(1, (widths[-1], 4, 4)),
            doubling_stack(widths[::-1], channels),
        )

    def forward(self, latent: Tensor, classes: Tensor) -> Tensor:
        return self.paint(latent, classes)[-1]

    def paint(self, latent: Tensor, classes: Tensor) -> list[Tensor]:
        """Return the canvas after each step, (N, C, S, S) in [-1, 1]."""
        wanted = self.stem(torch.cat([latent, classes], dim=1))
        memory = latent.new_zeros(len(latent), self.memory)
        layers = [self.decoder(torch.cat([wanted, memory], dim=1))]
        while len(layers) < self.steps:
            memory = self.encoder(layers[-1])
            layers.append(self.decoder(torch.cat([wanted, memory], dim=1)))
        return list(torch.stack(layers).cumsum(dim=0).tanh())


class GranDiscriminator(nn.Module):
    """Pictures (N, C, S, S) in [-1, 1] and class weights (N, classes) -> logits (N,)."""

    def __init__(self, classes: int, widths: list[int], channels: int) -> None:
        super().__init__()
        self.stages = nn.Sequential(halving_stack(channels, widths), nn.Flatten())
        self.logit = ClassLogit(widths[-1] * 16, classes)

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.logit(self.stages(images), classes)
        return logits


class _Painting(nn.Module):
    """Latents (N, latent), class weights (N, classes) if any -> the picture, and all steps (N, steps, C, S, S)."""

    def __init__(self, generator: GranGenerator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor, classes: Tensor | None = None) -> tuple[Tensor, Tensor]:
        pictures = self.generator.paint(latent, latent[:, :0] if classes is None else classes)
        return pictures[-1], torch.stack(pictures, dim=1)
