"""Stage: raw pictures of any kind -> one packed array with labels, a split, a manifest and a preview.

python -m pipeline prepare RECIPE
python -m pipeline prepare RECIPE --shard 2/5     # a fifth of the pictures, on any machine
python -m pipeline prepare RECIPE --merge 5       # the same bytes as in one go
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from pipeline.contracts import Source
from pipeline.data.dataset import IMAGES, LABELS, MANIFEST, PREVIEW, SPLIT, TRAINING, Int64, Uint8, digest_of
from pipeline.data.decoding import Decoded, decode
from pipeline.data.packing import Packed, classes_of, pack, stratified_split
from pipeline.data.sharding import Sheet, folder_of, read_shares, write_share
from pipeline.errors import DataError
from pipeline.pictures import PAPER, contact_sheet
from pipeline.progress import console, tracked
from pipeline.recipe import Recipe
from pipeline.shards import Shard
from pipeline.workspace import Workspace, writing

COMPARABLE, HELD_BACK = 12, 2
"""The fewest pictures, and of them held-back ones, that `evaluate` compares a model that samples with."""

_PREVIEW_COLUMNS = 8
_PREVIEW_ROWS = 16


def prepare(recipe: Recipe, workspace: Workspace) -> None:
    """Write the folder `workspace.prepared` in one step.

    Raises:
        DataError: there is nothing to read, too much of it is unreadable, or fewer than two pictures remain.
        StorageError: the folder cannot be written.

    """
    _write(recipe, workspace, decode(recipe.data))


def prepare_shard(recipe: Recipe, workspace: Workspace, shard: Shard) -> None:
    """Decode one share of the pictures and keep it below `workspace.shards`, for `merge` to read.

    Raises:
        DataError: there is nothing to read, or the source does not have as many pictures as it says.
        StorageError: the folder cannot be written.

    """
    source, path = recipe.data, folder_of(workspace.shards, shard)
    sheet = Sheet.of(source, shard)
    span = shard.span(sheet.total)
    what = f"{recipe.name}: preparing pictures of shard {shard}"
    with writing(path) as folder:
        folder.mkdir()
        pictures = tracked(decode(source, span), total=len(span), description=what)
        read = write_share(pictures, folder, sheet, channels=source.channels, size=source.size)
        if read != len(span):
            raise DataError(
                f"{recipe.name}: shard {shard} found {read:,} of its {len(span):,} pictures; leave the source as it "
                "is while it is read, and run this again"
            )
    console.print(f"{path}: {read:,} of {sheet.total:,} pictures")


def merge(recipe: Recipe, workspace: Workspace, count: int) -> None:
    """Write the folder `workspace.prepared` of `count` shares, with the bytes that `prepare` would write.

    Raises:
        ShardError: a share is missing, damaged, or was made of other settings or another source.
        DataError: too much of the pictures is unreadable, or fewer than two remain.
        StorageError: the folder cannot be written.

    """
    _write(recipe, workspace, read_shares(recipe.data, workspace.shards, count))


def _write(recipe: Recipe, workspace: Workspace, decoded: Iterator[Decoded]) -> None:
    source = recipe.data
    with writing(workspace.prepared) as folder:
        folder.mkdir()
        pictures = tracked(decoded, total=source.total(), description=f"{recipe.name}: preparing pictures")
        packed = pack(pictures, folder / IMAGES, channels=source.channels, size=source.size)
        _check(packed, source)
        classes = classes_of(packed.labels)
        index = {name: position for position, name in enumerate(classes)}
        labels = np.array([index[label] for label in packed.labels], np.int64)
        split = stratified_split(labels, classes=len(classes), share=source.validation, parents=packed.parents)
        np.save(folder / LABELS, labels)
        np.save(folder / SPLIT, split)
        manifest = _manifest(recipe, packed, classes=classes, labels=labels, split=split)
        (folder / MANIFEST).write_text(json.dumps(manifest, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        _preview(recipe.name, folder / IMAGES, classes=classes, labels=labels).save(folder / PREVIEW)
    console.print(_closing_sentence(workspace.prepared, manifest))
    counts = manifest["counts"]
    if counts["pictures"] < COMPARABLE or counts["validation"] < HELD_BACK:
        console.print(
            f"{recipe.name}: {counts['pictures']} pictures, {counts['validation']} of them held back, can be trained "
            f"on, but `evaluate` asks of most models at least {COMPARABLE}, {HELD_BACK} or more held back; add some, "
            f"or raise {recipe.name}.data.validation"
        )


def _check(packed: Packed, source: Source) -> None:
    unreadable, duplicates, kept = packed.unreadable, packed.duplicates, len(packed.labels)
    total = kept + duplicates.total + unreadable.total
    if unreadable.total > source.max_bad * total:
        raise DataError(
            f"{unreadable.total} of {total} pictures are unreadable, more than the share max_bad = {source.max_bad:g} "
            f"(the first: {unreadable.names[0]}); mend or remove them, or raise max_bad",
        )
    if kept < 2:
        raise DataError(
            f"{kept} of {total} pictures remain ({unreadable.total} unreadable, {duplicates.total} duplicates), and "
            "training needs at least 2; add pictures to the source",
        )


def _manifest(
    recipe: Recipe,
    packed: Packed,
    *,
    classes: tuple[str, ...],
    labels: Int64,
    split: Uint8,
) -> dict[str, Any]:
    packed.md5.update(labels.tobytes())
    packed.md5.update(split.tobytes())
    training = int((split == TRAINING).sum())
    by_class = np.bincount(labels, minlength=len(classes)).tolist()
    return {
        "recipe": recipe.name,
        "source": recipe.data.name,
        "channels": recipe.data.channels,
        "size": recipe.data.size,
        "settings": digest_of(recipe.data),
        "classes": list(classes),
        "counts": {
            "pictures": len(labels),
            "training": training,
            "validation": len(labels) - training,
            "by_class": dict(zip(classes, by_class, strict=True)),
        },
        "mean": packed.mean,
        "std": packed.std,
        "unreadable": {"total": packed.unreadable.total, "first": packed.unreadable.names},
        "duplicates": {"total": packed.duplicates.total, "first": packed.duplicates.names},
        "digest": packed.md5.hexdigest(),
    }


def _preview(title: str, path: Path, *, classes: tuple[str, ...], labels: Int64) -> PIL.Image.Image:
    images = np.load(path, mmap_mode="r")
    blank = np.broadcast_to(np.array(PAPER, np.uint8)[:, None, None], (3, *images.shape[2:]))
    shown = classes[:_PREVIEW_ROWS]
    cells = []
    for label in range(len(shown)):
        members = np.flatnonzero(labels == label)
        evenly = members[np.unique(np.linspace(0, len(members) - 1, _PREVIEW_COLUMNS).astype(np.int64))]
        pictures = [np.broadcast_to(images[index], blank.shape) for index in evenly]
        cells += [*pictures, *[blank] * (_PREVIEW_COLUMNS - len(pictures))]
    more = f", first {len(shown)} of {len(classes)} classes" if len(classes) > len(shown) else ""
    heading = f"{title}: {len(labels):,} pictures of {images.shape[-1]} px{more}"
    return contact_sheet(np.stack(cells), columns=_PREVIEW_COLUMNS, title=heading, rows=shown)


def _closing_sentence(folder: Path, manifest: dict[str, Any]) -> str:
    counts = manifest["counts"]
    classes = len(manifest["classes"])
    return (
        f"{folder}: {counts['pictures']:,} pictures of {manifest['size']} px in "
        f"{classes} {'class' if classes == 1 else 'classes'}, {counts['training']:,} for training and "
        f"{counts['validation']:,} for validation; left out {manifest['unreadable']['total']:,} unreadable and "
        f"{manifest['duplicates']['total']:,} duplicates."
    )
