import pytest
import torch
from torch import nn

from pipeline.contracts import Batch, Image, Step
from pipeline.errors import RecipeError
from pipeline.losses.gaussian import Gaussian
from pipeline.losses.hinge import Hinge
from pipeline.losses.least_squares import LeastSquares
from pipeline.losses.relativistic import Relativistic
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.unet import Unet
from pipeline.objectives.paired import Paired, map_difference
from pipeline.tasks import TASKS

IMAGE = Image(channels=3, size=32, classes=("mondrian", "waves"))
SILENT = {"reconstruction_weight": 0.0, "feature_weight": 0.0, "matching_weight": 0.0, "adversarial_weight": 0.0}
LATE = Step(9, 10)


class Painter(nn.Module):
    """A generator that always gives the same pictures."""

    def __init__(self, pictures, name="superres"):
        super().__init__()
        self.pictures = nn.Parameter(pictures)
        self.translation, self.classes = TASKS[name](), 2

    def forward(self, given, guide):
        return self.pictures


class Judge(nn.Module):
    """A discriminator that has one map, the picture, and whose logits are its mean over blocks of 8 pixels."""

    def __init__(self):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(()))

    def forward(self, planes, weights):
        self.seen = planes, weights
        pictures = planes[:, -3:]
        return [pictures, nn.functional.avg_pool2d(pictures, 8).mean(dim=1) + self.bias]


def batch(count=2):
    pictures = torch.rand(count, 3, 32, 32, generator=torch.Generator().manual_seed(0)) - 0.5
    return Batch(pictures, torch.arange(count) % 2)


def losses(generator, loss=None, step=LATE, judge=None, **weights):
    objective, judge = Paired(**{**SILENT, **weights}), judge or Judge()
    phases = dict(objective.phases({"generator": generator, "discriminator": judge}, loss or Hinge(), IMAGE))
    return {role: compute_loss(batch(), step) for role, compute_loss in phases.items()}


def test_the_truth_is_free_of_all_but_the_game():
    weights = {"reconstruction_weight": 1.0, "feature_weight": 1.0, "matching_weight": 1.0, "reconstruction": "l1"}
    assert losses(Painter(batch().images), **weights)["generator"].item() == 0


@pytest.mark.parametrize(("form", "expected"), [("l1", 0.25), ("charbonnier", (0.25**2 + 1e-6) ** 0.5)])
def test_reconstruction_has_its_closed_form(form, expected):
    painter = Painter(batch().images + 0.25)
    value = losses(painter, reconstruction=form, reconstruction_weight=2.0)["generator"].item()
    assert value == pytest.approx(2 * expected, rel=1e-4)


def test_matching_compares_the_maps_of_the_judge_and_not_its_logits():
    assert losses(Painter(batch().images + 0.25), matching_weight=2.0)["generator"].item() == pytest.approx(0.5)


def test_features_see_texture():
    flat = Painter(batch().images.mean(dim=(2, 3), keepdim=True).expand(-1, -1, 32, 32).contiguous())
    assert losses(flat, feature_weight=1.0)["generator"].item() > 0.05


@pytest.mark.parametrize("loss", [Hinge(), Relativistic()])
def test_the_game_is_the_recipes_over_patches(loss):
    painted, given = batch().images + 0.3, batch()
    found = losses(Painter(painted), loss, adversarial_weight=0.5)
    fake, real = (nn.functional.avg_pool2d(pictures, 8).mean(dim=1).flatten() for pictures in (painted, given.images))
    assert found["discriminator"].item() == pytest.approx(loss.discriminator(real, fake).item(), rel=1e-4)
    assert found["generator"].item() == pytest.approx(0.5 * loss.generator(fake, lambda: real).item(), rel=1e-4)


def test_the_judge_waits_for_the_warm_up():
    judge = Judge()
    found = losses(Painter(batch().images), step=Step(1, 10), judge=judge, adversarial_weight=1.0, warm_up=0.25)
    assert [value.item() for value in found.values()] == [0, 0]
    assert not found["discriminator"].requires_grad, "so Adam rests as well"
    assert not hasattr(judge, "seen")


def test_the_judge_is_shown_what_the_generator_sees():
    judge = Judge()
    losses(Painter(batch().images, "sketch"), judge=judge, adversarial_weight=1.0)
    planes, weights = judge.seen
    assert planes.shape == (2, 4, 32, 32)
    assert weights.tolist() == [[1, 0], [0, 1]]
    losses(Painter(batch().images, "inpaint"), judge=judge, adversarial_weight=1.0)
    planes, weights = judge.seen
    assert planes.shape == (2, 7, 32, 32)
    assert weights.shape == (2, 0)


def test_map_difference_counts_every_map_alike():
    small, large = torch.ones(1, 1, 2, 2), torch.ones(1, 5, 9, 9)
    assert map_difference([small, large], [0 * small, 3 * large]).item() == pytest.approx((1 + 2) / 2)


def test_needs_a_network_with_a_translation():
    sampling = Dcgan(latent=8, width=4, max_width=8).build(IMAGE)
    with pytest.raises(
        RecipeError, match=r"^objective.name: 'paired' needs a network with a translation; choose 'unet'"
    ):
        Paired().phases(sampling, Hinge(), IMAGE)


def test_needs_a_loss_that_scores_a_game():
    modules = Unet(translation=TASKS["inpaint"](), width=8, blocks=1, patch_width=4).build(IMAGE)
    with pytest.raises(RecipeError, match=r"^loss.name: 'gaussian' scores no game, which 'paired' plays"):
        Paired().phases(modules, Gaussian(), IMAGE)


@pytest.mark.parametrize("name", TASKS)
def test_both_phases_reach_every_weight_of_their_own_network(name):
    torch.manual_seed(0)
    modules = Unet(translation=TASKS[name](), width=8, blocks=1, patch_width=4).build(IMAGE)
    nn.init.normal_(modules["generator"].body.to_planes.weight)  # fresh, it lets nothing through to what lies below
    # Not hinge: while every logit is within its margin, real and false pictures pull a bias alike, one up and one down.
    for role, compute_loss in Paired().phases(modules, LeastSquares(), IMAGE):
        modules[role].zero_grad()
        compute_loss(batch(), LATE).backward()
        gradients = {key: weight.grad for key, weight in modules[role].named_parameters()}
        assert [key for key, gradient in gradients.items() if gradient is None or not gradient.any()] == []


def test_equal_states_of_the_random_numbers_give_equal_losses():
    """What makes a resumed training the same: pairs are drawn from nothing else."""
    torch.manual_seed(0)
    modules = Unet(translation=TASKS["inpaint"](), width=8, blocks=1, patch_width=4).build(IMAGE)
    objective = Paired(**{**SILENT, "reconstruction_weight": 1.0})  # spectral norm has a state of its own
    compute_loss = dict(objective.phases(modules, Hinge(), IMAGE))["generator"]
    state = torch.get_rng_state()
    first, other = compute_loss(batch(), LATE), compute_loss(batch(), LATE)
    torch.set_rng_state(state)
    assert compute_loss(batch(), LATE) == first != other


def test_preview_shows_what_was_given_made_and_wanted():
    modules = Unet(translation=TASKS["sketch"](), width=8, blocks=1, patch_width=4).build(IMAGE)
    given = batch(5)
    pictures, columns = Paired().preview(modules, given)
    assert columns == 5
    assert pictures.shape == (15, 3, 32, 32)
    assert torch.equal(pictures[10:], given.images)
    assert torch.equal(pictures, Paired().preview(modules, given)[0])


@pytest.mark.slow
def test_learns_to_fill_a_hole_with_the_colour_around_it():
    torch.manual_seed(0)
    modules = Unet(translation=TASKS["inpaint"](), width=8, blocks=1, patch_width=4).build(IMAGE)
    objective = Paired(**{**SILENT, "reconstruction_weight": 1.0})
    compute_loss = dict(objective.phases(modules, Hinge(), IMAGE))["generator"]
    optimizer = torch.optim.Adam(modules["generator"].parameters(), 1e-2)
    values = []
    for _ in range(100):
        flat = (torch.rand(8, 3, 1, 1) * 1.6 - 0.8).expand(-1, -1, 32, 32)
        optimizer.zero_grad()
        loss = compute_loss(Batch(flat, torch.zeros(8, dtype=torch.long)), Step(0, 10))
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    assert sum(values[-10:]) < 0.5 * sum(values[:10])
