"""Extractors: distances must grow with what is wrong with pictures, in every feature space, and not without reason."""

import json

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist

from pipeline.contracts import Image
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError
from pipeline.features import EXTRACTORS
from pipeline.features.extractor import FeatureSpace
from pipeline.features.ganvas_net import CARD, WEIGHTS, GanvasNet, checksum, load
from pipeline.features.label_classifier import LabelClassifier
from pipeline.features.random_bank import FEATURES, Moments, Projection, RandomBankMoments
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.kernel import kernel_distance

SIDE = 24
CLASSES = 4
TOO_FINE = {("ganvas_net", fault) for fault in ("warmer", "a missing class", "checkerboard")}
"""Faults that the kernel distance does not see in so few and so small pictures."""


def pictures(seed, count=160):
    """Return stripes across, stripes down, discs and checks (count, 3, 24, 24) in turn, in random colours."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:SIDE, :SIDE]
    result = []
    for index in range(count):
        phase, period = random.uniform(0, 6), random.uniform(0.8, 1.4)
        shape = [
            np.sin(period * x + phase),
            np.sin(period * y + phase),
            6 - np.hypot(x - random.uniform(8, 16), y - random.uniform(8, 16)),
            np.sin(0.6 * period * x + phase) * np.sin(0.6 * period * y + phase),
        ][index % CLASSES]
        ground, figure = random.uniform([0, 20, 100], [60, 90, 255]), random.uniform([180, 90, 0], [255, 200, 80])
        result.append(np.where(shape[..., None] > 0, figure, ground).transpose(2, 0, 1))
    return clipped(np.stack(result))


def clipped(values):
    return np.clip(values, 0, 255).astype(np.uint8)


def dataset(count=160, *, channels=3, held_back=40):
    """Return stripes, discs and checks as a data set of four classes, the last `held_back` held back."""
    images = pictures(0, count)[:, :channels]
    places = np.arange(count)
    classes = ("across", "down", "disc", "checks")
    training, validation = np.split(places, [count - held_back])
    return Dataset(Image(channels, SIDE, classes), images, places % CLASSES, training, validation, {}, "digest")


@pytest.fixture(scope="module", params=[GanvasNet(), RandomBankMoments()], ids=lambda extractor: extractor.name)
def space(request):
    return request.param.open(dataset(held_back=0))


@pytest.fixture(scope="module")
def real(space):
    return space(pictures(0))


@pytest.fixture(scope="module")
def fresh(space):
    return space(pictures(1))


def spoilt():
    fresh, random = pictures(1), np.random.default_rng(2)
    return {
        "noise": clipped(fresh + random.normal(0, 35, fresh.shape)),
        "more noise": clipped(fresh + random.normal(0, 90, fresh.shape)),
        "blur": gaussian_filter(fresh, (0, 0, 1, 1)),
        "exchanged channels": fresh[:, ::-1],
        "warmer": clipped(fresh + np.array([20, 0, -20])[:, None, None]),
        "darker": clipped(0.8 * fresh),
        "a missing class": fresh[np.arange(len(fresh)) % CLASSES != 0],
        "few pictures repeated": fresh[:8].repeat(20, axis=0),
        "checkerboard": clipped(fresh + 24.0 * ((np.indices((SIDE, SIDE)).sum(axis=0) % 2) * 2 - 1)),
    }


@pytest.mark.parametrize("fault", spoilt())
def test_every_fault_is_farther_than_fresh_pictures(space, real, fresh, fault):
    faulty = space(spoilt()[fault])
    assert frechet_distance(real, faulty) > 1.3 * frechet_distance(real, fresh)
    if (space.facts["name"], fault) not in TOO_FINE:
        assert kernel_distance(real, faulty) > abs(kernel_distance(real, fresh))


def test_more_of_a_fault_is_farther(space, real):
    faults = spoilt()
    assert frechet_distance(real, space(faults["more noise"])) > 2 * frechet_distance(real, space(faults["noise"]))


def test_nothing_real_is_as_far_as_noise(space, real, fresh):
    noise = np.random.default_rng(3).integers(0, 256, (160, 3, SIDE, SIDE), dtype=np.uint8)
    assert frechet_distance(real, space(noise)) > 20 * frechet_distance(real, fresh)


def test_features_come_in_the_order_of_the_places(space):
    images, places = pictures(1, 150), np.array([140, 3, 77, 3])
    assert np.allclose(space(images, places), space(images)[places], rtol=1e-4, atol=1e-5)


def test_the_projection_keeps_distances():
    measurements = Moments(3)(pictures(0, 40))
    project = Projection.fit(measurements)
    features = project(measurements)
    assert features.shape == (40, FEATURES)
    assert np.abs(features.mean(axis=0)).max() < 1e-9
    standardised = (measurements - project.mean) / project.scale
    ratios = pdist(features) / pdist(standardised)
    assert 0.75 < ratios.min() <= ratios.max() < 1.3


@pytest.mark.parametrize("extractor", [GanvasNet(), RandomBankMoments()], ids=lambda extractor: extractor.name)
def test_equal_pictures_have_equal_features_whatever_stands_beside_them(extractor):
    space, grey = extractor.open(dataset(40, channels=1, held_back=0)), pictures(4, 12)[:, :1]
    assert np.allclose(space(grey)[5:6], space(grey[5:6]), rtol=1e-4, atol=1e-5)


def test_large_pictures_are_measured_by_the_bank_as_if_they_were_128_px():
    pixels = pictures(5, 4)[:, :, :16, :16]
    at_limit, twice = (Moments(3)(pixels.repeat(side, axis=2).repeat(side, axis=3)) for side in (8, 16))
    assert np.abs(at_limit - twice).max() < 0.1 * np.abs(at_limit).max()


def test_what_never_varies_among_real_pictures_has_a_bounded_weight():
    black = np.zeros((20, 3, SIDE, SIDE), np.uint8)
    measure = Moments(3)
    assert np.isfinite(Projection.fit(measure(black))(measure(black + np.uint8(1)))).all()


@pytest.mark.parametrize("side", [32, 64, 100, 256])
def test_the_shipped_net_measures_every_size_alike(side):
    gradient = np.linspace(0, 255, side).astype(np.uint8)
    picture = np.broadcast_to(gradient, (1, 3, side, side))
    features = GanvasNet().open(dataset(8, held_back=0))(picture)
    at_64 = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), (1, 3, 64, 64))
    reference = GanvasNet().open(dataset(8, held_back=0))(at_64)
    assert np.abs(features - reference).max() < 0.1 * np.abs(reference).max()


def test_grey_is_measured_as_grey_rgb():
    grey = pictures(6, 5)[:, :1]
    space = GanvasNet().open(dataset(8, held_back=0))
    assert np.allclose(space(grey), space(grey.repeat(3, axis=1)), atol=1e-6)


def test_the_card_tells_the_truth_about_the_weights():
    card = json.loads(CARD.read_text(encoding="utf-8"))
    assert card["sha256"] == checksum(WEIGHTS)
    assert card["bytes"] == WEIGHTS.stat().st_size <= 4 * 2**20
    assert card["parameters"] == sum(parameter.numel() for parameter in load(WEIGHTS).parameters())
    assert {"what", "terms", "held_out_accuracy"} <= card["data"]["cifar10"].keys() & card["data"]["families"].keys()


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", str(tmp_path))
    return tmp_path


def test_the_classifier_learns_the_labels_and_is_kept(cache):
    space = LabelClassifier(hidden=16).open(dataset())
    assert space.facts["accuracy"] > 0.9
    kept = [path.stat().st_mtime_ns for path in cache.rglob("*.npz")]
    again = LabelClassifier(hidden=16).open(dataset())
    assert again.facts == space.facts
    assert [path.stat().st_mtime_ns for path in cache.rglob("*.npz")] == kept
    assert np.array_equal(again(pictures(1, 8)), space(pictures(1, 8)))
    assert space(pictures(1, 8)).shape == (8, 16)
    LabelClassifier(hidden=16, seed=1).open(dataset())
    assert len(list(cache.rglob("*.npz"))) == 2


def test_the_classifier_needs_pictures_to_be_asked_about(cache):
    with pytest.raises(DataError, match="needs two classes and held-back pictures"):
        LabelClassifier().open(dataset(held_back=0))


def test_every_extractor_is_its_own_frozen_configuration():
    for name, extractor in EXTRACTORS.items():
        part = extractor()
        assert part.name == name
        with pytest.raises(ValueError, match="frozen"):
            part.name = "other"


def test_a_space_measures_all_pictures_in_batches():
    sizes = []

    def measure(batch):
        sizes.append(len(batch))
        return batch.mean(axis=(1, 2, 3), keepdims=True)[:, :, 0, 0].astype(np.float64)

    images = pictures(0, 150)
    assert np.array_equal(FeatureSpace(measure, {})(images)[:, 0], images.mean(axis=(1, 2, 3)))
    assert max(sizes) <= 64
