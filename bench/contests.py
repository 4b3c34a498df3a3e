"""What `run.py` measures: parts meant to be fast, each beside a plain baseline that is timed in turns with it."""

import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageOps
import torch
from rich.progress import track
from sklearn.datasets import load_sample_images

from demo.engine import Model
from pipeline.data.decoding import decode
from pipeline.data.folder import Folder
from pipeline.latency import workloads
from pipeline.metrics.evidence import Float32
from pipeline.recipe import read_recipe
from pipeline.trained import load_trained
from pipeline.workspace import Workspace

RECIPES = ("painter", "stylist")
MODEL_ROUNDS = 30
DECODING_ROUNDS = 5
PHOTOGRAPHS = 1200
PHOTOGRAPH_SIZE = (512, 384)
PREPARED_SIDE = 64


@dataclass(frozen=True, slots=True)
class Contest:
    """Two ways to do one thing: `ours` and the `baseline`, each a call that does it once."""

    task: str
    ours_name: str
    baseline_name: str
    ours: Callable[[], object]
    baseline: Callable[[], object]
    rounds: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Median milliseconds of both, how many times faster ours is, and the quartiles of that over the rounds."""

    task: str
    ours: str
    baseline: str
    faster: float
    faster_quartiles: tuple[float, float]
    ours_ms: float
    baseline_ms: float
    rounds: int


def model_contests(params: Path) -> Iterator[Contest]:
    """Yield the exported models of the recipes against torch's eager modules with the same weights."""
    for name in RECIPES:
        recipe = read_recipe(params, name)
        workspace = Workspace(name, params.parent)
        model = Model.open(workspace.model)
        module = load_trained(recipe, workspace).graph.module.to(model.provider.lower())
        for load, feeds in workloads(model.card).items():
            kind, number = load.split("_")
            task = f"{name}, batch of {number}" if kind == "batch" else f"{name}, {number} x {number} px"
            yield model_contest(task, model, module, feeds)


def model_contest(task: str, model: Model, module: torch.nn.Module, feeds: dict[str, Float32]) -> Contest:
    """Return one graph against its module; the host's arrays go in and come out on both sides."""
    device = model.provider.lower()
    inputs = [torch.from_numpy(feeds[port.name]) for port in model.card.inputs]

    def eager() -> torch.Tensor:
        with torch.inference_mode():
            pictures: torch.Tensor = module(*(tensor.to(device) for tensor in inputs)).cpu()
        return pictures

    return Contest(
        task=task,
        ours_name=f"ONNX Runtime on {model.provider}",
        baseline_name=f"torch eager on {model.provider}",
        ours=lambda: model.run(feeds),
        baseline=eager,
        rounds=MODEL_ROUNDS,
    )


def decoding_contest(folder: Path) -> Contest:
    """Return the decoding of `prepare` against the loop that one would write: open, upright, crop, resize."""
    paths = write_photographs(folder / "photographs")
    source = Folder(path=str(folder), size=PREPARED_SIDE)

    def loop() -> list[np.ndarray]:
        pictures = []
        for path in paths:
            with PIL.Image.open(path) as file:
                picture = PIL.ImageOps.exif_transpose(file).convert("RGB")
            fitted = PIL.ImageOps.fit(picture, (PREPARED_SIDE, PREPARED_SIDE), PIL.Image.Resampling.LANCZOS)
            pictures.append(np.asarray(fitted).transpose(2, 0, 1))
        return pictures

    return Contest(
        task=f"{PHOTOGRAPHS:,} JPEG photographs of {' x '.join(map(str, PHOTOGRAPH_SIZE))} to {PREPARED_SIDE} px",
        ours_name="prepare, start of its processes included",
        baseline_name="a loop over PIL in one process",
        ours=lambda: list(decode(source)),
        baseline=loop,
        rounds=DECODING_ROUNDS,
    )


def write_photographs(folder: Path) -> list[Path]:
    """Write random crops of the photographs that scikit-learn carries, and return their paths."""
    folder.mkdir(parents=True)
    photographs = [PIL.Image.fromarray(array) for array in load_sample_images().images]
    random = np.random.default_rng(0)
    width, height = PHOTOGRAPH_SIZE
    paths = []
    for index in track(range(PHOTOGRAPHS), description="writing photographs"):
        photograph = photographs[index % len(photographs)]
        left = int(random.integers(0, photograph.width - width + 1))
        top = int(random.integers(0, photograph.height - height + 1))
        paths.append(folder / f"{index:04}.jpg")
        photograph.crop((left, top, left + width, top + height)).save(paths[-1], quality=90)
    return paths


def compare(contest: Contest) -> Outcome:
    """Time both sides in turns, after one round that does not count."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for _ in track(range(contest.rounds + 1), description=contest.task):
        for ours, call in ((True, contest.ours), (False, contest.baseline)):
            started = time.perf_counter()
            call()
            times[ours].append(1000 * (time.perf_counter() - started))
    ours_ms, baseline_ms = times[True][1:], times[False][1:]
    ratios = [slow / fast for slow, fast in zip(baseline_ms, ours_ms, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return Outcome(
        task=contest.task,
        ours=contest.ours_name,
        baseline=contest.baseline_name,
        faster=round(middle, 2),
        faster_quartiles=(round(low, 2), round(high, 2)),
        ours_ms=round(statistics.median(ours_ms), 2),
        baseline_ms=round(statistics.median(baseline_ms), 2),
        rounds=contest.rounds,
    )


def machine() -> dict[str, str | int]:
    """Return what the figures were measured on."""
    facts: dict[str, str | int] = {
        "processor": processor(),
        "cores": os.cpu_count() or 1,
        "system": platform.system(),
        "python": platform.python_version(),
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    for package in ("onnxruntime", "onnxruntime-gpu", "torch", "numpy", "pillow"):
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue  # one of the two ONNX Runtimes is never there
    return facts


def processor() -> str:
    """Return the processor's own name; `platform.processor` knows only its architecture on Linux."""
    description = Path("/proc/cpuinfo")
    if description.exists():
        for line in description.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def table(outcomes: list[Outcome]) -> str:
    """Return the outcomes as people read them, the ratio first."""
    rows = [
        f"| {outcome.task} | **{outcome.faster:.2f}x** ({outcome.faster_quartiles[0]:.2f}-"
        f"{outcome.faster_quartiles[1]:.2f}) | {outcome.ours}: {outcome.ours_ms:.1f} ms | "
        f"{outcome.baseline}: {outcome.baseline_ms:.1f} ms |"
        for outcome in outcomes
    ]
    known = ", ".join(f"{name} {value}" for name, value in machine().items())
    heading = ["| task | faster (quartiles) | Ganvas | baseline |", "|---|---|---|---|"]
    return "\n".join([*heading, *rows, "", f"Measured in turns in one process; {known}."])
