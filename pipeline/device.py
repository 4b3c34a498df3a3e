"""What a training runs on: which device, how many threads, which precision, and how memory is kept."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import torch

from pipeline.errors import RecipeError, TrainingError

Precision = Literal["auto", "fp32", "bf16"]

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # glibc's malloc.h
_PLENTY = 1 << 30


def choose_device() -> torch.device:
    """Return the GPU where there is one, else the CPU, set up for training."""
    if torch.cuda.is_available():
        torch.backends.cudnn.benchmark = True
        device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
        torch.cuda.set_device(device)
        return device
    keep_memory()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(min(torch.get_num_threads(), _granted_processors()))
    return torch.device("cpu")


def choose_dtype(precision: Precision, device: torch.device) -> torch.dtype:
    """Return what convolutions compute in; `auto` takes bf16 where the device has instructions for it.

    Raises:
        RecipeError: bf16 is asked for and the device has none.

    """
    if device.type == "cuda":
        able = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        able = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()  # noqa: SLF001  # no public one
    if precision == "bf16" and not able:
        raise RecipeError("train.precision", f"is 'bf16', which this {device.type} has no instructions for", "set it "
                          "to 'auto' or 'fp32'")  # fmt: skip
    return torch.bfloat16 if able and precision != "fp32" else torch.float32


@contextmanager
def memory_advice(batch: int) -> Iterator[None]:
    """Turn running out of memory into a sentence that names a smaller batch.

    Raises:
        TrainingError: the device's memory did not suffice.

    """
    try:
        yield
    except torch.OutOfMemoryError as error:
        raise TrainingError(_too_large(batch)) from error
    except RuntimeError as error:
        if "can't allocate memory" not in str(error):
            raise
        raise TrainingError(_too_large(batch)) from error


def _too_large(batch: int) -> str:
    return f"the device's memory does not hold a batch of {batch}; set train.batch to {max(1, batch // 2)} or less"


def keep_memory(mapped: int = _PLENTY, kept: int = _PLENTY) -> None:
    """Let glibc keep `kept` bytes of freed memory for the next step, and map apart only what is over `mapped` bytes.

    Else each large tensor's pages are mapped and cleared anew. Other allocators are left as they are.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    mallopt(_M_MMAP_THRESHOLD, mapped)
    mallopt(_M_TRIM_THRESHOLD, kept)
    mallopt(_M_TOP_PAD, kept // 4)


def _granted_processors() -> int:
    """Return how many processors this process may use: a container's share, not the machine's count."""
    granted = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return granted
    return granted if quota == "max" else max(1, min(granted, int(quota) // int(period)))
