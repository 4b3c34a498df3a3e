"""Command: an exported sampling model -> any number of pictures, in parts that separate machines may make.

python -m pipeline sample RECIPE OUT --count 1000000
python -m pipeline sample RECIPE OUT --count 1000000 --shard 2/5     # a fifth of the parts
python -m pipeline sample RECIPE OUT --count 1000000 --merge         # checks all parts and writes the manifest

Picture `i` has the seed `i` and, of K classes, the class `i % K`. The parts are plain arrays, as `prepare` writes them:
they need no decoding, can be mapped, and their bytes depend on no compressor's version.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from demo.engine import Model
from demo.errors import DemoError
from pipeline.data.packing import write_header
from pipeline.errors import ExportError, ShardError, StorageError
from pipeline.gathering import sampling_feeds
from pipeline.pictures import Uint8, to_uint8
from pipeline.progress import console, tracked
from pipeline.shards import Shard
from pipeline.workspace import Workspace, writing

BATCH = 64
PART = 16 * BATCH
"""Pictures of one file; all parts but the last have as many."""
MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Part:
    """One file of pictures `first` to `first + pictures - 1` (N, C, H, W) uint8, and what drew them."""

    model: str
    provider: str
    first: int
    pictures: int
    shape: tuple[int, ...]

    @classmethod
    def all_of(cls, model: Model, count: int) -> list[Self]:
        """Return the parts of `count` pictures in their order."""
        shape = (model.card.channels, model.card.size, model.card.size)
        return [
            cls(model.sha256, model.provider, first, min(PART, count - first), shape) for first in range(0, count, PART)
        ]

    @property
    def name(self) -> str:
        return f"part-{self.first // PART:06}"

    def digest(self, out: Path) -> str | None:
        """Return the MD5 sum that the part's file was written with; None where there is no such part yet."""
        try:
            sheet = json.loads((out / f"{self.name}.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        own = json.loads(json.dumps(asdict(self)))
        if not isinstance(sheet, dict) or {key: sheet.get(key) for key in own} != own:
            return None
        return str(sheet.get("md5"))


def sample(workspace: Workspace, out: Path, count: int, *, shard: Shard | None = None, merge: bool = False) -> None:
    """Draw what is missing of `count` pictures into the folder `out`, whole parts at a time, and end with a manifest.

    With a shard, only its parts and no manifest; with `merge`, nothing is drawn. Parts that are there already are kept.

    Raises:
        ExportError: there is no model, it is damaged, fails, or is none that draws from seeds.
        ShardError: a part is missing, damaged, or was drawn by another model or device.
        StorageError: the folder cannot be written.

    """
    try:
        model = Model.open(workspace.model)
        _check(model)
        parts = Part.all_of(model, count)
        chosen = shard.span(len(parts)) if shard else range(0 if merge else len(parts))
        due = [parts[place] for place in chosen if parts[place].digest(out) is None]
        what = f"{workspace.recipe}: drawing pictures" + (f" of shard {shard}" if shard else "") + ", parts"
        if due:  # what it says would not be true of them
            _remove(out / MANIFEST)
        for part in tracked(due, total=len(due), description=what):
            _write(model, part, out)
    except DemoError as error:
        raise ExportError(str(error)) from error
    if shard and not chosen:
        console.print(f"{out}: shard {shard} has nothing to draw, there are more shares than parts ({len(parts)})")
        return
    if shard:
        made = sum(parts[place].pictures for place in chosen)
        console.print(
            f"{out}: {made:,} of {count:,} pictures, {len(chosen) - len(due)} of {len(chosen)} parts as found"
        )
        return
    _join(model, parts, out)
    console.print(f"{out}: {count:,} pictures in {len(parts)} {'part' if len(parts) == 1 else 'parts'}")


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(f"cannot write {path.parent}: {error.strerror}; name another folder") from error


def _check(model: Model) -> None:
    if model.card.task != "sample":
        raise ExportError(
            f"the model '{model.card.recipe}' does not draw from seeds (its task is '{model.card.task}'); name the "
            "recipe of one that does"
        )


def _write(model: Model, part: Part, out: Path) -> None:
    """Write a part and then its sheet, without which it does not count."""
    md5 = hashlib.md5(usedforsecurity=False)
    with writing(out / f"{part.name}.npy") as path, path.open("wb") as stream:
        write_header(stream, (part.pictures, *part.shape))
        for pictures in _draw(model, part):
            content = pictures.tobytes()
            md5.update(content)
            stream.write(content)
    with writing(out / f"{part.name}.json") as path:
        sheet = asdict(part) | {"md5": md5.hexdigest()}
        path.write_text(json.dumps(sheet, indent=2) + "\n", encoding="utf-8")


def _draw(model: Model, part: Part) -> Iterator[Uint8]:
    # A runtime may round differently in batches of another size, so each picture always has the same place in a full
    # batch, whatever the share; what the last one holds too many is cut off.
    classes = max(1, len(model.card.choices))
    for first in range(part.first, part.first + part.pictures, BATCH):
        seeds = range(first, first + BATCH)
        feeds = sampling_feeds(model.card, seeds, np.array(seeds, np.int64) % classes)
        yield to_uint8(model.run(feeds))[: part.first + part.pictures - first]


def _join(model: Model, parts: list[Part], out: Path) -> None:
    """Read every part again, and write the manifest if all are what they were written as."""
    entries: list[dict[str, Any]] = []
    for part in tracked(parts, total=len(parts), description=f"{model.card.recipe}: checking parts"):
        said, path = part.digest(out), out / f"{part.name}.npy"
        if said is None:
            raise ShardError(
                f"{path}: part {len(entries) + 1} of {len(parts)} is missing, or another model or device drew it; draw "
                "it with the same command without --merge, or bring it here"
            )
        if _measured(part, path) != said:
            raise ShardError(
                f"{path}: part {len(entries) + 1} of {len(parts)} is damaged; remove it and {path.stem}.json, and draw "
                "it with the same command without --merge"
            )
        entries.append({"file": path.name, "first": part.first, "pictures": part.pictures, "md5": said})
    content = {
        "recipe": model.card.recipe,
        "model": model.sha256,
        "provider": model.provider,
        "pictures": sum(part.pictures for part in parts),
        "shape": parts[0].shape,
        "classes": [choice.name for choice in model.card.choices],
        "parts": entries,
    }
    with writing(out / MANIFEST) as scratch:
        scratch.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def _measured(part: Part, path: Path) -> str:
    """Return the MD5 sum of the pixels in a file; '' where it cannot be such a part."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        with path.open("rb") as stream:
            np.lib.format.read_magic(stream)
            header = np.lib.format.read_array_header_1_0(stream)
            while content := stream.read(1 << 20):
                md5.update(content)
    except (OSError, ValueError):
        return ""
    return md5.hexdigest() if header == ((part.pictures, *part.shape), False, np.dtype(np.uint8)) else ""
