"""Train the shipped feature network again: CIFAR-10's labels and the procedural families, one head each.

python -m pipeline.features.train_net --cifar10 PATH [--settings zoo/features.yaml] [--out pipeline/features]

PATH is a folder or zip archive of CIFAR-10's training pictures, a folder per class. Written are the weights and a card
with the data, the terms and the accuracy on pictures that were held out, measured with the weights as written.
"""

import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import typer
import yaml
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor
from torch.nn import functional

from pipeline.contracts import Source
from pipeline.data.art import FAMILIES
from pipeline.data.decoding import decode
from pipeline.data.folder import Folder
from pipeline.data.packing import classes_of, stratified_split
from pipeline.data.procedural import Procedural
from pipeline.errors import DataError, PipelineError
from pipeline.features.ganvas_net import CARD, SIDE, WEIGHTS, FeatureNet, checksum, load, save, to_input
from pipeline.progress import console, tracked
from pipeline.sections import parse_section
from pipeline.workspace import writing

_SHIFT = 1 / 8
_EVALUATED = 250
_CALIBRATED = 5000
_LOGGED = 200


class Batches(BaseModel):
    """Pictures of each kind in a batch."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    cifar10: int = Field(ge=1)
    families: int = Field(ge=1)


class Settings(BaseModel):
    """What zoo/features.yaml may say. AdamW; the rate rises over `warmup` and falls to zero by a cosine."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    steps: int = Field(ge=1)
    batch: Batches
    learning_rate: float = Field(gt=0)
    warmup: float = Field(ge=0, lt=1, description="share of the steps")
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0, description="largest gradient norm")
    precision: Literal["fp32", "bf16"]
    pictures_per_family: int = Field(ge=2)
    held_out: float = Field(gt=0, lt=0.9, description="share of the pictures that measure the accuracy")
    seed: int = Field(ge=0)


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Pictures (N, 3, S, S) uint8 with labels (N,), those to learn from and those to be asked about."""

    classes: tuple[str, ...]
    pictures: Tensor
    labels: Tensor
    training: Tensor
    held_out: Tensor


def read_task(source: Source, *, held_out: float, what: str) -> Task:
    """Decode all pictures of a source and hold out a share of every class.

    Raises:
        DataError: the source has nothing to read, or a picture in it is unreadable.

    """
    pixels, labels = [], []
    for picture in tracked(decode(source), total=source.total(), description=f"reading {what}"):
        if picture.pixels is None:
            raise DataError(f"{picture.origin}: {picture.problem}; get a fresh copy of the data")
        pixels.append(picture.pixels)
        labels.append(picture.label)
    classes = classes_of(labels)
    numbers = np.array([classes.index(label) for label in labels], np.int64)
    split = stratified_split(numbers, classes=len(classes), share=held_out)
    return Task(
        classes=classes,
        pictures=torch.from_numpy(np.stack(pixels)),
        labels=torch.from_numpy(numbers),
        training=torch.from_numpy(np.flatnonzero(split == 0)),
        held_out=torch.from_numpy(np.flatnonzero(split)),
    )


def augmented(pictures: Tensor, random: torch.Generator) -> Tensor:
    """Mirror each picture (N, C, S, S) half of the time and shift it by up to an eighth, the edge reflected."""
    count, _, side, _ = pictures.shape
    border = int(_SHIFT * side)
    padded = functional.pad(pictures.float(), [border] * 4, mode="reflect").to(pictures.dtype)
    corners = torch.randint(2 * border + 1, (2, count, 1), generator=random)
    place = torch.arange(side)
    rows, columns = corners[0] + place, corners[1] + place
    columns = torch.where(torch.rand(count, 1, generator=random) < 0.5, columns.flip(1), columns)
    return padded[torch.arange(count)[:, None, None], :, rows[:, :, None], columns[:, None]].permute(0, 3, 1, 2)


def train(tasks: dict[str, Task], settings: Settings) -> FeatureNet:
    """Return a network trained on all tasks at once: the sum of their cross entropies."""
    torch.manual_seed(settings.seed)
    random = torch.Generator().manual_seed(settings.seed)
    net = FeatureNet({name: len(task.classes) for name, task in tasks.items()})
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.AdamW(net.parameters(), settings.learning_rate, weight_decay=settings.weight_decay)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / settings.steps, settings.warmup))
    counts = settings.batch.model_dump()
    for step in tracked(range(1, settings.steps + 1), total=settings.steps, description="training, steps"):
        inputs, labels = [], []
        for name, task in tasks.items():
            chosen = task.training[torch.randint(len(task.training), (counts[name],), generator=random)]
            inputs.append(to_input(augmented(task.pictures[chosen], random)))
            labels.append(task.labels[chosen])
        with torch.autocast("cpu", torch.bfloat16, enabled=settings.precision == "bf16"):
            maps = net(torch.cat(inputs).contiguous(memory_format=torch.channels_last))
        pooled = maps[-1].float().mean(dim=(2, 3)).split(list(counts.values()))
        losses = [
            functional.cross_entropy(net.heads[name](features), wanted)
            for name, features, wanted in zip(tasks, pooled, labels, strict=True)
        ]
        optimizer.zero_grad(set_to_none=True)
        torch.stack(losses).sum().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(net.parameters(), settings.clip)
        optimizer.step()
        schedule.step()
        if step % _LOGGED == 0:
            said = ", ".join(f"{name} {loss:.3f}" for name, loss in zip(tasks, losses, strict=True))
            console.print(f"step {step:,}: cross entropy {said}")
    return net


def _rate(progress: float, warmup: float) -> float:
    """Return the share of the learning rate at `progress` in [0, 1]."""
    if progress < warmup:
        return (progress + 1e-3) / (warmup + 1e-3)
    return (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup))) / 2


def calibrate(net: FeatureNet, tasks: dict[str, Task]) -> None:
    """Standardise the network's features by training pictures of all tasks, as many of each."""
    pooled = []
    with torch.no_grad():
        for task in tasks.values():
            evenly = torch.linspace(0, len(task.training) - 1, min(_CALIBRATED, len(task.training))).long()
            batches = torch.split(task.training[evenly], _EVALUATED)
            pooled += [net.pooled(to_input(task.pictures[chosen])) for chosen in batches]
        net.calibrate(torch.cat(pooled))


def accuracy(net: FeatureNet, task: Task, head: str) -> float:
    """Return the share of a task's held-out pictures that the network puts into their class."""
    hits = 0
    with torch.inference_mode():
        for chosen in torch.split(task.held_out, _EVALUATED):
            found = net.logits(to_input(task.pictures[chosen]), head).argmax(dim=1)
            hits += int((found == task.labels[chosen]).sum())
    return hits / len(task.held_out)


def card(path: Path, tasks: dict[str, Task], settings: Settings) -> dict[str, object]:
    """Return what is to be known about the weights at `path`; the accuracy is measured here, with those weights."""
    net = load(path)
    about = {
        "cifar10": ("CIFAR-10's training pictures (Krizhevsky 2009), JPEG", "research use; no pictures are shipped"),
        "families": (f"pictures of {len(FAMILIES)} procedural families, painted by this project at {SIDE} px", "MIT"),
    }
    return {
        "name": "ganvas_net",
        "version": 1,
        "weights": path.name,
        "sha256": checksum(path),
        "bytes": path.stat().st_size,
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "data": {
            name: {
                "what": about[name][0],
                "terms": about[name][1],
                "classes": list(task.classes),
                "training": len(task.training),
                "held_out": len(task.held_out),
                "held_out_accuracy": round(accuracy(net, task, name), 4),
            }
            for name, task in tasks.items()
        },
        "settings": settings.model_dump(mode="json"),
        "torch": torch.__version__,
        "reproduce": "python -m pipeline.features.train_net --cifar10 PATH",
    }


def main(
    cifar10: Annotated[Path, typer.Option(help="CIFAR-10's training pictures: a folder or zip, a folder per class.")],
    settings: Annotated[Path, typer.Option(help="How to train.")] = Path("zoo/features.yaml"),
    out: Annotated[Path, typer.Option(help="The folder for the weights and their card.")] = WEIGHTS.parent,
) -> None:
    """Train the feature network and write its weights and card."""
    try:
        chosen = parse_section(Settings, yaml.safe_load(settings.read_text(encoding="utf-8")), str(settings))
        pictures = Folder(path=str(cifar10), size=32, channels=3)
        painted = Procedural(count=chosen.pictures_per_family * len(FAMILIES), size=SIDE, channels=3, seed=chosen.seed)
        tasks = {
            "cifar10": read_task(pictures, held_out=chosen.held_out, what="CIFAR-10"),
            "families": read_task(painted, held_out=chosen.held_out, what="the procedural families"),
        }
        net = train(tasks, chosen)
        calibrate(net, tasks)
        out.mkdir(parents=True, exist_ok=True)
        with writing(out / WEIGHTS.name) as scratch:
            save(net, scratch)
        said = card(out / WEIGHTS.name, tasks, chosen)
        with writing(out / CARD.name) as scratch:
            scratch.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    except (OSError, PipelineError) as error:
        console.print(f"Error: {error}")
        sys.exit(1)
    for name, task in tasks.items():
        console.print(
            f"{name}: {accuracy(load(out / WEIGHTS.name), task, name):.1%} of {len(task.held_out):,} held out"
        )


if __name__ == "__main__":
    typer.run(main)
