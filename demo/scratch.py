"""The folder of temporary files: uploads and results. It holds so much, and the oldest leave first."""

import hashlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from demo.errors import OutputError
from demo.limits import MEBIBYTE

_YOUNG = 60.0
"""Seconds for which a file stays in any case, because somebody is working with it."""


@dataclass(frozen=True, slots=True)
class Scratch:
    """A folder with a quota of `quota` bytes on a disk on which `spare` bytes stay free.

    What lies in it at the beginning belongs to the page and stays.
    """

    folder: Path
    quota: int
    spare: int
    _kept: frozenset[Path] = field(init=False, default=frozenset())
    _uploads: list[int] = field(default_factory=list, repr=False, compare=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        object.__setattr__(self, "_kept", frozenset(path for path in self.folder.rglob("*") if path.is_file()))

    @contextmanager
    def taking(self, size: int) -> Iterator[None]:
        """Take an upload of about `size` bytes in; after the last one at a time, what broken ones left is removed.

        Gradio writes an upload into the folder itself, and moves it into a folder below when it is complete.

        Raises:
            OutputError: there is no room.

        """
        self.make_room(size)
        with self._lock:
            self._uploads.append(size)
        try:
            yield
        finally:
            with self._lock:
                self._uploads.remove(size)
                if not self._uploads:
                    for path in self.folder.iterdir():
                        if path.is_file() and path not in self._kept:
                            path.unlink(missing_ok=True)

    def make_room(self, size: int = 0) -> None:
        """Remove the oldest files until `size` more bytes fit in.

        Raises:
            OutputError: they do not, because all that is left is in use, or because the disk is nearly full.

        """
        with self._lock:
            files = self._files()
            excess = sum(each for _, each, _ in files) + sum(self._uploads) + size - self.quota
            settled = time.time() - _YOUNG
            for modified, file_size, path in sorted(files):
                if excess <= 0 or modified > settled:
                    break
                path.unlink(missing_ok=True)
                _remove_if_empty(path.parent)
                excess -= file_size
        if excess > 0:
            raise OutputError(f"the {self.quota // MEBIBYTE} MiB for temporary files are in use; try again in a minute")
        if shutil.disk_usage(self.folder).free < self.spare + size:
            raise OutputError(
                f"the server's disk is nearly full, less than {self.spare // MEBIBYTE} MiB would be left; ask its "
                "owner to free some"
            )

    def used(self) -> int:
        """Return how many bytes the files of visitors take."""
        return sum(size for _, size, _ in self._files())

    def _files(self) -> list[tuple[float, int, Path]]:
        """Return when each file was last written, its size, and its path; those of the page are left out."""
        found = []
        for path in self.folder.rglob("*"):
            try:
                stat = path.stat()
            except OSError:  # gone by now: Gradio removes old files, too
                continue
            if path.is_file() and path not in self._kept:
                found.append((stat.st_mtime, stat.st_size, path))
        return found


def save_result(content: bytes, name: str, folder: str | Path) -> str:
    """Write a result to where Gradio serves it from, below `folder`, and return its path.

    Equal results of one name share a file. It is whole at any time, because somebody may be reading it.
    """
    path = Path(folder).resolve() / hashlib.sha256(content).hexdigest() / Path(name).name
    try:
        os.utime(path)  # it counts as young again
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as scratch:
            scratch.write(content)
        Path(scratch.name).replace(path)
    return str(path)


def _remove_if_empty(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return
