"""Whether a model may become champion: absolute checks, and a contest with the champion that there is.

Thresholds are `recipes.RECIPE.gate` in params.yaml; the verdict and all its reasons go to `reports/RECIPE/gate.json`.
"""

import json
import math
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from demo.engine import Model
from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.champions import Champion, Champions
from pipeline.contest import Outcome, contest
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError, LineageError
from pipeline.recipe import Gate, Recipe
from pipeline.repository import restore
from pipeline.workspace import Workspace, writing

REPORT = "gate.json"
_MEGABYTE = 1e6


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, and the sentence that says what was found."""

    name: str
    passed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a model, named by its digest, beside the champion's."""

    challenger: str
    champion: str | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def reasons(self) -> list[str]:
        """All that was found, one sentence each."""
        return [f"{'passed' if check.passed else 'refused'}: {check.reason}" for check in self.checks]

    @property
    def objections(self) -> list[str]:
        """What speaks against the model."""
        return [check.reason for check in self.checks if not check.passed]


def judge(recipe: Recipe, workspace: Workspace) -> Verdict:
    """Judge the model in the workspace and write the verdict into its reports.

    Raises:
        EvaluationError: the model or its reports are missing or damaged.
        PromotionError: `champions.yaml` is damaged.
        DataError: there is a champion, but no prepared data to compare on.
        StorageError: the verdict cannot be written.

    """
    try:
        challenger = ModelFile.read(workspace.model).sha256
    except ModelError as error:
        raise EvaluationError(str(error)) from error
    if _read_report(recipe, workspace, "metrics").get("model") != challenger:
        raise EvaluationError(
            f"{workspace.reports / 'metrics.json'} is about another model than {workspace.model}; run "
            f"`python -m pipeline evaluate {recipe.name}`"
        )
    champion = Champions.read(workspace.root).champion(recipe.name)
    checks = [*_own_checks(recipe, workspace), _challenge(recipe, workspace, challenger=challenger, champion=champion)]
    verdict = Verdict(challenger, champion.model if champion else None, tuple(checks))
    report = {"passed": verdict.passed, **asdict(verdict), "thresholds": recipe.gate.model_dump(mode="json")}
    with writing(workspace.reports / REPORT) as scratch:
        scratch.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return verdict


def _own_checks(recipe: Recipe, workspace: Workspace) -> list[Check]:
    gate = recipe.gate
    metrics, export, latency = (_read_report(recipe, workspace, name) for name in ("metrics", "export", "latency"))
    figures = dict(flatten(metrics))
    unknown = [name for name, value in figures.items() if not math.isfinite(value)]
    size = sum(path.stat().st_size for path in workspace.model.parent.glob("*.onnx")) / _MEGABYTE
    slowest = max((float(entry["median_ms"]) for entry in latency.values() if isinstance(entry, Mapping)), default=0.0)
    checks = [
        Check("finite", not unknown, f"not finite: {', '.join(unknown)}" if unknown else "all figures are finite"),
        _bounded("parity", "difference of ONNX to torch", float(export["largest_difference"]), most=gate.parity),
        _bounded("latency", "slowest median in ms", slowest, most=gate.latency),
        _bounded("size", "size in MB", size, most=gate.size),
    ]
    return checks + [bound(figures[name], gate) for name, bound in _GUARDS.items() if name in figures]


_GUARDS: dict[str, Callable[[float, Gate], Check]] = {
    "memorisation.copies": lambda value, gate: _bounded("memorisation", "share of copies", value, most=gate.copies),
    "precision_recall.recall": lambda value, gate: _bounded("diversity", "recall", value, least=gate.recall),
    "label_agreement.class_coverage": lambda value, gate: _bounded(
        "classes", "class coverage", value, least=gate.coverage
    ),
    "content_preservation.edge_f1": lambda value, gate: _bounded("content", "kept edges", value, least=gate.edges),
    "diversity.relative": lambda value, gate: _bounded("diversity", "variety of noise", value, least=gate.variety),
}


def _bounded(name: str, what: str, value: float, *, most: float = math.inf, least: float = -math.inf) -> Check:
    passed = least <= value <= most
    limit = f"at most {most:g}" if most < math.inf else f"at least {least:g}"
    return Check(name, passed, f"{what} {value:.4g}, {'' if passed else 'but '}{limit} is allowed")


def _challenge(recipe: Recipe, workspace: Workspace, *, challenger: str, champion: Champion | None) -> Check:
    if champion is None:
        return Check("champion", passed=True, reason="there is no champion yet")
    if champion.model == challenger:
        return Check("champion", passed=True, reason="this model is the champion")
    try:
        with tempfile.TemporaryDirectory() as folder:
            other = fetch_champion(recipe.name, champion, Path(folder), root=workspace.root)
            outcome = contest(Model.open(workspace.model), Model.open(other), Dataset.open(workspace.prepared), recipe)
    except (EvaluationError, LineageError, ModelError) as error:
        return Check("champion", passed=False, reason=f"not comparable with the champion: {error}")
    return _margin(outcome, recipe.gate.margin)


def _margin(outcome: Outcome, margin: float) -> Check:
    wanted = margin * abs(outcome.champion)  # an unbiased kernel distance may lie below 0
    passed = outcome.low > wanted
    found = (
        f"{outcome.score} {outcome.challenger:.4g} against the champion's {outcome.champion:.4g}, lower by "
        f"{outcome.champion - outcome.challenger:.3g} (90 % interval {outcome.low:.3g} to {outcome.high:.3g})"
    )
    return Check("champion", passed, found if passed else f"{found}, but all of it must exceed {wanted:.3g}")


def fetch_champion(name: str, champion: Champion, folder: Path, *, root: Path) -> Path:
    """Put the files of a champion below `folder`, and return the path of the main one.

    Raises:
        LineageError: its commit, or the files of it, are not here, or they are not those that were promoted.

    """
    place = Workspace(name, folder)
    restore(champion.commit, [f"models/{name}"], folder, root)
    try:
        found = ModelFile.read(place.model).sha256
    except ModelError as error:
        raise LineageError(str(error)) from error
    if found != champion.model:
        raise LineageError(
            f"the model of '{name}' at commit {champion.commit[:12]} has the digest {found[:12]}, but champions.yaml "
            f"says {champion.model[:12]}; restore champions.yaml with git"
        )
    return place.model


def flatten(content: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float]]:
    """Return the numbers of nested mappings under dotted names; texts and lists are left to the report."""
    figures: list[tuple[str, float]] = []
    for name, value in content.items():
        if isinstance(value, Mapping):
            figures += flatten(value, f"{prefix}{name}.")
        elif isinstance(value, int | float):
            figures.append((f"{prefix}{name}", float(value)))
    return figures


def _read_report(recipe: Recipe, workspace: Workspace, name: str) -> dict[str, Any]:
    path = workspace.reports / f"{name}.json"
    stage = "export" if name == "export" else "evaluate"
    try:
        report = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise EvaluationError(f"{path} cannot be read; run `python -m pipeline {stage} {recipe.name}`") from error
    if not isinstance(report, dict) or (name == "export" and "largest_difference" not in report):
        raise EvaluationError(f"{path} is no report; run `python -m pipeline {stage} {recipe.name}`")
    return report
