"""A mixture of normal distributions as a map of standard normal numbers, so that it fits into a graph."""

from math import sqrt

import torch
from torch import Tensor, nn


class Mixture(nn.Module):
    """Latents (N, code + 1), standard normal -> codes (N, code) of the mixture; of no use before it is `fitted`.

    The normal distribution function maps the last number to a share in (0, 1), which chooses the component as `weights`
    (K,) divide that interval; the others become its code, `means` (K, code) plus `factors` (K, code, code) times them.
    """

    weights: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, components: int, code: int) -> None:
        super().__init__()
        self.register_buffer("weights", torch.zeros(components))
        self.register_buffer("means", torch.zeros(components, code))
        self.register_buffer("factors", torch.zeros(components, code, code))

    @property
    def fitted(self) -> bool:
        return bool(self.weights.any())

    def fit(self, *, weights: Tensor, means: Tensor, factors: Tensor) -> None:
        self.weights.copy_(weights)
        self.means.copy_(means)
        self.factors.copy_(factors)

    def forward(self, latent: Tensor) -> Tensor:
        share = 0.5 * (1 + torch.erf(latent[:, -1:] / sqrt(2)))
        ends = self.weights.cumsum(0)
        # An interval begins where the one before ends, to the bit: else rounding could choose two of them, or none.
        starts = torch.cat([ends.new_zeros(1), ends[:-1]])
        # The last interval has no end: the sum of all weights need not be exactly one.
        chosen = (share >= starts).float() - torch.cat([(share >= ends[:-1]).float(), 0 * share], dim=1)
        codes = self.means + torch.einsum("kij,nj->nki", self.factors, latent[:, :-1])
        mixed: Tensor = (chosen[:, :, None] * codes).sum(dim=1)
        return mixed
