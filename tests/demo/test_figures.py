import json

import pytest
from tiny_models import sampler_proto

from demo.catalog import STARTER, Catalog
from demo.engine import Model
from demo.figures import NOTE, Standing, read_standing
from demo.identity import identify
from demo.modelfile import ModelFile
from demo.stylist import Stylist
from demo.tabs.style import Desk

REPORT = {"frechet": {"distance": 12.5, "floor": 1}, "precision_recall": {"recall": 0.5}, "kernel": {"distance": 3}}


@pytest.fixture
def model(save, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    path = save(sampler_proto())
    path.parent.rename(folder / "dabbler")
    return Model.open(folder / "dabbler" / "model.onnx")


def standing(model):
    return read_standing(model.folder, sha256=model.sha256, task="sample")


def report(model, content):
    path = model.folder.parent.parent / "reports" / "dabbler" / "metrics.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_a_report_about_this_very_file_tells_its_quality(model):
    assert standing(model) == Standing()
    report(model, {"model": model.sha256, **REPORT})
    assert standing(model).metrics == {"frechet.distance": 12.5, "precision_recall.recall": 0.5}
    assert identify(model)["metrics"]["frechet.distance"] == 12.5


@pytest.mark.parametrize("content", [{"model": "0", **REPORT}, REPORT, "[", "[1]", '{"model": 1e999}', "[" * 10**5])
def test_a_report_about_another_file_or_a_damaged_one_tells_nothing(model, content):
    report(model, content)
    assert standing(model) == Standing()


def test_the_note_of_a_registry_comes_first(model):
    report(model, {"model": model.sha256, **REPORT})
    note = {"version": 7, "alias": "champion", "date": "2026-02-03", "metrics": {"frechet.distance": 9.0, "odd": "x"}}
    (model.folder / NOTE).write_text(json.dumps({"sha256": model.sha256, **note}))
    told = identify(model)
    assert (told["version"], told["alias"], told["date"]) == ("7", "champion", "2026-02-03")
    assert told["metrics"] == {"frechet.distance": 9.0}
    (model.folder / NOTE).write_text(json.dumps({"sha256": "0", **note}))
    assert identify(model)["version"] is None


def test_the_note_may_say_which_style_comes_first(model):
    (model.folder / NOTE).write_text(json.dumps({"sha256": model.sha256, "first": "waves"}))
    assert standing(model).first == "waves"


def test_figures_that_are_no_numbers_are_left_out(model):
    report(model, {"model": model.sha256, "frechet": {"distance": None}, "precision_recall": {"recall": True}})
    assert standing(model).metrics == {}


def test_the_notes_that_ship_are_about_the_models_that_ship():
    notes = sorted(STARTER.glob(f"*/{NOTE}"))
    assert notes
    for note in notes:
        assert json.loads(note.read_text())["sha256"] == ModelFile.read(note.parent / "model.onnx").sha256


def test_style_transfer_begins_with_the_style_that_the_note_names():
    stylist = Stylist(Catalog(STARTER))
    gallery, _ = Desk(stylist, "", {}).styles("salon", None, None)
    assert json.loads(gallery["value"]) == {"marbling": 1}
