import pytest
import torch

from pipeline.contracts import Image
from pipeline.errors import RecipeError
from pipeline.networks.resnet import ResidualBlock, Resnet
from pipeline.objectives.penalties import squared_slope


def image(size: int = 16, *, classes: int = 2, channels: int = 3) -> Image:
    return Image(channels, size, tuple("abcdef"[:classes]))


@pytest.mark.parametrize(("size", "patch"), [(16, 1), (32, 2), (64, 4), (32, 1)])
@pytest.mark.parametrize("classes", [1, 3])
def test_shapes(size: int, patch: int, classes: int) -> None:
    config = Resnet.model_validate({"latent": 5, "width": 8, "max_width": 16, "group": 8, "blocks": 1, "patch": patch})
    modules = config.build(image(size, classes=classes))
    weights = torch.eye(classes)[[0, 0]] if classes > 1 else torch.zeros(2, 0)
    pictures = modules["generator"](torch.randn(2, 5), weights)
    assert pictures.shape == (2, 3, size, size)
    assert modules["discriminator"](pictures, weights).shape == (2,)


@pytest.mark.parametrize(("size", "patch"), [(24, 1), (48, 2), (4, 1), (8, 2)])
def test_sizes_that_it_cannot_make(size: int, patch: int) -> None:
    with pytest.raises(RecipeError, match=f"'resnet' makes no pictures of {size} pixels"):
        Resnet.model_validate({"patch": patch}).build(image(size))


def test_widths_that_fall_into_no_groups_are_refused() -> None:
    with pytest.raises(ValueError, match="8 x 1 channels fall into no groups of 16"):
        Resnet(width=8, expansion=1)


def test_blocks_are_the_identity_at_first() -> None:
    features = torch.randn(2, 8, 4, 4)
    assert torch.equal(ResidualBlock(Resnet(width=8), 8, 1.0)(features), features)


def test_variance_passes_through_the_convolutions_of_a_block() -> None:
    """With the gain for leaky ReLU, each of the first two convolutions keeps the second moment (He et al. 2015)."""
    torch.manual_seed(0)
    block = ResidualBlock(Resnet(width=64, group=64), 64, (2 / 1.04) ** 0.5)
    features = torch.nn.functional.leaky_relu(torch.randn(8, 64, 8, 8), 0.2)
    assert block.before(features).var().item() == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("role", ["generator", "discriminator"])
def test_blocks_begin_the_smaller_the_more_there_are(role: str) -> None:
    """Two convolutions of a block are scaled by the number of blocks to the power of -1/4 (Zhang et al. 2019)."""
    torch.manual_seed(0)
    network = Resnet(latent=5, width=64, blocks=2).build(image())[role]
    blocks = [part for part in network.modules() if isinstance(part, ResidualBlock)]
    for weight in (weight for block in blocks for weight in (block.before.weight, block.grouped.weight)):
        scale = weight.std().item() * weight[0].numel() ** 0.5
        assert scale == pytest.approx((2 / 1.04) ** 0.5 * len(blocks) ** -0.25, rel=0.1)


def test_the_class_matters_to_both() -> None:
    torch.manual_seed(0)
    modules = Resnet(latent=5, width=8).build(image())
    latent = torch.randn(1, 5).expand(2, 5)
    pictures = modules["generator"](latent, torch.eye(2))
    assert not torch.allclose(pictures[0], pictures[1])
    logits = modules["discriminator"](pictures[:1].expand(2, -1, -1, -1), torch.eye(2))
    assert not torch.allclose(logits[0], logits[1])


def test_every_weight_of_the_discriminator_feels_both_penalty_and_logit_after_a_step() -> None:
    torch.manual_seed(0)
    critic = Resnet(latent=5, width=8, blocks=1).build(image())["discriminator"]
    optimizer = torch.optim.SGD(critic.parameters(), 0.1)
    for _ in range(2):
        pictures = torch.randn(4, 3, 16, 16, requires_grad=True)
        logits = critic(pictures, torch.eye(2)[[0, 1, 0, 1]])
        optimizer.zero_grad()
        (logits.square().mean() + squared_slope(logits, pictures).mean()).backward()
        optimizer.step()
    for name, weight in critic.named_parameters():
        assert weight.grad is not None, name
        assert weight.grad.isfinite().all(), name
        assert weight.grad.abs().sum() > 0, name
