from math import log

import pytest
import torch
from torch import tensor

from pipeline.losses.hinge import Hinge
from pipeline.losses.least_squares import LeastSquares
from pipeline.losses.minimax import Minimax
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.losses.relativistic import Relativistic
from pipeline.losses.wasserstein import Wasserstein

REAL, FAKE = tensor([2.0, -1.0]), tensor([0.5, -3.0])


def no_reals() -> torch.Tensor:
    raise AssertionError("this loss does not compare with real pictures")


def sigmoid(logits: torch.Tensor) -> torch.Tensor:
    return 1 / (1 + (-logits).exp())


def test_minimax_is_the_value_function_of_the_first_gan() -> None:
    value = sigmoid(REAL).log().mean() + (1 - sigmoid(FAKE)).log().mean()
    torch.testing.assert_close(Minimax().discriminator(REAL, FAKE), -value)
    torch.testing.assert_close(Minimax().generator(FAKE, no_reals), (1 - sigmoid(FAKE)).log().mean())


def test_a_discriminator_that_cannot_tell_pays_log_four() -> None:
    assert Minimax().discriminator(torch.zeros(3), torch.zeros(3)).item() == pytest.approx(log(4))


def test_nonsaturating_generator_raises_the_likelihood_of_being_real() -> None:
    torch.testing.assert_close(NonSaturating().generator(FAKE, no_reals), -sigmoid(FAKE).log().mean())
    torch.testing.assert_close(NonSaturating().discriminator(REAL, FAKE), Minimax().discriminator(REAL, FAKE))


def test_minimax_saturates_where_nonsaturating_does_not() -> None:
    def slope(loss: Minimax | NonSaturating) -> float:
        logits = tensor([-10.0], requires_grad=True)
        loss.generator(logits, no_reals).backward()
        return abs(logits.grad.item())

    assert slope(Minimax()) < 1e-4
    assert slope(NonSaturating()) > 0.99


def test_least_squares_by_hand() -> None:
    assert LeastSquares().discriminator(REAL, FAKE).item() == pytest.approx(0.5 * (1 + 4) / 2 + 0.5 * (0.25 + 9) / 2)
    assert LeastSquares().generator(FAKE, no_reals).item() == pytest.approx(0.5 * (0.25 + 16) / 2)


def test_hinge_by_hand() -> None:
    assert Hinge().discriminator(REAL, FAKE).item() == pytest.approx((0 + 2) / 2 + (1.5 + 0) / 2)
    assert Hinge().generator(FAKE, no_reals).item() == pytest.approx(1.25)


def test_wasserstein_by_hand() -> None:
    assert Wasserstein().discriminator(REAL, FAKE).item() == pytest.approx(-1.25 - 0.5)
    assert Wasserstein().generator(FAKE, no_reals).item() == pytest.approx(1.25)


def test_relativistic_scores_each_pair_and_the_generators_side_is_the_mirror_image() -> None:
    expected = (1 + (FAKE - REAL).exp()).log().mean()
    torch.testing.assert_close(Relativistic().discriminator(REAL, FAKE), expected)
    torch.testing.assert_close(Relativistic().generator(REAL, lambda: FAKE), expected)


def test_relativistic_cares_only_for_differences() -> None:
    shifted = Relativistic().discriminator(REAL + 7, FAKE + 7)
    torch.testing.assert_close(shifted, Relativistic().discriminator(REAL, FAKE))


def test_logits_of_any_size_stay_finite() -> None:
    huge = tensor([1e4, -1e4])
    for loss in (Minimax(), NonSaturating()):
        assert loss.discriminator(huge, huge).isfinite()
        assert loss.generator(huge, no_reals).isfinite()
    assert Relativistic().discriminator(-huge, huge).isfinite()
