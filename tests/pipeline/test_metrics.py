"""The registry of metrics, and what the metrics of samples say about points whose answers are known."""

import importlib
import pkgutil

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist

from pipeline import metrics
from pipeline.metrics.authenticity import Authenticity
from pipeline.metrics.density_coverage import density_coverage
from pipeline.metrics.evidence import Gallery, Metric, SamplingEvidence
from pipeline.metrics.frechet import Frechet, frechet_distance, frechet_interval, gaussian_distance
from pipeline.metrics.kernel import Kernel, kernel_distance, kernel_interval, paired_kernel_distance
from pipeline.metrics.label_agreement import LabelAgreement
from pipeline.metrics.memorisation import Memorisation
from pipeline.metrics.neighbours import nearest
from pipeline.metrics.precision_recall import PrecisionRecall, precision_recall

CLASSES = ("red", "green", "blue")
CORNERS = 6 * np.eye(3)


def gallery(features, labels=None):
    pictures = np.random.default_rng(0).integers(0, 256, (len(features), 3, 8, 8), dtype=np.uint8)
    labels = np.zeros(len(features), np.int64) if labels is None else labels
    return Gallery(np.asarray(features, np.float64), labels, pictures, np.arange(len(features)))


def evidence(training, validation, generated, *, conditional=True, mirrored=None):
    mirrored = training.features[:0] if mirrored is None else mirrored
    return SamplingEvidence(training, validation, generated, CLASSES, conditional, seed=0, mirrored=mirrored)


def normal_gallery(seed, count, *, shift=0.0):
    return gallery(np.random.default_rng(seed).normal(shift, 1, (count, 4)))


def blobs(seed, labels):
    labels = np.asarray(labels)
    return gallery(CORNERS[labels] + np.random.default_rng(seed).normal(0, 0.3, (len(labels), 3)), labels)


def test_every_file_is_registered_under_its_own_name():
    found = {}
    for module in pkgutil.iter_modules(metrics.__path__):
        content = vars(importlib.import_module(f"pipeline.metrics.{module.name}")).values()
        classes = {thing for thing in content if isinstance(thing, type) and issubclass(thing, Metric)}
        own = {
            thing for thing in classes if thing.__module__.endswith(f".{module.name}") and not thing.__subclasses__()
        }
        if own:
            found[module.name] = own
    assert found == {name: {metric} for name, metric in metrics.METRICS.items()}


def test_frechet_of_axis_aligned_gaussians():
    # |m|^2 + sum (sqrt(a) - sqrt(b))^2
    distance = gaussian_distance(np.zeros(2), np.diag([1.0, 4.0]), np.array([3.0, 4.0]), np.diag([9.0, 16.0]))
    assert distance == pytest.approx(25 + 4 + 4)


def test_frechet_agrees_with_the_matrix_square_root():
    random = np.random.default_rng(1)
    first, second = (root @ root.T for root in random.normal(size=(2, 5, 5)))
    expected = np.trace(first + second - 2 * sqrtm(first @ second).real)
    assert gaussian_distance(np.zeros(5), first, np.zeros(5), second) == pytest.approx(expected)


def test_frechet_of_few_pictures_with_many_features_is_the_same_distance():
    random = np.random.default_rng(11)
    first, second = random.normal(size=(12, 30)), random.normal(1, 2, size=(20, 30))
    expected = gaussian_distance(first.mean(0), np.cov(first.T), second.mean(0), np.cov(second.T))
    assert frechet_distance(first, second) == pytest.approx(expected)


def test_frechet_is_zero_for_equal_samples_of_deficient_rank():
    features = np.random.default_rng(2).normal(size=(5, 40))
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-6)


def test_halves_of_the_real_pictures_share_none_and_mix_trained_on_and_held_back_ones():
    numbers = np.arange(40.0)[:, None]
    halves = evidence(gallery(numbers[:20]), gallery(numbers[20:]), gallery(numbers[:20])).real_halves()
    assert sorted(np.concatenate(halves)[:, 0]) == numbers[:, 0].tolist()
    assert all(5 <= (half < 20).sum() <= 15 for half in halves)


def test_frechet_floor_is_what_a_perfect_generator_reaches():
    scores = Frechet().compute(evidence(normal_gallery(0, 900), normal_gallery(1, 100), normal_gallery(2, 500))).scores
    assert scores["pictures"] == 500
    assert scores["distance"] == pytest.approx(scores["floor"], abs=0.05)
    worse = Frechet().compute(evidence(normal_gallery(0, 900), normal_gallery(1, 100), normal_gallery(2, 500, shift=1)))
    assert worse.scores["distance"] == pytest.approx(4, rel=0.2)


def test_frechet_interval_narrows_with_more_pictures_and_is_seeded():
    random = np.random.default_rng(8)
    few, many = random.normal(size=(2, 50, 3)), random.normal(size=(2, 2000, 3))
    (low, high), (lower, higher) = frechet_interval(*few, seed=0), frechet_interval(*many, seed=0)
    assert low <= frechet_distance(*few) < high
    assert higher - lower < (high - low) / 2
    assert frechet_interval(*few, seed=0) == (low, high)


def test_frechet_interval_holds_a_known_distance():
    random = np.random.default_rng(9)
    held = 0
    for seed in range(40):
        first, second = random.normal(size=(2, 400, 2))
        low, high = frechet_interval(first, second + np.array([1, 0]), seed=seed)
        held += low < 1 < high
    assert held >= 30


def test_frechet_interval_is_as_wide_as_the_mean_of_its_pictures_is_uncertain():
    random = np.random.default_rng(3)
    low, high = frechet_interval(random.normal(0, 1, (2000, 1)), random.normal(9, 1, (2000, 1)), seed=0)
    # Of the squared distance of two means by the delta method, which leaves out what the widths add.
    assert (high - low) / 2 == pytest.approx(1.645 * 2 * 9 * np.sqrt(2 / 2000), rel=0.1)


def test_frechet_of_many_pictures_has_an_interval_unless_they_have_as_many_features():
    many = [normal_gallery(seed, 1100) for seed in range(3)]
    assert {"low", "high"} <= Frechet().compute(evidence(*many)).scores.keys()
    wide = [gallery(np.random.default_rng(seed).normal(size=(1030, 1030))) for seed in range(3)]
    assert Frechet().compute(evidence(*wide)).scores.keys() == {"distance", "floor", "pictures"}


def test_kernel_distance_of_pictures_that_are_drawn_twice_compares_none_with_itself():
    first, second = np.random.default_rng(4).normal(size=(2, 5, 3))
    counts = np.array([2.0, 0, 1, 3, 1])
    places = np.repeat(np.arange(5), counts.astype(int))
    kernel = lambda one, other: (one @ other / 3 + 1) ** 3  # noqa: E731
    within = np.mean([kernel(second[i], second[j]) for i in places for j in places if i != j])
    across = np.mean([kernel(one, second[j]) for one in first for j in places])
    own = np.mean([kernel(first[i], first[j]) for i in range(5) for j in range(5) if i != j])
    assert kernel_distance(first, second, counts=counts) == pytest.approx(own + within - 2 * across)


def test_kernel_distance_of_four_numbers():
    # k(x, y) = (xy + 1)^3: pairs within give 1 and 1, pairs across 1, 1, 1 and 27.
    first, second = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    assert kernel_distance(first, second) == pytest.approx(1 + 1 - 2 * 30 / 4)


def test_kernel_distance_of_pairs_leaves_each_picture_and_its_own_result_out():
    first, second = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    # (k(0, 1) + k(1, 2) - k(0, 2) - k(1, 1)), twice, over two pairs
    assert paired_kernel_distance(first, second) == pytest.approx(1 + 27 - 1 - 8)
    drawn = np.random.default_rng(0).normal(size=(20, 3))
    assert paired_kernel_distance(drawn, drawn) == pytest.approx(0, abs=1e-12)
    assert kernel_distance(drawn, drawn) < -0.1, "what the estimate for independent pictures gives"


def test_kernel_distance_is_unbiased():
    random = np.random.default_rng(3)
    estimates = [kernel_distance(random.normal(size=(20, 3)), random.normal(size=(30, 3))) for _ in range(400)]
    assert abs(np.mean(estimates)) < 3 * np.std(estimates) / np.sqrt(len(estimates))
    assert min(estimates) < 0


def test_kernel_interval_narrows_with_more_pictures():
    random = np.random.default_rng(4)
    few, many = random.normal(size=(2, 50, 3)), random.normal(size=(2, 500, 3))
    (low, high), (lower, higher) = kernel_interval(*few, seed=0), kernel_interval(*many, seed=0)
    assert low < kernel_distance(*few) < high
    assert higher - lower < (high - low) / 2
    assert kernel_interval(*few, seed=0) == (low, high)


def test_kernel_tells_a_shift_from_none():
    training, validation = normal_gallery(0, 400), normal_gallery(1, 50)
    same = Kernel().compute(evidence(training, validation, normal_gallery(2, 200))).scores
    shifted = Kernel().compute(evidence(training, validation, normal_gallery(2, 200, shift=1))).scores
    assert same["low"] < 0 < same["high"]
    assert shifted["low"] > abs(shifted["floor"])


def test_nearest_neighbours_on_a_line():
    line = np.arange(10.0)[:, None] ** 2
    distances, indices = nearest(np.array([[5.0]]), line, 3)
    assert indices.tolist() == [[2, 1, 3]]
    assert distances.tolist() == [[1, 4, 4]]


def test_nearest_neighbours_among_many_are_exact_however_close():
    random = np.random.default_rng(10)
    references = 1000 + random.normal(size=(700, 20))
    queries = np.concatenate([references[:5] + 1e-9, 1000 + random.normal(size=(600, 20))])
    distances, indices = nearest(queries, references, 3)
    expected = cdist(queries, references)
    assert indices.tolist() == np.argsort(expected, axis=1, kind="stable")[:, :3].tolist()
    assert np.array_equal(distances, np.sort(expected, axis=1)[:, :3])


def test_precision_and_recall_of_equal_and_of_distant_sets():
    real = np.random.default_rng(5).normal(size=(50, 3))
    assert precision_recall(real, real) == (1, 1)
    assert precision_recall(real, real + 100) == (0, 0)


def test_pictures_that_are_all_the_same_are_within_reach_of_each_other():
    assert precision_recall(np.ones((8, 3)), np.ones((9, 3))) == (1, 1)


def test_dropped_mode_costs_recall_and_wild_pictures_cost_precision():
    random = np.random.default_rng(6)
    left, right = random.normal(-10, 1, (2, 60, 2)), random.normal(10, 1, (2, 60, 2))
    real = np.concatenate([left[0], right[0]])
    precision, recall = precision_recall(real, left[1])
    assert precision > 0.8
    assert recall <= 0.5
    precision, recall = precision_recall(real, np.concatenate([left[1], right[1], random.normal(500, 1, (120, 2))]))
    assert precision <= 0.5
    assert recall > 0.8


def test_an_outlier_flatters_precision_but_not_density():
    # The fifth neighbour of the outlier 1000 is 5, so its ball alone reaches over all that is generated at 500.
    real, generated = np.array([*range(10), 1000.0])[:, None], np.full((6, 1), 500.0)
    assert precision_recall(real, generated)[0] == 1
    assert density_coverage(real, generated) == pytest.approx((1 / 5, 1 / 11))


def test_density_and_coverage_of_real_pictures_are_near_one():
    random = np.random.default_rng(7)
    density, coverage = density_coverage(random.normal(size=(400, 3)), random.normal(size=(400, 3)))
    assert density == pytest.approx(1, abs=0.1)
    assert coverage == pytest.approx(1 - 2.0**-5, abs=0.03)


def test_real_pictures_in_place_of_generated_ones_reach_the_same_precision():
    scores = PrecisionRecall().compute(evidence(normal_gallery(0, 500), normal_gallery(1, 100), normal_gallery(2, 300)))
    assert scores.scores["precision"] == pytest.approx(scores.scores["real_precision"], abs=0.06)
    assert scores.scores["recall"] == pytest.approx(scores.scores["real_recall"], abs=0.06)


def test_planted_copies_are_found():
    training, fresh = normal_gallery(0, 300), normal_gallery(2, 200)
    features = np.concatenate([training.features[:40] + 1e-6, fresh.features[40:]])
    result = Memorisation().compute(evidence(training, normal_gallery(1, 300), gallery(features)))
    clean = Memorisation().compute(evidence(training, normal_gallery(1, 300), fresh))
    assert 0.2 <= result.scores["copies"] <= 0.25
    assert clean.scores["copies"] <= 0.05
    assert clean.scores["nearness"] == pytest.approx(1, abs=0.15)
    assert sum(row["generated"] for row in result.tables["nearest"]) == pytest.approx(1)


def test_a_generator_of_nothing_but_copies_is_not_authentic():
    proof = evidence(normal_gallery(0, 50), normal_gallery(1, 50), normal_gallery(0, 50))
    scores = Memorisation().compute(proof).scores
    assert (scores["copies"], scores["nearness"]) == (1, 0)
    assert Authenticity().compute(proof).scores["authenticity"] == 0


def test_authenticity_on_a_line():
    # The training pictures at 0, 1 and 10 have a neighbour at 1, 1 and 9: 0.5 is a copy of 0, 3 of nothing, 16 neither.
    training, generated = gallery([[0.0], [1.0], [10.0]]), gallery([[0.4], [3.0], [16.0], [20.0]])
    scores = Authenticity().compute(evidence(training, generated, generated)).scores
    assert scores == {"authenticity": 0.5, "real_authenticity": 0.5}


def test_fresh_pictures_are_as_authentic_as_held_back_ones_and_copies_less():
    training, held_back, fresh = normal_gallery(0, 300), normal_gallery(1, 300), normal_gallery(2, 200)
    clean = Authenticity().compute(evidence(training, held_back, fresh)).scores
    copied = gallery(np.concatenate([training.features[:40] + 1e-6, fresh.features[40:]]))
    assert clean["authenticity"] == pytest.approx(clean["real_authenticity"], abs=0.12)
    assert Authenticity().compute(evidence(training, held_back, copied)).scores["authenticity"] < clean["authenticity"]


def test_the_memorisation_sheet_shows_the_copy_beside_its_original():
    training = normal_gallery(0, 30)
    copied = Gallery(training.features[7:8], np.zeros(1, np.int64), training.source, np.array([7]))
    sheet = np.asarray(Memorisation().compute(evidence(training, normal_gallery(1, 30), copied)).sheets["nearest"])
    picture = training.source[7].transpose(1, 2, 0).repeat(8, axis=0).repeat(8, axis=1)
    rows, columns = (int(edge[0]) for edge in np.nonzero((sheet == picture[0, 0]).all(axis=2)))
    for column in (columns, columns + 68):
        assert np.array_equal(sheet[rows : rows + 64, column : column + 64], picture)


def test_copies_of_mirror_images_are_found_where_the_training_mirrored():
    training, held_back, mirrored = normal_gallery(0, 60), normal_gallery(1, 60), normal_gallery(2, 60)
    copied = gallery(mirrored.features[7:8])
    blind = evidence(training, held_back, copied)
    proof = evidence(training, held_back, copied, mirrored=mirrored.features)
    assert Memorisation().compute(blind).scores["copies"] == 0
    result = Memorisation().compute(proof)
    assert result.scores == {"copies": 1, "nearness": 0, "searched": 60}
    assert Authenticity().compute(proof).scores["authenticity"] == 0
    sheet = np.asarray(result.sheets["nearest"])
    picture = training.source[7, :, :, ::-1].transpose(1, 2, 0).repeat(8, axis=0).repeat(8, axis=1)
    places = np.argwhere((sheet == picture[0, 0]).all(axis=2))
    assert any(np.array_equal(sheet[row : row + 64, column : column + 64], picture) for row, column in places)


def test_a_mirror_image_is_as_far_from_the_rest_as_its_picture():
    # 0 and 10 are 10 apart, and so count the mirror images at 20 and 30: 21 copies the first of them, 45 nothing.
    training = gallery([[0.0], [10.0]])
    proof = evidence(training, training, gallery([[21.0], [45.0]]), mirrored=np.array([[20.0], [30.0]]))
    assert Authenticity().compute(proof).scores["authenticity"] == 0.5


def test_separable_classes_agree_wholly():
    labels = np.arange(90) % 3
    result = LabelAgreement().compute(evidence(blobs(0, labels), blobs(1, labels), blobs(2, labels)))
    assert result.scores == {"real_accuracy": 1, "class_coverage": 1, "agreement": 1}
    assert {(row["asked"], row["found"]) for row in result.tables["confusion"]} == {(name, name) for name in CLASSES}


def test_a_generator_that_ignores_its_class_is_found_out():
    labels = np.arange(90) % 3
    made = blobs(2, labels)
    shuffled = Gallery(made.features, (labels + 1) % 3, made.source, made.places)
    scores = LabelAgreement().compute(evidence(blobs(0, labels), blobs(1, labels), shuffled)).scores
    assert (scores["agreement"], scores["class_coverage"]) == (0, 1)


def test_a_missing_class_costs_its_share_of_the_coverage():
    labels = np.arange(90) % 3
    result = LabelAgreement().compute(
        evidence(blobs(0, labels), blobs(1, labels), blobs(2, np.arange(90) % 2), conditional=False)
    )
    assert result.scores == pytest.approx({"real_accuracy": 1, "class_coverage": 2 / 3})
    assert [row["generated"] for row in result.tables["classes"]] == [0.5, 0.5, 0]


def test_one_class_has_nothing_to_agree_on():
    assert not LabelAgreement().compute(evidence(*(blobs(seed, [0] * 20) for seed in range(3)))).scores
