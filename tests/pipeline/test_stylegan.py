from pathlib import Path

import numpy as np
import pytest
import torch
from recipes import PAINTER, write_params
from states import finished_state
from torch.nn import functional

from demo.card import Choice, ModelCard
from demo.engine import Model, draw_noise
from pipeline.contracts import Image, LatentGenerator
from pipeline.errors import RecipeError
from pipeline.export import compare, export, write_model
from pipeline.gathering import sampling_feeds
from pipeline.networks.layers import deviation
from pipeline.networks.stylegan import (
    StyledLayer,
    Stylegan,
    StyleganDiscriminator,
    StyleganGenerator,
    demodulation,
    mix_styles,
)
from pipeline.objectives.adversarial import class_weights
from pipeline.objectives.penalties import squared_slope
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.train import train
from pipeline.workspace import Workspace

TINY = Stylegan(latent=6, style=5, depth=2, width=4, max_width=8)


def image(size: int, *, channels: int = 3, classes: int = 3) -> Image:
    return Image(channels, size, tuple(f"class {number}" for number in range(classes)))


def build(config: Stylegan = TINY, size: int = 16, classes: int = 3) -> tuple[StyleganGenerator, StyleganDiscriminator]:
    torch.manual_seed(0)
    modules = config.build(image(size, classes=classes))
    generator, discriminator = modules["generator"], modules["discriminator"]
    assert isinstance(generator, StyleganGenerator)
    assert isinstance(discriminator, StyleganDiscriminator)
    return generator, discriminator


def with_noise(generator: StyleganGenerator) -> StyleganGenerator:
    for layer in generator.layers:
        torch.nn.init.constant_(layer.strength, 5.0)
    return generator.eval()


@pytest.mark.parametrize("size", [8, 16, 32, 64, 128, 256, 512])
@pytest.mark.parametrize("classes", [1, 3])
def test_every_power_of_two_is_painted_and_judged(size: int, classes: int) -> None:
    generator, discriminator = build(size=size, classes=classes)
    assert isinstance(generator, LatentGenerator)
    assert generator.classes == (0 if classes == 1 else classes)
    assert generator.latent == 6 + 16 + 2 * sum(side**2 for side in (8, 16, 32, 64, 128, 256, 512) if side <= size)
    weights = class_weights(torch.tensor([0, classes - 1]), generator.classes)
    pictures = generator.eval()(torch.randn(2, generator.latent), weights)
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert generator.train()(100 * torch.randn(2, generator.latent), weights).abs().max() > 1
    assert discriminator(pictures, weights).shape == (2,)


@pytest.mark.parametrize("size", [4, 28, 48, 1024])
def test_other_sizes_are_refused_in_one_sentence(size: int) -> None:
    with pytest.raises(RecipeError, match=f"'stylegan' makes no pictures of {size} pixels; set data.size to a power"):
        TINY.build(image(size))


def test_the_first_pictures_have_a_sane_scale_and_penalties_a_gradient() -> None:
    config = Stylegan(latent=16, style=16, width=16, max_width=32, minibatch_statistics=True)
    generator, discriminator = build(config, size=32)
    classes = class_weights(torch.arange(12) % 3, 3)
    pictures = generator(torch.randn(12, generator.latent), classes)
    assert 0.05 < pictures.std() < 2
    logits = discriminator(pictures.detach().requires_grad_(), classes)
    assert logits.std() < 10
    seen = torch.rand(12, 3, 32, 32).mul(2).sub(1).requires_grad_()
    squared_slope(discriminator(seen, classes), seen).mean().backward()
    slopes = {name: parameter.grad for name, parameter in discriminator.named_parameters()}
    assert all(slope is None or slope.isfinite().all() for slope in slopes.values())
    slope = slopes["stages.0.weight"]
    assert slope is not None
    assert slope.abs().sum() > 0


def test_scaling_features_comes_to_the_same_as_the_papers_kernels_per_picture() -> None:
    torch.manual_seed(0)
    layer = StyledLayer(5, 7, style=4)
    torch.nn.init.constant_(layer.strength, 3.0)
    features, style, noise = torch.randn(3, 5, 6, 6), torch.randn(3, 4), torch.randn(3, 36)
    scale = layer.scale(style)
    kernels = layer.weight * scale[:, None, :, None, None]
    kernels = kernels / (kernels.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    grouped = functional.conv2d(features.reshape(1, 15, 6, 6), kernels.reshape(21, 5, 3, 3), padding=1, groups=3)
    grouped = grouped.reshape(3, 7, 6, 6) + 0.3 * noise.reshape(3, 1, 6, 6) + layer.bias[:, None, None]
    expected = functional.leaky_relu(grouped, 0.2) * (2 / 1.04) ** 0.5
    torch.testing.assert_close(layer(features, style, noise), expected, rtol=1e-4, atol=1e-5)


def test_upsampling_is_a_convolution_after_a_bilinear_doubling() -> None:
    torch.manual_seed(0)
    layer = StyledLayer(3, 4, style=2, upsample=True)
    features, style = torch.randn(2, 3, 8, 8), torch.randn(2, 2)
    scale = layer.scale(style)
    doubled = functional.interpolate(features * scale[:, :, None, None], scale_factor=2.0, mode="bilinear")
    # A transposed convolution turns its kernel around.
    expected = functional.conv2d(doubled, layer.weight.flip(2, 3), padding=1)
    expected = expected * demodulation(layer.weight, scale)[:, :, None, None]
    expected = functional.leaky_relu(expected, 0.2) * (2 / 1.04) ** 0.5
    painted = layer(features, style, torch.zeros(2, 256))
    assert painted.shape == (2, 4, 16, 16)
    torch.testing.assert_close(painted[:, :, 2:-2, 2:-2], expected[:, :, 2:-2, 2:-2], rtol=1e-4, atol=1e-5)


def test_demodulation_gives_unit_variance_whatever_weights_and_style() -> None:
    torch.manual_seed(0)
    weight, scale = 30 * torch.randn(8, 6, 3, 3), 5 * torch.randn(4, 6)
    features = torch.randn(4, 6, 64, 64) * scale[:, :, None, None]
    out = functional.conv2d(features, weight) * demodulation(weight, scale)[:, :, None, None]
    torch.testing.assert_close(out.std(dim=(2, 3)), torch.ones(4, 8), rtol=0.1, atol=0)


def test_crossovers_take_coarse_layers_from_one_and_fine_ones_from_the_other() -> None:
    coarse, fine = torch.zeros(3, 4, 2), torch.ones(3, 4, 2)
    mixed = mix_styles(coarse, fine, torch.tensor([1, 3, 4]))
    assert mixed[:, :, 0].tolist() == [[0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 0]]
    assert torch.equal(mixed[:, :, 0], mixed[:, :, 1])


def test_coarse_styles_decide_the_layout_and_fine_ones_the_rest() -> None:
    generator = build()[0].eval()
    one, other = (generator.every_layer(torch.randn(1, 5)) for _ in range(2))
    layers, noise = one.shape[1], torch.zeros(1, generator.latent - 6)
    assert layers == 6
    assert torch.equal(
        generator.paint(mix_styles(one, other, torch.tensor([layers])), noise), generator.paint(one, noise)
    )
    assert torch.equal(generator.paint(mix_styles(one, other, torch.tensor([0])), noise), generator.paint(other, noise))
    differences = [
        (generator.paint(mix_styles(one, other, torch.tensor([place])), noise) - generator.paint(one, noise))
        .abs()
        .sum()
        for place in (1, layers - 1)
    ]
    assert differences[0] > differences[1] > 0


@pytest.mark.parametrize(("mixing", "different"), [(0.0, False), (1.0, True)])
def test_styles_are_mixed_in_training_alone_and_by_torchs_seed(mixing: float, different: bool) -> None:
    generator, _ = build(TINY.model_copy(update={"mixing": mixing}))
    latent, classes = torch.randn(4, generator.latent), torch.eye(3)[[0, 1, 2, 0]]
    first, second = generator(latent, classes), generator(latent, classes)
    assert torch.equal(first, second) != different
    for _ in range(2):
        torch.manual_seed(7)
        again, first = first, generator(latent, classes)
    assert torch.equal(first, again)
    generator.eval()
    assert torch.equal(generator(latent, classes), generator(latent, classes))


@pytest.mark.parametrize("classes", [1, 3])
def test_truncation_leads_from_no_change_to_one_picture_for_each_class(classes: int) -> None:
    generator = with_noise(build(classes=classes)[0])
    torch.nn.init.normal_(generator.means)
    graph = TINY.graph({"generator": generator}, image(16, classes=classes))
    noise = torch.randn(1, generator.latent - 6).expand(4, -1)
    latent, labels = torch.randn(4, 6), torch.tensor([0, 0, classes - 1, classes - 1])
    known = [class_weights(labels, generator.classes)] if generator.classes else []
    full, half, none = (graph.module(latent, noise, torch.full((4, 1), share), *known) for share in (1.0, 0.5, 0.0))
    whole = generator(torch.cat([latent, noise], dim=1), class_weights(labels, generator.classes))
    assert torch.equal(full, whole)
    torch.testing.assert_close(none[0], none[1])
    torch.testing.assert_close(none[2], none[3])
    assert torch.allclose(none[0], none[2], atol=1e-5) == (classes == 1)
    middle = (generator.mapping(latent, *known or [latent[:, :0]]) + generator.means[labels]) / 2
    torch.testing.assert_close(half, generator.paint(generator.every_layer(middle), noise))
    assert not torch.allclose(half, full)
    assert not torch.allclose(half[0], half[1])


def test_noise_counts_where_it_has_strength() -> None:
    generator = build()[0].eval()
    classes, codes = torch.eye(3)[[0]], torch.randn(1, 6)
    still = torch.cat([codes, torch.zeros(1, generator.latent - 6)], dim=1)
    noisy = torch.cat([codes, torch.randn(1, generator.latent - 6)], dim=1)
    assert torch.equal(generator(still, classes), generator(noisy, classes))
    with_noise(generator)
    assert not torch.allclose(generator(still, classes), generator(noisy, classes))


def test_the_means_follow_the_styles_of_their_classes_in_training_alone() -> None:
    generator, _ = build(classes=3)
    classes = class_weights(torch.tensor([0] * 300 + [1] * 300), 3)
    latent = torch.randn(600, generator.latent)
    codes = generator.mapping(latent[:, :6], classes).detach()
    with torch.no_grad():
        generator.eval()(latent[:2], classes[:2])
        assert not generator.means.any()
        generator.train()
        for _ in range(20):
            generator(latent, classes)
    expected = torch.stack([codes[:300].mean(dim=0), codes[300:].mean(dim=0), torch.zeros(5)])
    torch.testing.assert_close(generator.means, expected * torch.tensor([1 - 0.999**6000]), rtol=1e-3, atol=1e-4)
    assert "means" in generator.state_dict()


@pytest.mark.parametrize("classes", [1, 3])
def test_half_precision_trains_as_well(classes: int) -> None:
    generator, discriminator = build(Stylegan(width=4, minibatch_statistics=True), classes=classes)
    latent, known = (
        torch.randn(4, generator.latent),
        class_weights(torch.zeros(4, dtype=torch.int64), generator.classes),
    )
    with torch.autocast("cpu", torch.bfloat16):
        pictures = generator(latent, known)
        logits = discriminator(pictures, known)
        squared_slope(logits, pictures).mean().backward()
    assert pictures.dtype == generator.means.dtype == torch.float32
    assert generator.means.any()
    assert all(part.grad is None or part.grad.isfinite().all() for part in generator.parameters())


def test_the_deviation_of_a_batch_is_known() -> None:
    features = torch.tensor([0.0, 2.0, 4.0, 6.0])[:, None, None, None].expand(4, 5, 4, 4)
    torch.testing.assert_close(deviation(features), torch.full((4, 1, 4, 4), 5**0.5))
    flat = torch.zeros(3, 2, 4, 4, requires_grad=True)
    deviation(flat).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_the_class_changes_picture_and_logit() -> None:
    generator, discriminator = build()
    latent, classes = torch.randn(1, generator.eval().latent), torch.eye(3)
    pictures = [generator(latent, classes[[place]]) for place in (0, 1)]
    assert not torch.allclose(*pictures)
    assert not torch.allclose(*(discriminator(pictures[0], classes[[place]]) for place in (0, 1)))


@pytest.mark.parametrize("classes", [1, 3])
def test_the_file_agrees_with_torch_for_every_port(classes: int, tmp_path: Path) -> None:
    generator = with_noise(build(classes=classes)[0])
    torch.nn.init.normal_(generator.means)
    graph = TINY.graph({"generator": generator}, image(16, classes=classes))
    kinds = {port.name: (port.kind, port.shape) for port in graph.inputs}
    expected = {"latent": ("latent", ("N", 6)), "noise": ("noise", ("N", 656)), "truncation": ("degree", ("N", 1))}
    assert kinds == expected | ({"classes": ("weights", ("N", 3))} if classes > 1 else {})
    card = ModelCard("styled", "sample", 3, 16, graph.inputs, graph.outputs, tuple(map(Choice, graph.choices)))
    write_model(graph, card, tmp_path / "model.onnx")
    model = Model.open(tmp_path / "model.onnx")
    differences = compare(graph, model)
    assert set(differences) == {"batch 1", "batch 2", "batch 5"}
    assert max(differences.values()) < 1e-4
    feeds = sampling_feeds(card, [3, 4, 5], np.array([0, 0, classes - 1]))
    together = model.run(feeds)
    row = torch.from_numpy(draw_noise([4], generator.latent))
    whole = generator(row, class_weights(torch.tensor([0]), generator.classes))
    np.testing.assert_allclose(together[1:2], whole.detach().numpy(), atol=1e-4)
    alone = model.run({name: array[1:2] for name, array in feeds.items()})
    np.testing.assert_allclose(alone, together[1:2], atol=1e-4)


def test_the_stages_take_it_from_pictures_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    network = {"name": "stylegan", "latent": 6, "style": 8, "depth": 2, "width": 4, "max_width": 8}
    recipe = read_recipe(write_params(tmp_path / "params.yaml", styled=PAINTER | {"network": network}), "styled")
    workspace = Workspace("styled", tmp_path)
    for stage in (prepare, train, export):
        stage(recipe, workspace)
    assert [choice.name for choice in Model.open(workspace.model).card.choices] == ["mondrian", "waves"]
    averaged = finished_state(recipe, workspace)["averaged"]["generator"]
    assert averaged["means"].any()
