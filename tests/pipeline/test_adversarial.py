import pytest
import torch
from torch import Tensor, nn

from pipeline.contracts import Batch, Image, Step
from pipeline.errors import RecipeError
from pipeline.losses.nonsaturating import NonSaturating
from pipeline.losses.relativistic import Relativistic
from pipeline.losses.wasserstein import Wasserstein
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.mlp import Mlp
from pipeline.objectives.adversarial import Adversarial, class_weights
from pipeline.objectives.penalties import gamma_by_rule, interpolated_penalty, squared_slope

IMAGE = Image(channels=1, size=8, classes=("a", "b"))
START = Step(0, 10)


def adversarial(**settings: object) -> Adversarial:
    return Adversarial.model_validate(settings)


class LinearCritic(nn.Module):
    """f(x) = w . x, whose slope is w everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.linspace(-1, 1, 64))

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        return images.flatten(1) @ self.weight


class QuadraticCritic(nn.Module):
    """f(x) = |x|^2 / 2, whose slope is |x|."""

    def forward(self, images: Tensor, classes: Tensor) -> Tensor:
        return images.flatten(1).square().sum(dim=1) / 2


def batch(count: int = 4) -> Batch:
    random = torch.Generator().manual_seed(0)
    return Batch(torch.rand(count, 1, 8, 8, generator=random) * 2 - 1, torch.arange(count) % 2)


def test_penalties_of_a_linear_critic_have_a_closed_form() -> None:
    critic, images = LinearCritic(), batch().images.requires_grad_()
    norm = critic.weight.norm().item()
    torch.testing.assert_close(squared_slope(critic(images, None), images), torch.full((4,), norm**2))
    penalty = interpolated_penalty(critic, images, torch.zeros_like(images), torch.zeros(4, 0))
    assert penalty.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)
    halved = interpolated_penalty(critic, images, torch.zeros_like(images, dtype=torch.bfloat16), torch.zeros(4, 0))
    assert halved.item() == pytest.approx((norm - 1) ** 2, rel=1e-5)


def test_the_slope_is_measured_at_points_spread_evenly_between_real_and_fake() -> None:
    torch.manual_seed(1)
    direction = torch.full((4096, 1, 8, 8), 1 / 8)  # of length 1
    penalty = interpolated_penalty(QuadraticCritic(), 3 * direction, direction, torch.zeros(4096, 0))
    # At the share s of the way from fake to real the slope is 1 + 2 s, and the mean of (2 s)^2 is 4 / 3.
    assert penalty.item() == pytest.approx(4 / 3, abs=0.06)


@pytest.mark.parametrize(
    "objective", [adversarial(r1=3.0), adversarial(r2=3.0), adversarial(gradient_penalty=10.0)], ids=str
)
def test_every_penalty_grows_with_the_strictness_of_the_step(objective: Adversarial) -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": LinearCritic()}

    def loss(config: Adversarial, strictness: float) -> float:
        torch.manual_seed(1)
        step = Step(0, 10, strictness=strictness)
        return config.phases(modules, NonSaturating(), IMAGE)[0][1](batch(), step).item()

    plain = loss(Adversarial(), 1.0)
    assert loss(objective, 4.0) - plain == pytest.approx(4 * (loss(objective, 1.0) - plain), rel=1e-4)


@pytest.mark.parametrize(
    ("objective", "extra"),
    [
        (adversarial(r1=3.0), lambda norm: 0.5 * 3 * norm**2),
        (adversarial(r2=3.0), lambda norm: 0.5 * 3 * norm**2),
        (adversarial(r1=3.0, r2=1.0, penalty_every=4), lambda norm: 4 * 0.5 * (3 + 1) * norm**2),
        (adversarial(r1="auto"), lambda norm: 0.5 * 0.0002 * 64 / 4 * norm**2),
        (adversarial(gradient_penalty=10.0), lambda norm: 10 * (norm - 1) ** 2),
    ],
)
def test_a_penalty_joins_the_discriminators_loss_with_its_weight(objective: Adversarial, extra) -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": LinearCritic()}

    def discriminator_loss(config: Adversarial) -> float:
        torch.manual_seed(1)
        return config.phases(modules, NonSaturating(), IMAGE)[0][1](batch(), START).item()

    norm = modules["discriminator"].weight.norm().item()
    difference = discriminator_loss(objective) - discriminator_loss(Adversarial())
    assert difference == pytest.approx(extra(norm), rel=1e-4)


def test_gamma_by_rule_is_of_the_batch_that_the_ranks_share() -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": LinearCritic()}

    def penalty(ranks: int) -> float:
        losses = []
        for config in (adversarial(r1="auto"), Adversarial()):
            torch.manual_seed(1)
            losses.append(
                config.phases(modules, NonSaturating(), IMAGE)[0][1](batch(), Step(0, 10, ranks=ranks)).item()
            )
        return losses[0] - losses[1]

    assert penalty(4) == pytest.approx(penalty(1) / 4, rel=1e-2)


def test_a_lazy_penalty_rests_between_its_steps_and_a_schedule_moves_its_weight() -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": LinearCritic()}

    def loss(config: Adversarial, step: Step) -> float:
        torch.manual_seed(1)
        return config.phases(modules, NonSaturating(), IMAGE)[0][1](batch(), step).item()

    lazy = adversarial(r1=3.0, penalty_every=4)
    assert loss(lazy, Step(3, 10)) == loss(Adversarial(), Step(3, 10))
    falling = adversarial(r1={"start": 3.0, "end": 1.0})
    assert loss(falling, Step(5, 10)) == pytest.approx(loss(adversarial(r1=2.0), Step(5, 10)))


def test_the_rule_for_gamma() -> None:
    assert gamma_by_rule(torch.zeros(32, 3, 64, 64)) == pytest.approx(0.0002 * 4096 / 32)


def test_relativistic_generators_are_scored_against_real_pictures() -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": LinearCritic()}
    generator_loss = Adversarial().phases(modules, Relativistic(), IMAGE)[1][1]

    def loss(shown: Batch) -> float:
        torch.manual_seed(1)
        return generator_loss(shown, START).item()

    likely = Batch(modules["discriminator"].weight.detach().sign().view(1, 1, 8, 8).expand(4, 1, 8, 8), batch().labels)
    assert loss(likely) > loss(batch())


def test_phases_leave_the_gap_of_the_logits_for_the_log() -> None:
    modules = Mlp().build(IMAGE)
    step = Step(0, 10)
    adversarial().phases(modules, NonSaturating(), IMAGE)[0][1](batch(), step)
    assert step.figures["logit_gap"].shape == ()
    assert not step.figures["logit_gap"].requires_grad


class SelfTaught(LinearCritic):
    def self_supervision(self, images: Tensor) -> Tensor:
        return self.weight.sum() + images.shape[0]


def test_a_self_supervised_discriminator_adds_its_own_loss() -> None:
    modules = Mlp().build(IMAGE) | {"discriminator": SelfTaught()}

    def loss(config: Adversarial) -> float:
        torch.manual_seed(1)
        return config.phases(modules, NonSaturating(), IMAGE)[0][1](batch(), START).item()

    own = modules["discriminator"].self_supervision(batch().images).item()
    assert loss(adversarial(self_supervision=0.5)) - loss(adversarial(self_supervision=0.0)) == pytest.approx(own / 2)


def test_the_penalty_reaches_the_weights() -> None:
    critic, images = LinearCritic(), batch().images.requires_grad_()
    squared_slope(critic(images, None), images).mean().backward()
    torch.testing.assert_close(critic.weight.grad, 2 * critic.weight.detach())


def test_critic_steps_come_before_the_generators() -> None:
    phases = Adversarial(critic_steps=3).phases(Mlp().build(IMAGE), NonSaturating(), IMAGE)
    assert [role for role, _ in phases] == ["discriminator"] * 3 + ["generator"]


def test_weight_clipping_bounds_every_weight_of_the_critic_alone() -> None:
    modules = Mlp().build(IMAGE)
    before = [weight.clone() for weight in modules["generator"].parameters()]
    phases = Adversarial(weight_clip=0.01).phases(modules, Wasserstein(), IMAGE)
    for _, compute_loss in phases:
        compute_loss(batch(), START)
    assert max(weight.abs().max().item() for weight in modules["discriminator"].parameters()) <= 0.01
    for weight, old in zip(modules["generator"].parameters(), before, strict=True):
        torch.testing.assert_close(weight, old)


def test_wasserstein_without_a_bound_on_the_critic_is_refused() -> None:
    with pytest.raises(RecipeError, match="set weight_clip or gradient_penalty"):
        Adversarial().phases(Mlp().build(IMAGE), Wasserstein(), IMAGE)


def test_a_gradient_penalty_on_a_critic_with_batch_norm_is_refused() -> None:
    image, config = Image(channels=1, size=16, classes=("a", "b")), adversarial(gradient_penalty=10.0)
    with pytest.raises(RecipeError, match=r"^objective\.gradient_penalty: .*; set network\.normalization to none"):
        config.phases(Dcgan(width=4).build(image), Wasserstein(), image)
    config.phases(Dcgan(width=4, normalization="none").build(image), Wasserstein(), image)
    adversarial(r1=1.0).phases(Dcgan(width=4).build(image), NonSaturating(), image)


def test_the_discriminators_phase_leaves_the_generator_alone() -> None:
    modules = Mlp().build(IMAGE)
    adversarial(r1=1.0).phases(modules, NonSaturating(), IMAGE)[0][1](batch(), START).backward()
    assert all(weight.grad is None for weight in modules["generator"].parameters())
    assert all(weight.grad is not None for weight in modules["discriminator"].parameters())


def test_shared_fakes_are_painted_once_and_teach_both_networks() -> None:
    modules = Mlp().build(IMAGE)
    generator = modules["generator"]
    painted: list[Tensor] = []
    generator.register_forward_hook(lambda module, inputs, pictures: painted.append(pictures))
    own, shared = (adversarial(shared_fakes=choice).phases(modules, NonSaturating(), IMAGE) for choice in (False, True))

    def loss(phase, seed: int) -> Tensor:
        torch.manual_seed(seed)
        return phase[1](batch(), START)

    generator.requires_grad_(False)  # as the loop does for the discriminator's phase
    discriminators = loss(own[0], 1), loss(shared[0], 1)
    assert discriminators[0] == discriminators[1]
    discriminators[1].backward()
    assert all(weight.grad is None for weight in generator.parameters())
    assert len(painted) == 2

    generators = loss(shared[1], 2)
    assert len(painted) == 2, "the generator's phase takes the pictures that were painted"
    generators.backward()
    expected = [weight.grad.clone() for weight in generator.parameters()]
    generator.zero_grad()
    loss(own[1], 1).backward()
    torch.testing.assert_close([weight.grad for weight in generator.parameters()], expected)


def test_class_weights_are_one_hot_or_absent() -> None:
    assert class_weights(torch.tensor([1, 0]), 3).tolist() == [[0, 1, 0], [1, 0, 0]]
    assert class_weights(torch.tensor([1, 0]), 0).shape == (2, 0)


def test_previews_repeat_and_show_every_class_in_its_column() -> None:
    modules = Mlp(conditional=True).build(IMAGE)
    pictures, columns = Adversarial().preview(modules, batch())
    again, _ = Adversarial().preview(modules, batch())
    assert columns == 2
    assert pictures.shape == (16, 1, 8, 8)
    torch.testing.assert_close(pictures, again)
