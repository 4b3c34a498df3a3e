"""Who a model is, in figures that people ask for: its name, version, digest, date and measured quality."""

import datetime as dt
from typing import Any

from demo.catalog import Catalog
from demo.codes import encodes
from demo.engine import Model
from demo.figures import read_standing
from demo.sampling import draws_steps


def identify(model: Model) -> dict[str, Any]:
    """Return what the page shows of a model, as JSON.

    Version, alias, date and metrics are those that its registry or its report tells of this very file, else those of
    its card's provenance. Where neither tells, the version and the alias are null, the date is that of the file, and
    there are no metrics.
    """
    card, told = model.card, model.card.provenance
    standing = read_standing(model.folder, sha256=model.sha256, task=card.task)
    metrics = standing.metrics or told.get("metrics")
    return {
        "name": model.folder.name,
        "task": card.task,
        "translation": card.translation,
        "description": card.description,
        "size": card.size,
        "channels": card.channels,
        "choices": [choice.name for choice in card.choices],
        "strengths": list(card.strengths),
        "encodes": card.task == "sample" and encodes(card),
        "steps": draws_steps(card),
        "sha256": model.sha256,
        "provider": model.provider,
        "version": standing.version or told.get("version"),
        "alias": standing.alias or told.get("alias"),
        "date": standing.date or told.get("date") or _file_date(model),
        "metrics": {str(name): value for name, value in metrics.items()} if isinstance(metrics, dict) else {},
        "provenance": {name: value for name, value in told.items() if isinstance(value, str | int | float)},
    }


def identify_all(catalog: Catalog) -> list[dict[str, Any]]:
    """Return what the page shows of every model that serves, in the catalogue's order."""
    return [identify(entry.model) for entry in catalog.entries() if entry.model]


def _file_date(model: Model) -> str | None:
    try:
        written = (model.folder / "model.onnx").stat().st_mtime
    except FileNotFoundError:  # taken away since it was opened, and still served
        return None
    return dt.datetime.fromtimestamp(written, dt.UTC).date().isoformat()
