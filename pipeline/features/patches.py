"""How alike the small patches of two pictures are as a crowd, wherever they lie."""

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.features.bank import pyramid


def sliced_patch_distance(
    pictures: Tensor, targets: Tensor, *, side: int = 7, projections: int = 32, levels: int = 4, finest: float = 1.0
) -> Tensor:
    """Return the sliced Wasserstein distance of the patches of pictures (N, C, H, W) to those of targets: (N,).

    Elnekave and Weiss 2022 (arXiv:2203.11862): patches of `side` pixels, at each level of a pyramid, are seen through
    random projections, which are drawn anew at every call. Unlike Gram matrices this tells all there is to patches, and
    needs no features. Relative to the targets' spread, so that styles of little contrast count as much as others;
    `finest` weighs the finest level.
    """
    distances, weights = [], []
    for level, pair in enumerate(zip(pyramid(pictures, levels), pyramid(targets, levels), strict=True)):
        kernels = torch.randn(projections, pictures.shape[1], side, side, device=pictures.device)
        kernels = functional.normalize(kernels.flatten(1)).view_as(kernels)
        stride = 1 if level else 2  # a quarter of the patches of the finest level tell as much in a quarter of the time
        # Autocast would compute the projections in half precision, whose steps the sorting would see.
        with torch.autocast(pictures.device.type, enabled=False):
            ours, theirs = (functional.conv2d(part.float(), kernels, stride=stride).flatten(2) for part in pair)
            theirs = theirs.sort(dim=2).values
            spread = theirs.std(dim=2).mean(dim=1).clamp_min(0.05)
            distances.append((ours.sort(dim=2).values - theirs).abs().mean(dim=(1, 2)) / spread)
        weights.append(1.0 if level else finest)
    weighted = [weight * distance for weight, distance in zip(weights, distances, strict=True)]
    return torch.stack(weighted).sum(dim=0) / sum(weights)
