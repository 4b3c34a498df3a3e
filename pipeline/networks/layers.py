"""What several networks are built from."""

from torch import Tensor, nn

from demo.card import Port
from pipeline.contracts import Graph, Image, LatentGenerator


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


def classes_of(image: Image, *, conditional: bool) -> int:
    """Return how many classes a network is told about: none where there is nothing to choose from."""
    return len(image.classes) if conditional and len(image.classes) > 1 else 0


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
