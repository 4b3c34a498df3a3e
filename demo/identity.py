"""Who a model is, in figures that people ask for: its name, version, digest, date and measured quality."""

import datetime as dt
from typing import Any

from demo.catalog import Catalog
from demo.engine import Model


def identify(model: Model) -> dict[str, Any]:
    """Return what the page shows of a model, as JSON.

    A card's provenance may tell `version`, `alias`, `date` and `metrics`, numbers by name; where it does not, the
    version and the alias are null, the date is that of the file, and there are no metrics.
    """
    card, told = model.card, model.card.provenance
    metrics = told.get("metrics")
    return {
        "name": card.recipe,
        "task": card.task,
        "description": card.description,
        "size": card.size,
        "channels": card.channels,
        "choices": [choice.name for choice in card.choices],
        "strengths": list(card.strengths),
        "sha256": model.sha256,
        "provider": model.provider,
        "version": told.get("version"),
        "alias": told.get("alias"),
        "date": told.get("date") or _file_date(model),
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
