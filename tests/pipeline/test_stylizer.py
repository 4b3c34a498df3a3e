from copy import deepcopy

import numpy as np
import pytest
import torch

from demo.card import Port
from pipeline.contracts import Image, StylizingGenerator
from pipeline.errors import RecipeError
from pipeline.losses.hinge import Hinge
from pipeline.losses.wasserstein import Wasserstein
from pipeline.networks.patch import PatchJudge
from pipeline.networks.stylizer import PatchDiscriminator, Stylizer
from pipeline.objectives.penalties import keep_bounded

IMAGE = Image(channels=3, size=16, classes=("ink", "photograph", "waves", "woodcut"))
TINY = Stylizer(width=16, blocks=1, code=8, noise=4, patch_width=4)


@pytest.fixture
def generator():
    """A generator of three styles whose every weight has moved from where it starts, so that every input matters."""
    torch.manual_seed(0)
    generator = TINY.build(IMAGE)["generator"].eval()
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return generator


def feeds(count, height, width, *, seed=0):
    random = torch.Generator().manual_seed(seed)
    content = torch.rand(count, 3, height, width, generator=random) * 2 - 1
    code = torch.randn(count, 8, generator=random)
    return content, code, torch.rand(count, 1, generator=random), torch.randn(count, 4, generator=random)


@torch.no_grad()
def difference(generator, first, second):
    return (generator(*first) - generator(*second)).abs().max().item()


def test_says_what_it_needs(generator):
    assert isinstance(generator, StylizingGenerator)
    assert (generator.styles, generator.noise) == (3, 4)
    assert Stylizer.deployed == ("generator",)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (16, 40), (64, 48)])
def test_keeps_the_size_and_the_range(generator, height, width):
    content, code, strength, noise = feeds(2, height, width)
    picture = generator(content, code, strength, noise)
    assert picture.shape == content.shape
    assert picture.abs().max() <= 1


def test_strength_zero_gives_the_photograph_back(generator):
    content, code, strength, noise = feeds(2, 24, 32)
    assert torch.equal(generator(content, code, torch.zeros_like(strength), noise), content)


def test_the_photograph_fades_out_with_the_square_of_what_is_missing_of_the_strength(generator):
    content, code, _, noise = feeds(5, 16, 16)
    generator.painter.to_picture.weight.data.zero_()
    generator.painter.to_picture.bias.data.fill_(30.0)
    strength = torch.tensor([[0.0], [0.25], [0.5], [0.75], [1.0]])
    left = torch.tensor([1.0, 9 / 16, 1 / 4, 1 / 16, 0.0])[:, None, None, None]
    picture = generator(content, code, strength, noise)
    torch.testing.assert_close(picture, content * left + (1 - left), atol=1e-6, rtol=0)


def test_full_strength_shows_nothing_of_the_photograph_that_the_network_does_not_paint(generator):
    content, code, strength, noise = feeds(1, 16, 16)
    with torch.no_grad():
        generator.painter.to_picture.weight.zero_()
        generator.painter.to_picture.bias.zero_()
    assert torch.equal(generator(content, code, torch.ones_like(strength), noise), torch.zeros_like(content))


def test_every_input_matters(generator):
    content, code, strength, noise = feeds(2, 16, 16)
    same = (content, code, strength, noise)
    assert difference(generator, same, (content.flip(3), code, strength, noise)) > 1e-3
    assert difference(generator, same, (content, code.flip(1), strength, noise)) > 1e-3
    assert difference(generator, same, (content, code, 1 - strength, noise)) > 1e-3
    assert difference(generator, same, (content, code, strength, -noise)) > 1e-3


def test_a_fresh_network_does_not_listen_to_noise():
    generator = TINY.build(IMAGE)["generator"]
    content, code, strength, noise = feeds(2, 16, 16)
    assert torch.equal(generator(content, code, strength, noise), generator(content, code, strength, 0 * noise))


def test_a_picture_does_not_depend_on_its_neighbours_in_the_batch(generator):
    batch = feeds(3, 16, 24)
    alone = generator(*(tensor[1:2] for tensor in batch))
    assert torch.allclose(generator(*batch)[1:2], alone, atol=1e-5)


def test_a_flat_photograph_gets_no_frame(generator):
    """It stays flat to the very edge, below one level of eight bits: the network cannot see where the border is.

    Norms of a flat picture enlarge what interpolation rounds.
    """
    content, code, strength, noise = feeds(1, 32, 32)
    picture = generator(torch.full_like(content, 0.2), code, strength, noise)
    assert (picture - picture.mean(dim=(2, 3), keepdim=True)).abs().max() < 2 / 255


def test_half_precision_is_close_to_full(generator):
    batch = feeds(1, 32, 32)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        half = generator(*batch)
    assert (half.float() - generator(*batch)).abs().mean() < 0.05


def test_discriminator_gives_one_logit_for_a_picture_of_any_size():
    discriminator = TINY.build(IMAGE)["discriminator"].eval()
    style = torch.eye(3)
    for side in (8, 16, 40):
        assert discriminator(torch.rand(3, 3, side, side), style).shape == (3,)


def test_discriminator_averages_over_patches_and_knows_the_style():
    torch.manual_seed(0)
    discriminator = PatchDiscriminator(3, 4, 2).eval()
    flat = torch.full((2, 3, 64, 64), 0.3)
    logits = discriminator(flat, torch.eye(2))
    assert logits[0].item() != logits[1].item()
    mixed = discriminator(flat[:1], torch.tensor([[0.5, 0.5]]))
    assert mixed.item() == pytest.approx(logits.mean().item(), abs=1e-5)


def test_the_gallery_mixes_its_codes(generator):
    codes = generator.gallery(torch.tensor([[1.0, 0.0, 0.0], [0.25, 0.75, 0.0]]))
    assert torch.equal(codes[0], generator.style_codes[0])
    torch.testing.assert_close(codes[1], torch.lerp(generator.style_codes[0], generator.style_codes[1], 0.75))


def test_the_encoder_reads_textures_and_colours_of_any_size_and_no_places(generator):
    pictures = torch.rand(2, 3, 256, 256, generator=torch.Generator().manual_seed(1)) * 2 - 1
    with torch.no_grad():
        code = generator.encode(pictures)
        assert code.shape == (2, 8)
        assert generator.encode(pictures[..., :40, :32]).shape == (2, 8)
        moved = generator.encode(pictures.roll(128, dims=3))
        paler = generator.encode(pictures / 2)
    assert (code - moved).norm() < 0.2 * (code - paler).norm()


def graph_of(generator):
    return TINY.graph({"generator": generator}, IMAGE)


def test_tiles_with_the_statistics_of_the_whole_picture_make_up_the_whole(generator):
    """As the page does it for pictures that do not fit into memory at once, here with two tiles."""
    graph = graph_of(generator)
    tile = graph.companions["tile"]
    inputs = feeds(1, 64, 256)
    half, halo = 128, 96
    pieces = [slice(0, half + halo), slice(half - halo, 2 * half)]
    own = [slice(0, half), slice(halo, halo + half)]
    given = torch.zeros(1, tile.inputs[-1].shape[1])
    place = 0
    with torch.no_grad():
        for norm, port in enumerate(tile.outputs[1:], start=1):
            parts = []
            for piece, kept in zip(pieces, own, strict=True):
                made = tile.module(inputs[0][..., piece], *inputs[1:], given)[norm]
                scale = (piece.stop - piece.start) // made.shape[3]
                parts.append(made[..., kept.start // scale : kept.stop // scale])
            variance, mean = torch.var_mean(torch.cat(parts, dim=3), dim=(2, 3), correction=0)
            channels = port.shape[1]
            given[:, place : place + 2 * channels] = torch.cat([mean, variance], dim=1)
            place += 2 * channels
        painted = [
            tile.module(inputs[0][..., piece], *inputs[1:], given)[0][..., kept]
            for piece, kept in zip(pieces, own, strict=True)
        ]
        whole = graph.module(*inputs)
    assert place == given.shape[1]
    torch.testing.assert_close(torch.cat(painted, dim=3), whole, atol=1e-4, rtol=0)


def test_half_precision_of_file_and_codes_is_close_to_single(generator):
    companions, inputs = graph_of(generator).companions, feeds(2, 32, 48)
    with torch.no_grad():
        half = companions["half"].module(*inputs)
        code = companions["encoder_half"].module(inputs[0])
        assert half.dtype == code.dtype == torch.float32
        torch.testing.assert_close(half, generator(*inputs), atol=0.05, rtol=0)
        torch.testing.assert_close(code, generator.encode(inputs[0]), atol=0.05, rtol=0.01)
    assert {weight.dtype for weight in companions["half"].module.parameters()} == {torch.float16}


def test_graph_names_its_ports(generator):
    graph = TINY.graph({"generator": generator}, IMAGE)
    assert graph.task == "stylize"
    assert graph.inputs == (
        Port("content", ("N", 3, "H", "W"), "picture"),
        Port("code", ("N", 8), "code"),
        Port("strength", ("N", 1), "degree"),
        Port("noise", ("N", 4), "noise"),
    )
    assert graph.outputs == (Port("picture", ("N", 3, "H", "W"), "picture"),)
    assert set(graph.companions) == {"encoder", "tile", "half", "encoder_half"}
    assert graph.companions["tile"].inputs == (*graph.inputs, Port("statistics", ("N", 148), "code"))
    shapes = [port.shape for port in graph.companions["tile"].outputs]
    assert shapes[:2] == [("N", 3, "H", "W"), ("N", 4, "H0", "W0")]
    assert np.shape(graph.codes) == (3, 8)


def test_refuses_grey_and_odd_pictures():
    with pytest.raises(RecipeError, match=r"data\.channels: 'stylizer' repaints colour photographs; set it to 3"):
        TINY.build(Image(channels=1, size=16, classes=IMAGE.classes))
    with pytest.raises(RecipeError, match=r"data\.size: 'stylizer' cannot halve 20 px three times"):
        TINY.build(Image(channels=3, size=20, classes=IMAGE.classes))


@pytest.mark.parametrize(
    ("judge", "expected"),
    # 16 weights of 3 are 12 long, and 24 where those of the class are added.
    [(PatchDiscriminator(3, 4, 2), 0.125), (PatchJudge(3, 4, 2), 0.125), (PatchJudge(3, 4, 0), 0.25)],
)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_bounded_judge_changes_no_more_than_its_last_features(judge, expected, layout):
    bounded = deepcopy(judge).to(memory_format=layout)
    last = [weight for name, weight in bounded.named_parameters() if "logit" in name or "embedding" in name]
    weights = [weight for weight in last if weight.dim() > 1]
    with torch.no_grad():
        for weight in weights:
            weight.fill_(3.0)
    for _ in range(2):
        bounded.bound()
        for weight in weights:
            assert torch.allclose(weight, torch.tensor(expected))


def test_only_a_loss_that_estimates_a_distance_bounds_its_critic():
    for loss, longest in ((Wasserstein(), 1.0), (Hinge(), 40.0)):
        critic = PatchDiscriminator(3, 4, 2)
        with torch.no_grad():
            critic.logit.embedding.weight.zero_()
            critic.logit.head.weight.copy_(torch.full_like(critic.logit.head.weight, 10.0))
        keep_bounded(critic, loss)
        critic(torch.rand(1, 3, 16, 16), torch.eye(2)[:1]).sum().backward()
        assert critic.logit.head.weight.norm().item() == pytest.approx(longest)
        assert critic.logit.head.weight.grad is not None
