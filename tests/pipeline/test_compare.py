import dataclasses
import importlib
import json
from pathlib import Path

import PIL.Image
import pytest
import yaml

from demo.comparison import COLUMNS
from pipeline.compare import Row, compare, markdown, rank
from pipeline.errors import StorageError, TrackingError
from pipeline.recipe import Recipe
from pipeline.registry import CHALLENGER
from pipeline.store import connect
from pipeline.tracking import SECONDS
from pipeline.workspace import Workspace

ROW = Row(
    recipe="dcgan",
    version=1,
    sha256="0123456789abcdef",
    task="sample",
    translation="",
    data="digits",
    extractor="ganvas_net",
    quality=20.0,
    diversity=0.5,
    bound=None,
    error=None,
    kilobytes=1234.5,
    minutes=1.5,
    milliseconds=2.0,
    description="A model.",
)


@pytest.fixture
def embedded(embedded_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    monkeypatch.setenv("DVC_ROOT", str(embedded_root))


def test_the_best_quality_comes_first_and_what_has_none_last() -> None:
    rows = [
        dataclasses.replace(ROW, recipe=name, quality=quality)
        for name, quality in (("c", None), ("b", 30.0), ("a", 2.0))
    ]
    assert [row.recipe for row in rank(rows)] == ["a", "b", "c"]


def test_what_cannot_be_compared_is_not_ranked_together() -> None:
    others = [
        {"data": "procedural"},
        {"extractor": "inception", "quality": 90.0},
        {"extractor": "", "quality": None},
        {"task": "translate", "translation": "superres"},
        {"task": "translate", "translation": "inpaint"},
        {"quality": 30.0},
    ]
    lines = markdown(rank([ROW, *(dataclasses.replace(ROW, **other) for other in others)]), missing=[])
    assert [line for line in lines.splitlines() if line.startswith("## ")] == [
        "## sample, digits, measured with nothing",
        "## sample, digits, measured with ganvas_net",
        "## sample, digits, measured with inception",
        "## sample, procedural, measured with ganvas_net",
        "## inpaint, digits, measured with ganvas_net",
        "## superres, digits, measured with ganvas_net",
    ]
    assert (lines.count("\n| 1 | "), lines.count("\n| 2 | ")) == (6, 1)


def test_the_table_says_what_is_there_and_what_is_missing() -> None:
    vae = dataclasses.replace(ROW, recipe="vae", quality=25.0, bound=1234.5, error=0.02)
    lines = markdown([ROW, vae], missing=["wgan"]).splitlines()
    table = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in table}) == 1
    assert table[2].startswith("| 1 | `dcgan` | 20 | 0.5 |  |  | 1,234 | 1.5 | 2 |")
    assert table[3].startswith("| 2 | `vae` | 25 | 0.5 | 1,234 | 0.02 |")
    assert lines[-1] == "Not registered: `wgan`."


def test_a_description_of_lines_and_bars_stays_in_its_cell() -> None:
    folded = dataclasses.replace(ROW, description="First | second,\nand a third line.\n")
    table = [line for line in markdown([folded, ROW], missing=[]).splitlines() if line.startswith("|")]
    assert len(table) == 4
    assert table[2].endswith(r"| First \| second, and a third line. |")


@pytest.mark.slow
def test_the_registry_fills_the_table(recipe: Recipe, embedded: None, tmp_path: Path) -> None:
    params = tmp_path / "params.yaml"
    recipes = yaml.safe_load(params.read_text())["recipes"]
    params.write_text(yaml.safe_dump({"recipes": recipes | {"absent": recipes[recipe.name]}}))
    workspace = Workspace(recipe.name, tmp_path)
    for stage in ("prepare", "train", "export", "evaluate", "register"):
        importlib.import_module(f"pipeline.{stage}").__dict__[stage](recipe, workspace)
    client = connect()
    version = client.get_model_version_by_alias(recipe.name, CHALLENGER)
    training = client.get_run(version.run_id).data.tags["mlflow.parentRunId"]
    assert 0 < float(client.get_run(training).data.tags[SECONDS]) < 300
    client.set_tag(training, SECONDS, "90.0")
    compare(params, tmp_path / "reports" / "zoo.md")
    (row,) = json.loads((tmp_path / "reports" / "zoo.json").read_text())
    metrics = json.loads((workspace.reports / "metrics.json").read_text())
    latency = json.loads((workspace.reports / "latency.json").read_text())
    assert tuple(row) == COLUMNS
    assert row["recipe"] == recipe.name
    assert (row["data"], row["translation"]) == (recipe.data.name, "")
    assert row["extractor"] == metrics["extractor"]["name"]
    assert row["quality"] == metrics["frechet"]["distance"]
    assert row["diversity"] == metrics["precision_recall"]["recall"]
    assert row["milliseconds"] == latency["batch_1"]["median_ms"]
    assert row["kilobytes"] == pytest.approx(workspace.model.stat().st_size / 1000, abs=0.1)
    assert row["minutes"] == 1.5
    assert "Not registered: `absent`." in (tmp_path / "reports" / "zoo.md").read_text()
    with PIL.Image.open(tmp_path / "reports" / "zoo.png") as sheet:
        assert sheet.width > 12 * 64
    client.delete_tag(training, SECONDS)
    compare(params, tmp_path / "reports" / "zoo.md")
    (row,) = json.loads((tmp_path / "reports" / "zoo.json").read_text())
    assert 0 <= row["minutes"] < 1.5, "the run's end less its start"


def test_an_empty_registry_is_told_in_one_sentence(recipe: Recipe, embedded: None, tmp_path: Path) -> None:
    with pytest.raises(TrackingError, match=r"no model of .* is registered"):
        compare(tmp_path / "params.yaml", tmp_path / "table.md")
    assert not (tmp_path / "table.md").exists()


@pytest.mark.parametrize("name", ["reports", "table.json", "table.png", "."])
def test_what_is_no_name_for_the_table_is_refused_and_nothing_is_touched(
    name: str, recipe: Recipe, embedded: None, tmp_path: Path
) -> None:
    (tmp_path / "reports").mkdir()
    with pytest.raises(
        StorageError, match=r"is no name for the table, which is Markdown; name a file that ends in \.md"
    ):
        compare(tmp_path / "params.yaml", tmp_path / name if name != "." else Path())
    assert (tmp_path / "reports").is_dir()


def test_without_a_registry_one_sentence_says_so(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GANVAS_TRACKING", "off")
    with pytest.raises(TrackingError, match="GANVAS_TRACKING is off, so there is no registry"):
        compare(tmp_path / "params.yaml", tmp_path / "table.md")
