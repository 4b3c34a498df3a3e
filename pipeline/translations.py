"""What an exported translation model is scored on: held-back pictures that were taken apart and put together again."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import PIL.Image
import torch

from demo.card import ModelCard, Port
from demo.composition import BASELINES, compose, plain
from demo.engine import Model
from pipeline.contracts import PHOTOGRAPH, Pair, Translating
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError
from pipeline.features.extractor import FeatureSpace
from pipeline.metrics.evidence import Float32, Int64, Result, TranslationEvidence, TranslationMetric
from pipeline.pictures import contact_sheet, from_uint8, to_uint8
from pipeline.progress import tracked
from pipeline.recipe import Recipe

_BATCH = 16
_SHOWN = 8
_SIDE = 128
"""Of the pictures on the sheet: detail is what translations are compared by."""
_FEWEST = 2


def gather_translation(model: Model, dataset: Dataset, recipe: Recipe, space: FeatureSpace) -> TranslationEvidence:
    """Translate at most `evaluate.samples` held-back pictures, spread evenly over the data, and measure them.

    What is drawn to take them apart follows from `evaluate.seed`. Without pairs the held-back photographs are
    translated, and the held-back pictures of all other classes are what is wanted.

    Raises:
        EvaluationError: the model was made for other data, or there are too few pictures.
        ModelError: the model fails.

    """
    card = model.card
    sources, wanted = _places(dataset, recipe)
    _check(card, dataset, recipe, found=min(len(sources), len(wanted)))
    pictures = dataset.images[sources]
    feeds = _pairs(card, dataset, recipe, sources) if card.translation != "unpaired" else {}
    feeds = feeds or {card.inputs[0].name: from_uint8(pictures)}
    given, guide = feeds[card.inputs[0].name], feeds[card.inputs[1].name] if len(card.inputs) > 1 else None
    starts = range(0, len(sources), _BATCH)
    painted = np.concatenate(
        [
            model.run({name: array[start : start + _BATCH] for name, array in feeds.items()})
            for start in tracked(starts, total=len(starts), description=f"{card.recipe}: translating, batches")
        ]
    )
    results = compose(card.translation, painted, given=given, guide=guide)
    without = plain(card.translation, given=given, guide=guide)
    measured = [space(side, what=f"{card.recipe}: measuring pictures") for side in (results, without)]
    names = [choice.name for choice in card.choices]
    return TranslationEvidence(
        baseline=BASELINES[card.translation],
        given=np.broadcast_to(to_uint8(_shown(recipe, given, guide)), results.shape),
        results=results,
        plain=without,
        truths=None if card.translation == "unpaired" else pictures,
        choices=tuple(names[place] for place in guide.argmax(axis=1))
        if names and guide is not None
        else ("",) * len(results),
        result_features=measured[0],
        plain_features=measured[1],
        wanted_features=space(dataset.images, wanted),
    )


def verdict(
    baseline: str, metrics: Mapping[str, type[TranslationMetric]], results: Mapping[str, Result]
) -> dict[str, Any]:
    """Return whether a model `beats_baseline`, which it does if no score is worse, and the sentence that says so."""
    better: list[str] = []
    worse: list[str] = []
    for metric, kind in metrics.items():
        scores = results[metric].scores
        for name in (*kind.higher, *kind.lower):
            if name in scores:
                own, other = scores[name], scores[f"{name}_baseline"]
                won = own > other if name in kind.higher else own < other
                (better if won else worse).append(f"{name} {own:.4g} against {other:.4g}")
    sentences = [
        *([f"better than {baseline} in {', '.join(better)}"] if better else []),
        *([f"NOT better than {baseline} in {', '.join(worse)}"] if worse else []),
    ]
    return {"baseline": baseline, "beats_baseline": not worse, "sentence": "; ".join(sentences)}


def translations_sheet(evidence: TranslationEvidence, recipe: Recipe) -> PIL.Image.Image:
    """Return a sheet to look at: a row for each of some pictures, with what was given, made and wanted."""
    shown = np.linspace(0, len(evidence.results) - 1, min(_SHOWN, len(evidence.results))).astype(np.int64)
    columns = {"given": evidence.given, recipe.name: evidence.results, evidence.baseline: evidence.plain}
    if evidence.truths is not None:
        columns["truth"] = evidence.truths
    cells = np.stack([side[shown] for side in columns.values()], axis=1)
    return contact_sheet(
        cells.reshape(-1, *cells.shape[2:]),
        columns=len(columns),
        title=f"{recipe.name}, beside {evidence.baseline}",
        headings=list(columns),
        rows=[evidence.choices[place] for place in shown] if len(set(evidence.choices)) > 1 else (),
        smallest=_SIDE,
    )


def translation_feeds(card: ModelCard, side: int, *, random: np.random.Generator) -> dict[str, Float32]:
    """Return typical inputs of a translation model for one picture of `side` pixels."""
    return {port.name: _typical(port, side, random) for port in card.inputs}


def _typical(port: Port, side: int, random: np.random.Generator) -> Float32:
    if port.kind == "weights":
        return np.eye(int(port.shape[1]), dtype=np.float32)[:1]
    if port.kind != "picture":
        return np.zeros((1, int(port.shape[1]), side, side), np.float32)
    return random.uniform(-1, 1, (1, int(port.shape[1]), side, side)).astype(np.float32)


def _places(dataset: Dataset, recipe: Recipe) -> tuple[Int64, Int64]:
    """Return where the pictures lie that are translated, and those that are wanted."""
    held_back = dataset.validation
    sides = [held_back, held_back]
    if not isinstance(recipe.network, Translating):
        photographs = [place for place, name in enumerate(dataset.image.classes) if name == PHOTOGRAPH]
        source = np.isin(dataset.labels[held_back], photographs)
        sides = [held_back[source], held_back[~source]]
    first, second = (
        side[np.linspace(0, len(side) - 1, min(recipe.evaluate.samples, len(side))).astype(np.int64)] for side in sides
    )
    return first, second


def _pairs(card: ModelCard, dataset: Dataset, recipe: Recipe, places: Int64) -> dict[str, Float32]:
    assert isinstance(recipe.network, Translating)
    random = torch.Generator().manual_seed(recipe.evaluate.seed)
    pictures, labels = torch.from_numpy(from_uint8(dataset.images[places])), torch.from_numpy(dataset.labels[places])
    pair = recipe.network.translation.make(pictures, labels, classes=len(dataset.image.classes), random=random)
    # What people give are pictures of 256 levels, too.
    arrays = (from_uint8(to_uint8(pair.given.numpy())), pair.guide.numpy())
    return dict(zip([port.name for port in card.inputs], arrays, strict=True))


def _shown(recipe: Recipe, given: Float32, guide: Float32 | None) -> Float32:
    if not isinstance(recipe.network, Translating) or guide is None:
        return given
    shown: Float32 = recipe.network.translation.show(Pair(torch.from_numpy(given), torch.from_numpy(guide))).numpy()
    return shown


def _check(card: ModelCard, dataset: Dataset, recipe: Recipe, *, found: int) -> None:
    if found < _FEWEST:
        raise EvaluationError(
            f"{recipe.name}: {found} held-back pictures are too few to compare with, {_FEWEST} or more of each side "
            f"are needed; add some, or hold back more with {recipe.name}.data.validation, and prepare and train again",
        )
    translation = recipe.network.translation.name if isinstance(recipe.network, Translating) else "unpaired"
    names = [choice.name for choice in card.choices]
    if card.translation != translation or (translation == "sketch" and names != list(dataset.image.classes)):
        raise EvaluationError(
            f"the model '{card.recipe}' was made for another recipe or other data than those that are there now; train "
            f"and export it again: `python -m pipeline train {card.recipe}`",
        )
