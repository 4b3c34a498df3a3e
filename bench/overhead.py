"""What the pipeline costs on top of bare training: the steps of each default recipe alone, and all its stages.

python bench/overhead.py [--steps N]

Both run in a scratch clone of what is committed, each in processes of its own, their start included. Without `--steps`
the recipes are trained as they are. CPU seconds hold on a busy machine too.
"""

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml

ROOT = Path(__file__).resolve().parent.parent
BARE = """
import sys
from pathlib import Path
from pipeline.assembly import assemble
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, keep_memory
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

name = sys.argv[1]
dataset = Dataset.open(Workspace(name).prepared)
trainer, _ = assemble(read_recipe(Path("params.yaml"), name), dataset, device=choose_device())
keep_memory()
for _ in trainer.run():
    pass
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds on the clock, and of all processors."""

    seconds: float
    cpu_seconds: float

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(round(self.seconds + other.seconds, 1), round(self.cpu_seconds + other.cpu_seconds, 1))


@dataclass(frozen=True, slots=True)
class Costs:
    """Bare training and all stages, by recipe, and a run that finds nothing to do."""

    bare: dict[str, Cost]
    stages: dict[str, Cost]
    nothing: Cost


def main(
    steps: Annotated[int, typer.Option(min=0, help="Steps of each training; 0 takes the recipe's.")] = 0,
) -> None:
    """Print what bare training and all stages take, and what the stages add."""
    print(table(measure(steps)))


def measure(steps: int = 0) -> Costs:
    """Return what bare training, all stages, and nothing to do cost in this machine's seconds."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "ganvas"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        recipes = yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))["recipes"]
        for recipe in recipes.values():
            recipe["train"]["budget"] = {"steps": steps} if steps else recipe["train"]["budget"]
        (clone / "params.yaml").write_text(yaml.safe_dump({"recipes": recipes}), encoding="utf-8")
        python = [sys.executable, "-m"]
        bare, stages = {}, {}
        for name in recipes:
            run(clone, [*python, "pipeline", "prepare", name])
            bare[name] = run(clone, [sys.executable, "-c", BARE, name])
            stages[name] = run(clone, [*python, "dvc", "repro", f"register@{name}"])
        return Costs(bare, stages, run(clone, [*python, "dvc", "repro"]))


def run(clone: Path, command: list[str]) -> Cost:
    """Run a command in the clone, and return what it cost, its children included."""
    outer = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "DVC_", "GANVAS_"))}
    path = f"{Path(sys.executable).parent}:{outer['PATH']}"
    environment = outer | {"PYTHONPATH": str(clone), "PATH": path, "DVC_NO_ANALYTICS": "1"}
    begun = time.perf_counter()
    with (clone.parent / "log").open("wb") as log:
        process = subprocess.Popen(command, cwd=clone, env=environment, stdout=log, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((clone.parent / "log").read_text(encoding="utf-8"))
    return Cost(round(time.perf_counter() - begun, 1), round(usage.ru_utime + usage.ru_stime, 1))


def table(costs: Costs) -> str:
    """Return the costs as Markdown, with what the stages add in percent."""
    bare = costs.bare | {"all": sum(costs.bare.values(), Cost(0.0, 0.0))}
    stages = costs.stages | {"all": sum(costs.stages.values(), Cost(0.0, 0.0))}
    lines = ["| recipe | bare training | all stages | on the clock | CPU seconds |", "|---|---|---|---|---|"]
    for name, base in bare.items():
        whole = stages[name]
        clock, cpu = whole.seconds / base.seconds - 1, whole.cpu_seconds / base.cpu_seconds - 1
        lines.append(f"| {name} | {base.seconds} s | {whole.seconds} s | {clock:+.1%} | {cpu:+.1%} |")
    return "\n".join([*lines, f"| nothing to do | | {costs.nothing.seconds} s | | |"])


if __name__ == "__main__":
    typer.run(main)
