"""The stage `evaluate`, end to end, on graphs so small that their answers are known."""

import csv
import json
from dataclasses import replace

import numpy as np
import onnx
import PIL.Image
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from recipes import PAINTER, write_params

from demo.card import METADATA_KEY, Choice, Companion, ModelCard, Port
from demo.engine import Model
from pipeline.contracts import PHOTOGRAPH
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError, EvaluationError
from pipeline.evaluate import evaluate
from pipeline.features.ganvas_net import WEIGHTS, checksum
from pipeline.features.inception_net import InceptionNet
from pipeline.gathering import gather_sampling, gather_stylization
from pipeline.metrics.tile_agreement import TileAgreement
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

SIDE = 16
LATENT = 6
FAMILIES = ("mondrian", "waves")
PALETTE = np.array([[0.8, -0.5, -0.7], [-0.7, -0.3, 0.8]], np.float32)


def write_data(workspace, classes, *, side=SIDE, count=60, held_back=0.25):
    """Write prepared data of bright noise in the class's colour (photographs are grey), classes in turn."""
    random = np.random.default_rng(0)
    labels = np.arange(count) % len(classes)
    colours = np.concatenate([PALETTE, np.zeros((1, 3), np.float32)])[labels]
    values = 0.7 * colours[:, :, None, None] + random.normal(0, 0.15, (count, 3, side, side))
    images = np.rint((values.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    split = (np.arange(count) >= count * (1 - held_back)).astype(np.uint8)
    workspace.prepared.mkdir(parents=True)
    for name, array in (("images", images), ("labels", labels.astype(np.int64)), ("split", split)):
        np.save(workspace.prepared / f"{name}.npy", array)
    manifest = {"channels": 3, "size": side, "classes": classes, "digest": "0", "counts": {"pictures": count}}
    (workspace.prepared / "manifest.json").write_text(json.dumps(manifest))
    return images, labels, split


def write_model(workspace, card, nodes, constants):
    """Write a graph of standard operators with its card, as `export` does after a training on `write_data`'s data."""
    recipe = read_recipe(workspace.root / "params.yaml", card.recipe)
    card = replace(card, provenance={"recipe_digest": recipe.digest, "data_md5": "0"})
    ports = [
        [helper.make_tensor_value_info(port.name, TensorProto.FLOAT, port.shape) for port in side]
        for side in (card.inputs, card.outputs)
    ]
    weights = [numpy_helper.from_array(np.asarray(array), name) for name, array in constants.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "tiny", *ports, weights), opset_imports=[helper.make_opsetid("", 18)], ir_version=10
    )
    helper.set_model_props(model, {METADATA_KEY: card.to_json()})
    onnx.checker.check_model(model, full_check=True)
    workspace.model.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, workspace.model)


def write_painter(workspace, *, choices=FAMILIES, gain=0.7, side=SIDE):
    """Write tanh(latent A + gain * class colour), or the same without classes."""
    latent, classes = Port("latent", ("N", LATENT), "latent"), Port("classes", ("N", len(choices)), "weights")
    card = ModelCard(
        recipe="painter",
        task="sample",
        channels=3,
        size=side,
        inputs=(latent, classes) if choices else (latent,),
        outputs=(Port("picture", ("N", 3, side, side), "picture"),),
        choices=tuple(Choice(name) for name in choices),
    )
    mixing = np.random.default_rng(1).normal(0, 0.15 / LATENT**0.5, (LATENT, 3 * side * side)).astype(np.float32)
    nodes = [helper.make_node("MatMul", ["latent", "mixing"], ["texture"])]
    constants = {"mixing": mixing, "shape": np.array([-1, 3, side, side])}
    if choices:
        constants["colours"] = (gain * PALETTE[: len(choices)]).repeat(side * side, axis=1)
        nodes += [
            helper.make_node("MatMul", ["classes", "colours"], ["ground"]),
            helper.make_node("Add", ["texture", "ground"], ["sum"]),
        ]
    nodes += [
        helper.make_node("Tanh", ["sum" if choices else "texture"], ["flat"]),
        helper.make_node("Reshape", ["flat", "shape"], ["picture"]),
    ]
    write_model(workspace, card, nodes, constants)


def write_stylist(workspace, *, choices=FAMILIES, noise=True, companions=()):
    """Write content + strength * (colour of the style + a shift by the noise)."""
    ports = [
        Port("content", ("N", 3, "H", "W"), "picture"),
        Port("code", ("N", len(choices)), "code"),
        Port("strength", ("N", 1), "degree"),
        *([Port("noise", ("N", 2), "noise")] if noise else []),
    ]
    card = ModelCard(
        recipe="stylist",
        task="stylize",
        channels=3,
        size=32,
        inputs=tuple(ports),
        outputs=(Port("picture", ("N", 3, "H", "W"), "picture"),),
        choices=tuple(
            Choice(name, code=tuple(row)) for name, row in zip(choices, np.eye(len(choices)).tolist(), strict=True)
        ),
        companions=companions,
    )
    nodes = [helper.make_node("MatMul", ["code", "colours"], ["plain"])]
    if noise:
        nodes += [
            helper.make_node("MatMul", ["noise", "shifts"], ["shift"]),
            helper.make_node("Add", ["plain", "shift"], ["colour"]),
        ]
    nodes += [
        helper.make_node("Mul", ["colour" if noise else "plain", "strength"], ["faded"]),
        helper.make_node("Unsqueeze", ["faded", "axes"], ["ground"]),
        helper.make_node("Add", ["content", "ground"], ["sum"]),
        helper.make_node("Clip", ["sum", "lowest", "highest"], ["picture"]),
    ]
    constants = {
        "colours": 0.5 * PALETTE[: len(choices)],
        "axes": np.array([2, 3]),
        "lowest": np.float32(-1),
        "highest": np.float32(1),
    }
    if noise:
        constants["shifts"] = np.full((2, 3), 0.02, np.float32)
    write_model(workspace, card, nodes, constants)


@pytest.fixture
def painter(workplace):
    recipe, workspace = read_recipe(workplace / "params.yaml", "painter"), Workspace("painter", workplace)
    write_data(workspace, FAMILIES)
    return recipe, workspace


@pytest.fixture
def stylist(workplace):
    recipe, workspace = read_recipe(workplace / "params.yaml", "stylist"), Workspace("stylist", workplace)
    write_data(workspace, (*FAMILIES, PHOTOGRAPH), side=32)
    return recipe, workspace


def metrics_of(workspace):
    return json.loads((workspace.reports / "metrics.json").read_text())


def test_a_painter_is_scored(painter):
    write_painter(painter[1])
    evaluate(*painter)
    report = metrics_of(painter[1])
    assert report["extractor"] == {"name": "ganvas_net", "version": 1, "sha256": checksum(WEIGHTS), "features": 128}
    assert report["pictures"] == {"training": 45, "validation": 15, "generated": 32}
    assert report["label_agreement"]["agreement"] == 1
    assert report["memorisation"]["searched"] == 45
    assert 0 < report["frechet"]["floor"] < report["frechet"]["distance"]
    evaluation = painter[1].reports / "evaluation"
    assert {path.name for path in evaluation.iterdir()} == {
        "samples.png",
        "nearest.png",
        "nearest.csv",
        "classes.csv",
        "confusion.csv",
    }
    with (evaluation / "confusion.csv").open(encoding="utf-8") as stream:
        assert len(list(csv.DictReader(stream))) == 32
    with PIL.Image.open(evaluation / "samples.png") as sheet:
        assert sheet.width > 8 * 64
    latency = json.loads((painter[1].reports / "latency.json").read_text())
    assert latency["provider"] in {"CPU", "CUDA"}
    assert 0 < latency["batch_1"]["median_ms"] <= latency["batch_1"]["p90_ms"]
    assert set(latency) == {"provider", "batch_1", "batch_16"}


@pytest.mark.parametrize(
    ("extractor", "facts"),
    [
        ({"name": "random_bank", "seed": 7}, {"name": "random_bank", "version": 1, "seed": 7, "features": 128}),
        ({"name": "label_classifier", "hidden": 8}, {"accuracy": 1, "held_back": 15, "features": 8}),
    ],
)
def test_the_recipe_chooses_the_extractor(painter, extractor, facts, monkeypatch):
    monkeypatch.setenv("GANVAS_CACHE", "cache")
    write_params(
        painter[1].root / "params.yaml", painter=PAINTER | {"evaluate": {"samples": 32, "extractor": extractor}}
    )
    write_painter(painter[1])
    evaluate(read_recipe(painter[1].root / "params.yaml", "painter"), painter[1])
    report = metrics_of(painter[1])
    assert facts.items() <= report["extractor"].items()
    assert {"frechet", "kernel"} <= report.keys()


def test_only_inceptions_distances_are_called_fid_and_kid(painter):
    path = painter[1].root / "weights.pth"
    torch.save(InceptionNet().state_dict(), path)
    settings = {
        "samples": 6,
        "searched": 6,
        "extractor": {"name": "inception", "path": str(path), "sha256": checksum(path)},
    }
    write_params(painter[1].root / "params.yaml", painter=PAINTER | {"evaluate": settings})
    write_painter(painter[1])
    evaluate(read_recipe(painter[1].root / "params.yaml", "painter"), painter[1])
    report = metrics_of(painter[1])
    assert report["extractor"]["features"] == 2048
    assert {"fid", "kid"} <= report.keys()
    assert not {"frechet", "kernel"} & report.keys()


def test_mirror_images_are_searched_for_copies_where_the_training_mirrored(painter):
    write_painter(painter[1])
    recipe, workspace = painter
    dataset, model = Dataset.open(workspace.prepared), Model.open(workspace.model)
    space = recipe.evaluate.extractor.open(dataset)
    mirroring = replace(recipe, train=recipe.train.model_copy(update={"flip": True}))
    plain, mirrored = (gather_sampling(model, dataset, one, space) for one in (recipe, mirroring))
    assert len(plain.mirrored) == 0
    count = len(mirrored.training)
    assert np.array_equal(mirrored.shown()[:count], plain.training.features)
    pictures = mirrored.pictures_shown(np.array([3, count + 3]))
    assert np.array_equal(pictures[0], pictures[1][..., ::-1])
    assert np.allclose(space(pictures), mirrored.shown()[[3, count + 3]], atol=1e-5)


def test_the_same_model_has_the_same_report_to_the_byte(painter):
    write_painter(painter[1])
    evaluate(*painter)
    files = [painter[1].reports / "metrics.json", *sorted((painter[1].reports / "evaluation").iterdir())]
    first = [path.read_bytes() for path in files]
    evaluate(*painter)
    assert [path.read_bytes() for path in files] == first


@pytest.mark.parametrize(
    ("extractor", "most"),
    [
        ("random_bank", 0.2),
        ("ganvas_net", 0.51),  # complementary tints all look like one of the two families to it
    ],
)
def test_a_worse_painter_scores_worse(painter, extractor, most):
    settings = {"samples": 32, "extractor": {"name": extractor}}
    write_params(painter[1].root / "params.yaml", painter=PAINTER | {"evaluate": settings})
    recipe = read_recipe(painter[1].root / "params.yaml", "painter")
    write_painter(painter[1])
    evaluate(recipe, painter[1])
    good = metrics_of(painter[1])
    write_painter(painter[1], gain=-0.7)
    evaluate(recipe, painter[1])
    bad = metrics_of(painter[1])
    assert bad["frechet"]["distance"] > 2 * good["frechet"]["distance"]
    assert bad["kernel"]["low"] > good["kernel"]["high"]
    assert bad["label_agreement"]["agreement"] < most < good["label_agreement"]["agreement"]


def test_a_painter_without_classes_is_scored_without_agreement(painter):
    write_painter(painter[1], choices=())
    evaluate(*painter)
    assert "agreement" not in metrics_of(painter[1])["label_agreement"]


def test_a_stylist_is_scored(stylist):
    write_stylist(stylist[1])
    evaluate(*stylist)
    report = metrics_of(stylist[1])
    assert report["pictures"] == {"photographs": 5, "styles": 2}
    assert report["strength_control"]["identity_psnr"] == 100
    assert report["strength_control"]["monotone"] == 1
    # A plain tint, which the noise shifts a little, keeps nearly all of the structure.
    assert report["content_preservation"]["ssim"] > 0.8
    assert report["diversity"]["levels"] > 0
    # What is done to each pixel alone does not care where it lies, and is told from photographs by its colour.
    assert report["shift_stability"]["relative"] == 0
    assert report["style_recognition"]["recognised"] > 0.8
    assert report["style_recognition"]["still_photographs"] < 0.2
    assert report["sliced_wasserstein"]["relative_distance"] < 1
    assert report["colour_histogram"]["distance"] < report["colour_histogram"]["photographs"]
    assert set(report) == {
        "model",
        "extractor",
        "bank",
        "pictures",
        "content_preservation",
        "style_similarity",
        "sliced_wasserstein",
        "colour_histogram",
        "style_recognition",
        "strength_control",
        "diversity",
        "shift_stability",
    }
    assert {path.name for path in (stylist[1].reports / "evaluation").iterdir()} == {
        "styles.png",
        "styles.csv",
        "sliced_wasserstein.csv",
        "style_confusion.csv",
        "strength.png",
        "strength.csv",
    }
    latency = json.loads((stylist[1].reports / "latency.json").read_text())
    assert set(latency) == {"provider", "side_256", "side_512", "side_1024"}
    peaks = [latency[f"side_{side}"]["peak_mib"] for side in (256, 512, 1024)]
    assert peaks == sorted(peaks)
    # Of 1024 px, the content and the painting alone are 12 MiB each.
    assert peaks[2] > peaks[0] + 12


def test_a_stylist_without_noise_has_no_diversity(stylist):
    write_stylist(stylist[1], noise=False)
    evaluate(*stylist)
    assert "diversity" not in metrics_of(stylist[1])


def test_missing_data_name_the_command(workplace):
    recipe = read_recipe(workplace / "params.yaml", "painter")
    with pytest.raises(DataError, match="python -m pipeline prepare painter"):
        evaluate(recipe, Workspace("painter", workplace))


def test_a_missing_model_names_the_command(painter):
    with pytest.raises(EvaluationError, match=r"model\.onnx does not exist; make it with"):
        evaluate(*painter)


def test_numbers_that_are_not_finite_end_the_stage_and_keep_the_last_report(painter):
    write_painter(painter[1])
    evaluate(*painter)
    before = (painter[1].reports / "metrics.json").read_bytes()
    write_painter(painter[1], gain=float("nan"))
    with pytest.raises(EvaluationError, match="not finite"):
        evaluate(*painter)
    assert (painter[1].reports / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("change", [{"choices": ("mondrian", "rosette")}, {"side": 8}])
def test_a_model_of_other_data_is_refused(painter, change):
    write_painter(painter[1], **change)
    with pytest.raises(EvaluationError, match="was made for other data"):
        evaluate(*painter)


def test_a_model_of_another_recipe_or_other_pictures_is_refused(painter):
    recipe, workspace = painter
    write_painter(workspace)
    longer = recipe.train.model_copy(update={"budget": recipe.train.budget.model_copy(update={"steps": 7})})
    with pytest.raises(EvaluationError, match=r"made from another recipe or other data .* pipeline export painter"):
        evaluate(replace(recipe, train=longer), workspace)
    manifest = workspace.prepared / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"digest": "0"', '"digest": "1"'))
    with pytest.raises(EvaluationError, match=r"made from another recipe or other data .* pipeline export painter"):
        evaluate(recipe, workspace)
    assert not workspace.reports.exists()


@pytest.mark.parametrize(("count", "held_back"), [(60, 0), (60, 0.99), (8, 0.25)])
def test_too_few_pictures_are_named(workplace, count, held_back):
    workspace = Workspace("painter", workplace)
    write_data(workspace, FAMILIES, count=count, held_back=held_back)
    write_painter(workspace)
    with pytest.raises(EvaluationError, match="too few"):
        evaluate(read_recipe(workplace / "params.yaml", "painter"), workspace)


def test_what_is_painted_in_tiles_is_compared_with_the_whole(stylist):
    recipe, workspace = stylist
    write_stylist(workspace, companions=(Companion("tile", "0" * 64),))

    def in_strips(model, feeds):
        strips = np.array_split(feeds["content"], 4, axis=2)
        return np.concatenate([model.run({**feeds, "content": strip}) for strip in strips], axis=2)

    dataset = Dataset.open(workspace.prepared)
    space = recipe.evaluate.extractor.open(dataset)
    evidence = gather_stylization(Model.open(workspace.model), dataset, recipe, space, paint_tiled=in_strips)
    assert evidence.tiled.shape == (2, len(FAMILIES), 3, 512, 512)
    assert TileAgreement().compute(evidence).scores == {"largest": 0, "mean": 0, "side": 512}
    # The mosaic's first cell is the first photograph, which is tinted like all the others.
    tint = evidence.stylized[:, 0] - evidence.photographs[0]
    assert np.allclose(evidence.tiled[0, :, :, :32, :32] - evidence.photographs[0], tint, atol=1e-6)


def test_a_stylist_without_held_back_photographs_is_refused(workplace):
    workspace = Workspace("stylist", workplace)
    write_data(workspace, (*FAMILIES, PHOTOGRAPH), side=32, held_back=0)
    write_stylist(workspace)
    with pytest.raises(EvaluationError, match="0 pictures of 'photograph'"):
        evaluate(read_recipe(workplace / "params.yaml", "stylist"), workspace)
