"""A folder or zip archive of pictures, a class per sub-folder."""

import csv
import os
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import takewhile
from pathlib import Path, PurePosixPath
from typing import Literal

import PIL.Image
from pydantic import Field

from demo.errors import PictureError
from demo.images import read_picture
from pipeline.contracts import Item, Source
from pipeline.errors import DataError

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"})
_LARGEST_MEMBER = 256 * 2**20
_ENCRYPTED = 0x1


class Folder(Source):
    """Pictures below `path`: the first folder on the way to a picture names its class.

    Folders that hold nothing but one folder are passed through. Pictures that all stand in one folder form one class,
    named after it. Hidden files and files that are no pictures by their name are passed over.
    """

    name: Literal["folder"] = "folder"
    path: str = Field(min_length=1, description="folder or zip archive, from where the command runs")
    label: str = Field("", description="one class name for all pictures, in place of their folders' names")
    selection: str = Field(
        "", description="a CSV file with the columns picture and class: only these, of these classes"
    )

    def total(self) -> int:
        return len(self._names())

    def items(self) -> Iterator[Item]:
        path = Path(self.path)
        archived = path.is_file()
        # A JPEG is decoded at a fraction of its size, as long as that leaves twice the pixels that are needed.
        shrink_to = 2 * self.size
        for name, label in self._names():
            if archived:
                load = partial(_read_member, path, name, shrink_to=shrink_to)
            else:
                load = partial(read_picture, path / name, shrink_to=shrink_to)
            # macOS writes an accent as a character of its own, so that one class would have two names.
            yield Item(origin=name, label=unicodedata.normalize("NFC", label), load=load)

    def _names(self) -> list[tuple[str, str]]:
        """Return the paths of the pictures below `path`, sorted, each with its class."""
        path = Path(self.path)
        if not path.exists():
            raise DataError(
                f"{path}: there is no such folder or zip archive; put your pictures there or correct `path`"
            )
        names = sorted(_archived(path) if path.is_file() else _stored(path))
        if not names:
            kinds = ", ".join(sorted(suffix[1:] for suffix in _SUFFIXES))
            raise DataError(f"{path}: holds no pictures ({kinds}); put some there, a folder for each class")
        if self.selection:
            return self._selected(set(names))
        folders = [PurePosixPath(name).parent.parts for name in names]
        shared = len(list(takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False))))
        if self.label or all(len(parts) == shared for parts in folders):
            innermost = folders[0][-1] if folders[0] else path.resolve().stem
            return [(name, self.label or innermost) for name in names]
        for name, parts in zip(names, folders, strict=True):
            if len(parts) == shared:
                raise DataError(f"{path}: {name} stands beside class folders; move it into one of them, or set `label`")
        return [(name, parts[shared]) for name, parts in zip(names, folders, strict=True)]

    def _selected(self, names: set[str]) -> list[tuple[str, str]]:
        try:
            with Path(self.selection).open(encoding="utf-8-sig", newline="") as stream:  # as spreadsheets write it
                chosen = [(row["picture"], row["class"]) for row in csv.DictReader(stream)]
        except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
            raise DataError(
                f"{self.selection}: is no CSV file with the columns picture and class ({error}); correct it or "
                "`selection`"
            ) from error
        unclassed = [name for name, label in chosen if not label]
        if unclassed:
            raise DataError(f"{self.selection}: names no class for {unclassed[0]}; add it to the line")
        missing = [name for name, _ in chosen if name not in names]
        if missing or not chosen:
            raise DataError(
                f"{self.selection}: names {missing[0] if missing else 'no pictures'}, which {self.path} does not hold; "
                "correct the line or `path`"
            )
        return chosen


def _stored(folder: Path) -> Iterator[str]:
    seen = set()
    for directory, subdirectories, files in os.walk(folder, followlinks=True):
        place = os.path.realpath(directory)
        if place in seen:  # a link may lead back up
            subdirectories[:] = []
            continue
        seen.add(place)
        subdirectories[:] = [name for name in subdirectories if not name.startswith(".")]
        for file in files:
            if _is_picture(file):
                name = (Path(directory) / file).relative_to(folder).as_posix()
                try:
                    name.encode()
                except UnicodeEncodeError as error:
                    raise DataError(f"{folder}: the name {name!r} is no Unicode text; rename it") from error
                yield name


def _archived(path: Path) -> Iterator[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (OSError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: damaged, or no zip archive ({error}); get a fresh copy, or unpack it") from error
    for member in members:
        parts = PurePosixPath(member.filename).parts
        hidden = any(part.startswith((".", "__MACOSX")) for part in parts)
        if member.is_dir() or hidden or not _is_picture(parts[-1]):
            continue
        if member.flag_bits & _ENCRYPTED:
            raise DataError(f"{path}: is encrypted; unpack it, and set `path` to the folder")
        yield member.filename


def _is_picture(file: str) -> bool:
    return not file.startswith(".") and Path(file).suffix.lower() in _SUFFIXES


def _read_member(path: Path, name: str, *, shrink_to: int) -> PIL.Image.Image:
    try:
        archive = _opened(path)
        if archive.getinfo(name).file_size > _LARGEST_MEMBER:
            raise PictureError(f"{name} unpacks to more than {_LARGEST_MEMBER // 2**20} MiB; scale it down first")
        content = archive.read(name)
    except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError) as error:
        raise PictureError(f"{name} cannot be unpacked ({error}); make the archive anew") from error
    return read_picture(content, shrink_to=shrink_to)


@lru_cache(maxsize=1)
def _opened(path: Path) -> zipfile.ZipFile:
    return zipfile.ZipFile(path)
