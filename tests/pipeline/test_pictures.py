"""Grids and contact sheets: every picture stands where it should, unharmed."""

import numpy as np
import pytest

from pipeline.pictures import PAPER, contact_sheet, from_uint8, grid, to_uint8


def test_levels_survive_the_round_trip():
    levels = np.arange(256, dtype=np.uint8)
    assert np.array_equal(to_uint8(from_uint8(levels)), levels)


def test_values_outside_the_range_are_clipped():
    assert to_uint8(np.array([-7.0, -1.0, 0.0, 1.0, 7.0])).tolist() == [0, 0, 128, 255, 255]


def test_what_is_no_number_is_grey():
    values = np.array([np.nan, np.inf, -np.inf, 0], np.float32)
    assert to_uint8(values).tolist() == [128, 255, 0, 128]


def test_a_grid_holds_every_picture_unharmed():
    pictures = np.random.default_rng(0).integers(0, 256, (5, 3, 64, 64), dtype=np.uint8)
    sheet = np.asarray(grid(pictures, columns=2)).transpose(2, 0, 1)
    for index, picture in enumerate(pictures):
        y, x = 14 + index // 2 * 68, 14 + index % 2 * 68
        assert np.array_equal(sheet[:, y : y + 64, x : x + 64], picture)
    assert np.array_equal(np.unique(sheet[:, -78:-14, 82:146].reshape(3, -1), axis=1)[:, 0], PAPER)


def test_small_grey_pictures_are_magnified_by_a_whole_number():
    picture = np.array([[[[0, 255], [128, 64]]]], dtype=np.uint8)
    sheet = np.asarray(grid(picture, columns=1))
    assert sheet.shape == (64 + 28, 64 + 28, 3)
    assert np.array_equal(sheet[14 + 16 :: 32, 14 + 16 :: 32][:2, :2, 0], picture[0, 0])


@pytest.mark.parametrize("text", [{"title": "Title"}, {"headings": ["a", "b"]}, {"captions": ["a", "b"]}])
def test_text_makes_room_and_leaves_the_pictures_alone(text):
    pictures = np.full((2, 3, 64, 64), 200, dtype=np.uint8)
    plain, labelled = grid(pictures, columns=2), contact_sheet(pictures, columns=2, **text)
    assert labelled.height > plain.height
    whole = np.asarray(labelled)
    assert np.count_nonzero((whole == 200).all(axis=2)) == 2 * 64 * 64
    assert whole.min() < 60, "no ink on the sheet"
