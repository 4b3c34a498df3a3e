import numpy as np
import pytest
from skimage.data import astronaut
from skimage.restoration import inpaint_biharmonic

from demo.biharmonic import fill

PICTURE = astronaut()[:72, 180:260].transpose(2, 0, 1) / 127.5 - 1


def test_what_is_known_is_not_touched():
    hole = np.zeros((72, 80), bool)
    hole[10:30, 20:26] = True
    filled = fill(PICTURE, hole)
    assert np.array_equal(filled[:, ~hole], PICTURE[:, ~hole])
    assert np.array_equal(fill(PICTURE, np.zeros_like(hole)), PICTURE)


@pytest.mark.parametrize("place", [(slice(20, 34), slice(30, 47)), (slice(0, 9), slice(60, 80))])
def test_a_plane_is_found_again(place):
    """Planes have no curvature, so nothing is smoother, at the border too where only edges towards it are fixed."""
    down, across = np.mgrid[:72, :80]
    plane = (0.01 * across - 0.004 * down)[None]
    hole = np.zeros((72, 80), bool)
    hole[place] = True
    found = fill(np.where(hole, 9, plane), hole)
    inside = place[0].start > 0
    np.testing.assert_allclose(found, plane, atol=2e-3 if inside else 0.3)


def test_agrees_with_scikit_image_inside_the_picture():
    hole = np.zeros((72, 80), bool)
    hole[20:32, 15:60] = True
    hole[40:60, 40:50] = True
    expected = inpaint_biharmonic(PICTURE, hole, channel_axis=0)
    np.testing.assert_allclose(fill(PICTURE, hole), expected, atol=1e-3)


def test_a_single_known_pixel_is_enough():
    hole = np.ones((9, 12), bool)
    hole[4, 5] = False
    picture = np.full((3, 9, 12), 0.25)
    np.testing.assert_allclose(fill(picture, hole), picture, atol=1e-6)
