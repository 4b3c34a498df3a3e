"""Quality per minute: the painter's way of training against the plain DCGAN, both for the same time on this machine.

python bench/quality.py DATA_FOLDER [--minutes M] [--marks K]

DATA_FOLDER is a prepared data set (`data/painter`). Both train in turns, a K-th of their time each, so that whatever
else the machine does slows down both; each is scored at the end of its turn by the Frechet distance of its averaged
weights' samples, which stops the clock. Writes `quality-NAME-Mmin.csv` and `.png` beside this file.
"""

import csv
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import matplotlib as mpl
import numpy as np
import torch
import typer
from matplotlib import pyplot as plt
from rich.progress import track

from pipeline.assembly import assemble
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device
from pipeline.features.ganvas_net import GanvasNet
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.networks.dcgan import Dcgan
from pipeline.objectives.adversarial import Adversarial
from pipeline.pictures import to_uint8
from pipeline.recipe import Budget, Recipe, Training, read_recipe
from pipeline.scoring import Scorer

SAMPLES = 1000
BASELINE = "dcgan, nonsaturating loss, as published"
OURS = "Ganvas, the painter's recipe"
"""The names in the plot."""


@dataclass(frozen=True, slots=True)
class Point:
    """How good a training was at one moment."""

    step: int
    minutes: float
    frechet: float


def main(
    data: Annotated[Path, typer.Argument(metavar="DATA_FOLDER", help="A prepared data set, such as data/painter.")],
    minutes: Annotated[float, typer.Option(help="How long each side trains.")] = 5.0,
    marks: Annotated[int, typer.Option(help="How often each side is scored.")] = 10,
) -> None:
    """Draw the Frechet distance of both recipes against the minutes that they trained."""
    dataset = Dataset.open(data)
    scorer = Scorer(GanvasNet(), dataset, samples=SAMPLES, seed=0)
    curves = [curve(name, dataset, scorer, minutes=minutes, marks=marks) for name in (OURS, BASELINE)]
    turns = list(track(zip(*curves, strict=True), total=marks, description="both in turns"))
    sides = dict(zip((OURS, BASELINE), zip(*turns, strict=True), strict=True))
    target = Path(__file__).parent / f"quality-{data.name}-{minutes:g}min"
    with target.with_suffix(".csv").open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["recipe", "step", "minutes", "frechet"])
        rows.writerows(
            (name, point.step, f"{point.minutes:.3f}", f"{point.frechet:.3f}")
            for name, points in sides.items()
            for point in points
        )
    draw(sides, target.with_suffix(".png"), title=f"{data.name}, {dataset.image.size} px")
    ratio = sides[OURS][-1].frechet / sides[BASELINE][-1].frechet
    print(f"{data.name}: after {minutes:g} minutes {ratio:.2f} of the plain recipe's distance")


def curve(name: str, dataset: Dataset, scorer: Scorer, *, minutes: float, marks: int) -> Iterator[Point]:
    """Yield a training's score at `marks` moments."""
    recipe, device = side(name, minutes), choose_device()
    trainer, _ = assemble(recipe, dataset, device=device)
    labels = torch.from_numpy(np.random.default_rng(0).choice(dataset.labels[dataset.training], SAMPLES))
    trainer.fit_into(minutes)
    run, trained = trainer.run(), 0.0
    for mark in range(1, marks + 1):
        begun = time.perf_counter()
        while trainer.step < trainer.steps * mark // marks:
            next(run)
        trained += time.perf_counter() - begun
        with torch.no_grad():
            pictures = recipe.objective.draw(trainer.averaged, labels.to(device), seed=0)
        assert pictures is not None
        score = scorer.score(to_uint8(pictures.float().cpu().numpy()))["frechet"]
        yield Point(trainer.step, trained / 60, score)


def side(name: str, minutes: float) -> Recipe:
    """Return the recipe of one of the two sides."""
    painter = read_recipe(Path(__file__).parent.parent / "params.yaml", "painter")
    if name == OURS:
        return replace(painter, train=painter.train.model_copy(update={"budget": Budget(minutes=minutes)}))
    rates = {"generator": 2e-4, "discriminator": 2e-4}
    plain = {"budget": {"minutes": minutes}, "batch": 32, "learning_rates": rates, "betas": (0.5, 0.999)}
    return replace(
        painter,
        network=Dcgan(width=16, max_width=128),
        objective=Adversarial(),
        loss=NonSaturating(),
        train=Training.model_validate(plain),
    )


def draw(sides: Mapping[str, Sequence[Point]], path: Path, *, title: str) -> None:
    """Write the curves as a picture."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in sides.items():
        axes.plot([point.minutes for point in points], [point.frechet for point in points], marker="o", label=name)
    axes.set(xlabel="minutes of training", ylabel="Fréchet distance (lower is better)", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    typer.run(main)
