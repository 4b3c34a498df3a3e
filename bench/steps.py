"""Training steps against the plain step: PyTorch's DCGAN tutorial, written out here in eager fp32, and our own loop."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from contests import Contest
from torch import Tensor, nn

from pipeline.assembly import assemble
from pipeline.contracts import Image
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, keep_memory
from pipeline.errors import RecipeError
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.networks.dcgan import Dcgan
from pipeline.objectives.adversarial import Adversarial
from pipeline.recipe import Recipe, Training

STEP_ROUNDS = 6
PICTURES = 512
SIDES = (32, 64, 128)
_RATE = 2e-4
_BETAS = (0.5, 0.999)
_BATCH = 64


def step_contests(painter: Recipe) -> Iterator[Contest]:
    """Yield whole training steps, discriminator and generator, against plainer ones."""
    network, image = Dcgan(conditional=False), Image(3, 64, ("picture",))
    config = Training.model_validate(
        {
            "budget": {"steps": 1_000_000},
            "batch": _BATCH,
            "learning_rates": {"generator": _RATE, "discriminator": _RATE},
            "betas": _BETAS,
            "precision": "auto",
        }
    )
    tutorial = replace(
        painter, network=network, objective=Adversarial(shared_fakes=True), loss=NonSaturating(), train=config
    )
    yield Contest(
        task=f"step of the tutorial's DCGAN, 64 px, batch {_BATCH}",
        ours_name="our loop: bf16 where it runs, channels last, fused Adam, memory kept, fakes shared",
        baseline_name="plain eager fp32",
        ours=advance(tutorial, image),
        baseline=plain_step(network, image),
        rounds=STEP_ROUNDS,
    )
    yield from option_contests(painter, Image(3, painter.data.size, tuple(map(str, range(5)))))


def option_contests(painter: Recipe, image: Image) -> Iterator[Contest]:
    """Yield the painter's step with each thing that is meant to make it faster, against the same without it."""

    def step(**changes: object) -> Callable[[], object]:
        return advance(replace(painter, train=painter.train.model_copy(update=changes)), image)

    threads, usual = torch.get_num_threads(), step()
    sides: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {
        "bf16 where it runs": (usual, step(precision="fp32")),
        "channels last": (usual, step(channels_last=False)),
        "fused Adam": (usual, step(fused=False)),
        "memory kept": (usual, advance(painter, image, keep=as_glibc_sets_it)),
        f"{threads} threads": (threaded(usual, threads), threaded(usual, 1)),
    }
    try:
        sides["compiled"] = step(compile=True), usual
    except RecipeError as error:
        print(error)
    for option, (on, off) in sides.items():
        task = f"step of the painter, {image.size} px, batch {painter.train.batch}: {option}"
        yield Contest(task=task, ours_name="on", baseline_name="off", ours=on, baseline=off, rounds=STEP_ROUNDS * 5)


def threaded(call: Callable[[], object], threads: int) -> Callable[[], object]:
    """Return the call on so many threads."""

    def whole() -> None:
        usual = torch.get_num_threads()
        torch.set_num_threads(threads)
        call()
        torch.set_num_threads(usual)

    return whole


def as_glibc_sets_it() -> None:
    """Set the allocator to what glibc comes to by itself in such a process."""
    keep_memory(mapped=32 << 20, kept=64 << 20)


def advance(recipe: Recipe, image: Image, *, keep: Callable[[], None] = keep_memory) -> Callable[[], object]:
    """Return a call that trains one step by the project's own loop, on random pictures."""
    device = choose_device()
    trainer, _ = assemble(recipe, _random_pictures(image), device=device)
    run = trainer.run()

    def step() -> None:
        keep()
        next(run)

    return waiting(step, device)


def _random_pictures(image: Image) -> Dataset:
    random, every = np.random.default_rng(0), np.arange(PICTURES)
    return Dataset(
        image=image,
        images=random.integers(0, 256, (PICTURES, image.channels, image.size, image.size), np.uint8),
        labels=random.integers(0, len(image.classes), PICTURES),
        training=every,
        validation=every[:0],
        manifest={},
        digest="random",
    )


def plain_step(network: Dcgan, image: Image) -> Callable[[], object]:
    """Return a call that trains one step as the tutorial does: two backward passes for D, labels of ones and zeros."""
    torch.manual_seed(0)
    device = choose_device()
    modules = network.build(image)
    generator, discriminator = (modules[role].to(device) for role in ("generator", "discriminator"))
    criterion = nn.BCEWithLogitsLoss()
    of_generator = torch.optim.Adam(generator.parameters(), _RATE, _BETAS)
    of_discriminator = torch.optim.Adam(discriminator.parameters(), _RATE, _BETAS)
    reals = torch.rand(PICTURES, image.channels, image.size, image.size) * 2 - 1
    nothing, ones, zeros = torch.zeros(_BATCH, 0), torch.ones(_BATCH), torch.zeros(_BATCH)
    nothing, ones, zeros = nothing.to(device), ones.to(device), zeros.to(device)

    def scored(pictures: Tensor, target: Tensor) -> None:
        criterion(discriminator(pictures, nothing), target).backward()

    def step() -> None:
        as_glibc_sets_it()
        discriminator.zero_grad()
        scored(reals[torch.randint(PICTURES, (_BATCH,))].to(device), ones)
        fakes = generator(torch.randn(_BATCH, generator.latent, device=device), nothing)
        scored(fakes.detach(), zeros)
        of_discriminator.step()
        generator.zero_grad()
        scored(fakes, ones)
        of_generator.step()

    return waiting(step, device)


def waiting(call: Callable[[], object], device: torch.device) -> Callable[[], object]:
    """Return the call with the device's work included."""

    def whole() -> None:
        call()
        if device.type == "cuda":
            torch.cuda.synchronize()

    return whole


def throughput(painter: Recipe) -> list[dict[str, float]]:
    """Return, for pictures of each of `SIDES` pixels, how many the painter's step takes in a second and its memory."""
    rows = []
    for side in SIDES:
        # Memory is told as the most that a process ever had, so each size has a process of its own.
        with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
            rows.append(pool.submit(_measure, painter, side).result())
    return rows


def _measure(painter: Recipe, side: int) -> dict[str, float]:
    step = advance(painter, Image(3, side, ("one", "two")))
    for _ in range(2):
        step()
    begun = time.perf_counter()
    for _ in range(STEP_ROUNDS):
        step()
    seconds = (time.perf_counter() - begun) / STEP_ROUNDS
    on_gpu = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    return {
        "side": side,
        "images_per_second": round(painter.train.batch / seconds, 1),
        "peak_mib": _peak_kib() // 1024,
        "peak_gpu_mib": round(on_gpu / 2**20),
    }


def _peak_kib() -> int:
    """Return the most memory that this process had; `getrusage` would count its parent's at the start as well."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
