"""The workflow for GitHub Actions: what it runs is there, and actionlint has nothing to say where it is at hand."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WORKFLOW = ROOT / ".github" / "workflows" / "pipeline.yml"


def _steps():
    jobs = yaml.safe_load(WORKFLOW.read_text())["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_every_command_of_the_workflow_exists():
    targets = set(re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    commands = "\n".join(step["run"] for step in _steps() if "run" in step)
    assert set(re.findall(r"make ([a-z-]+)", commands)) <= targets
    for script in re.findall(r"(?:tools|\.ci)/[\w.]+", commands):
        subprocess.run(["bash", "-n", ROOT / script], check=True)
        assert (ROOT / script).stat().st_mode & 0o111


def test_only_the_comment_may_write():
    content = yaml.safe_load(WORKFLOW.read_text())
    assert content["permissions"] == {"contents": "read"}
    writing = {name: job["permissions"] for name, job in content["jobs"].items() if "permissions" in job}
    assert writing == {"figures": {"contents": "read", "pull-requests": "write"}}
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"]) for step in _steps() if "uses" in step)


def test_actionlint_finds_nothing():
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not installed")
    subprocess.run(["actionlint", WORKFLOW], check=True)
