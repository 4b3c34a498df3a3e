"""Quality per minute: the painter's way of training against the plain DCGAN, both for the same time on this machine.

python bench/quality.py DATA_FOLDER [--minutes M] [--marks K]

DATA_FOLDER is a prepared data set (`data/painter`). Trains one after the other, each scored at the same K moments by
the Frechet distance of its averaged weights' samples; scoring stops the clock. Writes `quality-NAME.csv` and
`quality-NAME.png` beside this file.
"""

import csv
import time
from collections.abc import Iterator
from dataclasses import replace
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


def main(
    data: Annotated[Path, typer.Argument(metavar="DATA_FOLDER", help="A prepared data set, such as data/painter.")],
    minutes: Annotated[float, typer.Option(help="How long each side trains.")] = 5.0,
    marks: Annotated[int, typer.Option(help="How often each side is scored.")] = 10,
) -> None:
    """Draw the Frechet distance of both recipes against the minutes that they trained."""
    dataset = Dataset.open(data)
    scorer = Scorer(GanvasNet(), dataset, samples=SAMPLES, seed=0)
    sides = {name: list(curve(name, dataset, scorer, minutes=minutes, marks=marks)) for name in (OURS, BASELINE)}
    target = Path(__file__).parent / f"quality-{data.name}"
    with target.with_suffix(".csv").open("w", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(["recipe", "minutes", "frechet"])
        rows.writerows((name, f"{at:.3f}", f"{score:.3f}") for name, points in sides.items() for at, score in points)
    draw(sides, target.with_suffix(".png"), title=f"{data.name}, {dataset.image.size} px")
    ratio = sides[OURS][-1][1] / sides[BASELINE][-1][1]
    print(f"{data.name}: after {minutes:g} minutes {ratio:.2f} of the plain recipe's distance")


def curve(name: str, dataset: Dataset, scorer: Scorer, *, minutes: float, marks: int) -> Iterator[tuple[float, float]]:
    """Yield (minutes trained, Frechet distance) at `marks` moments of one training."""
    recipe, device = side(name, minutes), choose_device()
    trainer, _ = assemble(recipe, dataset, device=device)
    labels = torch.from_numpy(np.random.default_rng(0).choice(dataset.labels[dataset.training], SAMPLES))
    trainer.fit_into(minutes)
    run, trained = trainer.run(), 0.0
    for mark in track(range(1, marks + 1), description=name):
        begun = time.perf_counter()
        while trainer.step < trainer.steps * mark // marks:
            next(run)
        trained += time.perf_counter() - begun
        with torch.no_grad():
            pictures = recipe.objective.draw(trainer.averaged, labels.to(device), seed=0)
        assert pictures is not None
        yield trained / 60, scorer.score(to_uint8(pictures.float().cpu().numpy()))["frechet"]


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


def draw(sides: dict[str, list[tuple[float, float]]], path: Path, *, title: str) -> None:
    """Write the curves as a picture."""
    mpl.use("Agg")
    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for name, points in sides.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(xlabel="minutes of training", ylabel="Fréchet distance (lower is better)", title=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    typer.run(main)
