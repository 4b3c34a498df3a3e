"""Parquet files as the hub stores them, here and on another file system."""

import io
import json

import fsspec
import numpy as np
import PIL.Image
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.data.decoding import decode
from pipeline.data.parquet import Parquet
from pipeline.errors import DataError


def png(level):
    stream = io.BytesIO()
    PIL.Image.new("RGB", (8, 8), (level,) * 3).save(stream, "PNG")
    return stream.getvalue()


def table(levels, labels, *, names=None, plain=False):
    pictures = [png(level) for level in levels]
    cells = pictures if plain else [{"bytes": content, "path": None} for content in pictures]
    columns = {"image": cells, **({} if labels is None else {"label": labels})}
    content = pa.table(columns)
    if names is None:
        return content
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    return content.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def written(path, content, **settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(content, path, **settings)
    return str(path)


def read(path, **fields):
    source = Parquet(path=str(path), size=8, **fields)
    pictures = list(decode(source))
    assert source.total() == len(pictures)
    return [(picture.label, int(picture.pixels[0, 0, 0])) for picture in pictures]


@pytest.mark.parametrize("plain", [False, True], ids=["struct", "bytes"])
def test_reads_pictures_and_named_labels(tmp_path, plain):
    path = written(tmp_path / "train.parquet", table([10, 20, 30], [1, 0, 1], names=["cat", "dog"], plain=plain))
    assert read(path) == [("dog", 10), ("cat", 20), ("dog", 30)]


def test_labels_without_names_are_numbers(tmp_path):
    assert read(written(tmp_path / "a.parquet", table([1, 2], [5, 12]))) == [("5", 1), ("12", 2)]


def test_labels_that_are_texts(tmp_path):
    assert read(written(tmp_path / "a.parquet", table([1, 2], ["sun", "moon"]))) == [("sun", 1), ("moon", 2)]


def test_without_labels(tmp_path):
    assert read(written(tmp_path / "a.parquet", table([1, 2], None)), label_column="") == [("all", 1), ("all", 2)]


def test_folder_and_pattern_take_files_in_order(tmp_path):
    written(tmp_path / "data" / "train-1.parquet", table([3], [0]), row_group_size=1)
    written(tmp_path / "data" / "train-0.parquet", table([1, 2], [0, 0]), row_group_size=1)
    written(tmp_path / "data" / "test-0.parquet", table([9], [0]))
    assert [level for _, level in read(tmp_path / "data")] == [9, 1, 2, 3]
    assert [level for _, level in read(f"{tmp_path}/data/train-*.parquet")] == [1, 2, 3]


def test_other_file_system():
    with fsspec.open("memory://shelf/train.parquet", "wb") as stream:
        pq.write_table(table([7], [0], names=["only"]), stream)
    assert read("memory://shelf") == [("only", 7)]


def test_broken_picture_is_reported_with_its_row(tmp_path):
    content = pa.table({"image": [{"bytes": png(1), "path": "a"}, {"bytes": b"", "path": "b"}], "label": [0, 0]})
    sound, broken = decode(Parquet(path=written(tmp_path / "a.parquet", content), size=8))
    assert sound.pixels is not None
    assert (broken.origin, broken.pixels) == ("a.parquet row 1", None)
    assert "is empty" in broken.problem


@pytest.mark.parametrize(
    ("content", "fields", "problem"),
    [
        (table([1], None), {}, r"has no column 'label'; choose from image"),
        (table([1], [0]), {"image_column": "picture"}, r"has no column 'picture'; choose from image, label"),
        (table([1], [0]), {"image_column": "label"}, r"column 'label' holds no encoded pictures; set image_column"),
        (table([1, 2], [0, None]), {}, r"a.parquet row 1: has no label; set label_column to ''"),
    ],
)
def test_wrong_columns(tmp_path, content, fields, problem):
    with pytest.raises(DataError, match=problem):
        list(Parquet(path=written(tmp_path / "a.parquet", content), **fields).items())


@pytest.mark.parametrize("content", [b"", b"no parquet", "cut short"])
def test_damaged_file(tmp_path, content):
    path = tmp_path / "a.parquet"
    written(path, table([1], [0]))
    path.write_bytes(path.read_bytes()[:-20] if content == "cut short" else content)
    with pytest.raises(DataError, match=r"a.parquet: damaged, or no parquet file"):
        Parquet(path=str(path)).total()


def test_damaged_rows(tmp_path):
    path = tmp_path / "a.parquet"
    written(path, table(list(range(200)), [0] * 200), row_group_size=50, compression="snappy")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = np.random.default_rng(0).bytes(400)
    path.write_bytes(content)
    source = Parquet(path=str(path), size=8)
    assert source.total() == 200
    with pytest.raises(DataError, match=r"a.parquet: damaged"):
        list(source.items())


@pytest.mark.parametrize("path", ["nowhere", "nowhere.parquet", "strange://nowhere"])
def test_missing(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match="download the parquet files and set `path` to their folder"):
        Parquet(path=path).total()
