"""Directions of a latent space along which a generator's pictures change most, for any generator.

They are the leading eigenvectors of J^T J, J the derivative of the picture by the latent, averaged over the space: the
principal directions of the Jacobian (Ramesh et al. 2018, arXiv:1812.01161), of which most hold everywhere (Wang and
Ponce 2021, arXiv:2101.06006). SeFa (Shen and Zhou 2021, arXiv:2007.06600) takes those of the first layer's weights
instead: that needs a first layer which is linear in the latent, and does not see what later layers make of it.
"""

from dataclasses import dataclass

import numpy as np
import torch

from pipeline.contracts import LatentGenerator

MOST = 12
PROBES = 512
_BATCH = 16
_DIGITS = 5


@dataclass(frozen=True, slots=True)
class Directions:
    """Unit vectors of a latent space, the strongest first, and the strength of each as `ModelCard.strengths` says."""

    vectors: tuple[tuple[float, ...], ...]
    strengths: tuple[float, ...]


def find_directions(generator: LatentGenerator) -> Directions:
    """Return at most `MOST` directions of a generator in evaluation mode; equal generators have equal ones.

    For v of standard normal pixels the gradient J^T v has the outer product J^T J in the mean; so one backward pass for
    each of `PROBES` latents does, whatever the size of latent and picture. The sign of a direction, which nothing
    decides, makes its largest entry positive.
    """
    random = torch.Generator().manual_seed(0)
    products, pixels = torch.zeros(generator.latent, generator.latent, dtype=torch.float64), 1
    for start in range(0, PROBES, _BATCH):
        latent = torch.randn(_BATCH, generator.latent, generator=random).requires_grad_()
        labels = torch.arange(start, start + _BATCH) % max(1, generator.classes)
        pictures = generator(latent, torch.eye(max(1, generator.classes))[labels][:, : generator.classes])
        pixels = pictures[0].numel()
        probe = torch.randn(pictures.shape, generator=random)
        gradient = torch.autograd.grad((pictures * probe).sum(), latent)[0].double()
        products += gradient.T @ gradient
    squares, vectors = (part.flip(-1).numpy() for part in torch.linalg.eigh(products / (PROBES * pixels)))
    leading = vectors.T[:MOST]
    leading = leading * np.sign(np.take_along_axis(leading, np.abs(leading).argmax(axis=1, keepdims=True), axis=1))
    return Directions(
        tuple(tuple(row) for row in leading.round(_DIGITS).tolist()),
        tuple(np.sqrt(squares[:MOST].clip(min=0)).round(_DIGITS).tolist()),
    )
