"""What the pipeline costs on top of bare training: the painter's steps alone, its train stage, and all of `dvc repro`.

python bench/overhead.py [--steps N]

All three run in a scratch clone of what is committed, each in processes of its own, their start included. Without
`--steps` the recipe is trained as it is. CPU seconds hold on a busy machine too.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
import yaml

ROOT = Path(__file__).resolve().parent.parent
RECIPE = "painter"
BARE = f"""
from pathlib import Path
from pipeline.assembly import assemble
from pipeline.data.dataset import Dataset
from pipeline.device import choose_device, keep_memory
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

recipe = read_recipe(Path("params.yaml"), "{RECIPE}")
trainer, _ = assemble(recipe, Dataset.open(Workspace("{RECIPE}").prepared), device=choose_device())
keep_memory()
for _ in trainer.run():
    pass
"""


def main(
    steps: Annotated[int, typer.Option(min=0, help="Steps of the training; 0 takes the recipe's.")] = 0,
) -> None:
    """Print seconds and CPU seconds of all three, and what the longer ones add."""
    print(table(measure(steps)))


def measure(steps: int = 0) -> dict[str, tuple[float, float]]:
    """Return seconds and CPU seconds by what was run."""
    with tempfile.TemporaryDirectory() as scratch:
        clone = Path(scratch) / "ganvas"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        recipe = yaml.safe_load((clone / "params.yaml").read_text(encoding="utf-8"))["recipes"][RECIPE]
        if steps:
            recipe["train"]["budget"] = {"steps": steps}
        (clone / "params.yaml").write_text(yaml.safe_dump({"recipes": {RECIPE: recipe}}), encoding="utf-8")
        python = [sys.executable, "-m"]
        run(clone, [*python, "pipeline", "prepare", RECIPE])
        return {
            "bare training": run(clone, [sys.executable, "-c", BARE]),
            "train stage, tracked": run(clone, [*python, "pipeline", "train", RECIPE]),
            "dvc repro, all stages": run(clone, [*python, "dvc", "repro"]),
            "dvc repro, nothing to do": run(clone, [*python, "dvc", "repro"]),
        }


def run(clone: Path, command: list[str]) -> tuple[float, float]:
    """Run a command in the clone, and return its seconds and CPU seconds, its children's included."""
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
    return round(time.perf_counter() - begun, 1), round(usage.ru_utime + usage.ru_stime, 1)


def table(costs: dict[str, tuple[float, float]]) -> str:
    """Return the costs as Markdown, each with what it adds to the first in percent."""
    bare = next(iter(costs.values()))
    lines = ["| the painter | seconds | CPU seconds | over bare training |", "|---|---|---|---|"]
    for name, cost in costs.items():
        added = [f"{100 * (value / base - 1):+.0f} %" for value, base in zip(cost, bare, strict=True)]
        lines.append(f"| {name} | {cost[0]} | {cost[1]} | {added[0]} on the clock, {added[1]} of CPU |")
    return "\n".join(lines)


if __name__ == "__main__":
    typer.run(main)
