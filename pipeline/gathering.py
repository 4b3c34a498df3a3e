"""What an exported model is scored on: real pictures, and what the model makes of seeds or photographs."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
import PIL.Image

from demo.card import ModelCard
from demo.engine import Model, draw_inputs, draw_noise
from pipeline.contracts import PHOTOGRAPH
from pipeline.data.dataset import Dataset
from pipeline.errors import EvaluationError
from pipeline.features.extractor import FeatureSpace
from pipeline.metrics.evidence import (
    Float32,
    Gallery,
    Int64,
    SamplingEvidence,
    Style,
    StylizationEvidence,
    Uint8,
    Weights,
)
from pipeline.metrics.neighbours import NEIGHBOURS
from pipeline.pictures import contact_sheet, from_uint8, to_uint8
from pipeline.progress import tracked
from pipeline.recipe import Recipe

_BATCH = 64

_PHOTOGRAPHS = 24
_EXAMPLES = 16
_STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
_NOISES = 3
_STYLIZED_BATCH = 8

_SHIFT = 8
_MOSAIC = 512
_TILED_STYLES = 2

_SHEET_COLUMNS = 8
_SHEET_ROWS = 16

PaintTiled: TypeAlias = Callable[[Model, Mapping[str, Float32]], Float32]
"""Paints a picture in tiles: the model, whose companion `tile` it runs, and the feeds that would paint it at once."""


def gather_sampling(model: Model, dataset: Dataset, recipe: Recipe, space: FeatureSpace) -> SamplingEvidence:
    """Draw pictures with the seeds `evaluate.seed`, `evaluate.seed + 1`, ... and classes as frequent as in the data.

    At most `evaluate.searched` training pictures and as many held-back ones as samples are looked at, chosen at random.

    Raises:
        EvaluationError: the model was made for other data, or there are too few pictures.
        ModelError: the model fails.

    """
    _check_fits(model.card, dataset, choices=dataset.image.classes)
    settings = recipe.evaluate
    random = np.random.default_rng(settings.seed)
    training = random.permutation(dataset.training)[: settings.searched]
    validation = random.permutation(dataset.validation)[: settings.samples]
    if (
        min(settings.samples, (len(training) + len(validation)) // 2) <= NEIGHBOURS
        or min(len(training), len(validation)) < 2
    ):
        raise EvaluationError(
            f"{recipe.name}: {settings.samples} generated, {len(training)} training and {len(validation)} held-back "
            f"pictures are too few to be compared; give {recipe.name}.evaluate.samples and the data at least "
            f"{2 * (NEIGHBOURS + 1)}, and with {recipe.name}.data.validation train on 2 or more and hold back as many",
        )
    asked = dataset.labels[random.choice(dataset.training, settings.samples)]
    generated = draw_samples(model, _seeds(recipe, settings.samples), asked)

    def gallery(source: Uint8, places: Int64, labels: Int64, kind: str) -> Gallery:
        features = space(source, places, what=f"{recipe.name}: measuring {kind} pictures")
        return Gallery(features, labels, source, places)

    found = gallery(dataset.images, training, dataset.labels[training], "training")
    mirrored = found.features[:0]
    if recipe.train.flip:
        mirrored = gallery(dataset.images[..., ::-1], training, found.labels, "mirrored").features
    return SamplingEvidence(
        training=found,
        validation=gallery(dataset.images, validation, dataset.labels[validation], "held-back"),
        generated=gallery(generated, np.arange(len(generated)), asked, "generated"),
        classes=dataset.image.classes,
        conditional=bool(model.card.choices),
        seed=settings.seed,
        mirrored=mirrored,
    )


def draw_samples(model: Model, seeds: Sequence[int], labels: Int64) -> Uint8:
    """Return pictures (N, C, H, W) uint8 for seeds and labels (N,); a model without classes ignores the labels."""
    starts = range(0, len(labels), _BATCH)
    pictures = []
    for start in tracked(starts, total=len(starts), description=f"{model.card.recipe}: generating pictures, batches"):
        chosen = slice(start, start + _BATCH)
        pictures.append(to_uint8(model.run(sampling_feeds(model.card, seeds[chosen], labels[chosen]))))
    return np.concatenate(pictures)


def sampling_feeds(card: ModelCard, seeds: Sequence[int], labels: Int64) -> dict[str, Float32]:
    """Return the inputs of a sampling model for seeds and labels (N,), indices into the card's choices."""
    feeds = draw_inputs(card, seeds)
    for port in card.inputs:
        if port.kind == "weights":
            feeds[port.name] = np.eye(int(port.shape[1]), dtype=np.float32)[labels]
        elif port.kind == "degree":
            feeds[port.name] = np.ones((len(labels), 1), np.float32)  # the model as it is, without truncation
    return feeds


def samples_sheet(model: Model, recipe: Recipe) -> PIL.Image.Image:
    """Return a sheet to look at: a row for each class, a column for each seed, as the page would paint them."""
    names = [choice.name for choice in model.card.choices][:_SHEET_ROWS]
    if not names:
        count = _SHEET_COLUMNS**2
        pictures = draw_samples(model, _seeds(recipe, count), np.zeros(count, np.int64))
        title = f"{recipe.name}: seeds {recipe.evaluate.seed} to {recipe.evaluate.seed + count - 1}"
        return contact_sheet(pictures, columns=_SHEET_COLUMNS, title=title)
    seeds = _seeds(recipe, _SHEET_COLUMNS)
    labels = np.repeat(np.arange(len(names)), _SHEET_COLUMNS)
    return contact_sheet(
        draw_samples(model, [*seeds] * len(names), labels),
        columns=_SHEET_COLUMNS,
        title=f"{recipe.name}: every class, from the same seeds",
        headings=[f"seed {seed}" for seed in seeds],
        rows=names,
    )


def steps_sheet(model: Model, recipe: Recipe) -> PIL.Image.Image:
    """Return a sheet of how a model with the output `steps` paints: a row for each seed, a column for each step."""
    seeds = _seeds(recipe, _SHEET_COLUMNS)
    labels = np.arange(_SHEET_COLUMNS) % max(1, len(model.card.choices))
    steps = model.run(sampling_feeds(model.card, seeds, labels), "steps")
    return contact_sheet(
        to_uint8(steps.reshape(-1, *steps.shape[2:])),
        columns=steps.shape[1],
        title=f"{recipe.name}: painted in {steps.shape[1]} steps",
        headings=[str(step + 1) for step in range(steps.shape[1])],
        rows=[f"seed {seed}" for seed in seeds],
    )


def gather_stylization(
    model: Model, dataset: Dataset, recipe: Recipe, space: FeatureSpace, *, paint_tiled: PaintTiled | None = None
) -> StylizationEvidence:
    """Paint held-back photographs in every style, at every strength, with noise, moved, and in tiles.

    Raises:
        EvaluationError: the model was made for other data, or there are too few pictures.
        ModelError: the model fails.

    """
    names = dataset.image.styles
    _check_fits(model.card, dataset, choices=names)
    photographs, *examples = _photographs_and_examples(dataset, recipe)
    seeds = _seeds(recipe, _NOISES) if any(port.kind == "noise" for port in model.card.inputs) else []
    count, styles = len(photographs), len(names)
    # One run of rows after another: every style, every strength, every noise; the last two with one style each.
    rows = styles + len(_STRENGTHS) + len(seeds)
    own = np.arange(count) % styles
    painted = _stylize(
        model,
        photographs,
        styles=np.concatenate([np.repeat(np.arange(styles), count), np.tile(own, rows - styles)]),
        strengths=np.repeat(np.array([*[1.0] * styles, *_STRENGTHS, *[1.0] * len(seeds)], np.float32), count),
        seeds=[seed for seed in [*[None] * (styles + len(_STRENGTHS)), *seeds] for _ in range(count)],
    ).reshape(rows, *photographs.shape)
    training, validation, results = _galleries(dataset, recipe, space, painted[:styles])
    return StylizationEvidence(
        photographs=photographs,
        styles=tuple(Style(name, pictures) for name, pictures in zip(names, examples, strict=True)),
        stylized=painted[:styles],
        strengths=_STRENGTHS,
        graded=painted[styles : styles + len(_STRENGTHS)],
        varied=painted[styles + len(_STRENGTHS) :],
        shifted=_shifted(model, photographs, own),
        shared_parts=photographs[:, :, _SHIFT:-_SHIFT, _SHIFT:-_SHIFT],
        tiled=_tiled(model, photographs, paint_tiled),
        training=training,
        validation=validation,
        results=results,
        classes=dataset.image.classes,
        weights=Weights(**recipe.evaluate.weights.model_dump()),
    )


def _galleries(dataset: Dataset, recipe: Recipe, space: FeatureSpace, stylized: Float32) -> list[Gallery]:
    """Return training pictures, held-back ones and results (S, P, 3, H, W) in one feature space."""
    random, settings = np.random.default_rng(recipe.evaluate.seed), recipe.evaluate
    asked = [dataset.image.classes.index(name) for name in dataset.image.styles]
    painted = to_uint8(stylized.reshape(-1, *stylized.shape[2:]))
    sources = {
        "training": (dataset.images, dataset.labels, random.permutation(dataset.training)[: settings.searched]),
        "held-back": (
            dataset.images,
            dataset.labels,
            random.permutation(dataset.validation)[: settings.samples],
        ),
        "painted": (painted, np.repeat(asked, stylized.shape[1]), np.arange(len(painted))),
    }
    return [
        Gallery(space(source, places, what=f"{recipe.name}: measuring {kind} pictures"), labels[places], source, places)
        for kind, (source, labels, places) in sources.items()
    ]


def _shifted(model: Model, photographs: Float32, styles: Int64) -> Float32:
    """Return (2, P, 3, H - 16, W - 16): the middles of photographs, painted within two cuts that are 8 px apart."""
    cuts = photographs[:, :, :-_SHIFT, :-_SHIFT], photographs[:, :, _SHIFT:, _SHIFT:]
    first, second = (
        _stylize(model, cut, styles=styles, strengths=np.ones(len(cut), np.float32), seeds=[None] * len(cut))
        for cut in cuts
    )
    return np.stack([first[:, :, _SHIFT:, _SHIFT:], second[:, :, :-_SHIFT, :-_SHIFT]])


def _tiled(model: Model, photographs: Float32, paint_tiled: PaintTiled | None) -> Float32:
    """Return (2, T, 3, H, W): a mosaic of photographs in the first styles, painted at once and in tiles."""
    if paint_tiled is None or "tile" not in {companion.name for companion in model.card.companions}:
        return np.zeros((2, 0, *photographs.shape[1:]), np.float32)
    side = max(2, _MOSAIC // photographs.shape[2])
    chosen = photographs[np.arange(side**2) % len(photographs)].reshape(side, side, *photographs.shape[1:])
    mosaic = np.concatenate(np.concatenate(list(chosen), axis=2), axis=2)[None]
    pairs = []
    for style in range(min(_TILED_STYLES, len(model.card.choices))):
        feeds = stylization_feeds(
            model.card, mosaic, styles=np.array([style]), strengths=np.ones(1, np.float32), seeds=[None]
        )
        pairs.append([model.run(feeds)[0], paint_tiled(model, feeds)[0]])
    return np.stack(pairs, axis=1)


def _photographs_and_examples(dataset: Dataset, recipe: Recipe) -> list[Float32]:
    """Return held-back photographs and, for each style, pictures of it, as (M, 3, H, W) in [-1, 1]."""
    held_back = dataset.validation[dataset.labels[dataset.validation] == dataset.image.classes.index(PHOTOGRAPH)]
    choice = {PHOTOGRAPH: (held_back, 1, _PHOTOGRAPHS)}
    for name in dataset.image.styles:
        choice[name] = (np.flatnonzero(dataset.labels == dataset.image.classes.index(name)), 2, _EXAMPLES)
    for name, (found, least, _) in choice.items():
        if len(found) < least:
            raise EvaluationError(
                f"{recipe.name}: {len(found)} pictures of '{name}' are too few to compare with, {least} or more are "
                f"needed; add some, or hold back more with {recipe.name}.data.validation, and prepare and train again",
            )
    return [from_uint8(dataset.images[_evenly(found, most)]) for found, _, most in choice.values()]


def stylization_feeds(
    card: ModelCard, photographs: Float32, *, styles: Int64, strengths: Float32, seeds: Sequence[int | None]
) -> dict[str, Float32]:
    """Return the inputs of a style model for photographs (N, 3, H, W) in [-1, 1], one style, strength and seed each.

    No seed means no noise.
    """
    feeds = {}
    for port in card.inputs:
        size = int(port.shape[1])
        match port.kind:
            case "picture":
                feeds[port.name] = photographs
            case "code":
                feeds[port.name] = np.array([choice.code for choice in card.choices], np.float32)[styles]
            case "degree":
                feeds[port.name] = strengths[:, None]
            case _:
                plain = np.zeros((1, size), np.float32)
                rows = [plain if seed is None else draw_noise([seed], size) for seed in seeds]
                feeds[port.name] = np.concatenate(rows)
    return feeds


def _stylize(
    model: Model, photographs: Float32, *, styles: Int64, strengths: Float32, seeds: Sequence[int | None]
) -> Float32:
    """Return (N, 3, H, W) for N styles, strengths and seeds, the photographs taken in turn."""
    starts = range(0, len(styles), _STYLIZED_BATCH)
    painted = []
    for start in tracked(starts, total=len(starts), description=f"{model.card.recipe}: painting photographs, batches"):
        chosen = slice(start, start + _STYLIZED_BATCH)
        feeds = stylization_feeds(
            model.card,
            photographs[np.arange(len(styles))[chosen] % len(photographs)],
            styles=styles[chosen],
            strengths=strengths[chosen],
            seeds=seeds[chosen],
        )
        painted.append(model.run(feeds))
    return np.concatenate(painted)


def _check_fits(card: ModelCard, dataset: Dataset, *, choices: Sequence[str]) -> None:
    known = [choice.name for choice in card.choices]
    same_size = card.task == "stylize" or card.size == dataset.image.size
    if card.channels != dataset.image.channels or not same_size or (known and known != list(choices)):
        raise EvaluationError(
            f"the model '{card.recipe}' was made for other data than those that are prepared now; train and export "
            f"it again: `python -m pipeline train {card.recipe}`",
        )


def _seeds(recipe: Recipe, count: int) -> range:
    return range(recipe.evaluate.seed, recipe.evaluate.seed + count)


def _evenly(places: Int64, count: int) -> Int64:
    """Return at most `count` of places (N,), spread evenly over them."""
    chosen: Int64 = places[np.linspace(0, len(places) - 1, min(count, len(places))).astype(np.int64)]
    return chosen
