"""A file gets to its place whole or not at all."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from demo.errors import OutputError


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """Yield a scratch path beside `path`, of the same suffix; on success it takes `path`'s place in one step.

    On failure it vanishes; what a killed writer left behind is hidden and overwritten by the next one.

    Raises:
        OutputError: the folder cannot be written to; what stood at `path` is untouched.

    """
    scratch = path.with_name(f".{path.stem}.writing{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield scratch
        scratch.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        scratch.unlink(missing_ok=True)
