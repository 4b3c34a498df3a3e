"""Published weights: files of named tensors that others have trained, taken into modules of the same names."""

import pickle
from pathlib import Path

import torch
from torch import nn

from pipeline.errors import DataError


def read_weights(net: nn.Module, path: Path, *, what: str, name: str) -> None:
    """Fill `net` with the tensors of a file that bear the names of its own, and freeze it in evaluation mode.

    `what` says in messages what the file should hold, `name` what it is called where it is published. What else the
    file holds is left alone, and counters of batches, which old files lack, stay as they are.

    Raises:
        DataError: the file is missing, damaged or holds other weights.

    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file; put {name} there, or leave its setting out")
    try:
        found = torch.load(path, map_location="cpu", weights_only=True)
        counters = {key: count for key, count in net.state_dict().items() if key.endswith("num_batches_tracked")}
        net.load_state_dict({key: counters[key] if key in counters else found[key] for key in net.state_dict()})
    except (LookupError, OSError, EOFError, RuntimeError, TypeError, ValueError, pickle.UnpicklingError) as error:
        problem = (str(error) or "it is empty").splitlines()[0]
        if isinstance(error, KeyError):
            problem = f"'{error.args[0]}' is missing"
        raise DataError(f"{path}: damaged, or no {what} ({problem}); get a fresh copy") from error
    net.eval().requires_grad_(requires_grad=False)
