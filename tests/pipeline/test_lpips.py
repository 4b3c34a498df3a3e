"""LPIPS and ArtFID on random weights with the published names, against their formulas."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_metrics_stylization import evidence
from torch.nn import functional

from pipeline.errors import DataError
from pipeline.features.inception_net import InceptionNet
from pipeline.features.lpips import AlexNet, load_lpips
from pipeline.metrics.art_fid import ArtFid
from pipeline.metrics.evidence import Style, Weights
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.lpips import LearnedSimilarity

CHANNELS = (64, 192, 384, 256, 256)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Files of random weights, with the names and shapes of the published ones."""
    folder = tmp_path_factory.mktemp("weights")
    torch.manual_seed(0)
    heads = {f"lin{place}.model.1.weight": torch.rand(1, width, 1, 1) for place, width in enumerate(CHANNELS)}
    art = {
        name: weight
        for name, weight in InceptionNet(plain=True).state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    contents = {
        "alexnet": AlexNet().state_dict() | {"classifier.6.bias": torch.zeros(1000)},
        "lpips": heads,
        "art_inception": art | {"fc1.bias": torch.zeros(8)},
    }
    for name, content in contents.items():
        torch.save(content, folder / f"{name}.pth")
    return Weights(**{name: str(folder / f"{name}.pth") for name in contents})


@pytest.fixture(scope="module")
def pictures():
    return np.random.default_rng(0).uniform(-1, 1, (4, 3, 80, 96)).astype(np.float32)


def test_alexnet_has_torchvisions_names_and_numbers():
    state = AlexNet().state_dict()
    assert [name for name in state if name.endswith("weight")] == [f"features.{n}.weight" for n in (0, 3, 6, 8, 10)]
    # 61,100,840 weights of the whole network less its three layers of 9216 x 4096, 4096 x 4096 and 4096 x 1000.
    assert sum(weight.numel() for weight in state.values()) == 61_100_840 - 37_752_832 - 16_781_312 - 4_097_000


def test_the_distance_is_the_papers_equation(weights, pictures):
    state, heads = torch.load(weights.alexnet), torch.load(weights.lpips)
    plans = [(0, 4, 2), (3, 1, 2), (6, 1, 1), (8, 1, 1), (10, 1, 1)]
    mean, deviation = torch.tensor([[0.485], [0.456], [0.406]]), torch.tensor([[0.229], [0.224], [0.225]])
    pairs = [(torch.from_numpy(part).flatten(2) / 2 + 0.5 - mean) / deviation for part in np.split(pictures, 2)]
    pairs = [part.unflatten(2, pictures.shape[2:]) for part in pairs]
    expected = torch.zeros(2)
    for place, (layer, stride, padding) in enumerate(plans):
        for side in (0, 1):
            maps = functional.max_pool2d(pairs[side], 3, 2) if place in {1, 2} else pairs[side]
            weight, bias = (state[f"features.{layer}.{part}"] for part in ("weight", "bias"))
            pairs[side] = functional.conv2d(maps, weight, bias, stride, padding).relu()
        first, second = (functional.normalize(maps, dim=1) for maps in pairs)
        expected += ((first - second) ** 2 * heads[f"lin{place}.model.1.weight"]).sum(1).mean((1, 2))
    first, second = torch.from_numpy(pictures).split(2)
    with torch.no_grad():
        found = load_lpips(Path(weights.alexnet), Path(weights.lpips))(first, second)
    # The paper's constants are ImageNet's mean and deviation, rounded to three digits on the scale of [-1, 1].
    torch.testing.assert_close(found, expected, rtol=1e-2, atol=1e-4)
    assert found.min() > 0.01


def test_equal_pictures_are_at_no_distance(weights, pictures):
    given = torch.from_numpy(pictures)
    assert load_lpips(Path(weights.alexnet), Path(weights.lpips))(given, given).abs().max() == 0


def test_results_that_are_the_photographs_are_at_no_distance(weights):
    given = evidence()
    assert not LearnedSimilarity().compute(given).scores
    assert LearnedSimilarity().compute(replace(given, weights=weights)).scores == {"distance": 0}
    moved = replace(given, stylized=-given.stylized, weights=weights)
    assert LearnedSimilarity().compute(moved).scores["distance"] > 0.01


def test_art_fid_is_the_product_of_both_distances(weights, pictures):
    photographs, results = np.split(pictures, 2)
    styles = (Style("one", photographs), Style("two", results))
    given = replace(evidence(), photographs=photographs, styles=styles, stylized=np.stack([results, photographs]))
    assert not ArtFid().compute(given).scores
    given = replace(given, weights=weights)
    distance = LearnedSimilarity().compute(given).scores["distance"]
    # All results together are all pictures of the styles, only in another order.
    same = ArtFid().compute(given).scores
    assert same == pytest.approx({"art_fid": 1 + distance, "fid": 0, "results": 4, "examples": 4}, abs=1e-4)

    other = replace(given, stylized=np.clip(given.stylized + 0.5, -1, 1))
    scores = ArtFid().compute(other).scores
    net = InceptionNet(plain=True).eval()
    net.load_state_dict(torch.load(weights.art_inception), strict=False)
    with torch.no_grad():
        features = [
            net(torch.from_numpy(side) / 2 + 0.5).double().numpy()
            for side in (other.stylized.reshape(-1, *pictures.shape[1:]), pictures)
        ]
    assert scores["fid"] == pytest.approx(frechet_distance(*features), rel=1e-3)
    distance = LearnedSimilarity().compute(other).scores["distance"]
    assert scores["art_fid"] == pytest.approx((1 + distance) * (1 + scores["fid"]))


def test_the_plain_network_counts_the_border():
    ones = torch.ones(1, 1, 5, 5)
    plain, fids = (InceptionNet(plain=plain).Mixed_7c for plain in (True, False))
    assert plain.averaged(ones)[0, 0, 0].tolist() == pytest.approx([4 / 9, *[6 / 9] * 3, 4 / 9])
    assert fids.averaged(ones).eq(1).all()
    assert (plain.largest, fids.largest) == (False, True)


def test_missing_weights_are_named(weights, tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.pth: there is no such file; put alexnet-owt-7be5be79\.pth there"):
        load_lpips(tmp_path / "nowhere.pth", Path(weights.lpips))
    with pytest.raises(DataError, match="no weights of LPIPS on AlexNet"):
        load_lpips(Path(weights.alexnet), Path(weights.alexnet))
