"""A whole training on two real ranks: one dies, one is asked to stop, and the end is the same."""

import copy
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from ranks import ROOT, finish, free_port, launch
from recipes import PAINTER, write_params

from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

TRAIN = ("-m", "pipeline", "train", "painter")
LOST = "rank 0 of 2 has lost another rank, which died or does not answer; run the same command again"


def start() -> list[subprocess.Popen[str]]:
    port = free_port()
    return [launch(*TRAIN, rank=rank, port=port) for rank in (0, 1)]


def wait_until(happened: Callable[[], object], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not happened() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)


@pytest.mark.slow
def test_a_training_whose_rank_was_killed_goes_on_and_ends_as_if_nothing_had_been(workplace: Path) -> None:
    workspace = Workspace("painter")
    section = copy.deepcopy(PAINTER)
    section["train"] |= {"budget": {"steps": 60}, "checkpoint_every": 1}
    prepare(read_recipe(write_params(Path("params.yaml"), painter=section), "painter"), workspace)
    assert [code for code, _ in finish(*start())] == [0, 0]
    straight = torch.load(workspace.checkpoint, weights_only=True)
    curves = (workspace.reports / "training.csv").read_bytes()
    workspace.checkpoint.unlink()

    left, killed = start()
    wait_until(lambda: list(workspace.progress.glob("*.pt")), left)
    killed.kill()
    (code, told), _ = finish(left, killed)
    assert code == 1
    assert f"{LOST}, it goes on after the last checkpoint" in told
    assert "Traceback" not in told

    (unfinished,) = workspace.progress.glob("*.pt")
    before = unfinished.stat().st_mtime_ns
    other, asked = start()
    wait_until(lambda: unfinished.stat().st_mtime_ns != before, other)
    asked.terminate()
    results = finish(other, asked)
    assert [code for code, _ in results] == [128 + signal.SIGTERM] * 2
    assert "training goes on after step" in results[0][1]
    assert "stopped after step" in results[0][1]
    assert results[1][1].count("painter") == 0, "rank 0 alone tells"
    assert not workspace.checkpoint.exists()

    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *TRAIN]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    again = subprocess.run([sys.executable, *torchrun], stderr=subprocess.PIPE, text=True, env=environment, check=True)
    assert again.stderr.count("training goes on after step") == 1
    resumed = torch.load(workspace.checkpoint, weights_only=True)
    for name, tensor in straight["state"]["averaged"]["generator"].items():
        assert torch.equal(tensor, resumed["state"]["averaged"]["generator"][name])
    assert (workspace.reports / "training.csv").read_bytes() == curves
