import json
import shutil
import sqlite3
import subprocess
from pathlib import Path

import grimp
import pytest
import yaml
from clone import RECIPE, succeed

from pipeline.networks import NETWORKS

ROOT = Path(__file__).resolve().parent.parent.parent
STAGES = ("prepare", "train", "export", "evaluate", "register")
REGISTRIES = {f"pipeline.{folder}" for folder in ("data", "features", "losses", "metrics", "networks", "objectives")}
WITHOUT_EFFECT = {
    *("demo", "demo.errors", "pipeline.errors", "pipeline.progress", "pipeline.sections", "pipeline.shards"),
    *("pipeline.outbox", "pipeline.repository", "pipeline.store", "pipeline.tracking", "pipeline.workspace"),
}
"""Modules that say, show, check and find things, but decide nothing about what a stage writes."""


def _imported(module, graph):
    """Return all that a module needs; what a registry leads to is the recipe's choice."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += [] if name in REGISTRIES else graph.find_modules_directly_imported_by(name)
    return seen - REGISTRIES - WITHOUT_EFFECT


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_file_that_decides_what_it_writes(stage):
    graph = grimp.build_graph("pipeline", "demo")
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, recipe in yaml.safe_load((ROOT / "params.yaml").read_text())["recipes"].items():
        parts = {
            "prepare": [f"data.{recipe['data']['name']}"],
            "train": [f"{folder}.{recipe[part]['name']}" for part, folder in _FOLDERS.items()],
            "export": [f"networks.{recipe['network']['name']}"],
            "evaluate": [f"features.{recipe['evaluate'].get('extractor', {}).get('name', 'ganvas_net')}"],
        }.get(stage, [])
        needed = set().union(*(_imported(f"pipeline.{part}", graph) for part in [stage, *parts]))
        if stage == "register":
            # What the stages before are made of has been right for them, and shows in what they wrote.
            before = ("pipeline.recipe", "pipeline.evaluate", "pipeline.export")
            needed -= set().union(*(_imported(module, graph) for module in before))
        if stage == "prepare":
            needed -= {"demo.card", "pipeline.recipe"}
        if stage != "train":
            needed -= {"pipeline.device", "pipeline.schedules"}  # the recipe's words for how a training goes
        if stage == "train":
            needed -= {"demo.card"}
        declared = [_resolve(path, name, recipe) for path in stages[stage]["do"]["deps"]]
        files = {_file(module) for module in needed}
        uncovered = {
            file for file in files if not any(file == path or file.startswith(f"{path}/") for path in declared)
        }
        assert uncovered == set()


@pytest.mark.parametrize("stage", ["train", "export"])
@pytest.mark.parametrize("network", sorted(NETWORKS))
def test_a_stage_depends_on_every_file_of_any_network(network, stage):
    graph = grimp.build_graph("pipeline", "demo")
    needed = {name for name in _imported(f"pipeline.networks.{network}", graph) if name.startswith("pipeline.networks")}
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert {_file(name) for name in needed} <= {
        path.replace("${item.network.name}", network) for path in stages[stage]["do"]["deps"]
    }


def test_the_zoo_has_the_same_stages():
    stages, zoo = (yaml.safe_load((ROOT / name).read_text())["stages"] for name in ("dvc.yaml", "zoo/stages.yaml"))
    for stage in STAGES:
        own = stages[stage]["do"]
        own["deps"] = [
            f"../{path}" if path.startswith(("demo/", "pictures", "pipeline/")) else path for path in own["deps"]
        ]
        assert zoo[stage] == {"foreach": "${recipes}", "do": own}


def test_dvc_finds_no_zoo_where_none_was_run(tmp_path):
    """Else `dvc pull` and `dvc exp apply` fail for its outputs, and each diff tells that it could not load them."""
    tracked = subprocess.run(["git", "ls-files", "*dvc.yaml"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert tracked.stdout.split() == ["dvc.yaml"]
    for name in ("Makefile", "zoo/stages.yaml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, tmp_path / name)
    subprocess.run(["make", "zoo/dvc.yaml"], cwd=tmp_path, capture_output=True, check=True)
    assert (tmp_path / "zoo" / "dvc.yaml").read_bytes() == (ROOT / "zoo" / "stages.yaml").read_bytes()


_FOLDERS = {"loss": "losses", "network": "networks", "objective": "objectives"}


def _resolve(path, name, recipe):
    for part in ("loss", "network", "objective"):
        path = path.replace(f"${{item.{part}.name}}", recipe[part]["name"])
    return path.replace("${key}", name)


def _file(module):
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if (ROOT / path).is_dir() else f"{path}.py"


@pytest.mark.parametrize(("folder", "name"), [(".", "dvc.yaml"), ("zoo", "stages.yaml")])
def test_every_recipe_has_every_section_that_a_stage_asks_for(folder, name):
    stages = yaml.safe_load((ROOT / folder / name).read_text())["stages"]
    asked = {name.rpartition(".")[2] for stage in stages.values() for name in stage["do"].get("params", [])}
    recipes = yaml.safe_load((ROOT / folder / "params.yaml").read_text())["recipes"]
    assert {"data", "train", "export", "evaluate", "gate"} <= asked
    assert {name: asked - set(recipe) for name, recipe in recipes.items() if asked - set(recipe)} == {}


def test_every_default_recipe_has_its_curves():
    content = yaml.safe_load((ROOT / "dvc.yaml").read_text())
    drawn = {file for plot in content["plots"] for settings in plot.values() for file in settings["y"]}
    recipes = yaml.safe_load((ROOT / "params.yaml").read_text())["recipes"]
    assert {file for file in drawn if file.endswith("training.csv")} == {
        f"reports/{name}/training.csv" for name in recipes
    }
    sampling = {name for name, recipe in recipes.items() if recipe["objective"]["name"] == "adversarial"}
    assert {file for file in drawn if file.endswith("snapshots.csv")} == {
        f"reports/{name}/snapshots.csv" for name in sampling
    }
    others = {str(Path(file).parent) for file in drawn if not file.endswith(("training.csv", "snapshots.csv"))}
    assert others == {f"reports/{name}/evaluation" for name in recipes}


@pytest.fixture(scope="module")
def repository(finished, tmp_path_factory):
    """A git clone of the code with a small recipe, after one real `dvc repro`."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("clone") / "ganvas", symlinks=True)


def _dvc(root, *arguments):
    return succeed(root, "dvc", *arguments)


def _due(root):
    """Return the stages that `dvc repro` would run first."""
    said = _dvc(root, "repro", "--dry").splitlines()
    return [line.split("'")[1] for line in said if line.startswith("Running stage")]


@pytest.mark.slow
@pytest.mark.timeout(900)
class TestRepro:
    """What a small recipe shows of the whole pipeline."""

    def test_the_pipeline_runs_in_a_fresh_clone(self, repository):
        assert (repository / "models" / "ink" / "model.onnx").is_file()
        assert (repository / "reports" / "ink" / "evaluation" / "directions.png").is_file()
        metrics = json.loads((repository / "reports" / "ink" / "metrics.json").read_text())
        shown = json.loads(_dvc(repository, "metrics", "show", "--json"))
        assert shown[""]["data"][str(Path("reports/ink/metrics.json"))]["data"] == metrics
        assert "up to date" in _dvc(repository, "repro")
        assert "run.json" not in (repository / "dvc.lock").read_text()
        _dvc(repository, "plots", "show")
        page = (repository / "reports" / "plots" / "index.html").read_text()
        assert "training.png" in page

    def test_the_run_and_the_version_stand_in_the_embedded_store(self, repository):
        database = sqlite3.connect(repository / ".mlflow" / "mlflow.db")
        runs = database.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()
        steps = database.execute("SELECT step FROM metrics WHERE key = 'generator_loss' ORDER BY step").fetchall()
        aliases = database.execute("SELECT name, alias, version FROM registered_model_aliases").fetchall()
        database.close()
        assert runs == [("FINISHED", 2)]
        assert steps == [(1,), (2,), (3,)]
        assert aliases == [("ink", "challenger", 1)]

    @pytest.mark.parametrize(
        ("files", "due"),
        [
            (["pipeline/losses/hinge.py", "pipeline/networks/dcgan.py"], []),
            (["pipeline/losses/minimax.py"], ["train@ink", "evaluate@ink"]),
            (["pipeline/data/digits.py", "pipeline/metrics/memorisation.py"], ["prepare@ink", "evaluate@ink"]),
            (["pictures/README.md", "pipeline/register.py"], ["prepare@ink", "register@ink"]),
        ],
    )
    def test_edited_files_are_due_where_they_are_used(self, repository, files, due):
        before = {file: (repository / file).read_bytes() for file in files}
        for file in files:
            (repository / file).write_bytes(before[file] + b"# edited\n")
        try:
            assert _due(repository) == due
        finally:
            for file, content in before.items():
                (repository / file).write_bytes(content)

    @pytest.mark.parametrize(
        ("old", "new", "due"),
        [
            ("samples: 16", "samples: 12", ["evaluate@ink"]),
            ("steps: 3", "steps: 4", ["train@ink"]),
            ("export: {}", "export: {tolerance: 0.5}", ["export@ink"]),
        ],
    )
    def test_an_edited_parameter_is_due_where_it_is_used(self, repository, old, new, due):
        (repository / "params.yaml").write_text(RECIPE.replace(old, new))
        try:
            assert _due(repository) == due
        finally:
            (repository / "params.yaml").write_text(RECIPE)

    def test_what_was_made_once_comes_back_from_the_run_cache(self, repository):
        model = (repository / "models" / "ink" / "model.onnx").read_bytes()
        for folder in ("data", "checkpoints", "models", "reports"):
            shutil.rmtree(repository / folder)
        (repository / "dvc.lock").unlink()
        said = _dvc(repository, "repro")
        assert (repository / "models" / "ink" / "model.onnx").read_bytes() == model
        ran = [line.split()[-2] for line in said.splitlines() if line.startswith("> ")]
        assert ran == ["register"]
        assert "version 1 was known" in said

    def test_a_picture_that_is_added_is_noticed(self, repository):
        (repository / "pictures" / "mine").mkdir()
        (repository / "pictures" / "mine" / "one.png").write_bytes(b"new")
        try:
            assert _due(repository) == ["prepare@ink"]
        finally:
            shutil.rmtree(repository / "pictures" / "mine")
