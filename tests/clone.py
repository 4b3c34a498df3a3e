"""A git clone of the code with one tiny recipe, in which the real DVC and the real command line run."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
RECIPE = """
recipes:
  ink:
    description: Handwritten digits.
    data: {name: digits, size: 16, channels: 1}
    network: {name: mlp}
    objective: {name: adversarial}
    loss: {name: minimax}
    train: {budget: {steps: 3}, batch: 4, learning_rates: {generator: 1.0e-3, discriminator: 1.0e-3}, log_every: 1}
    export: {}
    evaluate: {samples: 16}
    gate: {recall: 0.0, coverage: 0.0}
"""
_FILES = ("dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore", "champions.yaml")
IDENTITY = {
    name: value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in ((f"GIT_{role}_NAME", "Tester"), (f"GIT_{role}_EMAIL", "tester@example.org"))
}


def make_clone(root: Path) -> Path:
    """Copy the code, and commit it beside the tiny recipe."""
    for folder in ("pipeline", "demo"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns("__pycache__", "starter"))
    for name in (*_FILES, "pictures/README.md"):
        (root / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, root / name)
    (root / "params.yaml").write_text(RECIPE)
    content = yaml.safe_load((root / "dvc.yaml").read_text())
    del content["plots"]  # they name the default recipes
    (root / "dvc.yaml").write_text(yaml.safe_dump(content))
    git(root, "init", "-q", "-b", "main")
    commit(root, "The code and a tiny recipe")
    return root


def environment(**more: str) -> dict[str, str]:
    """Return what a command in a clone gets to see, `more` on top."""
    outer = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "DVC_", "GANVAS_", "GIT_")) and name != "PYTHONPATH"
    }
    outer["PATH"] = f"{Path(sys.executable).parent}:{outer['PATH']}"
    return {**outer, **IDENTITY, "DVC_NO_ANALYTICS": "1", **more}


def git(root: Path, *arguments: str) -> str:
    """Run git and return what it says."""
    command = ["git", *arguments]
    return subprocess.run(
        command, cwd=root, env=environment(), check=True, capture_output=True, text=True
    ).stdout.strip()


def commit(root: Path, message: str) -> str:
    """Commit all there is, and return the commit."""
    git(root, "add", "-A")
    git(root, "commit", "-q", "-m", message)
    return git(root, "rev-parse", "HEAD")


def attempt(root: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a module (`dvc`, `pipeline`) in a clone."""
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=root, env=environment(**more), capture_output=True, text=True, check=False)


def succeed(root: Path, *arguments: str, **more: str) -> str:
    """Run a module in a clone, and return what it says on both streams."""
    result = attempt(root, *arguments, **more)
    assert result.returncode == 0, result.stderr + result.stdout
    return result.stdout + result.stderr


def fail(root: Path, *arguments: str, **more: str) -> str:
    """Run a module that must fail with one sentence, and return that."""
    result = attempt(root, *arguments, **more)
    assert result.returncode == 1, result.stderr + result.stdout
    sentence = result.stderr.strip().splitlines()[-1]
    assert "Traceback" not in result.stderr
    return sentence
