"""What networks that bring pictures to codes promise the objectives that train them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True, slots=True)
class Coding:
    """What an autoencoder makes of N pictures and a noise.

    The code is drawn as `mean + exp(log_variance / 2) * noise`, all (N, code); `decoded` (N, C, H, W) in [-1, 1] is
    the mean of the distribution that the decoder makes of it, and `log_scale`, a scalar, the logarithm of its width.
    """

    decoded: Tensor
    mean: Tensor
    log_variance: Tensor
    log_scale: Tensor


@runtime_checkable
class Autoencoder(Protocol):
    """A network that brings pictures to codes of `code` numbers and back, as variational training wants it.

    Called with pictures (N, C, H, W) in [-1, 1] and standard normal noise (N, `code`), it returns a `Coding`; where
    the noise is zero, the code is its most probable value. `decode` returns pictures of codes (N, `code`).
    """

    code: int

    def __call__(self, images: Tensor, noise: Tensor) -> Coding: ...

    def decode(self, code: Tensor) -> Tensor: ...


@runtime_checkable
class MixedPrior(Protocol):
    """An autoencoder whose codes are drawn from a mixture of normal distributions that is fitted to them.

    `prior` maps standard normal numbers (N, `code` + 1) to codes. `components` is how many distributions are mixed, 0
    where there are none to fit. `fit` takes their `weights` (K,), `means` (K, code) and lower triangular `factors`
    (K, code, code) of the covariances; before, `fitted` is false and `prior` is of no use.
    """

    components: int

    @property
    def fitted(self) -> bool: ...

    def fit(self, *, weights: Tensor, means: Tensor, factors: Tensor) -> None: ...

    def prior(self, latent: Tensor) -> Tensor: ...


@runtime_checkable
class FeatureDiscriminator(Protocol):
    """A discriminator that shows what it sees: pictures (N, C, S, S) -> logits (N,) and features (N, ...).

    `shows_features` is true; it tells this protocol from others, whose calls look alike to `isinstance`.
    """

    shows_features: Literal[True]

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]: ...
