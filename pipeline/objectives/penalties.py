"""What bounds a critic's slope."""

import torch
from torch import Tensor, nn

from pipeline.contracts import BoundableCritic, Loss


def squared_slope(logits: Tensor, images: Tensor) -> Tensor:
    """Return |d logit / d image|^2 for each picture (N,), differentiable, squares summed over channels and pixels.

    `images` (N, C, H, W) must want its gradient and `logits` (N,) be computed from it, each from its own picture.
    """
    (gradient,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradient.float().square().sum(dim=(1, 2, 3))


def interpolated_penalty(critic: nn.Module, reals: Tensor, fakes: Tensor, classes: Tensor) -> Tensor:
    """Return the mean of (|slope| - 1)^2 at random points between real and fake pictures (N, C, H, W).

    Gulrajani et al. 2017 (arXiv:1704.00028), eq. 3.
    """
    share = torch.rand(len(reals), 1, 1, 1, device=reals.device)
    between = torch.lerp(fakes.detach().float(), reals.detach(), share).requires_grad_()
    slope = squared_slope(critic(between, classes).float(), between).add(1e-12).sqrt()
    return (slope - 1).square().mean()


def keep_bounded(critic: nn.Module, loss: Loss) -> None:
    """Bound a critic's last layer before each use, where the loss estimates a distance: `wasserstein` has no other end.

    Arjovsky et al. 2017 (arXiv:1701.07875), section 3: weights are brought back into bounds after every step.
    """
    if loss.name == "wasserstein":
        assert isinstance(critic, BoundableCritic)
        bound = critic.bound
        critic.register_forward_pre_hook(lambda *_: bound())


def gamma_by_rule(images: Tensor) -> float:
    """Return the weight of R1 for pictures (N, C, S, S): 0.0002 S^2 / N, Karras et al. 2020 (arXiv:2006.06676)."""
    return 0.0002 * images.shape[2] * images.shape[3] / len(images)
