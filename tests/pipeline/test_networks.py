import pytest
import torch
from torch.nn import functional

from pipeline.contracts import Image, LatentGenerator
from pipeline.errors import RecipeError
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.dcgan_generator import DcganGenerator, NearestConvolution, Upsampling
from pipeline.networks.layers import ClassLogit
from pipeline.networks.mlp import Mlp


def image(size: int, *, channels: int = 3, classes: int = 1) -> Image:
    return Image(channels, size, tuple(f"class {number}" for number in range(classes)))


def test_the_mlp_is_the_original_100_128_128_784() -> None:
    modules = Mlp().build(image(28, channels=1))
    shapes = [tuple(weight.shape) for weight in modules["generator"].parameters() if weight.ndim == 2]
    assert shapes == [(128, 100), (128, 128), (784, 128)]
    shapes = [tuple(weight.shape) for weight in modules["discriminator"].parameters() if weight.ndim == 2]
    assert shapes == [(128, 784), (128, 128), (1, 128)]


@pytest.mark.parametrize("size", [16, 32, 64, 128, 256])
@pytest.mark.parametrize("classes", [1, 3])
def test_dcgan_paints_and_judges_every_power_of_two(size: int, classes: int) -> None:
    modules = Dcgan(latent=6, width=2, max_width=8).build(image(size, classes=classes))
    generator = modules["generator"]
    assert isinstance(generator, LatentGenerator)
    assert generator.classes == (0 if classes == 1 else classes)
    weights = torch.eye(classes)[[0, classes - 1]] if generator.classes else torch.zeros(2, 0)
    pictures = generator(torch.randn(2, 6), weights)
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert modules["discriminator"](pictures, weights).shape == (2,)


def test_nearest_upsampling_is_a_convolution_after_doubling_every_pixel() -> None:
    torch.manual_seed(0)
    layer = NearestConvolution(5, 7)
    features = torch.randn(2, 5, 6, 4)
    doubled = features.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    # A transposed convolution turns its kernel around.
    expected = functional.conv2d(doubled, layer.weight.transpose(0, 1).flip(2, 3), layer.bias, padding=1)
    torch.testing.assert_close(layer(features), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("upsampling", "woven"), [("transposed", True), ("nearest", False), ("bilinear", False)])
def test_resampling_makes_even_ground_of_even_ground_and_transposed_convolutions_a_checkerboard(
    upsampling: Upsampling, woven: bool
) -> None:
    torch.manual_seed(0)
    generator = DcganGenerator(6, 0, [4, 8], 3, upsampling=upsampling)
    ground = generator.stages[0](torch.ones(1, 8, 8, 8))[:, :, 2:-2, 2:-2]
    assert bool(ground.std(dim=(2, 3)).max() > 1e-5) == woven


@pytest.mark.parametrize("size", [8, 28, 48, 512])
def test_dcgan_refuses_other_sizes_in_one_sentence(size: int) -> None:
    with pytest.raises(RecipeError, match=f"makes no pictures of {size} pixels; set data.size to a power of two"):
        Dcgan().build(image(size))


@pytest.mark.parametrize("normalization", ["batch", "spectral", "none"])
def test_normalization_is_what_it_is_called(normalization: str) -> None:
    discriminator = Dcgan(width=4, normalization=normalization).build(image(32))["discriminator"]
    kinds = {type(part).__name__ for part in discriminator.modules()}
    assert ("BatchNorm2d" in kinds) == (normalization == "batch")
    assert ("_SpectralNorm" in kinds) == (normalization == "spectral")


def test_the_class_changes_picture_and_logit() -> None:
    torch.manual_seed(0)
    modules = Dcgan(latent=6, width=4).build(image(16, classes=2))
    modules["generator"].eval()
    one, other = torch.eye(2)
    latent = torch.randn(1, 6)
    pictures = [modules["generator"](latent, classes[None]) for classes in (one, other)]
    assert not torch.allclose(*pictures)
    logits = [modules["discriminator"].eval()(pictures[0], classes[None]) for classes in (one, other)]
    assert not torch.allclose(*logits)


def test_the_projection_adds_the_classes_embedding_times_the_features() -> None:
    logit = ClassLogit(features=3, classes=2)
    features, classes = torch.randn(4, 3), torch.eye(2)[[0, 1, 1, 0]]
    expected = features @ logit.head.weight[0] + logit.head.bias
    expected = expected + (features * (classes @ logit.embedding.weight.T)).sum(1)
    torch.testing.assert_close(logit(features, classes), expected)


def test_unconditional_networks_ignore_the_labels_of_the_data() -> None:
    modules = Dcgan(width=2, conditional=False).build(image(16, classes=5))
    graph = Dcgan(width=2, conditional=False).graph(modules, image(16, classes=5))
    assert [port.name for port in graph.inputs] == ["latent"]
    assert graph.choices == ()
    assert graph.module(torch.randn(3, 100)).shape == (3, 3, 16, 16)
