"""The recurrent networks: DRAW's windows against hand-computed Gaussians, and the steps of both."""

from math import exp

import pytest
import torch

from pipeline.autoencoders import Autoencoder
from pipeline.contracts import Image, LatentGenerator
from pipeline.errors import RecipeError
from pipeline.networks.draw import Attention, Draw, DrawAutoencoder, filter_bank
from pipeline.networks.gran import Gran

IMAGE = Image(1, 16, ("one", "two"))


def test_a_filter_bank_is_rows_of_normalised_gaussians() -> None:
    bank = filter_bank(torch.tensor([[2.5]]), torch.tensor([[1.5]]), torch.tensor([[0.5]]), filters=3, size=4)
    assert bank.shape == (1, 3, 4)
    for row, place in enumerate((1.0, 2.5, 4.0)):  # pixels 1 to 4, the middle filter at 2.5, 1.5 between two of them
        heights = [exp(-((pixel - place) ** 2) / (2 * 0.5)) for pixel in (1, 2, 3, 4)]
        expected = [height / sum(heights) for height in heights]
        torch.testing.assert_close(bank[0, row], torch.tensor(expected))


def test_a_filter_outside_the_picture_stays_finite() -> None:
    bank = filter_bank(torch.tensor([[900.0]]), torch.tensor([[1.0]]), torch.tensor([[1e-3]]), filters=2, size=4)
    torch.testing.assert_close(bank.sum(2), torch.ones(1, 2))


def placed(attention: Attention, *, across: float, down: float, intensity: float) -> torch.Tensor:
    """Make a window of narrow filters one pixel apart around a place in [-1, 1]; return the state that asks for it."""
    torch.nn.init.zeros_(attention.place.weight)
    stride = (attention.size - 1) / (attention.filters - 1)
    attention.place.bias.data = torch.tensor([across, down, 1e-3, 1 / stride, intensity]).log().nan_to_num(0)
    attention.place.bias.data[:2] = torch.tensor([across, down])
    return torch.zeros(1, attention.place.in_features)


def test_reading_cuts_out_a_window_and_writing_puts_it_back() -> None:
    attention = Attention(hidden=3, filters=3, size=7)
    # (7 + 1) / 2 (x + 1) = 5 across and 3 down: pixels are counted from 1.
    state = placed(attention, across=0.25, down=-0.25, intensity=2.0)
    picture = torch.arange(49.0).reshape(1, 1, 7, 7)
    window = picture[0, 0, 1:4, 3:6]
    torch.testing.assert_close(attention.read(picture, state), 2 * window.reshape(1, 9))
    written = attention.write(window[None, None], state)
    expected = torch.zeros(7, 7)
    expected[1:4, 3:6] = window / 2
    torch.testing.assert_close(written[0, 0], expected)


def test_filters_lie_under_autocast_where_they_lie_without() -> None:
    torch.manual_seed(0)
    attention, state = Attention(hidden=16, filters=4, size=64), torch.randn(8, 16)
    exact = attention._banks(state)
    with torch.autocast("cpu", torch.bfloat16):
        found = attention._banks(state)
    for bank, expected in zip(found, exact, strict=True):
        assert torch.equal(bank, expected)


def test_draw_paints_what_its_codes_say_with_and_without_the_picture() -> None:
    torch.manual_seed(0)
    autoencoder = Draw(steps=3, step_code=2, hidden=8, reading=3, writing=4).build(IMAGE)["autoencoder"]
    assert isinstance(autoencoder, Autoencoder)
    noise = torch.randn(2, 6)
    coding = autoencoder(torch.rand(2, 1, 16, 16), noise)
    code = coding.mean + (coding.log_variance / 2).exp() * noise
    assert code.shape == (2, 6)
    torch.testing.assert_close(autoencoder.decode(code), coding.decoded)
    assert not torch.allclose(coding.mean[0], coding.mean[1])


def test_draw_looks_at_how_far_the_picture_is_from_the_canvas_as_it_is_shown() -> None:
    torch.manual_seed(0)
    autoencoder = Draw(steps=2, step_code=2, hidden=8).build(IMAGE)["autoencoder"]
    assert isinstance(autoencoder, DrawAutoencoder)
    autoencoder.patch[0].bias.data.fill_(3.0)
    read, seen = autoencoder.reader.read, []
    autoencoder.reader.read = lambda pictures, state: seen.append(pictures) or read(pictures, state)
    images, noise = torch.rand(2, 1, 16, 16) * 2 - 1, torch.randn(2, 4)
    coding = autoencoder(images, noise)
    painted = autoencoder.paint(coding.mean + (coding.log_variance / 2).exp() * noise)[0]
    assert painted.max() > 0.5
    torch.testing.assert_close(seen[0], torch.cat([images, images], dim=1))
    torch.testing.assert_close(seen[1], torch.cat([images, images - painted], dim=1))


@pytest.mark.parametrize("network", [Draw(steps=3, step_code=2, hidden=8), Gran(steps=3, width=4, latent=5, memory=3)])
def test_the_last_of_the_steps_is_the_picture(network: Draw | Gran) -> None:
    torch.manual_seed(0)
    modules = network.build(IMAGE)
    graph = network.graph(modules, IMAGE)
    assert [port.name for port in graph.outputs] == ["picture", "steps"]
    feeds = [torch.randn(2, int(port.shape[1])).softmax(1) for port in graph.inputs]
    picture, steps = graph.module(*feeds)
    assert steps.shape == (2, 3, 1, 16, 16)
    torch.testing.assert_close(steps[:, -1], picture)
    assert not torch.allclose(steps[:, 0], steps[:, 1])
    assert picture.abs().max() <= 1


@pytest.mark.parametrize(("conditional", "classes"), [(True, 2), (False, 0)])
def test_gran_is_a_generator_of_latents(*, conditional: bool, classes: int) -> None:
    modules = Gran(latent=5, width=4, conditional=conditional).build(IMAGE)
    generator = modules["generator"]
    assert isinstance(generator, LatentGenerator)
    assert generator.classes == classes
    weights = torch.eye(2)[:, :classes]
    pictures = generator(torch.randn(2, 5), weights)
    assert modules["discriminator"](pictures, weights).shape == (2,)
    with pytest.raises(RecipeError, match="'gran' makes no pictures of 28 pixels"):
        Gran().build(Image(1, 28, ("one",)))
