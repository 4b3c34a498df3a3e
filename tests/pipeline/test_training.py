import copy
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from pipeline import checkpoint
from pipeline.contracts import Batch, Image
from pipeline.errors import CheckpointError, RecipeError
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.networks.dcgan import Dcgan
from pipeline.objectives.adversarial import Adversarial
from pipeline.recipe import Training
from pipeline.training import Sampler, Trainer

IMAGE = Image(3, 16, ("a", "b"))
RATES = {"generator": 1e-3, "discriminator": 2e-3}


def sampler(config: Training, *, count: int = 20) -> Sampler:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, 3, 16, 16), np.uint8)
    labels = np.arange(count) % 2
    return Sampler(images, labels, domains=[np.arange(count)], config=config, device=torch.device("cpu"))


def trainer(config: Training) -> Trainer:
    torch.manual_seed(config.seed)
    modules = Dcgan(latent=4, width=2).build(IMAGE)
    phases = Adversarial(r1=0.1).phases(modules, NonSaturating(), IMAGE)
    return Trainer(modules, phases, deployed=("generator",), sampler=sampler(config), config=config)


def settings(**changes: object) -> Training:
    fields = {"budget": {"steps": 6}, "batch": 4, "learning_rates": RATES, "log_every": 1, "flip": True, **changes}
    return Training.model_validate(fields)


def weights(state: dict) -> dict[str, torch.Tensor]:
    return {
        f"{part}.{role}.{name}": tensor
        for part in ("modules", "averaged")
        for role, tensors in state[part].items()
        for name, tensor in tensors.items()
    }


def test_a_resumed_training_ends_with_the_same_bits(tmp_path) -> None:
    straight = trainer(settings())
    figures = dict(straight.run())

    broken = trainer(settings())
    run = broken.run()
    for _ in range(3):
        next(run)
    checkpoint.save(tmp_path / "state.pt", broken.state(), digest="x")
    resumed = trainer(settings(seed=99))
    resumed.restore(checkpoint.load(tmp_path / "state.pt", digest="x"))
    later = dict(resumed.run())

    assert list(later) == [4, 5, 6]
    assert later == {step: figures[step] for step in later}
    assert resumed.history == straight.history
    expected, found = weights(straight.state()), weights(resumed.state())
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_seconds_of_a_training_leave_out_its_pauses_and_keep_what_a_fall_back_cost(monkeypatch, tmp_path) -> None:
    clock = itertools.count()
    monkeypatch.setattr("pipeline.training.time.perf_counter", lambda: next(clock))  # a second a step
    straight = trainer(settings())
    list(straight.run())
    assert straight.seconds == 7, "the end is counted as well"

    broken = trainer(settings())
    before, run = broken.state(), broken.run()
    for _ in range(3):
        next(run)
    checkpoint.save(tmp_path / "state.pt", broken.state(), digest="x")
    broken.restore(before)
    assert broken.seconds == 3
    next(clock)
    resumed = trainer(settings())
    resumed.restore(checkpoint.load(tmp_path / "state.pt", digest="x"))
    list(resumed.run())
    assert resumed.seconds == 7


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    def trained(seed: int) -> torch.Tensor:
        training = trainer(settings(seed=seed))
        list(training.run())
        return next(training.averaged["generator"].parameters())

    assert torch.equal(trained(1), trained(1))
    assert not torch.equal(trained(1), trained(2))


def test_averaged_weights_follow_their_formula() -> None:
    training = trainer(settings(budget={"steps": 3}, ema_half_life=0.5))
    generator = training._modules["generator"]
    expected = copy.deepcopy(next(generator.parameters()).detach())
    for step, _ in training.run():
        half_life = min(0.5 * 3, 0.05 * step)
        expected = expected.lerp(next(generator.parameters()).detach(), 1 - 0.5 ** (1 / half_life))
        torch.testing.assert_close(next(training.averaged["generator"].parameters()), expected)


def test_rates_stay_and_then_fall_by_a_cosine_to_zero() -> None:
    rate = {"start": 1e-3, "end": 0.0, "since": 0.6}
    training = trainer(settings(budget={"steps": 10}, learning_rates={"generator": rate, "discriminator": rate}))
    rates = [training._optimizers["generator"].param_groups[0]["lr"] / 1e-3 for _ in training.run()]
    assert rates[:7] == [1.0] * 7
    falling = [0.5 * (1 + math.cos(math.pi * share)) for share in (0.25, 0.5, 0.75)]
    assert rates[7:] == pytest.approx(falling)


def test_measuring_the_pace_leaves_no_trace() -> None:
    straight = trainer(settings())
    list(straight.run())
    measured = trainer(settings())
    measured.fit_into(minutes=0.001)
    assert measured.steps >= 1
    measured.steps = straight.steps
    list(measured.run())
    expected, found = weights(straight.state()), weights(measured.state())
    assert all(torch.equal(expected[name], found[name]) for name in expected)


def test_the_pace_is_measured_over_whole_periods(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    measured = trainer(settings())
    monkeypatch.setattr("pipeline.training.time", SimpleNamespace(perf_counter=lambda: clock[0]))

    def advance(*, logging: bool) -> dict:
        clock[0] += 4.0 if measured.step % 16 == 0 else 1.0
        return {}

    monkeypatch.setattr(measured, "_advance", advance)
    measured.fit_into(minutes=19 / 60 * 10, period=16)
    assert measured.steps == 160


def test_each_phase_steps_its_own_role_at_its_own_rate() -> None:
    one = nn.Linear(1, 1, bias=False)
    other = nn.Linear(1, 1, bias=False)
    before = one.weight.item(), other.weight.item()
    phases = [("one", lambda batch, step: one.weight.sum() + other.weight.sum())]
    config = settings(budget={"steps": 1}, learning_rates={"one": 0.25})
    training = Trainer({"one": one, "other": other}, phases, deployed=("one",), sampler=sampler(config), config=config)
    list(training.run())
    # Adam's first step is the rate itself, whatever the gradient.
    assert one.weight.item() == pytest.approx(before[0] - 0.25)
    assert other.weight.item() == before[1]


def test_after_a_rest_a_role_takes_adams_first_step() -> None:
    one = nn.Linear(1, 1, bias=False)
    before = one.weight.item()
    phases = [("one", lambda batch, step: one.weight.sum() if step.number == 3 else torch.zeros(()))]
    config = settings(budget={"steps": 4}, learning_rates={"one": 0.25})
    training = Trainer({"one": one}, phases, deployed=("one",), sampler=sampler(config), config=config)
    weights = [one.weight.item() for _ in training.run()]
    assert weights == [before, before, before, pytest.approx(before - 0.25)]


def test_the_layout_of_memory_changes_no_gradient_beyond_rounding() -> None:
    usual, other = trainer(settings()), trainer(settings(channels_last=False))
    batches = usual.sampler.draw(), other.sampler.draw()
    assert [batch.images.stride(1) for batch in batches] == [1, 16 * 16]
    assert torch.equal(*(batch.images for batch in batches))
    for name, gradient in usual.gradients().items():
        torch.testing.assert_close(other.gradients()[name], gradient, rtol=1e-3, atol=1e-5)


def test_a_fused_optimiser_steps_like_the_other() -> None:
    def fitted(*, fused: bool) -> torch.Tensor:
        torch.manual_seed(0)
        layer = nn.Linear(4, 4)
        phases = [("layer", lambda batch, step: layer(batch.images[:, 0, 0, :4]).square().sum())]
        config = settings(learning_rates={"layer": 0.1}, fused=fused)
        training = Trainer({"layer": layer}, phases, deployed=(), sampler=sampler(config), config=config)
        assert [group["fused"] for group in training._optimizers["layer"].param_groups] == [fused]
        list(training.run())
        return layer.weight.detach()

    torch.testing.assert_close(fitted(fused=False), fitted(fused=True))


def test_clipping_bounds_the_gradient_and_reports_what_it_was() -> None:
    layer = nn.Linear(1, 1, bias=False)
    config = settings(budget={"steps": 1}, learning_rates={"layer": 0.1}, clip=0.5)
    training = Trainer(
        {"layer": layer},
        [("layer", lambda batch, step: 30 * layer.weight.sum())],
        deployed=(),
        sampler=sampler(config),
        config=config,
    )
    ((_, figures),) = training.run()
    assert figures["layer_gradient"] == pytest.approx(30)
    assert layer.weight.grad.item() == pytest.approx(0.5, rel=1e-4)


def test_the_best_snapshot_is_kept_with_the_state() -> None:
    training = trainer(settings())
    kept = {}
    for (step, _), distance in zip(training.run(), (5.0, 3.0, 4.0, 3.0, 9.0, 8.0), strict=True):
        training.note({"frechet": distance})
        kept[step] = {name: tensor.clone() for name, tensor in training.averaged["generator"].state_dict().items()}
    assert training.best["step"] == 2
    assert [row["frechet"] for row in training.history] == [5, 3, 4, 3, 9, 8]
    again = trainer(settings())
    again.restore(training.state())
    best = again.best["averaged"]["generator"]
    assert all(torch.equal(best[name], tensor) for name, tensor in kept[2].items())


def test_a_fall_back_halves_the_rates_and_doubles_the_penalties() -> None:
    seen = []
    layer = nn.Linear(1, 1, bias=False)
    phases = [("layer", lambda batch, step: seen.append(step.strictness) or layer.weight.sum())]
    config = settings(budget={"steps": 2}, learning_rates={"layer": 0.4})
    training = Trainer({"layer": layer}, phases, deployed=(), sampler=sampler(config), config=config)
    training.fallbacks = 2
    before = layer.weight.item()
    next(training.run())
    assert seen == [4]
    assert layer.weight.item() == pytest.approx(before - 0.1)


def test_rates_must_name_the_roles() -> None:
    with pytest.raises(RecipeError, match="names generator; it must name discriminator, generator"):
        trainer(settings(learning_rates={"generator": 1e-3}))


def test_batches_hold_the_pictures_in_range_and_domain_after_domain() -> None:
    images = np.stack([np.full((1, 2, 2), value, np.uint8) for value in (0, 51, 255)])
    config = settings(flip=False)
    drawn = Sampler(
        images,
        np.array([0, 1, 2]),
        domains=[np.array([0, 1]), np.array([2])],
        config=config,
        device=torch.device("cpu"),
    ).draw()
    low, high = drawn.split(2)
    assert isinstance(drawn, Batch)
    assert set(low.labels.tolist()) <= {0, 1}
    assert set(high.labels.tolist()) == {2}
    expected = torch.tensor([-1.0, -0.6, 1.0])[drawn.labels]
    torch.testing.assert_close(drawn.images[:, 0, 0, 0], expected)


def test_flips_mirror_left_to_right_only() -> None:
    picture = np.arange(4, dtype=np.uint8).reshape(1, 1, 2, 2)
    source = Sampler(
        picture, np.zeros(1, np.int64), domains=[np.arange(1)], config=settings(batch=64), device=torch.device("cpu")
    )
    seen = {tuple(((image + 1) * 127.5).round().int().flatten().tolist()) for image in source.draw().images}
    assert seen == {(0, 1, 2, 3), (1, 0, 3, 2)}


def test_a_checkpoint_of_another_training_is_refused(tmp_path) -> None:
    checkpoint.save(tmp_path / "painter.pt", {"step": 1}, digest="mine")
    assert checkpoint.load(tmp_path / "painter.pt", digest="mine") == {"step": 1}
    with pytest.raises(CheckpointError, match="belongs to another recipe or other data"):
        checkpoint.load(tmp_path / "painter.pt", digest="yours")


@pytest.mark.parametrize("content", [b"", b"nonsense", b"root:x:0:0:root\n", None])
def test_a_damaged_checkpoint_is_refused(tmp_path, content: bytes | None) -> None:
    path = tmp_path / "painter.pt"
    checkpoint.save(path, {"weights": torch.zeros(1000)}, digest="mine")
    path.write_bytes(path.read_bytes()[:1500] if content is None else content)
    with pytest.raises(CheckpointError, match="is damaged; delete it and train again"):
        checkpoint.load(path, digest="mine")


def test_a_missing_checkpoint_names_the_command(tmp_path) -> None:
    with pytest.raises(CheckpointError, match="run `python -m pipeline train painter` first"):
        checkpoint.load(tmp_path / "painter.pt", digest="mine")
