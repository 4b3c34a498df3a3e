"""Projected GAN: what is frozen stays frozen, and what is judged reaches the generator."""

import pytest
import torch

from pipeline.contracts import Image, LatentGenerator
from pipeline.errors import RecipeError
from pipeline.features.ganvas_net import shipped
from pipeline.networks.projected import Judge, Projected, ProjectedDiscriminator, Projection
from pipeline.objectives.adversarial import class_weights

TINY = Projected(latent=6, width=4, max_width=16, judge=8)


def image(size, *, channels=3, classes=3):
    return Image(channels, size, tuple(f"class {number}" for number in range(classes)))


@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize(("channels", "classes"), [(3, 3), (1, 1)])
def test_every_picture_is_judged_at_every_scale_and_place(size, channels, classes):
    modules = TINY.build(image(size, channels=channels, classes=classes))
    generator = modules["generator"]
    assert isinstance(generator, LatentGenerator)
    weights = class_weights(torch.tensor([0, classes - 1]), generator.classes)
    pictures = generator(torch.randn(2, 6), weights)
    assert pictures.shape == (2, channels, size, size)
    # Four judges, whose maps are all brought to a sixteenth of the picture's side.
    assert modules["discriminator"](pictures, weights).shape == (2, 4 * (size // 16) ** 2)


@pytest.mark.parametrize("size", [16, 48, 512])
def test_other_sizes_are_refused_in_one_sentence(size):
    with pytest.raises(RecipeError, match=f"'projected' makes no pictures of {size} pixels; set data.size to a power"):
        TINY.build(image(size))


def test_the_projection_is_known_to_no_optimiser_and_no_checkpoint():
    discriminator = ProjectedDiscriminator(3, 8)
    assert not list(discriminator.projection.parameters())
    assert all(name.startswith("judges.") for name in discriminator.state_dict())
    discriminator.requires_grad_(requires_grad=True)
    assert not any(buffer.requires_grad for buffer in discriminator.projection.buffers())
    assert any(parameter.requires_grad for parameter in shipped().parameters()) is False


def test_what_the_eye_sees_is_what_the_shipped_network_sees():
    pictures = torch.rand(2, 3, 64, 64) * 2 - 1
    projection = Projection()
    assert all(torch.equal(mine, its) for mine, its in zip(projection.eye(pictures), shipped()(pictures), strict=True))
    again = Projection()
    assert all(torch.equal(mine, its) for mine, its in zip(projection(pictures), again(pictures), strict=True))


def test_the_finest_map_knows_what_the_coarsest_saw():
    projection = Projection()
    dot = torch.zeros(1, 3, 64, 64)
    dot[..., :2, :2] = 1
    empty = torch.zeros_like(dot)
    alone, mixed = ((look(dot)[0] - look(empty)[0]).abs().amax(dim=(0, 1)) for look in (projection.eye, projection))
    assert alone[0, 0] > 0
    assert alone[2:, 2:].max() == 0
    assert mixed.min() > 0


def test_a_gradient_passes_the_frozen_eye_to_the_pictures():
    discriminator = ProjectedDiscriminator(0, 8)
    pictures = torch.zeros(1, 3, 32, 32, requires_grad=True)
    discriminator(pictures, torch.zeros(1, 0)).sum().backward()
    assert pictures.grad is not None
    assert pictures.grad.abs().min(dim=1).values.count_nonzero() > 0.9 * 32 * 32


def test_the_class_moves_every_logit_by_its_projection():
    judge = Judge(4, 8, 2, halvings=0).eval()
    maps = torch.randn(1, 4, 4, 4)
    neither, first, second, both = (
        judge(maps, torch.tensor([row])) for row in ([0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0])
    )
    assert not torch.allclose(first, second)
    torch.testing.assert_close(first + second - neither, both)
