"""MNIST, Fashion-MNIST and others in the idx format of Yann LeCun's MNIST page."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Literal, TypeAlias

import PIL.Image
from pydantic import Field

from pipeline.contracts import Item, Source
from pipeline.data.download import fetch
from pipeline.errors import DataError

_MIRRORS = {
    "mnist": "https://ossci-datasets.s3.amazonaws.com/mnist",
    "fashion_mnist": "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
}
_CHECKSUMS = {
    "mnist": {
        "train-images-idx3-ubyte.gz": "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
        "train-labels-idx1-ubyte.gz": "md5:d53e105ee54ea40749a09fcbcd1e9432",
        "t10k-images-idx3-ubyte.gz": "md5:9fb629c4189551a2d022fa330f9573f3",
        "t10k-labels-idx1-ubyte.gz": "md5:ec29112dd5afa0611ce80d1b7f02629c",
    },
    "fashion_mnist": {
        "train-images-idx3-ubyte.gz": "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
        "train-labels-idx1-ubyte.gz": "md5:25c81989df183df01b3e8a0aad5dffbe",
        "t10k-images-idx3-ubyte.gz": "md5:bef4ecab320f06d8554ea6380940ec79",
        "t10k-labels-idx1-ubyte.gz": "md5:bb300cfdad3c16e7a12a480ee83cd310",
    },
}
_CLASSES: dict[str, tuple[str, ...]] = {
    "mnist": tuple("0123456789"),
    "fashion_mnist": (
        "T-shirt",
        "trousers",
        "pullover",
        "dress",
        "coat",
        "sandal",
        "shirt",
        "sneaker",
        "bag",
        "ankle boot",
    ),
}
_UNSIGNED_BYTES = 0x08

Stream: TypeAlias = gzip.GzipFile | BufferedReader


class Idx(Source):
    """One part of a collection; downloaded unless `path` names a folder that holds its files, packed (.gz) or not."""

    name: Literal["idx"] = "idx"
    collection: Literal["mnist", "fashion_mnist"] = Field("mnist", description="whose names and address are taken")
    part: Literal["train", "t10k"] = Field("train", description="which of its parts")
    path: str = Field("", description="folder with the collection's files; '' downloads them")
    mirror: str = Field("", description="where to download from; '' for the collection's own address")
    class_names: tuple[str, ...] = Field((), description="names of labels 0, 1, ...; () for the collection's own")

    def total(self) -> int:
        with _opened(self._file("labels", 1)) as stream:
            return _dimensions(stream, self._file("labels", 1), count=1)[0]

    def items(self) -> Iterator[Item]:
        names = self.class_names or _CLASSES[self.collection]
        images, labels = self._file("images", 3), self._file("labels", 1)
        with _opened(images) as pixel_stream, _opened(labels) as label_stream:
            count, height, width = _dimensions(pixel_stream, images, count=3)
            (labelled,) = _dimensions(label_stream, labels, count=1)
            if count != labelled:
                raise DataError(f"{images} holds {count} pictures and {labels.name} {labelled} labels; get both anew")
            for index in range(count):
                pixels = _read(pixel_stream, height * width, images)
                label = _read(label_stream, 1, labels)[0]
                if label >= len(names):
                    raise DataError(f"{labels}: label {label} has no name; give class_names for labels 0 to {label}")
                load = partial(PIL.Image.frombytes, "L", (width, height), pixels)
                yield Item(origin=f"{images.name} {index}", label=names[label], load=load)
            # The checksum of a packed file stands at its end.
            _read(pixel_stream, 0, images)
            _read(label_stream, 0, labels)

    def _file(self, kind: str, dimensions: int) -> Path:
        packed = f"{self.part}-{kind}-idx{dimensions}-ubyte.gz"
        if not self.path:
            mirror = self.mirror or _MIRRORS[self.collection]
            checksum = _CHECKSUMS[self.collection][packed]
            return fetch(f"{mirror.rstrip('/')}/{packed}", folder=self.collection, checksum=checksum)
        for candidate in (Path(self.path) / packed, Path(self.path) / packed.removesuffix(".gz")):
            if candidate.is_file():
                return candidate
        raise DataError(f"{self.path}: {packed} is missing there; put it there, packed or not, or leave `path` out")


def _opened(path: Path) -> Stream:
    try:
        return gzip.GzipFile(path) if path.suffix == ".gz" else path.open("rb")
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the file") from error


def _dimensions(stream: Stream, path: Path, *, count: int) -> tuple[int, ...]:
    """Read the head of an idx file: two zero bytes, the type of its numbers, how many dimensions, and their sizes."""
    head = _read(stream, 4, path)
    if head != bytes([0, 0, _UNSIGNED_BYTES, count]):
        raise DataError(f"{path}: is no idx file of {count}-dimensional unsigned bytes; get a fresh copy")
    sizes: tuple[int, ...] = struct.unpack(f">{count}I", _read(stream, 4 * count, path))
    if math.prod(sizes[1:]) > 2**24 or 0 in sizes:
        raise DataError(f"{path}: says that it holds pictures of {sizes[1:]} pixels; get a fresh copy")
    return sizes


def _read(stream: Stream, count: int, path: Path) -> bytes:
    """Return the next `count` bytes; with 0, make sure that the file ends here."""
    try:
        content = stream.read(count or 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged or cut short ({error}); get a fresh copy") from error
    if len(content) != count:
        raise DataError(f"{path}: cut short, or longer than it says; get a fresh copy")
    return content
