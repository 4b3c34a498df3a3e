"""What the metrics of stylised photographs say about pictures whose answers are known."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.contracts import PHOTOGRAPH
from pipeline.metrics.colour_histogram import ColourHistogram, histogram, total_variation
from pipeline.metrics.content_preservation import ContentPreservation, edge_f1
from pipeline.metrics.diversity import Diversity
from pipeline.metrics.evidence import Gallery, Style, StylizationEvidence
from pipeline.metrics.shift_stability import ShiftStability
from pipeline.metrics.sliced_wasserstein import SlicedWasserstein, sliced_wasserstein
from pipeline.metrics.strength_control import StrengthControl
from pipeline.metrics.style_recognition import StyleRecognition
from pipeline.metrics.style_similarity import StyleSimilarity
from pipeline.metrics.tile_agreement import TileAgreement

STRENGTHS = (0.0, 0.5, 1.0)
SIDE = 48
LEVEL = 1 / 127.5


def photographs(count=3):
    """Return smooth random pictures (count, 3, 48, 48) in [-0.8, 0.8]."""
    coarse = np.random.default_rng(0).uniform(-0.8, 0.8, (count, 3, 6, 6))
    return coarse.repeat(8, axis=2).repeat(8, axis=3).astype(np.float32)


def stripes(seed, *, axis, count=4):
    """Return striped pictures (count, 3, 48, 48) of random colours, all with stripes along `axis`."""
    random = np.random.default_rng(seed)
    waves = np.sin(np.arange(SIDE) * 1.5 + random.uniform(0, 6, (count, 1)))
    pattern = np.broadcast_to(waves[:, None, :] if axis == "x" else waves[:, :, None], (count, SIDE, SIDE))
    colours = np.array([0.8, 0.4, 0.1]) * random.uniform(0.8, 1, (count, 3))
    return (colours[:, :, None, None] * pattern[:, None]).astype(np.float32)


def gallery(features, labels):
    pictures = np.zeros((len(labels), 3, 8, 8), np.uint8)
    return Gallery(np.asarray(features, float), np.asarray(labels), pictures, np.arange(len(labels)))


def evidence(*, stylized=None, graded=None, varied=None, shifted=None, tiled=None, found=()):
    """Return photographs that stay as they are but for what is given; `found` are features of results, of both styles.

    Real pictures of the classes 0, 1 and 2 (photographs) have features around -2, 2 and 0.
    """
    pictures = photographs()
    middles = pictures[:, :, 8:-8, 8:-8]
    labels = np.arange(30) % 3
    features = np.array([-2, 2, 0])[labels] + np.random.default_rng(0).normal(0, 0.1, 30)
    real = np.stack([features, features**2], axis=1)
    asked = np.arange(len(found)) % 2
    styles = (Style("across", stripes(1, axis="x")), Style("down", stripes(2, axis="y")))
    return StylizationEvidence(
        photographs=pictures,
        styles=styles,
        stylized=np.stack([pictures, pictures]) if stylized is None else stylized,
        strengths=STRENGTHS,
        graded=np.stack([pictures] * 3) if graded is None else graded,
        varied=np.zeros((0, *pictures.shape), np.float32) if varied is None else varied,
        shifted=np.stack([middles, middles]) if shifted is None else shifted,
        shared_parts=middles,
        tiled=np.zeros((2, 0, 3, 8, 8), np.float32) if tiled is None else tiled,
        training=gallery(real[:24], labels[:24]),
        validation=gallery(real[24:], labels[24:]),
        results=gallery(np.stack([np.array(found), np.square(found)], axis=1), asked),
        classes=("across", "down", PHOTOGRAPH),
    )


def test_the_photograph_itself_keeps_all_its_content():
    scores = ContentPreservation().compute(evidence()).scores
    assert scores == pytest.approx({"ssim": 1, "coarse_ssim": 1, "ms_ssim": 1, "edge_f1": 1})


def test_content_is_lost_with_noise_and_with_flatness():
    noise = np.random.default_rng(1).normal(0, 0.5, (2, 3, 3, SIDE, SIDE)).astype(np.float32)
    noisy = ContentPreservation().compute(evidence(stylized=photographs()[None] + noise)).scores
    flat = ContentPreservation().compute(evidence(stylized=np.zeros((2, 3, 3, SIDE, SIDE), np.float32))).scores
    assert noisy["ssim"] < 0.6
    assert noisy["coarse_ssim"] > noisy["ms_ssim"] > noisy["ssim"]
    assert flat["edge_f1"] == 0
    assert flat["ssim"] < 0.3


def test_edges_are_found_again_within_a_pixel_and_not_farther():
    square = np.zeros((1, 40, 40), np.float32)
    square[:, 10:30, 10:30] = 1
    assert edge_f1(square, np.roll(square, 1, axis=2)) == 1
    assert edge_f1(square, np.roll(square, 2, axis=(1, 2))) < 0.5, "but where edges cross"
    assert edge_f1(square, np.roll(square, 6, axis=(1, 2))) < 0.3
    assert edge_f1(np.zeros_like(square), np.zeros_like(square)) == 1


def test_agreement_of_edges_is_the_harmonic_mean_of_precision_and_recall(monkeypatch):
    monkeypatch.setattr("skimage.feature.canny", lambda brightness: brightness > 0)
    one, two = np.zeros((2, 1, 20, 20), np.float32)
    one[0, 5, 5] = 1
    two[0, 4:7, 4:7] = two[0, 12:15, 12:15] = 1
    assert edge_f1(one, two) == pytest.approx(2 * 1 * 0.5 / 1.5), "the one is found, half of the others are"


def test_photographs_are_as_far_from_a_style_as_photographs():
    assert StyleSimilarity().compute(evidence()).scores["relative_distance"] == pytest.approx(1)


def test_pictures_of_the_style_reach_what_real_ones_reach():
    painted = np.stack([stripes(3, axis="x", count=3), stripes(4, axis="y", count=3)])
    scores = StyleSimilarity().compute(evidence(stylized=painted)).scores
    assert scores["identified"] == 1
    assert scores["relative_distance"] == pytest.approx(scores["real_distance"], rel=0.5)
    assert scores["relative_distance"] < 0.5


def test_pictures_of_a_style_that_are_all_alike_are_no_way_from_each_other():
    alike = replace(evidence(), styles=tuple(Style(axis, stripes(1, axis=axis)[[0, 0]]) for axis in "xy"))
    assert StyleSimilarity().compute(alike).scores["real_distance"] == pytest.approx(0, abs=1e-3)
    for metric, name in ((SlicedWasserstein(), "real_distance"), (ColourHistogram(), "real")):
        assert metric.compute(alike).scores[name] < metric.compute(evidence()).scores[name]


def test_results_that_are_all_of_one_style_are_identified_half_the_time():
    painted = np.stack([stripes(3, axis="x", count=3), stripes(5, axis="x", count=3)])
    assert StyleSimilarity().compute(evidence(stylized=painted)).scores["identified"] == 0.5


def test_exchanged_styles_are_found_out():
    painted = np.stack([stripes(4, axis="y", count=3), stripes(3, axis="x", count=3)])
    assert StyleSimilarity().compute(evidence(stylized=painted)).scores["identified"] == 0


def test_blending_is_monotone_and_starts_at_the_photograph():
    pictures = photographs()
    blend = np.stack([pictures + strength * 10 * LEVEL for strength in STRENGTHS]).astype(np.float32)
    result = StrengthControl().compute(evidence(graded=blend))
    assert result.scores == pytest.approx({"monotone": 1, "identity_psnr": 100, "span": 10, "halfway": 0.5}, rel=1e-4)
    assert [row["distance"] for row in result.tables["strength"]] == pytest.approx([0, 5, 10], rel=1e-4)


def test_a_slider_that_stands_still_does_not_turn_back():
    assert StrengthControl().compute(evidence()).scores["monotone"] == 1


def test_a_slider_that_turns_back_is_found_out():
    pictures = photographs()
    offsets = np.array([[10, 10, 10], [30, 30, 5], [20, 40, 20]], np.float32) * np.float32(LEVEL)
    scores = StrengthControl().compute(evidence(graded=pictures + offsets[:, :, None, None, None])).scores
    assert scores["monotone"] == pytest.approx(1 / 3)
    assert scores["identity_psnr"] == pytest.approx(20 * np.log10(25.5), rel=1e-4)


def test_diversity_is_the_distance_between_results():
    pictures = photographs()
    varied = np.stack([pictures + 8 * LEVEL, pictures - 8 * LEVEL]).astype(np.float32)
    assert Diversity().compute(evidence(varied=varied)).scores == pytest.approx({"levels": 16, "relative": 2}, rel=1e-4)


def test_a_model_without_noise_has_no_diversity():
    assert not Diversity().compute(evidence()).scores


def test_the_style_sheet_holds_a_thumbnail_and_a_result_for_each_style():
    sheet = StyleSimilarity().compute(evidence()).sheets["styles"]
    assert sheet.width == 14 + 3 * (2 * SIDE + 4) - 4 + 14


def test_a_shifted_cloud_is_as_far_as_the_mean_projection_of_its_shift():
    random = np.random.default_rng(0)
    points, shift = random.normal(size=(200, 3)), np.array([3.0, -1.0, 0.5])
    directions = random.normal(size=(50, 3))
    moved = random.permutation(points + shift)
    assert sliced_wasserstein(points, moved, directions) == pytest.approx(np.abs(directions @ shift).mean())
    assert sliced_wasserstein(points, random.permutation(points), directions) == pytest.approx(0)


def test_a_wider_normal_cloud_is_as_far_as_wasserstein_says():
    # Between normals of deviations 1 and 3 the distance is (3 - 1) E|x| = 2 sqrt(2 / pi).
    points = np.random.default_rng(0).normal(size=(200_000, 1))
    assert sliced_wasserstein(points, 3 * points, np.ones((1, 1))) == pytest.approx(2 * (2 / np.pi) ** 0.5, rel=0.01)


def test_distributions_of_the_style_are_near_and_photographs_are_not():
    painted = np.stack([stripes(3, axis="x", count=3), stripes(4, axis="y", count=3)])
    good = SlicedWasserstein().compute(evidence(stylized=painted))
    assert good.scores["relative_distance"] < 0.5
    assert good.scores["relative_distance"] == pytest.approx(good.scores["real_distance"], abs=0.2)
    assert SlicedWasserstein().compute(evidence()).scores["relative_distance"] == pytest.approx(1)
    exchanged = SlicedWasserstein().compute(evidence(stylized=painted[::-1].copy()))
    assert exchanged.scores["relative_distance"] > good.scores["relative_distance"]
    assert [row["style"] for row in good.tables["sliced_wasserstein"]] == ["across", "down"]


def test_histograms_count_colours():
    halves = np.full((1, 3, 4, 4), -1, np.float32)
    halves[:, 0, :2] = 1
    counts = histogram(halves)
    assert (counts[0], counts[7 * 64]) == (0.5, 0.5)
    assert total_variation(counts, histogram(np.full_like(halves, -1))) == 0.5
    assert total_variation(counts, counts) == 0
    assert total_variation(counts, histogram(np.ones_like(halves))) == 1


def test_a_palette_is_found_again():
    painted = np.stack([stripes(1, axis="x", count=3), stripes(2, axis="y", count=3)])
    good, bad = (ColourHistogram().compute(item).scores for item in (evidence(stylized=painted), evidence()))
    assert good["distance"] < 0.5 < bad["distance"]
    assert bad["distance"] == bad["photographs"] == good["photographs"]


def test_paintings_that_move_with_the_photograph_are_stable():
    assert ShiftStability().compute(evidence()).scores == {"levels": 0, "relative": 0}


def test_paintings_that_depend_on_the_place_are_not_stable():
    middles = photographs()[:, :, 8:-8, 8:-8]
    shifted = np.stack([middles + 10 * LEVEL, middles + 15 * LEVEL]).astype(np.float32)
    scores = ShiftStability().compute(evidence(shifted=shifted)).scores
    assert scores == pytest.approx({"levels": 5, "relative": 0.5}, rel=1e-4)


def test_tiles_are_compared_with_the_whole():
    whole = np.zeros((1, 3, 16, 24), np.float32)
    tiled = whole.copy()
    tiled[0, 0, :, 12:] = 0.25
    scores = TileAgreement().compute(evidence(tiled=np.stack([whole, tiled]))).scores
    assert scores == pytest.approx({"largest": 0.25, "mean": 0.25 / 6, "side": 24})
    assert not TileAgreement().compute(evidence()).scores


@pytest.mark.parametrize(
    ("found", "recognised", "photographs"),
    [([-2, 2, -2, 2], 1, 0), ([2, -2, 2, -2], 0, 0), ([-2, -2, 0, 0], 0.25, 0.5)],
)
def test_results_are_recognised_by_what_real_pictures_look_like(found, recognised, photographs):
    result = StyleRecognition().compute(evidence(found=found))
    assert result.scores == {"real_accuracy": 1, "recognised": recognised, "still_photographs": photographs}
    assert [row["asked"] for row in result.tables["style_confusion"]] == ["across", "down"] * 2


def test_photographs_that_look_painted_do_not_count_among_the_real_pictures_of_styles():
    held_back = gallery([[-2, 4], [2, 4], [2, 4]], [0, 1, 2])
    assert StyleRecognition().compute(replace(evidence(found=[-2]), validation=held_back)).scores["real_accuracy"] == 1
