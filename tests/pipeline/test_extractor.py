"""The evaluation's extractor: its distances must grow with what is wrong with pictures, and not without reason."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from scipy.spatial.distance import pdist

from pipeline.features.moments import FEATURES, Extractor, Projection
from pipeline.metrics.frechet import frechet_distance
from pipeline.metrics.kernel import kernel_distance

SIDE = 24
CLASSES = 4


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


@pytest.fixture(scope="module")
def measure():
    """A function from pictures to features, standardised by the training pictures."""
    extractor = Extractor(3)
    project = Projection.fit(extractor.measure(pictures(0)))
    return lambda array: project(extractor.measure(array))


@pytest.fixture(scope="module")
def real(measure):
    return measure(pictures(0))


@pytest.fixture(scope="module")
def fresh(measure):
    return measure(pictures(1))


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
def test_every_fault_is_farther_than_fresh_pictures(measure, real, fresh, fault):
    faulty = measure(spoilt()[fault])
    assert frechet_distance(real, faulty) > 1.3 * frechet_distance(real, fresh)
    assert kernel_distance(real, faulty) > abs(kernel_distance(real, fresh))


def test_more_of_a_fault_is_farther(measure, real):
    faults = spoilt()
    assert frechet_distance(real, measure(faults["more noise"])) > 2 * frechet_distance(real, measure(faults["noise"]))


def test_nothing_real_is_as_far_as_noise(measure, real, fresh):
    noise = np.random.default_rng(3).integers(0, 256, (160, 3, SIDE, SIDE), dtype=np.uint8)
    assert frechet_distance(real, measure(noise)) > 20 * frechet_distance(real, fresh)


def test_the_projection_keeps_distances():
    measurements = Extractor(3).measure(pictures(0, 40))
    project = Projection.fit(measurements)
    features = project(measurements)
    assert features.shape == (40, FEATURES)
    assert np.abs(features.mean(axis=0)).max() < 1e-9
    standardised = (measurements - project.mean) / project.scale
    ratios = pdist(features) / pdist(standardised)
    assert 0.75 < ratios.min() <= ratios.max() < 1.3


def test_equal_pictures_have_equal_features_whatever_stands_beside_them():
    extractor = Extractor(1)
    grey = pictures(4, 12)[:, :1]
    assert np.allclose(extractor.measure(grey)[5:6], extractor.measure(grey[5:6]), atol=1e-5)


def test_large_pictures_are_measured_as_if_they_were_128_px():
    extractor = Extractor(3)
    pixels = pictures(5, 4)[:, :, :16, :16]
    at_limit, twice = (extractor.measure(pixels.repeat(side, axis=2).repeat(side, axis=3)) for side in (8, 16))
    assert np.abs(at_limit - twice).max() < 0.1 * np.abs(at_limit).max()


def test_what_never_varies_among_real_pictures_has_a_bounded_weight():
    black = np.zeros((20, 3, SIDE, SIDE), np.uint8)
    extractor = Extractor(3)
    features = Projection.fit(extractor.measure(black))(extractor.measure(black + np.uint8(1)))
    assert np.isfinite(features).all()
