"""A whole training on two real ranks: one dies, one is asked to stop, and the end is the same."""

import copy
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from commands import struck
from ranks import ROOT, finish, free_port, launch
from recipes import PAINTER, write_params

from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

TRAIN = ("-m", "pipeline", "train", "painter")
LOST = "rank 0 of 2 has lost another rank, which died or does not answer; run the same command again"


def start(number: int = 0, *, at: int = 1) -> list[subprocess.Popen[str]]:
    """Start two ranks; the second gets the signal, if one is given, when it meets the first for the n-th checkpoint."""
    second = [*struck(number, "pipeline.training.Trainer.state", at=at), *TRAIN[2:]] if number else TRAIN
    port = free_port()
    return [launch(*command, rank=rank, port=port) for rank, command in enumerate((TRAIN, second))]


@pytest.mark.slow
def test_a_training_whose_rank_was_killed_goes_on_and_ends_as_if_nothing_had_been(workplace: Path) -> None:
    workspace = Workspace("painter")
    section = copy.deepcopy(PAINTER)
    section["train"] |= {"budget": {"steps": 8}, "checkpoint_every": 1}
    prepare(read_recipe(write_params(Path("params.yaml"), painter=section), "painter"), workspace)
    assert [code for code, _ in finish(*start())] == [0, 0]
    straight = torch.load(workspace.checkpoint, weights_only=True)
    curves = (workspace.reports / "training.csv").read_bytes()
    workspace.checkpoint.unlink()

    (code, told), (killed, _) = finish(*start(signal.SIGKILL, at=3))
    assert (code, killed) == (1, -signal.SIGKILL)
    assert f"{LOST}, it goes on after the last checkpoint" in told
    assert "Traceback" not in told
    assert len(list(workspace.progress.glob("*.pt"))) == 1

    results = finish(*start(signal.SIGTERM))
    assert [code for code, _ in results] == [128 + signal.SIGTERM] * 2
    assert "training goes on after step 2 of 8" in results[0][1]
    assert "stopped after step 4 of 8" in results[0][1]
    assert results[1][1].count("painter") == 0, "rank 0 alone tells"
    assert not workspace.checkpoint.exists()

    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", *TRAIN]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    again = subprocess.run([sys.executable, *torchrun], stderr=subprocess.PIPE, text=True, env=environment, check=True)
    assert again.stderr.count("training goes on after step 4 of 8") == 1
    resumed = torch.load(workspace.checkpoint, weights_only=True)
    for name, tensor in straight["state"]["averaged"]["generator"].items():
        assert torch.equal(tensor, resumed["state"]["averaged"]["generator"][name])
    assert (workspace.reports / "training.csv").read_bytes() == curves
