"""Sweeps of tiny trainings: what is tried, kept, gone on with, written back, and told to MLflow."""

from pathlib import Path

import optuna
import pytest
import yaml
from commands import call
from filelock import FileLock
from recipes import PAINTER, STYLIST, write_params

from pipeline.errors import RecipeError, TrainingError
from pipeline.paramsfile import place_value, set_values
from pipeline.prepare import prepare
from pipeline.recipe import read_recipe
from pipeline.store import connect
from pipeline.sweep import sweep
from pipeline.workspace import Workspace

PARAMS = Path("params.yaml")
RATE = "train.learning_rates.generator"
SWEEP = {"space": {RATE: {"low": 1e-6, "high": 1e-2, "log": True}, "loss.name": ["hinge", "nonsaturating"]}}


def _write(sweep_section, **more):
    write_params(PARAMS, painter=PAINTER | {"sweep": sweep_section} | more, stylist=STYLIST)


@pytest.fixture
def painter(workplace):
    """A working directory with prepared pictures for a sweep of four trials."""
    _write(SWEEP | {"trials": 4})
    workspace = Workspace("painter")
    prepare(read_recipe(PARAMS, "painter"), workspace)
    return workspace


def _study():
    storage = "sqlite:///.sweeps/painter.db"
    (name,) = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=name, storage=storage)


def test_the_recipe_itself_is_tried_first_and_the_best_is_written_back(painter, capsys):
    sweep("painter", PARAMS, painter)
    study = _study()
    assert len(study.trials) == 4
    assert study.trials[0].params == {RATE: 1e-3, "loss.name": "nonsaturating"}
    section = yaml.safe_load(PARAMS.read_text())["recipes"]["painter"]
    best = study.best_trial
    assert section["train"]["learning_rates"]["generator"] == pytest.approx(best.params[RATE], rel=0.01)
    assert section["loss"]["name"] == best.params["loss.name"]
    assert section["train"]["budget"] == {"steps": 6}, "what was not in the space stays"
    read_recipe(PARAMS, "painter")
    assert study.study_name in capsys.readouterr().err


def test_a_sweep_goes_on_with_its_study_and_runs_again_what_was_killed(painter):
    _write(SWEEP | {"trials": 3})  # so few that none is given up early
    sweep("painter", PARAMS, painter)
    first = [trial.params for trial in _study().trials]
    killed = _study().ask()
    rate = killed.suggest_float(RATE, 1e-6, 1e-2, log=True)
    killed.suggest_categorical("loss.name", ["hinge", "nonsaturating"])
    _write(SWEEP | {"trials": 4})
    sweep("painter", PARAMS, painter)
    trials = _study().trials
    assert [trial.params for trial in trials[:3]] == first
    assert [trial.state.name for trial in trials[3:]] == ["FAIL", "COMPLETE"]
    assert trials[4].params[RATE] == pytest.approx(rate)


def test_every_trial_is_a_child_run(painter, store, monkeypatch):
    monkeypatch.delenv("GANVAS_TRACKING", raising=False)
    sweep("painter", PARAMS, painter)
    client = connect()
    experiment = client.get_experiment_by_name("painter").experiment_id
    (parent,) = client.search_runs(
        [experiment], f"tags.`ganvas.stage` = 'sweep' and tags.`ganvas.study` = '{_study().study_name}'"
    )
    children = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    assert parent.info.status == "FINISHED"
    assert len(children) == 4
    assert {child.info.status for child in children} <= {"FINISHED", "KILLED"}
    assert {child.data.params["loss.name"] for child in children} <= {"hinge", "nonsaturating"}
    assert all("frechet" in child.data.metrics for child in children)


def test_a_hopeless_trial_is_given_up_early(painter):
    _write(
        {"space": {RATE: [1e-3, 1.1e-3, 1.2e-3, 1.3e-3, 1e-7, 1.1e-7, 1.2e-7]}, "trials": 7},
        train=PAINTER["train"] | {"budget": {"steps": 12}, "snapshots": 6},
    )
    sweep("painter", PARAMS, painter)
    assert "PRUNED" in {trial.state.name for trial in _study().trials}


def test_every_combination_of_a_small_space_comes_once_the_recipes_own_first(painter):
    choices = {"loss.name": ["hinge", "nonsaturating"], "network.latent": [4, 8]}
    _write({"space": choices, "trials": 3})  # which are too few
    sweep("painter", PARAMS, painter)
    _write({"space": choices, "trials": 20})
    sweep("painter", PARAMS, painter)
    before = len(_study().trials)
    sweep("painter", PARAMS, painter)
    trials = _study().trials
    trained = [(trial.params["loss.name"], trial.params["network.latent"]) for trial in trials if not trial.user_attrs]
    assert trained[0] == ("nonsaturating", 8)
    assert sorted(trained) == [("hinge", 4), ("hinge", 8), ("nonsaturating", 4), ("nonsaturating", 8)]
    assert len(trials) == before, "nothing is left to try"


def test_equal_settings_are_trained_once(painter, monkeypatch, capsys):
    trained = []

    def note(recipe, *_, **__):
        trained.append(recipe.network.latent)
        return float(recipe.network.latent)

    monkeypatch.setattr("pipeline.sweep._train", note)
    _write({"space": {"network.latent": {"low": 7, "high": 8}}, "trials": 6})
    sweep("painter", PARAMS, painter)
    assert sorted(trained) == [7, 8]
    trials = _study().trials
    assert len(trials) == 6
    assert all(trial.value == trial.params["network.latent"] for trial in trials)
    told = capsys.readouterr().err
    assert told.count(", known from trial ") == 4
    assert "trial 5: frechet " in told


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"space": {}}, "painter.sweep.space"),
        ({"space": {"data.size": [16, 32]}}, "'data.size' cannot be swept"),
        ({"space": {RATE: {"low": 2.0, "high": 1.0}}}, "low must lie below high"),
        ({"space": {"network.widht": [4, 8]}}, r"painter\.network\.widht: unknown key; did you mean 'width'"),
        ({"space": {"train.penalty_sweep.share": [0.1, 0.2]}}, r"painter\.train\.penalty_sweep: no trial of a sweep"),
        ({"space": {RATE: [1e-3]}, "metric": "beauty"}, r"painter\.sweep\.metric: is 'beauty'; choose from .*frechet"),
    ],
)
def test_a_wrong_section_is_said_in_one_sentence(section, words, *, painter):
    _write(section)
    before = PARAMS.read_text()
    with pytest.raises(RecipeError, match=words):
        sweep("painter", PARAMS, painter)
    assert PARAMS.read_text() == before


@pytest.mark.parametrize(
    ("space", "words"),
    [
        ({"network.latent": [8, 4, 0]}, r"painter\.network\.latent: is 0; "),
        ({"network.name": ["dcgan", "mlp"]}, r"painter\.network\.normalization: unknown key; "),
        ({"train.watch.samples": {"low": 2, "high": 20_000}}, r"painter\.train\.watch\.samples: is 20000; "),
    ],
)
def test_a_value_that_a_later_trial_would_refuse_is_refused_before_the_first(space, words, *, painter):
    _write({"space": space})
    with pytest.raises(RecipeError, match=words):
        sweep("painter", PARAMS, painter)
    assert not Path(".sweeps").exists()


def test_a_trial_is_told_with_the_numbers_that_it_took(painter, capsys):
    _write({"space": {RATE: {"low": 1e-4, "high": 1e-3}}, "trials": 3, "steps": 2})
    sweep("painter", PARAMS, painter)
    told = [line.rsplit(" ", 1)[1] for line in capsys.readouterr().err.splitlines() if line.startswith("trial ")]
    assert len(told) == 3
    assert all(number == f"{float(number):.3g}" for number in told)


def test_a_recipe_that_sweeps_its_penalties_is_refused(painter):
    _write(SWEEP, train=PAINTER["train"] | {"penalty_sweep": {"factors": [0.5, 1.0]}})
    with pytest.raises(
        RecipeError, match=r"^painter\.train\.penalty_sweep: no trial of a sweep tries penalties; leave"
    ):
        sweep("painter", PARAMS, painter)


def test_a_recipe_without_a_sweep_and_a_second_sweep_at_once_are_refused(painter, capfd):
    with pytest.raises(RecipeError, match=r"stylist\.sweep: missing"):
        sweep("stylist", PARAMS, Workspace("stylist"))
    Path(".sweeps").mkdir()
    with FileLock(".sweeps/painter.lock"):
        told = call(capfd, "sweep", "painter")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr == "another sweep of 'painter' is running here; wait for it, or stop it\n"


def test_a_trial_takes_the_minutes_of_the_recipe(painter):
    _write(SWEEP | {"trials": 1}, train=PAINTER["train"] | {"budget": {"minutes": 0.02}})
    sweep("painter", PARAMS, painter)
    assert _study().trials[0].last_step > 1


def test_what_the_params_file_does_not_say_is_no_trial_of_it_as_it_is(painter):
    _write({"space": {"network.max_width": [16]}, "trials": 1})
    sweep("painter", PARAMS, painter)
    assert yaml.safe_load(PARAMS.read_text())["recipes"]["painter"]["network"]["max_width"] == 16


def test_a_trial_keeps_no_state_to_fall_back_to(painter):
    section = SWEEP | {"trials": 1, "metric": "generator_loss"}
    _write(section, train=PAINTER["train"] | {"watch": {"samples": 0, "response": "roll_back"}})
    sweep("painter", PARAMS, painter)
    assert len(_study().trials) == 1
    assert not list(Path().glob("*.pt"))


def test_no_trial_that_came_to_an_end_is_no_result(painter):
    broken = {
        "learning_rates": {"generator": 1e30, "discriminator": 1e30},
        "watch": {"samples": 32, "response": "stop"},
    }
    _write({"space": {"network.latent": [8]}, "trials": 1}, train=PAINTER["train"] | broken)
    with pytest.raises(TrainingError, match="came to an end"):
        sweep("painter", PARAMS, painter)
    assert [trial.state.name for trial in _study().trials] == ["FAIL"]


def test_parts_that_do_not_fit_each_other_end_a_sweep(painter):
    _write(SWEEP | {"trials": 2}, train=PAINTER["train"] | {"learning_rates": {"generator": 1e-3}})
    with pytest.raises(RecipeError, match=r"^painter\.train\.learning_rates: names generator; it must name"):
        sweep("painter", PARAMS, painter)
    assert [trial.state.name for trial in _study().trials] == ["FAIL"]


def test_the_params_file_keeps_its_comments_and_spelling(tmp_path):
    root = Path(__file__).resolve().parent.parent.parent
    before = (root / "params.yaml").read_text()
    path = tmp_path / "params.yaml"
    path.write_text(before)
    rate = "train.learning_rates.generator.start"
    set_values(path, "painter", {rate: 4.5e-4, "network.width": 24})
    ramp = "generator: {{start: {}, end: 0.0, since: 0.6, latest: 1080}}".format
    expected = before.replace(ramp("2.0e-3"), ramp("4.50e-04"), 1).replace("width: 16", "width: 24", 1)
    assert path.read_text() == expected
    painter = yaml.safe_load(path.read_text())["recipes"]["painter"]
    assert painter["train"]["learning_rates"]["generator"]["start"] == 4.5e-4
    with pytest.raises(RecipeError, match="it must hold the recipe 'nobody'"):
        set_values(path, "nobody", {"network.width": 24})


def test_a_number_in_the_way_becomes_a_ramp_and_a_text_is_refused():
    section = {"rate": 0.5, "name": "x"}
    place_value(section, "rate.end", 0.0)
    place_value(section, "fresh.key", 1)
    assert section == {"rate": {"start": 0.5, "end": 0.0}, "name": "x", "fresh": {"key": 1}}
    with pytest.raises(RecipeError, match="'name' is 'x'"):
        place_value(section, "name.deep", 1)


def test_a_trial_that_was_interrupted_is_run_again_and_a_study_that_goes_on_draws_anew(painter, monkeypatch):
    def interrupt(*_, trial, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.sweep._train", interrupt)
        with pytest.raises(KeyboardInterrupt):
            sweep("painter", PARAMS, painter)
    sweep("painter", PARAMS, painter)
    trials = _study().trials
    assert [trial.state.name for trial in trials[:2]] == ["FAIL", "COMPLETE"]
    assert trials[1].params == trials[0].params == {RATE: 1e-3, "loss.name": "nonsaturating"}
    assert len({trial.params[RATE] for trial in trials[1:]}) == len(trials) - 1


def test_a_trial_that_diverged_is_not_run_again(painter, monkeypatch):
    def fail(*_, **__):
        raise TrainingError("it diverged")

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.sweep._train", fail)
        with pytest.raises(TrainingError, match="no trial"):
            sweep("painter", PARAMS, painter)
    failed = len(_study().trials)
    sweep("painter", PARAMS, painter)
    assert {RATE: 1e-3, "loss.name": "nonsaturating"} not in [trial.params for trial in _study().trials[failed:]]


def test_a_number_is_the_start_of_its_schedule_as_it_is(painter):
    _write({"space": {f"{RATE}.start": {"low": 1e-6, "high": 1e-2, "log": True}}, "trials": 1})
    sweep("painter", PARAMS, painter)
    assert _study().trials[0].params == {f"{RATE}.start": 1e-3}


def test_a_loss_is_known_from_the_first_logged_step_on(painter):
    train = PAINTER["train"] | {"snapshots": 6, "log_every": 5}
    _write({"space": {"loss.name": ["hinge"]}, "trials": 1, "metric": "generator_loss"}, train=train)
    sweep("painter", PARAMS, painter)
    assert _study().trials[0].state.name == "COMPLETE"
