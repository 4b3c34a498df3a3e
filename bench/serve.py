"""The engine under load: pictures per second and how long each takes, beside torch eager behind the same endpoint.

python bench/serve.py [--seconds S] [--rounds N] [--clients N ...]

Three servers on loopback, each a process of its own: Ganvas with requests joined, Ganvas with each by itself, and torch
eager with each by itself. They are asked in turns, by clients that each want the next picture when they have the last.
Every answer is compared with the picture that its request has to give: bit for bit for Ganvas, within rounding for
torch. Writes `serve.json` and `serve.md` beside this file. Milliseconds belong to one machine and one hour; the ratios
are what lasts.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from contests import machine
from load import Question, Tally, burst
from rich.progress import track
from serving import ENGINES, RECIPE, write_models

from demo.engine import Model, draw_noise

HERE = Path(__file__).parent
NAMES = {
    "joined": "Ganvas, requests joined",
    "single": "Ganvas, as it is on a CPU",
    "torch": "torch eager, one by one",
}
BASELINE = "torch"
PICTURES = 64
TOLERANCE = {"joined": 0.0, "single": 0.0, "torch": 1e-3}


@dataclass(frozen=True, slots=True)
class Row:
    """One server with so many clients: medians over the rounds, and percentiles in milliseconds over all answers.

    `processor_ms` is what the server's process took of all cores for one picture.
    """

    engine: str
    clients: int
    pictures_per_second: float
    times_baseline: float
    processor_ms: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    answers: int
    lost: int
    foreign: int
    wrong: int


def main(
    seconds: Annotated[float, typer.Option(help="Seconds of each burst.")] = 6.0,
    rounds: Annotated[int, typer.Option(help="How often each server has its burst with each number of clients.")] = 3,
    clients: Annotated[list[int] | None, typer.Option(help="How many ask at once; may be said again.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the results are written.")] = HERE,
) -> None:
    """Measure, print a table and write it down."""
    counts = clients or [1, 4, 16, 64]
    with tempfile.TemporaryDirectory() as models, ExitStack() as stack:
        questions = ask_ahead(write_models(Path(models)))
        servers = {engine: stack.enter_context(running(engine, Path(models))) for engine in ENGINES}
        for engine, (port, _) in servers.items():
            burst(port, RECIPE, questions[engine], clients=max(counts), seconds=seconds / 2)
        tallies: dict[tuple[str, int], list[Tally]] = {}
        plan = [(count, engine) for _ in range(rounds) for count in counts for engine in ENGINES]
        for count, engine in track(plan, description="bursts"):
            port, process = servers[engine]
            before = busy_seconds(process.pid)
            tally = burst(port, RECIPE, questions[engine], clients=count, seconds=seconds)
            tally.busy = busy_seconds(process.pid) - before
            tallies.setdefault((engine, count), []).append(tally)
        memory = {engine: peak_mib(process.pid) for engine, (_, process) in servers.items()}
    rows = [summarize(engine, count, tallies) for count in counts for engine in ENGINES]
    report = {
        "machine": machine(),
        "model": RECIPE,
        "seconds": seconds,
        "rounds": rounds,
        "rows": [asdict(row) for row in rows],
        "peak_mib": memory,
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "serve.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / "serve.md").write_text(table(rows), encoding="utf-8")
    print(table(rows))


def ask_ahead(path: Path) -> dict[str, list[Question]]:
    """Return for each server the requests with the pictures that must come back."""
    model = Model.open(path, device="cpu")
    latent, weights = (int(port.shape[1]) for port in model.card.inputs)
    drawn = []
    for seed in range(PICTURES):
        classes = np.eye(weights, dtype=np.float32)[[seed % weights]]
        feeds = {
            port.name: array
            for port, array in zip(model.card.inputs, (draw_noise([seed], latent), classes), strict=True)
        }
        drawn.append((feeds, model.run(feeds)))
    return {engine: [Question(*pair, tolerance) for pair in drawn] for engine, tolerance in TOLERANCE.items()}


@contextmanager
def running(engine: str, folder: Path) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Start a server, and yield its port and its process."""
    command = [sys.executable, HERE / "serving.py", engine, folder]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield int(process.stdout.readline()), process
        finally:
            process.terminate()


def summarize(engine: str, clients: int, tallies: dict[tuple[str, int], list[Tally]]) -> Row:
    """Return the figures of one server; its speed is compared with the baseline's round by round."""
    own, baseline = tallies[engine, clients], tallies[BASELINE, clients]
    speeds = [len(tally.latencies) / tally.seconds for tally in own]
    others = [len(tally.latencies) / tally.seconds for tally in baseline]
    taken = np.concatenate([tally.latencies for tally in own])
    p50, p95, p99 = (round(1000 * float(value), 2) for value in np.percentile(taken, (50, 95, 99)))
    return Row(
        engine=engine,
        clients=clients,
        pictures_per_second=round(float(np.median(speeds)), 1),
        times_baseline=round(float(np.median(np.divide(speeds, others))), 2),
        processor_ms=round(1000 * sum(tally.busy for tally in own) / len(taken), 2),
        p50_ms=p50,
        p95_ms=p95,
        p99_ms=p99,
        answers=len(taken),
        lost=sum(tally.lost for tally in own),
        foreign=sum(tally.foreign for tally in own),
        wrong=sum(tally.wrong for tally in own),
    )


def busy_seconds(pid: int) -> float:
    """Return how long a process has had processors so far, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/stat")
    fields = status.read_text().rpartition(")")[2].split() if status.exists() else ["0"] * 13
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_mib(pid: int) -> int:
    """Return the most memory that a process had, 0 where the system does not tell."""
    status = Path(f"/proc/{pid}/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM")), 0)


def table(rows: list[Row]) -> str:
    """Return the rows as people read them."""
    head = ("clients", "server", "pictures/s", "against torch", "processor", "p50", "p95", "p99", "answers")
    head = (*head, "lost, foreign, wrong")
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    lines += [
        f"| {row.clients} | {NAMES[row.engine]} | {row.pictures_per_second:.1f} | **{row.times_baseline:.2f}x** | "
        f"{row.processor_ms:.1f} ms | "
        f"{row.p50_ms:.1f} ms | {row.p95_ms:.1f} ms | {row.p99_ms:.1f} ms | {row.answers} | "
        f"{row.lost}, {row.foreign}, {row.wrong} |"
        for row in rows
    ]
    known = ", ".join(f"{name} {value}" for name, value in machine().items())
    return "\n".join([*lines, "", f"Measured in turns, clients and servers on one machine; {known}.", ""])


if __name__ == "__main__":
    typer.run(main)
