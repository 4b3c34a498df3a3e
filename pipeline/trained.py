"""What a finished training left: the averaged networks as the graph that is exported, and the data behind them."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline import checkpoint
from pipeline.contracts import Graph, LatentGenerator
from pipeline.data.dataset import Dataset
from pipeline.recipe import Recipe
from pipeline.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Trained:
    """A graph in evaluation mode with frozen weights, its data, and how many steps it was trained for."""

    graph: Graph
    dataset: Dataset
    steps: int

    def generator(self) -> LatentGenerator:
        """Return a graph that samples as a function of what its card calls `latent`, and of classes."""
        return _GraphGenerator(self.graph)


def load_trained(recipe: Recipe, workspace: Workspace) -> Trained:
    """Return what `train` left of a recipe, on the CPU.

    Raises:
        DataError: the prepared data, which name classes and sizes, are missing or of another recipe.
        CheckpointError: there is no finished training of this recipe on these data.

    """
    dataset = Dataset.open(workspace.prepared, source=recipe.data)
    state = checkpoint.load(workspace.checkpoint, digest=checkpoint.origin(recipe, dataset))
    modules = {role: recipe.network.build(dataset.image)[role] for role in recipe.network.deployed}
    for role, module in modules.items():
        module.load_state_dict(state["averaged"][role])
        module.eval().requires_grad_(requires_grad=False)
    return Trained(recipe.network.graph(modules, dataset.image), dataset, state["steps"])


class _GraphGenerator:
    """A sampling graph whose other inputs rest: noise at its mean, no truncation."""

    def __init__(self, graph: Graph) -> None:
        widths = {port.kind: int(port.shape[1]) for port in graph.inputs}
        self.latent = widths["latent"]
        self.classes = widths.get("weights", 0)
        self._graph = graph

    def __call__(self, latent: Tensor, classes: Tensor) -> Tensor:
        rest = {"noise": torch.zeros, "degree": torch.ones}
        given = {"latent": latent, "weights": classes}
        inputs = [
            given[port.kind] if port.kind in given else rest[port.kind](len(latent), int(port.shape[1]))
            for port in self._graph.inputs
        ]
        made: Tensor | tuple[Tensor, ...] = self._graph.module(*inputs)
        return made if isinstance(made, Tensor) else made[0]
