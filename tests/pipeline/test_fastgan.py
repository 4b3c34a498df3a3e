from pathlib import Path

import pytest
import torch
from recipes import PAINTER, write_params

from demo.card import Choice, ModelCard
from demo.engine import Model
from pipeline.contracts import Image, LatentGenerator, SelfSupervised
from pipeline.errors import RecipeError
from pipeline.export import compare, export, write_model
from pipeline.networks.fastgan import Fastgan, FastganDiscriminator, SkipLayerExcitation, pyramid_distance
from pipeline.objectives.adversarial import class_weights
from pipeline.objectives.penalties import squared_slope
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.train import train
from pipeline.workspace import Workspace

TINY = Fastgan(latent=6, width=4, max_width=16)


def image(size: int, *, channels: int = 3, classes: int = 3) -> Image:
    return Image(channels, size, tuple(f"class {number}" for number in range(classes)))


def discriminator_of(size: int, config: Fastgan = TINY) -> FastganDiscriminator:
    torch.manual_seed(0)
    discriminator = config.build(image(size))["discriminator"]
    assert isinstance(discriminator, FastganDiscriminator)
    return discriminator


def pictures_of(count: int, size: int) -> torch.Tensor:
    return torch.rand(count, 3, size, size).mul(2).sub(1)


@pytest.mark.parametrize("size", [32, 64, 128, 256])
@pytest.mark.parametrize("classes", [1, 3])
def test_every_power_of_two_is_painted_judged_and_remembered(size: int, classes: int) -> None:
    modules = TINY.build(image(size, classes=classes))
    generator, discriminator = modules["generator"], modules["discriminator"]
    assert isinstance(generator, LatentGenerator)
    assert isinstance(discriminator, SelfSupervised)
    assert generator.classes == (0 if classes == 1 else classes)
    weights = class_weights(torch.tensor([0, classes - 1]), generator.classes)
    pictures = generator(torch.randn(2, 6), weights)
    assert pictures.shape == (2, 3, size, size)
    assert pictures.abs().max() <= 1
    assert discriminator(pictures, weights).shape == (2,)
    assert discriminator.self_supervision(pictures).shape == ()


@pytest.mark.parametrize("size", [16, 28, 48, 512])
def test_other_sizes_are_refused_in_one_sentence(size: int) -> None:
    with pytest.raises(RecipeError, match=f"'fastgan' makes no pictures of {size} pixels; set data.size to a power"):
        TINY.build(image(size))


@pytest.mark.parametrize("spectral", [True, False])
def test_the_first_pictures_have_a_sane_scale_and_penalties_a_gradient(spectral: bool) -> None:
    torch.manual_seed(0)
    modules = Fastgan(width=16, max_width=32, spectral=spectral).build(image(32))
    classes = class_weights(torch.arange(12) % 3, 3)
    assert 0.05 < modules["generator"](torch.randn(12, 128), classes).std() < 2
    seen = pictures_of(12, 32).requires_grad_()
    squared_slope(modules["discriminator"](seen, classes), seen).mean().backward()
    slopes = [parameter.grad for parameter in modules["discriminator"].parameters() if parameter.grad is not None]
    assert all(slope.isfinite().all() for slope in slopes)
    assert sum(slope.abs().sum() for slope in slopes) > 0
    kinds = {type(part).__name__ for part in modules["discriminator"].modules()}
    assert ("_SpectralNorm" in kinds) == spectral


@pytest.mark.parametrize("side", [4, 8, 16])
def test_gates_without_weights_are_half_open(side: int) -> None:
    excitation = SkipLayerExcitation(5, 3, side=side)
    for parameter in excitation.parameters():
        torch.nn.init.zeros_(parameter)
    coarse, fine = torch.randn(2, 5, side, side), torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(excitation(coarse, fine), fine / 2)


def test_gates_depend_on_the_coarse_picture_and_close_whole_channels() -> None:
    torch.manual_seed(0)
    excitation = SkipLayerExcitation(2, 3, side=8)
    torch.nn.init.zeros_(excitation.gate[-2].weight)
    excitation.gate[-2].bias.data = torch.tensor([-100.0, 0.0, 100.0])
    gated = excitation(torch.randn(1, 2, 8, 8), torch.ones(1, 3, 32, 32))
    torch.testing.assert_close(gated.mean(dim=(0, 2, 3)), torch.tensor([0.0, 0.5, 1.0]))


def test_the_largest_sides_are_gated_by_the_smallest() -> None:
    sources = {size: TINY.build(image(size))["generator"].sources for size in (32, 64, 128, 256)}
    assert sources == {
        32: [None, None, 0],
        64: [None, None, 0, 0],
        128: [None, None, 0, 0, 1],
        256: [None, None, 0, 0, 1, 2],
    }


def test_the_distance_is_known() -> None:
    flat, board = torch.zeros(1, 1, 8, 8), torch.ones(1, 1, 8, 8)
    torch.testing.assert_close(pyramid_distance(flat, board), torch.tensor(1.0))
    board[:, :, ::2, ::2] = board[:, :, 1::2, 1::2] = -1
    # A checkerboard is grey from afar, so only the finest scale sees it.
    torch.testing.assert_close(pyramid_distance(flat, board), torch.tensor(1 / 3))
    torch.testing.assert_close(pyramid_distance(flat, 0.5 * torch.ones(1, 1, 32, 32)), torch.tensor(0.5))


def test_self_supervision_learns_what_it_sees() -> None:
    discriminator = discriminator_of(32, Fastgan(width=8, max_width=32))
    pictures = pictures_of(4, 4).repeat_interleave(8, dim=2).repeat_interleave(8, dim=3)
    optimizer = torch.optim.Adam(discriminator.parameters(), 2e-3)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = discriminator.self_supervision(pictures)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert sum(values[-5:]) < 0.7 * sum(values[:5])


def test_self_supervision_and_the_logit_move_what_is_theirs() -> None:
    discriminator = discriminator_of(64)
    pictures = pictures_of(3, 64)
    own = ("decode_part", "decode_whole")
    judging = ("patches", "logit")

    discriminator.self_supervision(pictures).backward()
    assert_moves(discriminator, lambda part: part not in judging)
    discriminator.zero_grad(set_to_none=True)
    discriminator(pictures, torch.eye(3)).sum().backward()
    assert_moves(discriminator, lambda part: part not in own)


def assert_moves(discriminator, expected) -> None:
    for name, parameter in discriminator.named_parameters():
        moved = parameter.grad is not None and bool(parameter.grad.any())
        assert moved == expected(name.split(".")[0]), name


def test_the_part_is_a_window_that_is_drawn_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    discriminator = discriminator_of(64).eval()
    pictures = pictures_of(2, 64)
    with torch.no_grad():
        values = {discriminator.self_supervision(pictures).item() for _ in range(8)}
        assert len(values) > 1
        torch.manual_seed(3)
        first = discriminator.self_supervision(pictures)
        torch.manual_seed(3)
        assert torch.equal(discriminator.self_supervision(pictures), first)


@pytest.mark.parametrize("classes", [1, 3])
def test_the_file_agrees_with_torch(classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    modules = TINY.build(image(64, classes=classes))
    modules["generator"].eval()
    graph = TINY.graph(modules, image(64, classes=classes))
    assert [port.name for port in graph.inputs] == (["latent", "classes"] if classes > 1 else ["latent"])
    card = ModelCard("sketcher", "sample", 3, 64, graph.inputs, graph.outputs, tuple(map(Choice, graph.choices)))
    write_model(graph, card, tmp_path / "model.onnx")
    differences = compare(graph, Model.open(tmp_path / "model.onnx"))
    assert set(differences) == {"batch 1", "batch 2", "batch 5"}
    assert max(differences.values()) < 1e-4


def test_the_stages_take_it_from_pictures_to_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    data = PAINTER["data"] | {"size": 32, "count": 24}
    section = PAINTER | {"data": data, "network": {"name": "fastgan", "latent": 6, "width": 4, "max_width": 16}}
    recipe = read_recipe(write_params(tmp_path / "params.yaml", sketcher=section), "sketcher")
    workspace = Workspace("sketcher", tmp_path)
    for stage in (prepare, train, export):
        stage(recipe, workspace)
    assert [choice.name for choice in Model.open(workspace.model).card.choices] == ["mondrian", "waves"]
