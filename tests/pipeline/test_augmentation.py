import pytest
import torch

from pipeline.contracts import Step
from pipeline.objectives.augmentation import Augment, Augmentation, cut_out, recolour, shift


def pictures(count: int = 4, *, side: int = 16) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) * 2 - 1


def augment(**settings: object) -> Augment:
    return Augment.model_validate(settings)


def test_without_strength_nothing_changes_and_with_it_everything_may() -> None:
    images = pictures()
    assert torch.equal(Augmentation(augment(strength=0.0))(images), images)
    assert not torch.equal(Augmentation(augment(strength=1.0))(images), images)


def test_recolouring_keeps_the_distributions_mean() -> None:
    torch.manual_seed(0)
    image = pictures(1)
    mean = recolour(image.expand(20000, 3, 16, 16)).mean(dim=0)
    torch.testing.assert_close(mean, image[0], atol=0.02, rtol=0)


def test_brightness_contrast_and_saturation_are_spread_evenly_over_their_ranges() -> None:
    torch.manual_seed(0)
    count = 20000
    flat = recolour(torch.zeros(count, 3, 2, 2))
    assert flat.abs().max() <= 0.5
    torch.testing.assert_close(flat[:, 0, 0, 0], flat[:, 2, 1, 1])
    assert flat[:, 0, 0, 0].var().item() == pytest.approx(1 / 12, rel=0.05)
    stripes = recolour(torch.tensor([0.2, -0.2]).expand(count, 3, 2, 2))
    contrast = (stripes[:, 0, 0, 0] - stripes[:, 0, 0, 1]) / 0.4
    assert 0.5 <= contrast.min() < 0.51
    assert 1.49 < contrast.max() <= 1.5 + 1e-5
    assert contrast.var().item() == pytest.approx(1 / 12, rel=0.05)
    colour = recolour(torch.tensor([0.2, -0.2, 0.0])[:, None, None].expand(count, 3, 2, 2))
    strength = (colour[:, 0, 0, 0] - colour[:, 1, 0, 0]) / 0.4
    # The product of a saturation, whose mean square is 4 / 3, and a contrast, whose mean square is 13 / 12.
    assert strength.square().mean().item() == pytest.approx(4 / 3 * 13 / 12, rel=0.05)
    assert strength.mean().item() == pytest.approx(1, rel=0.02)


def test_a_shift_moves_whole_pixels_and_fills_with_grey() -> None:
    torch.manual_seed(0)
    image = pictures(1, side=8)
    padded = torch.nn.functional.pad(image, (1, 1, 1, 1))
    windows = {
        (down, across): padded[0, :, down : down + 8, across : across + 8] for down in range(3) for across in range(3)
    }
    found = set()
    for moved in shift(image.expand(200, 3, 8, 8), 0.125):
        found |= {place for place, window in windows.items() if torch.equal(window, moved)}
    assert found == set(windows)


def test_a_cut_out_square_is_grey_and_the_rest_stays() -> None:
    torch.manual_seed(0)
    images = pictures(64)
    cut = cut_out(images, 0.5)
    gone = (cut == 0).all(dim=1)
    assert torch.equal(cut.permute(0, 2, 3, 1)[~gone], images.permute(0, 2, 3, 1)[~gone])
    assert gone.sum(dim=(1, 2)).max() <= 8 * 8
    assert gone.sum(dim=(1, 2)).min() >= 3 * 3


def test_gradients_pass_twice() -> None:
    torch.manual_seed(0)
    images = pictures().requires_grad_()
    seen = Augmentation(augment())(images)
    (slope,) = torch.autograd.grad(seen.square().sum(), images, create_graph=True)
    slope.square().sum().backward()
    assert images.grad.isfinite().all()
    assert images.grad.abs().sum() > 0


def test_the_strength_follows_its_schedule() -> None:
    module = Augmentation(augment(strength={"start": 0.0, "end": 0.4}))
    module.follow(Step(5, 10), torch.ones(2), torch.zeros(2))
    assert module.strength.item() == pytest.approx(0.2)


@pytest.mark.parametrize(("gap", "ends"), [(1.0, 1.0), (-1.0, 0.0)])
def test_an_adaptive_strength_rises_with_overfitting_and_falls_without(gap: float, ends: float) -> None:
    module = Augmentation(augment(strength="adaptive", target=0.6, span=0.5))
    module.strength.fill_(0.5)
    seen = []
    for number in range(20):
        step = Step(number, 20)
        module.follow(step, torch.full((4,), gap), torch.zeros(4))
        seen.append(module.strength.item())
    assert seen[-1] == pytest.approx(ends)
    # From 0 to 1 takes half of the budget; a step is a tenth of that.
    assert abs(seen[2] - seen[1]) == pytest.approx(0.1, abs=1e-6)
    assert step.figures["augmentation"].item() == seen[-1]


def test_pairs_count_alike_however_far_their_logits_are_apart() -> None:
    module = Augmentation(augment(strength="adaptive", target=0.6))
    module.follow(Step(0, 20), torch.tensor([50.0, -1.0, -1.0, -1.0]), torch.zeros(4))
    assert module.ranked.item() == pytest.approx(0.9 * 0.6 + 0.1 * (1 - 3) / 4)


def test_the_running_measure_is_kept_with_the_module() -> None:
    assert set(Augmentation(augment()).state_dict()) == {"strength", "ranked", "seen"}
