import math

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from pipeline.features.bank import RandomBank, pyramid
from pipeline.features.patches import sliced_patch_distance
from pipeline.features.similarity import (
    centred_gram,
    correlation,
    gram,
    gram_distance,
    luma,
    ms_ssim,
    ssim,
    total_variation,
)


def noise(*shape, seed=0):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * 2 - 1


class TestRandomBank:
    def test_gives_two_maps_for_each_level(self):
        maps = RandomBank(3, seed=0, filters=4, mixtures=5)(noise(2, 3, 64, 96))
        shapes = [tuple(features.shape) for features in maps]
        sides = [(64, 96), (32, 48), (16, 24), (8, 12)]
        assert shapes == [(2, channels, *side) for side in sides for channels in (3 + 3 * 4, 5)]

    @pytest.mark.parametrize(("side", "levels"), [(8, 1), (15, 1), (16, 2), (63, 3), (64, 4), (1024, 4)])
    def test_small_pictures_have_fewer_levels(self, side, levels):
        assert len(pyramid(torch.zeros(1, 1, side, side), 4)) == levels

    def test_equal_seeds_give_equal_banks(self):
        pictures = noise(1, 3, 16, 16)
        first, same, other = (RandomBank(3, seed)(pictures) for seed in (5, 5, 6))
        assert all(torch.equal(a, b) for a, b in zip(first, same, strict=True))
        assert not torch.equal(first[0], other[0])

    def test_building_one_leaves_the_global_generator_alone(self):
        state = torch.get_rng_state()
        RandomBank(3, seed=0)
        assert torch.equal(state, torch.get_rng_state())

    def test_filters_do_not_answer_to_a_flat_picture(self):
        first, second = RandomBank(3, seed=0)(torch.full((1, 3, 8, 8), 0.7))
        assert torch.allclose(first[:, :3], torch.tensor(0.7))
        assert first[:, 3:].max() < 1e-5
        assert second.std(dim=(2, 3)).max() < 1e-5

    def test_is_frozen_and_still_passes_gradients_to_the_picture(self):
        bank = RandomBank(3, seed=0)
        pictures = noise(1, 3, 16, 16).requires_grad_()
        sum(features.sum() for features in bank(pictures)).backward()
        assert not any(parameter.requires_grad for parameter in bank.parameters())
        assert pictures.grad.abs().sum() > 0


class TestPyramid:
    def test_keeps_a_flat_picture_and_the_mean_of_a_large_one(self):
        assert all(torch.allclose(level, torch.tensor(0.3)) for level in pyramid(torch.full((1, 3, 64, 64), 0.3), 4))
        ramp = torch.linspace(-1, 1, 64).expand(1, 1, 64, 64)
        assert all(abs(level.mean().item()) < 1e-6 for level in pyramid(ramp, 4))

    def test_removes_the_finest_checkerboard(self):
        board = torch.ones(1, 1, 32, 32)
        board[..., ::2, 1::2] = board[..., 1::2, ::2] = -1
        assert pyramid(board, 2)[1].abs().max() < 1e-6


class TestSsim:
    @pytest.mark.parametrize("shape", [(3, 40, 52), (1, 11, 11), (3, 33, 20)])
    def test_agrees_with_scikit_image(self, shape):
        first = noise(1, *shape).double()
        second = (first + 0.3 * noise(1, *shape, seed=1)).clamp(-1, 1)
        ours = ssim(first, second).item()
        # The window stays inside the picture: that is scikit-image's value with its border of five pixels cut off.
        theirs = structural_similarity(
            first[0].numpy(),
            second[0].numpy(),
            channel_axis=0,
            data_range=2.0,
            gaussian_weights=True,
            use_sample_covariance=False,
        )
        assert ours == pytest.approx(theirs, abs=1e-6)

    def test_is_one_for_equal_pictures(self):
        picture = noise(2, 1, 32, 32)
        assert torch.allclose(ssim(picture, picture), torch.ones(2))

    def test_is_almost_minus_one_for_the_negative_of_a_fine_pattern(self):
        stripes = (torch.arange(32) % 2 * 2.0 - 1).expand(1, 1, 32, 32)
        assert ssim(stripes, -stripes).item() == pytest.approx(-1, abs=0.01)

    def test_of_flat_pictures_is_the_closed_form_of_their_means(self):
        first, second = torch.full((1, 1, 16, 16), 0.5), torch.full((1, 1, 16, 16), 0.25)
        steady = (0.01 * 2) ** 2
        expected = (2 * 0.5 * 0.25 + steady) / (0.5**2 + 0.25**2 + steady)
        assert ssim(first, second).item() == pytest.approx(expected, rel=1e-5)


class TestMultiScaleSsim:
    @pytest.mark.parametrize(("side", "scales"), [(44, 3), (176, 5)])
    def test_agrees_with_scikit_image_scale_by_scale(self, side, scales):
        first = noise(1, 1, side, side).double()
        second = (first + 0.2 * noise(1, 1, side, side, seed=1)).clamp(-1, 1)
        exponents = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])
        exponents = exponents[:scales] * exponents.sum() / exponents[:scales].sum()
        expected, pair = 1.0, [first[0, 0].numpy(), second[0, 0].numpy()]
        for scale, exponent in enumerate(exponents):
            # Far from 0 equal means weigh nothing, so contrast and structure are all that is left of SSIM.
            lift = 0 if scale == scales - 1 else 1e4
            value = structural_similarity(
                *(picture + lift for picture in pair),
                data_range=2.0,
                gaussian_weights=True,
                use_sample_covariance=False,
            )
            expected *= value**exponent
            half = len(pair[0]) // 2
            pair = [picture[: 2 * half, : 2 * half].reshape(half, 2, half, 2).mean(axis=(1, 3)) for picture in pair]
        assert ms_ssim(first, second).item() == pytest.approx(expected, abs=1e-4)

    def test_is_that_of_one_scale_where_the_window_fits_into_no_other(self):
        first, second = noise(2, 1, 16, 20), noise(2, 1, 16, 20, seed=1)
        alike = 0.8 * first + 0.2 * second
        exponents = 0.0448 + 0.2856 + 0.3001 + 0.2363 + 0.1333
        torch.testing.assert_close(ms_ssim(first, alike), ssim(first, alike) ** exponents)

    def test_is_one_for_equal_pictures_and_zero_for_negatives(self):
        picture = noise(2, 3, 44, 64)
        assert torch.allclose(ms_ssim(picture, picture), torch.ones(2))
        assert torch.equal(ms_ssim(picture, -picture), torch.zeros(2))


def test_correlation_ignores_brightness_and_contrast_and_sees_the_sign():
    picture = noise(3, 1, 8, 8)
    assert torch.allclose(correlation(picture, 0.2 * picture + 0.5), torch.ones(3), atol=1e-5)
    assert torch.allclose(correlation(picture, -picture), -torch.ones(3), atol=1e-5)
    assert torch.equal(correlation(picture, torch.full_like(picture, 0.5)), torch.zeros(3))


class TestGram:
    def test_is_the_covariance_of_the_channels(self):
        features = noise(1, 4, 8, 8).double()
        expected = np.cov(features[0].flatten(1).numpy(), bias=True)
        assert np.allclose(centred_gram([features])[0][0].numpy(), expected)

    def test_forgets_places_and_offsets(self):
        features = noise(1, 3, 6, 10)
        shuffled = features.flatten(2)[..., torch.randperm(60)].view(1, 3, 6, 10)
        assert torch.allclose(centred_gram([features])[0], centred_gram([shuffled + 0.4])[0], atol=1e-6)

    def test_about_the_mean_or_not_differ_by_the_product_of_the_means(self):
        features = noise(2, 5, 6, 7) + 0.5
        means = features.mean(dim=(2, 3))
        torch.testing.assert_close(
            gram([features])[0] - centred_gram([features])[0], means[:, :, None] * means[:, None, :]
        )

    def test_distance_is_zero_for_equals_one_for_flat_and_one_for_doubled(self):
        grams = centred_gram(RandomBank(3, seed=0)(noise(2, 3, 32, 32)))
        assert torch.equal(gram_distance(grams, grams), torch.zeros(2))
        assert torch.allclose(gram_distance([gram * 0 for gram in grams], grams), torch.ones(2))
        assert torch.allclose(gram_distance([gram * 2 for gram in grams], grams), torch.ones(2))

    def test_distance_tells_textures_apart(self):
        bank = RandomBank(3, seed=0)
        stripes = (torch.arange(64) // 8 % 2 * 2.0 - 1).expand(1, 3, 64, 64)
        other_stripes = stripes.roll(5, dims=3)
        turned = stripes.transpose(2, 3)
        target, same, other = (centred_gram(bank(picture)) for picture in (stripes, other_stripes, turned))
        assert 4 * gram_distance(same, target).item() < gram_distance(other, target).item()


def test_luma_weighs_the_channels_and_leaves_grey_alone():
    colours = torch.eye(3)[:, :, None, None]
    assert luma(colours).flatten().tolist() == pytest.approx([0.299, 0.587, 0.114])
    grey = noise(1, 1, 4, 4)
    assert torch.equal(luma(grey), grey)


def test_total_variation_has_its_closed_form():
    ramp = torch.arange(5.0).expand(1, 1, 5, 5)
    assert total_variation(ramp).item() == 1
    assert total_variation(torch.stack([ramp[0], 2 * ramp[0]])).tolist() == [1, 2]
    assert math.isclose(total_variation(torch.zeros(1, 3, 4, 4)).item(), 0)


def test_patches_are_compared_wherever_they_lie():
    picture = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    moved = sliced_patch_distance(picture.roll((20, 30), dims=(2, 3)), picture, levels=1)
    paler = sliced_patch_distance(picture / 2, picture, levels=1)
    smoother = sliced_patch_distance(pyramid(picture, 2)[1].repeat(1, 1, 2, 2), picture, levels=1)
    assert sliced_patch_distance(picture, picture).item() == 0
    assert moved.item() < 0.2 * min(paler.item(), smoother.item())
