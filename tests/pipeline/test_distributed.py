"""Several ranks: what each computes, that they stay equal, and what becomes of the rest when one dies.

Run as a program, this file is one rank of two: `python test_distributed.py FOLDER` leaves what it found there.
"""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import torch
from ranks import ROOT, finish, free_port, launch
from torch import Tensor, nn

from pipeline import distributed
from pipeline.assembly import assemble
from pipeline.contracts import Batch, Image, Step
from pipeline.data.dataset import Dataset
from pipeline.distributed import World
from pipeline.errors import Interrupted, RecipeError, TrainingError
from pipeline.losses.hinge import Hinge
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.mlp import Mlp
from pipeline.objectives.adversarial import Adversarial
from pipeline.objectives.augmentation import Augment
from pipeline.objectives.penalties import squared_slope
from pipeline.prepare import prepare
from pipeline.recipe import Training, read_recipe
from pipeline.train import _digest
from pipeline.training import Sampler, Trainer
from pipeline.workspace import Workspace

IMAGE = Image(3, 16, ("a", "b"))
CPU = torch.device("cpu")
LOST = "has lost another rank, which died or does not answer; run the same command again"


def settings(**changes: object) -> Training:
    rates = {"generator": 1e-3, "discriminator": 1e-3}
    fields = {"budget": {"steps": 4}, "batch": 8, "learning_rates": rates, "log_every": 1, "flip": True, **changes}
    return Training.model_validate(fields)


def sampler(config: Training, domains: int = 1) -> Sampler:
    images = np.random.default_rng(0).integers(0, 256, (20, 3, 16, 16), np.uint8)
    parts = np.array_split(np.arange(20), domains)
    return Sampler(images, np.arange(20) % 2, domains=parts, config=config, device=CPU)


def untouched_by_company(world: World) -> tuple[Trainer, dict[str, Tensor]]:
    """Take one step in which nothing mixes the pictures of a batch and the noise depends on the picture alone.

    Return the gradients.
    """
    torch.manual_seed(0)
    modules = Mlp(latent=4, width=8).build(IMAGE)
    unused = nn.Parameter(torch.zeros(3))
    modules["discriminator"].register_parameter("unused", unused)

    def score(pictures: Tensor, batch: Batch) -> Tensor:
        logits: Tensor = modules["discriminator"](pictures, torch.zeros(len(batch.labels), 0))
        return logits

    def paint(batch: Batch) -> Tensor:
        pictures: Tensor = modules["generator"](batch.images.flatten(1)[:, :4], torch.zeros(len(batch.labels), 0))
        return pictures

    def discriminator_loss(batch: Batch, step: Step) -> Tensor:
        reals = batch.images.requires_grad_()
        real_logits = score(reals, batch)
        penalty = squared_slope(real_logits, reals).mean()
        return NonSaturating().discriminator(real_logits, score(paint(batch).detach(), batch)) + penalty

    def generator_loss(batch: Batch, step: Step) -> Tensor:
        return NonSaturating().generator(score(paint(batch), batch), lambda: score(batch.images, batch))

    config = settings(budget={"steps": 1}, precision="fp32")
    trainer = Trainer(
        modules,
        [("discriminator", discriminator_loss), ("generator", generator_loss)],
        deployed=("generator",),
        sampler=sampler(config),
        config=config,
        world=world,
    )
    ((_, figures),) = trainer.run()
    found = {
        f"{role}.{name}": parameter.grad
        for role, module in modules.items()
        for name, parameter in module.named_parameters()
        if parameter.grad is not None
    }
    return trainer, found | {name: torch.tensor(value) for name, value in figures.items()}


def with_statistics(world: World) -> dict[str, object]:
    """Train networks with batch norm and adaptive augmentation, whose buffers follow what a rank sees."""
    torch.manual_seed(0)
    objective = Adversarial(r1=0.1, augment=Augment(strength="adaptive", target=0.5, span=1))
    modules = Dcgan(latent=4, width=2, normalization="batch").build(IMAGE) | objective.modules(IMAGE)
    phases = objective.phases(modules, Hinge(), IMAGE)
    config = settings()
    trainer = Trainer(modules, phases, deployed=("generator",), sampler=sampler(config), config=config, world=world)
    torch.manual_seed(world.rank)
    list(trainer.run())
    return trainer.state() | {"own noise": torch.get_rng_state()}


def known_answers(world: World) -> dict[str, object]:
    mine = torch.tensor([1.0, 10.0]) * world.rank
    tenth = torch.full((3,), 0.1)
    world.average([mine, mine[:1].clone()])
    world.average([tenth], torch.float64)
    one, none = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    if world.rank:
        one.grad = torch.tensor([2.0, 4.0])
    world.average_gradients([one, none])
    return {
        "average": mine,
        "tenth": tenth,
        "gradients": [one.grad, none.grad],
        "largest": world.largest(-2.5 + world.rank),
        "gathered": world.gather(f"rank {world.rank}"),
        "broadcast": world.broadcast({"weights": torch.full((2,), float(world.rank))}),
    }


@pytest.fixture(scope="module")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    """What two real processes that talk over gloo found."""
    folder, port = tmp_path_factory.mktemp("ranks"), free_port()
    results = finish(*(launch(__file__, folder, rank=rank, port=port) for rank in (0, 1)))
    assert [code for code, _ in results] == [0, 128 + signal.SIGTERM], results
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


def test_what_the_ranks_tell_each_other(ranks: list[dict]) -> None:
    for rank in ranks:
        found = rank["known"]
        assert found["average"].tolist() == [0.5, 5.0]
        assert torch.equal(found["tenth"], torch.full((3,), 0.1))
        assert [gradient.tolist() for gradient in found["gradients"]] == [[1.0, 2.0], [0.0, 0.0]]
        assert found["largest"] == -1.5
        assert found["gathered"] == ["rank 0", "rank 1"]
        assert found["broadcast"]["weights"].tolist() == [0.0, 0.0]


def test_two_ranks_compute_the_gradients_and_figures_of_one_process_with_the_whole_batch(ranks: list[dict]) -> None:
    _, expected = untouched_by_company(World.alone())
    found = ranks[0]["gradients"]
    assert found.pop("discriminator.unused").tolist() == [0, 0, 0]
    assert set(found) == set(expected)
    assert max(value.abs().max() for value in expected.values()) > 0.1
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-4, atol=1e-6)


def test_weights_averages_buffers_and_moments_are_equal_on_all_ranks_and_the_noise_is_not(ranks: list[dict]) -> None:
    first, second = (rank["trained"] for rank in ranks)
    assert first["history"] == second["history"]
    assert len(first["history"]) == 4
    for part in ("modules", "averaged"):
        for role, tensors in first[part].items():
            for name, tensor in tensors.items():
                assert torch.equal(tensor, second[part][role][name]), name
    assert any("running_mean" in name for name in first["modules"]["discriminator"])
    assert 0 < first["modules"]["augmentation"]["strength"] < 1
    moments = [state["optimizers"]["generator"]["state"][0]["exp_avg"] for state in (first, second)]
    assert torch.equal(*moments)
    assert not torch.equal(first["own noise"], second["own noise"])
    for state in (first, second):  # each rank's noise goes into the checkpoint
        assert torch.equal(state["torch"][0], first["own noise"])
        assert torch.equal(state["torch"][1], second["own noise"])


@pytest.mark.parametrize("domains", [1, 2])
def test_the_shares_of_the_ranks_make_up_the_batch_of_one_process(domains: int) -> None:
    for _ in range(2):
        whole = sampler(settings(), domains).draw()
        shares = [sampler(settings(), domains).draw(World(rank, 4)) for rank in range(4)]
        for place, part in enumerate(whole.split(domains)):
            parts = [share.split(domains)[place] for share in shares]
            assert torch.equal(torch.cat([one.images for one in parts]), part.images)
            assert torch.equal(torch.cat([one.labels for one in parts]), part.labels)


def test_without_torchrun_a_process_is_alone_and_nothing_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    with World.join(CPU) as world:
        assert world == World.alone()
        assert world.leads
        value, parameter = torch.tensor([3.0]), nn.Parameter(torch.ones(1))
        world.average([value])
        world.average_gradients([parameter])
        assert value.item() == 3
        assert parameter.grad is None
        assert (world.largest(2), world.gather("a"), world.broadcast("b")) == (2, ["a"], "b")


def test_ranks_that_do_not_come_end_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distributed, "_PATIENCE", timedelta(seconds=0.2))
    meeting = {"RANK": 0, "WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port()}
    for name, value in meeting.items():
        monkeypatch.setenv(name, str(value))
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(TrainingError, match=f"rank 0 of 2 {LOST}"), World.join(CPU):
            pass
    finally:
        signal.signal(signal.SIGTERM, before)


def test_a_batch_that_the_ranks_cannot_share_is_named(workplace: Path) -> None:
    recipe = read_recipe(Path("params.yaml"), "painter")
    prepare(recipe, Workspace("painter"))
    dataset = Dataset.open(Workspace("painter").prepared)
    remedy = r"painter\.train\.batch: is 8, which 3 ranks cannot share evenly; set it to a multiple of 3"
    with pytest.raises(RecipeError, match=remedy):
        assemble(recipe, dataset, device=CPU, world=World(0, 3))
    assert _digest(recipe, dataset, World.alone()) != _digest(recipe, dataset, World(0, 2))


def test_make_has_a_command_that_trains_on_ranks() -> None:
    command = ["make", "-n", "train-distributed", "RECIPE=stylist", "RANKS=3"]
    told = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "dvc repro prepare@stylist" in told
    assert "torchrun --standalone --nproc-per-node 3 -m pipeline train stylist" in told


def _be_a_rank(folder: Path) -> None:
    with World.join(CPU) as world:
        _, gradients = untouched_by_company(world)
        found = {"known": known_answers(world), "gradients": gradients, "trained": with_statistics(world)}
        torch.save(found, folder / f"{world.rank}.pt")
        raise Interrupted("all stop here", signal.SIGTERM)


if __name__ == "__main__":
    try:
        _be_a_rank(Path(sys.argv[1]))
    except Interrupted:
        sys.exit(0)  # rank 0 alone is told of it
