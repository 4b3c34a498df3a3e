"""The classic stylizer that ours is timed against: its layers, and that it runs as a model of ours does."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

BENCH = Path(__file__).parent.parent / "bench"
CONVOLUTIONS = (torch.nn.Conv2d, torch.nn.ConvTranspose2d)


@pytest.fixture
def johnson(monkeypatch):
    monkeypatch.syspath_prepend(BENCH)
    yield importlib.import_module("johnson")
    for name in ("johnson", "contests"):
        sys.modules.pop(name)


def test_the_classic_net_has_the_layers_of_the_paper(johnson):
    shapes = [tuple(layer.weight.shape) for layer in johnson.Johnson().modules() if isinstance(layer, CONVOLUTIONS)]
    assert shapes == [
        (32, 3, 9, 9),
        (64, 32, 3, 3),
        (128, 64, 3, 3),
        *[(128, 128, 3, 3)] * 10,
        (128, 64, 3, 3),  # transposed: before, after
        (64, 32, 3, 3),
        (3, 32, 9, 9),
    ]


def test_the_classic_net_runs_as_ours_does(johnson, tmp_path):
    model = johnson.open_johnson(tmp_path / "johnson.onnx")
    torch.manual_seed(0)
    net = johnson.Johnson().eval()
    content = np.random.default_rng(0).uniform(-1, 1, (1, 3, 40, 64)).astype(np.float32)
    with torch.no_grad():
        expected = net(torch.from_numpy(content)).numpy()
    assert expected.shape == content.shape
    assert np.abs(model.run({"content": content}) - expected).max() < 1e-4
