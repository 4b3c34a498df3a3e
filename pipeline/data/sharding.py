"""Decoded pictures, kept in shares that several machines made, and read again as the one stream that they are.

A share keeps everything that decoding found, duplicates and unreadable pictures too. What reads all shares in their
order therefore sees what it would have seen on one machine, and comes to the same bytes.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from pipeline.contracts import Source
from pipeline.data.decoding import Decoded
from pipeline.data.packing import write_header
from pipeline.errors import ShardError
from pipeline.shards import Shard

PIXELS, RECORDS, SHEET = "pixels.npy", "records.jsonl", "shard.json"


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a share is a share of: the digest of the source's settings, how many pictures it has, which of them."""

    shard: str
    settings: str
    total: int

    @classmethod
    def of(cls, source: Source, shard: Shard) -> "Sheet":
        settings = hashlib.sha256(source.model_dump_json().encode()).hexdigest()
        return cls(shard=str(shard), settings=settings, total=source.total())


def write_share(pictures: Iterable[Decoded], folder: Path, sheet: Sheet, *, channels: int, size: int) -> int:
    """Write pixels (K, C, size, size) uint8 of the readable pictures, a record of each picture, and the sheet.

    Return how many pictures were read. They go straight to disk, one by one.
    """
    sums = {name: hashlib.md5(usedforsecurity=False) for name in (PIXELS, RECORDS)}
    read = readable = 0
    with (folder / PIXELS).open("wb") as pixels, (folder / RECORDS).open("wb") as records:
        write_header(pixels, (0, channels, size, size))
        for picture in pictures:
            facts = [picture.origin, picture.label, picture.problem, picture.parent]
            line = json.dumps(facts, ensure_ascii=False).encode() + b"\n"
            records.write(line)
            sums[RECORDS].update(line)
            read += 1
            if picture.pixels is not None:
                content = picture.pixels.tobytes()
                pixels.write(content)
                sums[PIXELS].update(content)
                readable += 1
        pixels.seek(0)
        write_header(pixels, (readable, channels, size, size))
    digests = {name: md5.hexdigest() for name, md5 in sums.items()}
    said = {**asdict(sheet), "pictures": read, "readable": readable, "md5": digests}
    (folder / SHEET).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    return read


def read_shares(source: Source, shards: Path, count: int) -> Iterator[Decoded]:
    """Yield the pictures of all `count` shares below `shards`, in the order of the source.

    Raises:
        ShardError: a share is missing, damaged, or was made of other settings or another source; a damaged one may
            show only at its end.

    """
    expected = {shard: Sheet.of(source, shard) for shard in Shard.all_of(count)}
    found = {shard: _read_sheet(shards, shard, sheet) for shard, sheet in expected.items()}
    for shard, sheet in found.items():
        yield from _read_pictures(folder_of(shards, shard), sheet, shard, channels=source.channels, size=source.size)


def folder_of(shards: Path, shard: Shard) -> Path:
    """Return where a share lies."""
    return shards / f"{shard.number}-of-{shard.count}"


def _read_sheet(shards: Path, shard: Shard, expected: Sheet) -> dict[str, Any]:
    path = folder_of(shards, shard) / SHEET
    remedy = _remedy(shards, shard)
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        said = Sheet(shard=content["shard"], settings=content["settings"], total=content["total"])
        whole = content["pictures"] == len(shard.span(said.total)) and set(content["md5"]) == {PIXELS, RECORDS}
        whole = whole and 0 <= content["readable"] <= content["pictures"]
    except FileNotFoundError as error:
        raise ShardError(f"shard {shard} is missing ({path.parent}); {remedy}, and bring its folder here") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ShardError(f"shard {shard} is damaged ({path}); {remedy} again") from error
    if said.settings != expected.settings or said.shard != expected.shard:
        raise ShardError(f"shard {shard} was made of other settings ({path}); {remedy} again with this params file")
    if said.total != expected.total:
        raise ShardError(
            f"shard {shard} was made where the source had {said.total:,} pictures, and here it has "
            f"{expected.total:,}; make all shards from one state of the source"
        )
    if not whole:
        raise ShardError(f"shard {shard} is damaged ({path}); {remedy} again")
    return content


def _read_pictures(folder: Path, sheet: dict[str, Any], shard: Shard, *, channels: int, size: int) -> Iterator[Decoded]:
    torn = f"shard {shard} is damaged ({folder}: its files are not those that it was made with)"
    shape, length = (channels, size, size), channels * size * size
    sums = {name: hashlib.md5(usedforsecurity=False) for name in (PIXELS, RECORDS)}
    try:
        with (folder / PIXELS).open("rb") as pixels, (folder / RECORDS).open("rb") as records:
            fits = _read_shape(pixels) == (sheet["readable"], *shape)
            for line in records if fits else ():
                sums[RECORDS].update(line)
                origin, label, problem, parent = json.loads(line)
                if problem:
                    yield Decoded(origin, label, None, problem)
                    continue
                content = pixels.read(length)
                sums[PIXELS].update(content)
                yield Decoded(origin, label, np.frombuffer(content, np.uint8).reshape(shape), parent=parent)
            fits = fits and not pixels.read(1)
    except (OSError, ValueError, TypeError) as error:
        raise ShardError(f"{torn}; {_remedy(folder.parent, shard)} again") from error
    if not fits or {name: md5.hexdigest() for name, md5 in sums.items()} != sheet["md5"]:
        raise ShardError(f"{torn}; {_remedy(folder.parent, shard)} again")


def _read_shape(stream: BinaryIO) -> tuple[int, ...]:
    npy.read_magic(stream)
    shape, fortran, dtype = npy.read_array_header_1_0(stream)
    return shape if dtype == np.uint8 and not fortran else ()


def _remedy(shards: Path, shard: Shard) -> str:
    return f"run `python -m pipeline prepare {shards.name} --shard {shard}`"
