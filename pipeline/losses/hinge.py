"""Hinge loss, Lim and Ye 2017 (arXiv:1705.02894), as in Miyato et al. 2018 (arXiv:1802.05957), eq. 16 and 17."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import relu

from pipeline.contracts import Game


class Hinge(Game):
    """The discriminator cares only for logits inside the margin of one."""

    name: Literal["hinge"] = "hinge"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return relu(1 - real_logits).mean() + relu(1 + fake_logits).mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return -fake_logits.mean()
