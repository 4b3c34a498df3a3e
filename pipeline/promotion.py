"""Who is champion: `promote`, `rollback` and `registry-sync`.

python -m pipeline promote RECIPE
python -m pipeline rollback RECIPE
python -m pipeline registry-sync

The truth is `champions.yaml` in git; MLflow's alias `champion` is its projection. So a promotion is first a commit and
then an alias, and what was lost of the registry is made again from git and DVC.
"""

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pipeline.candidate import COMMIT, DIRTY, Candidate, read_candidate
from pipeline.champions import FILE, Champion, Champions
from pipeline.errors import LineageError, PromotionError
from pipeline.gate import REPORT, fetch_champion, judge
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.register import candidate_of, check_recipe
from pipeline.registry import CHALLENGER, CHAMPION, alias, drop_champions, find_model, keep
from pipeline.repository import LOCK, PARAMS, Lock, commit_file, ever_named, out_of_step, read_at, restore, uncommitted
from pipeline.store import connect
from pipeline.tracking import tracking_is_off
from pipeline.workspace import Workspace, writing

if TYPE_CHECKING:
    from mlflow import MlflowClient

_STAGES = ("prepare", "train", "export", "evaluate")
_EXPERIMENT = ("DVC_EXP_NAME", "DVC_EXP_BASELINE_REV")
_SHOWN = 5


def promote(recipe: Recipe, workspace: Workspace) -> None:
    """Make the model of `recipe` champion: judge it anew, write and commit `champions.yaml`, and move the alias.

    Raises:
        PromotionError: files are not committed, this is an experiment, DVC's lock does not describe what is here, the
            gate refuses, or the model is champion already.
        ExportError: there is no model, it is damaged, or it was made from another recipe.
        EvaluationError: the model was not scored.
        LineageError: there is no git, or it does not commit.
        TrackingError: the registry does not answer; before the commit, nothing has changed.

    """
    name = recipe.name
    if not (workspace.root / ".dvc").is_dir():
        raise PromotionError(
            f"only models of the params file beside .dvc can be found again, and '{name}' is of another; copy it there"
        )
    _check_committed(name, workspace.root)
    check_recipe(recipe, workspace)
    verdict = judge(recipe, workspace)
    if not verdict.passed:
        raise PromotionError(
            f"the gate refuses {name} ({'; '.join(verdict.objections)}); see {workspace.reports / REPORT}"
        )
    champions = Champions.read(workspace.root)
    if verdict.champion == verdict.challenger:
        raise PromotionError(f"this model of '{name}' is the champion already; train another one first")
    candidate = candidate_of(recipe, workspace, verdict)
    client = None if tracking_is_off() else connect()
    version = _registered(client, candidate)
    champion = Champion(
        model=candidate.sha256,
        commit=candidate.origin[COMMIT],
        metrics={figure: float(value) for figure, value in candidate.metrics.items()},
        reasons=verdict.reasons,
    )
    _commit(champions.promoted(name, champion), f"Promote {name} {champion.model[:12]}", workspace.root)
    if client is not None:
        alias(client, name, as_=CHAMPION, version=version)
    console.print(
        f"{name}: {_called(version)}{champion.model[:12]} is champion, as {FILE} now says in git; `dvc push` and "
        "`git push` let other clones know"
    )


def rollback(name: str, root: Path) -> None:
    """Make the champion before the last one champion again: commit that, and move the alias.

    Raises:
        PromotionError: there is none before it, or `champions.yaml` has changes that are not committed.
        LineageError: its files are nowhere, there is no git, or it does not commit.
        TrackingError: the registry does not answer; before the commit, nothing has changed.

    """
    if uncommitted(root, FILE):
        raise PromotionError(f"{FILE} has changes that are not committed; commit or restore them first")
    champions = Champions.read(root).rolled_back(name)
    champion = champions.champion(name)
    assert champion is not None
    client = None if tracking_is_off() else connect()
    version = "" if client is None else _rebuilt(client, name, champion, root)[0]
    _commit(champions, f"Roll {name} back to {champion.model[:12]}", root)
    if client is not None:
        alias(client, name, as_=CHAMPION, version=version)
    console.print(f"{name}: {_called(version)}{champion.model[:12]} is champion again, as {FILE} now says in git")


def registry_sync(root: Path) -> None:
    """Make the registry say what `champions.yaml` says; versions that it lacks are made from git and DVC.

    Raises:
        PromotionError: `champions.yaml` is damaged, or tracking is off.
        LineageError: the files of a champion are nowhere.
        TrackingError: the registry does not answer or refuses.

    """
    if tracking_is_off():
        raise PromotionError("GANVAS_TRACKING is off, so there is no registry to bring up to date; unset it")
    champions, client = Champions.read(root), connect()
    for name in champions.lines:
        versions = [_rebuilt(client, name, champion, root) for champion in champions.history(name)]
        version = versions[-1][0]
        moved = alias(client, name, as_=CHAMPION, version=version)
        made = sum(fresh for _, fresh in versions)
        told = f"{made} of {len(versions)} versions made from git and DVC" if made else "all versions were there"
        console.print(f"{name}: version {version} {'becomes' if moved else 'is'} {CHAMPION}; {told}")
    # Other repositories may have champions in this registry.
    former = ever_named(FILE, root) - champions.lines.keys()
    for name in drop_champions(client, former):
        console.print(f"{name}: no {CHAMPION} any more, because {FILE} names none")
    if not champions.lines:
        console.print(f"{FILE} names no champion; `make promote RECIPE=...` makes one")


def _check_committed(name: str, root: Path) -> None:
    """Refuse experiments, changes that are not committed, and a lock that does not describe what is here."""
    if any(os.environ.get(variable) for variable in _EXPERIMENT):
        raise PromotionError("an experiment cannot be promoted; take it over with `dvc exp apply` and commit it first")
    changed = uncommitted(root)
    if changed:
        shown = ", ".join(changed[:_SHOWN]) + (", ..." if len(changed) > _SHOWN else "")
        raise PromotionError(f"{name} cannot be promoted from uncommitted changes ({shown}); commit or undo them first")
    try:
        Lock.parse(read_at("HEAD", LOCK, root), name)
    except LineageError as error:
        raise PromotionError(
            f"the commit has no {LOCK} that knows '{name}', so its model could not be found again; run `dvc repro` and "
            f"commit {LOCK}"
        ) from error
    changed = out_of_step([f"{stage}@{name}" for stage in _STAGES], root)
    if changed:
        shown = ", ".join(changed[:_SHOWN]) + (", ..." if len(changed) > _SHOWN else "")
        raise PromotionError(f"{LOCK} does not describe what is here ({shown}); run `dvc repro` and commit {LOCK}")


def _registered(client: "MlflowClient | None", candidate: Candidate) -> str:
    if client is None:
        return ""
    version, _ = keep(client, candidate)
    alias(client, candidate.card.recipe, as_=CHALLENGER, version=version)
    return version


def _commit(champions: Champions, message: str, root: Path) -> None:
    """Write and commit `champions.yaml`; what git does not take is taken back."""
    path = root / FILE
    before = path.read_bytes() if path.exists() else None
    champions.write(root)
    try:
        commit_file(FILE, message, root)
    except LineageError:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        raise


def _rebuilt(client: "MlflowClient", name: str, champion: Champion, root: Path) -> tuple[str, bool]:
    """Return the version of a champion, and whether it had to be made from git and DVC."""
    known = find_model(client, name, champion.model)
    if known is not None:
        return str(known.version), False
    with tempfile.TemporaryDirectory() as folder:
        scratch = Workspace(name, Path(folder))
        lock_text = read_at(champion.commit, LOCK, root)
        reports = [path for path in Lock.parse(lock_text, name).outs if path.startswith(f"reports/{name}/")]
        fetch_champion(name, champion, scratch.root, root=root)
        restore(champion.commit, reports, scratch.root, root)
        params = read_at(champion.commit, PARAMS, root)
        (scratch.root / LOCK).write_text(lock_text, encoding="utf-8")
        (scratch.root / PARAMS).write_text(params, encoding="utf-8")
        report = {"passed": True, "challenger": champion.model, "reasons": champion.reasons}
        with writing(scratch.reports / REPORT) as file:
            file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        candidate = read_candidate(
            scratch,
            settings=yaml.safe_load(params)["recipes"][name],
            revision={COMMIT: champion.commit, DIRTY: "false"},
            reasons=champion.reasons,
            passed=True,
        )
        return keep(client, candidate)[0], True


def _called(version: str) -> str:
    return f"version {version}, " if version else ""
