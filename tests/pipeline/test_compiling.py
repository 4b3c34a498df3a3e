"""Compiled networks: the same weights' gradients as eager ones, or a sentence and eager ones to the bit."""

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from recipes import PAINTER, write_params
from states import finished_state
from torch import Tensor, nn
from torch._inductor.exc import InductorError

from pipeline import compiling
from pipeline.assembly import assemble
from pipeline.compiling import compile_networks
from pipeline.data.dataset import Dataset
from pipeline.errors import RecipeError
from pipeline.prepare import prepare
from pipeline.recipe import Recipe, read_recipe
from pipeline.train import train
from pipeline.training import Trainer
from pipeline.workspace import Workspace

needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None and shutil.which("clang++") is None, reason="torch compiles for CPUs with g++ or clang"
)
# Torch's compiler warns of what it does itself.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf:UserWarning"),
]

COMPILE = torch.compile


def through(backend):
    """Return a stand-in for `torch.compile` whose graphs go to `backend` instead of Inductor."""
    return lambda forward, **_: COMPILE(forward, backend=backend, dynamic=False)


def faithful(graph, inputs):
    return graph.forward


def doubling(graph, inputs):
    """Compile wrongly: all that a graph returns is twice as large."""
    return lambda *values: tuple(2 * result for result in graph.forward(*values))


def broken(graph, inputs):
    raise InductorError(RuntimeError("no working compiler"), None)


@pytest.fixture
def compile_with(monkeypatch: pytest.MonkeyPatch):
    yield lambda backend: monkeypatch.setattr(compiling.torch, "compile", through(backend))
    torch.compiler.reset()


def painter(**train_settings: object) -> Recipe:
    section = copy.deepcopy(PAINTER)
    section["network"] = {"name": "mlp"}
    section["objective"]["penalty_every"] = 2
    section["train"] |= {"budget": {"steps": 4}, "snapshots": 1} | train_settings
    return read_recipe(write_params(Path("params.yaml"), painter=section), "painter")


@pytest.fixture
def prepared(workplace: Path) -> Workspace:
    workspace = Workspace("painter")
    prepare(painter(), workspace)
    return workspace


def trained(recipe: Recipe, workspace: Workspace) -> dict[str, Tensor]:
    train(recipe, workspace)
    weights: dict[str, Tensor] = finished_state(recipe, workspace)["averaged"]["generator"]
    return weights


def assert_equal_bits(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert list(found) == list(expected)
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_gradients_that_differ_are_told_and_the_training_goes_on_as_if_never_compiled(
    prepared: Workspace, compile_with, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = trained(painter(), prepared)
    compile_with(doubling)
    found = trained(painter(compile=True), prepared)
    told = " ".join(capsys.readouterr().err.split())
    assert told.count("so the training goes on without train.compile") == 1
    assert "the compiled gradient of " in told
    assert_equal_bits(found, expected)


def test_comparing_leaves_no_trace_in_a_training_that_stays_compiled(
    prepared: Workspace, compile_with, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = trained(painter(), prepared)
    compile_with(faithful)
    assert_equal_bits(trained(painter(compile=True), prepared), expected)
    assert "train.compile" not in capsys.readouterr().err


def test_where_torch_cannot_compile_one_sentence_says_so(prepared: Workspace, compile_with) -> None:
    compile_with(broken)
    with pytest.raises(
        RecipeError, match=r"^painter\.train\.compile: is true, but torch cannot compile here \(.*compiler.*\); "
    ):
        train(painter(compile=True), prepared)
    assert not prepared.checkpoint.exists()


def test_a_forward_pass_for_a_penalty_stays_eager_and_a_module_keeps_its_names(compile_with) -> None:
    layer = nn.Linear(2, 1)
    names = list(layer.state_dict())
    seen: list[str] = []
    compile_with(lambda graph, inputs: seen.append("compiled") or graph.forward)
    images = torch.ones(3, 2)

    def gradients() -> dict[str, Tensor]:
        (slope,) = torch.autograd.grad(layer(images.requires_grad_()).sum(), layer.weight)
        return {"layer.weight": slope}

    compile_networks({"layer": layer}, gradients, dtype=torch.float32, largest=float)
    assert seen == []
    layer(images.detach())
    assert seen == ["compiled"]
    assert list(layer.state_dict()) == names
    assert "forward" not in copy.deepcopy(layer).state_dict()


def test_gradients_that_are_not_numbers_count_as_different(compile_with, capsys: pytest.CaptureFixture[str]) -> None:
    layer = nn.Linear(1, 1)
    values = iter((1.0, torch.nan))
    compile_with(faithful)
    compile_networks(
        {"layer": layer}, lambda: {"layer.weight": torch.tensor([next(values)])}, dtype=torch.float32, largest=float
    )
    assert "layer.weight is inf times its norm away" in capsys.readouterr().err
    assert "forward" not in vars(layer)


def test_a_state_goes_on_compiled_or_eager_whichever_it_was_before(prepared: Workspace, compile_with) -> None:
    compile_with(faithful)
    dataset, device = Dataset.open(prepared.prepared), torch.device("cpu")

    def start(*, compiled: bool) -> Trainer:
        return assemble(painter(compile=compiled), dataset, device=device)[0]

    straight = start(compiled=False)
    list(straight.run())
    for first in (True, False):
        before, after = start(compiled=first), start(compiled=not first)
        run = before.run()
        next(run)
        next(run)
        after.restore(copy.deepcopy(before.state()))
        list(after.run())
        assert_equal_bits(after.state()["averaged"]["generator"], straight.state()["averaged"]["generator"])


@pytest.mark.slow
@needs_compiler
def test_inductor_trains_like_eager_torch(prepared: Workspace) -> None:
    eager = trained(painter(), prepared)
    compiled = trained(painter(compile=True), prepared)
    assert list(compiled) == list(eager)
    for name, tensor in eager.items():
        torch.testing.assert_close(compiled[name], tensor, rtol=1e-2, atol=1e-4)


@pytest.mark.slow
def test_without_a_compiler_the_command_says_what_is_missing(prepared: Workspace, monkeypatch) -> None:
    painter(compile=True)
    monkeypatch.setenv("CXX", "/nowhere/g++")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(Path("cache").resolve()))
    command = [sys.executable, "-m", "pipeline", "train", "painter"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("painter.train.compile: is true, but torch cannot compile here (")
    assert last.endswith("install what is missing (a C++ compiler for CPUs, Triton for GPUs) or set it to false")
    assert "Traceback" not in result.stderr
