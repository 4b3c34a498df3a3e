"""FID's Inception-v3: the published layout, the resizing, and, where the weights are, the published figures."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.contracts import Image
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError
from pipeline.features.ganvas_net import checksum
from pipeline.features.inception import Inception, load
from pipeline.features.inception_net import FEATURES, InceptionNet, resize
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.kernel import kernel_distance

PUBLISHED = os.environ.get("GANVAS_INCEPTION", "")
DATA = Dataset(
    Image(1, 8, ("one",)), np.zeros((2, 1, 8, 8), np.uint8), np.zeros(2, int), np.arange(2), np.arange(0), {}, ""
)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Random weights in the published layout, which does not count the batches of its batch norms."""
    path = tmp_path_factory.mktemp("weights") / "inception.pth"
    torch.manual_seed(0)
    state = {name: weight for name, weight in InceptionNet().state_dict().items() if not name.endswith("_tracked")}
    torch.save(state, path)
    return path


def test_the_net_is_the_published_one_in_names_and_numbers():
    net = InceptionNet()
    state = net.state_dict()
    # 21,785,568 weights of torchvision's Inception-v3 without its heads, and a layer of 2048 x 1008.
    assert sum(weight.numel() for weight in net.parameters()) == 21_785_568 + 2048 * 1008 + 1008
    assert sum(name.endswith("conv.weight") for name in state) == 94
    assert state["Mixed_5b.branch_pool.conv.weight"].shape == (32, 192, 1, 1)
    assert state["Mixed_6c.branch7x7dbl_3.conv.weight"].shape == (160, 160, 1, 7)
    assert state["Mixed_7c.branch3x3dbl_3b.bn.running_var"].shape == (384,)
    assert state["fc.bias"].shape == (1008,)


def test_features_of_random_weights(weights):
    space = Inception(path=str(weights), sha256=checksum(weights)).open(DATA)
    grey = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 32), dtype=np.uint8)
    features = space(grey)
    assert features.shape == (2, FEATURES)
    assert np.isfinite(features).all()
    assert features.min() >= 0
    assert np.allclose(space(grey.repeat(3, axis=1))[1:], features[1:], rtol=1e-3, atol=1e-5)
    assert space.facts == {"name": "inception", "version": 1, "weights": "inception.pth"}


def test_resizing_is_that_of_tensorflow_1():
    row = torch.tensor([0.0, 10.0]).expand(1, 1, 1, 2)
    # Places 0, 0.5, 1, 1.5; what lies beyond the last pixel is that pixel.
    assert resize(row, 4)[0, 0].tolist() == [[0, 5, 10, 10]] * 4
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    assert torch.equal(resize(picture, 4), picture[:, :, ::2, ::2])
    assert torch.equal(resize(picture, 8), picture)


def test_weights_that_are_not_the_published_ones_make_no_fid(weights):
    with pytest.raises(DataError, match=r"has not the checksum 6726825d.* its figures are no FID"):
        Inception(path=str(weights)).open(DATA)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\.pth: there is no such file; put pt_inception-2015-12-05"):
        Inception(path=str(tmp_path / "nowhere.pth")).open(DATA)


@pytest.mark.parametrize("content", [b"", b"no weights at all", {"fc.weight": torch.zeros(3)}, [1, 2]])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    with pytest.raises(DataError, match="damaged, or no weights of FID's Inception-v3"):
        load(path)


@pytest.mark.skipif(
    not PUBLISHED, reason="set GANVAS_INCEPTION to the published weights to compare with torch-fidelity"
)
def test_fid_and_kid_are_those_of_torch_fidelity():
    fidelity = pytest.importorskip("torch_fidelity", reason="install torch-fidelity to compare with it")
    random = np.random.default_rng(0)
    first = random.integers(0, 256, (100, 3, 32, 32), dtype=np.uint8)
    second = (0.5 * first[::-1] + 0.5 * random.integers(0, 256, first.shape)).astype(np.uint8)
    space = Inception(path=PUBLISHED).open(DATA)
    features = space(first), space(second)
    inputs = [_Pictures(pictures) for pictures in (first, second)]
    theirs = fidelity.calculate_metrics(
        input1=inputs[0],
        input2=inputs[1],
        cuda=False,
        fid=True,
        kid=True,
        kid_subsets=1,
        kid_subset_size=len(first),
        feature_extractor_weights_path=str(Path(PUBLISHED)),
        verbose=False,
    )
    assert frechet_distance(*features) == pytest.approx(theirs["frechet_inception_distance"], rel=1e-2)
    assert kernel_distance(*features) == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-2)


class _Pictures(torch.utils.data.Dataset):
    def __init__(self, pictures):
        self.pictures = torch.from_numpy(pictures)

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, index):
        return self.pictures[index]
