import math

import pytest
import torch
from torch import nn

from pipeline.contracts import PHOTOGRAPH, Batch, Image, Step
from pipeline.errors import RecipeError
from pipeline.losses.hinge import Hinge
from pipeline.losses.least_squares import LeastSquares
from pipeline.losses.relativistic import Relativistic
from pipeline.networks.unpaired import Unpaired
from pipeline.objectives.contrastive import Contrastive, patch_nce
from pipeline.objectives.cycle import Cycle

IMAGE = Image(channels=3, size=16, classes=("ink", PHOTOGRAPH, "waves"))
TINY = {"width": 8, "blocks": 1, "patch_width": 4, "code": 4}
STEP = Step(0, 10)


def batch(count=2):
    images = torch.rand(2 * count, 3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    return Batch(images, torch.tensor([1] * count + [0] * count))


class Judge(nn.Module):
    """A discriminator whose only logit is the mean of a picture."""

    def forward(self, pictures, weights):
        assert weights.shape == (len(pictures), 0)
        return [pictures.mean(dim=(1, 2, 3))]


class Shift(nn.Module):
    """A generator that adds a number, and leads back by subtracting another."""

    def __init__(self, there=0.0, back=None):
        super().__init__()
        self.shift = nn.Parameter(torch.tensor(there))
        if back is not None:
            self.inverse = Shift(back)

    def forward(self, content):
        return content + self.shift


def loss_of(objective, role, modules, loss=None):
    return dict(objective.phases(modules, loss or Hinge(), IMAGE))[role](batch(), STEP)


def both_ways(there, back):
    return {"generator": Shift(there, back), "discriminator": Judge(), "inverse_discriminator": Judge()}


class TestSides:
    @pytest.mark.parametrize("objective", [Contrastive(), Cycle()])
    def test_are_photographs_and_all_else(self, objective):
        assert objective.domains(IMAGE) == ((1,), (0, 2))

    @pytest.mark.parametrize("objective", [Contrastive(), Cycle()])
    @pytest.mark.parametrize(
        ("classes", "sentence"),
        [
            (("ink", "waves"), r"^data: no class 'photograph' among ink, waves; choose the source"),
            ((PHOTOGRAPH,), r"^data: no pictures beside those of 'photograph'; add paintings to `data.styles`$"),
        ],
    )
    def test_are_both_needed(self, objective, classes, sentence):
        with pytest.raises(RecipeError, match=sentence):
            objective.domains(Image(channels=3, size=16, classes=classes))


class TestCycle:
    def test_identity_costs_nothing(self):
        objective = Cycle(adversarial_weight=0.0)
        assert loss_of(objective, "generator", both_ways(0.0, 0.0)).item() == 0

    def test_a_way_back_that_undoes_the_way_there_closes_the_cycle(self):
        objective = Cycle(adversarial_weight=0.0, identity_weight=0.0)
        assert loss_of(objective, "generator", both_ways(0.3, -0.3)).item() == pytest.approx(0, abs=1e-6)
        # Each of the two rounds ends 0.3 - 0.1 from where it began.
        assert loss_of(objective, "generator", both_ways(0.3, -0.1)).item() == pytest.approx(10 * 2 * 0.2, rel=1e-5)

    def test_identity_term_is_what_each_way_does_to_its_own_side(self):
        objective = Cycle(adversarial_weight=0.0, cycle_weight=0.0, identity_weight=2.0)
        assert loss_of(objective, "generator", both_ways(0.3, -0.1)).item() == pytest.approx(2 * 0.4, rel=1e-5)

    def test_both_rounds_teach_both_ways(self):
        modules = both_ways(0.3, -0.1)
        there, back = modules["generator"].shift, modules["generator"].inverse.shift
        loss_of(Cycle(adversarial_weight=0.0, identity_weight=0.0), "generator", modules).backward()
        # The loss is 10 |there + back| twice.
        assert (there.grad.item(), back.grad.item()) == pytest.approx((20, 20))

    @pytest.mark.parametrize("game", [LeastSquares(), Relativistic()], ids=["least_squares", "relativistic"])
    def test_games_are_played_on_both_sides(self, game):
        modules = both_ways(0.3, -0.1)
        photographs, paintings = (part.images.mean(dim=(1, 2, 3)) for part in batch().split(2))
        objective = Cycle(adversarial_weight=1.0, cycle_weight=0.0, identity_weight=0.0)
        found = {role: loss_of(objective, role, modules, game).item() for role in modules}
        assert found["discriminator"] == pytest.approx(
            game.discriminator(paintings, photographs + 0.3).item(), rel=1e-4
        )
        expected = game.discriminator(photographs, paintings - 0.1).item()
        assert found["inverse_discriminator"] == pytest.approx(expected, rel=1e-4)
        expected = game.generator(photographs + 0.3, lambda: paintings)
        expected = expected + game.generator(paintings - 0.1, lambda: photographs)
        assert found["generator"] == pytest.approx(expected.item(), rel=1e-4)

    def test_needs_a_way_back(self):
        sentence = r"^objective.name: 'cycle' needs a generator that also leads back; choose .* both_ways: true$"
        with pytest.raises(RecipeError, match=sentence):
            Cycle().phases(Unpaired(**TINY).build(IMAGE), Hinge(), IMAGE)

    def test_preview_goes_there_and_back(self):
        pictures, columns = Cycle().preview(both_ways(0.25, -0.25), batch())
        photographs = batch().split(2)[0].images
        assert columns == 2
        torch.testing.assert_close(pictures, torch.cat([photographs, photographs + 0.25, photographs]))


class TestContrastive:
    def test_nce_of_a_hand_made_case(self):
        """Four places at right angles: right answers score 1, wrong ones 0."""
        own = torch.eye(4)[None]
        expected = math.log(1 + 3 * math.exp(-1 / 0.5))
        assert patch_nce(own, own, 0.5).item() == pytest.approx(expected, rel=1e-5)
        # Every query finds its neighbour instead of itself.
        wrong = math.log(math.exp(1 / 0.5) + 3)
        assert patch_nce(own, own.roll(1, dims=1), 0.5).item() == pytest.approx(wrong, rel=1e-5)
        # Nothing can be told apart.
        same = torch.ones(2, 4, 1)
        assert patch_nce(same, same, 0.07).item() == pytest.approx(math.log(4), rel=1e-5)

    def test_keys_are_not_moved(self):
        queries, keys = (torch.randn(1, 3, 4, requires_grad=True) for _ in range(2))
        patch_nce(queries, keys, 0.1).backward()
        assert queries.grad.any()
        assert keys.grad is None

    def test_a_photograph_is_what_its_painting_is_compared_with_and_is_not_moved(self):
        generator = Unpaired(**TINY).build(IMAGE)["generator"]
        photographs, paintings = (part.images.clone().requires_grad_() for part in batch().split(2))
        Contrastive(places=8)._contrast(generator, photographs, paintings).backward()
        assert paintings.grad.any()
        assert photographs.grad is None

    def test_a_generator_that_keeps_places_contrasts_less_than_one_that_moves_them(self):
        torch.manual_seed(0)
        generator = Unpaired(**TINY).build(IMAGE)["generator"]
        pictures = batch().images
        objective = Contrastive(places=32)
        kept = objective._contrast(generator, pictures, pictures)
        torch.manual_seed(1)
        moved = objective._contrast(generator, pictures, pictures.roll(8, dims=3))
        assert kept < moved

    def test_discriminator_plays_paintings_against_results(self):
        modules = {"generator": Unpaired(**TINY).build(IMAGE)["generator"], "discriminator": Judge()}
        photographs, paintings = (part.images for part in batch().split(2))
        fakes = modules["generator"](photographs).mean(dim=(1, 2, 3))
        expected = Hinge().discriminator(paintings.mean(dim=(1, 2, 3)), fakes)
        assert loss_of(Contrastive(), "discriminator", modules).item() == pytest.approx(expected.item(), rel=1e-4)

    def test_needs_a_generator_that_describes_places(self):
        with pytest.raises(RecipeError, match=r"^objective.name: 'contrastive' needs a generator that describes"):
            Contrastive().phases(Unpaired(both_ways=True, **TINY).build(IMAGE), Hinge(), IMAGE)


@pytest.mark.parametrize(("objective", "ways"), [(Contrastive(places=8), False), (Cycle(), True)])
def test_all_phases_reach_every_weight_of_their_own_network(objective, ways):
    torch.manual_seed(0)
    modules = Unpaired(both_ways=ways, **TINY).build(IMAGE)
    generator = modules["generator"]
    for translator in (generator, generator.inverse) if ways else (generator,):
        nn.init.normal_(translator.body.to_planes.weight)  # fresh, it lets nothing through to what lies below
    for role, compute_loss in objective.phases(modules, LeastSquares(), IMAGE):
        modules[role].zero_grad()
        compute_loss(batch(), STEP).backward()
        gradients = {key: weight.grad for key, weight in modules[role].named_parameters()}
        assert [key for key, gradient in gradients.items() if gradient is None or not gradient.any()] == []
