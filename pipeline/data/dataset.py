"""What `prepare` wrote, opened for reading. The pictures stay on disk: they are mapped, not loaded."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pipeline.contracts import Image, Source
from pipeline.errors import DataError

IMAGES, LABELS, SPLIT, MANIFEST, PREVIEW = "images.npy", "labels.npy", "split.npy", "manifest.json", "preview.png"
TRAINING, VALIDATION = 0, 1

Uint8: TypeAlias = NDArray[np.uint8]
Int64: TypeAlias = NDArray[np.int64]


def digest_of(source: Source) -> str:
    """Return a digest of a source's settings: they may name places of one machine, which no data set tells."""
    return hashlib.sha256(source.model_dump_json().encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """A prepared data set of N pictures.

    `images` (N, C, H, W) uint8 is a read-only memory map, `labels` (N,) int64 holds indices into `image.classes`,
    `training` and `validation` are disjoint, sorted int64 indices of pictures, `digest` is the MD5 sum of the pixels,
    labels and split, `manifest` is what `prepare` reports: counts, statistics, what it left out.
    """

    image: Image
    images: Uint8
    labels: Int64
    training: Int64
    validation: Int64
    manifest: dict[str, Any]
    digest: str

    @classmethod
    def open(cls, folder: Path, *, source: Source | None = None) -> "Dataset":
        """Open the folder that `prepare` wrote for a recipe of the same name; with `source`, from that alone.

        Raises:
            DataError: the folder is missing, incomplete, damaged or made with other settings; the message says which
                command makes it.

        """
        command = f"python -m pipeline prepare {folder.name}"
        if not folder.is_dir():
            raise DataError(f"{folder}: no prepared data; run `{command}` first")
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            images = np.load(folder / IMAGES, mmap_mode="r", allow_pickle=False)
            labels = np.load(folder / LABELS, allow_pickle=False)
            split = np.load(folder / SPLIT, allow_pickle=False)
            image = Image(int(manifest["channels"]), int(manifest["size"]), tuple(manifest["classes"]))
            digest = str(manifest["digest"])
            shape = (int(manifest["counts"]["pictures"]), image.channels, image.size, image.size)
        except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{folder}: damaged data set ({error}); run `{command}` again") from error
        whole = (
            (images.shape, images.dtype.name) == (shape, "uint8")
            and (labels.shape, labels.dtype.name) == (shape[:1], "int64")
            and (split.shape, split.dtype.name) == (shape[:1], "uint8")
            and 0 <= labels.min() <= labels.max() < len(image.classes)
        )
        if not whole:
            raise DataError(f"{folder}: damaged data set (its files do not fit each other); run `{command}` again")
        if source and manifest.get("settings") != digest_of(source):
            raise DataError(f"{folder} was prepared with other settings than the recipe has; run `{command}` again")
        return cls(
            image=image,
            images=images,
            labels=labels,
            training=np.flatnonzero(split == TRAINING),
            validation=np.flatnonzero(split == VALIDATION),
            manifest=manifest,
            digest=digest,
        )
