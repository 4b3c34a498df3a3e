"""Stage: prepared pictures -> trained networks, with their curves and a sheet of samples.

python -m pipeline train RECIPE
torchrun --standalone --nproc-per-node RANKS -m pipeline train RECIPE

Killed at any moment, it continues from its last checkpoint when it is run again.
"""

import csv
import hashlib
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import torch

from pipeline import checkpoint
from pipeline.assembly import assemble
from pipeline.contracts import Batch
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, memory_advice
from pipeline.distributed import World
from pipeline.errors import Interrupted, TrainingError
from pipeline.pictures import grid, to_uint8
from pipeline.progress import console, tracked
from pipeline.recipe import Recipe
from pipeline.tracking import NullTracker, Tracker, open_tracker
from pipeline.training import Row, Trainer
from pipeline.watch import Watch
from pipeline.workspace import Workspace, writing

_CODE = (
    *(
        "assembly.py",
        "compiling.py",
        "contracts.py",
        "device.py",
        "distributed.py",
        "doctor.py",
        "schedules.py",
        "scoring.py",
    ),
    *("training.py", "train.py", "watch.py"),
    *("networks", "losses", "objectives", "features", "descriptors"),
)


def train(recipe: Recipe, workspace: Workspace) -> None:
    """Train the networks of `recipe`; write the checkpoint, the curves and a sheet of samples.

    Raises:
        DataError: the data are missing or too few for a batch.
        RecipeError: the ranks cannot share a batch evenly.
        TrainingError: the training has failed, or a rank was lost; the MLflow run is marked as failed.
        Interrupted: Ctrl-C or SIGTERM; the state is saved and the MLflow run marked as killed.

    """
    dataset, device = Dataset.open(workspace.prepared), choose_device()
    with World.join(device) as world:
        console.quiet = not world.leads
        trainer, example = assemble(recipe, dataset, device=device, world=world)
        unfinished = workspace.progress / f"{_digest(recipe, dataset, world)}.pt"
        _start(recipe, trainer, unfinished=unfinished)
        tracker: Tracker = NullTracker()
        if world.leads:
            memory = workspace.progress / "run.json"
            tracker = open_tracker(recipe, data_digest=dataset.digest, memory=memory, resume=trainer.step > 0)
        with _reporting_to(tracker):
            tracker.log_params(_settings(recipe))
            good = unfinished.with_name(f"{unfinished.stem}-good.pt")
            watch = Watch(recipe, dataset, trainer=trainer, tracker=tracker, good=good)
            if trainer.step == 0:
                watch.keep_good()
            while trainer.step < trainer.steps:
                _run(recipe, workspace, trainer=trainer, example=example, unfinished=unfinished, watch=watch)
            if world.leads:
                _finish(recipe, workspace, trainer=trainer)
                tracker.log_file(workspace.reports / "training.csv")
        if world.leads:
            shutil.rmtree(workspace.progress, ignore_errors=True)


def _start(recipe: Recipe, trainer: Trainer, *, unfinished: Path) -> None:
    """Continue from the checkpoint that rank 0 finds, else measure how many steps the budget is."""
    world = trainer.world
    if len(set(world.gather(unfinished.name))) > 1:
        raise TrainingError(f"{recipe.name}: the ranks differ in recipe, data, code or torch; give each the same")
    state = checkpoint.load(unfinished, digest=unfinished.stem) if world.leads and unfinished.exists() else None
    state = world.broadcast(state)
    if state is not None:
        trainer.restore(state)
        console.print(f"{recipe.name}: training goes on after step {trainer.step:,} of {trainer.steps:,}")
    elif recipe.train.budget.minutes:
        trainer.fit_into(recipe.train.budget.minutes)
        console.print(f"{recipe.name}: {recipe.train.budget.minutes:g} minutes are {trainer.steps:,} steps here")


def _run(
    recipe: Recipe, workspace: Workspace, *, trainer: Trainer, example: Batch, unfinished: Path, watch: Watch
) -> None:
    """Train until the last step or until the training falls back to an earlier one."""
    config, world = recipe.train, trainer.world
    steps = tracked(trainer.run(), total=trainer.steps, done=trainer.step, description=f"{recipe.name}: training")
    pause = -(-trainer.steps // config.snapshots)
    with _stop_signals() as received, memory_advice(config.batch):
        for step, figures in steps:
            watch.tracker.log_metrics(step, figures)
            last = step == trainer.steps
            if step % pause == 0 or last:
                if world.leads:
                    watch.tracker.log_picture(_write_samples(recipe, workspace, trainer, example))
                watch.take_snapshot()
            if (figures or step % pause == 0) and watch.examine():
                return
            stop = int(world.largest(received[0] if received else 0))
            if stop or step % config.checkpoint_every == 0 or last:
                state = trainer.state()
                if world.leads:
                    checkpoint.save(unfinished, state, digest=unfinished.stem)
                watch.tracker.flush()
            if stop:
                raise Interrupted(
                    f"{recipe.name}: stopped after step {step:,} of {trainer.steps:,}; the same command goes on there",
                    stop,
                )


def _write_samples(recipe: Recipe, workspace: Workspace, trainer: Trainer, example: Batch) -> Path:
    sheet = _sheet_of(workspace, trainer.step)
    with torch.no_grad(), writing(sheet) as scratch:
        pictures, columns = recipe.objective.preview(trainer.averaged, example)
        grid(to_uint8(pictures.cpu().numpy()), columns=columns).save(scratch)
    return sheet


def _sheet_of(workspace: Workspace, step: int) -> Path:
    return workspace.progress / f"samples-{step:06d}.png"


def _finish(recipe: Recipe, workspace: Workspace, *, trainer: Trainer) -> None:
    """Write what is kept: the best snapshot, or the last where the recipe says so or none was scored."""
    averaged = {role: module.state_dict() for role, module in trainer.averaged.items()}
    kept: dict[str, Any] = {"step": trainer.step, "averaged": averaged}
    if recipe.train.watch.keep == "best":
        kept |= trainer.best
    with writing(workspace.reports / "training.png") as scratch:
        shutil.copyfile(_sheet_of(workspace, kept["step"]), scratch)
    _write_curves(workspace.reports / "training.csv", trainer.history)
    checkpoint.save(workspace.checkpoint, {"steps": kept["step"], "averaged": kept["averaged"]}, digest=recipe.digest)


def _digest(recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Return what an unfinished training must share with this one to be continued: recipe, data, code and ranks."""
    digest = hashlib.sha256(f"{recipe.digest} {dataset.digest} {torch.__version__} {world.size}".encode())
    home = Path(__file__).parent
    for file in sorted(
        file for name in _CODE for file in ((home / name).rglob("*.py") if "." not in name else [home / name])
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def _settings(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as flat names and values, for the tracker."""
    sections = {"data": recipe.data, "network": recipe.network, "objective": recipe.objective, "loss": recipe.loss}
    return {
        f"{section}.{key}": value
        for section, content in {**sections, "train": recipe.train}.items()
        for key, value in content.model_dump(mode="json").items()
    }


def _write_curves(path: Path, history: list[Row]) -> None:
    with writing(path) as scratch, scratch.open("w", newline="") as stream:
        names = dict.fromkeys(name for row in history for name in row)
        writer = csv.DictWriter(stream, fieldnames=list(names), lineterminator="\n")
        writer.writeheader()
        writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in history)


@contextmanager
def _reporting_to(tracker: Tracker) -> Iterator[None]:
    """End the tracked run as what became of the block: finished, killed or failed."""
    try:
        yield
    except Interrupted:
        tracker.finish("KILLED")
        raise
    except BaseException:
        tracker.finish("FAILED")
        raise
    tracker.finish("FINISHED")


@contextmanager
def _stop_signals() -> Iterator[list[int]]:
    """Yield a list that fills with the signals that ask to stop; a second one stops at once."""
    received: list[int] = []
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        signal.signal(number, before[signal.Signals(number)])

    for number in before:
        signal.signal(number, note)
    try:
        yield received
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is note:
                signal.signal(number, handler)
