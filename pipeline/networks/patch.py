"""A discriminator that judges patches, and shows by what it judges."""

from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.parametrizations import spectral_norm

from pipeline.networks.layers import bound_rows


class PatchJudge(nn.Module):
    """Planes (N, C, H, W), sides of at least 8 px, and weights (N, K) -> its feature maps, then logits (N, H/8, W/8).

    Isola et al. 2017 (arXiv:1611.07004), section 3.2.2: each logit sees a patch of 22 px. Spectral norm (Miyato et al.
    2018, arXiv:1802.05957) bounds the slope of every layer but the last; what is asked for enters by projection (Miyato
    and Koyama 2018, arXiv:1802.05637).
    """

    def __init__(self, planes: int, width: int, choices: int) -> None:
        super().__init__()
        widths = [planes, width, 2 * width, 4 * width]
        self.stages = nn.ModuleList(
            spectral_norm(nn.Conv2d(before, after, 4, 2, 1)) for before, after in pairwise(widths)
        )
        self.logit = nn.Conv2d(widths[-1], 1, 1)
        self.embedding = nn.Linear(choices, widths[-1], bias=False) if choices else None

    def forward(self, planes: Tensor, weights: Tensor) -> list[Tensor]:
        maps = []
        features = planes
        for stage in self.stages:
            features = functional.leaky_relu(stage(features), 0.2)
            maps.append(features)
        logits = self.logit(features)[:, 0]
        if self.embedding is not None:
            logits = logits + (features * self.embedding(weights)[:, :, None, None]).sum(dim=1)
        return [*maps, logits]

    def bound(self) -> None:
        """Let logits change by at most 1 where the last features do."""
        bound_rows(self.logit.weight.flatten(1), self.embedding)
