"""Relativistic pairing loss, Jolicoeur-Martineau 2018 (arXiv:1807.00734); Huang et al. 2024 (arXiv:2501.05441)."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.contracts import Game


class Relativistic(Game):
    """Each real picture is scored against one fake: D widens the gap of their logits, G turns it round.

    Because fakes are only ever compared with reals near them, no mode of the data is worth leaving out.
    """

    name: Literal["relativistic"] = "relativistic"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(fake_logits - real_logits).mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return softplus(score_reals() - fake_logits).mean()
