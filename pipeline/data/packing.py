"""Decoded pictures -> one packed array on disk, with labels, a split and statistics, in bounded memory."""

import hashlib
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from pipeline.data.dataset import TRAINING, VALIDATION, Int64, Uint8
from pipeline.data.decoding import Decoded

NAMES_KEPT = 20


@dataclass(slots=True)
class LeftOut:
    """Pictures that are not packed: how many, and the names of the first of them."""

    total: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        self.total += 1
        if self.total <= NAMES_KEPT:
            self.names.append(name)


@dataclass(frozen=True, slots=True)
class Packed:
    """What stands in the packed array: labels (N,) by name, per channel mean and deviation of pixels in [0, 1].

    `parents` (N,) are those of `pipeline.contracts.Item`; a whole picture that others of its class were cut from is its
    own.
    """

    labels: list[str]
    parents: list[str]
    mean: list[float]
    std: list[float]
    unreadable: LeftOut
    duplicates: LeftOut
    md5: "hashlib._Hash"


def pack(pictures: Iterable[Decoded], path: Path, *, channels: int, size: int) -> Packed:
    """Write the readable pictures, each once, to `path` as (N, C, size, size) uint8, and say what they are.

    Two pictures are the same where all their pixels are. The pictures go straight to disk: what stays in memory is a
    digest, a label and two names of each.
    """
    labels: list[str] = []
    origins: list[str] = []
    parents: list[str] = []
    seen: set[bytes] = set()
    unreadable, duplicates = LeftOut(), LeftOut()
    md5 = hashlib.md5(usedforsecurity=False)
    sums, squares = np.zeros(channels, np.int64), np.zeros(channels, np.int64)
    with path.open("wb") as stream:
        write_header(stream, (0, channels, size, size))
        for picture in pictures:
            if picture.pixels is None:
                unreadable.add(f"{picture.origin}: {picture.problem}")
                continue
            content = picture.pixels.tobytes()
            fingerprint = hashlib.blake2b(content, digest_size=16).digest()
            if fingerprint in seen:
                duplicates.add(picture.origin)
                continue
            seen.add(fingerprint)
            stream.write(content)
            md5.update(content)
            labels.append(picture.label)
            origins.append(picture.origin)
            parents.append(sys.intern(picture.parent))
            levels = picture.pixels.reshape(channels, -1).astype(np.int64)
            sums += levels.sum(axis=1)
            squares += (levels * levels).sum(axis=1)
        stream.seek(0)
        write_header(stream, (len(labels), channels, size, size))
    cut = set(zip(labels, parents, strict=True))
    whole = (origin if (label, origin) in cut else "" for label, origin in zip(labels, origins, strict=True))
    parents = [parent or own for parent, own in zip(parents, whole, strict=True)]
    values = max(1, len(labels)) * size * size
    mean = sums / values
    std = np.sqrt(np.maximum(squares / values - mean * mean, 0))
    return Packed(labels, parents, _scaled(mean), _scaled(std), unreadable, duplicates, md5)


def classes_of(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct labels in the order that people expect: `2` before `10`, capitals among the rest."""
    return tuple(sorted(set(labels), key=lambda label: ([_sortable(run) for run in re.split(r"(\d+)", label)], label)))


def stratified_split(labels: Int64, *, classes: int, share: float, parents: Sequence[str] = ()) -> Uint8:
    """Return (N,) uint8, 1 for the pictures that are held back: close to `share` of all and of every class.

    Which pictures is drawn with a fixed seed. Every class keeps at least one picture for training. What was cut from
    one of several `parents` (N,) of a class is held back together, else training would show parts of it; where that is
    more than twice what the class owes, smaller ones come first.
    """
    counts = np.bincount(labels, minlength=classes)
    # Rounding the running total, not each class, keeps the overall share right where classes are tiny.
    quotas = np.diff(np.floor(np.cumsum(counts) * share + 0.5), prepend=0).astype(np.int64)
    random = np.random.default_rng(0)
    split = np.full(len(labels), TRAINING, np.uint8)
    for label, quota in enumerate(np.minimum(quotas, counts - 1)):
        members = np.flatnonzero(labels == label)
        families = _by_parent(members, parents)
        if len(families) == 1:
            split[random.permutation(members)[:quota]] = VALIDATION
            continue
        drawn, held = random.permutation(len(families)).tolist(), 0
        for place in sorted(drawn, key=lambda place: max(len(families[place]), 2 * quota))[:-1]:
            if quota == 0 or (held and held + len(families[place]) / 2 > quota):
                break
            split[families[place]] = VALIDATION
            held += len(families[place])
    return split


def _by_parent(members: Int64, parents: Sequence[str]) -> list[list[int]]:
    """Return places by what they were cut from, whole pictures each by itself; all together where none was cut."""
    if not parents or not any(parents[place] for place in members):
        return [members.tolist()]
    families: dict[str | int, list[int]] = {}
    for place in members.tolist():
        families.setdefault(parents[place] or place, []).append(place)
    return list(families.values())


def write_header(stream: BinaryIO, shape: tuple[int, ...]) -> None:
    """Write the header of a .npy file of uint8; over an earlier one of as many dimensions it fits exactly."""
    # NumPy pads headers so that their length is the same whatever the first dimension: it can be filled in last.
    npy.write_array_header_1_0(stream, {"descr": "|u1", "fortran_order": False, "shape": shape})


def _sortable(run: str) -> tuple[int, str]:
    return (int(run), "") if run.isdecimal() else (0, run.casefold())


def _scaled(levels: NDArray[np.float64]) -> list[float]:
    return [round(float(level) / 255, 6) for level in levels]
