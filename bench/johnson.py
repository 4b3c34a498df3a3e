"""The classic feed-forward stylizer, as a baseline of speed: Johnson et al. 2016, arXiv:1603.08155.

Its widths and depths are those of the paper's supplement; the norms are instance norms, as everybody has used it since
Ulyanov et al. 2016 (arXiv:1607.08022), and the borders are reflected at each convolution, which costs less than the
paper's 40 px around the picture. Time does not depend on weights, so it is not trained.
"""

from pathlib import Path

import torch
from contests import MODEL_ROUNDS, Contest
from torch import Tensor, nn

from demo.card import ModelCard, Port
from demo.engine import Model
from pipeline.contracts import Graph
from pipeline.export import write_model
from pipeline.latency import workloads

BLOCKS = 5
SIDE = 512


class Johnson(nn.Module):
    """Photographs (N, 3, H, W) in [-1, 1] -> pictures of the same shape and range; H and W multiples of 4."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normalised(_convolution(3, 32, 9)),
            *_normalised(_convolution(32, 64, 3, stride=2)),
            *_normalised(_convolution(64, 128, 3, stride=2)),
            *(_ResidualBlock(128) for _ in range(BLOCKS)),
            *_normalised(nn.ConvTranspose2d(128, 64, 3, stride=2, padding=1, output_padding=1)),
            *_normalised(nn.ConvTranspose2d(64, 32, 3, stride=2, padding=1, output_padding=1)),
            _convolution(32, 3, 9),
            nn.Tanh(),
        )

    def forward(self, content: Tensor) -> Tensor:
        pictures: Tensor = self.layers(content)
        return pictures


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_normalised(_convolution(channels, channels, 3)),
            _convolution(channels, channels, 3),
            nn.InstanceNorm2d(channels, affine=True),
        )

    def forward(self, maps: Tensor) -> Tensor:
        result: Tensor = maps + self.layers(maps)
        return result


def johnson_contest(model: Model, folder: Path) -> Contest:
    """Return our graph against the classic one, both in ONNX Runtime with the same settings, at 512 px."""
    feeds = workloads(model.card)[f"side_{SIDE}"]
    classic = open_johnson(folder / "johnson.onnx")
    picture = {"content": feeds["content"]}
    return Contest(
        task=f"{model.card.recipe}, {SIDE} x {SIDE} px, against the classic net",
        ours_name=f"ONNX Runtime on {model.provider}",
        baseline_name=f"Johnson's net in ONNX Runtime on {classic.provider}",
        ours=lambda: model.run(feeds),
        baseline=lambda: classic.run(picture),
        rounds=MODEL_ROUNDS,
    )


def open_johnson(path: Path) -> Model:
    """Export the classic net to `path` as our own nets are exported, and open it as they are opened."""
    port = Port("content", ("N", 3, "H", "W"), "picture")
    picture = Port("picture", ("N", 3, "H", "W"), "picture")
    torch.manual_seed(0)
    graph = Graph(module=Johnson().eval(), task="stylize", inputs=(port,), outputs=(picture,))
    card = ModelCard("johnson", "stylize", 3, 256, inputs=(port,), outputs=(picture,))
    write_model(graph, card, path)
    return Model.open(path)


def _convolution(before: int, after: int, side: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(before, after, side, stride, side // 2, padding_mode="reflect")


def _normalised(layer: nn.Conv2d | nn.ConvTranspose2d) -> tuple[nn.Module, ...]:
    return layer, nn.InstanceNorm2d(layer.out_channels, affine=True), nn.ReLU()
