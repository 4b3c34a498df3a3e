import numpy as np
import pytest
from skimage.data import astronaut
from skimage.restoration import inpaint_biharmonic

from demo.biharmonic import fill

PICTURE = astronaut()[:72, 180:260].transpose(2, 0, 1) / 127.5 - 1
PLANE = (np.mgrid[:72, :80] * [[[-0.004]], [[0.01]]]).sum(axis=0)[None]
INSIDE = [np.s_[20:32, 15:60], np.s_[40:60, 40:50]]
CORNER, EDGE = np.s_[:9, 60:], np.s_[62:, 30:47]


def test_what_is_known_is_not_touched():
    hole = np.zeros((72, 80), bool)
    hole[10:30, 20:26] = True
    filled = fill(PICTURE, hole)
    assert np.array_equal(filled[:, ~hole], PICTURE[:, ~hole])
    assert np.array_equal(fill(PICTURE, np.zeros_like(hole)), PICTURE)


def test_a_plane_is_found_again():
    """Planes have no curvature, so nothing is smoother."""
    hole = np.zeros((72, 80), bool)
    hole[20:34, 30:47] = True
    np.testing.assert_allclose(fill(np.where(hole, 9, PLANE), hole), PLANE, atol=1e-4)


@pytest.mark.parametrize("places", [INSIDE, [CORNER], [EDGE]])
@pytest.mark.parametrize("picture", [PICTURE, PLANE])
def test_agrees_with_scikit_image(picture, places):
    """At the border too, where a plane is bent: what lies beyond counts as level."""
    hole = np.zeros((72, 80), bool)
    for place in places:
        hole[place] = True
    expected = inpaint_biharmonic(picture, hole, channel_axis=0)
    np.testing.assert_allclose(fill(picture, hole), expected, atol=1e-3)


def test_a_single_known_pixel_is_enough():
    hole = np.ones((9, 12), bool)
    hole[4, 5] = False
    picture = np.full((3, 9, 12), 0.25)
    np.testing.assert_allclose(fill(picture, hole), picture, atol=1e-6)
