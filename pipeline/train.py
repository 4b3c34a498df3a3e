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
from contextlib import contextmanager, nullcontext
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
from pipeline.penalty_sweep import SWEPT, sweep_penalties
from pipeline.pictures import grid, to_uint8
from pipeline.progress import console, tracked
from pipeline.recipe import Recipe
from pipeline.scoring import SCORES
from pipeline.tracking import SECONDS, NullTracker, Tracker, open_tracker
from pipeline.training import Row, Trainer
from pipeline.watch import Watch
from pipeline.workspace import Workspace, alone, writing

_CODE = (
    *("assembly.py", "autoencoders.py", "compiling.py", "contracts.py", "device.py", "distributed.py", "doctor.py"),
    *("penalty_sweep.py", "schedules.py", "scoring.py", "training.py", "train.py", "watch.py"),
    *("networks", "losses", "objectives", "features", "tasks", "descriptors"),
)


def train(recipe: Recipe, workspace: Workspace) -> None:
    """Train the networks of `recipe`; write the checkpoint, the curves and a sheet of samples.

    Raises:
        DataError: the data are missing or too few for a batch.
        RecipeError: the ranks cannot share a batch evenly.
        TrainingError: the training has failed, or a rank was lost; the MLflow run is marked as failed. Or another one
            of the recipe is running.
        Interrupted: Ctrl-C or SIGTERM; the state is saved and the MLflow run marked as killed.

    """
    dataset, device = Dataset.open(workspace.prepared, source=recipe.data), choose_device()
    with (
        World.join(device) as world,
        alone(workspace.training, f"training of '{recipe.name}'") if world.leads else nullcontext(),
    ):
        console.quiet = not world.leads
        with memory_advice(recipe.train.batch):
            trainer, example = assemble(recipe, dataset, device=device, world=world)
        unfinished = workspace.progress / f"{_digest(recipe, dataset, world)}.pt"
        goes_on = _start(recipe, trainer, unfinished=unfinished)
        tracker: Tracker = NullTracker()
        if world.leads:
            memory = workspace.progress / "run.json"
            tracker = open_tracker(recipe, data_digest=dataset.digest, memory=memory, resume=goes_on)
        with _reporting_to(tracker):
            tracker.log_params(settings_of(recipe))
            good = unfinished.with_name(f"{unfinished.stem}-good.pt")
            watch = Watch(recipe, dataset, trainer=trainer, tracker=tracker, good=good)
            if recipe.train.penalty_sweep and not goes_on:
                _sweep(recipe, trainer, unfinished=unfinished, watch=watch)
            if trainer.step == 0:
                watch.keep_good()
            while trainer.step < trainer.steps:
                _run(recipe, workspace, trainer=trainer, example=example, unfinished=unfinished, watch=watch)
            if world.leads:
                tracker.tag(SECONDS, f"{trainer.seconds:.1f}")
                for curve in _finish(recipe, workspace, trainer=trainer, digest=checkpoint.origin(recipe, dataset)):
                    tracker.log_file(curve)
        if world.leads:
            shutil.rmtree(workspace.progress, ignore_errors=True)


def _start(recipe: Recipe, trainer: Trainer, *, unfinished: Path) -> bool:
    """Continue from the checkpoint that rank 0 finds and return True, else measure how many steps the budget is."""
    world = trainer.world
    if len(set(world.gather(unfinished.name))) > 1:
        raise TrainingError(f"{recipe.name}: the ranks differ in recipe, data, code or torch; give each the same")
    state = checkpoint.load(unfinished, digest=unfinished.stem) if world.leads and unfinished.exists() else None
    state = world.broadcast(state)
    if state is not None:
        trainer.restore(state)
        console.print(f"{recipe.name}: training goes on after step {trainer.step:,} of {trainer.steps:,}")
        return True
    if world.leads and any(not file.stem.endswith("-good") for file in unfinished.parent.glob("*.pt")):
        console.print(
            f"{recipe.name}: an unfinished training of other settings, data or code lies in {unfinished.parent}; "
            "this one begins anew, and removes it at its end"
        )
    if recipe.train.budget.minutes:
        minutes, sweep = recipe.train.budget.minutes, recipe.train.penalty_sweep
        with memory_advice(recipe.train.batch):
            trainer.fit_into(minutes / (1 + sweep.cost) if sweep else minutes, period=recipe.objective.period)
        beside = " beside the sweep" if sweep else ""
        console.print(f"{recipe.name}: {minutes:g} minutes are {trainer.steps:,} steps here{beside}")
    return False


def _sweep(recipe: Recipe, trainer: Trainer, *, unfinished: Path, watch: Watch) -> None:
    """Choose the strength of the penalties, and save the choice: who goes on from here does not sweep again."""
    config, world = recipe.train.penalty_sweep, trainer.world
    assert config is not None
    total = config.steps_of(trainer.steps) * len(config.factors)
    steps = tracked(
        sweep_penalties(recipe, trainer, watch.score), total=total, description=f"{recipe.name}: sweep of penalties"
    )
    with _stop_signals() as received, memory_advice(recipe.train.batch):
        for _ in steps:
            stop = int(world.largest(received[0] if received else 0))
            if stop:
                raise Interrupted(f"{recipe.name}: stopped in its sweep; the same command begins it anew", stop)
    rows = trainer.history
    for number, row in enumerate(rows, start=1):
        watch.tracker.log_metrics(number, {name: value for name, value in row.items() if name != "step"})
    watch.tracker.tag("ganvas.penalty_factor", f"{trainer.penalty_factor:g}")
    found = ", ".join(f"{row['sweep_frechet']:.3g} with {row['sweep_factor']:g}" for row in rows)
    console.print(
        f"{recipe.name}: the training takes its penalties {trainer.penalty_factor:g} times as strong; the sweep's "
        f"distances were {found}"
    )
    state = trainer.state()
    if world.leads:
        checkpoint.save(unfinished, state, digest=unfinished.stem)


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


def _finish(recipe: Recipe, workspace: Workspace, *, trainer: Trainer, digest: str) -> list[Path]:
    """Write what is kept, completed: the best snapshot or, by choice or unscored, the last; return the curves."""
    best = trainer.best if recipe.train.watch.keep == "best" else {}
    step = best.get("step", trainer.step)
    for role, weights in best.get("averaged", {}).items():
        trainer.averaged[role].load_state_dict(weights)
    with torch.no_grad():
        recipe.objective.finish(trainer.averaged, trainer.sampler.each())
    with writing(workspace.reports / "training.png") as scratch:
        shutil.copyfile(_sheet_of(workspace, step), scratch)
    curves = _write_curves(workspace.reports, trainer.history)
    averaged = {role: module.state_dict() for role, module in trainer.averaged.items()}
    state = {"steps": step, "averaged": averaged, "penalty_factor": trainer.penalty_factor}
    checkpoint.save(workspace.checkpoint, state, digest=digest)
    why = f"the best of its snapshots, Fréchet distance {best['frechet']:.3g}" if best else "the last"
    console.print(
        f"{recipe.name}: kept the networks of step {step:,}, {why}; pictures and curves are in {workspace.reports}"
    )
    return curves


def _digest(recipe: Recipe, dataset: Dataset, world: World) -> str:
    """Return what an unfinished training must share with this one to be continued: recipe, data, code and ranks."""
    digest = hashlib.sha256(f"{recipe.digest} {dataset.digest} {torch.__version__} {world.size}".encode())
    home = Path(__file__).parent
    for file in sorted(
        file for name in _CODE for file in ((home / name).rglob("*.py") if "." not in name else [home / name])
    ):
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def settings_of(recipe: Recipe) -> dict[str, Any]:
    """Return the recipe as flat names and values, for the tracker."""
    sections = {"data": recipe.data, "network": recipe.network, "objective": recipe.objective, "loss": recipe.loss}
    return {
        f"{section}.{key}": value
        for section, content in {**sections, "train": recipe.train}.items()
        for key, value in content.model_dump(mode="json").items()
    }


def _write_curves(folder: Path, history: list[Row]) -> list[Path]:
    """Write the log ticks' figures, the snapshots' scores and the sweep apart: DVC draws an empty cell as nought."""
    figures = dict.fromkeys(name for row in history for name in row if name not in {"step", *SCORES, *SWEPT})
    files = []
    for kind, names in (("training", figures), ("snapshots", SCORES), ("sweep", SWEPT)):
        rows = [row for row in history if any(name in row for name in names)]
        columns = [name for name in ("step", *names) if name == "step" or any(name in row for row in rows)]
        path = folder / f"{kind}.csv"
        if kind == "sweep" and not rows:
            path.unlink(missing_ok=True)
            continue
        with writing(path) as scratch, scratch.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore", lineterminator="\n")
            writer.writeheader()
            writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
        files.append(path)
    return files


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
