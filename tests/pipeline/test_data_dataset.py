"""Opening prepared data: what is there, and what is said where something is missing."""

import json

import numpy as np
import pytest

from pipeline.data.dataset import Dataset
from pipeline.errors import DataError


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "tiny"
    folder.mkdir()
    np.save(folder / "images.npy", np.arange(3 * 3 * 64, dtype=np.uint8).reshape(3, 3, 8, 8))
    np.save(folder / "labels.npy", np.array([0, 1, 1]))
    np.save(folder / "split.npy", np.array([0, 1, 0], np.uint8))
    manifest = {"channels": 3, "size": 8, "classes": ["cat", "dog"], "counts": {"pictures": 3}, "digest": "abc"}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_opens_what_was_written(folder):
    dataset = Dataset.open(folder)
    assert (dataset.image.channels, dataset.image.size, dataset.image.classes) == (3, 8, ("cat", "dog"))
    assert dataset.training.tolist() == [0, 2]
    assert dataset.validation.tolist() == [1]
    assert dataset.training.dtype == np.int64
    assert dataset.digest == "abc"
    assert isinstance(dataset.images, np.memmap)
    with pytest.raises(ValueError, match="read-only"):
        dataset.images[0] = 0


def test_missing_folder_names_the_command(tmp_path):
    with pytest.raises(DataError, match=r"painter: no prepared data; run `python -m pipeline prepare painter` first"):
        Dataset.open(tmp_path / "painter")


@pytest.mark.parametrize("file", ["images.npy", "labels.npy", "split.npy", "manifest.json"])
@pytest.mark.parametrize("damage", ["missing", "empty", "cut short"])
def test_damaged_file_names_the_command(folder, file, damage):
    path = folder / file
    content = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(b"" if damage == "empty" else content[:-20])
    with pytest.raises(DataError, match=r"tiny: damaged data set .*; run `python -m pipeline prepare tiny` again"):
        Dataset.open(folder)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("labels.npy", np.array([0, 1, 2])),
        ("labels.npy", np.array([0, 1])),
        ("split.npy", np.array([0.0, 1.0, 0.0])),
        ("images.npy", np.zeros((3, 1, 8, 8), np.uint8)),
    ],
)
def test_files_that_do_not_fit_each_other(folder, file, content):
    np.save(folder / file, content)
    with pytest.raises(DataError, match="do not fit each other"):
        Dataset.open(folder)
