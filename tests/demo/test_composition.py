import numpy as np
import PIL.Image
import pytest

from demo.card import Translation
from demo.composition import BASELINES, chroma, compose, hint_planes, keep_luma, plain, to_levels


def random_levels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape).astype(np.uint8)


def to_picture(levels):
    return levels.astype(np.float32) / np.float32(127.5) - np.float32(1)


def test_every_translation_has_a_baseline():
    assert set(BASELINES) == set(Translation.__args__) - {""}


def test_all_levels_survive_the_way_through_a_network():
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    assert np.array_equal(to_levels(to_picture(levels)), levels)


def test_known_pixels_come_through_to_the_last_bit():
    given, painted = random_levels(2, 3, 9, 7), np.random.default_rng(1).uniform(-1, 1, (2, 3, 9, 7)).astype(np.float32)
    mask = (np.random.default_rng(2).random((2, 1, 9, 7)) < 0.4).astype(np.float32)
    shown = compose("inpaint", painted, given=to_picture(given), guide=mask)
    hole = np.broadcast_to(mask > 0, shown.shape)
    assert np.array_equal(shown[~hole], given[~hole])
    assert np.array_equal(shown[hole], to_levels(painted)[hole])


def test_luma_is_pillows_to_the_last_bit_whatever_the_colours():
    colours, grey = random_levels(2, 3, 40, 50), random_levels(2, 1, 40, 50, seed=1)
    for picture, wanted in zip(keep_luma(colours, grey), grey, strict=True):
        found = PIL.Image.fromarray(picture.transpose(1, 2, 0)).convert("L")
        assert np.array_equal(found, wanted[0])


def test_colours_that_already_have_the_luma_stay():
    colours = random_levels(1, 3, 30, 30)
    grey = np.asarray(PIL.Image.fromarray(colours[0].transpose(1, 2, 0)).convert("L"))[None, None]
    assert np.array_equal(keep_luma(colours, grey), colours)


def test_colorize_keeps_the_luma_of_what_was_given():
    grey = random_levels(1, 1, 8, 8)
    painted = np.random.default_rng(1).uniform(-1, 1, (1, 3, 8, 8)).astype(np.float32)
    shown = compose("colorize", painted, given=to_picture(grey), guide=None)
    assert np.array_equal(PIL.Image.fromarray(shown[0].transpose(1, 2, 0)).convert("L"), grey[0, 0])


@pytest.mark.parametrize("translation", ["superres", "colorize", "sketch", "unpaired"])
def test_the_plain_picture_is_what_was_given(translation):
    given = random_levels(2, 1 if translation in {"colorize", "sketch"} else 3, 8, 8)
    assert np.array_equal(plain(translation, given=to_picture(given), guide=None), np.broadcast_to(given, (2, 3, 8, 8)))


def test_the_plain_filling_is_smooth_and_leaves_the_rest():
    given = np.full((1, 3, 16, 16), 200, np.uint8)
    mask = np.zeros((1, 1, 16, 16), np.float32)
    mask[..., 4:9, 5:11] = 1
    assert np.array_equal(plain("inpaint", given=to_picture(given) * (1 - mask), guide=mask), given)


def test_chroma_has_its_closed_form():
    assert chroma((128, 128, 128)) == pytest.approx((0, 0), abs=1e-6)
    assert chroma((0, 0, 255))[0] == pytest.approx(1, abs=1e-3)
    assert chroma((255, 0, 0))[1] == pytest.approx(1, abs=1e-3)


def test_hints_are_squares_and_the_last_lies_on_top():
    planes = hint_planes([(3, 2, (255, 0, 0)), (4, 2, (0, 0, 255))], height=6, width=8, radius=1)
    assert planes.shape == (1, 3, 6, 8)
    assert planes[0, 2].sum() == 12
    assert planes[0, 1, 2, 2] == pytest.approx(chroma((255, 0, 0))[1])
    assert planes[0, 0, 2, 3] == pytest.approx(chroma((0, 0, 255))[0])
    assert hint_planes([(0, 0, (9, 9, 9))], height=6, width=8, radius=2)[0, 2].sum() == 9
