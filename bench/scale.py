"""What each stage costs against the number of pictures: seconds, CPU seconds and peak memory, of 64 px pictures.

python bench/scale.py [--sizes 1000,10000,100000] [--steps 100]

Each stage is a process of its own, as on the command line, so its start is counted. CPU seconds hold on a busy machine
too. Prints a table in Markdown and merges its rows into `scale.json` beside this file.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer
import yaml

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).parent / "scale.json"
RECIPE = "painter"
_LOOK_EVERY = 0.05
"""Seconds between looks at the memory of a running stage."""
STAGES = {
    "prepare": ["prepare", RECIPE],
    "prepare, one share of four": ["prepare", RECIPE, "--shard", "1/4"],
    "prepare, joining four": ["prepare", RECIPE, "--merge", "4"],
    "train": ["train", RECIPE],
    "export": ["export", RECIPE],
    "evaluate": ["evaluate", RECIPE],
    "sample": ["sample", RECIPE, "samples"],
}


@dataclass(frozen=True, slots=True)
class Cost:
    """What one stage took for `pictures` pictures: on the clock, of processors, and at most in memory.

    `own_mib` leaves out pages of mapped files, which the system may take back; 0 where the system does not tell.
    """

    stage: str
    pictures: int
    seconds: float
    cpu_seconds: float
    peak_mib: int
    own_mib: int


def main(
    sizes: Annotated[str, typer.Option(help="Numbers of pictures, with commas between.")] = "1000,10000",
    steps: Annotated[int, typer.Option(min=1, help="Steps of the training, whatever the size.")] = 100,
) -> None:
    """Run the painter's stages on more and more pictures."""
    costs = [cost for size in map(int, sizes.split(",")) for cost in measure(size, steps)]
    known = json.loads(RESULTS.read_text(encoding="utf-8"))["costs"] if RESULTS.exists() else []
    again = {(cost.stage, cost.pictures) for cost in costs}
    rows = [row for row in known if (row["stage"], row["pictures"]) not in again] + [asdict(cost) for cost in costs]
    rows.sort(key=lambda row: ([*STAGES].index(row["stage"]), row["pictures"]))
    report = {"cores": os.cpu_count(), "steps": steps, "costs": rows}
    RESULTS.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    print("| stage | pictures | seconds | CPU seconds | peak MiB | own MiB |\n|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |")


def measure(size: int, steps: int) -> list[Cost]:
    """Return what every stage takes for so many pictures, in a folder that is then removed."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        recipe = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))["recipes"][RECIPE]
        recipe["data"]["count"] = size
        recipe["train"]["budget"] = {"steps": steps}
        (folder / "params.yaml").write_text(yaml.safe_dump({"recipes": {RECIPE: recipe}}), encoding="utf-8")
        costs = []
        for stage, arguments in STAGES.items():
            if "joining" in stage:
                for share in ("2/4", "3/4", "4/4"):
                    run(folder, ["prepare", RECIPE, "--shard", share])
            more = ["--count", str(size)] if stage == "sample" else []
            seconds, cpu_seconds, peak, own = run(folder, [*arguments, *more])
            costs.append(Cost(stage, size, round(seconds, 1), round(cpu_seconds, 1), peak, own))
            print(costs[-1], file=sys.stderr, flush=True)
    return costs


def run(folder: Path, arguments: list[str]) -> tuple[float, float, int, int]:
    """Run one command there, and return its seconds and CPU seconds, its peak memory in MiB, and that of its own."""
    # One thread: where others work too, those that wait for each other would spin, and that would count.
    environment = os.environ | {"PYTHONPATH": str(ROOT), "GANVAS_TRACKING": "off", "OMP_NUM_THREADS": "1"}
    begun = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", *arguments], cwd=folder, env=environment, stdout=log, stderr=log
        )
        own, ended = 0, 0
        while not ended:
            own = max(own, own_memory(process.pid))
            time.sleep(_LOOK_EVERY)
            ended, status, usage = os.wait4(process.pid, os.WNOHANG)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit((folder / "log").read_text(encoding="utf-8"))
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return time.perf_counter() - begun, usage.ru_utime + usage.ru_stime, usage.ru_maxrss // unit, own


def own_memory(process: int) -> int:
    """Return how many MiB of a running process's memory no file stands for."""
    status = Path(f"/proc/{process}/status")
    lines = status.read_text(encoding="utf-8").splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("RssAnon")), 0)


if __name__ == "__main__":
    typer.run(main)
