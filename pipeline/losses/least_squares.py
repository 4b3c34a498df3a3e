"""Least squares GAN, Mao et al. 2017 (arXiv:1611.04076), eq. 9: targets 0 for fake and 1 for real."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from pipeline.contracts import Game


class LeastSquares(Game):
    """Squared distance of the logits to their targets."""

    name: Literal["least_squares"] = "least_squares"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return 0.5 * (real_logits - 1).square().mean() + 0.5 * fake_logits.square().mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return 0.5 * (fake_logits - 1).square().mean()
