"""Where the stages read and write, and how a file gets there whole or not at all."""

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.errors import StorageError, TrainingError

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
    def shards(self) -> Path:
        """Folder of the shares of `prepare --shard`, which another machine may have made."""
        return self.root / "shards" / self.recipe

    @property
    def checkpoint(self) -> Path:
        """File of `train`: the finished networks."""
        return self.root / "checkpoints" / f"{self.recipe}.pt"

    @property
    def progress(self) -> Path:
        """Folder of unfinished trainings, outside DVC's sight, one file per training's digest."""
        return self.root / ".checkpoints" / self.recipe

    @property
    def training(self) -> Path:
        """Lock file of `train`, which is held while it runs."""
        return self.progress.with_name(f"{self.recipe}.lock")

    @property
    def model(self) -> Path:
        """Main file of `export`, the ONNX graph with its card inside; its companions stand beside it."""
        return self.root / "models" / self.recipe / "model.onnx"

    @property
    def reports(self) -> Path:
        """Folder of everything that people look at: figures, curves, picture grids."""
        return self.root / "reports" / self.recipe


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside `path`; on success it takes `path`'s place in one step, on failure it vanishes.

    The scratch path may be used as a file or made a folder; it keeps `path`'s name. A folder replaces a folder. What a
    killed writer left behind is cleared by the next one; a path has one writer at a time.

    Raises:
        StorageError: the disk is full, read-only or refuses; what stood at `path` is untouched.

    """
    scratch_folder = path.with_name(f".{path.name}.writing")
    try:
        shutil.rmtree(scratch_folder, ignore_errors=True)
        scratch_folder.mkdir(parents=True)
        scratch = scratch_folder / path.name
        yield scratch
        _flush(scratch)
        _replace(path, scratch, aside=scratch_folder / "replaced")
    except OSError as error:
        raise _refusal(path, error) from error
    finally:
        shutil.rmtree(scratch_folder, ignore_errors=True)


@contextmanager
def alone(path: Path, job: str) -> Iterator[None]:
    """Hold the lock file `path`, which the system frees when the process ends, however it does; `job` is for messages.

    Raises:
        TrainingError: another process holds it.
        StorageError: it cannot be written.

    """
    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        raise TrainingError(f"another {job} is running here; wait for it, or stop it") from error
    except OSError as error:
        raise _refusal(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _refusal(path: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write {path}: {_CAUSES.get(error.errno or 0, error.strerror or str(error))}")


def _replace(path: Path, scratch: Path, *, aside: Path) -> None:
    """Put `scratch` in the place of `path`; a folder has to be moved aside first, and comes back on failure."""
    if path.is_dir() and not scratch.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a folder stands there; name another file")
    if not path.is_dir():
        scratch.replace(path)
        return
    path.rename(aside)
    try:
        scratch.rename(path)
    except OSError:
        aside.rename(path)
        raise


def _flush(path: Path) -> None:
    for file in [path] if path.is_file() else [entry for entry in path.rglob("*") if entry.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())
