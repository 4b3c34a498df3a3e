"""What a training runs on, where it is less than the recipe asks for: each refusal says what to set."""

import os
import subprocess
import sys

import pytest
import torch

from pipeline.device import choose_dtype, memory_advice
from pipeline.errors import RecipeError, TrainingError

CPU = torch.device("cpu")


def set_instructions(monkeypatch: pytest.MonkeyPatch, *, avx512: bool = False, amx: bool = False) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)


def test_bf16_without_instructions_for_it_is_refused_and_auto_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    set_instructions(monkeypatch)
    words = r"^train\.precision: is 'bf16', which this cpu has no instructions for; set it to 'auto' or 'fp32'$"
    with pytest.raises(RecipeError, match=words):
        choose_dtype("bf16", CPU)
    assert choose_dtype("auto", CPU) == choose_dtype("fp32", CPU) == torch.float32


@pytest.mark.parametrize("instructions", ["avx512", "amx"])
def test_bf16_is_taken_with_either_set_of_instructions(monkeypatch: pytest.MonkeyPatch, instructions: str) -> None:
    set_instructions(monkeypatch, **{instructions: True})
    assert choose_dtype("auto", CPU) == choose_dtype("bf16", CPU) == torch.bfloat16
    assert choose_dtype("fp32", CPU) == torch.float32


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes."),
    ],
)
@pytest.mark.parametrize(("batch", "smaller"), [(8, 4), (1, 1)])
def test_too_little_memory_ends_with_the_batch_to_try(error: RuntimeError, batch: int, smaller: int) -> None:
    words = f"does not hold a batch of {batch}; set train.batch to {smaller} or less"
    with pytest.raises(TrainingError, match=words), memory_advice(batch):
        raise error


def test_other_errors_pass_the_memory_advice() -> None:
    other = RuntimeError("mat1 and mat2 shapes cannot be multiplied")
    with pytest.raises(RuntimeError) as caught, memory_advice(8):
        raise other
    assert caught.value is other


@pytest.mark.parametrize(("before", "after"), [({}, "20000"), ({"GOMP_SPINCOUNT": "7"}, "7")])
def test_threads_wait_by_few_turns_unless_the_environment_says_otherwise(before: dict[str, str], after: str) -> None:
    outer = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    code = "import sys, pipeline, os; assert 'torch' not in sys.modules; print(os.environ['GOMP_SPINCOUNT'])"
    told = subprocess.run([sys.executable, "-c", code], env=outer | before, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == after
