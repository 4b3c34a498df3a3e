"""Every value of a picture as a normal distribution around what was decoded, all of one learned width.

With the width learned, likelihood and rate are weighed as the bound asks (Rybkin et al. 2021, arXiv:2006.13202).
"""

from math import log, pi
from typing import Literal

from torch import Tensor

from pipeline.contracts import Likelihood


class Gaussian(Likelihood):
    """log N(x; decoded, e^(2 log_scale)), summed over all values of a picture."""

    name: Literal["gaussian"] = "gaussian"

    def log_likelihood(self, images: Tensor, decoded: Tensor, log_scale: Tensor) -> Tensor:
        standard = (images - decoded) * (-log_scale).exp()
        return -(0.5 * standard.square() + log_scale + 0.5 * log(2 * pi)).flatten(1).sum(dim=1)
