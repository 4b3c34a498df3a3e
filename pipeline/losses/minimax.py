"""The game as Goodfellow et al. 2014 (arXiv:1406.2661) wrote it, eq. 1."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.contracts import Game


class Minimax(Game):
    """min_G max_D E[log D(x)] + E[log(1 - D(G(z)))]; the generator's gradient vanishes where D is sure (saturates)."""

    name: Literal["minimax"] = "minimax"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return -softplus(fake_logits).mean()
