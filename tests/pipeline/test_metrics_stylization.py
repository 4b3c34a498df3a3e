"""What the metrics of stylised photographs say about pictures whose answers are known."""

import numpy as np
import pytest

from pipeline.metrics.content_preservation import ContentPreservation, edge_f1
from pipeline.metrics.diversity import Diversity
from pipeline.metrics.evidence import Style, StylizationEvidence
from pipeline.metrics.strength_control import StrengthControl
from pipeline.metrics.style_similarity import StyleSimilarity

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


def evidence(*, stylized=None, graded=None, varied=None):
    pictures = photographs()
    styles = (Style("across", stripes(1, axis="x")), Style("down", stripes(2, axis="y")))
    return StylizationEvidence(
        photographs=pictures,
        styles=styles,
        stylized=np.stack([pictures, pictures]) if stylized is None else stylized,
        strengths=STRENGTHS,
        graded=np.stack([pictures] * 3) if graded is None else graded,
        varied=np.zeros((0, *pictures.shape), np.float32) if varied is None else varied,
    )


def test_the_photograph_itself_keeps_all_its_content():
    scores = ContentPreservation().compute(evidence()).scores
    assert scores == pytest.approx({"ssim": 1, "coarse_ssim": 1, "edge_f1": 1})


def test_content_is_lost_with_noise_and_with_flatness():
    noise = np.random.default_rng(1).normal(0, 0.5, (2, 3, 3, SIDE, SIDE)).astype(np.float32)
    noisy = ContentPreservation().compute(evidence(stylized=photographs()[None] + noise)).scores
    flat = ContentPreservation().compute(evidence(stylized=np.zeros((2, 3, 3, SIDE, SIDE), np.float32))).scores
    assert noisy["ssim"] < 0.6
    assert noisy["coarse_ssim"] > noisy["ssim"]
    assert flat["edge_f1"] == 0
    assert flat["ssim"] < 0.3


def test_edges_are_found_again_within_a_pixel_and_not_farther():
    square = np.zeros((1, 40, 40), np.float32)
    square[:, 10:30, 10:30] = 1
    assert edge_f1(square, np.roll(square, 1, axis=2)) == 1
    assert edge_f1(square, np.roll(square, 6, axis=(1, 2))) < 0.3
    assert edge_f1(np.zeros_like(square), np.zeros_like(square)) == 1


def test_photographs_are_as_far_from_a_style_as_photographs():
    assert StyleSimilarity().compute(evidence()).scores["relative_distance"] == pytest.approx(1)


def test_pictures_of_the_style_reach_what_real_ones_reach():
    painted = np.stack([stripes(3, axis="x", count=3), stripes(4, axis="y", count=3)])
    scores = StyleSimilarity().compute(evidence(stylized=painted)).scores
    assert scores["identified"] == 1
    assert scores["relative_distance"] == pytest.approx(scores["real_distance"], rel=0.5)
    assert scores["relative_distance"] < 0.5


def test_exchanged_styles_are_found_out():
    painted = np.stack([stripes(4, axis="y", count=3), stripes(3, axis="x", count=3)])
    assert StyleSimilarity().compute(evidence(stylized=painted)).scores["identified"] == 0


def test_blending_is_monotone_and_starts_at_the_photograph():
    pictures = photographs()
    blend = np.stack([pictures + strength * 10 * LEVEL for strength in STRENGTHS]).astype(np.float32)
    result = StrengthControl().compute(evidence(graded=blend))
    assert result.scores == pytest.approx({"monotone": 1, "identity_psnr": 100, "span": 10}, rel=1e-4)
    assert [row["distance"] for row in result.tables["strength"]] == pytest.approx([0, 5, 10], rel=1e-4)


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
