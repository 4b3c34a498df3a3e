"""DVC's experiments on the real pipeline: one at once, one from the queue, compared, and never promoted as they are."""

import json
import shutil

import pytest
from clone import commit, fail, git, succeed

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture
def clone(finished, tmp_path):
    """A clone that is finished and committed."""
    root = shutil.copytree(finished, tmp_path / "ganvas", symlinks=True)
    commit(root, "The first model")
    return root


def test_experiments_run_are_compared_and_taken_over(clone):
    untracked = {"GANVAS_TRACKING": "off"}
    succeed(clone, "dvc", "exp", "run", "-n", "longer", "-S", "recipes.ink.train.budget.steps=40", **untracked)
    queued = ("--queue", "-n", "fewer", "-S", "recipes.ink.evaluate.samples=12")
    assert "fewer" in succeed(clone, "dvc", "exp", "run", *queued)
    succeed(clone, "dvc", "exp", "run", "--run-all", **untracked)
    shown = json.loads(succeed(clone, "dvc", "exp", "show", "--json", "--no-pager"))
    (baseline,) = [entry for entry in shown if entry["rev"] != "workspace"]
    assert {experiment["name"] for experiment in baseline["experiments"]} == {"longer", "fewer"}

    changes = json.loads(succeed(clone, "dvc", "metrics", "diff", "--json", "HEAD", "longer"))
    assert "old" in changes["reports/ink/metrics.json"]["frechet.distance"]
    assert "index.html" in succeed(clone, "dvc", "plots", "diff", "HEAD", "longer")
    assert (clone / "reports" / "plots" / "index.html").is_file()

    # What ran last lies in the folder, and its settings with it: no model becomes champion from there.
    assert "uncommitted changes" in fail(clone, "pipeline", "promote", "ink", GANVAS_TRACKING="off")
    git(clone, "checkout", "--", ".")
    succeed(clone, "dvc", "exp", "apply", "longer")
    assert "steps: 40" in (clone / "params.yaml").read_text()
    commit(clone, "Train longer")
    assert "up to date" in succeed(clone, "dvc", "repro")
