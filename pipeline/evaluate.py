"""Stage: exported model -> figures, curves and pictures of how good it is.

python -m pipeline evaluate RECIPE

What is scored is the file that will be served, run by the engine that will serve it; torch's modules are not asked.
"""

import csv
import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from demo.codes import encodes
from demo.engine import Model
from demo.errors import ModelError
from demo.tiling import paint_array
from pipeline.coding import gather_coding
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError
from pipeline.features.random_bank import SEED
from pipeline.gathering import gather_sampling, gather_stylization, samples_sheet, sampling_feeds, steps_sheet
from pipeline.latency import measure_latency
from pipeline.metrics import METRICS
from pipeline.metrics.evidence import (
    CodingMetric,
    Result,
    SamplingMetric,
    StylizationMetric,
    Table,
    TranslationMetric,
)
from pipeline.progress import console
from pipeline.recipe import Recipe
from pipeline.translations import gather_translation, translations_sheet, verdict
from pipeline.traversal import traversal_sheet
from pipeline.workspace import Workspace, writing

_DIGITS = 5
_TILE = 256


def evaluate(recipe: Recipe, workspace: Workspace) -> None:
    """Write `metrics.json` (on the CPU equal for equal models), `latency.json` and the folder `evaluation`.

    `metrics.json` names the digest of the model, so that whoever shows its figures can tell whose they are.

    Raises:
        DataError: the prepared data are missing or damaged.
        EvaluationError: the model is missing, damaged, made from another recipe or other data, or makes numbers that
            are not finite; or there are too few pictures to compare it with.
        StorageError: the reports cannot be written.

    """
    dataset = Dataset.open(workspace.prepared)
    try:
        model = Model.open(workspace.model)
        made = model.card.provenance
        if (made.get("recipe_digest"), made.get("data_md5")) != (recipe.digest, dataset.digest):
            raise EvaluationError(
                f"{workspace.model} was made from another recipe or other data than are here now; run `python -m "
                f"pipeline export {recipe.name}`"
            )
        facts, results = _SCORES[model.card.task](model, dataset, recipe)
        latency = measure_latency(model, workspace.model)
    except ModelError as error:
        raise EvaluationError(str(error)) from error
    figures = {name: _rounded(result.scores) for name, result in results.items() if result.scores}
    with writing(workspace.reports / "evaluation") as folder:
        folder.mkdir()
        for result in results.values():
            for name, table in result.tables.items():
                _write_table(folder / f"{name}.csv", table)
            for name, sheet in result.sheets.items():
                sheet.save(folder / f"{name}.png")
    for name, report in (("metrics", {"model": model.sha256} | facts | figures), ("latency", latency)):
        with writing(workspace.reports / f"{name}.json") as scratch:
            scratch.write_text(json.dumps(report, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    for name, scores in figures.items():
        console.print(f"{name}: " + ", ".join(f"{key} {value:g}" for key, value in scores.items()))
    console.print(f"{workspace.reports}: figures in metrics.json and latency.json, pictures in evaluation")


def _score_sampling(model: Model, dataset: Dataset, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Result]]:
    extractor = recipe.evaluate.extractor
    space = extractor.open(dataset)
    evidence = gather_sampling(model, dataset, recipe, space)
    metrics = {name: metric for name, metric in METRICS.items() if issubclass(metric, SamplingMetric)}
    results = {
        extractor.published_names.get(name, name): metric().compute(evidence) for name, metric in metrics.items()
    }
    results["samples"] = Result(sheets={"samples": samples_sheet(model, recipe)})
    if any(port.name == "steps" for port in model.card.outputs):
        results["steps"] = Result(sheets={"steps": steps_sheet(model, recipe)})
    if encodes(model.card):
        coding = gather_coding(model, dataset, recipe)
        codings = {name: metric for name, metric in METRICS.items() if issubclass(metric, CodingMetric)}
        results |= {name: metric().compute(coding) for name, metric in codings.items()}
    if model.card.directions:
        feeds = sampling_feeds(model.card, [recipe.evaluate.seed], np.zeros(1, np.int64))
        results["directions"] = Result(sheets={"directions": traversal_sheet(model, feeds)})
    facts = {
        "extractor": {**space.facts, "features": evidence.generated.features.shape[1]},
        "pictures": {
            "training": len(evidence.training),
            "validation": len(evidence.validation),
            "generated": len(evidence.generated),
        },
    }
    return facts, results


def _score_stylization(model: Model, dataset: Dataset, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Result]]:
    space = recipe.evaluate.extractor.open(dataset)
    evidence = gather_stylization(model, dataset, recipe, space, paint_tiled=partial(paint_array, tile=_TILE))
    metrics = {name: metric for name, metric in METRICS.items() if issubclass(metric, StylizationMetric)}
    results = {name: metric().compute(evidence) for name, metric in metrics.items()}
    facts = {
        "extractor": {**space.facts, "features": evidence.results.features.shape[1]},
        "bank": {"name": "random-bank-gram", "version": 1, "seed": SEED},
        "pictures": {"photographs": len(evidence.photographs), "styles": len(evidence.styles)},
    }
    return facts, results


def _score_translation(model: Model, dataset: Dataset, recipe: Recipe) -> tuple[dict[str, Any], dict[str, Result]]:
    space = recipe.evaluate.extractor.open(dataset)
    evidence = gather_translation(model, dataset, recipe, space)
    metrics = {name: metric for name, metric in METRICS.items() if issubclass(metric, TranslationMetric)}
    results = {name: metric().compute(evidence) for name, metric in metrics.items()}
    results["pictures"] = Result(sheets={"translations": translations_sheet(evidence, recipe)})
    found = verdict(evidence.baseline, metrics, results)
    console.print(f"{recipe.name}: {found['sentence']}")
    facts = {
        "extractor": {**space.facts, "features": evidence.wanted_features.shape[1]},
        "pictures": {"translated": len(evidence.results), "wanted": len(evidence.wanted_features)},
        "verdict": found,
    }
    return facts, results


_SCORES = {"sample": _score_sampling, "stylize": _score_stylization, "translate": _score_translation}


def _rounded(scores: Mapping[str, float]) -> dict[str, float]:
    """Return the scores with as many digits as mean something; counts stay whole numbers."""
    return {name: score if isinstance(score, int) else float(f"{score:.{_DIGITS}g}") for name, score in scores.items()}


def _write_table(path: Path, table: Table) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(table[0]), lineterminator="\n")
        writer.writeheader()
        for row in table:
            cells = {key: f"{cell:.{_DIGITS}g}" if isinstance(cell, float) else cell for key, cell in row.items()}
            writer.writerow(cells)
