"""Where the stages read and write, and how a file gets there whole or not at all."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import StorageError

_CAUSES = {
    errno.ENOSPC: "the disk is full; free some space and run the stage again",
    errno.EDQUOT: "the disk quota is used up; free some space and run the stage again",
    errno.EROFS: "the file system is read-only; choose another folder",
    errno.EACCES: "permission is denied; check the owner and the mode of the folder",
    errno.EPERM: "permission is denied; check the owner and the mode of the folder",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """The paths of one recipe's files below `root`, the folder that holds the params file's `dvc.yaml`."""

    recipe: str
    root: Path = field(default_factory=Path)

    @property
    def prepared(self) -> Path:
        """Folder of `prepare`: packed pictures, labels, manifest, preview."""
        return self.root / "data" / self.recipe

    @property
    def checkpoint(self) -> Path:
        """File of `train`: the finished networks."""
        return self.root / "checkpoints" / f"{self.recipe}.pt"

    @property
    def progress(self) -> Path:
        """Folder of unfinished trainings, outside DVC's sight, one file per training's digest."""
        return self.root / ".checkpoints" / self.recipe

    @property
    def model(self) -> Path:
        """File of `export`: the ONNX graph with its card inside."""
        return self.root / "models" / self.recipe / "model.onnx"

    @property
    def reports(self) -> Path:
        """Folder of everything that people look at: figures, curves, picture grids."""
        return self.root / "reports" / self.recipe


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside `path`; on success it takes `path`'s place in one step, on failure it vanishes.

    The scratch path may be used as a file or made a folder; it keeps `path`'s suffix. A folder replaces a folder.

    Raises:
        StorageError: the disk is full, read-only or refuses; what stood at `path` is untouched.

    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch_folder = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise _storage_error(path, error) from error
    scratch = scratch_folder / path.name
    try:
        yield scratch
        if path.is_dir():
            path.rename(scratch_folder / "replaced")
        _flush(scratch)
        scratch.replace(path)
    except OSError as error:
        raise _storage_error(path, error) from error
    finally:
        shutil.rmtree(scratch_folder, ignore_errors=True)


def _flush(path: Path) -> None:
    for file in [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


def _storage_error(path: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write {path}: {_CAUSES.get(error.errno or 0, error.strerror or str(error))}")
