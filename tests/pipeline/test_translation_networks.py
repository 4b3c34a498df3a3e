import pytest
import torch

from pipeline.contracts import Image, PairedGenerator, PatchGenerator, TwoWayGenerator
from pipeline.errors import RecipeError
from pipeline.networks.patch import PatchJudge
from pipeline.networks.unet import Unet
from pipeline.networks.unpaired import Unpaired
from pipeline.networks.ushape import DemodulatedConvolution, UShape
from pipeline.sections import parse_part
from pipeline.tasks import TASKS

IMAGE = Image(channels=3, size=32, classes=("mondrian", "waves"))
TINY = {"width": 8, "blocks": 1, "patch_width": 4}


def unet(name):
    torch.manual_seed(0)
    return Unet(translation=TASKS[name](), **TINY)


def pair_of(name, height=32, width=32, count=2):
    pictures = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    labels = torch.arange(count) % 2
    return TASKS[name]().make(pictures, labels, classes=2, random=torch.Generator().manual_seed(0))


class TestUShape:
    @pytest.mark.parametrize(("height", "width"), [(8, 8), (16, 40)])
    def test_keeps_any_size_of_its_multiple_and_starts_at_zero(self, height, width):
        body = UShape(4, 3, width=8, blocks=1, choices=2)
        painted = body(torch.randn(2, 4, height, width), torch.eye(2))
        assert painted.shape == (2, 3, height, width)
        assert torch.equal(painted, body.to_planes.bias[None, :, None, None].expand_as(painted))

    def test_maps_halve_three_times(self):
        body = UShape(3, 3, width=8, blocks=1)
        maps = body.encode(torch.randn(1, 3, 32, 48), torch.zeros(1, 0))
        sizes = [(8, 16, 24), (16, 8, 12), (32, 4, 6), (32, 4, 6)]
        assert [tuple(features.shape[1:]) for features in maps] == sizes
        assert body.widths == tuple(size[0] for size in sizes)

    def test_it_sees_the_whole_of_a_small_picture(self):
        """A hole is filled by what lies far away, so one corner must move the other."""
        body = UShape(3, 3, width=8, blocks=3)
        torch.nn.init.normal_(body.to_planes.weight)
        picture = torch.zeros(1, 3, 64, 64, requires_grad=True)
        body(picture, torch.zeros(1, 0))[0, 0, 0, 0].backward()
        assert picture.grad[..., 40:, 40:].abs().max() > 0

    def test_every_weight_learns_once_the_last_layer_is_no_longer_zero(self):
        body = UShape(3, 3, width=8, blocks=1, choices=2)
        torch.nn.init.normal_(body.to_planes.weight)
        body(torch.randn(2, 3, 16, 16), torch.eye(2)).square().sum().backward()
        assert [name for name, weight in body.named_parameters() if not weight.grad.any()] == []


class TestDemodulatedConvolution:
    @pytest.mark.parametrize("choices", [0, 2])
    def test_noise_of_unit_variance_keeps_it_whatever_the_scale_of_the_weights(self, choices):
        torch.manual_seed(0)
        layer = DemodulatedConvolution(16, 8, choices=choices)
        with torch.no_grad():
            layer.weight.mul_(7)
            out = layer(torch.randn(2, 16, 64, 64), torch.eye(2)[:, :choices])
        assert out.std(dim=(0, 2, 3)).tolist() == pytest.approx([1] * 8, rel=0.1)

    def test_the_choice_is_a_modulated_and_demodulated_filter(self):
        torch.manual_seed(0)
        layer = DemodulatedConvolution(5, 3, choices=2)
        features = torch.randn(1, 5, 9, 9)
        filters = layer.weight * layer.modulation(torch.tensor([[0.0, 1.0]]))[0][None, :, None, None]
        filters = filters / filters.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()
        padded = torch.nn.functional.pad(features, [1] * 4, mode="replicate")
        expected = torch.nn.functional.conv2d(padded, filters, layer.bias)
        torch.testing.assert_close(layer(features, torch.tensor([[0.0, 1.0]])), expected)

    def test_absolute_brightness_passes(self):
        """What instance norm would lose: two flat pictures of different brightness stay apart."""
        layer = DemodulatedConvolution(3, 4, choices=0)
        dark, light = (layer(torch.full((1, 3, 8, 8), level), torch.zeros(1, 0)) for level in (0.1, 0.9))
        assert (dark - light).abs().max() > 0.1


class TestUnet:
    @pytest.mark.parametrize("name", TASKS)
    def test_serves_every_task_and_its_graph_fits_the_ports(self, name):
        network = unet(name)
        modules = network.build(IMAGE)
        generator = modules["generator"]
        assert isinstance(generator, PairedGenerator)
        assert not isinstance(generator, PatchGenerator)
        pair = pair_of(name, 24, 40)
        assert generator(pair.given, pair.guide).shape == (2, 3, 24, 40)
        graph = network.graph(modules, IMAGE)
        assert (graph.task, graph.translation) == ("translate", name)
        assert graph.choices == network.translation.choices(IMAGE)
        torch.nn.init.constant_(generator.body.to_planes.bias, 9.0)
        assert graph.module(pair.given, pair.guide).abs().max() <= 1

    def test_judge_sees_the_condition_and_the_choice(self):
        judge = unet("sketch").build(IMAGE)["discriminator"]
        planes = torch.rand(2, 4, 32, 32)
        *maps, logits = judge(planes, torch.eye(2))
        assert [tuple(features.shape[1:]) for features in maps] == [(4, 16, 16), (8, 8, 8), (16, 4, 4)]
        assert logits.shape == (2, 4, 4)
        assert not torch.allclose(logits, judge(planes, torch.eye(2).flip(0))[-1])

    @pytest.mark.parametrize(
        ("image", "sentence"),
        [
            (Image(1, 32, ()), r"^data.channels: 'unet' translates colour pictures; set it to 3$"),
            (Image(3, 8, ()), r"^data.size: 8 px show 'unet' too little; set it to 16$"),
            (Image(3, 36, ()), r"^data.size: 'unet' cannot halve 36 px three times; use a multiple of 8$"),
        ],
    )
    def test_says_what_it_cannot_work_on(self, image, sentence):
        with pytest.raises(RecipeError, match=sentence):
            unet("inpaint").build(image)

    @pytest.mark.parametrize(
        ("section", "sentence"),
        [
            ({}, r"^a\.network\.translation: missing"),
            ({"translation": {"name": "colorise"}}, r"^a\.network\.translation\.name: is 'colorise'; did you mean"),
            ({"translation": {"name": "sketch", "hints": 3}}, r"^a\.network\.translation\.hints: unknown key"),
        ],
    )
    def test_a_wrong_task_is_named(self, section, sentence):
        with pytest.raises(RecipeError, match=sentence):
            parse_part({"unet": Unet}, {"name": "unet", **section}, "a.network")


class TestUnpaired:
    def test_fresh_it_hardly_changes_a_picture(self):
        generator = Unpaired(**TINY).build(IMAGE)["generator"]
        picture = torch.rand(2, 3, 16, 24) * 2 - 1
        assert (generator(picture) - picture).abs().max() <= 0.031

    def test_roles_follow_the_ways(self):
        one, both = (Unpaired(both_ways=ways, **TINY).build(IMAGE) for ways in (False, True))
        assert set(one) == {"generator", "discriminator"}
        assert set(both) == {"generator", "discriminator", "inverse_discriminator"}
        assert isinstance(one["generator"], PatchGenerator)
        assert not isinstance(one["generator"], TwoWayGenerator)
        assert isinstance(both["generator"], TwoWayGenerator)

    def test_places_are_described_by_unit_vectors_of_where_they_are(self):
        generator = Unpaired(code=4, **TINY).build(IMAGE)["generator"]
        picture = torch.rand(2, 3, 32, 32)
        places = torch.tensor([[0.0, 0.0], [0.99, 0.99], [0.5, 0.25]])
        described = generator.describe(picture, places)
        assert [tuple(vectors.shape) for vectors in described] == [(2, 3, 4)] * 5
        for vectors in described:
            torch.testing.assert_close(vectors.norm(dim=2), torch.ones(2, 3))
        changed = picture.clone()
        changed[:, :, 31, 31] += 1
        pixels, others = generator.describe(changed, places)[0], described[0]
        assert torch.equal(pixels[:, [0, 2]], others[:, [0, 2]])
        assert not torch.equal(pixels[:, 1], others[:, 1])


def test_a_patch_of_the_judge_is_22_pixels():
    judge = PatchJudge(3, 4, 0)
    picture = torch.rand(1, 3, 64, 64, requires_grad=True)
    judge(picture, torch.zeros(1, 0))[-1][0, 4, 4].backward()
    rows = picture.grad.abs().sum(dim=(0, 1, 3)).nonzero()
    assert rows.max() - rows.min() + 1 == 22
