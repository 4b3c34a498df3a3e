"""The shipped feature network: a plain VGG-like net that this project trained itself, the default extractor.

`ganvas_net.json` beside the weights says what they were trained on and how well they tell it apart;
`python -m pipeline.features.train_net` trains them again.
"""

import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.dataset import Dataset
from pipeline.features.extractor import Extractor, FeatureSpace, Float64, Uint8

SIDE = 64
"""The pixels a side that every picture is brought to: enough to see defects of small pictures, cheap on a CPU."""

WEIGHTS = Path(__file__).with_name("ganvas_net.npz")
CARD = WEIGHTS.with_suffix(".json")
FEATURES = 128
_STEM = 32
_WIDTHS = (64, 128, 256)
_LEAST = 0.1


class GanvasNet(Extractor):
    """`FeatureNet.features` with the shipped weights: one scale for all models, and no download."""

    name: Literal["ganvas_net"] = "ganvas_net"

    def open(self, dataset: Dataset) -> FeatureSpace:
        card = json.loads(CARD.read_text(encoding="utf-8"))
        return FeatureSpace(measure, {key: card[key] for key in ("name", "version", "sha256")})


def measure(pictures: Uint8) -> Float64:
    """Map pictures (N, 1 or 3, H, W) uint8 of any size to features (N, 128)."""
    with torch.inference_mode():
        batch = to_input(torch.from_numpy(np.ascontiguousarray(pictures)))
        features: Float64 = shipped().features(batch).double().numpy()
    return features


class FeatureNet(nn.Module):
    """Maps pictures to feature maps, and those to logits of each thing that it was taught to tell apart.

    A strided 4x4 convolution, then three times a pooling and two 3x3 convolutions, each with ReLU; no norms (Simonyan
    and Zisserman 2015). `heads` gives the number of classes by the name of the head.
    """

    mean: Tensor
    scale: Tensor
    mixing: Tensor

    def __init__(self, heads: dict[str, int]) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, _STEM, 4, stride=2, padding=1)
        stages = []
        channels = _STEM
        for width in _WIDTHS:
            first, second = nn.Conv2d(channels, width, 3, padding=1), nn.Conv2d(width, width, 3, padding=1)
            stages.append(nn.Sequential(nn.MaxPool2d(2), first, nn.ReLU(), second, nn.ReLU()))
            channels = width
        self.stages = nn.ModuleList(stages)
        self.heads = nn.ModuleDict({name: nn.Linear(channels, classes) for name, classes in heads.items()})
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("scale", torch.ones(channels))
        columns = torch.randn(channels, FEATURES, generator=torch.Generator().manual_seed(0))
        self.register_buffer("mixing", torch.linalg.qr(columns).Q)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]

    def forward(self, pictures: Tensor) -> list[Tensor]:
        """Map pictures (N, 3, 64, 64) float32 in [-1, 1] to maps (N, 32 | 64 | 128 | 256, 32 | 16 | 8 | 4, same)."""
        maps = [self.stem(pictures).relu()]
        for stage in self.stages:
            maps.append(stage(maps[-1]))
        return maps

    def pooled(self, pictures: Tensor) -> Tensor:
        """Return the mean of every map of the last stage (N, 256) for pictures as `forward` takes them."""
        pooled: Tensor = self(pictures)[-1].mean(dim=(2, 3))
        return pooled

    def features(self, pictures: Tensor) -> Tensor:
        """Return the features (N, 128) of pictures as `forward` takes them.

        The pooled maps are standardised by fixed figures (see `calibrate`) and mixed at random, which keeps distances
        (Johnson and Lindenstrauss 1984) and needs fewer pictures for a covariance.
        """
        features: Tensor = (self.pooled(pictures) - self.mean) / self.scale @ self.mixing
        return features

    def calibrate(self, pooled: Tensor) -> None:
        """Standardise by these pooled maps (M, 256); a map that hardly varies does not outweigh the others."""
        deviation = pooled.std(dim=0)
        self.mean = pooled.mean(dim=0)
        self.scale = deviation.clamp_min(_LEAST * float(deviation.median()))

    def logits(self, pictures: Tensor, head: str) -> Tensor:
        """Return the logits (N, classes) of one head for pictures as `forward` takes them."""
        logits: Tensor = self.heads[head](self.pooled(pictures))
        return logits


def to_input(pictures: Tensor) -> Tensor:
    """Bring uint8 pictures (N, 1 or 3, H, W) to what the network takes: (N, 3, 64, 64) float32 in [-1, 1].

    Resized bilinearly with antialiasing; grey is repeated.
    """
    batch = pictures.float() / 127.5 - 1
    if batch.shape[-2:] != (SIDE, SIDE):
        batch = functional.interpolate(batch, (SIDE, SIDE), mode="bilinear", antialias=True, align_corners=False)
    return batch.expand(-1, 3, -1, -1)


def save(net: FeatureNet, path: Path) -> None:
    """Write the weights as half-precision arrays by name; equal weights give equal files."""
    arrays = {name: weight.detach().half().numpy() for name, weight in net.state_dict().items()}
    with path.open("wb") as stream:
        np.savez(stream, **arrays)


def load(path: Path) -> FeatureNet:
    """Return the network of a weights file, frozen, in single precision."""
    with np.load(path, allow_pickle=False) as file:
        weights = {name: torch.from_numpy(file[name].astype(np.float32)) for name in file.files}
    heads = {name.split(".")[1]: len(weight) for name, weight in weights.items() if name.startswith("heads.")}
    with torch.random.fork_rng(devices=[]):  # a training that is being scored draws its noise as if it were not
        net = FeatureNet(heads)
    net.load_state_dict(weights)
    return net.eval().requires_grad_(requires_grad=False)


@lru_cache(maxsize=1)
def shipped() -> FeatureNet:
    """Return the shipped network."""
    return load(WEIGHTS)


def checksum(path: Path) -> str:
    """Return the SHA-256 sum of a file, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
