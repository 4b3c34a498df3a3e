"""The non-saturating variant of Goodfellow et al. 2014 (arXiv:1406.2661), section 3."""

from collections.abc import Callable
from typing import Literal

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.contracts import Game


class NonSaturating(Game):
    """The generator maximises E[log D(G(z))]: the same fixed point as `minimax`, stronger gradients early on."""

    name: Literal["nonsaturating"] = "nonsaturating"

    def discriminator(self, real_logits: Tensor, fake_logits: Tensor) -> Tensor:
        return softplus(-real_logits).mean() + softplus(fake_logits).mean()

    def generator(self, fake_logits: Tensor, score_reals: Callable[[], Tensor]) -> Tensor:
        return softplus(-fake_logits).mean()
