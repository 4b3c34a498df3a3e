"""The only training loop: every kind of model goes through it, phase by phase."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_

from pipeline.contracts import Batch, Phase, Step
from pipeline.device import choose_dtype
from pipeline.distributed import World
from pipeline.errors import RecipeError
from pipeline.recipe import Training

Row = dict[str, float]
LAYOUTS = {True: torch.channels_last, False: torch.contiguous_format}
"""The memory format of pictures and weights, by what `train.channels_last` says."""

_WARM_UP, _TIMED_SECONDS, _AMID = 3, 3.0, 1_000_000
ALONE = World.alone()


class Sampler:
    """Draws batches with replacement; the generator's state is all there is to resume.

    `images` (N, C, H, W) uint8 may be a memory map. `domains` holds, for each part of a batch, the indices it is drawn
    from. Batches are put on `device` as float32 in [-1, 1]; where all pictures fit into half of a GPU's free memory,
    they stay there.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64],
        *,
        domains: Sequence[NDArray[np.int64]],
        config: Training,
        device: torch.device,
    ) -> None:
        self._images = images
        self._labels = labels
        self._domains = domains
        self._config = config
        self.device = device
        fits = device.type == "cuda" and images.nbytes < torch.cuda.mem_get_info(device)[0] / 2
        self._resident = torch.from_numpy(np.ascontiguousarray(images)).to(device) if fits else None
        self.random = np.random.Generator(np.random.PCG64(config.seed))

    def draw(self, world: World = ALONE) -> Batch:
        """Return this rank's share of the next batch, which all ranks draw alike."""
        drawn = np.stack([self.random.choice(domain, self._config.batch) for domain in self._domains])
        pixels = self._pixels(world.share(drawn))
        if self._config.flip:
            mirrored = torch.from_numpy(world.share(self.random.random(drawn.shape)) < 0.5).to(self.device)
            pixels = torch.where(mirrored[:, None, None, None], pixels.flip(3), pixels)
        return self._batch(pixels, world.share(drawn))

    def each(self) -> Iterator[Batch]:
        """Yield every picture of all domains once, in order and as it is."""
        places = np.unique(np.concatenate(self._domains))
        for start in range(0, len(places), self._config.batch):
            chosen = places[start : start + self._config.batch]
            yield self._batch(self._pixels(chosen), chosen)

    def _pixels(self, chosen: NDArray[np.int64]) -> Tensor:
        if self._resident is None:
            return torch.from_numpy(self._images[chosen]).to(self.device)
        return self._resident[torch.from_numpy(chosen).to(self.device)]

    def _batch(self, pixels: Tensor, chosen: NDArray[np.int64]) -> Batch:
        images = pixels.float().div_(127.5).sub_(1).contiguous(memory_format=LAYOUTS[self._config.channels_last])
        return Batch(images, torch.from_numpy(self._labels[chosen]).to(self.device))


class Trainer:
    """Networks in training: optimisers, averaged weights, schedules, history, and how to save and restore them all."""

    def __init__(
        self,
        modules: Mapping[str, nn.Module],
        phases: Sequence[Phase],
        *,
        deployed: Sequence[str],
        sampler: Sampler,
        config: Training,
        world: World = ALONE,
    ) -> None:
        roles = list(dict.fromkeys(role for role, _ in phases))
        if set(roles) != set(config.learning_rates):
            given = ", ".join(config.learning_rates) or "none"
            raise RecipeError("train.learning_rates", f"names {given}", f"it must name {', '.join(roles)}")
        self._modules = modules
        self._phases = phases
        self.sampler = sampler
        self._config = config
        self.world = world
        self._optimizers = {
            role: torch.optim.Adam(modules[role].parameters(), config.learning_rates[role].start, fused=config.fused)
            for role in roles
        }
        self.dtype = choose_dtype(config.precision, sampler.device)
        self.averaged = {role: deepcopy(modules[role]).requires_grad_(False).eval() for role in deployed}
        self.steps = config.budget.steps or -(-(config.budget.images or 1) // config.batch)
        self.step = 0
        self.penalty_factor = 1.0
        self.fallbacks = 0
        self.seconds = 0.0
        self.history: list[Row] = []
        self.best: dict[str, Any] = {}

    @property
    def is_finite(self) -> bool:
        """Whether all weights are; their gradients tell only at the next log tick. All ranks hold the same weights."""
        networks = (*self._modules.values(), *self.averaged.values())
        return all(bool(weight.isfinite().all()) for network in networks for weight in network.parameters())

    def fit_into(self, minutes: float, *, period: int = 1) -> None:
        """Set `steps` to as many as take so long, as measured on steps from amid the schedules that are then undone.

        Every so many steps (`period`) one may cost more than the others, so whole periods are measured.
        """
        before = deepcopy(self.state())
        self.steps, self.step = 2 * _AMID, _AMID
        for _ in range(_WARM_UP):
            self._advance(logging=False)
        begun, seconds, timed = time.perf_counter(), 0.0, 0
        while seconds < _TIMED_SECONDS or timed % period:
            self._advance(logging=True)  # which waits for the device
            self.step += 1
            timed += 1
            seconds = self.world.largest(time.perf_counter() - begun)
        self.restore(before)
        self.steps = max(1, round(60 * minutes * timed / seconds))

    def gradients(self) -> dict[str, Tensor]:
        """Return, by `role.weight`, the gradients on the batches and noise that come next; all is then as before.

        They are those of a step at which lazy penalties rest.
        """
        before = deepcopy(self.state())
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=True)
        for role, compute_loss in self._phases:
            self._backward(role, compute_loss, Step(1, self.steps, ranks=self.world.size))
        found = {
            f"{role}.{name}": weight.grad
            for role in self._optimizers
            for name, weight in self._modules[role].named_parameters()
            if weight.grad is not None
        }
        self.restore(before)
        return found

    def run(self) -> Iterator[tuple[int, Row]]:
        """Train to the last step. After each, yield its number and, every `log_every` steps, its figures (else none).

        Between two steps the state may be set back by `restore`. `seconds` counts what passes meanwhile.
        """
        begun = time.perf_counter()
        while self.step < self.steps:
            logging = (self.step + 1) % self._config.log_every == 0 or self.step + 1 == self.steps
            figures = self._advance(logging=logging)
            self.step += 1
            if figures:
                self.history.append({"step": self.step, **figures})
            now = time.perf_counter()
            self.seconds += now - begun
            begun = now
            yield self.step, figures
        self.seconds += time.perf_counter() - begun

    def note(self, scores: Row) -> None:
        """Add scores of the averaged weights to the history, and keep these weights if none had a lower `frechet`."""
        if not self.history or self.history[-1]["step"] != self.step:
            self.history.append({"step": self.step})
        self.history[-1].update(scores)
        if scores.get("frechet", math.inf) < self.best.get("frechet", math.inf):
            averaged = {role: module.state_dict() for role, module in self.averaged.items()}
            self.best = deepcopy({"frechet": scores["frechet"], "step": self.step, "averaged": averaged})

    def state(self) -> dict[str, Any]:
        """Return all that the rest of the training depends on, of all ranks, as `pipeline.checkpoint` takes it."""
        cuda = self.sampler.device if self.sampler.device.type == "cuda" else None
        return {
            "step": self.step,
            "steps": self.steps,
            "penalty_factor": self.penalty_factor,
            "fallbacks": self.fallbacks,
            "seconds": self.seconds,
            "history": self.history,
            "best": self.best,
            "modules": {role: module.state_dict() for role, module in self._modules.items()},
            "averaged": {role: module.state_dict() for role, module in self.averaged.items()},
            "optimizers": {role: optimizer.state_dict() for role, optimizer in self._optimizers.items()},
            "sampler": self.sampler.random.bit_generator.state,
            "torch": self.world.gather(torch.get_rng_state()),
            "cuda": self.world.gather(torch.cuda.get_rng_state(cuda) if cuda else None),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned: on the CPU the same weights to the bit as without the break."""
        self.step, self.steps = state["step"], state["steps"]
        self.penalty_factor, self.fallbacks, self.best = state["penalty_factor"], state["fallbacks"], state["best"]
        self.seconds = max(self.seconds, state["seconds"])  # who falls back has spent them all the same
        self.history = list(state["history"])
        for role, module in self._modules.items():
            module.load_state_dict(state["modules"][role])
        for role, module in self.averaged.items():
            module.load_state_dict(state["averaged"][role])
        for role, optimizer in self._optimizers.items():
            optimizer.load_state_dict(state["optimizers"][role])
        self.sampler.random.bit_generator.state = state["sampler"]
        torch.set_rng_state(state["torch"][self.world.rank])
        if self.sampler.device.type == "cuda" and state["cuda"][self.world.rank] is not None:
            torch.cuda.set_rng_state(state["cuda"][self.world.rank], self.sampler.device)

    def _advance(self, *, logging: bool) -> Row:
        strictness = self.penalty_factor * 2.0**self.fallbacks
        step = Step(self.step, self.steps, strictness=strictness, ranks=self.world.size)
        losses: dict[str, Tensor] = {}
        for role, compute_loss in self._phases:
            optimizer = self._optimizers[role]
            for group in optimizer.param_groups:
                group["lr"] = self._config.learning_rates[role].at(step.progress, step.steps) / 2**self.fallbacks
                group["betas"] = (self._config.betas[0], self._config.betas[1].at(step.progress, step.steps))
            optimizer.zero_grad(set_to_none=True)
            losses[f"{role}_loss"] = self._backward(role, compute_loss, step)
            if logging or self._config.clip:
                norm = clip_grad_norm_(self._modules[role].parameters(), self._config.clip or math.inf)
                losses[f"{role}_gradient"] = norm.to(self.sampler.device)  # that of no gradients lies on the CPU
            optimizer.step()
        buffers = (buffer for module in self._modules.values() for buffer in module.buffers())
        self.world.average((buffer for buffer in buffers if buffer.is_floating_point()), torch.float64)
        self._average(step)
        return self._read(losses | step.figures) if logging else {}

    def _backward(self, role: str, compute_loss: Callable[[Batch, Step], Tensor], step: Step) -> Tensor:
        """Fill the gradients of `role` alone: the other networks are frozen, which saves their share of the work."""
        for name, module in self._modules.items():
            module.requires_grad_(name == role)
        batch = self.sampler.draw(self.world)
        with torch.autocast(batch.images.device.type, self.dtype, enabled=self.dtype != torch.float32):
            loss = compute_loss(batch, step)
        if loss.requires_grad:  # else the phase rests, on all ranks alike
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            self.world.average_gradients(self._modules[role].parameters())
        return loss.detach()

    @torch.no_grad()
    def _average(self, step: Step) -> None:
        """Move the averaged weights, faster at the start (Karras et al. 2020, arXiv:2006.06676)."""
        half_life = min(self._config.ema_half_life.at(step.progress, step.steps) * step.steps, 0.05 * (step.number + 1))
        share = 1 - 0.5 ** (1 / half_life) if half_life else 1.0
        for role, average in self.averaged.items():
            pairs = list(zip(average.state_dict().values(), self._modules[role].state_dict().values(), strict=True))
            moving = [pair for pair in pairs if pair[0].is_floating_point()]
            torch._foreach_lerp_([mean for mean, _ in moving], [now for _, now in moving], share)
            for mean, now in pairs:
                if not mean.is_floating_point():
                    mean.copy_(now)

    def _read(self, figures: Mapping[str, Tensor]) -> Row:
        """Return the means of the figures over all ranks."""
        values = torch.stack([value.float() for value in figures.values()])
        self.world.average([values])
        return dict(zip(figures, values.tolist(), strict=True))
