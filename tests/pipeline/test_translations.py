"""Translation through the whole pipeline, and what its evaluation says."""

import json
from dataclasses import replace
from functools import cache

import numpy as np
import PIL.Image
import pytest
import torch
from recipes import TRANSLATOR, UNPAIRED, write_params
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import nn

from demo.card import ModelCard
from demo.composition import compose, to_levels
from demo.engine import Model
from pipeline.contest import contest
from pipeline.contracts import Image
from pipeline.data.dataset import Dataset
from pipeline.errors import DataError, EvaluationError
from pipeline.evaluate import evaluate
from pipeline.export import compare, export, write_model
from pipeline.features.similarity import ms_ssim, ssim
from pipeline.metrics.evidence import Result, TranslationEvidence
from pipeline.metrics.fidelity import Fidelity, fidelities
from pipeline.metrics.realism import Realism
from pipeline.networks.unet import Unet
from pipeline.networks.unpaired import Unpaired
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.tasks import TASKS
from pipeline.train import train
from pipeline.translations import gather_translation, translation_feeds, verdict
from pipeline.workspace import Workspace

IMAGE = Image(channels=3, size=32, classes=("mondrian", "waves"))
TINY = {"width": 8, "blocks": 1, "patch_width": 4}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Take a translator with pairs or one without through all stages, once, and return the folder."""

    @cache
    def train_one(name):
        folder = tmp_path_factory.mktemp(name)
        write_params(folder / "params.yaml", **{name: {"filler": TRANSLATOR, "painter": UNPAIRED}[name]})
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.setenv("GANVAS_TRACKING", "off")
            for constant, runs in (("_WARM_UP", 0), ("_LEAST_RUNS", 1), ("_RUNS", 1)):
                patch.setattr(f"pipeline.latency.{constant}", runs)
            recipe, workspace = read_recipe(folder / "params.yaml", name), Workspace(name, folder)
            for stage in (prepare, train, export, evaluate):
                stage(recipe, workspace)
        return recipe, workspace

    return train_one


class Convolution(nn.Module):
    """What takes the place of a U-shape where only its task matters: one layer, and a colour for each choice."""

    def __init__(self, planes, painted, choices):
        super().__init__()
        self.to_planes = nn.Conv2d(planes, painted, 3, padding=1)
        self.colours = nn.Linear(choices, painted) if choices else None

    def forward(self, planes, weights):
        painted = self.to_planes(planes)
        return painted if self.colours is None else painted + self.colours(weights)[:, :, None, None]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A fresh network by the name of its task, as its graph and as the model that is served; it paints something.

    Two tasks keep the U-shape, one without choices and one with, which scale what its layers read. The others differ by
    what goes into it and by what is made of its planes.
    """

    @cache
    def export_one(name):
        torch.manual_seed(0)
        network = Unpaired(**TINY) if name == "unpaired" else Unet(translation=TASKS[name](), **TINY)
        modules = network.build(IMAGE)
        generator = modules["generator"]
        if name not in {"inpaint", "sketch"}:
            planes, painted = (3, 3) if name == "unpaired" else (TASKS[name].planes, TASKS[name].painted)
            choices = 0 if name == "unpaired" else generator.choices
            generator.body = Convolution(planes, painted, choices)
        nn.init.normal_(generator.body.to_planes.weight, std=0.3)
        graph = network.graph({role: module.eval() for role, module in modules.items()}, IMAGE)
        card = ModelCard(name, graph.task, 3, IMAGE.size, graph.inputs, graph.outputs, translation=graph.translation)
        path = tmp_path_factory.mktemp(name) / "model.onnx"
        write_model(graph, card, path)
        return graph, Model.open(path)

    return export_one


class TestExport:
    @pytest.mark.parametrize("name", [*TASKS, "unpaired"])
    def test_onnx_is_torch_at_every_size(self, exported, name):
        graph, model = exported(name)
        differences = compare(graph, model)
        assert {case.rpartition(", ")[2] for case in differences} == {"64 x 64", "48 x 88"}
        assert max(differences.values()) < 1e-4
        feeds = translation_feeds(model.card, 8, random=np.random.default_rng(0))
        assert model.run(feeds).shape == (1, 3, 8, 8)

    def test_the_graph_itself_keeps_known_pixels_to_the_last_level(self, exported):
        _, model = exported("inpaint")
        levels = np.random.default_rng(0).integers(0, 256, (1, 3, 40, 24)).astype(np.uint8)
        mask = np.zeros((1, 1, 40, 24), np.float32)
        mask[..., 10:30, 5:20] = 1
        picture = levels / np.float32(127.5) - np.float32(1)
        painted = to_levels(model.run({"picture": picture, "mask": mask}))
        known = np.broadcast_to(mask == 0, levels.shape)
        assert np.array_equal(painted[known], levels[known])
        assert (painted[~known] != levels[~known]).any()

    def test_the_host_keeps_the_luma_to_the_last_level(self, exported):
        _, model = exported("colorize")
        grey = np.random.default_rng(0).integers(0, 256, (1, 1, 40, 24)).astype(np.uint8)
        feeds = {"grey": grey / np.float32(127.5) - np.float32(1), "hints": np.zeros((1, 3, 40, 24), np.float32)}
        shown = compose("colorize", model.run(feeds), given=feeds["grey"], guide=feeds["hints"])[0]
        assert np.ptp(shown.astype(int), axis=0).max() > 20
        assert np.array_equal(PIL.Image.fromarray(shown.transpose(1, 2, 0)).convert("L"), grey[0, 0])


class TestStages:
    def test_a_model_with_pairs_is_scored_beside_its_baseline(self, trained):
        reports = trained("filler")[1].reports
        metrics = json.loads((reports / "metrics.json").read_text())
        assert metrics["pictures"] == {"translated": 6, "wanted": 6}
        assert set(metrics["fidelity"]) == {
            *("psnr", "ssim", "ms_ssim", "psnr_baseline", "ssim_baseline", "ms_ssim_baseline")
        }
        assert metrics["verdict"]["baseline"] == "biharmonic"
        # Four steps teach nothing, and the report says so.
        assert metrics["verdict"]["beats_baseline"] is False
        assert "NOT better than biharmonic in psnr" in metrics["verdict"]["sentence"]
        assert {path.name for path in (reports / "evaluation").iterdir()} == {"translations.png", "fidelity.csv"}
        assert set(json.loads((reports / "latency.json").read_text())) == {
            "provider",
            "side_256",
            "side_512",
            "side_1024",
        }
        assert (reports / "training.png").is_file()

    def test_a_model_without_pairs_is_scored_by_what_is_wanted(self, trained):
        metrics = json.loads((trained("painter")[1].reports / "metrics.json").read_text())
        assert "fidelity" not in metrics
        assert set(metrics["realism"]) == {"distance", "distance_baseline"}
        assert metrics["verdict"]["baseline"] == "photograph"
        assert metrics["pictures"] == {"translated": 4, "wanted": 4}

    def test_cards_say_what_is_translated(self, trained):
        cards = {name: Model.open(trained(name)[1].model).card for name in ("filler", "painter")}
        assert {name: (card.task, card.translation) for name, card in cards.items()} == {
            "filler": ("translate", "inpaint"),
            "painter": ("translate", "unpaired"),
        }
        assert [port.kind for port in cards["filler"].inputs] == ["picture", "mask"]

    def test_the_nearer_to_the_truth_wins_and_equals_tie(self, trained, exported):
        recipe, workspace = trained("filler")
        dataset, model = Dataset.open(workspace.prepared), Model.open(workspace.model)
        _, fresh = exported("inpaint")
        evidence = gather_translation(model, dataset, recipe, recipe.evaluate.extractor.open(dataset))
        errors = np.square(evidence.results.astype(float) - evidence.truths).mean(axis=(1, 2, 3))
        tie = contest(model, model, dataset, recipe)
        assert tie.challenger == tie.champion == pytest.approx(np.sqrt(errors).mean())
        assert (tie.low, tie.high) == (0, 0)
        won = contest(model, fresh, dataset, recipe)
        assert won.challenger < won.champion
        assert won.low < won.champion - won.challenger < won.high

    def test_without_pairs_the_set_decides(self, trained):
        recipe, workspace = trained("painter")
        dataset, model = Dataset.open(workspace.prepared), Model.open(workspace.model)
        metrics = json.loads((workspace.reports / "metrics.json").read_text())
        tie = contest(model, model, dataset, recipe)
        assert tie.challenger == pytest.approx(metrics["realism"]["distance"], abs=1e-4)
        assert (tie.low, tie.high) == (0, 0)

    def test_evidence_is_taken_apart_by_the_seed_and_composed_exactly(self, trained):
        recipe, workspace = trained("filler")
        dataset, model = Dataset.open(workspace.prepared), Model.open(workspace.model)
        space = recipe.evaluate.extractor.open(dataset)
        evidence, again = (gather_translation(model, dataset, recipe, space) for _ in range(2))
        assert np.array_equal(evidence.results, again.results)
        assert evidence.truths is not None
        known = (evidence.given == evidence.truths).all(axis=1, keepdims=True)
        assert 0.5 < known.mean() < 0.95
        for side in (evidence.results, evidence.plain):
            assert np.array_equal(np.where(known, side, 0), np.where(known, evidence.truths, 0))

    def test_a_model_of_another_task_is_refused(self, trained):
        _, workspace = trained("filler")
        other, painted = trained("painter")
        dataset = Dataset.open(painted.prepared)
        with pytest.raises(EvaluationError, match="'filler' was made for another recipe or other data"):
            gather_translation(Model.open(workspace.model), dataset, other, other.evaluate.extractor.open(dataset))

    def test_too_few_held_back_pictures_are_counted(self, tmp_path, monkeypatch, trained):
        monkeypatch.chdir(tmp_path)
        section = TRANSLATOR | {"data": TRANSLATOR["data"] | {"validation": 0.0}}
        recipe = read_recipe(write_params(tmp_path / "params.yaml", filler=section), "filler")
        prepare(recipe, Workspace("filler", tmp_path))
        dataset = Dataset.open(Workspace("filler", tmp_path).prepared)
        model = Model.open(trained("filler")[1].model)
        with pytest.raises(EvaluationError, match="filler: 0 held-back pictures are too few to compare with"):
            gather_translation(model, dataset, recipe, recipe.evaluate.extractor.open(dataset))


@pytest.mark.parametrize("empty", ["contents", "styles"])
def test_an_empty_folder_of_two_is_named(tmp_path, monkeypatch, empty):
    monkeypatch.chdir(tmp_path)
    for name in ("contents", "styles"):
        (tmp_path / name).mkdir()
        if name != empty:
            for place in range(4):
                PIL.Image.new("RGB", (24, 24), (60 * place, 0, 0)).save(tmp_path / name / f"{place}.png")
    folders = {name: {"name": "folder", "path": name} for name in ("contents", "styles")}
    section = UNPAIRED | {"data": {"name": "contents_and_styles", "size": 24, **folders}}
    recipe = read_recipe(write_params(tmp_path / "params.yaml", painter=section), "painter")
    with pytest.raises(DataError, match=f"^{empty}: holds no pictures .*; put some there"):
        prepare(recipe, Workspace("painter", tmp_path))
    assert not (tmp_path / "data" / "painter").exists()


def evidence_of(results, plain, truths, **changes):
    features = {"result_features": truths, "plain_features": truths, "wanted_features": truths} | changes
    measured = {name: side.reshape(len(side), -1).astype(np.float64) / 255 for name, side in features.items()}
    sides = {"given": plain, "results": results, "plain": plain, "truths": truths}
    return TranslationEvidence(baseline="plain", choices=("x2", "x4", "x2"), **sides, **measured)


class TestMetrics:
    truths = np.random.default_rng(0).integers(0, 256, (3, 3, 48, 48)).astype(np.uint8)

    def test_psnr_and_ssim_are_scikit_images(self):
        noisy = np.clip(self.truths + np.random.default_rng(1).normal(0, 20, self.truths.shape), 0, 255).astype(
            np.uint8
        )
        found = fidelities(noisy, self.truths)
        for place, (picture, truth) in enumerate(zip(noisy, self.truths, strict=True)):
            assert found["psnr"][place] == pytest.approx(peak_signal_noise_ratio(truth, picture))
            settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
            expected = structural_similarity(truth, picture, channel_axis=0, data_range=255, **settings)
            assert found["ssim"][place] == pytest.approx(expected, abs=1e-3)

    def test_the_truth_scores_full_and_the_table_has_each_choice(self):
        dark = self.truths // 2
        result = Fidelity().compute(evidence_of(self.truths, dark, self.truths))
        scores = result.scores
        assert (scores["psnr"], scores["ssim"], scores["ms_ssim"]) == pytest.approx((100, 1, 1))
        assert scores["psnr_baseline"] < 20
        assert [row["choice"] for row in result.tables["fidelity"]] == ["x2", "x4"]

    def test_multi_scale_similarity_of_one_scale_is_ssim(self):
        first, second = torch.rand(2, 3, 20, 20), torch.rand(2, 3, 20, 20)
        torch.testing.assert_close(ms_ssim(first, first), torch.ones(2))
        # The paper's weights sum to 1.0001.
        torch.testing.assert_close(ms_ssim(first, second), ssim(first, second).clamp_min(0), atol=1e-4, rtol=1e-3)
        smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 6, 6), (20, 20), mode="bilinear")
        torch.testing.assert_close(ms_ssim(smooth, 0.9 * smooth), ssim(smooth, 0.9 * smooth))

    def test_multi_scale_similarity_forgives_noise_that_blur_removes(self):
        smooth = torch.nn.functional.interpolate(torch.rand(1, 3, 12, 12), (96, 96), mode="bilinear")
        noisy = smooth + 0.1 * torch.randn(smooth.shape, generator=torch.Generator().manual_seed(0))
        assert ms_ssim(smooth, noisy) > ssim(smooth, noisy) + 0.1

    def test_realism_is_lower_for_the_wanted_pictures(self):
        far = 255 - self.truths // 8
        scores = Realism().compute(evidence_of(self.truths, far, self.truths, plain_features=far)).scores
        assert scores["distance"] < scores["distance_baseline"]

    def test_realism_of_the_truths_themselves_is_nought_and_of_other_pictures_unbiased(self):
        themselves = evidence_of(self.truths, self.truths, self.truths)
        assert Realism().compute(themselves).scores["distance"] == pytest.approx(0, abs=1e-12)
        assert Realism().compute(replace(themselves, truths=None)).scores["distance"] < -0.01

    def test_the_verdict_names_what_is_better_and_what_is_not(self):
        metrics = {"fidelity": Fidelity, "realism": Realism}
        fidelity = {"psnr": 20.0, "psnr_baseline": 19.0, "ssim": 0.5, "ssim_baseline": 0.5}
        realism = {"distance": 0.1, "distance_baseline": 0.2}
        found = verdict("bicubic", metrics, {"fidelity": Result(fidelity), "realism": Result(realism)})
        assert found == {
            "baseline": "bicubic",
            "beats_baseline": False,
            "sentence": "better than bicubic in psnr 20 against 19, distance 0.1 against 0.2; "
            "NOT better than bicubic in ssim 0.5 against 0.5",
        }
        assert verdict("bicubic", {"realism": Realism}, {"realism": Result(realism)})["beats_baseline"] is True
