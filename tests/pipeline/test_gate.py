"""The gate's own checks on reports, and the contest on graphs whose answers are known."""

import json

import pytest
from recipes import PAINTER, STYLIST, write_params
from test_evaluate import write_data, write_painter, write_stylist

from demo.engine import Model
from pipeline.champions import Champion, Champions
from pipeline.contest import Outcome, contest
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError, PromotionError
from pipeline.gate import REPORT, _margin, flatten, judge
from pipeline.recipe import read_recipe
from pipeline.workspace import Workspace

REPORTS = {
    "export": {"largest_difference": 1e-6},
    "latency": {"provider": "CPU", "batch_1": {"median_ms": 1.0}, "batch_16": {"median_ms": 9.0}},
    "metrics": {
        "memorisation": {"copies": 0.01},
        "precision_recall": {"recall": 0.5},
        "label_agreement": {"class_coverage": 0.9},
    },
}


@pytest.fixture
def painter(tmp_path, monkeypatch):
    """A recipe with prepared data, a model that paints them well, and its reports."""
    monkeypatch.chdir(tmp_path)
    write_params(tmp_path / "params.yaml", painter=PAINTER | {"gate": {"latency": 10.0}}, stylist=STYLIST)
    workspace = Workspace("painter", tmp_path)
    write_data(workspace, ("mondrian", "waves"))
    write_painter(workspace)
    workspace.reports.mkdir(parents=True)
    _report(workspace)
    return read_recipe(tmp_path / "params.yaml", "painter"), workspace


def _report(workspace, **changed):
    for name, report in REPORTS.items():
        said = changed.get(name, report)
        if name == "metrics":
            said = {"model": Model.open(workspace.model).sha256, **said}
        (workspace.reports / f"{name}.json").write_text(json.dumps(said))


def test_a_first_model_that_holds_every_limit_passes_and_the_report_says_why(painter):
    recipe, workspace = painter
    verdict = judge(recipe, workspace)
    report = json.loads((workspace.reports / REPORT).read_text())
    assert verdict.passed
    assert report["passed"]
    assert report["champion"] is None
    assert [check["name"] for check in report["checks"]] == [
        *("finite", "parity", "latency", "size", "memorisation", "diversity", "classes", "champion")
    ]
    assert report["thresholds"]["latency"] == 10.0
    assert "passed: slowest median in ms 9, at most 10 is allowed" in verdict.reasons


@pytest.mark.parametrize(
    ("changed", "check", "words"),
    [
        ({"export": {"largest_difference": 0.5}}, "parity", "0.5, but at most 0.001"),
        ({"export": {"largest_difference": float("nan")}}, "parity", "nan, but at most"),
        ({"latency": {"batch_16": {"median_ms": 11.0}}}, "latency", "11, but at most 10"),
        ({"metrics": {"memorisation": {"copies": 0.3}}}, "memorisation", "0.3, but at most 0.05"),
        ({"metrics": {"precision_recall": {"recall": 0.1}}}, "diversity", "0.1, but at least 0.2"),
        ({"metrics": {"label_agreement": {"class_coverage": 0.4}}}, "classes", "0.4, but at least 0.5"),
        ({"metrics": {"content_preservation": {"edge_f1": 0.2}}}, "content", "0.2, but at least 0.4"),
        ({"metrics": {"diversity": {"relative": 0.0}}}, "diversity", "0, but at least 0.02"),
        ({"metrics": {"frechet": {"distance": float("inf")}}}, "finite", "not finite: frechet.distance"),
        ({"gate": {"size": 1e-6}}, "size", "but at most 1e-06"),
    ],
)
def test_a_limit_that_does_not_hold_is_the_only_objection(changed, check, words, *, painter):
    recipe, workspace = painter
    if "gate" in changed:
        gate = {"latency": 10.0, **changed["gate"]}
        recipe = read_recipe(write_params(workspace.root / "params.yaml", painter=PAINTER | {"gate": gate}), "painter")
    _report(workspace, **changed)
    verdict = judge(recipe, workspace)
    assert [found.name for found in verdict.checks if not found.passed] == [check]
    assert words in verdict.objections[0]
    assert not json.loads((workspace.reports / REPORT).read_text())["passed"]


def test_a_figure_on_its_very_limit_is_allowed(painter):
    recipe, workspace = painter
    gate = recipe.gate
    _report(
        workspace,
        export={"largest_difference": gate.parity},
        latency={"batch_1": {"median_ms": gate.latency}},
        metrics={"memorisation": {"copies": gate.copies}, "precision_recall": {"recall": gate.recall}},
    )
    assert judge(recipe, workspace).objections == []


def test_a_champion_that_cannot_be_found_any_more_is_no_free_pass(painter):
    recipe, workspace = painter
    Champions({}).promoted("painter", Champion(model="a" * 64, commit="b" * 40)).write(workspace.root)
    verdict = judge(recipe, workspace)
    assert verdict.champion == "a" * 64
    assert [check.name for check in verdict.checks if not check.passed] == ["champion"]
    assert "not comparable with the champion" in verdict.objections[0]


def test_reports_that_are_not_there_are_named(painter):
    recipe, workspace = painter
    (workspace.reports / "latency.json").unlink()
    with pytest.raises(EvaluationError, match=r"latency\.json cannot be read; run `python -m pipeline evaluate"):
        judge(recipe, workspace)
    (workspace.reports / "export.json").write_text("[]")
    with pytest.raises(EvaluationError, match="pipeline export painter"):
        judge(recipe, workspace)
    workspace.model.unlink()
    with pytest.raises(EvaluationError, match="does not exist"):
        judge(recipe, workspace)


@pytest.mark.parametrize(
    ("champion", "low", "margin", "passed", "wanted"),
    [
        (4.0, 0.5, 0.1, True, "0.4"),
        (4.0, 0.4, 0.1, False, "0.4"),
        (4.0, 0.1, 0.1, False, "0.4"),
        (4.0, 1e-9, 0.0, True, "0"),
        (4.0, 0.0, 0.0, False, "0"),
        (-1.0, 0.11, 0.1, True, "0.1"),
        (-1.0, 0.1, 0.1, False, "0.1"),
        (-1.0, 0.0, 0.1, False, "0.1"),
        (-1.0, -0.05, 0.1, False, "0.1"),
    ],
)
def test_all_of_the_interval_must_exceed_a_share_of_the_champions_score(champion, low, margin, passed, wanted):
    gain = low + 1
    outcome = Outcome("kernel distance", champion - gain, champion, low=low, high=low + 2)
    check = _margin(outcome, margin)
    assert (check.name, check.passed) == ("champion", passed)
    assert check.reason.endswith(f", but all of it must exceed {wanted}") != passed


def _painter(tmp_path, name, gain):
    workspace = Workspace("painter", tmp_path / name)
    workspace.root.mkdir()
    write_params(workspace.root / "params.yaml", painter=PAINTER)
    write_painter(workspace, gain=gain)
    return Model.open(workspace.model, device="cpu")


def test_the_better_painter_wins_beyond_the_interval_and_equals_tie_exactly(painter, tmp_path):
    recipe, workspace = painter
    dataset = Dataset.open(workspace.prepared)
    good, grey = _painter(tmp_path, "good", 0.7), _painter(tmp_path, "grey", 0.0)
    won = contest(good, grey, dataset, recipe)
    assert won.challenger < won.champion
    assert 0 < won.low < won.champion - won.challenger < won.high
    lost = contest(grey, good, dataset, recipe)
    assert (lost.challenger, lost.champion) == (won.champion, won.challenger)
    assert (lost.low, lost.high) == pytest.approx((-won.high, -won.low))
    tie = contest(good, good, dataset, recipe)
    assert (tie.low, tie.high) == (0.0, 0.0)


def test_stylists_compete_on_the_same_photographs(painter, tmp_path):
    workspace = Workspace("stylist", tmp_path)
    recipe = read_recipe(tmp_path / "params.yaml", "stylist")
    write_data(workspace, ("mondrian", "waves", "photograph"), side=32)
    write_stylist(workspace)
    model, dataset = Model.open(workspace.model), Dataset.open(workspace.prepared)
    tie = contest(model, model, dataset, recipe)
    assert tie.score == "relative distance to the style"
    assert (tie.challenger, tie.low, tie.high) == (tie.champion, 0.0, 0.0)
    with pytest.raises(EvaluationError, match="not comparable"):
        contest(model, _painter(tmp_path, "other", 0.7), dataset, recipe)


def test_figures_are_the_numbers_of_a_report():
    report = {"a": {"b": 1, "c": {"d": 2.5}}, "text": "x", "list": [1], "e": 3}
    assert flatten(report) == [("a.b", 1.0), ("a.c.d", 2.5), ("e", 3.0)]


def _champion(letter):
    return Champion(model=letter * 64, commit=letter * 40, metrics={"recall": 0.5}, reasons=["passed: fine"])


def test_champions_come_and_go_in_order(tmp_path):
    champions = Champions({}).promoted("ink", _champion("a")).promoted("ink", _champion("b"))
    champions.write(tmp_path)
    again = Champions.read(tmp_path)
    assert again == champions
    assert again.champion("ink") == _champion("b")
    assert [one.model[0] for one in again.history("ink")] == ["a", "b"]
    back = again.rolled_back("ink")
    assert back.champion("ink") == _champion("a")
    with pytest.raises(PromotionError, match="'ink' is the first champion, so there is none to go back to"):
        back.rolled_back("ink")
    with pytest.raises(PromotionError, match="'tusche' has no champion"):
        back.rolled_back("tusche")
    assert Champions.read(tmp_path / "nowhere").champion("ink") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ink: {", "damaged"),
        ("- ink", "damaged"),
        ("ink: {champion: {model: short, commit: none}}", "ink.champion.model"),
        ("ink: {champion: {}, before: []}", "ink.champion.model: Field required"),
    ],
)
def test_a_damaged_file_of_champions_is_said_in_one_sentence(text, words):
    with pytest.raises(PromotionError, match=words) as caught:
        Champions.parse(text)
    assert "git checkout champions.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)
