import torch

from demo.card import Port
from pipeline.contracts import Graph, Image, LatentGenerator
from pipeline.data.dataset import Dataset
from pipeline.networks.mlp import Mlp
from pipeline.projection import project
from pipeline.trained import Trained


class Rested(torch.nn.Module):
    """Shows its inputs side by side, in the order of their ports."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.cat(inputs, dim=1)


def trained(graph: Graph) -> Trained:
    dataset = Dataset.__new__(Dataset)  # nothing here asks for data
    return Trained(graph, dataset, steps=1)


def test_noise_rests_at_its_mean_and_truncation_at_none_whatever_the_order_of_the_inputs() -> None:
    ports = {"noise": 2, "weights": 3, "degree": 1, "latent": 4}
    inputs = tuple(Port(kind, ("N", width), kind) for kind, width in ports.items())  # type: ignore[arg-type]
    generator = trained(Graph(Rested(), "sample", inputs, ())).generator()
    assert isinstance(generator, LatentGenerator)
    assert (generator.latent, generator.classes) == (4, 3)
    given = generator(torch.full((2, 4), 5.0), torch.full((2, 3), 6.0))
    assert given.tolist() == [[0, 0, 6, 6, 6, 1, 5, 5, 5, 5]] * 2


def test_a_graph_without_classes_is_searched_as_well() -> None:
    network, image = Mlp(latent=4, width=8), Image(1, 8, ("ink",))
    graph = network.graph(network.build(image), image)
    found = project(trained(graph).generator(), torch.zeros(1, 8, 8), labels=[0], steps=2, seed=0)
    assert (found.label, found.latent.shape, found.picture.shape) == (0, (4,), (1, 8, 8))
