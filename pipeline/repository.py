"""What git and DVC remember: the commit, what differs from it, and by `dvc.lock` the very files of any commit."""

import hashlib
import importlib
import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from pipeline.errors import LineageError

LOCK = "dvc.lock"
PARAMS = "params.yaml"
_REGISTER = "register"
_KEY = re.compile(r"[+-]([^\s#{}+:-][^\s:]*):")
"""A top-level key of YAML in a line of a patch."""

_SAFE_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML has it: in Python the lock of a zoo takes seconds."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A commit, and whether tracked files other than DVC's lock differ from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Lock:
    """What `dvc.lock` says about the stages of one recipe; `register`, which makes no file, is left out.

    `outs` maps paths to DVC's names of their contents (an MD5 sum, for folders with `.dir` behind it).
    """

    stages: Mapping[str, Any]

    @classmethod
    def parse(cls, text: str, recipe: str) -> "Lock":
        """Read the part of a recipe.

        Raises:
            LineageError: the text is no lock file, or does not know the recipe's model.

        """
        try:
            stages = yaml.load(text, _SAFE_LOADER)["stages"]  # noqa: S506 - it is a safe one
            chosen = {
                name: content
                for name, content in stages.items()
                if name.partition("@")[2] == recipe and name.partition("@")[0] != _REGISTER
            }
            lock = cls(dict(sorted(chosen.items())))
            known = lock.outs
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise LineageError(f"{LOCK} is damaged; restore it with `git checkout {LOCK}`") from error
        if f"models/{recipe}" not in known:
            raise LineageError(f"{LOCK} knows no model of '{recipe}'; run `dvc repro` and commit {LOCK}")
        return lock

    @property
    def digest(self) -> str:
        """A digest of every input and output of the recipe's stages."""
        return hashlib.sha256(json.dumps(self.stages, sort_keys=True).encode()).hexdigest()

    @property
    def outs(self) -> dict[str, str]:
        return {out["path"]: out["md5"] for stage in self.stages.values() for out in stage.get("outs", ())}

    @property
    def params(self) -> dict[str, Any]:
        """The settings by their dotted names, as the stages saw them."""
        return {
            name: value
            for stage in self.stages.values()
            for section in stage.get("params", {}).values()
            for name, value in section.items()
        }


def revision(root: Path = Path()) -> Revision | None:
    """Return the commit of a working tree, None where there is no git or nothing was committed."""
    try:
        commit = _git(root, "rev-parse", "HEAD")
        # DVC writes its lock file while the stages run, so that one says nothing.
        changes = _git(
            root, "status", "--porcelain", "--untracked-files=no", "--", ":/", f":(exclude,top,glob)**/{LOCK}"
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return Revision(commit, bool(changes))


def uncommitted(root: Path = Path(), *paths: str) -> list[str]:
    """Return the tracked files that differ from the commit, of these, which count from `root`, or of all.

    Names count from the top of the git repository, which may be above `root`.

    Raises:
        LineageError: there is no git here, or nothing was committed.

    """
    try:
        _git(root, "rev-parse", "HEAD")
        answer = _git(root, "-c", "core.quotePath=false", "status", "--porcelain", "--untracked-files=no", "--", *paths)
    except (OSError, subprocess.CalledProcessError) as error:
        raise LineageError("there is no git commit here; run `git init` and commit what you have") from error
    return [line.strip().partition(" ")[2].strip() for line in answer.splitlines()]


def read_at(commit: str, path: str, root: Path = Path()) -> str:
    """Return the text of a tracked file as it was in a commit; `path` counts from `root`.

    Raises:
        LineageError: this clone does not have the commit, or it does not have the file.

    """
    try:
        return _git(root, "show", f"{commit}:./{path}")
    except (OSError, subprocess.CalledProcessError) as error:
        raise LineageError(
            f"commit {commit[:12]} with its {path} is not in this clone; fetch it, or name a commit that is"
        ) from error


def is_committed(recipe: str, root: Path = Path()) -> bool:
    """Tell whether the commit's lock says of a recipe what the one in the folder says; without a lock there it does."""
    try:
        here = Lock.parse((root / LOCK).read_text(encoding="utf-8"), recipe)
    except (OSError, LineageError):
        return True
    try:
        return Lock.parse(read_at("HEAD", LOCK, root), recipe) == here
    except LineageError:
        return False


def find_commit(digest: str, recipe: str, root: Path = Path()) -> str | None:
    """Return the oldest commit of any branch whose lock has a digest for a recipe, None where none has."""
    try:
        commits = _git(root, "log", "--all", "--reverse", "--format=%H", "--", LOCK).splitlines()
    except (OSError, subprocess.CalledProcessError):
        return None
    for commit in commits:
        try:
            if Lock.parse(read_at(commit, LOCK, root), recipe).digest == digest:
                return commit
        except LineageError:
            continue  # the lock was taken away in that commit, or did not know the recipe yet
    return None


def commit_file(path: str, message: str, root: Path = Path()) -> str:
    """Commit one file and nothing else, and return the new commit.

    Raises:
        LineageError: git refuses, for instance because it knows no author.

    """
    try:
        _git(root, "add", "--", path)
        _git(root, "commit", "--quiet", "--message", message, "--", path)
        return _git(root, "rev-parse", "HEAD")
    except (OSError, subprocess.CalledProcessError) as error:
        with suppress(OSError, subprocess.CalledProcessError):
            _git(root, "reset", "--quiet", "--", path)
        raise LineageError(f"git did not commit {path} ({_said(error)}); correct that and try again") from error


def restore(commit: str, paths: Sequence[str], folder: Path, root: Path = Path()) -> None:
    """Put DVC's outputs of a commit below `folder`, from the cache or else from the remote.

    Raises:
        LineageError: the commit does not know an output, or neither cache nor remote has it.

    """
    api, errors = importlib.import_module("dvc.api"), importlib.import_module("dvc.exceptions")
    index = importlib.import_module("dvc_data.index")
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            files = api.DVCFileSystem(url=str(root.resolve()), rev=commit)
            files.get(path, str(target), recursive=True)
        except (errors.DvcException, index.DataIndexDirError, OSError) as error:
            raise LineageError(
                f"{path} of commit {commit[:12]} is neither in DVC's cache nor on its remote; push it with "
                "`dvc push` from a clone that has it, where that commit is checked out"
            ) from error


def ever_named(path: str, root: Path = Path()) -> set[str]:
    """Return the top-level keys that a tracked YAML file has or had in the history of this commit; none without git."""
    try:
        history = _git(root, "log", "--format=", "--patch", "--unified=0", "--", path)
    except (OSError, subprocess.CalledProcessError):
        return set()
    found = (_KEY.match(line) for line in history.splitlines())
    return {key[1].strip("'\"") for key in found if key}


def out_of_step(stages: Sequence[str], root: Path = Path()) -> list[str]:
    """Return what `dvc status` finds changed against the lock: paths and parameters, or stages that were never run.

    Raises:
        LineageError: DVC does not answer.

    """
    command = [sys.executable, "-m", "dvc", "status", "--json", *stages]
    try:
        answer = subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
        found = json.loads(answer or "{}")
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise LineageError(f"`dvc status` failed ({_said(error)}); correct that first") from error
    changed: dict[str, None] = {}
    for stage, findings in found.items():
        for finding in findings:
            if isinstance(finding, str):
                changed[f"{stage} ({finding})"] = None
                continue
            for entries in finding.values():
                changed.update(dict.fromkeys(_names(entries)))
    return list(changed)


def _names(entries: Any) -> list[str]:
    if not isinstance(entries, Mapping):
        return [str(entries)]
    return [name if isinstance(value, str) else f"{name}: {', '.join(value)}" for name, value in entries.items()]


def _said(error: Exception) -> str:
    text = error.stderr if isinstance(error, subprocess.CalledProcessError) else str(error)
    return " ".join(str(text).split())[:200]


def _git(root: Path, *arguments: str) -> str:
    command = ["git", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout.strip()
