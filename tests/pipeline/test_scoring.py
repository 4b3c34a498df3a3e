"""The quick score of snapshots: a perfect generator, a collapsed one, and one that lost a class."""

import grimp
import numpy as np
import pytest
import torch

from pipeline.contracts import Image
from pipeline.data.dataset import Dataset
from pipeline.features import GanvasNet
from pipeline.features.ganvas_net import shipped
from pipeline.scoring import Scorer

COLOURS = np.array([[220, 60, 40], [40, 60, 220]])


def pictures(seed, labels):
    """Return noisy stripes in the colour of the label, (N, 3, 32, 32) uint8."""
    random = np.random.default_rng(seed)
    waves = np.sin(np.arange(32) * random.uniform(0.3, 1, (len(labels), 1)))[:, None, None]
    values = COLOURS[labels][:, :, None, None] * (0.7 + 0.3 * waves) + random.normal(0, 10, (len(labels), 3, 32, 32))
    return values.clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def dataset():
    labels = np.arange(160) % 2
    places = np.arange(160)
    image = Image(3, 32, ("red", "blue"))
    return Dataset(image, pictures(0, labels), labels, places[:120], places[120:], {}, "0")


@pytest.fixture(scope="module")
def scorer(dataset):
    return Scorer(GanvasNet(), dataset, samples=80, seed=3)


def test_a_perfect_generator(scorer):
    scores = scorer.score(pictures(1, np.arange(80) % 2))
    assert scores["recall"] > 0.7
    assert scores["diversity"] == pytest.approx(1, abs=0.1)
    assert scores["class_coverage"] == 1


def test_faults_show_where_they_should(scorer):
    good = scorer.score(pictures(1, np.arange(80) % 2))
    one_class = scorer.score(pictures(2, np.zeros(80, int)))
    collapsed = scorer.score(pictures(2, np.zeros(1, int)).repeat(80, axis=0))
    assert one_class["class_coverage"] == collapsed["class_coverage"] == 0.5
    assert collapsed["diversity"] < 1e-3 < one_class["diversity"] < good["diversity"]
    assert collapsed["recall"] < 0.1
    assert good["frechet"] < one_class["frechet"] < collapsed["frechet"]


def test_scores_are_repeatable_and_leave_the_random_state_alone(scorer, dataset):
    made = pictures(4, np.arange(20) % 2)
    shipped.cache_clear()  # so that the network is read from its file here
    torch.manual_seed(0)
    before = torch.get_rng_state()
    scores = scorer.score(made)
    assert Scorer(GanvasNet(), dataset, samples=80, seed=3).score(made) == scores
    assert torch.equal(torch.get_rng_state(), before)


def test_few_pictures_have_no_recall(scorer):
    assert set(scorer.score(pictures(4, np.arange(4) % 2))) == {"frechet", "diversity", "class_coverage"}


def test_scoring_needs_neither_the_engine_nor_the_services():
    graph = grimp.build_graph("pipeline", "demo", include_external_packages=True)
    for name in ("demo.engine", "onnxruntime", "mlflow", "gradio"):
        assert graph.find_shortest_chain("pipeline.scoring", name) is None
    assert graph.find_shortest_chain("pipeline.scoring", "torch")
