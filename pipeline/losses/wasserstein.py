"""Wasserstein loss, Arjovsky et al. 2017 (arXiv:1701.07875), eq. 2."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor

from pipeline.contracts import Game


class Wasserstein(Game):
    """The critic estimates the earth mover's distance E[f(x)] - E[f(G(z))].

    That holds only for a critic whose slope is bounded: `adversarial` bounds it by `weight_clip` or `gradient_penalty`,
    and the judges of patches, whose other layers are bounded anyway, bound their last one.
    """

    name: Literal["wasserstein"] = "wasserstein"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return fake_logits.mean() - real_logits.mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return -fake_logits.mean()
