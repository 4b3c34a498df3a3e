"""What several networks are built from."""

from collections.abc import Sequence
from itertools import pairwise
from math import log2, sqrt

from torch import Tensor, nn
from torch.nn import functional

from demo.card import Port
from pipeline.contracts import Graph, Image, LatentGenerator
from pipeline.errors import RecipeError


class ClassLogit(nn.Module):
    """Features (N, F) and class weights (N, K) -> logits (N,): a linear head plus the projection of the class.

    Miyato and Koyama 2018 (arXiv:1802.05637), eq. 4. Without classes (K = 0) only the linear head remains.
    """

    def __init__(self, features: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(features, 1)
        self.embedding = nn.Linear(classes, features, bias=False) if classes else None

    def forward(self, features: Tensor, classes: Tensor) -> Tensor:
        logits: Tensor = self.head(features).squeeze(1)
        return logits if self.embedding is None else logits + (self.embedding(classes) * features).sum(dim=1)

    def bound(self) -> None:
        """Let logits change by at most 1 where features do, whatever the class or mixture of classes."""
        bound_rows(self.head.weight, self.embedding)


def bound_rows(head: Tensor, embedding: nn.Linear | None) -> None:
    """Scale a head's weight (1, F) and its classes' (F, K) down until no class's sum of both is longer than 1.

    In place and unseen by autograd: a second forward pass before the backward one finds nothing left to scale.
    """
    rows = head.detach() if embedding is None else head.detach() + embedding.weight.detach().T
    scale = rows.norm(dim=1).max().clamp(min=1).reciprocal()
    for weight in (head, *([] if embedding is None else [embedding.weight])):
        weight.data.mul_(scale)


def leaky_convolution(
    before: int, after: int, kernel: int, *, stride: int = 1, padding: int | None = None
) -> nn.Conv2d:
    """Return a convolution for a leaky rectifier of slope 0.2 behind it; without `padding` it keeps an odd side.

    He et al. 2015 (arXiv:1502.01852).
    """
    convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2 if padding is None else padding)
    nn.init.kaiming_normal_(convolution.weight, a=0.2)
    return convolution


def halving_stack(channels: int, widths: Sequence[int]) -> nn.Sequential:
    """Return leaky convolutions, each of which halves the side: (N, channels, S, S) -> (N, widths[-1], s, s)."""
    return nn.Sequential(
        *(
            nn.Sequential(leaky_convolution(before, after, 4, stride=2, padding=1), nn.LeakyReLU(0.2))
            for before, after in pairwise([channels, *widths])
        )
    )


def doubling_stack(widths: Sequence[int], channels: int) -> nn.Sequential:
    """Return transposed convolutions, each of which doubles the side: (N, widths[0], s, s) -> (N, channels, S, S).

    They are leaky but for the last. Each value of a result has a quarter of the kernel's 16 places behind it.
    """
    stages: list[nn.Module] = []
    for before, after in pairwise([*widths, channels]):
        convolution = nn.ConvTranspose2d(before, after, 4, 2, 1)
        nn.init.normal_(convolution.weight, std=nn.init.calculate_gain("leaky_relu", 0.2) / sqrt(before * 4))
        stages += [convolution, nn.LeakyReLU(0.2)]
    return nn.Sequential(*stages[:-1])


class ResidualHalving(nn.Module):
    """Features (N, `before`, H, W) -> (N, `after`, H/2, W/2) by two convolutions and a shortcut.

    Karras et al. 2020 (arXiv:1912.04958), section 4.1; the means of four pixels stand for the filters there.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.fine = leaky_convolution(before, before, 3)
        self.coarse = leaky_convolution(before, after, 3)
        self.shortcut = nn.Conv2d(before, after, 1, bias=False)
        nn.init.normal_(self.shortcut.weight, std=before**-0.5)

    def forward(self, features: Tensor) -> Tensor:
        finer = functional.avg_pool2d(functional.leaky_relu(self.fine(features), 0.2), 2)
        halved: Tensor = functional.leaky_relu(self.coarse(finer), 0.2) + self.shortcut(
            functional.avg_pool2d(features, 2)
        )
        return halved * sqrt(0.5)


def deviation(features: Tensor) -> Tensor:
    """Return the mean standard deviation over the batch of features (N, F, H, W), for every place: (N, 1, H, W).

    Karras et al. 2018 (arXiv:1710.10196), section 3.
    """
    # The root has no slope at zero, which equal pictures would ask for.
    spread = features.float().var(dim=0, correction=0).add(1e-8).sqrt().mean()
    return spread.to(features.dtype).expand(len(features), 1, *features.shape[2:])


def classes_of(image: Image, *, conditional: bool) -> int:
    """Return how many classes a network is told about: none where there is nothing to choose from."""
    return len(image.classes) if conditional and len(image.classes) > 1 else 0


def doublings_of(image: Image, *, network: str, lowest: int, highest: int) -> int:
    """Return how often 4 x 4 features must double to become the picture.

    Raises:
        RecipeError: its side is no power of two from `lowest` to `highest`.

    """
    doublings = int(log2(image.size)) - 2
    if 4 << doublings != image.size or not lowest <= image.size <= highest:
        raise RecipeError(
            "network.name",
            f"'{network}' makes no pictures of {image.size} pixels",
            f"set data.size to a power of two from {lowest} to {highest}",
        )
    return doublings


class _Unconditional(nn.Module):
    """A generator without classes as a graph of one input."""

    def __init__(self, generator: nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, latent: Tensor) -> Tensor:
        pictures: Tensor = self.generator(latent, latent[:, :0])
        return pictures


def sampling_graph(generator: nn.Module, image: Image) -> Graph:
    """Return the graph of a generator of latents: `latent` and, where it has classes, `classes` -> `picture`."""
    assert isinstance(generator, LatentGenerator)
    latent = Port("latent", ("N", generator.latent), "latent")
    picture = Port("picture", ("N", image.channels, image.size, image.size), "picture")
    if not generator.classes:
        return Graph(_Unconditional(generator), "sample", (latent,), (picture,))
    classes = Port("classes", ("N", generator.classes), "weights")
    return Graph(generator, "sample", (latent, classes), (picture,), image.classes)
