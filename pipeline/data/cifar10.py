"""CIFAR-10 from its binary archive: 60,000 pictures of 32 px, ten classes (Krizhevsky 2009)."""

import tarfile
import zlib
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
import PIL.Image
from pydantic import Field

from pipeline.contracts import Item, Source
from pipeline.data.dataset import Uint8
from pipeline.data.download import fetch
from pipeline.errors import DataError

_URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
_CHECKSUM = "md5:c32a1d4ab5d03f1284b67883e8d87530"
_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
_PARTS = {"train": tuple(f"data_batch_{number}.bin" for number in range(1, 6)), "test": ("test_batch.bin",)}
_SIDE = 32
_PIXELS = 3 * _SIDE * _SIDE
_PER_FILE = 10_000


class Cifar10(Source):
    """One part of CIFAR-10; downloaded unless `path` names the archive."""

    name: Literal["cifar10"] = "cifar10"
    part: Literal["train", "test"] = Field("train", description="which of its parts")
    path: str = Field("", description="cifar-10-binary.tar.gz on this machine; '' downloads it")
    url: str = Field(_URL, description="where to download from")

    def total(self) -> int:
        return _PER_FILE * len(_PARTS[self.part])

    def items(self) -> Iterator[Item]:
        archive = Path(self.path) if self.path else fetch(self.url, folder="cifar10", checksum=_CHECKSUM)
        if not archive.is_file():
            raise DataError(f"{archive}: there is no such file; put cifar-10-binary.tar.gz there, or leave `path` out")
        wanted = set(_PARTS[self.part])
        try:
            # Read as a stream, a member at a time: the archive is never unpacked, and its paths are never used.
            with tarfile.open(archive, "r|gz") as members:
                for member in members:
                    file = Path(member.name).name
                    content = members.extractfile(member) if file in wanted else None
                    if content is not None:
                        wanted.discard(file)
                        yield from _items(content.read(), file, archive)
        except (OSError, EOFError, tarfile.TarError, zlib.error) as error:
            raise DataError(f"{archive}: damaged or cut short ({error}); get a fresh copy") from error
        if wanted:
            raise DataError(f"{archive}: lacks {', '.join(sorted(wanted))}; get a fresh copy of cifar-10-binary.tar.gz")


def _items(content: bytes, file: str, archive: Path) -> Iterator[Item]:
    if len(content) % (1 + _PIXELS):
        raise DataError(f"{archive}: {file} is cut short; get a fresh copy")
    records: Uint8 = np.frombuffer(content, np.uint8).reshape(-1, 1 + _PIXELS)
    if records[:, 0].max(initial=0) >= len(_CLASSES):
        raise DataError(f"{archive}: {file} has labels above {len(_CLASSES) - 1}; get a fresh copy")
    for index, record in enumerate(records):
        pixels = np.ascontiguousarray(record[1:].reshape(3, _SIDE, _SIDE).transpose(1, 2, 0))
        yield Item(origin=f"{file} {index}", label=_CLASSES[record[0]], load=partial(PIL.Image.fromarray, pixels))
