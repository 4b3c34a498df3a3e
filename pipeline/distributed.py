"""Several processes that train one model together, as `torchrun` starts them: each takes its share of every batch."""

import os
import signal
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Self, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.errors import Interrupted, TrainingError

ThingT = TypeVar("ThingT")
EntryT = TypeVar("EntryT", bound=np.generic)

_PATIENCE = timedelta(minutes=10)
"""How long a rank waits for the others: a killed one is noticed at once, rank 0 may have pictures to score first."""


@dataclass(frozen=True, slots=True)
class World:
    """The `size` processes ("ranks") of one training, of which this is number `rank`. Rank 0 alone writes and tells.

    Its methods, apart from `share`, are for all ranks at the same point of the training, with values of equal shapes.
    Alone they change nothing. They raise a TrainingError where another rank has died or does not answer.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def alone(cls) -> Self:
        """Return the world of a single process."""
        return cls()

    @classmethod
    @contextmanager
    def join(cls, device: torch.device) -> Iterator[Self]:
        """Meet the ranks that torchrun's variables tell of, NCCL for GPUs and gloo for the rest; alone without them.

        Raises:
            TrainingError: not all of them came.

        """
        world = cls(int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1")))
        if world.size == 1:
            yield world
            return
        # NCCL wants a GPU for each rank. What is agreed on beside the tensors never waits for the GPU.
        crowded = int(os.environ.get("LOCAL_WORLD_SIZE", "1")) > torch.cuda.device_count()
        backend = "gloo" if device.type == "cpu" or crowded else "cpu:gloo,cuda:nccl"
        with world._meeting():
            dist.init_process_group(backend, timeout=_PATIENCE)
        try:
            yield world
            world.wait()  # torchrun ends all ranks when one ends in failure, so none ends before rank 0 has written
        except Interrupted as stop:  # on which all ranks have agreed
            world.wait()
            if world.leads:
                raise
            raise SystemExit(128 + stop.signal_number) from None
        finally:
            dist.destroy_process_group()

    @property
    def leads(self) -> bool:
        """Whether this is the rank that writes files and tells of the training."""
        return self.rank == 0

    def share(self, whole: NDArray[EntryT]) -> NDArray[EntryT]:
        """Return this rank's part of a batch: of each row of `whole` (domains, B) its own B / size entries, flat."""
        own = whole.shape[1] // self.size
        return whole[:, self.rank * own : (self.rank + 1) * own].ravel()

    @torch.no_grad()
    def average(self, tensors: Iterable[Tensor], dtype: torch.dtype | None = None) -> None:
        """Put into each tensor its mean over the ranks, in one message; equal to the bit on all of them.

        Sums of float32 in `dtype` float64 are exact, so values that are equal on all ranks already stay as they are.
        """
        changing = list(tensors) if self.size > 1 else []
        if not changing:
            return
        flat = torch.cat([tensor.flatten() for tensor in changing]).to(dtype)
        with self._meeting():
            dist.all_reduce(flat)
        means = torch.split_with_sizes(flat.div_(self.size), [tensor.numel() for tensor in changing])
        for tensor, mean in zip(changing, means, strict=True):
            tensor.copy_(mean.view(tensor.shape))

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Average the gradients; a parameter without one counts as zero, so that the ranks' messages are alike."""
        if self.size == 1:
            return
        parameters = list(parameters)
        for parameter in parameters:
            if parameter.grad is None:
                parameter.grad = torch.zeros_like(parameter)
        self.average(parameter.grad for parameter in parameters if parameter.grad is not None)

    def largest(self, number: float) -> float:
        """Return the largest of the ranks' numbers."""
        if self.size == 1:
            return number
        value = torch.tensor(number, dtype=torch.float64)
        with self._meeting():
            dist.all_reduce(value, dist.ReduceOp.MAX)
        return value.item()

    def gather(self, thing: ThingT) -> list[ThingT]:
        """Return each rank's thing, in the order of the ranks."""
        things = [thing] * self.size
        if self.size > 1:
            with self._meeting():
                dist.all_gather_object(things, thing)
        return things

    def broadcast(self, thing: ThingT) -> ThingT:
        """Return rank 0's thing."""
        things = [thing]
        if self.size > 1:
            with self._meeting():
                dist.broadcast_object_list(things)
        return things[0]

    def wait(self) -> None:
        """Return when all ranks have come here."""
        self.gather(None)

    @contextmanager
    def _meeting(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:  # whatever the backend, this is what it raises
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # torchrun now ends those left, who have this to tell first
            raise TrainingError(
                f"rank {self.rank} of {self.size} has lost another rank, which died or does not answer; run the same "
                "command again, it goes on after the last checkpoint"
            ) from error
