"""Command: all recipes of a params file -> one table that ranks their registered models, and one sheet of pictures.

python -m pipeline compare [--params FILE] [--out FILE]
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from demo.card import ModelCard, Task
from demo.engine import Model
from demo.errors import ModelError
from pipeline.candidate import SHA256
from pipeline.errors import StorageError, TrackingError
from pipeline.features import EXTRACTORS
from pipeline.gathering import draw_samples
from pipeline.pictures import Uint8, contact_sheet
from pipeline.progress import console
from pipeline.recipe import read_names
from pipeline.registry import CHALLENGER
from pipeline.store import connect, reporting
from pipeline.tracking import SECONDS, tracking_is_off
from pipeline.workspace import Workspace, writing

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SHOWN = 12
"""Pictures of each model on the sheet, of the seeds 0 to 11."""
_HEADS = ("bound, nats", "reconstruction error", "size, kB", "training, min", "one picture, ms", "what it is")
SIDE = 64
"""Pixels a side that all pictures are brought to."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Which figure of a report ranks the models of a task, which says how diverse they are, and how both are called."""

    quality: tuple[str, ...]
    quality_name: str
    lower_is_better: bool
    diversity: tuple[str, ...]
    diversity_name: str


JUDGEMENTS: Mapping[Task, Judgement] = {
    "sample": Judgement(
        quality=("frechet", "distance"),
        quality_name="Fréchet distance, lower is better",
        lower_is_better=True,
        diversity=("precision_recall", "recall"),
        diversity_name="recall",
    ),
    "translate": Judgement(
        quality=("realism", "distance"),
        quality_name="kernel distance to what is wanted, lower is better",
        lower_is_better=True,
        diversity=("precision_recall", "recall"),
        diversity_name="recall",
    ),
}


@dataclass(frozen=True, slots=True)
class Row:
    """What the registry knows of a recipe's challenger; None where a report lacks a figure.

    `sha256` is the digest of its main graph, so that a page can tell whether the row is about the file that it serves.
    `translation` is what a model of the task `translate` does, `data` names the source of the pictures that it learnt
    from and was scored on, `extractor` the feature space that the quality was measured in: those of two cannot be
    compared.
    `kilobytes` is the size of its graphs together, `minutes` what its training took without its pauses, `milliseconds`
    the median time of one picture. `bound` is the importance-weighted one, in nats, `error` the mean square of
    reconstruction.
    """

    recipe: str
    version: int
    sha256: str
    task: Task
    translation: str
    data: str
    extractor: str
    quality: float | None
    diversity: float | None
    bound: float | None
    error: float | None
    kilobytes: float | None
    minutes: float | None
    milliseconds: float | None
    description: str


def compare(params: Path, out: Path) -> None:
    """Write `out` in Markdown, and beside it the same rows as JSON and a sheet of all sampling models as PNG.

    Raises:
        RecipeError: the params file is wrong.
        StorageError: `out` is no name for the table, or it cannot be written.
        TrackingError: tracking is off, the registry does not answer, or knows none of the recipes.

    """
    if out.suffix != ".md":
        raise StorageError(f"{out} is no name for the table, which is Markdown; name a file that ends in .md")
    if tracking_is_off():
        raise TrackingError("GANVAS_TRACKING is off, so there is no registry to compare models of; unset it")
    client = connect()
    names = read_names(params)
    rows = [row for name in names if (row := _read_row(client, name)) is not None]
    if not rows:
        raise TrackingError(
            f"no model of {params} is registered; run `dvc repro` there, or `python -m pipeline register RECIPE`"
        )
    ranked = rank(rows)
    missing = [name for name in names if name not in {row.recipe for row in rows}]
    with writing(out) as scratch:
        scratch.write_text(markdown(ranked, missing=missing), encoding="utf-8")
    with writing(out.with_suffix(".json")) as scratch:
        table = [asdict(row) for row in ranked]
        scratch.write_text(json.dumps(table, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    _write_sheet([row for row in ranked if row.task == "sample"], params, out.with_suffix(".png"))
    console.print(f"{out}: {len(rows)} models ranked, {len(missing)} not registered")


def rank(rows: Sequence[Row]) -> list[Row]:
    """Return the rows contest by contest, the best quality first, those without a figure last."""

    def key(row: Row) -> tuple[tuple[str, ...], bool, float, str]:
        judgement = JUDGEMENTS.get(row.task)
        quality = row.quality or 0.0
        return (
            _contest(row),
            row.quality is None,
            quality if judgement and judgement.lower_is_better else -quality,
            row.recipe,
        )

    return sorted(rows, key=key)


def _contest(row: Row) -> tuple[str, ...]:
    """Return what rows have in common whose qualities can be compared."""
    return row.task, row.translation, row.data, row.extractor


def markdown(rows: Sequence[Row], *, missing: Sequence[str]) -> str:
    """Return ranked rows as a table for each contest, and the names of what is `missing`."""
    lines = ["# Models compared", "", "Made from the registry by `python -m pipeline compare`; not to be edited.", ""]
    for _, group in groupby(rows, key=_contest):
        ranked = list(group)
        first = ranked[0]
        judgement = JUDGEMENTS.get(first.task)
        named = [judgement.quality_name, judgement.diversity_name] if judgement else ["quality", "diversity"]
        heads = ["", "recipe", *named, *_HEADS]
        lines += [
            f"## {first.translation or first.task}, {first.data}, measured with {first.extractor or 'nothing'}",
            "",
            f"| {' | '.join(heads)} |",
            "|---" * len(heads) + "|",
        ]
        lines += [
            f"| {place} | `{row.recipe}` | {_said(row.quality)} | {_said(row.diversity)} | {_said(row.bound)} | "
            f"{_said(row.error)} | {_said(row.kilobytes)} | {_said(row.minutes)} | {_said(row.milliseconds)} | "
            f"{_cell(row.description)} |"
            for place, row in enumerate(ranked, 1)
        ]
        lines.append("")
    if missing:
        lines += [f"Not registered: {', '.join(f'`{name}`' for name in missing)}.", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Return a text as a cell of a table: one line, whose bars do not end the cell."""
    return " ".join(text.split()).replace("|", r"\|")


def _said(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3g}" if abs(figure) < 1000 else f"{figure:,.0f}"


def _read_row(client: "MlflowClient", name: str) -> Row | None:
    """Return the row of a recipe's challenger, None where there is none."""
    try:
        with reporting():
            version = client.get_model_version_by_alias(name, CHALLENGER)
    except TrackingError as error:
        if getattr(error.__cause__, "error_code", "") in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
            return None
        raise
    with reporting(), tempfile.TemporaryDirectory() as folder:
        kept = {file.path for file in client.list_artifacts(version.run_id, "reports")}

        def report(file: str) -> Any:
            if f"reports/{file}" not in kept:
                return {}
            path = client.download_artifacts(version.run_id, f"reports/{file}", folder)
            return json.loads(Path(path).read_text(encoding="utf-8"))

        metrics, latency, export = (report(file) for file in ("metrics.json", "latency.json", "export.json"))
        card = ModelCard.from_json(Path(client.download_artifacts(version.run_id, "card.json", folder)).read_text())
        minutes = _minutes(client, version)
    judgement = JUDGEMENTS.get(card.task)
    extractor = str(metrics.get("extractor", {}).get("name", ""))
    published = EXTRACTORS[extractor].published_names if extractor in EXTRACTORS else {}
    timed = next((entry for entry in latency.values() if isinstance(entry, dict)), {})
    return Row(
        recipe=name,
        version=int(version.version),
        sha256=str(version.tags.get(SHA256, "")),
        task=card.task,
        translation=card.translation,
        data=str(card.provenance.get("data", "")),
        extractor=extractor,
        quality=_figure(metrics, [published.get(key, key) for key in judgement.quality]) if judgement else None,
        diversity=_figure(metrics, judgement.diversity) if judgement else None,
        bound=_figure(metrics, ("bound", "importance_weighted")),
        error=_figure(metrics, ("reconstruction", "error")),
        kilobytes=round(export["bytes"] / 1000, 1) if "bytes" in export else None,
        minutes=minutes,
        milliseconds=_figure(timed, ("median_ms",)),
        description=card.description,
    )


def _minutes(client: "MlflowClient", version: "ModelVersion") -> float | None:
    """Return how long the training took that a version's run descends from."""
    parent = client.get_run(version.run_id).data.tags.get("mlflow.parentRunId")
    if parent is None:
        return None
    run = client.get_run(parent)
    seconds = run.data.tags.get(SECONDS, (run.info.end_time - run.info.start_time) / 1000)  # older runs have no tag
    return round(float(seconds) / 60, 2)


def _figure(report: Any, path: Sequence[str]) -> float | None:
    found = report
    for key in path:
        found = found.get(key, {})
    return None if found == {} else float(found)


def _write_sheet(table: Sequence[Row], params: Path, path: Path) -> None:
    """Draw a row of pictures of every sampling model whose very file is there, from the same seeds."""
    rows, names = [], []
    for row in table:
        try:
            model = Model.open(Workspace(row.recipe, params.parent).model)
        except ModelError:
            continue
        if model.sha256 != row.sha256:
            continue
        labels = np.arange(SHOWN) % max(1, len(model.card.choices))
        rows.append(_square(draw_samples(model, range(SHOWN), labels)))
        names.append(row.recipe)
    if rows:
        sheet = contact_sheet(np.concatenate(rows), columns=SHOWN, title="The same seeds, every model", rows=names)
        with writing(path) as scratch:
            sheet.save(scratch)


def _square(pictures: Uint8) -> Uint8:
    """Return pictures (N, C, S, S) as (N, 3, 64, 64), each pixel repeated or skipped."""
    places = np.arange(SIDE) * pictures.shape[2] // SIDE
    chosen = pictures[:, :, places][:, :, :, places]
    return np.broadcast_to(chosen, (len(chosen), 3, SIDE, SIDE))
