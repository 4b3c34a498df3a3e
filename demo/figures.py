"""Where a model stands and how good it is: what a registry said of it, or the report that scored this very file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from demo.arguments import is_number
from demo.card import Task

NOTE = "version.json"
"""File beside a model that says what its registry, or whoever ships it, knows of it."""

HEADLINES: Mapping[Task, tuple[str, ...]] = {
    "sample": (
        *("frechet.distance", "fid.distance", "precision_recall.precision", "precision_recall.recall"),
        *("bound.importance_weighted", "reconstruction.error"),
    ),
    "stylize": ("style_recognition.recognised", "content_preservation.ssim", "style_similarity.relative_distance"),
    "translate": ("realism.distance", "realism.distance_baseline", "fidelity.psnr", "fidelity.psnr_baseline"),
}
"""The figures that people ask for first, of the many that an evaluation measures."""

_MAX_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Standing:
    """A model's version and alias in a registry and its date there, None where there is none; its headline figures.

    `first` is the style that the page begins with, "" where nobody chose one.
    """

    version: str | None = None
    alias: str | None = None
    date: str | None = None
    first: str = ""
    metrics: Mapping[str, float] = field(default_factory=dict)


def read_standing(folder: Path, *, sha256: str, task: Task) -> Standing:
    """Return the standing of the model in `folder`, whose main graph has the digest `sha256`.

    The note beside it comes first, then the report of its evaluation, `../../reports/<name>/metrics.json`. What is
    damaged, or is about a file of another digest, says nothing of this model.
    """
    note = _read(folder / NOTE)
    if note.get("sha256") == sha256:
        texts = {name: str(note[name]) for name in ("version", "alias", "date") if note.get(name) is not None}
        return Standing(**texts, first=str(note.get("first", "")), metrics=headlines(note.get("metrics"), task))
    report = _read(folder.parent.parent / "reports" / folder.name / "metrics.json")
    return Standing(metrics=headlines(report, task) if report.get("model") == sha256 else {})


def headlines(told: object, task: Task) -> dict[str, float]:
    """Return the headline figures of a report, nested or under dotted names."""
    found = {name: _look_up(told, name) for name in HEADLINES.get(task, ())}
    return {name: value for name, value in found.items() if value is not None}


def _look_up(told: object, name: str) -> float | None:
    if not isinstance(told, dict):
        return None
    value = told.get(name)
    group, _, rest = name.partition(".")
    if value is None and rest:
        return _look_up(told.get(group), rest)
    return float(value) if is_number(value) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        told = json.loads(path.read_bytes()[:_MAX_BYTES])
    except (OSError, ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}
