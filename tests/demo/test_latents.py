import numpy as np
import pytest

from demo.engine import draw_noise
from demo.latents import move, slerp, truncate

A, B = draw_noise(range(5), 16), draw_noise(range(5, 10), 16)


def norms(latents):
    return np.linalg.norm(latents, axis=1)


def test_slerp_ends_exactly_where_it_should():
    np.testing.assert_allclose(slerp(A, B, 0), A, atol=1e-6)
    np.testing.assert_allclose(slerp(A, B, 1), B, atol=1e-6)
    assert slerp(A, B, 0.3).dtype == np.float32


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_slerp_keeps_the_length_between_points_of_equal_length(share):
    a, b = (4 * latents / norms(latents)[:, None] for latents in (A, B))
    np.testing.assert_allclose(norms(slerp(a, b, share)), 4, rtol=1e-6)
    np.testing.assert_allclose(norms(slerp(a, 3 * b, share)), 4 + 8 * share, rtol=1e-6)


def test_slerp_turns_evenly():
    a, b = np.float32([[2, 0, 0]]), np.float32([[0, 2, 0]])
    for share in (0.25, 0.5, 0.75):
        turned = [[2 * np.cos(share * np.pi / 2), 2 * np.sin(share * np.pi / 2), 0]]
        np.testing.assert_allclose(slerp(a, b, share), turned, atol=1e-6)


def test_slerp_takes_a_share_for_each_row():
    shares = np.linspace(0, 1, 5)[:, None]
    rows = [slerp(A[[row]], B[[row]], shares[row, 0]) for row in range(5)]
    np.testing.assert_array_equal(slerp(A, B, shares), np.concatenate(rows))


def test_slerp_between_equal_and_nearly_equal_points_stays_there():
    np.testing.assert_allclose(slerp(A, A, 0.5), A, atol=1e-6)
    np.testing.assert_allclose(slerp(A, A * (1 + 1e-6), 0.5), A, atol=1e-5)


@pytest.mark.parametrize("opposite", [-A, -A + 1e-7], ids=["exactly", "nearly"])
def test_slerp_between_opposite_points_goes_round_and_always_the_same_way(opposite):
    middle = slerp(A, opposite, 0.5)
    np.testing.assert_allclose(norms(middle), norms(A), rtol=1e-5)
    np.testing.assert_allclose((middle * A).sum(axis=1), 0, atol=1e-4)
    np.testing.assert_array_equal(middle, slerp(A, opposite, 0.5))
    np.testing.assert_allclose(slerp(A, opposite, 1), opposite, atol=1e-5)


def test_slerp_from_the_mean_is_straight():
    np.testing.assert_allclose(slerp(np.zeros_like(B), B, 0.25), 0.25 * B, rtol=1e-6)
    np.testing.assert_array_equal(slerp(np.zeros_like(B), np.zeros_like(B), 0.5), 0)


def test_slerp_in_one_dimension_reaches_its_end():
    np.testing.assert_allclose(slerp(np.float32([[2]]), np.float32([[3]]), 0.5), [[2.5]])


def test_truncation_goes_from_the_latent_to_the_mean():
    np.testing.assert_array_equal(truncate(A, 1), A)
    np.testing.assert_array_equal(truncate(A, 0), 0)
    np.testing.assert_allclose(norms(truncate(A, np.full((5, 1), 0.5))), norms(A) / 2, rtol=1e-6)


def test_moves_add_up_and_are_undone():
    directions = np.eye(16)[:3]
    moved = move(A, directions, [1, -2, 0])
    np.testing.assert_allclose(moved - A, np.tile([[1, -2] + [0] * 14], (5, 1)), atol=1e-6)
    np.testing.assert_allclose(move(moved, directions, [-1, 2, 0]), A, atol=1e-6)
    amounts = np.arange(15).reshape(5, 3)
    np.testing.assert_allclose((move(A, directions, amounts) - A)[:, :3], amounts, atol=1e-5)
