"""Networks compiled by torch where a recipe asks for it, and only where that leaves their gradients as they were."""

from collections.abc import Callable, Mapping
from math import inf

import torch
from torch import Tensor, nn
from torch._dynamo.exc import TorchDynamoException

from pipeline.errors import RecipeError
from pipeline.progress import console

Gradients = Mapping[str, Tensor]

_TOLERANCES = {torch.float32: 0.01, torch.bfloat16: 0.5}
"""How far compiled gradients may be from eager ones, relative to their norm.

Measured: 0.001 in float32; rounding to bfloat16 alone moves them by 0.2. Miscompiled ones were several times off.
"""
_NEGLIGIBLE = 0.01
"""A weight's gradient of less than this share of all gradients' norm is measured as if it had so much."""


def compile_networks(
    modules: Mapping[str, nn.Module],
    compute_gradients: Callable[[], Gradients],
    *,
    dtype: torch.dtype,
    largest: Callable[[float], float],
) -> None:
    """Compile the forward passes in place; names, weights and states stay, so checkpoints fit either way.

    A forward pass whose input is a leaf that wants its gradient is there for a penalty, whose second derivative
    torch's compiler does not take (AOT autograd): it stays eager. `compute_gradients` returns, each time it is called,
    the gradients of the same losses. Where they differ between the two by more than rounding in `dtype` would explain,
    a sentence says so and all stays eager; `largest` returns the largest of such a difference among the ranks.

    Raises:
        RecipeError: torch cannot compile here, for want of a C++ compiler or of Triton.

    """
    eager = compute_gradients()
    for module in modules.values():
        _compile(module)
    try:
        compiled = compute_gradients()
    except TorchDynamoException as error:
        reason = str(error).strip().splitlines()[0]
        raise RecipeError(
            "train.compile", f"is true, but torch cannot compile here ({reason})", "install what is missing (a C++ "
            "compiler for CPUs, Triton for GPUs) or set it to false"
        ) from error  # fmt: skip
    worst, difference = _worst(eager, compiled)
    if largest(difference) > _TOLERANCES[dtype]:
        for module in modules.values():
            del module.forward
        console.print(
            f"the compiled gradient of {worst} is {difference:.2g} times its norm away from the eager one, so the "
            "training goes on without train.compile"
        )


def _compile(module: nn.Module) -> None:
    eager = module.forward
    compiled = torch.compile(eager, dynamic=False, options={"fallback_random": True})  # the noise that eager draws

    def forward(*inputs: Tensor) -> Tensor:
        penalised = any(tensor.is_leaf and tensor.requires_grad for tensor in inputs)
        result: Tensor = (eager if penalised else compiled)(*inputs)
        return result

    module.forward = forward


def _worst(eager: Gradients, compiled: Gradients) -> tuple[str, float]:
    """Return the name of the weight whose gradients differ most, and how much relative to their norm."""
    floor = _NEGLIGIBLE * torch.stack([gradient.norm() for gradient in eager.values()]).norm()
    differences = {
        name: ((compiled[name] - gradient).norm() / torch.maximum(gradient.norm(), floor)).nan_to_num(nan=inf).item()
        for name, gradient in eager.items()
    }
    return max(differences.items(), key=lambda pair: pair[1])
