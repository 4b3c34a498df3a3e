"""A checked graph on disk that stays readable although another file takes its place."""

import contextlib
import hashlib
import os
import weakref
from dataclasses import dataclass
from pathlib import Path

from demo.card import ModelCard
from demo.errors import ModelError
from demo.modelfile import MAX_BYTES, ModelFile

_CHUNK = 2**26


class Handle:
    """Keeps a file open, so that its bytes are there as long as this is, even when its name is given to another file.

    A file that does not exist is read by its name later, and so is every file on Windows, where an open file could not
    be replaced.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None
        if os.name != "nt":
            with contextlib.suppress(OSError):
                self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
                weakref.finalize(self, os.close, self._descriptor).atexit = False

    def read(self, *, sha256: str) -> bytes | None:
        """Return the bytes of that digest: those that were held or, where they are others, those at the path now."""
        with contextlib.suppress(OSError):
            if self._descriptor is not None and _digest(held := _read(self._descriptor)) == sha256:
                return held
            if self.path.stat().st_size <= MAX_BYTES and _digest(found := self.path.read_bytes()) == sha256:
                return found
        return None


@dataclass(frozen=True, slots=True)
class GraphFile:
    """One graph: its name, its digest, its card and its size in bytes; its content is read when it is needed.

    The name is that of the model's folder, and for a companion graph that of the folder, a point and its own.
    """

    name: str
    sha256: str
    card: ModelCard
    size: int
    handle: Handle

    @classmethod
    def read(cls, path: Path, *, name: str) -> "GraphFile":
        """Read and check a file.

        Raises:
            ModelError: it is missing, damaged or not ours.

        """
        handle = Handle(path)
        file = ModelFile.read(path)
        return cls(name, file.sha256, file.card, len(file.content), handle)

    @property
    def path(self) -> Path:
        return self.handle.path

    def content(self) -> bytes:
        """Return the bytes that were checked.

        Raises:
            ModelError: the file was overwritten in place.

        """
        content = self.handle.read(sha256=self.sha256)
        if content is None:
            raise ModelError(f"{self.path} was overwritten while it was in use; ask again")
        return content


def _read(descriptor: int) -> bytes:
    parts, position = [], 0
    while part := os.pread(descriptor, _CHUNK, position):
        parts.append(part)
        position += len(part)
    return b"".join(parts)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
