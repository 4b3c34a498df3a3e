"""A model as the registry gets to know it: its file, card and figures, and the tags that say where it comes from."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from demo.card import ModelCard
from demo.errors import ModelError
from demo.modelfile import ModelFile
from pipeline.errors import EvaluationError, ExportError, LineageError
from pipeline.gate import flatten
from pipeline.repository import LOCK, PARAMS, Lock
from pipeline.tracking import lineage_tags
from pipeline.workspace import Workspace

SHA256 = "ganvas.model_sha256"
COMMIT = "mlflow.source.git.commit"
DIRTY = "ganvas.dirty"
LOCK_DIGEST = "ganvas.lock_digest"
GATE = "ganvas.gate"
EXPERIMENT = "ganvas.experiment"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model below a workspace.

    `identity` are the tags that tell it from others, `origin` those that say where it comes from and what became of it,
    which may change; `settings` is the recipe as sections of names and values, `reasons` what the gate said.
    """

    workspace: Workspace
    card: ModelCard
    sha256: str
    metrics: Mapping[str, float]
    settings: Mapping[str, Any]
    reasons: Sequence[str]
    identity: Mapping[str, str]
    origin: Mapping[str, str]

    @property
    def files(self) -> list[Path]:
        """The graphs, the main one and its companions."""
        return sorted(self.workspace.model.parent.glob("*.onnx"))

    @property
    def attachments(self) -> list[Path]:
        """What is kept beside the reports, where it is there."""
        return [path for path in (self.workspace.root / LOCK, self.workspace.root / PARAMS) if path.exists()]


def read_candidate(
    workspace: Workspace,
    *,
    settings: Mapping[str, Any],
    revision: Mapping[str, str],
    reasons: Sequence[str],
    passed: bool,
) -> Candidate:
    """Return the model of a workspace; `revision` are the tags of its commit.

    Raises:
        ExportError: there is no model file, or it is damaged.
        EvaluationError: the model was not scored.

    """
    name = workspace.recipe
    try:
        file = ModelFile.read(workspace.model)
    except ModelError as error:
        raise ExportError(str(error)) from error
    report = workspace.reports / "metrics.json"
    try:
        content = report.read_bytes()
        metrics = dict(flatten(json.loads(content)))
    except (OSError, ValueError, AttributeError) as error:
        raise EvaluationError(f"{report} cannot be read; run `python -m pipeline evaluate {name}`") from error
    made = file.card.provenance
    identity = {
        **lineage_tags(name, recipe_digest=str(made["recipe_digest"]), data_digest=str(made["data_md5"])),
        SHA256: file.sha256,
        "ganvas.model_md5": hashlib.md5(file.content, usedforsecurity=False).hexdigest(),
        "ganvas.metrics_sha256": hashlib.sha256(content).hexdigest(),
    }
    experiment = os.environ.get("DVC_EXP_NAME", "")
    origin = {
        **revision,
        **_lock_tags(workspace),
        GATE: "passed" if passed else "refused",
        **({EXPERIMENT: experiment} if experiment else {}),
    }
    return Candidate(workspace, file.card, file.sha256, metrics, settings, reasons, identity, origin)


def _lock_tags(workspace: Workspace) -> dict[str, str]:
    """Return what DVC calls the data and the model; nothing for what was made without DVC."""
    try:
        lock = Lock.parse((workspace.root / LOCK).read_text(encoding="utf-8"), workspace.recipe)
    except (OSError, LineageError):
        return {}
    name = workspace.recipe
    named = {"ganvas.dvc_data": lock.outs.get(f"data/{name}", ""), "ganvas.dvc_model": lock.outs[f"models/{name}"]}
    return {LOCK_DIGEST: lock.digest, **named}
