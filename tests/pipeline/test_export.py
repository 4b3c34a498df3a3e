import copy
import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from numpy.typing import NDArray
from recipes import PAINTER, STYLIST, write_params
from torch import Tensor, nn

from demo.card import ModelCard, Port
from demo.engine import Model, draw_noise
from demo.errors import ModelError
from pipeline.contracts import Graph, Image
from pipeline.data.dataset import Dataset
from pipeline.errors import CheckpointError, ExportError
from pipeline.export import compare, draw_feeds, export, write_model
from pipeline.networks.dcgan import Dcgan
from pipeline.networks.dcgan_generator import Upsampling
from pipeline.recipe import Recipe, parse_recipe, read_recipe
from pipeline.trained import load_trained
from pipeline.workspace import Workspace


@pytest.fixture(scope="module")
def trained(studio: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which a tiny painter and a tiny stylist are trained and exported."""
    return shutil.copytree(studio, tmp_path_factory.mktemp("copied") / "trained")


def recipe_of(folder: Path, name: str) -> Recipe:
    return read_recipe(folder / "params.yaml", name)


def test_the_painter_takes_any_batch_and_paints_by_its_seeds(trained: Path) -> None:
    model = Model.open(Workspace("painter", trained).model)
    assert model.card.task == "sample"
    assert [choice.name for choice in model.card.choices] == ["mondrian", "waves"]
    latent = draw_noise([3, 4, 5], 8)
    classes = np.eye(2, dtype=np.float32)[[0, 1, 0]]
    pictures = model.run({"latent": latent, "classes": classes})
    assert pictures.shape == (3, 3, 16, 16)
    alone = model.run({"latent": latent[1:2], "classes": classes[1:2]})
    np.testing.assert_allclose(alone, pictures[1:2], atol=1e-5)


def test_graphs_of_half_precision_are_written_unless_the_recipe_goes_without(
    trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = Workspace("stylist", trained)
    whole = {"encoder", "tile", "half", "encoder_half"}
    assert {path.stem for path in workspace.model.parent.iterdir()} == {"model"} | whole
    assert {known.name for known in Model.open(workspace.model).card.companions} == whole
    handed: list[Graph] = []

    def stop(graph: Graph, card: ModelCard, path: Path) -> None:
        handed.append(graph)
        raise ExportError("seen enough")

    monkeypatch.setattr("pipeline.export.write_model", stop)
    with pytest.raises(ExportError, match="seen enough"):
        export(parse_recipe("stylist", STYLIST | {"export": {"half": False}}), workspace)
    assert [set(graph.companions) for graph in handed] == [{"encoder", "tile"}]


def test_the_card_tells_directions_of_the_latent_alone(trained: Path) -> None:
    card = Model.open(Workspace("painter", trained).model).card
    assert np.shape(card.directions) == (8, 8)
    assert len(card.strengths) == 8
    assert Model.open(Workspace("stylist", trained).model).card.directions == ()


def test_the_stylist_takes_any_size(trained: Path) -> None:
    model = Model.open(Workspace("stylist", trained).model)
    assert model.card.task == "stylize"
    assert [choice.name for choice in model.card.choices] == ["mondrian", "waves"]
    assert all(choice.thumbnail.startswith("data:image/png;base64,") for choice in model.card.choices)
    feeds = {
        "content": np.zeros((2, 3, 40, 72), np.float32),
        "code": np.array([choice.code for choice in model.card.choices], np.float32),
        "strength": np.ones((2, 1), np.float32),
        "noise": np.zeros((2, 4), np.float32),
    }
    assert model.run(feeds).shape == (2, 3, 40, 72)


@pytest.mark.parametrize(("count", "height", "width"), [(1, 16, 16), (3, 64, 24), (2, 16, 136), (1, 256, 320)])
def test_the_stylist_is_torch_s_at_other_sizes_than_traced_whatever_it_is_given(
    trained: Path, count: int, height: int, width: int
) -> None:
    workspace = Workspace("stylist", trained)
    graph = load_trained(recipe_of(trained, "stylist"), workspace).graph

    def paint(feeds: dict[str, NDArray[np.float32]]) -> NDArray[np.float32]:
        with torch.no_grad():
            return graph.module(*(torch.from_numpy(array) for array in feeds.values())).numpy()

    feeds = draw_feeds(graph, {"N": count, "H": height, "W": width}, random=np.random.default_rng(count))
    feeds["noise"] *= 300  # to which it has hardly learned to listen
    picture = paint(feeds)
    for name, array in feeds.items():
        assert np.abs(paint(feeds | {name: 1 - array}) - picture).max() > 1e-3, name
    assert np.abs(Model.open(workspace.model).run(feeds) - picture).max() < 1e-3


@pytest.mark.parametrize("name", ["painter", "stylist"])
def test_the_file_is_valid_portable_and_says_where_it_comes_from(trained: Path, studio: Path, name: str) -> None:
    workspace, recipe = Workspace(name, trained), recipe_of(trained, name)
    proto = onnx.load(workspace.model)
    onnx.checker.check_model(proto, full_check=True)
    assert [(opset.domain, opset.version) for opset in proto.opset_import] == [("", 18)]
    assert not any(node.op_type.startswith("Random") for node in proto.graph.node)
    for folder in (trained, studio, studio.with_name("making-studio")):
        assert str(folder).encode() not in workspace.model.read_bytes()
    assert b"pipeline/networks" not in workspace.model.read_bytes()
    provenance = Model.open(workspace.model).card.provenance
    assert provenance["recipe_digest"] == recipe.digest
    assert provenance["steps"] == recipe.train.budget.steps


@pytest.mark.parametrize("name", ["painter", "stylist"])
def test_the_report_says_how_far_onnx_is_from_torch(trained: Path, name: str) -> None:
    report = json.loads((Workspace(name, trained).reports / "export.json").read_text())
    assert 0 <= report["largest_difference"] <= 1e-3
    assert report["bytes"] == sum(file.stat().st_size for file in Workspace(name, trained).model.parent.iterdir())
    assert sum(key.startswith("batch 5") for key in report) == (1 if name == "painter" else 2)


def test_exporting_again_gives_the_same_bytes(trained: Path) -> None:
    workspace = Workspace("painter", trained)
    before = workspace.model.read_bytes()
    export(recipe_of(trained, "painter"), workspace)
    assert workspace.model.read_bytes() == before


def test_a_difference_above_the_limit_fails_and_keeps_the_older_file(trained: Path, tmp_path: Path) -> None:
    workspace = Workspace("painter", trained)
    before = workspace.model.read_bytes()
    section = copy.deepcopy(PAINTER) | {"export": {"tolerance": 1e-12}}
    strict = read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")
    with pytest.raises(ExportError, match=r"differs from torch by .*, more than export.tolerance 1e-12"):
        export(strict, workspace)
    assert workspace.model.read_bytes() == before


def test_the_comparison_sees_a_wrong_graph(trained: Path) -> None:
    recipe = recipe_of(trained, "painter")
    model = Model.open(Workspace("painter", trained).model)
    image = Dataset.open(Workspace("painter", trained).prepared).image
    other: Graph = recipe.network.graph(recipe.network.build(image), image)
    other.module.eval()
    assert max(compare(other, model).values()) > 1e-3


@pytest.mark.parametrize("upsampling", ["transposed", "nearest", "bilinear"])
def test_a_painter_is_torch_s_however_it_resamples(tmp_path: Path, upsampling: Upsampling) -> None:
    torch.manual_seed(0)
    network, image = Dcgan(latent=6, width=4, upsampling=upsampling), Image(3, 16, ("dusk", "dawn"))
    graph = network.graph(network.build(image), image)
    graph.module.eval()
    card = ModelCard("painter", graph.task, 3, 16, graph.inputs, graph.outputs, description="Skies.")
    write_model(graph, card, tmp_path / "model.onnx")
    assert max(compare(graph, Model.open(tmp_path / "model.onnx")).values()) < 1e-5


class Coder(nn.Module):
    """Pictures (N, 3, 8, 8) -> their mean colour (N, 3) and its negative."""

    def forward(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        mean = pictures.mean((2, 3))
        return mean, -mean


class Painter(nn.Module):
    """A colour (N, 3) -> a picture (N, 3, 8, 8) of it."""

    def forward(self, code: Tensor) -> Tensor:
        return code[:, :, None, None].expand(-1, -1, 8, 8).clamp(-1, 1)


def coded_graph() -> Graph:
    picture, code = Port("picture", ("N", 3, 8, 8), "picture"), Port("code", ("N", 3), "code")
    encoder = Graph(Coder(), "companion", (picture,), (code, Port("negative", ("N", 3), "code")))
    return Graph(Painter(), "sample", (code,), (picture,), companions={"encoder": encoder})


def test_a_model_opens_the_graphs_that_belong_to_it(tmp_path: Path) -> None:
    graph = coded_graph()
    card = ModelCard("coded", graph.task, 3, 8, graph.inputs, graph.outputs, description="Colours.")
    write_model(graph, card, tmp_path / "model.onnx")
    model = Model.open(tmp_path / "model.onnx")
    encoder = model.companion("encoder")
    assert encoder is model.companion("encoder")
    assert (encoder.card.task, encoder.card.recipe) == ("companion", "coded")
    assert max(compare(graph.companions["encoder"], encoder).values()) < 1e-6
    pictures = np.linspace(-1, 1, 3, dtype=np.float32)[None, :, None, None] * np.ones((2, 3, 8, 8), np.float32)
    np.testing.assert_allclose(encoder.run({"picture": pictures}, "negative"), [[1, 0, -1]] * 2, atol=1e-6)
    np.testing.assert_allclose(model.run({"code": encoder.run({"picture": pictures})}), pictures, atol=1e-6)
    with pytest.raises(ModelError, match="has no graph 'decoder'"):
        model.companion("decoder")


def test_a_graph_of_another_model_is_refused(tmp_path: Path) -> None:
    graph = coded_graph()
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        card = ModelCard(name, graph.task, 3, 8, graph.inputs, graph.outputs)
        write_model(graph, card, tmp_path / name / "model.onnx")
    shutil.copyfile(tmp_path / "second" / "encoder.onnx", tmp_path / "first" / "encoder.onnx")
    with pytest.raises(ModelError, match="does not belong to the model beside it"):
        Model.open(tmp_path / "first" / "model.onnx").companion("encoder")


def test_a_checkpoint_of_another_recipe_is_refused(trained: Path, tmp_path: Path) -> None:
    section = copy.deepcopy(PAINTER)
    section["network"]["width"] = 6
    other = read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")
    with pytest.raises(CheckpointError, match="belongs to another recipe"):
        export(other, Workspace("painter", trained))
