"""Image data sets as the Hugging Face hub stores them: parquet files with encoded pictures and integer labels."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from demo.images import read_picture
from pipeline.contracts import Item, Source
from pipeline.errors import DataError

if TYPE_CHECKING:
    from fsspec.core import OpenFile
    from pyarrow import Schema
    from pyarrow.parquet import ParquetFile

_ROWS = 64
_REMEDY = "download the parquet files and set `path` to their folder, or correct `path`"


class Parquet(Source):
    """Parquet files, read a batch of rows at a time.

    Pictures are bytes, or structs with the field `bytes`. Integer labels are named as the file's metadata says (the
    hub's `ClassLabel`), else by their number; a data set without labels has one class, `all`.
    """

    name: Literal["parquet"] = "parquet"
    path: str = Field(min_length=1, description="file, folder or pattern, here or at hf://datasets/OWNER/NAME/...")
    image_column: str = Field("image", description="column of the encoded pictures")
    label_column: str = Field("label", description="'' for a data set without labels")

    def total(self) -> int:
        count = 0
        for file in self._files():
            with _opened(file) as parquet:
                count += parquet.metadata.num_rows
        return count

    def items(self) -> Iterator[Item]:
        for file in self._files():
            with _opened(file) as parquet:
                schema = parquet.schema_arrow
                columns = [self.image_column, *([self.label_column] if self.label_column else [])]
                for column in columns:
                    if column not in schema.names:
                        known = ", ".join(schema.names)
                        raise DataError(f"{file.path}: has no column '{column}'; choose from {known}")
                names = _class_names(schema, self.label_column)
                batches = parquet.iter_batches(_ROWS, columns=columns)
                records = (record for batch in batches for record in batch.to_pylist())
                for row, record in enumerate(records):
                    yield self._item(record, origin=f"{PurePosixPath(file.path).name} row {row}", names=names)

    def _files(self) -> list["OpenFile"]:
        import fsspec  # noqa: PLC0415 - with pyarrow it takes more than a second, and every stage knows this source

        pattern = self.path if self.path.endswith(".parquet") else f"{self.path.rstrip('/')}/**/*.parquet"
        try:
            files = sorted(fsspec.open_files(pattern, "rb"), key=lambda file: file.path)
        except Exception as error:  # every file system raises what its own network library raises
            raise DataError(f"{self.path}: cannot be read ({_line(error)}); {_REMEDY}") from error
        if not files:
            raise DataError(f"{self.path}: holds no parquet files; {_REMEDY}")
        return files

    def _item(self, record: dict[str, Any], *, origin: str, names: list[str]) -> Item:
        cell = record[self.image_column]
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if not isinstance(content, bytes | None):
            raise DataError(f"{origin}: column '{self.image_column}' holds no encoded pictures; set image_column")
        label = record[self.label_column] if self.label_column else "all"
        if label is None:
            raise DataError(f"{origin}: has no label; set label_column to '' to read the pictures without")
        named = names[label] if isinstance(label, int) and 0 <= label < len(names) else str(label)
        return Item(origin=origin, label=named, load=partial(read_picture, content or b""))


@contextmanager
def _opened(file: "OpenFile") -> Iterator["ParquetFile"]:
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415

    try:
        with file as stream, ParquetFile(stream) as parquet:
            yield parquet
    except DataError:
        raise
    except Exception as error:  # every file system raises what its own network library raises
        raise DataError(f"{file.path}: damaged, or no parquet file ({_line(error)}); {_REMEDY}") from error


def _class_names(schema: "Schema", column: str) -> list[str]:
    """Return the names of a `ClassLabel` column, in the order of its numbers; none where the file does not say."""
    try:
        features = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"]
        return [str(name) for name in features[column]["names"]]
    except (KeyError, TypeError, ValueError):
        return []


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
